/**
 * LIKE and regular expressions. Owns the compilation of patterns and a bounded memo of them, since
 * a pattern is nearly always the same from row to row. REGEXP finds a match anywhere; `.` does not
 * match a line feed there, while % and _ of LIKE do. LIKE has no escape sign unless one is given.
 */
import { BOOLEAN, NULL_TYPE, VARCHAR, typeText } from '../columnar/types.js';
import type { SqlValue } from '../columnar/types.js';
import { BoundedMemo } from './bounded-memo.js';
import { DataFault } from './registry-types.js';
import type { ArgumentInfo, ScalarFunction, SignatureFault } from './registry-types.js';
import { at, checked, entry, parameterType, takes, valueFault } from './signature.js';

const likeMemo = new BoundedMemo<RegExp>();
const firstMatchMemo = new BoundedMemo<RegExp>();
const everyMatchMemo = new BoundedMemo<RegExp>();

const SYNTAX_SIGN = /[\\^$.*+?()[\]{}|/]/;

/**
 * The regular expression that a LIKE pattern means: % is any text, _ one character, the sign after
 * `escape` stands for itself; '' is no escape. Throws DataFault for a lone escape at the end or an
 * escape of several characters.
 */
export function likeExpression(pattern: string, escape: string): RegExp {
  if ([...escape].length > 1) {
    throw new DataFault('VALUE_INVALID', `ESCAPE takes one character, not '${escape}'`);
  }
  let source = '';
  const signs = [...pattern];
  for (let i = 0; i < signs.length; i += 1) {
    const sign = signs[i] ?? '';
    if (sign === escape) {
      i += 1;
      const literal = signs[i];
      if (literal === undefined) {
        throw new DataFault('VALUE_INVALID', `pattern '${pattern}' ends in its escape sign`);
      }
      source += quoteSign(literal);
    } else if (sign === '%') source += '.*';
    else if (sign === '_') source += '.';
    else source += quoteSign(sign);
  }
  return new RegExp(`^${source}$`, 'su');
}

function quoteSign(sign: string): string {
  return SYNTAX_SIGN.test(sign) ? `\\${sign}` : sign;
}

function compiledLike(pattern: string, escape: string): RegExp {
  const key = `${escape.length}${escape}${pattern}`;
  return likeMemo.get(key, () => likeExpression(pattern, escape));
}

const LEADING_FLAGS = /^\(\?([ims]+)\)/;

/**
 * A regular expression in JavaScript's syntax, with leading (?i), (?s), (?m) as Java and PostgreSQL
 * have them. Matches code points; patterns that are only valid without the `u` flag run without.
 */
export function regularExpression(pattern: string, global = false): RegExp {
  const leading = LEADING_FLAGS.exec(pattern);
  const source = leading === null ? pattern : pattern.slice(leading[0].length);
  const flags = [...new Set(leading?.[1] ?? '')].join('') + (global ? 'g' : '');
  for (const tried of [`${flags}u`, flags]) {
    try {
      return new RegExp(source, tried);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  throw new DataFault('VALUE_INVALID', `'${pattern}' is no regular expression`);
}

function firstMatch(pattern: string): RegExp {
  return firstMatchMemo.get(pattern, () => regularExpression(pattern));
}

/** A replacement with references: $1 or \1 is group 1, $0 or \0 the match, \$ a dollar sign. */
const REFERENCE = /[$\\](\d)|\\([$\\])/g;

function replaceMatches(text: string, pattern: string, replacement: string): string {
  const expression = everyMatchMemo.get(pattern, () => regularExpression(pattern, true));
  if (!replacement.includes('$') && !replacement.includes('\\')) {
    return text.replace(expression, () => replacement);
  }
  return text.replace(expression, (...match: unknown[]) => {
    // The offset, a number, follows the groups.
    const groups = match.slice(
      0,
      match.findIndex((part) => typeof part === 'number'),
    );
    return replacement.replace(
      REFERENCE,
      (_, group: string | undefined, sign: string | undefined) => {
        const found = group === undefined ? sign : groups[Number(group)];
        return typeof found === 'string' ? found : '';
      },
    );
  });
}

function extractGroup(text: string, pattern: string, group: SqlValue): SqlValue {
  return firstMatch(pattern).exec(text)?.[Number(group ?? 0n)] ?? null;
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
    if (error instanceof DataFault) return valueFault(name, index, error.message);
    throw error;
  }
}

function likeLiteralFault(args: readonly ArgumentInfo[]): SignatureFault | undefined {
  const pattern = args[1]?.literal;
  const escape = args.length === 3 ? args[2]?.literal : '';
  if (typeof pattern !== 'string' || typeof escape !== 'string') return undefined;
  return compileFault('LIKE', 1, () => likeExpression(pattern, escape));
}

function regexpLiteralFault(
  name: string,
  args: readonly ArgumentInfo[],
): SignatureFault | undefined {
  const pattern = args[1]?.literal;
  if (typeof pattern !== 'string') return undefined;
  return compileFault(name, 1, () => regularExpression(pattern));
}

const like: ScalarFunction = entry({
  name: 'like',
  arity: [2, 3],
  nulls: 'null',
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
  evaluate: ([text, pattern]) => firstMatch(pattern as string).test(text as string),
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
