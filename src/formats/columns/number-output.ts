/**
 * Numbers as text bytes: DOUBLE in its shortest form (as JSON.stringify writes it), DECIMAL with
 * exactly its scale. Owns the digits that need no string on the way; rare forms go through one. @hot
 */
import type { ByteBuffer } from './byte-buffer.js';
import { POWERS_OF_TEN } from './number-text.js';

/** Digits behind the point that are tried before the engine's own printing. */
const FRACTION_DIGITS_MAX = 6;
/** Below 10^15 no two decimals of so many digits are the same double. */
const SHORTEST_MAX = 1e15;
/** Digits that appendPadded writes. */
const PADDED_DIGITS = 8;

/**
 * Appends a finite double in the shortest form that reads back as itself. If m / 10^k is the value
 * for some whole m below 10^15, its digits are that form: a shorter decimal would be another double.
 */
export function appendDouble(out: ByteBuffer, value: number): void {
  const size = Math.abs(value);
  if (size < SHORTEST_MAX) {
    for (let digits = 0; digits <= FRACTION_DIGITS_MAX; digits += 1) {
      const power = POWERS_OF_TEN[digits]!;
      const whole = Math.round(size * power);
      if (whole >= SHORTEST_MAX) break;
      if (whole / power === size) {
        appendDecimal(out, value < 0 ? -whole : whole, digits);
        return;
      }
    }
  }
  out.appendAscii(String(value));
}

/** Appends value / 10^scale with `scale` digits behind the point; value is a safe integer. */
export function appendDecimal(out: ByteBuffer, value: number, scale: number): void {
  if (scale === 0) {
    out.appendInteger(value);
    return;
  }
  if (scale > PADDED_DIGITS) {
    appendLong(out, value, scale);
    return;
  }
  const size = Math.abs(value);
  const power = POWERS_OF_TEN[scale]!;
  const whole = Math.floor(size / power);
  if (value < 0) out.appendByte(45);
  out.appendInteger(whole);
  out.appendByte(46);
  out.appendPadded(size - whole * power, scale);
}

/** Large scales, by way of a string. */
function appendLong(out: ByteBuffer, value: number, scale: number): void {
  const digits = String(Math.abs(value)).padStart(scale + 1, '0');
  const point = digits.length - scale;
  out.appendAscii(`${value < 0 ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`);
}
