/**
 * Random typed expressions and batches for the law "kernel = interpreter". A Recipe is a tree of
 * choices without types; `build` reads it as an expression of a wanted type over a schema, so that
 * every recipe is valid and shrinking a choice to 0 gives a column.
 */
import fc from 'fast-check';
import type { ColumnKind } from '../../src/columnar/column.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTERVAL_MONTH,
  INTERVAL_MS,
  TIMESTAMP,
  VARCHAR,
  decimalType,
  sameType,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { canCast } from '../../src/functions/cast.js';
import { allFunctions } from '../../src/functions/function-registry.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import {
  caseOf,
  cast,
  coalesce,
  column,
  inList,
  letOf,
  literal,
  logical,
  tryCall,
} from './expressions.js';

export interface Recipe {
  readonly pick: number;
  readonly value: number;
  readonly args: readonly Recipe[];
}

export const recipes: fc.Arbitrary<Recipe> = fc.letrec<{ recipe: Recipe }>((tie) => ({
  recipe: fc.record({
    pick: fc.nat(1000),
    value: fc.nat(1000),
    args: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      { arbitrary: fc.constant<Recipe[]>([]), weight: 1 },
      { arbitrary: fc.array(tie('recipe'), { minLength: 1, maxLength: 3 }), weight: 3 },
    ),
  }),
})).recipe;

const ARRAY: SqlType = { kind: 'array', element: BIGINT };
const DECIMALS = [
  decimalType(5, 2),
  decimalType(12, 2),
  decimalType(18, 6),
  decimalType(38, 10),
  decimalType(38, 0),
  decimalType(38, 30),
];

/** Types of columns and of expressions asked for. */
export const TYPES: readonly SqlType[] = [
  ...[BIGINT, DOUBLE, BOOLEAN, VARCHAR, TIMESTAMP, ...DECIMALS],
  ...[DATE, INTERVAL_MS, INTERVAL_MONTH, ARRAY],
];

const SAFE = 2n ** 53n;
const BIGINTS: readonly bigint[] = [
  ...[0n, 1n, -1n, 2n, 3n, 7n, 10n, -10n, 19n, 42n, 99n, 100n, 1000n, -999n, 65_535n, 65_536n],
  ...[2n ** 31n - 1n, 2n ** 31n, -(2n ** 31n), 2n ** 32n, 123_456_789_012n, 1_700_000_000_000n],
  ...[SAFE - 1n, SAFE, SAFE + 1n, -SAFE, 1n - SAFE, -SAFE - 1n, 2n ** 62n, 10n ** 18n],
  ...[2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n - 2n, 3_037_000_500n, 94_906_267n],
];
const DOUBLES: readonly number[] = [
  ...[0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 0.2, 1.005, 2.675, 100, 249, 1e3, -1e-7, -0],
  ...[0.49999999999999994, 123456789.12345679, 2 ** 31, 2 ** 52 + 0.5, 2 ** 53, 2 ** 53 + 2],
  ...[2 ** 63, -(2 ** 63), 1e15, 1e21, 1e300, -1e300, 5e-324, Number.MAX_VALUE, 709.9],
  ...[NaN, Infinity, -Infinity],
];
const TEXTS: readonly string[] = [
  ...['', 'a', 'A', 'abc', 'SYM1', 'TRADER7', ' padded ', '12', '-3.5', '1e3', 'true', 'x%y_z'],
  ...['caf\u00e9', '\u6f22\u5b57', '\ud83d\ude00', '\uffff', '2024-01-15', '2024-12-20 01:02:03'],
  'a text that is longer than sixty-four bytes, so that it takes the other encoder path',
];
const TIMES: readonly number[] = [
  ...[
    0,
    1,
    -1,
    1_734_652_800_123,
    1_700_000_000_000,
    -86_400_000,
    8.64e15,
    -8.64e15,
    951_782_400_000,
    8.64e15 - 1,
    1 - 8.64e15,
    -62_135_596_800_000,
    -62_167_219_200_001,
    253_402_300_799_999,
  ],
];

function pickFrom<T>(items: readonly T[], at: number): T {
  const item = items[at % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** A value of the type; not NULL. */
export function valueOf(type: SqlType, choice: number): SqlValue {
  switch (type.kind) {
    case 'bigint':
      return pickFrom(BIGINTS, choice);
    case 'double':
      return pickFrom(DOUBLES, choice);
    case 'boolean':
      return choice % 2 === 1;
    case 'varchar':
      return pickFrom(TEXTS, choice);
    case 'timestamp':
      return pickFrom(TIMES, choice);
    case 'date':
      return pickFrom([0, 1, -1, 19_737, 100_000_000, -100_000_000], choice);
    case 'interval':
      return pickFrom(
        type.unit === 'month' ? [1, -1, 12, 0] : [1000, -1, 0, 86_400_000, 5],
        choice,
      );
    case 'decimal': {
      const bound = 10n ** BigInt(type.precision);
      const unit = 10n ** BigInt(type.scale);
      const wide = pickFrom(
        [...BIGINTS, unit, unit * 5n, bound - 1n, 1n - bound, bound / 2n],
        choice,
      );
      return wide % bound;
    }
    case 'array':
      return choice % 3 === 0 ? [] : [BigInt(choice), null];
    default:
      return null;
  }
}

const NULL_SHARE = 7;

export function nullableValueOf(type: SqlType, choice: number): SqlValue {
  return choice % NULL_SHARE === 0 ? null : valueOf(type, Math.floor(choice / NULL_SHARE));
}

type Make = (args: (type: SqlType) => BoundExpression) => BoundExpression | undefined;

/** The expression of type `wanted` that a recipe means over columns of the given types. */
export function build(
  recipe: Recipe,
  wanted: SqlType,
  schema: readonly SqlType[],
): BoundExpression {
  let next = 0;
  const argument = (type: SqlType): BoundExpression => {
    const given = recipe.args[next % Math.max(recipe.args.length, 1)];
    next += 1;
    return given === undefined
      ? leaf(recipe.value + next, type, schema)
      : build({ ...given, value: given.value + next }, type, schema);
  };
  if (recipe.args.length === 0) return leaf(recipe.value, wanted, schema);
  const makes = choices(recipe, wanted);
  const made = pickFrom(makes, recipe.pick)(argument);
  if (made === undefined) return leaf(recipe.value, wanted, schema);
  if (sameType(made.type, wanted)) return made;
  return canCast(made.type, wanted)
    ? cast(made, wanted, recipe.value % 5 === 0)
    : leaf(recipe.value, wanted, schema);
}

/** As a rule a column: of the type where there is one, else cast from another; else a literal. */
function leaf(choice: number, type: SqlType, schema: readonly SqlType[]): BoundExpression {
  const same = schema.flatMap((each, index) => (sameType(each, type) ? [index] : []));
  if (choice % 4 === 3) return literal(nullableValueOf(type, choice), type);
  if (same.length > 0) return column(pickFrom(same, choice), type);
  const others = schema.flatMap((each, index) => (canCast(each, type) ? [index] : []));
  if (others.length === 0) return literal(nullableValueOf(type, choice), type);
  const index = pickFrom(others, choice);
  return cast(column(index, schema[index] ?? BIGINT), type, choice % 3 !== 0);
}

function choices(recipe: Recipe, wanted: SqlType): readonly Make[] {
  const other = pickFrom(TYPES, recipe.value);
  return [
    (arg) =>
      canCast(other, wanted) ? cast(arg(other), wanted, recipe.value % 2 === 0) : undefined,
    (arg) => caseOf([[arg(BOOLEAN), arg(wanted)]], arg(wanted)),
    (arg) =>
      caseOf(
        [
          [arg(BOOLEAN), arg(wanted)],
          [arg(BOOLEAN), arg(wanted)],
        ],
        arg(wanted),
      ),
    (arg) => coalesce(arg(wanted), arg(wanted), arg(wanted)),
    (arg) => tryCall('NULLIF', arg(wanted), arg(wanted)),
    (arg) =>
      tryCall(recipe.value % 2 === 0 ? 'LEAST' : 'GREATEST', arg(wanted), arg(wanted), arg(wanted)),
    (arg) => sharedCase(recipe.value, arg(other), arg, wanted),
    (arg) => anyFunction(recipe.value + recipe.pick, arg),
    (arg) => anyFunction(recipe.value, arg),
    (arg) =>
      letOf(arg(wanted), (held) => caseOf([[arg(BOOLEAN), held]], coalesce(held, arg(wanted)))),
    ...choicesOf(wanted, recipe.value),
  ];
}

/** One value asked several things: kernels remember it, and must not where it is not reached. */
function sharedCase(
  value: number,
  shared: BoundExpression,
  arg: (type: SqlType) => BoundExpression,
  wanted: SqlType,
): BoundExpression | undefined {
  const { type } = shared;
  const branches = Array.from({ length: 1 + (value % 9) }, (_, at) => {
    const when = tryCall('=', shared, literal(valueOf(type, value + at), type));
    return when === undefined ? [] : [[when, arg(wanted)] as const];
  }).flat();
  if (branches.length === 0) return undefined;
  const otherwise = canCast(type, wanted) ? cast(shared, wanted, value % 2 === 0) : arg(wanted);
  return caseOf(branches, otherwise);
}

/** Functions that a row's values decide alone, and that no headers are needed for. */
const SCALARS = allFunctions().flatMap((each) =>
  'evaluate' in each && each.pure !== false && each.suppliedArgs === undefined ? [each] : [],
);
/** Their counts are lengths of text: up to 16 MiB a row would only take time. */
const LENGTHENING = ['REPEAT', 'LPAD', 'RPAD'];
/** What functions want written out: patterns, units, formats, paths, names of types. */
const WRITTEN = [
  ...['%a%', 'a%', '%c', '_', '%', '', 'x!%y', '%\u6f22%', 'a|b', '^[a-c]+', '(.)(.)', '[0-9]+$'],
  ...['YEAR', 'QUARTER', 'WEEK', 'MILLISECOND', 'days', 'hour', 'EPOCH', 'DOW', 'CENTURY'],
  ...['yyyy-MM-dd HH:mm:ss', 'YYYY/MM', 'HH:mm:ss.SSS', '$.a', '$[0]', '$', '!', ',', ' '],
  ...['TINYINT', 'SMALLINT', 'INT', 'UTC', 'America/New_York', '{"a":[1,{"b":null}]}', '-', 'G'],
];

/** A call of any function with arguments that it may take. */
function anyFunction(
  value: number,
  arg: (type: SqlType) => BoundExpression,
): BoundExpression | undefined {
  const picked = pickFrom(SCALARS, value);
  const [least, most] = picked.arity;
  const count = least + ((value >> 2) % (Math.min(most, least + 3) - least + 1));
  const args = Array.from({ length: count }, (_, at) => {
    const choice = Math.imul(value + at, 0x9e3779b1) >>> 7;
    if (choice % 4 === 0) return literal(pickFrom(WRITTEN, choice >> 3), VARCHAR);
    const type = choice % 4 === 1 ? VARCHAR : pickFrom(TYPES, choice >> 3);
    const isLength = type.kind === 'bigint' && LENGTHENING.includes(picked.name);
    return isLength ? small(choice) : arg(type);
  });
  const isLong = LENGTHENING.includes(picked.name) && args[1]?.kind !== 'literal';
  return isLong ? undefined : tryCall(picked.name, ...args);
}

/** Several of one operator in a row, left or right first. */
function chain(
  name: string,
  type: SqlType,
  value: number,
  arg: (type: SqlType) => BoundExpression,
): BoundExpression | undefined {
  let made: BoundExpression | undefined = arg(type);
  for (let left = 2 + (value % 12); left > 0 && made !== undefined; left -= 1) {
    made = value % 2 === 0 ? tryCall(name, made, arg(type)) : tryCall(name, arg(type), made);
  }
  return made;
}

const SIGNS = ['+', '-', '*', '/', '%'] as const;
const NUMBERS: readonly SqlType[] = [BIGINT, DOUBLE, ...DECIMALS];
const small = (choice: number): BoundExpression => literal(BigInt(choice % 12) - 2n, BIGINT);
const digits = (choice: number): BoundExpression => literal(BigInt(choice % 5), BIGINT);

function choicesOf(wanted: SqlType, value: number): readonly Make[] {
  const sign = pickFrom(SIGNS, value);
  const shape = pickFrom(DECIMALS, value >> 3);
  const point = literal(valueOf(shape, value), shape);
  switch (wanted.kind) {
    case 'bigint':
      return [
        ...['%', '+', '-', '*'].map(
          (name): Make =>
            (arg) =>
              tryCall(name, arg(BIGINT), arg(BIGINT)),
        ),
        (arg) => tryCall('%', arg(BIGINT), small(value)),
        (arg) => tryCall('*', arg(BIGINT), small(value)),
        (arg) => tryCall(pickFrom(['ABS', 'neg', 'SIGN', 'ROUND', 'FLOOR'], value), arg(BIGINT)),
        (arg) => tryCall('LENGTH', arg(VARCHAR)),
        (arg) => chain(sign, BIGINT, value, arg),
        (arg) => tryCall('checked', arg(BIGINT), literal(pickFrom(INTEGERS, value), VARCHAR)),
        (arg) => tryCall('-', arg(TIMESTAMP), arg(TIMESTAMP)),
        (arg) => tryCall('EXTRACT', literal(pickFrom(UNITS, value), VARCHAR), arg(TIMESTAMP)),
        (arg) => tryCall('POSITION', arg(VARCHAR), arg(VARCHAR)),
        (arg) => tryCall('SIGN', arg(pickFrom(NUMBERS, value))),
      ];
    case 'decimal':
    case 'double':
      return [
        (arg) => tryCall(sign, arg(wanted), arg(wanted)),
        (arg) => tryCall(sign, arg(pickFrom(NUMBERS, value)), arg(pickFrom(NUMBERS, value >> 3))),
        (arg) => tryCall(sign, arg(wanted), point),
        (arg) => tryCall('/', arg(BIGINT), point),
        (arg) => tryCall('/', arg(BIGINT), arg(BIGINT)),
        (arg) => tryCall('ROUND', arg(wanted), digits(value)),
        (arg) => chain(sign, pickFrom(NUMBERS, value), value, arg),
        (arg) => (wanted.kind === 'double' ? unified(arg(BIGINT)) : undefined),
        (arg) => tryCall(pickFrom(['ABS', 'neg', 'ROUND', 'FLOOR', 'CEIL'], value), arg(wanted)),
        (arg) => tryCall(pickFrom(MATHS, value), arg(pickFrom(NUMBERS, value))),
        (arg) => tryCall(pickFrom(['POWER', 'ATAN2'], value), arg(DOUBLE), arg(DOUBLE)),
      ];
    case 'boolean':
      return booleanChoices(value);
    case 'varchar':
      return [
        (arg) => tryCall('||', arg(VARCHAR), arg(VARCHAR)),
        (arg) => chain('||', VARCHAR, value, arg),
        (arg) => tryCall('CONCAT', arg(VARCHAR), arg(BIGINT)),
        (arg) =>
          tryCall('CONCAT', literal('SYM', VARCHAR), requireCall('%', arg(BIGINT), small(value))),
        (arg) => tryCall(pickFrom(['UPPER', 'LOWER', 'TRIM'], value), arg(VARCHAR)),
        (arg) => tryCall('SUBSTRING', arg(VARCHAR), small(value), arg(BIGINT)),
        (arg) => tryCall('SPLIT_PART', arg(VARCHAR), literal('a', VARCHAR), arg(BIGINT)),
        (arg) => tryCall('CONCAT', arg(VARCHAR), arg(VARCHAR), arg(pickFrom(TYPES, value))),
      ];
    case 'timestamp':
      return [
        (arg) => tryCall(value % 2 === 0 ? '+' : '-', arg(TIMESTAMP), arg(INTERVAL_MS)),
        (arg) => tryCall(value % 2 === 0 ? '+' : '-', arg(TIMESTAMP), arg(BIGINT)),
        (arg) => tryCall(value % 2 === 0 ? '+' : '-', arg(TIMESTAMP), arg(INTERVAL_MONTH)),
        (arg) => tryCall('+', arg(INTERVAL_MS), arg(TIMESTAMP)),
        (arg) => tryCall('FLOOR_TO', literal(pickFrom(UNITS, value), VARCHAR), arg(TIMESTAMP)),
      ];
    default:
      return [(arg) => tryCall('NULLIF', arg(wanted), arg(wanted))];
  }
}

const MATHS = ['SQRT', 'SIN', 'COS', 'TAN', 'ASIN', 'ATAN', 'EXP', 'LN', 'LOG', 'LOG10', 'ABS'];
const COMPARISONS = ['=', '<>', '<', '<=', '>', '>=', 'is-distinct'];
const UNITS = ['HOUR', 'MINUTE', 'SECOND', 'DAY', 'MONTH', 'YEAR', 'WEEK', 'MILLISECOND'];
const INTEGERS = ['TINYINT', 'SMALLINT', 'INT'];
const TESTS = ['is-true', 'is-false', 'is-unknown', 'not'];

/** BIGINT as DOUBLE, refused where a digit would be lost. */
function unified(value: BoundExpression): BoundExpression {
  return { kind: 'call', function: 'unified', args: [value], type: DOUBLE, span: value.span };
}

function requireCall(name: string, ...args: readonly BoundExpression[]): BoundExpression {
  const made = tryCall(name, ...args);
  if (made === undefined) throw new Error(`${name} takes these arguments`);
  return made;
}

function booleanChoices(value: number): readonly Make[] {
  const type = pickFrom(TYPES, value);
  const operator = value % 2 === 0 ? 'and' : 'or';
  const items = (count: number): BoundExpression[] =>
    Array.from({ length: count }, (_, at) => literal(nullableValueOf(type, value + at * 3), type));
  return [
    (arg) => tryCall(pickFrom(COMPARISONS, value), arg(type), arg(type)),
    (arg) => tryCall(pickFrom(COMPARISONS, value), arg(pickFrom(NUMBERS, value)), arg(BIGINT)),
    (arg) =>
      tryCall(
        pickFrom(COMPARISONS, value),
        arg(VARCHAR),
        literal(valueOf(VARCHAR, value), VARCHAR),
      ),
    (arg) => logical(operator, arg(BOOLEAN), arg(BOOLEAN)),
    (arg) => logical(operator, arg(BOOLEAN), arg(BOOLEAN), arg(BOOLEAN)),
    (arg) => tryCall(pickFrom(TESTS, value), arg(BOOLEAN)),
    (arg) => tryCall('is-null', arg(type)),
    (arg) =>
      letOf(arg(type), (held) =>
        logical(
          'and',
          tryCall('>=', held, arg(type)) ?? literal(true, BOOLEAN),
          tryCall('<=', held, arg(type)) ?? inList(held, arg(type)),
        ),
      ),
    (arg) => inList(arg(type), arg(type), arg(type)),
    (arg) => inList(arg(type), ...items(2)),
    (arg) => inList(arg(type), ...items(12)),
    (arg) => tryCall('like', arg(VARCHAR), literal(pickFrom(WRITTEN, value % 8), VARCHAR)),
    (arg) => tryCall('like', arg(VARCHAR), arg(VARCHAR)),
    (arg) =>
      tryCall(
        'like',
        arg(VARCHAR),
        literal(pickFrom(WRITTEN, value % 8), VARCHAR),
        literal('!', VARCHAR),
      ),
    (arg) => logical(operator, ...Array.from({ length: 4 + (value % 20) }, () => arg(BOOLEAN))),
  ];
}

/** Kinds that a column of these values may come in. */
export function kindsFor(type: SqlType, values: readonly SqlValue[]): readonly ColumnKind[] {
  const exact = values.filter((value) => typeof value === 'bigint');
  switch (type.kind) {
    case 'varchar':
      return ['dict', 'utf8'];
    case 'boolean':
      return ['bool'];
    case 'array':
      return ['list'];
    case 'bigint':
    case 'decimal': {
      const kinds: ColumnKind[] = [];
      if (exact.every((value) => Number.isSafeInteger(Number(value)))) kinds.push('f64', 'f64');
      if (exact.every((value) => BigInt.asIntN(64, value) === value)) kinds.push('i64');
      if (type.kind === 'decimal') kinds.push('i128');
      return kinds;
    }
    default:
      return ['f64'];
  }
}
