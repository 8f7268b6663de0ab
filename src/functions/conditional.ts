/**
 * NULLIF, IF, LEAST and GREATEST: they look at NULLs themselves. CASE, COALESCE, IN, AND and OR
 * are plan nodes, because they decide what is evaluated; the binder turns IF into CASE, and the
 * entry here serves its signature.
 */
import { BOOLEAN, NULL_TYPE, typeText } from '../columnar/types.js';
import type { SqlValue } from '../columnar/types.js';
import { compareArguments, resolveComparison } from './comparison-functions.js';
import { compareValues } from './compare.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from './registry-types.js';
import { argumentFault, at, entry, isFault, parameterType } from './signature.js';
import { commonType, membershipType } from './type-rules.js';

/** The fault of arguments that have no common type. */
export function noCommonType(name: string, args: readonly ArgumentInfo[]): SignatureFault {
  const types = [...new Set(args.map((argument) => typeText(argument.type)))];
  return {
    key: 'TYPE_MISMATCH',
    message: `the arguments of "${name}" have no common type: ${types.join(', ')}`,
    hint: 'convert them with CAST(… AS …)',
  };
}

const nullIf: ScalarFunction = entry({
  name: 'NULLIF',
  arity: [2, 2],
  nulls: 'own',
  resolve: (args) => {
    const resolved = resolveComparison('=', args);
    if (isFault(resolved))
      return { ...resolved, message: `function "NULLIF": ${resolved.message}` };
    return { type: resolved.argTypes[0] ?? NULL_TYPE, argTypes: resolved.argTypes };
  },
  evaluate: (args, types) => {
    const [a, b] = [at(args, 0), at(args, 1)];
    if (a === null || b === null) return a;
    return compareArguments(args, types) === 0 ? null : a;
  },
  about: 'NULLIF(a, b): NULL when they are equal, else a.',
});

const conditional: ScalarFunction = entry({
  name: 'IF',
  arity: [3, 3],
  nulls: 'own',
  resolve: (args) => {
    const condition = args[0]?.type ?? NULL_TYPE;
    if (parameterType('boolean', condition) === undefined) {
      return argumentFault('IF', 0, 'a BOOLEAN', condition);
    }
    const type = commonType(args.slice(1).map((argument) => argument.type));
    if (type === undefined) return noCommonType('IF', args.slice(1));
    return { type, argTypes: [BOOLEAN, type, type] };
  },
  evaluate: (args) => (at(args, 0) === true ? at(args, 1) : at(args, 2)),
  about: 'IF(condition, a, b): a when the condition is true, else b.',
});

function extreme(name: string, wanted: number, about: string): ScalarFunction {
  return entry({
    name,
    arity: [1, Infinity],
    nulls: 'own',
    unifies: true,
    resolve: (args) => {
      const type = membershipType(args);
      if (type === undefined) return noCommonType(name, args);
      return { type, argTypes: args.map(() => type) };
    },
    evaluate: (args, _types, type) => {
      let best: SqlValue = null;
      for (const value of args) {
        if (value === null) continue;
        if (best === null || compareValues(value, best, type) === wanted) best = value;
      }
      return best;
    },
    about,
  });
}

export const CONDITIONALS: readonly ScalarFunction[] = [
  nullIf,
  conditional,
  extreme('LEAST', -1, 'LEAST(a, b, …): the smallest value that is not NULL.'),
  extreme('GREATEST', 1, 'GREATEST(a, b, …): the greatest value that is not NULL.'),
];
