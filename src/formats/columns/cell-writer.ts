/**
 * Cells as text: writes the value of one row of one column, per type and physical kind. Owns what
 * the text formats share; how they differ (quotes, escapes, times) is a TextStyle. Encoders own
 * names, separators and NULL. @hot
 */
import { assertNever } from '../../base/assert.js';
import type {
  BoolColumn,
  Column,
  ColumnKind,
  DictColumn,
  F64Column,
  I128Column,
  I64Column,
  ListColumn,
  Nulls,
  Utf8Column,
} from '../../columnar/column.js';
import { int128 } from '../../columnar/column.js';
import type { Dictionary } from '../../columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { decimalText } from '../../functions/decimal.js';
import { ByteBuffer } from './byte-buffer.js';
import { appendDecimal, appendDouble } from './number-output.js';
import { appendDate, appendTimestamp } from './time-output.js';

/** How a format writes what is not a number. */
export interface TextStyle {
  /** Appends the UTF-8 text `bytes[start, end)`, quoted and escaped. */
  text(out: ByteBuffer, bytes: Uint8Array, start: number, end: number): void;
  /** Appends an ARRAY, MAP or ROW. */
  nested(out: ByteBuffer, value: SqlValue, type: SqlType): void;
  /** TIMESTAMP as a number of milliseconds instead of text. */
  readonly timestampAsNumber: boolean;
  /** Dates and times in double quotes. */
  readonly quotesTimes: boolean;
}

/** Writes the values of one column; bound to each batch's column before its rows. */
export interface CellWriter {
  nulls: Nulls;
  bind(column: Column): void;
  /** Appends the value of a row that is not NULL. */
  write(row: number, out: ByteBuffer): void;
}

/** The writers of one output column, one per physical kind that its batches have had. */
export class ColumnWriter {
  private readonly type: SqlType;
  private readonly style: TextStyle;
  private readonly byKind = new Map<ColumnKind, CellWriter>();

  constructor(type: SqlType, style: TextStyle) {
    this.type = type;
    this.style = style;
  }

  /** The writer for this batch's column. */
  bind(column: Column): CellWriter {
    let writer = this.byKind.get(column.kind);
    if (writer === undefined) {
      writer = newCellWriter(column.kind, this.type, this.style);
      this.byKind.set(column.kind, writer);
    }
    writer.bind(column);
    return writer;
  }
}

function newCellWriter(kind: ColumnKind, type: SqlType, style: TextStyle): CellWriter {
  switch (kind) {
    case 'f64':
      return newF64Writer(type, style);
    case 'i64':
      return new I64Writer(type.kind === 'decimal' ? type.scale : 0);
    case 'i128':
      return new I128Writer(type.kind === 'decimal' ? type.scale : 0);
    case 'bool':
      return new BooleanWriter();
    case 'utf8':
      return new Utf8Writer(style);
    case 'dict':
      return new DictWriter(style);
    case 'list':
      return new ListWriter(type, style);
    default:
      return assertNever(kind);
  }
}

function newF64Writer(type: SqlType, style: TextStyle): CellWriter {
  switch (type.kind) {
    case 'double':
      return new DoubleWriter();
    case 'decimal':
      return type.scale === 0 ? new IntegerWriter() : new DecimalWriter(type.scale);
    case 'date':
      return new TimeWriter(appendDate, style);
    case 'timestamp':
      return style.timestampAsNumber ? new IntegerWriter() : new TimeWriter(appendTimestamp, style);
    default:
      return new IntegerWriter();
  }
}

const QUOTE = 34;
const NO_DOUBLES = new Float64Array(0);

class IntegerWriter implements CellWriter {
  nulls: Nulls = null;
  private values: Float64Array = NO_DOUBLES;

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as F64Column).values;
  }

  write(row: number, out: ByteBuffer): void {
    out.appendInteger(this.values[row]!);
  }
}

class DoubleWriter implements CellWriter {
  nulls: Nulls = null;
  private values: Float64Array = NO_DOUBLES;

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as F64Column).values;
  }

  write(row: number, out: ByteBuffer): void {
    appendDouble(out, this.values[row]!);
  }
}

class DecimalWriter implements CellWriter {
  nulls: Nulls = null;
  private values: Float64Array = NO_DOUBLES;
  private readonly scale: number;

  constructor(scale: number) {
    this.scale = scale;
  }

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as F64Column).values;
  }

  write(row: number, out: ByteBuffer): void {
    appendDecimal(out, this.values[row]!, this.scale);
  }
}

class I64Writer implements CellWriter {
  nulls: Nulls = null;
  private values: BigInt64Array = new BigInt64Array(0);
  private readonly scale: number;

  constructor(scale: number) {
    this.scale = scale;
  }

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as I64Column).values;
  }

  write(row: number, out: ByteBuffer): void {
    out.appendAscii(decimalText(this.values[row]!, this.scale));
  }
}

class I128Writer implements CellWriter {
  nulls: Nulls = null;
  private column: I128Column | null = null;
  private readonly scale: number;

  constructor(scale: number) {
    this.scale = scale;
  }

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.column = column as I128Column;
  }

  write(row: number, out: ByteBuffer): void {
    const { high, low } = this.column!;
    out.appendAscii(decimalText(int128(high[row]!, low[row]!), this.scale));
  }
}

class BooleanWriter implements CellWriter {
  nulls: Nulls = null;
  private values: Uint8Array = new Uint8Array(0);

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as BoolColumn).values;
  }

  write(row: number, out: ByteBuffer): void {
    out.appendAscii(this.values[row] === 1 ? 'true' : 'false');
  }
}

class TimeWriter implements CellWriter {
  nulls: Nulls = null;
  private values: Float64Array = NO_DOUBLES;
  private readonly append: (out: ByteBuffer, value: number) => void;
  private readonly quoted: boolean;

  constructor(append: (out: ByteBuffer, value: number) => void, style: TextStyle) {
    this.append = append;
    this.quoted = style.quotesTimes;
  }

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as F64Column).values;
  }

  write(row: number, out: ByteBuffer): void {
    if (this.quoted) out.appendByte(QUOTE);
    this.append(out, this.values[row]!);
    if (this.quoted) out.appendByte(QUOTE);
  }
}

class Utf8Writer implements CellWriter {
  nulls: Nulls = null;
  private column: Utf8Column | null = null;
  private readonly style: TextStyle;

  constructor(style: TextStyle) {
    this.style = style;
  }

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.column = column as Utf8Column;
  }

  write(row: number, out: ByteBuffer): void {
    const { bytes, offsets, lengths } = this.column!;
    const start = offsets[row]!;
    this.style.text(out, bytes, start, start + lengths[row]!);
  }
}

/** Each entry of a dictionary is escaped once. */
class DictWriter implements CellWriter {
  nulls: Nulls = null;
  private codes: Int32Array = new Int32Array(0);
  private entries: StyledEntries | null = null;
  private readonly known = new WeakMap<Dictionary, StyledEntries>();
  private readonly style: TextStyle;

  constructor(style: TextStyle) {
    this.style = style;
  }

  bind(column: Column): void {
    const { codes, dictionary, nulls } = column as DictColumn;
    this.nulls = nulls;
    this.codes = codes;
    if (this.entries?.dictionary === dictionary) return;
    let entries = this.known.get(dictionary);
    if (entries === undefined) {
      entries = new StyledEntries(dictionary, this.style);
      this.known.set(dictionary, entries);
    }
    this.entries = entries;
  }

  write(row: number, out: ByteBuffer): void {
    this.entries!.append(this.codes[row]!, out);
  }
}

class StyledEntries {
  readonly dictionary: Dictionary;
  private readonly style: TextStyle;
  private readonly texts = new ByteBuffer(1024);
  /** Start and end of each entry's styled text; an end of 0 means not made yet. */
  private starts = new Int32Array(256);
  private ends = new Int32Array(256);

  constructor(dictionary: Dictionary, style: TextStyle) {
    this.dictionary = dictionary;
    this.style = style;
  }

  append(code: number, out: ByteBuffer): void {
    if (code >= this.ends.length || this.ends[code] === 0) this.make(code);
    out.appendBytes(this.texts.bytes, this.starts[code]!, this.ends[code]!);
  }

  private make(code: number): void {
    while (code >= this.ends.length) {
      this.starts = doubled(this.starts);
      this.ends = doubled(this.ends);
    }
    const { texts, dictionary } = this;
    // A styled text may be empty: one byte in front keeps its end above 0.
    if (texts.length === 0) texts.appendByte(0);
    const start = dictionary.offsets[code]!;
    this.starts[code] = texts.length;
    this.style.text(texts, dictionary.bytes, start, start + dictionary.lengths[code]!);
    this.ends[code] = texts.length;
  }
}

class ListWriter implements CellWriter {
  nulls: Nulls = null;
  private values: SqlValue[] = [];
  private readonly type: SqlType;
  private readonly style: TextStyle;

  constructor(type: SqlType, style: TextStyle) {
    this.type = type;
    this.style = style;
  }

  bind(column: Column): void {
    this.nulls = column.nulls;
    this.values = (column as ListColumn).values;
  }

  write(row: number, out: ByteBuffer): void {
    this.style.nested(out, this.values[row]!, this.type);
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}
