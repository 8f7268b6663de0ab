/**
 * What is read of records' keys: as the text _KEY, and as the columns that 'key.fields' names where
 * the value has them not ('value.fields-include' = 'EXCEPT_KEY'). Owns which columns come from the
 * key, the check that a key is text, and NULL for those of records without one; values are
 * block-decoder.ts. A key's bytes are never mended: different keys stay different. @hot
 */
import type { Column } from '../../columnar/column.js';
import { REFUSED } from '../../formats/decoder.js';
import type { RecordDecoder } from '../../formats/decoder.js';
import { utf8Length } from '../../formats/json/json-scanner.js';
import type { RecordFailure } from '../../runtime/operator.js';
import type { MessageBlock } from './blocks/message-block.js';

export interface KeyDecoderParts {
  /** Of the columns that come from the key; null: none do. */
  readonly decoder: RecordDecoder | null;
  /** The key is read as a text, too. */
  readonly asText: boolean;
  readonly rowsMax: number;
}

export class RecordKeyDecoder {
  private readonly decoder: RecordDecoder | null;
  private readonly asText: boolean;
  /** Rows without a key, of the batch at hand. */
  private readonly nulls: Uint8Array;
  private hasNulls = false;

  constructor({ decoder, asText, rowsMax }: KeyDecoderParts) {
    this.decoder = decoder;
    this.asText = asText;
    this.nulls = new Uint8Array(rowsMax);
  }

  begin(block: MessageBlock): void {
    this.decoder?.begin();
    if (block.keySchemas.length > 0) this.decoder?.learn?.(block.keySchemas);
    this.nulls.set(block.keyNulls.subarray(0, block.rowCount));
    this.hasNulls = this.nulls.subarray(0, block.rowCount).includes(1);
  }

  /** Decodes the key of a row; why it cannot be, or null. */
  decode(block: MessageBlock, row: number): RecordFailure | null {
    const { decoder } = this;
    const { bytes, keyStarts, keyLengths } = block;
    const start = keyStarts[row]!;
    const end = start + keyLengths[row]!;
    const isNull = this.nulls[row] === 1;
    let failure: RecordFailure | null = null;
    // One that is absent is decoded, too: its cells need valid dictionary codes.
    if (decoder !== null && decoder.decode(bytes, start, end, row) === REFUSED && !isNull) {
      const { key, message } = decoder.failure();
      failure = { key, message: `key of the record: ${message}` };
    }
    if (!this.asText || isNull) return failure;
    const invalidAt = invalidUtf8(bytes, start, end);
    if (invalidAt < 0) return failure;
    // The row is not selected; its text is a text all the same.
    keyLengths[row] = 0;
    return {
      key: 'DECODE',
      message: `key of the record is no text: invalid UTF-8 at byte ${invalidAt + 1}`,
    };
  }

  /** The columns of the batch, NULL where the record has no key. */
  columns(): readonly Column[] {
    const { decoder, nulls } = this;
    if (decoder === null) return [];
    if (!this.hasNulls) return decoder.columns;
    return decoder.columns.map((column) => {
      const own = column.nulls;
      return {
        ...column,
        nulls: own === null ? nulls : nulls.map((each, row) => each | own[row]!),
      };
    });
  }
}

/** Where bytes stop being UTF-8, from `start`; -1: nowhere. */
function invalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const length = bytes[at]! < 128 ? 1 : utf8Length(bytes, at);
    if (length === 0 || at + length > end) return at - start;
    at += length;
  }
  return -1;
}
