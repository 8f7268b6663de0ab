/**
 * Signatures of the aggregate functions: result types, argument types and what a planner must
 * know of them. The accumulators that compute them are state/; they know the canonical names here.
 *
 * `retractable`: a −row can be taken back out, exactly, possibly with all values kept: a sketch
 * (APPROX_COUNT_DISTINCT) is the one thing that cannot.
 * `mergeable`: partial results of shards combine whatever the order of their rows.
 */
import {
  BIGINT,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  NULL_TYPE,
  VARCHAR,
  decimalType,
  isNumeric,
} from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import type {
  AggregateFunction,
  ArgumentInfo,
  ResolvedSignature,
  SignatureFault,
} from './registry-types.js';
import { argumentFault, checked, entry, takes, valueFault } from './signature.js';
import type { Resolve } from './signature.js';

/** What almost all of them are. */
const ORDERLESS = { retractable: true, mergeable: true, orderSensitive: false } as const;
/** Those whose result depends on the order of arrival. */
const ORDERED = { retractable: true, mergeable: false, orderSensitive: true } as const;

const AVERAGE_SCALE_MIN = 6;

function sumType(type: SqlType): SqlType {
  return type.kind === 'decimal' ? decimalType(DECIMAL_PRECISION_MAX, type.scale) : type;
}

function averageType(type: SqlType): SqlType {
  if (type.kind !== 'decimal') return DOUBLE;
  return decimalType(DECIMAL_PRECISION_MAX, Math.max(AVERAGE_SCALE_MIN, type.scale));
}

function deltaType(type: SqlType): SqlType {
  if (type.kind !== 'decimal') return type;
  return decimalType(Math.min(type.precision + 1, DECIMAL_PRECISION_MAX), type.scale);
}

/** One number, whose type gives the result's. */
function ofNumber(name: string, result: (type: SqlType) => SqlType): Resolve {
  return takes(name, ['number'], ([type]) => result(type ?? NULL_TYPE));
}

/** One value of a type that has an order; a bare NULL is read as BIGINT. */
function ofOrdered(name: string): Resolve {
  return (args) => {
    const type = orderedType(args);
    if (type === undefined) {
      return argumentFault(name, 0, 'a value that has an order', args[0]?.type ?? NULL_TYPE);
    }
    return { type, argTypes: args.map((argument, i) => (i === 0 ? type : argument.type)) };
  };
}

function orderedType(args: readonly ArgumentInfo[]): SqlType | undefined {
  const type = args[0]?.type ?? NULL_TYPE;
  if (type.kind === 'null') return BIGINT;
  return type.kind === 'array' || type.kind === 'map' || type.kind === 'row' ? undefined : type;
}

/** FIRST_VALUE, LAST_VALUE: one value of any type. */
const ofAny: Resolve = (args) => {
  const given = args[0]?.type ?? NULL_TYPE;
  const type = given.kind === 'null' ? BIGINT : given;
  return { type, argTypes: [type] };
};

/** COLLECT, ARRAY_AGG: values of one type; a bare NULL is read as VARCHAR. */
const ofList: Resolve = (args) => {
  const given = args[0]?.type ?? NULL_TYPE;
  const element = given.kind === 'null' ? VARCHAR : given;
  return { type: { kind: 'array', element }, argTypes: [element] };
};

/** DELTA of times is the milliseconds between them. */
function resolveDelta(args: readonly ArgumentInfo[]): ResolvedSignature | SignatureFault {
  if (args[0]?.type.kind === 'timestamp') return { type: BIGINT, argTypes: [BIGINT] };
  return ofNumber('DELTA', deltaType)(args);
}

function numbers(
  name: string,
  aliases: readonly string[],
  result: (type: SqlType) => SqlType,
  about: string,
): AggregateFunction {
  const resolve = name === 'DELTA' ? resolveDelta : ofNumber(name, result);
  return entry({ name, aliases, arity: [1, 1], resolve, ...ORDERLESS, about });
}

function extreme(name: string, about: string): AggregateFunction {
  return entry({ name, arity: [1, 1], resolve: ofOrdered(name), ...ORDERLESS, about });
}

/** A statistic of `count` numeric columns: exact ones are summed exactly, the result is DOUBLE. */
function statistic(
  name: string,
  aliases: readonly string[],
  count: 1 | 2,
  about: string,
): AggregateFunction {
  const resolve = takes(name, ['number', 'number'], DOUBLE);
  return entry({ name, aliases, arity: [count, count], resolve, ...ORDERLESS, about });
}

/** A fraction from 0 to 1, as a literal. */
function fractionFault(
  name: string,
  argument: ArgumentInfo | undefined,
): SignatureFault | undefined {
  const literal = argument?.literal;
  const type = argument?.type ?? NULL_TYPE;
  if (!isNumeric(type) || literal === undefined || literal === null) {
    return valueFault(name, 1, 'the fraction must be a literal number');
  }
  const scale = type.kind === 'decimal' ? type.scale : 0;
  const value = Number(literal) / 10 ** scale;
  if (value >= 0 && value <= 1) return undefined;
  return valueFault(name, 1, `the fraction must be from 0 to 1, not ${value}`);
}

const median: AggregateFunction = entry({
  name: 'MEDIAN',
  arity: [1, 1],
  resolve: takes('MEDIAN', ['double'], DOUBLE),
  ...ORDERLESS,
  about: 'MEDIAN(x): the middle value, or the mean of the two.',
});

/** Arguments (value, fraction): the binder passes WITHIN GROUP's column first. */
const percentileCont: AggregateFunction = entry({
  name: 'PERCENTILE_CONT',
  arity: [2, 2],
  resolve: checked(takes('PERCENTILE_CONT', ['double', 'double'], DOUBLE), ([, fraction]) =>
    fractionFault('PERCENTILE_CONT', fraction),
  ),
  literalArgsFrom: 1,
  ...ORDERLESS,
  about: 'PERCENTILE_CONT(f) WITHIN GROUP (ORDER BY x): interpolated between neighbours.',
});

const percentileDisc: AggregateFunction = entry({
  name: 'PERCENTILE_DISC',
  arity: [2, 2],
  resolve: checked(
    (args) => {
      const resolved = ofOrdered('PERCENTILE_DISC')(args);
      if ('key' in resolved) return resolved;
      return { type: resolved.type, argTypes: [resolved.type, DOUBLE] };
    },
    ([, fraction]) => fractionFault('PERCENTILE_DISC', fraction),
  ),
  literalArgsFrom: 1,
  ...ORDERLESS,
  about: 'PERCENTILE_DISC(f) WITHIN GROUP (ORDER BY x): the first value at or above f.',
});

const textList: AggregateFunction = entry({
  name: 'LISTAGG',
  aliases: ['STRING_AGG', 'GROUP_CONCAT'],
  arity: [1, 2],
  resolve: (args) => {
    const separator = args[1];
    if (separator !== undefined && typeof separator.literal !== 'string') {
      return valueFault('LISTAGG', 1, 'the separator must be a literal text');
    }
    return { type: VARCHAR, argTypes: args.map(() => VARCHAR) };
  },
  literalArgsFrom: 1,
  ...ORDERED,
  about: "LISTAGG(x[, separator]): the texts in order of arrival, ',' between them.",
});

const counts: readonly AggregateFunction[] = [
  entry({
    name: 'COUNT',
    arity: [0, 1],
    resolve: takes('COUNT', ['any'], BIGINT),
    ...ORDERLESS,
    about: 'COUNT(*): rows; COUNT(x): values that are not NULL.',
  }),
  entry({
    name: 'COUNT_DISTINCT',
    arity: [1, 1],
    resolve: takes('COUNT_DISTINCT', ['any'], BIGINT),
    ...ORDERLESS,
    about: 'COUNT_DISTINCT(x), COUNT(DISTINCT x): different values that are not NULL.',
  }),
  entry({
    name: 'APPROX_COUNT_DISTINCT',
    arity: [1, 1],
    resolve: takes('APPROX_COUNT_DISTINCT', ['any'], BIGINT),
    ...ORDERLESS,
    retractable: false,
    about: 'APPROX_COUNT_DISTINCT(x): different values, estimated in bounded memory.',
  }),
];

const ordered: readonly AggregateFunction[] = [
  entry({
    name: 'FIRST_VALUE',
    arity: [1, 1],
    resolve: ofAny,
    ...ORDERED,
    about: 'FIRST_VALUE(x): the first value that is not NULL, in order of arrival.',
  }),
  entry({
    name: 'LAST_VALUE',
    arity: [1, 1],
    resolve: ofAny,
    ...ORDERED,
    about: 'LAST_VALUE(x): the last value that is not NULL, in order of arrival.',
  }),
  textList,
  entry({
    name: 'COLLECT',
    arity: [1, 1],
    resolve: ofList,
    ...ORDERED,
    about: 'COLLECT(x): the values that are not NULL as an ARRAY in order of arrival.',
  }),
  entry({
    name: 'ARRAY_AGG',
    arity: [1, 1],
    resolve: ofList,
    ...ORDERED,
    about: 'ARRAY_AGG(x): the values as an ARRAY in order of arrival, NULLs among them.',
  }),
];

/** Whether NULLs are values to an aggregate, by its name; the others skip them. */
export function keepsNulls(name: string): boolean {
  return name === 'ARRAY_AGG';
}

export const AGGREGATES: readonly AggregateFunction[] = [
  ...counts,
  numbers('SUM', [], sumType, 'SUM(x): the sum, in the type of x.'),
  numbers('AVG', [], averageType, 'AVG(x): the mean, DOUBLE or DECIMAL.'),
  extreme('MIN', 'MIN(x): the smallest value.'),
  extreme('MAX', 'MAX(x): the greatest value.'),
  numbers('DELTA', [], deltaType, 'DELTA(x): the greatest value minus the smallest.'),
  ...ordered,
  median,
  percentileCont,
  percentileDisc,
  statistic('STDDEV_SAMP', ['STDDEV'], 1, 'STDDEV_SAMP(x): the sample standard deviation.'),
  statistic('STDDEV_POP', [], 1, 'STDDEV_POP(x): the population standard deviation.'),
  statistic('VAR_SAMP', ['VARIANCE'], 1, 'VAR_SAMP(x): the sample variance.'),
  statistic('VAR_POP', [], 1, 'VAR_POP(x): the population variance.'),
  statistic('CORR', [], 2, 'CORR(y, x): the correlation of the pairs without NULL.'),
  statistic('COVAR_POP', [], 2, 'COVAR_POP(y, x): the population covariance.'),
  statistic('COVAR_SAMP', [], 2, 'COVAR_SAMP(y, x): the sample covariance.'),
  statistic('REGR_SLOPE', [], 2, 'REGR_SLOPE(y, x): the slope of the line of best fit.'),
  statistic('REGR_INTERCEPT', [], 2, 'REGR_INTERCEPT(y, x): where that line meets x = 0.'),
  statistic('REGR_R2', [], 2, 'REGR_R2(y, x): the square of the correlation.'),
];
