/**
 * Moments of one or two DOUBLE columns in double-double cells, and the statistics made of them.
 * Plain sums of x, x², y, y², xy are kept, not central moments: 106 bits leave about 1e-12 of the
 * result even where the mean is 1e8 deviations away, sums merge and retract exactly, and the order
 * of rows does not matter. @hot
 *
 *   one column:  [Σx, Σx²]                 two cells each
 *   pairs (y,x): [Σy, Σx, Σy², Σx², Σyx]   two cells each
 */
import { addDouble, addPair, addProduct, DoubleDouble } from './double-double.js';

export const MOMENT_CELLS = 4;
export const PAIR_CELLS = 10;

/** Error of a cell pair after one addition, relative to the sum: 2^-103. */
const ROUNDING = 1e-31;

export function addMoments(cells: Float64Array, at: number, x: number, sign: number): void {
  addDouble(cells, at, sign * x);
  addProduct(cells, at + 2, x, x, sign);
}

export function addPairMoments(
  cells: Float64Array,
  at: number,
  y: number,
  x: number,
  sign: number,
): void {
  addDouble(cells, at, sign * y);
  addDouble(cells, at + 2, sign * x);
  addProduct(cells, at + 4, y, y, sign);
  addProduct(cells, at + 6, x, x, sign);
  addProduct(cells, at + 8, y, x, sign);
}

/** Adds `count` cells of sums of another group. */
export function addSums(
  cells: Float64Array,
  at: number,
  other: Float64Array,
  otherAt: number,
  count: number,
): void {
  for (let cell = 0; cell < count; cell += 2) addPair(cells, at + cell, other, otherAt + cell);
}

/** Σ(x − x̄)(y − ȳ) from Σxy, Σx, Σy. */
function deviation(
  xy: DoubleDouble,
  x: DoubleDouble,
  y: DoubleDouble,
  count: number,
): DoubleDouble {
  return xy.minus(x.times(y).dividedBy(new DoubleDouble(count, 0)));
}

/** Σ(x − x̄)², 0 where only the rounding of the cells is left of it. */
function spread(xx: DoubleDouble, x: DoubleDouble, count: number): number {
  const squares = count === 1 ? 0 : deviation(xx, x, x, count).value();
  if (!Number.isFinite(xx.high)) return Number.POSITIVE_INFINITY;
  return squares <= xx.high * ROUNDING * count ? 0 : squares;
}

/** VAR_… and STDDEV_…; NaN stands for NULL. */
export function variance(
  cells: Float64Array,
  at: number,
  count: number,
  options: { readonly sample: boolean; readonly root: boolean },
): number {
  const divisor = options.sample ? count - 1 : count;
  if (divisor < 1) return Number.NaN;
  const squares = spread(DoubleDouble.at(cells, at + 2), DoubleDouble.at(cells, at), count);
  const result = squares / divisor;
  return options.root ? Math.sqrt(result) : result;
}

/** CORR, COVAR_…, REGR_… over pairs (y, x); NaN stands for NULL. */
export function pairStatistic(
  cells: Float64Array,
  at: number,
  count: number,
  name: string,
): number {
  if (count < (name === 'COVAR_SAMP' ? 2 : 1)) return Number.NaN;
  const y = DoubleDouble.at(cells, at);
  const x = DoubleDouble.at(cells, at + 2);
  const yx = deviation(DoubleDouble.at(cells, at + 8), y, x, count);
  if (!Number.isFinite(yx.value())) return Number.POSITIVE_INFINITY;
  if (name === 'COVAR_POP') return count === 1 ? 0 : yx.value() / count;
  if (name === 'COVAR_SAMP') return yx.value() / (count - 1);
  const xx = spread(DoubleDouble.at(cells, at + 6), x, count);
  const yy = spread(DoubleDouble.at(cells, at + 4), y, count);
  if (xx === 0) return Number.NaN;
  if (name === 'REGR_SLOPE' || name === 'REGR_INTERCEPT') {
    const slope = yx.dividedBy(deviation(DoubleDouble.at(cells, at + 6), x, x, count));
    if (name === 'REGR_SLOPE') return slope.value();
    return y.minus(slope.times(x)).dividedBy(new DoubleDouble(count, 0)).value();
  }
  if (yy === 0) return name === 'REGR_R2' ? 1 : Number.NaN;
  const product = xx * yy;
  const isSafe = product > Number.MIN_VALUE * 2 ** 53 && product < Number.MAX_VALUE;
  const root = isSafe ? Math.sqrt(product) : Math.sqrt(xx) * Math.sqrt(yy);
  const correlation = Math.min(1, Math.max(-1, yx.value() / root));
  if (name === 'CORR') return correlation;
  return isSafe ? Math.min(1, (yx.value() / xx) * (yx.value() / yy)) : correlation * correlation;
}
