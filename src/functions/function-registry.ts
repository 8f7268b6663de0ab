/**
 * Look-up of functions by name, in any case, aliases included. Owns the assembly of all entries;
 * what they are is in the files beside it.
 */
import { AGGREGATES } from './aggregate-functions.js';
import { ARITHMETIC } from './arithmetic.js';
import { COLLECTIONS } from './collections.js';
import { COMPARISONS } from './comparison-functions.js';
import { CONDITIONALS } from './conditional.js';
import { CONVERSIONS } from './conversion.js';
import { JSON_FUNCTIONS } from './json-functions.js';
import { MATHS } from './maths.js';
import { PATTERNS } from './pattern/pattern.js';
import { RANDOM } from './random.js';
import type { AggregateFunction, ScalarFunction, WindowFunction } from './registry-types.js';
import { TEXT } from './text.js';
import { TIME } from './time/time.js';
import { WINDOW_FUNCTIONS } from './window.js';

interface Named {
  readonly name: string;
  readonly aliases?: readonly string[];
}

const SCALAR_ENTRIES: readonly ScalarFunction[] = [
  ...ARITHMETIC,
  ...COMPARISONS,
  ...CONDITIONALS,
  ...CONVERSIONS,
  ...MATHS,
  ...RANDOM,
  ...TEXT,
  ...PATTERNS,
  ...TIME,
  ...JSON_FUNCTIONS,
  ...COLLECTIONS,
];

const SCALARS = byName(SCALAR_ENTRIES);
const AGGREGATES_BY_NAME = byName(AGGREGATES);
const WINDOWS_BY_NAME = byName(WINDOW_FUNCTIONS);

function byName<E extends Named>(entries: readonly E[]): ReadonlyMap<string, E> {
  const found = new Map<string, E>();
  for (const item of entries) {
    for (const name of [item.name, ...(item.aliases ?? [])]) found.set(name.toUpperCase(), item);
  }
  return found;
}

/** The scalar function or operator of that name or alias, in any case. */
export function scalarFunction(name: string): ScalarFunction | undefined {
  return SCALARS.get(name.toUpperCase());
}

export function aggregateFunction(name: string): AggregateFunction | undefined {
  return AGGREGATES_BY_NAME.get(name.toUpperCase());
}

/** Functions that only stand with OVER; aggregates may stand there too. */
export function windowFunction(name: string): WindowFunction | undefined {
  return WINDOWS_BY_NAME.get(name.toUpperCase());
}

const WORD = /^[A-Z]/;

/** Every name a user may write, aliases included, for "did you mean". */
export function functionNames(): readonly string[] {
  const names = [SCALARS, AGGREGATES_BY_NAME, WINDOWS_BY_NAME].flatMap((map) => [...map.keys()]);
  return [...new Set(names)].filter((name) => WORD.test(name) && !INTERNAL.has(name)).sort();
}

/** Operators whose registry id looks like a word, and what only the parser calls. */
const INTERNAL: ReadonlySet<string> = new Set([
  ...[...COMPARISONS, ...CONVERSIONS].map((operator) => operator.name.toUpperCase()),
  'NEG',
  'LIKE',
  'INDEX',
  'FIELD',
  'FLOOR_TO',
  'CEIL_TO',
]);

/** All entries with what documentation says of them, in the order of their files. */
export function allFunctions(): readonly (ScalarFunction | AggregateFunction | WindowFunction)[] {
  return [...SCALAR_ENTRIES, ...AGGREGATES, ...WINDOW_FUNCTIONS];
}
