/**
 * Signatures of the functions that need OVER (…): ranks and access to other rows. Every aggregate
 * may stand there too. Computed by runtime operators under these names.
 */
import { BIGINT, DOUBLE, NULL_TYPE } from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import { noCommonType } from './conditional.js';
import type { ArgumentInfo, SignatureFault, WindowFunction } from './registry-types.js';
import { castArguments, checked, entry, takes, valueFault } from './signature.js';
import type { Resolve } from './signature.js';
import { commonType } from './type-rules.js';

/** A count that must be at least `least` where it is a literal. */
function countFault(
  name: string,
  args: readonly ArgumentInfo[],
  index: number,
  least: bigint,
): SignatureFault | undefined {
  const literal = args[index]?.literal;
  if (typeof literal !== 'bigint' || literal >= least) return undefined;
  return valueFault(name, index, `argument ${index + 1} must be at least ${least}, not ${literal}`);
}

function rank(name: string, type: SqlType, about: string): WindowFunction {
  return entry({ name, arity: [0, 0], resolve: takes(name, [], type), about });
}

/** LAG and LEAD: (value[, offset[, default]]); the default shares the value's type. */
function neighbour(name: string, about: string): WindowFunction {
  const resolve: Resolve = (args) => {
    const casts = castArguments(name, ['any', 'integer', 'any'], args);
    if ('key' in casts) return casts;
    const values = args.filter((_, i) => i !== 1);
    const type = commonType(values.map((argument) => argument.type));
    if (type === undefined) return noCommonType(name, values);
    return { type, argTypes: args.map((_, i) => (i === 1 ? BIGINT : type)) };
  };
  return entry({
    name,
    arity: [1, 3],
    resolve: checked(resolve, (args) => countFault(name, args, 1, 0n)),
    about,
  });
}

const firstOf = (types: readonly SqlType[]): SqlType => types[0] ?? NULL_TYPE;

function edge(name: string, about: string): WindowFunction {
  return entry({ name, arity: [1, 1], resolve: takes(name, ['any'], firstOf), about });
}

export const WINDOW_FUNCTIONS: readonly WindowFunction[] = [
  rank('ROW_NUMBER', BIGINT, 'ROW_NUMBER(): the place among the rows, from 1.'),
  rank('RANK', BIGINT, 'RANK(): the place with gaps after equals.'),
  rank('DENSE_RANK', BIGINT, 'DENSE_RANK(): the place without gaps.'),
  rank('PERCENT_RANK', DOUBLE, 'PERCENT_RANK(): (rank - 1) / (rows - 1).'),
  rank('CUME_DIST', DOUBLE, 'CUME_DIST(): the share of rows up to this one and its equals.'),
  entry({
    name: 'NTILE',
    arity: [1, 1],
    resolve: checked(takes('NTILE', ['integer'], BIGINT), (args) =>
      countFault('NTILE', args, 0, 1n),
    ),
    about: 'NTILE(n): which of n parts of nearly equal size the row is in.',
  }),
  neighbour('LAG', 'LAG(x[, n[, default]]): x of the row n before.'),
  neighbour('LEAD', 'LEAD(x[, n[, default]]): x of the row n after.'),
  edge('FIRST_VALUE', 'FIRST_VALUE(x): x of the first row of the frame.'),
  edge('LAST_VALUE', 'LAST_VALUE(x): x of the last row of the frame.'),
  entry({
    name: 'NTH_VALUE',
    arity: [2, 2],
    resolve: checked(takes('NTH_VALUE', ['any', 'integer'], firstOf), (args) =>
      countFault('NTH_VALUE', args, 1, 1n),
    ),
    about: 'NTH_VALUE(x, n): x of row n of the frame, from 1.',
  }),
];
