/**
 * Numbers as bytes: reads sign, digits, point and exponent once and gives the value as a correctly
 * rounded double, as 64-bit words or as a bigint. Owns the conversion that JSON numbers, number
 * texts and CSV fields share; which value a column takes is target-number.ts. @hot
 *
 *   number := [sign] digits ['.' digits] [('e'|'E') [sign] digits]     blanks around it are dropped
 *   ('5.' and '.5' are numbers here; JSON's stricter grammar is json-scanner.ts)
 *
 * value = ±(head × 10^tailDigits + tail) × 10^exponent for up to 19 significant digits.
 */
import { parseNumberText } from '../../functions/decimal.js';
import type { NumberParts } from '../../functions/decimal.js';

/** Significant digits that head and tail hold together. */
const DIGITS_MAX = 19;
const HEAD_DIGITS = 9;
/** Up to 10^15 every whole number is exact in a double, with room for a rounding carry. */
export const SAFE_DIGITS = 15;

/** 10^n, exact in a double up to n = 22. */
export const POWERS_OF_TEN = new Float64Array(23).map((_, n) => Number(`1e${n}`));
const POWER_EXACT_MAX = 22;
/** Exponents of more digits saturate: 10^99999 and 10^999999999 fail alike. */
const EXPONENT_MAX = 99_999;

const TWO_32 = 4_294_967_296;
const SPLITTER = 134_217_729;

export class NumberText {
  negative = false;
  /** Significant digits: leading zeros do not count. */
  digits = 0;
  head = 0;
  tail = 0;
  tailDigits = 0;
  exponent = 0;
  /** Magnitude as two unsigned words, after words() returned true. */
  wordHigh = 0;
  wordLow = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;
  private end = 0;

  /** Reads `bytes[start, end)`; false when that is no number. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start;
    let last = end;
    while (at < last && isBlank(bytes[at]!)) at += 1;
    while (last > at && isBlank(bytes[last - 1]!)) last -= 1;
    this.bytes = bytes;
    this.start = at;
    this.end = last;
    this.negative = false;
    if (at < last && (bytes[at] === 45 || bytes[at] === 43)) {
      this.negative = bytes[at] === 45;
      at += 1;
    }
    this.digits = 0;
    this.head = 0;
    this.tail = 0;
    this.tailDigits = 0;
    const point = this.readDigits(at, last);
    let seen = point - at;
    let fraction = 0;
    at = point;
    if (at < last && bytes[at] === 46) {
      const fractionEnd = this.readDigits(at + 1, last);
      fraction = fractionEnd - at - 1;
      seen += fraction;
      at = fractionEnd;
    }
    if (seen === 0) return false;
    this.exponent = -fraction;
    return at === last || this.readExponent(at, last);
  }

  /** Whether all digits are held by head and tail. */
  get held(): boolean {
    return this.digits <= DIGITS_MAX;
  }

  /** The digits as a whole number, exact up to SAFE_DIGITS. */
  significand(): number {
    return this.head * POWERS_OF_TEN[this.tailDigits]! + this.tail;
  }

  /** The nearest double; infinite beyond the range. */
  toDouble(): number {
    const { exponent } = this;
    let value: number;
    if (this.digits <= SAFE_DIGITS && exponent >= -POWER_EXACT_MAX && exponent <= 22) {
      const whole = this.significand();
      // Both operands are exact, so the one division or multiplication rounds correctly.
      value = exponent < 0 ? whole / POWERS_OF_TEN[-exponent]! : whole * POWERS_OF_TEN[exponent]!;
    } else {
      value = this.toDoubleLong();
    }
    return this.negative ? -value : value;
  }

  /** Splits the digits, taken as a whole number, into words; false when they need over 64 bits. */
  words(): boolean {
    if (this.digits > DIGITS_MAX) return false;
    const power = POWERS_OF_TEN[this.tailDigits]!;
    const headHigh = this.head >>> 16;
    // head × power + tail = upper × 2^16 + lower; all four products stay below 2^53.
    const upper = headHigh * power;
    const lower = (this.head & 0xffff) * power + this.tail;
    const upperHigh = Math.floor(upper / 65_536);
    const lowerHigh = Math.floor(lower / TWO_32);
    const low = (upper - upperHigh * 65_536) * 65_536 + (lower - lowerHigh * TWO_32);
    const carry = low >= TWO_32 ? 1 : 0;
    this.wordLow = low - carry * TWO_32;
    this.wordHigh = upperHigh + lowerHigh + carry;
    return true;
  }

  /** The exact number of any length, by way of text: rare. */
  parts(): NumberParts {
    const parts = parseNumberText(this.text());
    return parts ?? { digits: 0n, exponent: 0, length: 1 };
  }

  private text(): string {
    let text = '';
    for (let at = this.start; at < this.end; at += 1) text += String.fromCharCode(this.bytes[at]!);
    return text;
  }

  /** Takes digits from `from` on; where they end. */
  private readDigits(from: number, last: number): number {
    const { bytes } = this;
    let { digits, head, tail, tailDigits } = this;
    let at = from;
    for (; at < last; at += 1) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      if (digits === 0 && digit === 0) continue;
      if (digits < HEAD_DIGITS) {
        head = head * 10 + digit;
      } else if (digits < DIGITS_MAX) {
        tail = tail * 10 + digit;
        tailDigits += 1;
      }
      digits += 1;
    }
    this.digits = digits;
    this.head = head;
    this.tail = tail;
    this.tailDigits = tailDigits;
    return at;
  }

  private readExponent(from: number, last: number): boolean {
    const { bytes } = this;
    if (bytes[from] !== 101 && bytes[from] !== 69) return false;
    let at = from + 1;
    const sign = at < last ? bytes[at] : 0;
    if (sign === 45 || sign === 43) at += 1;
    if (at === last) return false;
    let exponent = 0;
    for (; at < last; at += 1) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return false;
      exponent = Math.min(exponent * 10 + digit, EXPONENT_MAX);
    }
    this.exponent += sign === 45 ? -exponent : exponent;
    return true;
  }

  /** 16 to 19 digits as doubles print them; the rest is for the engine's own correct parser. */
  private toDoubleLong(): number {
    const { exponent } = this;
    if (this.digits <= DIGITS_MAX && exponent <= 0 && exponent >= -POWER_EXACT_MAX) {
      const value = longQuotient(this.head, this.tail, this.tailDigits, -exponent);
      if (value === value) return value;
    }
    return Math.abs(Number(this.text()));
  }
}

/**
 * (head × 10^tailDigits + tail) / 10^fraction, correctly rounded, for up to 19 digits and a fraction
 * of up to 22: in double-double arithmetic, which decides the rounding unless the quotient is too
 * near the middle of two doubles. NaN then.
 */
export function longQuotient(
  head: number,
  tail: number,
  tailDigits: number,
  fraction: number,
): number {
  const power = POWERS_OF_TEN[tailDigits]!;
  const product = head * power;
  const productRest = productError(head, power, product);
  const sum = product + tail;
  const sumRest = tail - (sum - product) + productRest;
  const high = sum + sumRest;
  if (fraction === 0) return high;
  const low = sumRest - (high - sum);
  const divisor = POWERS_OF_TEN[fraction]!;
  const quotient = high / divisor;
  const back = quotient * divisor;
  const rest = (high - back - productError(quotient, divisor, back) + low) / divisor;
  // The rest is good to 2^-51 of itself; if that cannot change the sum, the sum is right.
  const above = quotient + rest * (1 + 2 ** -48);
  const below = quotient + rest * (1 - 2 ** -48);
  return above === below ? above : Number.NaN;
}

/** a × b - product, exactly (Dekker), where product is the rounded a × b. */
function productError(a: number, b: number, product: number): number {
  const aScaled = a * SPLITTER;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * SPLITTER;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
