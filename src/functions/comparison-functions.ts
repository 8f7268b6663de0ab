/**
 * Comparisons and truth tests: = <> < <= > >=, IS DISTINCT FROM, IS NULL, IS TRUE, NOT. AND, OR,
 * IN, CASE and COALESCE are plan nodes, because they decide what is evaluated.
 *
 * Both arguments have one type, but for two pairs that keep their own so that no digit is lost:
 * BIGINT with DOUBLE, and exact numbers whose common type has more than 38 digits.
 */
import { BOOLEAN, NULL_TYPE, TIMESTAMP, sameType, typeText } from '../columnar/types.js';
import type { SqlType, SqlValue } from '../columnar/types.js';
import { castValue } from './cast.js';
import { compareAcross, compareValues } from './compare.js';
import { DataFault } from './registry-types.js';
import type {
  ArgumentInfo,
  ResolvedSignature,
  ScalarFunction,
  SignatureFault,
} from './registry-types.js';
import { at, entry, neverFails, takes, textCast } from './signature.js';
import { comparisonTypes } from './type-rules.js';

/** The argument types of a comparison, or the fault that names both. */
export function resolveComparison(
  operator: string,
  args: readonly ArgumentInfo[],
  result: SqlType = BOOLEAN,
): ResolvedSignature | SignatureFault {
  const [a, b] = args;
  const argTypes = a && b && comparisonTypes(a, b);
  if (argTypes === undefined) {
    const [left, right] = [a?.type ?? NULL_TYPE, b?.type ?? NULL_TYPE];
    return {
      key: 'TYPE_MISMATCH',
      message: `operator "${operator}" does not compare ${typeText(left)} with ${typeText(right)}`,
      hint: 'convert one side with CAST(… AS …)',
      cast: textCast([left, right]),
    };
  }
  return literalFault(args, argTypes) ?? { type: result, argTypes };
}

/** A text literal that is compared with a time must read as one: found while binding. */
function literalFault(
  args: readonly ArgumentInfo[],
  argTypes: readonly SqlType[],
): SignatureFault | undefined {
  for (const [index, argument] of args.entries()) {
    const target = argTypes[index] ?? TIMESTAMP;
    if (argument.type.kind !== 'varchar' || target.kind === 'varchar') continue;
    try {
      castValue(argument.literal ?? null, argument.type, target);
    } catch (error) {
      if (!(error instanceof DataFault)) throw error;
      return { key: 'LITERAL_INVALID', message: error.message, argument: index };
    }
  }
  return undefined;
}

/** The order of two arguments as the comparison's argument types have it. */
export function compareArguments(args: readonly SqlValue[], types: readonly SqlType[]): number {
  const [left, right] = [types[0] ?? NULL_TYPE, types[1] ?? NULL_TYPE];
  return sameType(left, right)
    ? compareValues(at(args, 0), at(args, 1), left)
    : compareAcross(at(args, 0), left, at(args, 1), right);
}

function comparison(
  name: string,
  holds: (order: number) => boolean,
  about: string,
): ScalarFunction {
  return entry({
    name,
    arity: [2, 2],
    nulls: 'null',
    mayFail: neverFails,
    resolve: (args) => resolveComparison(name, args),
    evaluate: (args, types) => holds(compareArguments(args, types)),
    about,
  });
}

const distinct: ScalarFunction = entry({
  name: 'is-distinct',
  arity: [2, 2],
  nulls: 'own',
  mayFail: neverFails,
  resolve: (args) => resolveComparison('IS DISTINCT FROM', args),
  evaluate: (args, types) => {
    const [a, b] = [at(args, 0), at(args, 1)];
    if (a === null || b === null) return a !== b;
    return compareArguments(args, types) !== 0;
  },
  about: 'a IS DISTINCT FROM b: whether they differ, NULL being a value like others.',
});

function truthTest(
  name: string,
  test: (value: SqlValue) => boolean,
  about: string,
): ScalarFunction {
  return entry({
    name,
    arity: [1, 1],
    nulls: 'own',
    mayFail: neverFails,
    resolve: takes(name.toUpperCase().replace('-', ' '), ['boolean'], BOOLEAN),
    evaluate: (args) => test(at(args, 0)),
    about,
  });
}

const nullTest: ScalarFunction = entry({
  name: 'is-null',
  arity: [1, 1],
  nulls: 'own',
  mayFail: neverFails,
  resolve: takes('IS NULL', ['any'], BOOLEAN),
  evaluate: (args) => at(args, 0) === null,
  about: 'a IS NULL: whether there is no value.',
});

const negation: ScalarFunction = entry({
  name: 'not',
  arity: [1, 1],
  nulls: 'null',
  mayFail: neverFails,
  resolve: (args) => {
    const type = args[0]?.type ?? NULL_TYPE;
    if (type.kind === 'boolean' || type.kind === 'null') {
      return { type: BOOLEAN, argTypes: [BOOLEAN] };
    }
    return { key: 'TYPE_MISMATCH', message: `NOT needs a BOOLEAN, not ${typeText(type)}` };
  },
  evaluate: (args) => at(args, 0) === false,
  about: 'NOT a: true for false, NULL for NULL.',
});

export const COMPARISONS: readonly ScalarFunction[] = [
  comparison('=', (order) => order === 0, 'a = b: whether the values are equal.'),
  comparison('<>', (order) => order !== 0, 'a <> b: whether the values differ.'),
  comparison('<', (order) => order < 0, 'a < b: whether a comes before b.'),
  comparison('<=', (order) => order <= 0, 'a <= b: whether a comes before b or equals it.'),
  comparison('>', (order) => order > 0, 'a > b: whether a comes after b.'),
  comparison('>=', (order) => order >= 0, 'a >= b: whether a comes after b or equals it.'),
  distinct,
  nullTest,
  truthTest('is-true', (value) => value === true, 'a IS TRUE: true only for true.'),
  truthTest('is-false', (value) => value === false, 'a IS FALSE: true only for false.'),
  truthTest('is-unknown', (value) => value === null, 'a IS UNKNOWN: true only for NULL.'),
  negation,
];
