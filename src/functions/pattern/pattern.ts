/**
 * LIKE and regular expressions as functions, with a bounded memo of compiled patterns, since a
 * pattern is nearly always the same from row to row. How they match is like-pattern and
 * regular-expression, both in linear time. REGEXP finds a match anywhere; `.` does not
 * match a line feed there, while % and _ of LIKE do. LIKE has no escape sign unless one is given.
 */
import { BOOLEAN, NULL_TYPE, VARCHAR, typeText } from '../../columnar/types.js';
import type { SqlValue } from '../../columnar/types.js';
import { BoundedMemo } from '../bounded-memo.js';
import { LikePattern } from './like-pattern.js';
import { DataFault } from '../registry-types.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from '../registry-types.js';
import { PatternFault, RegularExpression } from './regular-expression.js';
import type { Match } from './regular-expression.js';
import { at, checked, entry, parameterType, takes, valueFault } from '../signature.js';

const likeMemo = new BoundedMemo<LikePattern>();
const expressionMemo = new BoundedMemo<RegularExpression>();

/** The pattern, compiled; throws DataFault for one that is none. */
export function compiledLike(pattern: string, escape: string): LikePattern {
  const key = `${escape.length}${escape}${pattern}`;
  return likeMemo.get(key, () => new LikePattern(pattern, escape));
}

function compiled(pattern: string): RegularExpression {
  return expressionMemo.get(pattern, () => new RegularExpression(pattern));
}

/** A replacement with references: $1 or \1 is group 1, $0 or \0 the match, \$ a dollar sign. */
const REFERENCE = /[$\\](\d)|\\([$\\])/g;

function replaceMatches(text: string, pattern: string, replacement: string): string {
  const expression = compiled(pattern);
  if (!replacement.includes('$') && !replacement.includes('\\')) {
    return expression.replaceAll(text, () => replacement);
  }
  const referred = (match: Match): string =>
    replacement.replace(
      REFERENCE,
      (_, group: string | undefined, sign: string | undefined) =>
        (group === undefined ? sign : match[Number(group)]) ?? '',
    );
  return expression.replaceAll(text, referred);
}

function extractGroup(text: string, pattern: string, group: SqlValue): SqlValue {
  return compiled(pattern).firstMatch(text)?.[Number(group ?? 0n)] ?? null;
}

/** What `compile` finds wrong with literals, while binding. */
function compileFault(
  name: string,
  index: number,
  compile: () => unknown,
): SignatureFault | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (error instanceof PatternFault) {
      return { ...valueFault(name, index, error.message), hint: error.hint };
    }
    if (error instanceof DataFault) return valueFault(name, index, error.message);
    throw error;
  }
}

function likeLiteralFault(args: readonly ArgumentInfo[]): SignatureFault | undefined {
  const pattern = args[1]?.literal;
  const escape = args.length === 3 ? args[2]?.literal : '';
  if (typeof pattern !== 'string' || typeof escape !== 'string') return undefined;
  return compileFault('LIKE', 1, () => compiledLike(pattern, escape));
}

function regexpLiteralFault(
  name: string,
  args: readonly ArgumentInfo[],
): SignatureFault | undefined {
  const pattern = args[1]?.literal;
  if (typeof pattern !== 'string') return undefined;
  return compileFault(name, 1, () => compiled(pattern));
}

const like: ScalarFunction = entry({
  name: 'like',
  arity: [2, 3],
  nulls: 'null',
  // Written patterns and signs have been looked at when the call was bound.
  mayFail: ([, ...written]) => written.some(({ literal }) => literal === undefined),
  resolve: checked((args) => {
    const odd = args.findIndex((arg) => parameterType('text', arg.type) === undefined);
    if (odd < 0) return { type: BOOLEAN, argTypes: args.map(() => VARCHAR) };
    const type = typeText(args[odd]?.type ?? NULL_TYPE);
    return { key: 'TYPE_MISMATCH', message: `LIKE needs text, not ${type}`, argument: odd };
  }, likeLiteralFault),
  evaluate: (args) => {
    const escape = args.length === 3 ? (args[2] as string) : '';
    return compiledLike(args[1] as string, escape).test(args[0] as string);
  },
  about: "s LIKE pattern [ESCAPE 'c']: % is any text, _ one character; the whole text must match.",
});

const regexp: ScalarFunction = entry({
  name: 'REGEXP',
  aliases: ['REGEXP_LIKE', 'RLIKE'],
  arity: [2, 2],
  nulls: 'null',
  resolve: checked(takes('REGEXP', ['text', 'text'], BOOLEAN), (args) =>
    regexpLiteralFault('REGEXP', args),
  ),
  evaluate: ([text, pattern]) => compiled(pattern as string).test(text as string),
  about: 'REGEXP(s, pattern): whether the regular expression matches anywhere.',
});

const regexpReplace: ScalarFunction = entry({
  name: 'REGEXP_REPLACE',
  arity: [3, 3],
  nulls: 'null',
  resolve: checked(takes('REGEXP_REPLACE', ['text', 'text', 'text'], VARCHAR), (args) =>
    regexpLiteralFault('REGEXP_REPLACE', args),
  ),
  evaluate: (args) => replaceMatches(args[0] as string, args[1] as string, args[2] as string),
  about: 'REGEXP_REPLACE(s, pattern, to): every match replaced; $1 in `to` is group 1.',
});

const regexpExtract: ScalarFunction = entry({
  name: 'REGEXP_EXTRACT',
  arity: [2, 3],
  nulls: 'null',
  resolve: checked(takes('REGEXP_EXTRACT', ['text', 'text', 'integer'], VARCHAR), (args) =>
    regexpLiteralFault('REGEXP_EXTRACT', args),
  ),
  evaluate: (args) => extractGroup(args[0] as string, args[1] as string, at(args, 2)),
  about: 'REGEXP_EXTRACT(s, pattern[, group]): the first match or its group; NULL without one.',
});

export const PATTERNS: readonly ScalarFunction[] = [like, regexp, regexpReplace, regexpExtract];
