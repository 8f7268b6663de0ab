/** Corners where a kernel could leave the interpreter and random expressions seldom get. */
import { describe, test } from 'vitest';
import type { ColumnKind } from '../../src/columnar/column.js';
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import { expectAgreement } from './agreement.js';
import {
  call,
  caseOf,
  cast,
  coalesce,
  column,
  decimal,
  double,
  inList,
  int,
  letOf,
  literal,
  logical,
  text,
} from './expressions.js';
import type { Input } from './expressions.js';

const money = decimalType(12, 2);
const long = decimalType(38, 30);

/** The expressions over columns of the given values, which come once in each kind. */
function agree(
  inputs: readonly (readonly [SqlType, readonly SqlValue[], ...ColumnKind[]])[],
  projections: readonly BoundExpression[],
  filter: BoundExpression | null = null,
): void {
  const variants = Math.max(...inputs.map(([, , ...kinds]) => Math.max(kinds.length, 1)));
  const batches = Array.from({ length: variants }, (_, at) => ({
    selection: null,
    inputs: inputs.map(([type, values, ...kinds]): Input => ({ type, values, kind: kinds[at] })),
  }));
  const schema = inputs.map(([type]) => type);
  expectAgreement({ schema, filter, projections, batches });
}

const a = column(0, BIGINT, 'a');
const d = column(0, DOUBLE, 'd');
const s = column(0, VARCHAR, 's');
const m = column(0, money, 'm');

describe('a value that is held', () => {
  test('is no input of a memo table in front of its LET', () => {
    const held = letOf(call('LENGTH', call('UPPER', s)), (value) =>
      caseOf([[call('>', value, int(2)), value]], coalesce(value, int(7))),
    );
    const shown = call('CONCAT', text('n'), held);
    agree([[VARCHAR, ['abc', 'a', null, ''], 'dict', 'utf8']], [held, shown, cast(shown, VARCHAR)]);
    const number = letOf(cast(call('PI'), BIGINT), (value) =>
      caseOf([[call('>', a, int(1)), value]], coalesce(value, a)),
    );
    agree([[BIGINT, [1n, 2n, null]]], [number, call('CONCAT', text('n'), number)]);
  });
});

describe('numbers that JSON has no word for', () => {
  test('are values of their own: nothing is computed once for two of them', () => {
    const numbers = [Infinity, -Infinity, NaN, -0, 0];
    const one = (value: number): BoundExpression => call('=', d, double(value));
    agree(
      [[DOUBLE, numbers]],
      [
        caseOf(
          [
            [one(Infinity), int(1)],
            [one(-Infinity), int(2)],
            [one(NaN), int(3)],
          ],
          int(4),
        ),
        call('ARRAY', double(Infinity)),
        call('ARRAY', double(-Infinity)),
        call('ARRAY', double(0)),
        call('ARRAY', double(-0)),
        call('ATAN2', double(-0), d),
        call('ATAN2', double(0), d),
      ],
    );
  });
});

describe('what is reached', () => {
  const fails = call('=', call('/', int(1), column(1, BIGINT, 'b')), literal(1, DOUBLE));
  const both: Parameters<typeof agree>[0] = [
    [BIGINT, [1n, null, -1n, 1n, null, -1n]],
    [BIGINT, [0n, 0n, 0n, 1n, 1n, 1n]],
  ];

  test('a NULL condition does not keep WHERE from the conditions behind it', () => {
    agree(both, [a], logical('and', call('>', a, int(0)), fails));
    agree(both, [a], logical('and', call('is-null', a), call('>', a, int(0)), fails));
  });

  test('AND, OR, CASE, COALESCE and IN stop where the rest cannot matter', () => {
    agree(both, [
      logical('and', call('>', a, int(0)), fails),
      logical('or', call('>', a, int(0)), fails),
      logical('or', fails, call('>', a, int(0))),
      caseOf([[call('>', a, int(0)), literal(true, BOOLEAN)]], fails),
      coalesce(call('>', a, int(0)), fails),
    ]);
    const quotient = cast(call('/', int(1), column(1, BIGINT, 'b')), BIGINT);
    agree(both, [inList(a, int(1), quotient), inList(a, quotient, int(1))]);
  });

  test('a text that is not needed does not fail over its number', () => {
    const name = call('CONCAT', text('n'), call('%', int(10), a));
    agree([[BIGINT, [0n, 3n, null]]], [coalesce(text('x'), name)]);
    agree([[BIGINT, [0n, 3n, null]]], [coalesce(literal(null, VARCHAR), name)]);
  });

  test('a constant that fails, fails only the rows that reach it', () => {
    const failing = call('SQRT', int(-1));
    const shown = caseOf([[call('>', a, int(1)), failing]], double(0));
    agree([[BIGINT, [1n, 2n, null]]], [shown]);
  });
});

describe('numbers', () => {
  const NUMBERS = [NaN, Infinity, -Infinity, 0, -0, 1, 2, null, Number.MAX_VALUE];
  const COMPARISONS = ['=', '<>', '<', '<=', '>', '>=', 'is-distinct'];

  test('NaN equals itself and is above every number', () => {
    const e = column(1, DOUBLE, 'e');
    const inputs: Parameters<typeof agree>[0] = [
      [DOUBLE, NUMBERS.flatMap((value) => NUMBERS.map(() => value))],
      [DOUBLE, NUMBERS.flatMap(() => NUMBERS)],
    ];
    agree(
      inputs,
      COMPARISONS.map((name) => call(name, d, e)),
    );
    agree(
      inputs,
      COMPARISONS.flatMap((name) => [call(name, d, double(1)), call(name, double(1), d)]),
    );
    agree(
      inputs,
      ['LEAST', 'GREATEST'].map((name) => call(name, d, e, double(1))),
    );
    for (const sign of ['+', '-', '*', '/', '%']) agree(inputs, [call(sign, d, e)]);
  });

  test('BIGINT against DOUBLE compares without rounding', () => {
    const inputs: Parameters<typeof agree>[0] = [
      [BIGINT, [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, null, 5n], 'i64'],
      [DOUBLE, [2 ** 53, 2 ** 53, 2 ** 63, 1, NaN]],
    ];
    agree(
      inputs,
      COMPARISONS.map((name) => call(name, a, column(1, DOUBLE))),
    );
    agree(
      inputs,
      COMPARISONS.map((name) => call(name, column(1, DOUBLE), a)),
    );
  });

  test('implied zeros of a DECIMAL count in look-ups, functions and texts', () => {
    const wide = cast(a, money);
    const list = Array.from({ length: 12 }, (_, at) => literal(BigInt(at) * 100n, money));
    agree(
      [[BIGINT, [0n, 1n, 100n, 11n, null], 'f64', 'i64']],
      [
        inList(wide, ...list),
        inList(wide, ...list.slice(0, 3)),
        cast(wide, VARCHAR),
        call('NULLIF', wide, literal(100n, money)),
        call('LEAST', wide, decimal('0.5')),
        call('TRUNCATE', wide, int(1)),
      ],
    );
  });

  test('division by literals is exact or rounded half away from zero', () => {
    const divisors = ['100.0', '0.25', '-8', '3.0', '7', '0.0001', '-0.003', '1000000', '1.5', '0'];
    const quotients = divisors.map((divisor) => call('/', m, decimal(`${divisor}`)));
    const values = [0n, 1n, -1n, 99n, 12_345n, -99_999_999_999n, 999_999_999_999n, null];
    agree([[money, values, 'f64', 'i64', 'i128']], quotients);
    agree(
      [[money, values, 'f64', 'i64', 'i128']],
      quotients.map((each) => cast(each, DOUBLE, true)),
    );
    agree(
      [[BIGINT, [1n, 10n ** 15n, 2n ** 62n, -7n]]],
      [
        call('/', a, decimal('100.0')),
        call('SIN', call('/', a, decimal('100.0'))),
        call('ROUND', call('/', a, decimal('7.0')), int(2)),
      ],
    );
  });

  test('DECIMAL of any scale becomes the nearest DOUBLE', () => {
    const values = [1n, 10n ** 30n, 10n ** 30n + 1n, 123_456_789n, -(10n ** 37n), 0n, null];
    const l = column(0, long, 'l');
    agree([[long, values, 'i128']], [cast(l, DOUBLE), call('+', cast(l, DOUBLE), double(1))]);
    agree([[long, [1n, 5n, null], 'f64']], [cast(l, DOUBLE), call('*', l, l)]);
  });

  test('a divisor that cannot be zero does not throw at NULL rows', () => {
    const shifted = call('+', call('ABS', m), decimal('1.0'));
    agree(
      [[money, [null, 5n, null, 7n], 'f64', 'i64', 'i128']],
      [
        call('/', m, shifted),
        call('%', m, shifted),
        call('%', call('*', m, decimal('10000000000000000.0')), shifted),
      ],
    );
  });

  test('times add up to milliseconds within the calendar', () => {
    const t = column(0, TIMESTAMP, 't');
    const span = (size: number, unit: 'month' | 'millisecond'): BoundExpression =>
      literal(size, { kind: 'interval', unit });
    agree(
      [[TIMESTAMP, [0, -1, 8.64e15, -8.64e15, null, 1_709_164_800_000]]],
      [
        call('+', t, span(1, 'millisecond')),
        call('-', t, span(1, 'millisecond')),
        call('+', t, span(12, 'month')),
        call('-', t, literal(-8_640_000_000_000_000, TIMESTAMP)),
        call('+', t, int(2n ** 62n)),
        cast(t, BIGINT),
        call('>', t, int(5)),
      ],
    );
  });
});

describe('fields of a time', () => {
  const t = column(0, TIMESTAMP, 't');
  const day = 86_400_000;
  const times = [
    0,
    -1,
    1,
    999,
    -999,
    day - 1,
    day,
    -day,
    1_709_210_096_789,
    8.64e15,
    -8.64e15,
    null,
  ];

  test('are read as EXTRACT and its short forms read them', () => {
    const units = ['YEAR', 'QUARTER', 'MONTH', 'WEEK', 'DAY', 'DOY', 'DOW', 'HOUR', 'MINUTE'];
    const rest = ['SECOND', 'MILLISECOND', 'NANOSECOND', 'EPOCH', 'isoyear'];
    agree(
      [[TIMESTAMP, times]],
      [...units, ...rest].map((unit) => call('EXTRACT', text(unit), t)),
    );
    const short = ['YEAR', 'MONTH', 'DAYOFYEAR', 'DAYOFMONTH', 'HOUR', 'MINUTE', 'SECOND'];
    agree(
      [[TIMESTAMP, times]],
      short.map((name) => call(name, t)),
    );
    agree([[BIGINT, [0n, 3_600_000n, -1n, null], 'f64', 'i64']], [call('HOUR', a)]);
  });

  test('are cut off by FLOOR(ts TO unit)', () => {
    const units = ['SECOND', 'minutes', 'HOUR', 'DAY', 'MONTH', 'YEAR'];
    agree(
      [[TIMESTAMP, times]],
      units.map((unit) => call('FLOOR_TO', text(unit), t)),
    );
    agree([[TIMESTAMP, times]], [call('FLOOR_TO', text('WEEK'), t)]);
  });
});

describe('texts', () => {
  const TEXTS = ['', 'a', 'b', 'A', '\uffff', '\ud83d\ude00', 'caf\u00e9', null, 'a,b', '12'];
  const inputs: Parameters<typeof agree>[0] = [[VARCHAR, TEXTS, 'dict', 'utf8']];

  test('compare by their bytes, in place and as strings', () => {
    const t = column(1, VARCHAR, 't');
    const pairs: Parameters<typeof agree>[0] = [
      [VARCHAR, TEXTS.flatMap((value) => TEXTS.map(() => value)), 'dict', 'utf8', 'utf8', 'dict'],
      [VARCHAR, TEXTS.flatMap(() => TEXTS), 'dict', 'utf8', 'dict', 'utf8'],
    ];
    for (const name of ['=', '<>', '<', '<=', '>', '>=', 'is-distinct']) {
      agree(pairs, [
        call(name, s, t),
        call(name, s, text('b')),
        call(name, text('\ud83d\ude00'), s),
        call(name, call('||', s, t), text('aa')),
        call(name, call('||', s, t), t),
        call(name, caseOf([[call('=', s, t), text('a')]], text('b')), text('a')),
      ]);
    }
  });

  test('functions over one column give NULL, texts, numbers and failures by code', () => {
    agree(inputs, [
      call('NULLIF', s, text('b')),
      call('SPLIT_INDEX', s, text(','), int(1)),
      call('CONCAT', s, text('!')),
      coalesce(call('UPPER', s), text('none')),
      call('LENGTH', s),
      cast(s, DOUBLE, true),
      call('SPLIT', s, text(',')),
      inList(s, text('a'), literal(null, VARCHAR)),
      inList(s, ...Array.from('abcdefghijkl', (letter) => text(letter))),
    ]);
    agree(inputs, [cast(s, BIGINT)]);
    agree(inputs, [cast(s, decimalType(38, 20), true)]);
  });

  test('a function may give NULL for a text that is not', () => {
    agree(
      [[VARCHAR, ['a', 'a,b'], 'dict', 'utf8']],
      [
        call('SPLIT_INDEX', s, text(','), int(1)),
        call('NULLIF', s, text('a')),
        cast(s, BIGINT, true),
      ],
    );
  });

  test('functions over one whole number take any number and NULL', () => {
    const values = [0n, 5n, 65_535n, 65_536n, -3n, 5n, null, 2n ** 40n];
    agree(
      [[BIGINT, values, 'f64', 'i64']],
      [
        call('CONCAT', text('n'), a),
        call('||', text('n'), cast(a, VARCHAR)),
        call('LENGTH', cast(a, VARCHAR)),
        call('=', call('CONCAT', text('n'), a), text('n5')),
        cast(call('CONCAT', a, text('9')), BIGINT),
        call('SPLIT_PART', text('x,y,z'), text(','), call('%', a, int(4))),
      ],
    );
  });
});
