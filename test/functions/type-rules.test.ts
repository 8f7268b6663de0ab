/** Which types join and compare, and the decimal types of results by Flink's rules. */
import { describe, expect, test } from 'vitest';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTERVAL_MONTH,
  INTERVAL_MS,
  NULL_TYPE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
  typeText,
} from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import {
  canCastImplicitly,
  commonType,
  comparisonTypes,
  decimalProductType,
  decimalQuotientType,
  decimalRemainderType,
  decimalRoundType,
  decimalSumType,
  membershipType,
} from '../../src/functions/type-rules.js';

const shape = (precision: number, scale: number): { precision: number; scale: number } => ({
  precision,
  scale,
});
const info = (type: SqlType, literal?: bigint | string | number) => ({ type, literal });
const numbers: SqlType = { kind: 'array', element: BIGINT };

describe('common type', () => {
  const cases: readonly [readonly SqlType[], SqlType | undefined][] = [
    [[BIGINT, BIGINT], BIGINT],
    [[BIGINT, DOUBLE], DOUBLE],
    [[BIGINT, decimalType(12, 2)], decimalType(21, 2)],
    [[decimalType(5, 4), BIGINT], decimalType(23, 4)],
    [[decimalType(10, 2), decimalType(8, 5)], decimalType(13, 5)],
    [[decimalType(38, 20), decimalType(38, 2)], decimalType(38, 6)],
    [[decimalType(10, 2), DOUBLE], DOUBLE],
    [[NULL_TYPE, BIGINT], BIGINT],
    [[VARCHAR, NULL_TYPE, VARCHAR], VARCHAR],
    [[NULL_TYPE, NULL_TYPE], NULL_TYPE],
    [[], NULL_TYPE],
    [[DATE, TIMESTAMP], TIMESTAMP],
    [[numbers, { kind: 'array', element: DOUBLE }], { kind: 'array', element: DOUBLE }],
    [[{ kind: 'array', element: NULL_TYPE }, numbers], numbers],
    [[VARCHAR, BIGINT], undefined],
    [[BOOLEAN, BIGINT], undefined],
    [[TIMESTAMP, BIGINT], undefined],
    [[INTERVAL_MS, INTERVAL_MONTH], undefined],
    [[numbers, VARCHAR], undefined],
  ];
  test.each(cases)('of %j is %j', (types, expected) => {
    expect(commonType(types)).toEqual(expected);
    expect(commonType([...types].reverse())).toEqual(expected);
  });
});

describe('decimal results', () => {
  test.each([
    ['sum', decimalSumType(shape(12, 2), shape(10, 4)), 'DECIMAL(15, 4)'],
    ['sum at the cap', decimalSumType(shape(38, 10), shape(38, 2)), 'DECIMAL(38, 6)'],
    ['product', decimalProductType(shape(12, 2), shape(12, 2)), 'DECIMAL(25, 4)'],
    ['product with BIGINT', decimalProductType(shape(3, 2), shape(19, 0)), 'DECIMAL(23, 2)'],
    ['product at the cap', decimalProductType(shape(38, 10), shape(38, 10)), 'DECIMAL(38, 6)'],
    ['quotient', decimalQuotientType(shape(10, 2), shape(5, 1)), 'DECIMAL(17, 8)'],
    [
      'quotient has 6 digits at least',
      decimalQuotientType(shape(3, 0), shape(1, 0)),
      'DECIMAL(9, 6)',
    ],
    ['quotient at the cap', decimalQuotientType(shape(38, 18), shape(38, 18)), 'DECIMAL(38, 6)'],
    ['remainder', decimalRemainderType(shape(10, 2), shape(5, 3)), 'DECIMAL(5, 3)'],
    ['ROUND to fewer digits', decimalRoundType(shape(5, 3), 1), 'DECIMAL(4, 1)'],
    ['ROUND to more digits', decimalRoundType(shape(5, 3), 7), 'DECIMAL(5, 3)'],
    ['ROUND to tens', decimalRoundType(shape(5, 3), -1), 'DECIMAL(3, 0)'],
  ])('%s', (_, type, expected) => {
    expect(typeText(type)).toBe(expected);
  });
});

describe('comparison', () => {
  const pair = (a: SqlType, b: SqlType): readonly SqlType[] | undefined =>
    comparisonTypes(info(a), info(b));

  test('exact numbers meet in a decimal that holds both', () => {
    expect(pair(decimalType(12, 2), BIGINT)).toEqual([decimalType(21, 2), decimalType(21, 2)]);
  });

  test('exact numbers whose join is too wide stay apart, so that none is rounded', () => {
    const wide = decimalType(38, 30);
    expect(pair(wide, BIGINT)).toEqual([wide, BIGINT]);
  });

  test('a BIGINT column stays exact beside a DOUBLE; a literal that fits is a DOUBLE', () => {
    expect(pair(BIGINT, DOUBLE)).toEqual([BIGINT, DOUBLE]);
    expect(comparisonTypes(info(DOUBLE), info(BIGINT, 100n))).toEqual([DOUBLE, DOUBLE]);
    expect(comparisonTypes(info(DOUBLE), info(BIGINT, 2n ** 53n + 1n))).toEqual([DOUBLE, BIGINT]);
  });

  test('DECIMAL beside DOUBLE is DOUBLE', () => {
    expect(pair(decimalType(5, 2), DOUBLE)).toEqual([DOUBLE, DOUBLE]);
  });

  test('BIGINT beside TIMESTAMP or INTERVAL counts milliseconds', () => {
    expect(pair(TIMESTAMP, BIGINT)).toEqual([BIGINT, BIGINT]);
    expect(pair(BIGINT, INTERVAL_MS)).toEqual([BIGINT, BIGINT]);
    expect(pair(BIGINT, INTERVAL_MONTH)).toBeUndefined();
  });

  test('a text literal beside a time is read as one, text of a column is not', () => {
    const literal = info(VARCHAR, '2024-01-01 00:00:00');
    expect(comparisonTypes(info(TIMESTAMP), literal)).toEqual([TIMESTAMP, TIMESTAMP]);
    expect(comparisonTypes(info(VARCHAR, '2024-01-01'), info(DATE))).toEqual([DATE, DATE]);
    expect(comparisonTypes(info(DATE), literal)).toEqual([TIMESTAMP, TIMESTAMP]);
    expect(pair(TIMESTAMP, VARCHAR)).toBeUndefined();
  });

  test('text, booleans and numbers do not compare with one another', () => {
    expect(pair(VARCHAR, BIGINT)).toBeUndefined();
    expect(comparisonTypes(info(VARCHAR, '1'), info(BIGINT))).toBeUndefined();
    expect(pair(BOOLEAN, DOUBLE)).toBeUndefined();
    expect(pair(BOOLEAN, VARCHAR)).toBeUndefined();
  });
});

describe('IN', () => {
  test('has one type for operand and list', () => {
    expect(membershipType([info(BIGINT), info(BIGINT, 1n), info(NULL_TYPE)])).toEqual(BIGINT);
    expect(membershipType([info(decimalType(5, 2)), info(BIGINT, 1n)])).toEqual(decimalType(21, 2));
    expect(membershipType([info(TIMESTAMP), info(VARCHAR, '2024-01-01')])).toEqual(TIMESTAMP);
    expect(membershipType([info(TIMESTAMP), info(BIGINT, 5n)])).toEqual(BIGINT);
    expect(membershipType([info(DATE), info(VARCHAR, '2024-01-01')])).toEqual(DATE);
    expect(membershipType([info(VARCHAR), info(BIGINT, 5n)])).toBeUndefined();
    expect(membershipType([info(BOOLEAN), info(BIGINT, 5n)])).toBeUndefined();
  });
});

test('only what loses nothing converts without a CAST', () => {
  expect(canCastImplicitly(NULL_TYPE, VARCHAR)).toBe(true);
  expect(canCastImplicitly(BIGINT, DOUBLE)).toBe(true);
  expect(canCastImplicitly(BIGINT, decimalType(19, 0))).toBe(true);
  expect(canCastImplicitly(BIGINT, decimalType(10, 0))).toBe(false);
  expect(canCastImplicitly(DOUBLE, BIGINT)).toBe(false);
  expect(canCastImplicitly(DATE, TIMESTAMP)).toBe(true);
  expect(canCastImplicitly(VARCHAR, BIGINT)).toBe(false);
});
