/**
 * Puts the values of flat columns into target columns, a piece at a time: one sink per column of a
 * file and of the query, chosen once. Owns the ways that need no value of JavaScript per row; every
 * other conversion goes through the writer that other containers have (formats/message), and all of
 * them refuse what it refuses. @hot
 */
import { assertNever } from '../../../base/assert.js';
import { isText } from '../../message/value-writer.js';
import type { ValueShape } from '../../message/value-shape.js';
import { POWERS_OF_TEN, SAFE_DIGITS } from '../../columns/number-text.js';
import { createTarget } from '../../columns/create-target.js';
import { ExactTarget } from '../../columns/target-exact.js';
import {
  BooleanTarget,
  DateTarget,
  DoubleTarget,
  TimestampTarget,
} from '../../columns/target-plain.js';
import { TextTarget } from '../../columns/target-text.js';
import type { TargetColumn } from '../../columns/target.js';
import { TIMESTAMP_MS_MAX } from '../../../functions/time/calendar.js';
import { DenseValues } from './dense-values.js';
import type { NumberEntries, TextEntries } from './dense-values.js';

const MS_PER_DAY = 86_400_000;
const TWO_32 = 4_294_967_296;
/** High words of safe integers are from -SAFE_HIGH up to below SAFE_HIGH; -2^53 alone is none. */
const SAFE_HIGH = 2 ** 21;

/** Rows of a batch that hold a value which does not convert. */
export interface RefusedRows {
  refuse(row: number): void;
}

export type CellSink = (dense: DenseValues, refused: RefusedRows) => void;

/** How the values of a column are stored, as files name it. */
export type StoredType =
  'BOOLEAN' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'BYTE_ARRAY' | 'FIXED_LEN_BYTE_ARRAY';

export interface SinkParts {
  readonly stored: StoredType;
  readonly shape: ValueShape;
  readonly target: TargetColumn;
  /** Writes a value as hyparquet gives it; false when it does not convert. */
  readonly put: (value: unknown, row: number) => boolean;
}

export function cellSink(parts: SinkParts): CellSink {
  const direct = directSink(parts);
  if (direct === null) return valueSink(parts);
  const isNumber = parts.stored !== 'BYTE_ARRAY' && parts.stored !== 'FIXED_LEN_BYTE_ARRAY';
  return isNumber ? numberSink(parts, direct) : direct;
}

/** Numbers of a dictionary are converted once, if all of them become doubles. */
function numberSink(parts: SinkParts, direct: CellSink): CellSink {
  let known: NumberEntries | null = null;
  let table: Float64Array | null = null;
  return (dense, refused) => {
    const { numbers, places, rows, count } = dense;
    if (numbers !== null && known !== numbers) {
      known = numbers;
      table = convertedEntries(parts, numbers);
    }
    const { column } = parts.target;
    if (numbers === null || table === null || column.kind !== 'f64') {
      dense.spread();
      direct(dense, refused);
      return;
    }
    const { values } = column;
    const converted = table;
    for (let k = 0; k < count; k += 1) values[rows[k]!] = converted[places[k]!]!;
  };
}

/** null: one of them does not convert, or is too large for a double. */
function convertedEntries(parts: SinkParts, numbers: NumberEntries): Float64Array | null {
  const { words, wordsEach, size } = numbers;
  const piece = new DenseValues();
  const target = createTarget(parts.target.type, piece.rows.length);
  const sink = directSink({ ...parts, target });
  const table = new Float64Array(size);
  let isWhole = true;
  const refused = {
    refuse: () => {
      isWhole = false;
    },
  };
  for (let from = 0; from < size; from += piece.count) {
    piece.count = Math.min(piece.rows.length, size - from);
    for (let k = 0; k < piece.count; k += 1) piece.rows[k] = k;
    piece.words.set(words.subarray(from * wordsEach, (from + piece.count) * wordsEach));
    sink?.(piece, refused);
    if (!isWhole || target.column.kind !== 'f64') return null;
    table.set(target.column.values.subarray(0, piece.count), from);
  }
  return table;
}

/** null: a value has to be made for the writer. */
function directSink({ stored, shape, target }: SinkParts): CellSink | null {
  if (shape.kind === 'text' || shape.kind === 'bytes') {
    const isPlain = shape.unwrap === undefined && target instanceof TextTarget;
    return isPlain ? textSink(target) : null;
  }
  if (stored === 'BOOLEAN') return target instanceof BooleanTarget ? booleanSink(target) : null;
  if (stored === 'FLOAT' || stored === 'DOUBLE') {
    return target instanceof DoubleTarget ? doubleSink(target, stored) : null;
  }
  if (stored === 'INT32') return narrowSink(shape, target);
  return stored === 'INT64' && shape.unwrap === undefined ? wideSink(shape, target) : null;
}

function narrowSink(shape: ValueShape, target: TargetColumn): CellSink | null {
  if (shape.kind === 'date' && target instanceof DateTarget) return dateSink(target);
  if (shape.unwrap !== undefined) return null;
  if (shape.kind === 'integer' && target instanceof DoubleTarget) {
    return (dense) => {
      const { words, rows, count } = dense;
      const { values } = target.column;
      for (let k = 0; k < count; k += 1) values[rows[k]!] = words[k]!;
    };
  }
  return isSameNumber(shape, target) ? narrowExactSink(shape, target) : null;
}

function wideSink(shape: ValueShape, target: TargetColumn): CellSink | null {
  if (shape.kind === 'timestamp' && target instanceof TimestampTarget) {
    return timestampSink(target, shape.perMs);
  }
  if (shape.kind === 'integer' && target instanceof DoubleTarget) {
    return (dense) => {
      const { words, rows, count } = dense;
      const { values } = target.column;
      for (let k = 0; k < count; k += 1) {
        values[rows[k]!] = words[2 * k + 1]! * TWO_32 + (words[2 * k]! >>> 0);
      }
    };
  }
  return isSameNumber(shape, target) ? wideExactSink(shape, target) : null;
}

/** Whether a stored whole number is the target's own: a BIGINT's, or a DECIMAL's of the same scale. */
function isSameNumber(shape: ValueShape, target: TargetColumn): target is ExactTarget {
  if (!(target instanceof ExactTarget)) return false;
  const { type } = target;
  if (shape.kind === 'decimal') return type.kind === 'decimal' && type.scale === shape.scale;
  return type.kind === 'bigint' && (shape.kind === 'integer' || shape.kind === 'timestamp');
}

/** Every magnitude from here on has more digits than the target; none where all are few enough. */
function limitOf({ type }: ExactTarget): number {
  const isShort = type.kind === 'decimal' && type.precision <= SAFE_DIGITS;
  return isShort ? POWERS_OF_TEN[type.precision]! : Number.POSITIVE_INFINITY;
}

function scaleOf(shape: ValueShape): number {
  return shape.kind === 'decimal' ? shape.scale : 0;
}

function narrowExactSink(shape: ValueShape, target: ExactTarget): CellSink {
  const limit = limitOf(target);
  const scale = scaleOf(shape);
  return (dense, refused) => {
    const { words, rows, count } = dense;
    const { column } = target;
    const values = column.kind === 'f64' ? column.values : null;
    for (let k = 0; k < count; k += 1) {
      const value = words[k]!;
      const row = rows[k]!;
      if (value >= limit || value <= -limit) refused.refuse(row);
      else if (values !== null) values[row] = value;
      else if (!target.scaled(BigInt(value), scale, row)) refused.refuse(row);
    }
  };
}

function wideExactSink(shape: ValueShape, target: ExactTarget): CellSink {
  const limit = limitOf(target);
  const scale = scaleOf(shape);
  const isBigint = target.type.kind === 'bigint';
  return (dense, refused) => {
    const { words, longs, rows, count } = dense;
    let { column } = target;
    for (let k = 0; k < count; k += 1) {
      const row = rows[k]!;
      const high = words[2 * k + 1]!;
      if (column.kind === 'f64' && high >= -SAFE_HIGH && high < SAFE_HIGH) {
        const value = high * TWO_32 + (words[2 * k]! >>> 0);
        if (value > -TWO_32 * SAFE_HIGH) {
          if (value >= limit || value <= -limit) refused.refuse(row);
          else column.values[row] = value;
          continue;
        }
      }
      if (column.kind === 'i64' && isBigint) {
        column.values[row] = longs[k]!;
        continue;
      }
      if (!target.scaled(longs[k]!, scale, row)) refused.refuse(row);
      column = target.column;
    }
  };
}

/** Ticks since the epoch in whole milliseconds, rounded down; exact, though ticks are 64 bits. */
function timestampSink(target: TimestampTarget, perMs: number): CellSink {
  return (dense, refused) => {
    const { words, rows, count } = dense;
    const { values } = target.column;
    for (let k = 0; k < count; k += 1) {
      const high = words[2 * k + 1]!;
      const whole = Math.floor(high / perMs);
      // Below 10^6 · 2^32, and so is a safe integer.
      const rest = (high - whole * perMs) * TWO_32 + (words[2 * k]! >>> 0);
      const ms = whole * TWO_32 + Math.floor(rest / perMs);
      values[rows[k]!] = ms;
      if (ms > TIMESTAMP_MS_MAX || ms < -TIMESTAMP_MS_MAX) refused.refuse(rows[k]!);
    }
  };
}

function dateSink(target: DateTarget): CellSink {
  const daysMax = TIMESTAMP_MS_MAX / MS_PER_DAY;
  return (dense, refused) => {
    const { words, rows, count } = dense;
    const { values } = target.column;
    for (let k = 0; k < count; k += 1) {
      const days = words[k]!;
      values[rows[k]!] = days;
      if (days > daysMax || days < -daysMax) refused.refuse(rows[k]!);
    }
  };
}

function doubleSink(target: DoubleTarget, stored: 'FLOAT' | 'DOUBLE'): CellSink {
  return (dense, refused) => {
    const { rows, count } = dense;
    const { values } = target.column;
    if (stored === 'FLOAT') {
      const { floats } = dense;
      for (let k = 0; k < count; k += 1) values[rows[k]!] = floats[k]!;
    } else {
      const { doubles } = dense;
      for (let k = 0; k < count; k += 1) values[rows[k]!] = doubles[k]!;
    }
    for (let k = 0; k < count; k += 1) {
      const value = values[rows[k]!]!;
      // Neither NaN nor infinity is a DOUBLE.
      if (value - value !== 0) refused.refuse(rows[k]!);
    }
  };
}

function booleanSink(target: BooleanTarget): CellSink {
  return (dense) => {
    const { words, rows, count } = dense;
    const { values } = target.column;
    for (let k = 0; k < count; k += 1) values[rows[k]!] = words[k]! & 1;
  };
}

const UNKNOWN = -1;
const NO_TEXT = -2;

/** Each entry of a page's dictionary is looked at once: its code in the target's, or that it is no text. */
class TextSink {
  private readonly target: TextTarget;
  private entries: TextEntries | null = null;
  private codes = new Int32Array(0);

  constructor(target: TextTarget) {
    this.target = target;
  }

  put(dense: DenseValues, refused: RefusedRows): void {
    const { texts, count } = dense;
    if (texts === null) {
      this.putTexts(dense, refused);
      return;
    }
    if (this.entries !== texts) {
      this.entries = texts;
      this.codes = new Int32Array(texts.size).fill(UNKNOWN);
    }
    for (let k = this.putKnown(dense, 0); k < count; k = this.putKnown(dense, k + 1)) {
      this.putEntry(texts, dense.places[k]!, dense.rows[k]!, refused);
    }
  }

  /** From the value `from` on those that have a code; returns the first that has none. */
  private putKnown(dense: DenseValues, from: number): number {
    const { rows, places, count } = dense;
    const { codes } = this;
    const { column } = this.target;
    if (column.kind !== 'dict') return from;
    const targetCodes = column.codes;
    for (let k = from; k < count; k += 1) {
      const code = codes[places[k]!]!;
      if (code < 0) return k;
      targetCodes[rows[k]!] = code;
    }
    return count;
  }

  private putEntry(texts: TextEntries, place: number, row: number, refused: RefusedRows): void {
    const { codes, target } = this;
    const start = texts.starts[place]!;
    const end = texts.ends[place]!;
    const isNew = codes[place] === UNKNOWN;
    if (isNew) codes[place] = isText(texts.bytes, start, end) ? 0 : NO_TEXT;
    if (codes[place] === NO_TEXT) {
      target.setNull(row);
      refused.refuse(row);
      return;
    }
    target.text(texts.bytes, start, end, row);
    const { column } = target;
    if (column.kind === 'dict') codes[place] = column.codes[row]!;
  }

  private putTexts(dense: DenseValues, refused: RefusedRows): void {
    const { rows, count, source, starts, ends } = dense;
    const { target } = this;
    for (let k = 0; k < count; k += 1) {
      const start = starts[k]!;
      const end = ends[k]!;
      const row = rows[k]!;
      if (isText(source, start, end)) {
        target.text(source, start, end, row);
      } else {
        target.setNull(row);
        refused.refuse(row);
      }
    }
  }
}

function textSink(target: TextTarget): CellSink {
  const sink = new TextSink(target);
  return (dense, refused) => sink.put(dense, refused);
}

/** By way of the value that hyparquet would give. */
function valueSink({ stored, put }: SinkParts): CellSink {
  return (dense, refused) => {
    dense.spread();
    const { rows, count } = dense;
    for (let k = 0; k < count; k += 1) {
      if (!put(storedValue(stored, dense, k), rows[k]!)) refused.refuse(rows[k]!);
    }
  };
}

/** A value as hyparquet gives it; bytes are those of the page. */
export function storedValue(stored: StoredType, dense: DenseValues, at: number): unknown {
  switch (stored) {
    case 'BOOLEAN':
      return (dense.words[at]! & 1) === 1;
    case 'INT32':
      return dense.words[at];
    case 'INT64':
      return dense.longs[at];
    case 'FLOAT':
      return dense.floats[at];
    case 'DOUBLE':
      return dense.doubles[at];
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return bytesAt(dense, at);
    default:
      return assertNever(stored);
  }
}

function bytesAt({ texts, places, source, starts, ends }: DenseValues, at: number): Uint8Array {
  if (texts === null) return source.subarray(starts[at]!, ends[at]!);
  const place = places[at]!;
  return texts.bytes.subarray(texts.starts[place]!, texts.ends[place]!);
}
