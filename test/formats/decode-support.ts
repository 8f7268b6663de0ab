/** Helpers of the decoder tests: decode texts and read the rows back as values. */
import fc from 'fast-check';
import type { RecordFailure } from '../../src/runtime/operator.js';
import { columnValue } from '../../src/columnar/column.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { DECODED } from '../../src/formats/decoder.js';
import type { DecoderColumn, LineBlock, RecordDecoder } from '../../src/formats/decoder.js';

const encoder = new TextEncoder();

/** Texts of any code points, lone surrogates included, half of them ASCII. */
export const anyText = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0, max: 127 }), fc.integer({ min: 0, max: 0x10ffff }))
    .map((point) => String.fromCodePoint(point)),
});

export interface DecodedRow {
  readonly values: readonly SqlValue[] | null;
  readonly failure: RecordFailure | null;
}

export function readRow(
  decoder: RecordDecoder,
  columns: readonly DecoderColumn[],
  row: number,
): readonly SqlValue[] {
  return columns.map((column, index) => columnValue(decoder.columns[index]!, column.type, row));
}

/** Decodes each record as a message into a row of one batch. */
export function decodeMessages(
  decoder: RecordDecoder,
  columns: readonly DecoderColumn[],
  records: readonly (string | Uint8Array)[],
): DecodedRow[] {
  decoder.begin();
  const failures = records.map((record, row) => {
    const bytes = typeof record === 'string' ? encoder.encode(record) : record;
    // Bytes of other records on both sides, as in a Kafka batch.
    const block = new Uint8Array(bytes.length + 8).fill(0x22);
    block.set(bytes, 4);
    const code = decoder.decode(block, 4, 4 + bytes.length, row);
    return code === DECODED ? null : decoder.failure();
  });
  return failures.map((failure, row) => ({
    failure,
    values: failure === null ? readRow(decoder, columns, row) : null,
  }));
}

export function newLineBlock(rowsMax = 4096): LineBlock & { refusals: Map<number, RecordFailure> } {
  const refusals = new Map<number, RecordFailure>();
  return {
    rowsMax,
    rowCount: 0,
    line: 1,
    starts: new Int32Array(4096),
    ends: new Int32Array(4096),
    lineNumbers: new Float64Array(4096),
    final: true,
    refusals,
    refused: () => undefined,
  };
}

/** Decodes text whose every line ends in a line feed, in batches of `rowsMax`. */
export function decodeText(
  decoder: RecordDecoder,
  columns: readonly DecoderColumn[],
  text: string | Uint8Array,
  rowsMax = 4096,
): { readonly rows: DecodedRow[]; readonly lines: number[] } {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  const rows: DecodedRow[] = [];
  const lines: number[] = [];
  const block = newLineBlock(rowsMax);
  let at = 0;
  while (at < bytes.length) {
    decoder.begin();
    block.rowCount = 0;
    const failures = new Map<number, RecordFailure>();
    block.refused = (row) => failures.set(row, decoder.failure());
    at = decoder.decodeLines(bytes, at, bytes.length, block);
    for (let row = 0; row < block.rowCount; row += 1) {
      const failure = failures.get(row) ?? null;
      rows.push({ failure, values: failure === null ? readRow(decoder, columns, row) : null });
      lines.push(block.lineNumbers[row]!);
    }
  }
  return { rows, lines };
}
