/**
 * Moments of one or two DOUBLE columns in triples of cells, and the statistics made of them. Plain
 * sums of x, x², y, y², xy are kept, not central moments: their 159 bits leave about 1e-12 of the
 * result even where the mean is 1e8 deviations away, sums merge and retract, and the order of rows
 * does not matter. @hot
 *
 *   one column:  [Σx, Σx²]                 three cells each
 *   pairs (y,x): [Σy, Σx, Σy², Σx², Σyx]   three cells each
 */
import { addProduct, addToTriple, DoubleDouble } from './double-double.js';

export const MOMENT_CELLS = 6;
export const PAIR_CELLS = 15;

/** Σx² − (Σx)²/n in double-doubles, relative to Σx²: a few times 2^-106. */
const ROUNDING = 2e-31;

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

/** Adds `count` cells of sums of another group. */
export function addSums(
  cells: Float64Array,
  at: number,
  other: Float64Array,
  otherAt: number,
  count: number,
): void {
  for (let cell = 0; cell < count; cell += 3) {
    const [a, b, c] = [
      other[otherAt + cell]!,
      other[otherAt + cell + 1]!,
      other[otherAt + cell + 2]!,
    ];
    addToTriple(cells, at + cell, a);
    addToTriple(cells, at + cell, b);
    addToTriple(cells, at + cell, c);
  }
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

/** Σ(x − x̄)², 0 where only rounding is left of it. */
function spread(xx: DoubleDouble, x: DoubleDouble, count: number): number {
  const squares = count === 1 ? 0 : deviation(xx, x, x, count).value();
  if (!Number.isFinite(xx.high)) return Number.POSITIVE_INFINITY;
  return squares <= xx.high * ROUNDING ? 0 : squares;
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
  const squares = spread(
    DoubleDouble.ofTriple(cells, at + 3),
    DoubleDouble.ofTriple(cells, at),
    count,
  );
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
  const y = DoubleDouble.ofTriple(cells, at);
  const x = DoubleDouble.ofTriple(cells, at + 3);
  const yx = deviation(DoubleDouble.ofTriple(cells, at + 12), y, x, count);
  if (!Number.isFinite(yx.value())) return Number.POSITIVE_INFINITY;
  if (name === 'COVAR_POP') return count === 1 ? 0 : yx.value() / count;
  if (name === 'COVAR_SAMP') return yx.value() / (count - 1);
  const xx = spread(DoubleDouble.ofTriple(cells, at + 9), x, count);
  const yy = spread(DoubleDouble.ofTriple(cells, at + 6), y, count);
  if (xx === 0) return Number.NaN;
  if (name === 'REGR_SLOPE' || name === 'REGR_INTERCEPT') {
    const slope = yx.dividedBy(deviation(DoubleDouble.ofTriple(cells, at + 9), x, x, count));
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
