/**
 * A block of records of one partition: values and keys in one byte buffer, offsets and times in
 * typed arrays. Owns the copy out of node-rdkafka's messages, whose buffers are external memory and
 * should die young; columnar fetch does not copy, its blocks refer to fetched bytes (refer(), filled
 * by record-set.ts). Decoding is block-decoder.ts. Blocks are reused. @hot
 *
 *   bytes  | value 0 | key 0 | value 1 | key 1 | … | 1 spare byte
 *            ^starts[0]
 *                    ^ends[0] = keyStarts[0]
 *
 * The spare byte is there because a decoder may overwrite the byte behind a record for a moment.
 * Foreign bytes have one behind each value too: the number of its headers.
 */
import { isUtf8 } from 'node:buffer';
import type { SqlMap, SqlValue } from '../../../columnar/types.js';
import type { WriterSchema } from '../../../formats/message/wire-schema.js';

export type RdHeader = Readonly<Record<string, Uint8Array | string>>;

/** A record as node-rdkafka hands it over. */
export interface RdMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  /** Milliseconds since the epoch; -1 where the record has none. */
  readonly timestamp: number;
  readonly headers?: readonly RdHeader[];
}

/** A block takes no further record once it holds so many bytes. */
export const BLOCK_BYTES_MAX = 1 << 20;
/** A larger record is a data error; its value is not kept. */
export const RECORD_BYTES_MAX = 16 << 20;

const BYTES_INITIAL = 64 * 1024;
/** ends[row] of a record that is larger than RECORD_BYTES_MAX. */
export const TOO_LARGE = -1;

/** Which parts of a message the query reads beside its value. */
export interface MessageParts {
  readonly keys: boolean;
  readonly headers: boolean;
}

const NO_HEADERS: SqlMap = { keys: [], values: [] };
const NO_SCHEMAS: readonly WriterSchema[] = [];
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class MessageBlock {
  rowCount = 0;
  /** When the first record was read, ms since the epoch. */
  ingestTimeMs = 0;
  /** The block's own buffer, or one that it refers to. */
  bytes: Uint8Array = new Uint8Array(BYTES_INITIAL);
  byteLength = 0;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly offsets: Float64Array;
  /** Kafka's record timestamp in ms; negative where the record has none. */
  readonly timestampsMs: Float64Array;
  readonly keyStarts: Int32Array;
  readonly keyLengths: Int32Array;
  readonly keyNulls: Uint8Array;
  readonly headers: SqlMap[];
  /** What its decoder needs to know: the schemas that its records name (schema-blocks.ts). */
  schemas: readonly WriterSchema[] = NO_SCHEMAS;
  /** The same of its records' keys. */
  keySchemas: readonly WriterSchema[] = NO_SCHEMAS;
  /** Size of the last record that was too large. */
  tooLargeBytes = 0;
  private own = this.bytes;
  private readonly rowsMax: number;
  private readonly parts: MessageParts;

  constructor(rowsMax: number, parts: MessageParts) {
    this.rowsMax = rowsMax;
    this.parts = parts;
    this.starts = new Int32Array(rowsMax);
    this.ends = new Int32Array(rowsMax);
    this.offsets = new Float64Array(rowsMax);
    this.timestampsMs = new Float64Array(rowsMax);
    const keyRows = parts.keys ? rowsMax : 0;
    this.keyStarts = new Int32Array(keyRows);
    this.keyLengths = new Int32Array(keyRows);
    this.keyNulls = new Uint8Array(keyRows);
    this.headers = [];
  }

  get full(): boolean {
    return this.rowCount === this.rowsMax;
  }

  clear(): void {
    this.rowCount = 0;
    this.byteLength = 0;
    this.headers.length = 0;
    this.schemas = NO_SCHEMAS;
    this.keySchemas = NO_SCHEMAS;
    // A record of its own size must not keep its memory for the rest of the job.
    if (this.own.length > 2 * BLOCK_BYTES_MAX) this.own = new Uint8Array(BYTES_INITIAL);
    this.bytes = this.own;
  }

  /**
   * The rows lie in `bytes`, none of them beyond `byteLength`: not copied, not kept beyond clear().
   * Whoever calls this has filled the rows' arrays.
   */
  refer(bytes: Uint8Array, byteLength: number): void {
    this.bytes = bytes;
    this.byteLength = byteLength;
  }

  /** Whether the block has room for a record of this size; an empty one always has. */
  takes(byteLength: number): boolean {
    if (this.rowCount === this.rowsMax) return false;
    return this.rowCount === 0 || this.byteLength + byteLength < BLOCK_BYTES_MAX;
  }

  /** Makes room for so many bytes and the spare one; what is there may be lost. */
  reserve(byteLength: number): void {
    if (byteLength + 1 > this.own.length) this.own = new Uint8Array(byteLength + 1);
    this.bytes = this.own;
  }

  /** Copies a message that takes() agreed to. */
  append(message: RdMessage, value: Uint8Array): void {
    const row = this.rowCount;
    this.starts[row] = this.byteLength;
    if (value.length > RECORD_BYTES_MAX) {
      this.ends[row] = TOO_LARGE;
      this.tooLargeBytes = value.length;
    } else {
      this.appendBytes(value);
      this.ends[row] = this.byteLength;
    }
    this.offsets[row] = message.offset;
    this.timestampsMs[row] = message.timestamp;
    if (this.parts.keys) this.appendKey(row, message.key);
    if (this.parts.headers) this.headers.push(headerMap(message.headers));
    this.rowCount = row + 1;
  }

  /** The record's bytes, copied; empty for one that was too large. */
  rawRecord(row: number): Uint8Array {
    const end = this.ends[row]!;
    return end === TOO_LARGE ? new Uint8Array(0) : this.bytes.slice(this.starts[row], end);
  }

  private appendKey(row: number, key: Uint8Array | null): void {
    this.keyStarts[row] = this.byteLength;
    this.keyNulls[row] = key === null ? 1 : 0;
    if (key !== null) this.appendBytes(key);
    this.keyLengths[row] = this.byteLength - this.keyStarts[row]!;
  }

  private appendBytes(source: Uint8Array): void {
    const { length } = source;
    const from = this.byteLength;
    if (from + length + 1 > this.bytes.length) this.grow(from + length + 1);
    const { bytes } = this;
    // A short copy costs less byte by byte than the call of set().
    if (length <= 32) {
      for (let at = 0; at < length; at += 1) bytes[from + at] = source[at]!;
    } else {
      bytes.set(source, from);
    }
    this.byteLength = from + length;
  }

  private grow(least: number): void {
    const grown = new Uint8Array(Math.max(least, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.byteLength));
    this.own = grown;
    this.bytes = grown;
  }
}

/**
 * The text of a header's value. Bytes that are no text are written as \x and their hexadecimal
 * digits, so that different ones stay different.
 */
export function headerText(bytes: Uint8Array): string {
  return isUtf8(bytes) ? textDecoder.decode(bytes) : `\\x${Buffer.from(bytes).toString('hex')}`;
}

/** Headers of a record, whose `values` hold the last value of each at the place of the first. */
export function headersOf(values: ReadonlyMap<string, SqlValue>): SqlMap {
  if (values.size === 0) return NO_HEADERS;
  return { keys: [...values.keys()], values: [...values.values()] };
}

function headerMap(headers: readonly RdHeader[] | undefined): SqlMap {
  if (headers === undefined || headers.length === 0) return NO_HEADERS;
  const values = new Map<string, SqlValue>();
  for (const header of headers) {
    for (const [name, value] of Object.entries(header)) {
      values.set(name, typeof value === 'string' ? value : headerText(value));
    }
  }
  return headersOf(values);
}
