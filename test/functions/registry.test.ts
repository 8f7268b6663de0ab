/** Look-up of functions, and the signatures of aggregates and window functions. */
import { describe, expect, test } from 'vitest';
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  NULL_TYPE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
  typeText,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import {
  aggregateFunction,
  allFunctions,
  functionNames,
  scalarFunction,
  windowFunction,
} from '../../src/functions/function-registry.js';

/** Every function that the dialect lists, by kind. */
const SCALARS =
  `ABS ROUND CEIL CEILING FLOOR SQRT POWER POW MOD LEAST GREATEST EXP LN LOG SIGN SIN COS
  TAN ASIN ACOS ATAN ATAN2 PI UPPER LOWER SUBSTRING REPLACE TRIM LTRIM RTRIM LENGTH LEN CONCAT SPLIT
  JOIN LEFT RIGHT POSITION REGEXP REGEXP_REPLACE REGEXP_EXTRACT SPLIT_PART SPLIT_INDEX NOW
  CURRENT_TIMESTAMP EXTRACT DATE_FORMAT DATEDIFF FROM_UNIXTIME UNIX_TIMESTAMP TO_TIMESTAMP FLOOR_TO
  CEIL_TO NULLIF IF JSON_VALUE JSON_QUERY JSON_EXISTS JSON_EXTRACT ARRAY MAP ROW ARRAY_LENGTH
  ARRAY_CONTAINS MAP_KEYS MAP_VALUES HEADER HEADER_KEYS HAS_HEADER + - * / % neg = <> < <= > >= || not
  is-null is-true is-false is-unknown is-distinct like index field`.split(/\s+/);
const AGGREGATES =
  `COUNT SUM AVG MIN MAX COUNT_DISTINCT APPROX_COUNT_DISTINCT FIRST_VALUE LAST_VALUE
  LISTAGG COLLECT STRING_AGG GROUP_CONCAT MEDIAN STDDEV STDDEV_SAMP STDDEV_POP VARIANCE VAR_SAMP
  VAR_POP PERCENTILE_CONT PERCENTILE_DISC CORR COVAR_POP COVAR_SAMP REGR_SLOPE REGR_INTERCEPT REGR_R2
  DELTA`.split(/\s+/);
const WINDOWS =
  `ROW_NUMBER RANK DENSE_RANK PERCENT_RANK CUME_DIST NTILE LAG LEAD FIRST_VALUE LAST_VALUE
  NTH_VALUE`.split(/\s+/);

const info = (type: SqlType, literal?: SqlValue) => ({ type, literal });

describe('look-up', () => {
  test('every function of the dialect is there, in any case', () => {
    for (const name of SCALARS) {
      expect(scalarFunction(name), name).toBeDefined();
      expect(scalarFunction(name.toLowerCase()), name).toBe(scalarFunction(name.toUpperCase()));
    }
    for (const name of AGGREGATES) expect(aggregateFunction(name), name).toBeDefined();
    for (const name of WINDOWS) expect(windowFunction(name.toLowerCase()), name).toBeDefined();
  });

  test('what is not there is undefined, names of objects included', () => {
    for (const name of ['FROBNICATE', '', 'constructor', '__proto__', 'toString']) {
      expect(scalarFunction(name)).toBeUndefined();
      expect(aggregateFunction(name)).toBeUndefined();
      expect(windowFunction(name)).toBeUndefined();
    }
    expect(aggregateFunction('UPPER')).toBeUndefined();
    expect(windowFunction('SUM')).toBeUndefined();
  });

  test('aliases lead to one canonical name', () => {
    expect(scalarFunction('len')?.name).toBe('LENGTH');
    expect(scalarFunction('pow')?.name).toBe('POWER');
    expect(aggregateFunction('string_agg')?.name).toBe('LISTAGG');
    expect(aggregateFunction('group_concat')?.name).toBe('LISTAGG');
    expect(aggregateFunction('stddev')?.name).toBe('STDDEV_SAMP');
    expect(aggregateFunction('variance')?.name).toBe('VAR_SAMP');
  });

  test('no name means two functions of one kind', () => {
    const kinds = [scalarFunction, aggregateFunction, windowFunction] as const;
    for (const find of kinds) {
      for (const item of allFunctions()) {
        const found = find(item.name);
        if (found !== undefined) expect(found.name).toBe(item.name);
      }
    }
  });

  test('suggestions hold what a user may write, and no operators', () => {
    const names = functionNames();
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(['LEN', 'COUNT', 'LAG', 'CURRENT_TIMESTAMP']));
    for (const operator of ['+', 'NEG', 'NOT', 'IS-NULL', 'LIKE', 'INDEX', 'FIELD', 'FLOOR_TO']) {
      expect(names).not.toContain(operator);
    }
  });

  test('every entry says what it does, beginning with how it is written', () => {
    for (const item of allFunctions()) expect(item.about, item.name).toMatch(/^.{2,}: .+\.$/su);
  });
});

describe('aggregates', () => {
  const cases: readonly [string, readonly SqlType[], string][] = [
    ['COUNT', [], 'BIGINT'],
    ['COUNT', [VARCHAR], 'BIGINT'],
    ['COUNT_DISTINCT', [VARCHAR], 'BIGINT'],
    ['APPROX_COUNT_DISTINCT', [DOUBLE], 'BIGINT'],
    ['SUM', [BIGINT], 'BIGINT'],
    ['SUM', [DOUBLE], 'DOUBLE'],
    ['SUM', [decimalType(12, 2)], 'DECIMAL(38, 2)'],
    ['SUM', [NULL_TYPE], 'BIGINT'],
    ['AVG', [BIGINT], 'DOUBLE'],
    ['AVG', [DOUBLE], 'DOUBLE'],
    ['AVG', [decimalType(10, 2)], 'DECIMAL(38, 6)'],
    ['AVG', [decimalType(20, 8)], 'DECIMAL(38, 8)'],
    ['MIN', [VARCHAR], 'VARCHAR'],
    ['MAX', [TIMESTAMP], 'TIMESTAMP(3)'],
    ['DELTA', [BIGINT], 'BIGINT'],
    ['DELTA', [decimalType(5, 2)], 'DECIMAL(6, 2)'],
    ['DELTA', [TIMESTAMP], 'BIGINT'],
    ['FIRST_VALUE', [VARCHAR], 'VARCHAR'],
    ['LAST_VALUE', [BOOLEAN], 'BOOLEAN'],
    ['LISTAGG', [BIGINT], 'VARCHAR'],
    ['COLLECT', [BIGINT], 'ARRAY<BIGINT>'],
    ['MEDIAN', [BIGINT], 'DOUBLE'],
    ['STDDEV', [decimalType(5, 2)], 'DOUBLE'],
    ['VAR_POP', [BIGINT], 'DOUBLE'],
    ['CORR', [BIGINT, DOUBLE], 'DOUBLE'],
    ['REGR_SLOPE', [DOUBLE, DOUBLE], 'DOUBLE'],
  ];
  test.each(cases)('%s', (name, types, expected) => {
    const resolved = aggregateFunction(name)?.resolve(types.map((type) => info(type)));
    expect(resolved).toBeDefined();
    expect(resolved && 'type' in resolved && typeText(resolved.type)).toBe(expected);
    expect(resolved && 'argTypes' in resolved && resolved.argTypes).toHaveLength(types.length);
  });

  test('sums and statistics keep the argument type, so that no digit is lost on the way', () => {
    expect(aggregateFunction('AVG')?.resolve([info(BIGINT)])).toMatchObject({ argTypes: [BIGINT] });
    expect(aggregateFunction('CORR')?.resolve([info(BIGINT), info(BIGINT)])).toMatchObject({
      type: DOUBLE,
      argTypes: [BIGINT, BIGINT],
    });
    expect(aggregateFunction('DELTA')?.resolve([info(TIMESTAMP)])).toMatchObject({
      argTypes: [BIGINT],
    });
  });

  test('a percentile needs a literal fraction from 0 to 1', () => {
    const percentile = (fraction: { type: SqlType; literal: SqlValue | undefined }) =>
      aggregateFunction('PERCENTILE_DISC')?.resolve([info(VARCHAR), fraction]);
    expect(percentile(info(decimalType(2, 1), 3n))).toMatchObject({
      type: VARCHAR,
      argTypes: [VARCHAR, DOUBLE],
    });
    expect(percentile(info(BIGINT, 1n))).toMatchObject({ type: VARCHAR });
    expect(percentile(info(DOUBLE, 1.5))).toMatchObject({ key: 'FUNCTION_ARGUMENT', argument: 1 });
    expect(percentile(info(decimalType(2, 1), -1n))).toMatchObject({ key: 'FUNCTION_ARGUMENT' });
    expect(percentile(info(DOUBLE, undefined))).toMatchObject({ key: 'FUNCTION_ARGUMENT' });
    expect(aggregateFunction('PERCENTILE_CONT')?.literalArgsFrom).toBe(1);
  });

  test('what does not fit names the function', () => {
    expect(aggregateFunction('SUM')?.resolve([info(VARCHAR)])).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      message: 'argument 1 of function "SUM" is VARCHAR, not a number',
    });
    expect(aggregateFunction('SUM')?.resolve([])).toMatchObject({
      message: 'function "SUM" takes 1 argument, not 0',
    });
    expect(
      aggregateFunction('MIN')?.resolve([info({ kind: 'array', element: BIGINT })]),
    ).toMatchObject({ key: 'FUNCTION_ARGUMENT' });
    expect(aggregateFunction('LISTAGG')?.resolve([info(VARCHAR), info(VARCHAR)])).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      argument: 1,
    });
  });

  test('only what keeps no order merges without it', () => {
    for (const name of AGGREGATES) {
      const found = aggregateFunction(name);
      if (found?.orderSensitive) expect(found.mergeable).toBe(false);
    }
    expect(aggregateFunction('LISTAGG')?.orderSensitive).toBe(true);
    expect(aggregateFunction('SUM')?.mergeable).toBe(true);
  });

  test('every aggregate but a sketch gives rows back', () => {
    for (const name of AGGREGATES) {
      const isSketch = name === 'APPROX_COUNT_DISTINCT';
      expect(aggregateFunction(name)?.retractable, name).toBe(!isSketch);
    }
  });
});

describe('window functions', () => {
  test('ranks take no argument', () => {
    expect(windowFunction('ROW_NUMBER')?.resolve([])).toMatchObject({ type: BIGINT });
    expect(windowFunction('PERCENT_RANK')?.resolve([])).toMatchObject({ type: DOUBLE });
    expect(windowFunction('ROW_NUMBER')?.resolve([info(BIGINT)])).toMatchObject({
      key: 'FUNCTION_ARITY',
      message: 'function "ROW_NUMBER" takes no arguments, not 1',
    });
  });

  test('LAG and LEAD take one to three; the default shares the type', () => {
    const lag = windowFunction('LAG');
    expect(lag?.resolve([])).toMatchObject({ key: 'FUNCTION_ARITY' });
    expect(lag?.resolve([BIGINT, BIGINT, BIGINT, BIGINT].map((type) => info(type)))).toMatchObject({
      message: 'function "LAG" takes 1 to 3 arguments, not 4',
    });
    expect(lag?.resolve([info(BIGINT), info(BIGINT, 1n), info(DOUBLE, 0)])).toMatchObject({
      type: DOUBLE,
      argTypes: [DOUBLE, BIGINT, DOUBLE],
    });
    expect(lag?.resolve([info(BIGINT), info(BIGINT, -1n)])).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      argument: 1,
    });
    expect(lag?.resolve([info(BIGINT), info(BIGINT, 1n), info(VARCHAR, 'x')])).toMatchObject({
      key: 'TYPE_MISMATCH',
    });
  });

  test('counts start at 1', () => {
    expect(windowFunction('NTILE')?.resolve([info(BIGINT, 0n)])).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      message: 'function "NTILE": argument 1 must be at least 1, not 0',
    });
    expect(windowFunction('NTH_VALUE')?.resolve([info(VARCHAR), info(BIGINT, 0n)])).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      message: 'function "NTH_VALUE": argument 2 must be at least 1, not 0',
    });
    expect(windowFunction('NTH_VALUE')?.resolve([info(VARCHAR), info(BIGINT, 2n)])).toMatchObject({
      type: VARCHAR,
    });
  });
});
