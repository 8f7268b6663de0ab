/**
 * Targets of BIGINT and DECIMAL columns: exact whole numbers (of the type's scale), in doubles
 * while every value is a safe integer, in 64 bits from the first that is not, a DECIMAL in 128 bits
 * from the first that needs it. The kind never narrows again in a job. @hot
 */
import type { F64Column, I128Column, I64Column } from '../../columnar/column.js';
import { NARROW_MAX } from '../../columnar/column.js';
import { BIGINT_MAX, BIGINT_MIN } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import {
  fitsBigint,
  fitsPrecision,
  partsToBigint,
  partsToDecimal,
  powerOfTen,
  rescale,
} from '../../functions/decimal.js';
import { NumberText, POWERS_OF_TEN, SAFE_DIGITS } from './number-text.js';
import { NullMask } from './target.js';
import type { TargetColumn } from './target.js';

const LOW_MASK = (1n << 64n) - 1n;
/** High word of 2^63, the magnitude of the least BIGINT. */
const SIGN_WORD = 0x8000_0000;

export class ExactTarget implements TargetColumn {
  readonly type: SqlType;
  column: F64Column | I64Column | I128Column;
  /** DECIMAL's digits and scale; a BIGINT is bounded by 64 bits instead. */
  private readonly precision: number;
  private readonly scale: number;
  private readonly mask: NullMask;
  private readonly numberText = new NumberText();
  /** The words of an i64 column's values, low before high. */
  private words: Int32Array = new Int32Array(0);

  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.column = { kind: 'f64', values: new Float64Array(rows), nulls: null };
    this.mask = new NullMask(rows);
    this.precision = type.kind === 'decimal' ? type.precision : 0;
    this.scale = type.kind === 'decimal' ? type.scale : 0;
  }

  begin(): void {
    this.mask.clear(this.column);
  }

  setNull(row: number): void {
    this.mask.set(this.column, row);
  }

  number(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    const { numberText } = this;
    if (!numberText.read(bytes, start, end)) return false;
    const shift = numberText.exponent + this.scale;
    if (numberText.digits + Math.max(shift, 0) <= SAFE_DIGITS && shift >= -SAFE_DIGITS) {
      return this.safe(numberText, shift, row);
    }
    if (shift === 0 && this.column.kind === 'i64' && this.precision <= 18 && numberText.held) {
      return this.wide(numberText, row);
    }
    return this.exact(numberText, row);
  }

  text(bytes: Uint8Array, start: number, end: number, row: number): boolean {
    return this.number(bytes, start, end, row);
  }

  boolean(): boolean {
    return false;
  }

  /** A whole number that is no text: a safe integer, or a bigint of any size. */
  whole(value: number | bigint, row: number): boolean {
    if (typeof value === 'number' && this.scale === 0) {
      const { precision } = this;
      if (precision !== 0 && precision <= SAFE_DIGITS) {
        if (Math.abs(value) >= POWERS_OF_TEN[precision]!) return false;
      }
      this.putSafe(row, value);
      return true;
    }
    return this.scaled(BigInt(value), 0, row);
  }

  /** `unscaled / 10^scale`: rounded to a DECIMAL's scale, as it is for a BIGINT. */
  scaled(unscaled: bigint, scale: number, row: number): boolean {
    let value: bigint;
    if (this.precision === 0) {
      const divisor = powerOfTen(scale);
      value = unscaled / divisor;
      if (value * divisor !== unscaled || !fitsBigint(value)) return false;
    } else {
      value = rescale(unscaled, scale, this.scale);
      if (!fitsPrecision(value, this.precision)) return false;
    }
    this.putBig(row, value);
    return true;
  }

  /** At most 15 digits: doubles are exact, the division included. */
  private safe(numberText: NumberText, shift: number, row: number): boolean {
    let value = numberText.significand();
    if (shift > 0) {
      value *= POWERS_OF_TEN[shift]!;
    } else if (shift < 0) {
      const power = POWERS_OF_TEN[-shift]!;
      const rest = value % power;
      if (rest !== 0 && this.precision === 0) return false;
      value = (value - rest) / power + (rest * 2 >= power ? 1 : 0);
    }
    if (this.precision !== 0 && this.precision <= SAFE_DIGITS) {
      if (value >= POWERS_OF_TEN[this.precision]!) return false;
    }
    this.putSafe(row, numberText.negative ? 0 - value : value);
    return true;
  }

  /** Up to 19 digits straight into the words of an i64 column. */
  private wide(numberText: NumberText, row: number): boolean {
    if (!numberText.words()) return false;
    const { wordHigh, wordLow, negative } = numberText;
    if (this.precision !== 0 && numberText.digits > this.precision) return false;
    if (wordHigh >= SIGN_WORD) {
      if (!negative || wordHigh > SIGN_WORD || wordLow !== 0) return false;
    }
    this.putWords(row, negative, wordHigh, wordLow);
    return true;
  }

  private exact(numberText: NumberText, row: number): boolean {
    const parts = numberText.parts();
    if (this.precision === 0) {
      const value = partsToBigint(parts);
      if (value === undefined) return false;
      this.putBig(row, value);
      return true;
    }
    const value = partsToDecimal(parts, this.precision, this.scale);
    if (value === undefined || !fitsPrecision(value, this.precision)) return false;
    this.putBig(row, value);
    return true;
  }

  private putSafe(row: number, value: number): void {
    const { column } = this;
    if (column.kind === 'f64') {
      column.values[row] = value;
    } else if (column.kind === 'i64') {
      const size = Math.abs(value);
      const high = Math.floor(size / 4_294_967_296);
      this.putWords(row, value < 0, high, size - high * 4_294_967_296);
    } else {
      putInt128(column, row, BigInt(value));
    }
  }

  private putWords(row: number, negative: boolean, high: number, low: number): void {
    const { words } = this;
    const lowWord = low | 0;
    words[row * 2] = negative ? -lowWord : lowWord;
    words[row * 2 + 1] = negative ? ~high + (lowWord === 0 ? 1 : 0) : high;
  }

  private putBig(row: number, value: bigint): void {
    if (value <= BigInt(NARROW_MAX) && value >= -BigInt(NARROW_MAX)) {
      this.putSafe(row, Number(value));
      return;
    }
    if (value > BIGINT_MAX || value < BIGINT_MIN) this.widenTo128();
    else if (this.column.kind === 'f64') this.widenTo64();
    const { column } = this;
    if (column.kind === 'i64') column.values[row] = value;
    else if (column.kind === 'i128') putInt128(column, row, value);
  }

  private widenTo64(): void {
    const { column } = this;
    if (column.kind !== 'f64') return;
    const values = BigInt64Array.from(column.values, BigInt);
    this.words = new Int32Array(values.buffer);
    this.column = { kind: 'i64', values, nulls: column.nulls };
  }

  private widenTo128(): void {
    this.widenTo64();
    const { column } = this;
    if (column.kind !== 'i64') return;
    const wide: I128Column = {
      kind: 'i128',
      high: new BigInt64Array(column.values.length),
      low: new BigUint64Array(column.values.length),
      nulls: column.nulls,
    };
    column.values.forEach((value, row) => putInt128(wide, row, value));
    this.column = wide;
  }
}

function putInt128(column: I128Column, row: number, value: bigint): void {
  column.high[row] = value >> 64n;
  column.low[row] = value & LOW_MASK;
}
