/**
 * Aggregates over a list of rows as values, from scratch each time and exact: what results mean,
 * without columns or state. For ROWS windows that keep their rows anyway, and the reference that
 * grouped state is tested against. O(n) and more per call: never on a path that is run per record
 * of an unbounded group.
 */
import type { SqlType, SqlValue } from '../columnar/types.js';
import { keepsNulls } from '../functions/aggregate-functions.js';
import { compareText } from '../functions/compare.js';
import type { AggregateCall, SortKey } from '../plan/pipeline/pipeline-plan.js';

export const OVERFLOW = Symbol('overflow');
type Row = readonly SqlValue[];

export function compareValues(a: SqlValue, b: SqlValue): number {
  if (typeof a === 'string' && typeof b === 'string') {
    return compareText(a, b);
  }
  if (a === b) return 0;
  return (a as number) < (b as number) ? -1 : 1;
}

export function keyText(value: SqlValue): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return `i${value}`;
  if (typeof value === 'object') {
    if (Array.isArray(value)) return `[${(value as SqlValue[]).map(keyText).join(',')}]`;
    const map = value as { keys: SqlValue[]; values: SqlValue[] };
    return `{${map.keys.map(keyText).join(',')}:${map.values.map(keyText).join(',')}}`;
  }
  return `${typeof value}:${String(value === 0 ? 0 : value)}`;
}

/** Order of rows under ORDER BY keys: stable, so ties keep arrival order. */
export function orderRows(rows: readonly Row[], keys: readonly SortKey[]): Row[] {
  return [...rows].sort((a, b) => {
    for (const key of keys) {
      const x = a[key.column] as SqlValue;
      const y = b[key.column] as SqlValue;
      if (x === null || y === null) {
        if (x === y) continue;
        return (x === null) === key.nullsFirst ? -1 : 1;
      }
      const order = compareValues(x, y);
      if (order !== 0) return key.descending ? -order : order;
    }
    return 0;
  });
}

export function toDouble(value: SqlValue, type: SqlType): number {
  if (typeof value === 'bigint') {
    return type.kind === 'decimal' ? ratio(value, 10n ** BigInt(type.scale)) : Number(value);
  }
  return value as number;
}

/** The double nearest to a quotient, through its decimal text. */
function ratio(numerator: bigint, denominator: bigint): number {
  const scaled = (numerator * 10n ** 60n) / denominator;
  return Number(`${scaled}e-60`);
}

/** Exact Σ of doubles as a multiple of 2^-1074, rounded once. */
const SCALE = 1074n;
function exact(value: number): bigint {
  const cell = new DataView(new ArrayBuffer(8));
  cell.setFloat64(0, value);
  const bits = cell.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & ((1n << 52n) - 1n);
  const mantissa = exponent === 0 ? fraction : fraction | (1n << 52n);
  const shifted = mantissa << BigInt(Math.max(exponent, 1) - 1);
  return bits >> 63n === 1n ? -shifted : shifted;
}
function exactToDouble(value: bigint, divisor = 1n): number {
  return ratioToDouble(value, divisor << SCALE);
}
export function ratioToDouble(numerator: bigint, denominator: bigint): number {
  if (numerator === 0n) return 0;
  const negative = numerator < 0n;
  let n = negative ? -numerator : numerator;
  let d = denominator;
  const shift = d.toString(2).length - n.toString(2).length + 70;
  if (shift > 0) n <<= BigInt(shift);
  else d <<= BigInt(-shift);
  let quotient = n / d;
  if (n % d !== 0n) quotient |= 1n;
  const result = scale(Number(quotient), -shift);
  return negative ? -result : result;
}
function scale(value: number, exponent: number): number {
  let result = value;
  let left = exponent;
  while (left > 1000) {
    result *= 2 ** 1000;
    left -= 1000;
  }
  while (left < -1000) {
    result *= 2 ** -1000;
    left += 1000;
  }
  return result * 2 ** left;
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  const quotient = (2n * magnitude + denominator) / (2n * denominator);
  return negative ? -quotient : quotient;
}

const DECIMAL_LIMIT = 10n ** 38n;
function checkExact(value: bigint, type: SqlType): SqlValue | typeof OVERFLOW {
  if (type.kind === 'decimal') {
    return value <= -DECIMAL_LIMIT || value >= DECIMAL_LIMIT ? OVERFLOW : value;
  }
  return BigInt.asIntN(64, value) === value ? value : OVERFLOW;
}
function checkDouble(value: number): SqlValue | typeof OVERFLOW {
  return Number.isFinite(value) ? value : OVERFLOW;
}

/** A number in units of 2^-1074 and of its type's scale. */
function unitsOf(value: SqlValue): bigint {
  return typeof value === 'bigint' ? value << SCALE : exact(value as number);
}
function unitOf(type: SqlType): bigint {
  return type.kind === 'decimal' ? 10n ** BigInt(type.scale) : 1n;
}
const total = (values: readonly bigint[]): bigint => values.reduce((sum, x) => sum + x, 0n);

/** Σ(x − x̄)(y − ȳ) / divisor, rounded once; the divisor holds the units of x and y, too. */
function deviation(xs: readonly bigint[], ys: readonly bigint[], divisor: bigint): number {
  const n = BigInt(xs.length);
  const products = total(xs.map((x, at) => x * (ys[at] as bigint)));
  const numerator = n * products - total(xs) * total(ys);
  return ratioToDouble(numerator, (n * divisor) << (2n * SCALE));
}

export function evaluateAggregate(
  call: AggregateCall,
  rows: readonly Row[],
): SqlValue | typeof OVERFLOW {
  let kept = rows;
  if (call.filter !== null) kept = kept.filter((row) => row[call.filter as number] === true);
  const column = call.args[0] ?? call.orderBy[0]?.column;
  const type = call.argTypes[0] ?? call.orderBy[0]?.type ?? { kind: 'null' };
  if (column === undefined) return BigInt(kept.length);
  if (!keepsNulls(call.function)) {
    kept = kept.filter(
      (row) => call.args.every((arg) => row[arg] !== null) && row[column] !== null,
    );
  }
  if (
    call.distinct ||
    call.function === 'COUNT_DISTINCT' ||
    call.function === 'APPROX_COUNT_DISTINCT'
  ) {
    const seen = new Set<string>();
    kept = kept.filter((row) => {
      const text = keyText(row[column] as SqlValue);
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    });
  }
  const ordered = orderRows(kept, call.orderBy);
  const values = ordered.map((row) => row[column] as SqlValue);
  return evaluateValues(call, type, values, ordered);
}

function evaluateValues(
  call: AggregateCall,
  type: SqlType,
  values: readonly SqlValue[],
  rows: readonly Row[],
): SqlValue | typeof OVERFLOW {
  const count = values.length;
  switch (call.function) {
    case 'COUNT':
    case 'COUNT_DISTINCT':
    case 'APPROX_COUNT_DISTINCT':
      return BigInt(count);
    case 'SUM':
      if (count === 0) return null;
      if (type.kind === 'double') {
        return checkDouble(exactToDouble((values as number[]).reduce((s, x) => s + exact(x), 0n)));
      }
      return checkExact(
        (values as bigint[]).reduce((s, x) => s + x, 0n),
        call.type,
      );
    case 'AVG': {
      if (count === 0) return null;
      if (type.kind === 'double') {
        const total = (values as number[]).reduce((s, x) => s + exact(x), 0n);
        return checkDouble(exactToDouble(total, BigInt(count)));
      }
      const total = (values as bigint[]).reduce((s, x) => s + x, 0n);
      if (call.type.kind !== 'decimal') return ratioToDouble(total, BigInt(count));
      const scaleUp = 10n ** BigInt(call.type.scale - (type.kind === 'decimal' ? type.scale : 0));
      return checkExact(roundedQuotient(total * scaleUp, BigInt(count)), call.type);
    }
    case 'MIN':
    case 'MAX':
    case 'DELTA': {
      if (count === 0) return null;
      const sorted = [...values].sort(compareValues);
      const low = sorted[0] as SqlValue;
      const high = sorted[count - 1] as SqlValue;
      if (call.function === 'MIN') return low;
      if (call.function === 'MAX') return high;
      if (typeof low === 'bigint') return checkExact((high as bigint) - low, call.type);
      return checkDouble((high as number) - (low as number));
    }
    case 'FIRST_VALUE':
      return values[0] ?? null;
    case 'LAST_VALUE':
      return values[count - 1] ?? null;
    case 'LISTAGG':
      return count === 0 ? null : values.join((call.literals[0] as string | undefined) ?? ',');
    case 'COLLECT':
    case 'ARRAY_AGG':
      return count === 0 ? null : values;
    default:
      return evaluateStatistics(call, type, values, rows);
  }
}

function evaluateStatistics(
  call: AggregateCall,
  type: SqlType,
  values: readonly SqlValue[],
  rows: readonly Row[],
): SqlValue | typeof OVERFLOW {
  const count = values.length;
  const doubles = values.map((value) => toDouble(value, type));
  switch (call.function) {
    case 'MEDIAN':
    case 'PERCENTILE_CONT': {
      if (count === 0) return null;
      const descending = call.orderBy[0]?.descending === true;
      const sorted = doubles.sort((a, b) => (descending ? b - a : a - b));
      const fraction =
        call.function === 'MEDIAN' ? 0.5 : literalDouble(call.literals[0] as SqlValue);
      const at = fraction * (count - 1);
      const low = sorted[Math.floor(at)] as number;
      const high = sorted[Math.ceil(at)] as number;
      return low + (high - low) * (at - Math.floor(at));
    }
    case 'PERCENTILE_DISC': {
      if (count === 0) return null;
      const descending = call.orderBy[0]?.descending === true;
      const sorted = [...values].sort((a, b) => (descending ? -1 : 1) * compareValues(a, b));
      const fraction = literalDouble(call.literals[0] as SqlValue);
      return sorted[Math.max(Math.ceil(fraction * count), 1) - 1] as SqlValue;
    }
    case 'VAR_POP':
    case 'STDDEV_POP':
    case 'VAR_SAMP':
    case 'STDDEV_SAMP': {
      const sample = call.function.endsWith('SAMP');
      if (count < (sample ? 2 : 1)) return null;
      const units = values.map(unitsOf);
      const divisor = BigInt(sample ? count - 1 : count) * unitOf(type) ** 2n;
      const variance = deviation(units, units, divisor);
      return checkDouble(call.function.startsWith('STD') ? Math.sqrt(variance) : variance);
    }
    default:
      return evaluatePairs(call, rows);
  }
}

function literalDouble(value: SqlValue): number {
  return typeof value === 'number' ? value : Number(value);
}

/** CORR(y, x), COVAR(y, x), REGR(y, x): y first. */
function evaluatePairs(call: AggregateCall, rows: readonly Row[]): SqlValue | typeof OVERFLOW {
  const [yColumn, xColumn] = call.args as [number, number];
  const [yType, xType] = call.argTypes as [SqlType, SqlType];
  const ys = rows.map((row) => unitsOf(row[yColumn] as SqlValue));
  const xs = rows.map((row) => unitsOf(row[xColumn] as SqlValue));
  const [yUnit, xUnit] = [unitOf(yType), unitOf(xType)];
  const n = BigInt(rows.length);
  if (n === 0n || (call.function === 'COVAR_SAMP' && n < 2n)) return null;
  const both = yUnit * xUnit;
  if (call.function === 'COVAR_POP') return checkDouble(deviation(xs, ys, n * both));
  if (call.function === 'COVAR_SAMP') return checkDouble(deviation(xs, ys, (n - 1n) * both));
  const sxx = deviation(xs, xs, xUnit ** 2n);
  const syy = deviation(ys, ys, yUnit ** 2n);
  const sxy = deviation(xs, ys, both);
  if (call.function === 'CORR') {
    if (sxx === 0 || syy === 0) return null;
    const root = sxx * syy;
    const isSafe = root > 0 && Number.isFinite(root);
    return sxy / (isSafe ? Math.sqrt(root) : Math.sqrt(sxx) * Math.sqrt(syy));
  }
  if (sxx === 0) return null;
  if (call.function === 'REGR_SLOPE') return sxy / sxx;
  if (call.function === 'REGR_R2') return syy === 0 ? 1 : (sxy / sxx) * (sxy / syy);
  // mean(y) - slope × mean(x), as one fraction.
  const [sumX, sumY] = [total(xs), total(ys)];
  const spread = n * total(xs.map((x) => x * x)) - sumX * sumX;
  const common = n * total(xs.map((x, at) => x * (ys[at] as bigint))) - sumX * sumY;
  return ratioToDouble(sumY * spread - common * sumX, (n * spread * yUnit) << SCALE);
}
