/**
 * Moments of one or two numeric columns, and the statistics made of them. Plain sums of x, x², y,
 * y², xy are kept, not central moments: sums merge and retract, and the order of rows does not
 * matter. BIGINT and DECIMAL are summed as their unscaled integers, without a DOUBLE between. @hot
 *
 *   one column:  [Σx, Σx²]                 `size` cells each
 *   pairs (y,x): [Σy, Σx, Σy², Σx², Σyx]   `size` cells each
 *
 * Three cells hold 159 bits: squares of doubles and of 64-bit integers without loss. DECIMAL beyond
 * 64 bits has six. A result is made in double-double; where what is left of the subtraction is too
 * small for that (values near 2^53 that differ by 2), it is made from the cells as integers.
 */
import type { Column } from '../../columnar/column.js';
import { int128 } from '../../columnar/column.js';
import { addProduct, addToTriple, DoubleDouble, productError } from './double-double.js';
import { quotientToDouble } from './exact-sums.js';

/** Cells of one sum. */
export const SUM_CELLS = 3;
export const WIDE_SUM_CELLS = 6;
export const MOMENT_SUMS = 2;
export const PAIR_SUMS = 5;

export function addMoments(cells: Float64Array, at: number, x: number, sign: number): void {
  addToTriple(cells, at, sign * x);
  addProduct(cells, at + 3, x, x, sign);
}

export function addPairMoments(
  cells: Float64Array,
  at: number,
  y: number,
  x: number,
  sign: number,
): void {
  addToTriple(cells, at, sign * y);
  addToTriple(cells, at + 3, sign * x);
  addProduct(cells, at + 6, y, y, sign);
  addProduct(cells, at + 9, x, x, sign);
  addProduct(cells, at + 12, y, x, sign);
}

/** A value of any numeric column as the sum of three doubles. */
type Parts = Float64Array;
const first: Parts = new Float64Array(3);
const second: Parts = new Float64Array(3);

/** As addMoments for a column whose values no double holds, or with sums of another size. */
export function addColumnMoments(
  cells: Float64Array,
  at: number,
  size: number,
  column: Column,
  row: number,
  sign: number,
): void {
  readParts(first, column, row);
  addPartMoments(cells, at, size, sign);
}

/** As addMoments for an integer of any width. */
export function addIntegerMoments(
  cells: Float64Array,
  at: number,
  size: number,
  value: bigint,
  sign: number,
): void {
  splitInteger(first, value);
  addPartMoments(cells, at, size, sign);
}

function addPartMoments(cells: Float64Array, at: number, size: number, sign: number): void {
  addParts(cells, at, size, first, sign);
  addProducts(cells, at + size, size, first, first, sign);
}

export function addColumnPairMoments(
  cells: Float64Array,
  at: number,
  size: number,
  y: Column,
  x: Column,
  row: number,
  sign: number,
): void {
  readParts(first, y, row);
  readParts(second, x, row);
  addParts(cells, at, size, first, sign);
  addParts(cells, at + size, size, second, sign);
  addProducts(cells, at + 2 * size, size, first, first, sign);
  addProducts(cells, at + 3 * size, size, second, second, sign);
  addProducts(cells, at + 4 * size, size, first, second, sign);
}

function readParts(parts: Parts, column: Column, row: number): void {
  if (column.kind === 'i64') splitInteger(parts, column.values[row]!);
  else if (column.kind === 'i128') splitInteger(parts, int128(column.high[row]!, column.low[row]!));
  else {
    parts.fill(0);
    if (column.kind === 'f64') parts[0] = column.values[row]!;
  }
}

function splitInteger(parts: Parts, value: bigint): void {
  let rest = value;
  for (let at = 0; at < parts.length; at += 1) {
    parts[at] = Number(rest);
    rest -= BigInt(parts[at]!);
  }
}

function addParts(cells: Float64Array, at: number, size: number, parts: Parts, sign: number): void {
  for (let part = 0; part < parts.length; part += 1) {
    if (parts[part] !== 0) addToSum(cells, at, size, sign * parts[part]!);
  }
}

function addProducts(
  cells: Float64Array,
  at: number,
  size: number,
  a: Parts,
  b: Parts,
  sign: number,
): void {
  for (const x of a) {
    for (const y of b) {
      const product = x * y;
      if (product === 0) continue;
      addToSum(cells, at, size, sign * product);
      addToSum(cells, at, size, sign * productError(x, y, product));
    }
  }
}

/** Adds a double to `size` cells: what a cell cannot take goes to the next one. */
function addToSum(cells: Float64Array, at: number, size: number, value: number): void {
  let rest = value;
  for (let cell = at; cell < at + size - 1; cell += 1) {
    const before = cells[cell]!;
    const sum = before + rest;
    const part = sum - before;
    cells[cell] = sum;
    rest = before - (sum - part) + (rest - part);
  }
  cells[at + size - 1]! += rest;
}

/** Adds `count` sums of another group. */
export function addSums(
  cells: Float64Array,
  at: number,
  other: Float64Array,
  otherAt: number,
  sums: { readonly count: number; readonly size: number },
): void {
  const { count, size } = sums;
  const theirs = other.slice(otherAt, otherAt + count * size);
  for (let cell = 0; cell < theirs.length; cell += 1) {
    addToSum(cells, at + cell - (cell % size), size, theirs[cell]!);
  }
}

/** How the sums of a statistic are kept, and by what unscaled integers are divided. */
export interface MomentForm {
  readonly size: number;
  readonly yUnit: bigint;
  readonly xUnit: bigint;
}

/** Where the sums of Σab, Σa and Σb are. */
interface Places {
  readonly ab: number;
  readonly a: number;
  readonly b: number;
}

/** Double-doubles have 106 bits: from this part of a sum on, enough of them are left of it. */
const TRUSTED = 2e-16;
/** Rounding of the cells themselves; what is below is nothing. */
const ROUNDING_BITS = 150n;

/** Σ(a − ā)(b − b̄), to a few units of the last place. */
function deviation(cells: Float64Array, size: number, places: Places, count: number): number {
  const left = quickDeviation(cells, size, places, count);
  if (left !== null) return left.value();
  const [top, bottom] = exactDeviation(cells, size, places, count);
  return quotientToDouble(top, bottom);
}

/** The same in double-double; null where too little is left of it. */
function quickDeviation(
  cells: Float64Array,
  size: number,
  places: Places,
  count: number,
): DoubleDouble | null {
  const ab = DoubleDouble.ofCells(cells, places.ab, size);
  const a = DoubleDouble.ofCells(cells, places.a, size);
  const b = DoubleDouble.ofCells(cells, places.b, size);
  const means = a.times(b).dividedBy(new DoubleDouble(count, 0));
  if (!Number.isFinite(ab.high) || !Number.isFinite(means.high)) {
    return new DoubleDouble(Number.POSITIVE_INFINITY, 0);
  }
  const left = ab.minus(means);
  const greatest = Math.max(Math.abs(ab.high), Math.abs(means.high));
  return Math.abs(left.high) > TRUSTED * greatest ? left : null;
}

/** The same as a fraction, without rounding. */
function exactDeviation(
  cells: Float64Array,
  size: number,
  places: Places,
  count: number,
): readonly [bigint, bigint] {
  const sums = [places.a, places.b, places.ab].map((at) => cells.subarray(at, at + size));
  const bits = Math.max(...sums.map((sum) => Math.max(...Array.from(sum, fractionBits))));
  const [a, b, ab] = sums.map((sum, at) => inUnits(sum, at === 2 ? 2 * bits : bits)) as [
    bigint,
    bigint,
    bigint,
  ];
  const squares = BigInt(count) * ab;
  const top = squares - a * b;
  const isNothing = bits > 0 && absolute(top) <= absolute(squares) >> ROUNDING_BITS;
  return [isNothing ? 0n : top, BigInt(count) << BigInt(2 * bits)];
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

const bitCell = new DataView(new ArrayBuffer(8));

/** Bits behind the point of a double. */
function fractionBits(value: number): number {
  if (Number.isInteger(value)) return 0;
  bitCell.setFloat64(0, value);
  return 1075 - Math.max(1, (bitCell.getUint16(0) >> 4) & 0x7ff);
}

/** The sum of some doubles as a multiple of 2^-bits. */
function inUnits(parts: Float64Array, bits: number): bigint {
  let sum = 0n;
  for (const part of parts) {
    const own = fractionBits(part);
    const integer = own === 0 ? BigInt(part) : significand(part);
    sum += integer << BigInt(bits - own);
  }
  return sum;
}

/** value × 2^fractionBits(value). */
function significand(value: number): bigint {
  bitCell.setFloat64(0, value);
  const bits = bitCell.getBigUint64(0);
  const fraction = bits & ((1n << 52n) - 1n);
  const isNormal = ((bits >> 52n) & 0x7ffn) !== 0n;
  const magnitude = isNormal ? fraction | (1n << 52n) : fraction;
  return value < 0 ? -magnitude : magnitude;
}

/** Σ(x − x̄)². */
function spread(cells: Float64Array, size: number, places: Places, count: number): number {
  return count === 1 ? 0 : Math.max(0, deviation(cells, size, places, count));
}

/** VAR_… and STDDEV_…; NaN stands for NULL. */
export function variance(
  cells: Float64Array,
  at: number,
  count: number,
  options: { readonly sample: boolean; readonly root: boolean; readonly form: MomentForm },
): number {
  const { size, xUnit } = options.form;
  const divisor = options.sample ? count - 1 : count;
  if (divisor < 1) return Number.NaN;
  const squares = spread(cells, size, { ab: at + size, a: at, b: at }, count);
  const result = squares / divisor / Number(xUnit * xUnit);
  return options.root ? Math.sqrt(result) : result;
}

/** CORR, COVAR_…, REGR_… over pairs (y, x); NaN stands for NULL. */
export function pairStatistic(
  cells: Float64Array,
  at: number,
  count: number,
  options: { readonly name: string; readonly form: MomentForm },
): number {
  const { name, form } = options;
  const { size } = form;
  if (count < (name === 'COVAR_SAMP' ? 2 : 1)) return Number.NaN;
  const [y, x] = [at, at + size];
  const yxPlaces = { ab: at + 4 * size, a: y, b: x };
  const xxPlaces = { ab: at + 3 * size, a: x, b: x };
  const yx = count === 1 ? 0 : deviation(cells, size, yxPlaces, count);
  if (!Number.isFinite(yx)) return Number.POSITIVE_INFINITY;
  const [yUnit, xUnit] = [Number(form.yUnit), Number(form.xUnit)];
  if (name === 'COVAR_POP') return yx / count / (yUnit * xUnit);
  if (name === 'COVAR_SAMP') return yx / (count - 1) / (yUnit * xUnit);
  const xx = spread(cells, size, xxPlaces, count);
  if (xx === 0) return Number.NaN;
  if (name === 'REGR_SLOPE') return (yx / xx) * (xUnit / yUnit);
  if (name === 'REGR_INTERCEPT') return intercept(cells, size, yxPlaces, xxPlaces, count) / yUnit;
  const yy = spread(cells, size, { ab: at + 2 * size, a: y, b: y }, count);
  if (yy === 0) return name === 'REGR_R2' ? 1 : Number.NaN;
  return correlation(yx, xx, yy, name === 'REGR_R2');
}

function correlation(yx: number, xx: number, yy: number, isSquared: boolean): number {
  const product = xx * yy;
  const isSafe = product > Number.MIN_VALUE * 2 ** 53 && product < Number.MAX_VALUE;
  const root = isSafe ? Math.sqrt(product) : Math.sqrt(xx) * Math.sqrt(yy);
  const value = Math.min(1, Math.max(-1, yx / root));
  if (!isSquared) return value;
  return isSafe ? Math.min(1, (yx / xx) * (yx / yy)) : value * value;
}

/** (Σy − slope × Σx) / n. */
function intercept(
  cells: Float64Array,
  size: number,
  yxPlaces: Places,
  xxPlaces: Places,
  count: number,
): number {
  const yx = quickDeviation(cells, size, yxPlaces, count);
  const xx = quickDeviation(cells, size, xxPlaces, count);
  const { a: yAt, b: xAt } = yxPlaces;
  if (yx !== null && xx !== null) {
    const y = DoubleDouble.ofCells(cells, yAt, size);
    const x = DoubleDouble.ofCells(cells, xAt, size);
    return y.minus(yx.dividedBy(xx).times(x)).dividedBy(new DoubleDouble(count, 0)).value();
  }
  const sums = [yAt, xAt].map((at) => cells.subarray(at, at + size));
  const bits = Math.max(...sums.map((sum) => Math.max(...Array.from(sum, fractionBits))));
  const [y, x] = sums.map((sum) => inUnits(sum, bits)) as [bigint, bigint];
  const [yxTop, yxBottom] = exactDeviation(cells, size, yxPlaces, count);
  const [xxTop, xxBottom] = exactDeviation(cells, size, xxPlaces, count);
  const top = y * xxTop * yxBottom - yxTop * xxBottom * x;
  return quotientToDouble(top, (BigInt(count) * xxTop * yxBottom) << BigInt(bits));
}
