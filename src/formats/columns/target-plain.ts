/**
 * Targets of the columns whose kind never changes: DOUBLE, BOOLEAN, TIMESTAMP, DATE and the nested
 * types. The other targets are target-exact.ts and target-text.ts. @hot
 */
import type { BoolColumn, F64Column, ListColumn } from '../../columnar/column.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { TIMESTAMP_MS_MAX } from '../../functions/time/calendar.js';
import { NumberText, SAFE_DIGITS } from './number-text.js';
import { NullMask } from './target.js';
import type { TargetColumn } from './target.js';
import { parseDateText, parseTimestampText } from './time-text.js';

function newF64Column(rows: number): F64Column {
  return { kind: 'f64', values: new Float64Array(rows), nulls: null };
}

export class DoubleTarget implements TargetColumn {
  readonly type: SqlType;
  column: F64Column;
  private readonly mask: NullMask;
  private readonly numberText = new NumberText();

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.column = newF64Column(rows);
    this.mask = new NullMask(rows);
  }

  begin(): void {
    this.mask.clear(this.column);
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
  }

  number(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    if (!this.numberText.read(bytes, start, end)) return false;
    const value = this.numberText.toDouble();
    this.column.values[row] = value;
    return value - value === 0;
  }

  text(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    return this.number(bytes, start, end, row);
  }

  boolean(): boolean {
    return false;
  }
}

export class BooleanTarget implements TargetColumn {
  readonly type: SqlType;
  column: BoolColumn;
  private readonly mask: NullMask;

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.column = { kind: 'bool', values: new Uint8Array(rows), nulls: null };
    this.mask = new NullMask(rows);
  }

  begin(): void {
    this.mask.clear(this.column);
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
  }

  number(): boolean {
    return false;
  }

  /** 'true' and 'false' in any case. */
  text(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    const isTrue = equalsLower(bytes, start, end, 'true');
    if (!isTrue && !equalsLower(bytes, start, end, 'false')) return false;
    return this.boolean(isTrue, row);
  }

  boolean(value: boolean, row: number): boolean {
    this.column.values[row] = value ? 1 : 0;
    return true;
  }
}

export class TimestampTarget implements TargetColumn {
  readonly type: SqlType;
  column: F64Column;
  private readonly mask: NullMask;
  private readonly numberText = new NumberText();

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.column = newF64Column(rows);
    this.mask = new NullMask(rows);
  }

  begin(): void {
    this.mask.clear(this.column);
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
  }

  /** Whole milliseconds since the epoch, in any spelling (1e3), within the range of dates. */
  number(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    const { numberText } = this;
    if (!numberText.read(bytes, start, end)) return false;
    const plain = numberText.exponent === 0 && numberText.digits <= SAFE_DIGITS;
    const value = plain ? numberText.significand() : Math.abs(numberText.toDouble());
    if (value > TIMESTAMP_MS_MAX || value !== Math.floor(value)) return false;
    this.column.values[row] = numberText.negative ? 0 - value : value;
    return true;
  }

  /** ISO 8601, or text that is such a number. */
  text(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    // A date has a dash behind its year; a number is no date, and trying both costs a string.
    const isDate = start + 4 < end && bytes[start + 4] === 45;
    if (!isDate && this.number(bytes, start, end, row)) return true;
    const value = parseTimestampText(bytes, start, end);
    this.column.values[row] = value;
    return value === value;
  }

  boolean(): boolean {
    return false;
  }
}

export class DateTarget implements TargetColumn {
  readonly type: SqlType;
  column: F64Column;
  private readonly mask: NullMask;

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.column = newF64Column(rows);
    this.mask = new NullMask(rows);
  }

  begin(): void {
    this.mask.clear(this.column);
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
  }

  number(): boolean {
    return false;
  }

  text(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    const days = parseDateText(bytes, start, end);
    this.column.values[row] = days;
    return days === days;
  }

  boolean(): boolean {
    return false;
  }
}

/** ARRAY, MAP and ROW: the decoder builds the value, this only keeps it. */
export class NestedTarget implements TargetColumn {
  readonly type: SqlType;
  column: ListColumn;
  private readonly mask: NullMask;

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.column = { kind: 'list', values: new Array<SqlValue>(rows).fill(null), nulls: null };
    this.mask = new NullMask(rows);
  }

  begin(): void {
    this.mask.clear(this.column);
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
  }

  put(value: SqlValue, row: number): void {
    this.column.values[row] = value;
  }

  number(): boolean {
    return false;
  }

  text(): boolean {
    return false;
  }

  boolean(): boolean {
    return false;
  }
}

function equalsLower(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let at = 0; at < lower.length; at += 1) {
    if ((bytes[start + at]! | 32) !== lower.charCodeAt(at)) return false;
  }
  return true;
}
