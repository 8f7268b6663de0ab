/**
 * What generated kernels call to write results that are more than a cell: exact sums and averages
 * out of the safe range, DELTA, variance and regression. Owns the judgement of overflow. Each
 * returns WRITTEN, WIDENED or FAILED (group-object.ts). @hot
 */
import { BIGINT_MAX, BIGINT_MIN } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { NARROW_MAX } from '../../columnar/column.js';
import { quotientToDouble, roundedQuotient, settle, sumBigInt } from '../sums/exact-sums.js';
import { FAILED, WIDENED, WRITTEN } from '../values/group-object.js';
import { pairStatistic, variance } from '../sums/moments.js';
import type { MomentForm } from '../sums/moments.js';
import type { ResultRows } from '../result-rows.js';
import type { CellCodec } from '../values/value-cells.js';

export type ResultWriter = (
  results: ResultRows,
  column: number,
  row: number,
  cells: Float64Array,
  at: number,
  count: number,
) => number;

/** The least and greatest unscaled value of an exact type. */
export function exactLimits(type: SqlType): { readonly min: bigint; readonly max: bigint } {
  if (type.kind !== 'decimal') return { min: BIGINT_MIN, max: BIGINT_MAX };
  const max = 10n ** BigInt(type.precision) - 1n;
  return { min: -max, max };
}

/** SUM of BIGINT or DECIMAL in two or three cells. */
export function exactSumWriter(type: SqlType, wide: boolean): ResultWriter {
  const { min, max } = exactLimits(type);
  return (results, column, row, cells, at) => {
    const target = results.columns[column]!;
    if (settle(cells, at, wide) && target.kind === 'f64') {
      target.values[row] = cells[at]!;
      return WRITTEN;
    }
    const sum = sumBigInt(cells, at, wide);
    if (sum < min || sum > max) return FAILED;
    return results.setBigInt(column, row, sum) ? WIDENED : WRITTEN;
  };
}

/** AVG of BIGINT as the nearest DOUBLE. */
export function doubleAverageWriter(wide: boolean): ResultWriter {
  return (results, column, row, cells, at, count) => {
    const target = results.columns[column]!;
    if (target.kind !== 'f64') return FAILED;
    target.values[row] = settle(cells, at, wide)
      ? cells[at]! / count
      : quotientToDouble(sumBigInt(cells, at, wide), BigInt(count));
    return WRITTEN;
  };
}

/** AVG of DECIMAL, half away from zero at the result's scale, `digits` more than the argument's. */
export function decimalAverageWriter(type: SqlType, digits: number, wide: boolean): ResultWriter {
  const { min, max } = exactLimits(type);
  const factor = 10 ** digits;
  const wideFactor = 10n ** BigInt(digits);
  return (results, column, row, cells, at, count) => {
    const target = results.columns[column]!;
    if (settle(cells, at, wide) && target.kind === 'f64') {
      const sum = cells[at]!;
      const dividend = 2 * Math.abs(sum) * factor + count;
      if (dividend <= NARROW_MAX) {
        // Both operands are safe integers, so the floor of the rounded quotient is the exact one.
        const quotient = Math.floor(dividend / (2 * count));
        target.values[row] = sum < 0 && quotient > 0 ? -quotient : quotient;
        return WRITTEN;
      }
    }
    const average = roundedQuotient(sumBigInt(cells, at, wide) * wideFactor, BigInt(count));
    if (average < min || average > max) return FAILED;
    return results.setBigInt(column, row, average) ? WIDENED : WRITTEN;
  };
}

/** Greatest minus least, two value cells. */
export function writeDelta(
  results: ResultRows,
  column: number,
  row: number,
  cells: Float64Array,
  at: number,
  codec: CellCodec,
): number {
  const low = cells[at]!;
  const high = cells[at + 1]!;
  const target = results.columns[column]!;
  const difference = high - low;
  if (codec.ids === 'never') {
    if (target.kind === 'f64') target.values[row] = difference;
    return Number.isFinite(difference) ? WRITTEN : FAILED;
  }
  if (
    target.kind === 'f64' &&
    difference <= NARROW_MAX &&
    high <= NARROW_MAX &&
    low <= NARROW_MAX
  ) {
    target.values[row] = difference;
    return WRITTEN;
  }
  const exact = (codec.value(high) as bigint) - (codec.value(low) as bigint);
  const type = results.types[column]!;
  if (exact > exactLimits(type).max) return FAILED;
  return results.setBigInt(column, row, exact) ? WIDENED : WRITTEN;
}

/** VAR_…, STDDEV_…, CORR, COVAR_…, REGR_…. */
export function statisticWriter(name: string, form: MomentForm): ResultWriter {
  const sample = name.endsWith('_SAMP');
  const root = name.startsWith('STDDEV');
  const single = root || name.startsWith('VAR');
  return (results, column, row, cells, at, count) => {
    const value = single
      ? variance(cells, at, count, { sample, root, form })
      : pairStatistic(cells, at, count, { name, form });
    const target = results.columns[column]!;
    if (target.kind === 'f64') target.values[row] = value;
    if (Number.isNaN(value)) results.setNull(column, row);
    else if (!Number.isFinite(value)) return FAILED;
    return WRITTEN;
  };
}
