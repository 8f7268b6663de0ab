/**
 * Exact sums of integers in double cells, wider than any SQL type, without BigInt on the way:
 *
 *   value = cells[at] + cells[at + 1] × 2^48 + cells[at + 2] × 2^96
 *
 * every cell a safe integer. While a sum stays within ±(2^53 − 1) only the first cell moves, which
 * is what the generated kernels do inline; they call `spill` when it would leave. The third cell
 * exists only for DECIMAL beyond 64 bits. Overflow is judged by whoever makes a result. @hot
 */
import { NARROW_MAX } from '../../columnar/column.js';

const LIMB = 2 ** 48;
const MIDDLE_MAX = 2 ** 52;

/** Adds a safe integer whose sum with the first cell leaves the safe range. */
export function spill(cells: Float64Array, at: number, value: number): void {
  const high = Math.trunc(value / LIMB);
  addParts(cells, at, value - high * LIMB, high);
}

/** Adds low + high × 2^48 with |low| below 2^48. */
function addParts(cells: Float64Array, at: number, low: number, high: number): void {
  const sum = cells[at]!;
  const carry = Math.trunc(sum / LIMB);
  cells[at] = sum - carry * LIMB + low;
  cells[at + 1]! += carry + high;
}

/** Adds any safe integer. */
export function addSafe(cells: Float64Array, at: number, value: number): void {
  const sum = cells[at]! + value;
  if (sum >= -NARROW_MAX && sum <= NARROW_MAX) cells[at] = sum;
  else spill(cells, at, value);
}

/** Adds ± the 64-bit integer at `row` of a BigInt64Array seen as 32-bit words. */
export function addWords(
  cells: Float64Array,
  at: number,
  words: Int32Array,
  row: number,
  sign: number,
): void {
  const low = words[2 * row]! >>> 0;
  const high = words[2 * row + 1]!;
  if (high >= -0x1fffff && high < 0x1fffff) {
    addSafe(cells, at, sign * (high * 4294967296 + low));
    return;
  }
  const lowPart = (high & 0xffff) * 4294967296 + low;
  addParts(cells, at, sign * lowPart, sign * (high >> 16));
}

/** Adds any integer within 128 bits to a sum of three cells (two, if it fits 64 bits). */
export function addBigInt(cells: Float64Array, at: number, value: bigint, wide: boolean): void {
  const low = Number(BigInt.asUintN(48, value));
  const rest = value >> 48n;
  if (!wide) {
    addParts(cells, at, low, Number(rest));
    return;
  }
  addParts(cells, at, low, Number(BigInt.asUintN(48, rest)));
  const middle = cells[at + 1]!;
  const carry = middle > MIDDLE_MAX || middle < -MIDDLE_MAX ? Math.trunc(middle / LIMB) : 0;
  cells[at + 1] = middle - carry * LIMB;
  cells[at + 2]! += carry + Number(rest >> 48n);
}

/** Adds another sum of the same width. */
export function addSum(
  cells: Float64Array,
  at: number,
  other: Float64Array,
  otherAt: number,
  wide: boolean,
): void {
  addSafe(cells, at, other[otherAt]!);
  cells[at + 1]! += other[otherAt + 1]!;
  if (!wide) return;
  const middle = cells[at + 1]!;
  const carry = middle > MIDDLE_MAX || middle < -MIDDLE_MAX ? Math.trunc(middle / LIMB) : 0;
  cells[at + 1] = middle - carry * LIMB;
  cells[at + 2]! += carry + other[otherAt + 2]!;
}

export function sumBigInt(cells: Float64Array, at: number, wide: boolean): bigint {
  const sum = BigInt(cells[at]!) + (BigInt(cells[at + 1]!) << 48n);
  return wide ? sum + (BigInt(cells[at + 2]!) << 96n) : sum;
}

/** Brings a sum that has come back into the safe range into its first cell. True if it has. */
export function settle(cells: Float64Array, at: number, wide: boolean): boolean {
  if (wide && cells[at + 2] !== 0) {
    const total = sumBigInt(cells, at, true);
    if (total < -BigInt(NARROW_MAX) || total > BigInt(NARROW_MAX)) return false;
    cells[at] = Number(total);
    cells[at + 1] = 0;
    cells[at + 2] = 0;
    return true;
  }
  const total = cells[at]! + cells[at + 1]! * LIMB;
  if (!(total >= -NARROW_MAX && total <= NARROW_MAX)) return false;
  cells[at] = total;
  cells[at + 1] = 0;
  return true;
}

/** numerator / denominator rounded half away from zero; the denominator is positive. */
export function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const quotient = (2n * magnitude + denominator) / (2n * denominator);
  return numerator < 0n ? -quotient : quotient;
}

/** The double nearest to numerator / denominator; the denominator is positive. */
export function quotientToDouble(numerator: bigint, denominator: bigint): number {
  if (numerator === 0n) return 0;
  let top = numerator < 0n ? -numerator : numerator;
  let bottom = denominator;
  // 64 quotient bits and a sticky one: the conversion to a double rounds once.
  const shift = 64 + bitLength(bottom) - bitLength(top);
  if (shift > 0) top <<= BigInt(shift);
  else bottom <<= BigInt(-shift);
  let quotient = (top / bottom) << 1n;
  if (top % bottom !== 0n) quotient |= 1n;
  const value = Number(quotient) * 2 ** (-shift - 1);
  return numerator < 0n ? -value : value;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}
