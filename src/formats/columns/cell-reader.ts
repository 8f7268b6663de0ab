/**
 * Reads cells of columns as JavaScript values, for formats that a library encodes. Owns how each
 * physical kind is read; what a library wants of a value is avro-output.ts and protobuf-output.ts.
 * @hot
 */
import { assertNever } from '../../base/assert.js';
import type { Column, ColumnKind, I128Column, Nulls } from '../../columnar/column.js';
import { int128 } from '../../columnar/column.js';
import type { Dictionary } from '../../columnar/dictionary.js';
import type { SqlValue } from '../../columnar/types.js';

/**
 * A cell that is not NULL. Its text is bytes; BIGINT and DECIMAL (unscaled) are numbers while they
 * are safe ones, else bigints. Inside nested values all is as SqlValue has it.
 */
export type CellValue = SqlValue | Buffer;

/** Reads the cells of one column; bound to each batch's column before its rows. */
export interface CellReader {
  nulls: Nulls;
  bind(column: Column): void;
  /** The value of a row that is not NULL; text is valid until the batch is let go. */
  read(row: number): CellValue;
}

/** The readers of one column, one per physical kind that its batches have had. */
export class ColumnReader {
  private readonly byKind = new Map<ColumnKind, CellReader>();

  /** The reader for this batch's column. */
  bind(column: Column): CellReader {
    let reader = this.byKind.get(column.kind);
    if (reader === undefined) {
      reader = newCellReader(column.kind);
      this.byKind.set(column.kind, reader);
    }
    reader.bind(column);
    return reader;
  }
}

function newCellReader(kind: ColumnKind): CellReader {
  switch (kind) {
    case 'f64':
    case 'i64':
    case 'list':
      return new ValuesReader();
    case 'i128':
      return new I128Reader();
    case 'bool':
      return new BooleanReader();
    case 'utf8':
      return new Utf8Reader();
    case 'dict':
      return new DictReader();
    default:
      return assertNever(kind);
  }
}

class ValuesReader implements CellReader {
  nulls: Nulls = null;
  private values: { readonly [row: number]: SqlValue } = [];

  bind(column: Column): void {
    this.nulls = column.nulls;
    if (column.kind === 'f64' || column.kind === 'i64' || column.kind === 'list') {
      this.values = column.values;
    }
  }

  read(row: number): CellValue {
    return this.values[row]!;
  }
}

class I128Reader implements CellReader {
  nulls: Nulls = null;
  private column: I128Column | null = null;

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.column = column as I128Column;
  }

  read(row: number): CellValue {
    const { high, low } = this.column!;
    return int128(high[row]!, low[row]!);
  }
}

class BooleanReader implements CellReader {
  nulls: Nulls = null;
  private values: Uint8Array = new Uint8Array(0);

  bind(column: Column): void {
    this.nulls = column.nulls;
    if (column.kind === 'bool') this.values = column.values;
  }

  read(row: number): CellValue {
    return this.values[row] === 1;
  }
}

class Utf8Reader implements CellReader {
  nulls: Nulls = null;
  private bytes: Uint8Array = new Uint8Array(0);
  private buffer: Buffer = Buffer.alloc(0);
  private offsets: Int32Array = new Int32Array(0);
  private lengths: Int32Array = new Int32Array(0);

  bind(column: Column): void {
    this.nulls = column.nulls;
    if (column.kind !== 'utf8') return;
    this.offsets = column.offsets;
    this.lengths = column.lengths;
    if (column.bytes === this.bytes) return;
    this.bytes = column.bytes;
    this.buffer = bufferOf(column.bytes);
  }

  read(row: number): CellValue {
    const start = this.offsets[row]!;
    return this.buffer.subarray(start, start + this.lengths[row]!);
  }
}

/** Each entry of a dictionary is copied once. */
class DictReader implements CellReader {
  nulls: Nulls = null;
  private codes: Int32Array = new Int32Array(0);
  private dictionary: Dictionary | null = null;
  private texts: (Buffer | undefined)[] = [];
  private readonly known = new WeakMap<Dictionary, (Buffer | undefined)[]>();

  bind(column: Column): void {
    this.nulls = column.nulls;
    if (column.kind !== 'dict') return;
    this.codes = column.codes;
    if (column.dictionary === this.dictionary) return;
    this.dictionary = column.dictionary;
    this.texts = this.known.get(column.dictionary) ?? [];
    this.known.set(column.dictionary, this.texts);
  }

  read(row: number): CellValue {
    const code = this.codes[row]!;
    return this.texts[code] ?? this.copy(code);
  }

  private copy(code: number): Buffer {
    const { bytes, offsets, lengths } = this.dictionary!;
    const start = offsets[code]!;
    const text = Buffer.from(bytes.subarray(start, start + lengths[code]!));
    this.texts[code] = text;
    return text;
  }
}

/** The same memory as a Buffer. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
