/**
 * LIKE and REGEXP give what JavaScript's own engine gives for ordinary patterns, and never take
 * longer than the text is long: the last tests would take years with an engine that steps back.
 */
import { describe, expect, it } from 'vitest';
import { LikePattern } from '../../src/functions/pattern/like-pattern.js';
import { RegularExpression } from '../../src/functions/pattern/regular-expression.js';

/** Numbers from 0, the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SIGNS = ['a', 'b', '%', '_', '\u{1f600}', '\u{1f601}', '\u00e9', '!', '\n'];

function likeOracle(pattern: string, escape: string): RegExp {
  const quote = (sign: string): string => sign.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  const characters = [...pattern];
  let source = '';
  for (let at = 0; at < characters.length; at += 1) {
    const sign = characters[at] ?? '';
    if (sign === escape) source += quote(characters[(at += 1)] ?? '');
    else source += sign === '%' ? '.*' : sign === '_' ? '.' : quote(sign);
  }
  return new RegExp(`^${source}$`, 'su');
}

describe('LIKE', () => {
  it('is what its regular expression is, for random patterns and texts', () => {
    const random = seeded(12);
    const text = (signs: readonly string[], most: number): string =>
      Array.from({ length: random(most) }, () => signs[random(signs.length)]).join('');
    for (let run = 0; run < 60_000; run += 1) {
      const signs = run % 3 === 0 ? SIGNS : ['a', 'b', '%', '_'];
      const escape = run % 5 === 0 ? '!' : '';
      const pattern = text(signs, 9).replace(/!$/, '');
      if (escape !== '' && /(^|[^!])(!!)*!$/.test(pattern)) continue;
      const subject = text(
        signs.filter((sign) => sign !== '%' && sign !== '_'),
        12,
      );
      const found = new LikePattern(pattern, escape).test(subject);
      expect([pattern, escape, subject, found]).toEqual([
        ...[pattern, escape, subject],
        likeOracle(pattern, escape).test(subject),
      ]);
    }
  });

  it('looks for parts longer than a word of bits, with and without _', () => {
    for (const size of [15, 16, 17, 31, 32, 33, 63, 64, 65, 200]) {
      const part = 'a'.repeat(size - 1) + 'b';
      const gap = `${'a'.repeat(size - 2)}_b`;
      for (const pattern of [part, gap]) {
        const like = new LikePattern(`%${pattern}%`, '');
        expect(like.test(`${'a'.repeat(500)}b`), pattern).toBe(true);
        expect(like.test('a'.repeat(500)), pattern).toBe(false);
        expect(like.test(`x${'a'.repeat(size - 1)}b`), pattern).toBe(true);
        expect(like.test(`x${'a'.repeat(size - 2)}b`), pattern).toBe(pattern === gap && size === 0);
      }
    }
  });

  it('takes time in proportion to the text', () => {
    const text = 'a'.repeat(1_000_000);
    for (const pattern of ['%a%a%a%a%b', '%a_a%a_a%_b%', `%${'a'.repeat(500)}b%`, '%_%_%_%b']) {
      expect(new LikePattern(pattern, '').test(text)).toBe(false);
    }
  }, 20_000);
});

const PATTERNS = [
  ...[
    '',
    'a',
    '^a',
    'a$',
    '^a.c$',
    'a|b',
    '(a)(b)?',
    '[a-c]+',
    '[^a-c]',
    '\\d+',
    '\\w+\\s\\w+',
    '\\S',
  ],
  ...[
    '\\bfoo\\b',
    '\\Boo',
    '(?:ab)+',
    '(?<n>a)b',
    'a{2}',
    'a{2,}',
    'a{1,2}?',
    'x*',
    'a+?b',
    '.',
    '.*',
  ],
  ...[
    '[.]',
    '[\\]]',
    '[\\s,]+',
    '[^\\s]',
    '[\\S]',
    '[\\d-]',
    '[a\\-z]',
    '\\.',
    '\\/',
    '\\-',
    '\\u0061',
  ],
  ...[
    '\\u{1F600}',
    '\\uD83D\\uDE00',
    '\\x61',
    '\\t',
    '\\n',
    '\\cJ',
    '[\\b]',
    '[^]',
    '\\p{L}+',
    '\\p{Lu}',
  ],
  ...[
    '\\P{L}',
    '\\p{Script=Greek}',
    '\\p{Letter}',
    '(a|ab)(c|bcd)(d*)',
    '[[]',
    '[$.(]',
    'a\\|b',
    '\\0',
  ],
  ...['^\\s*$', '(\\d+)-(\\d+)', '([A-Z])(\\w*)', '(a|b)*c', '[\\w.]+@[\\w.]+\\.\\w+', '\u00e9'],
];
const TEXTS = [
  ...[
    '',
    'a',
    'b',
    'ab',
    'abc',
    'aab',
    'aaa',
    'foo bar',
    'food',
    ' ',
    'a\nc',
    'a\rc',
    'a\u2028c',
    '\u00a0',
  ],
  ...[
    '\ufeff',
    '\u{1f600}',
    'x\u{1f600}y',
    'caf\u00e9',
    '\u03b1\u03b2',
    'A1',
    '10-20',
    'me@x.example.com',
  ],
  ...[
    'abcd',
    '[',
    ']',
    '$',
    '(',
    'a|b',
    'a-z',
    '\b',
    '\t',
    '\n',
    '\0',
    'Hello World',
    '/',
    '.',
    '\\',
  ],
];

describe('REGEXP', () => {
  it.each(PATTERNS)('%s matches what JavaScript matches', (pattern) => {
    const ours = new RegularExpression(pattern);
    for (const text of TEXTS) {
      const theirs = jsExpression(pattern);
      const match = theirs.exec(text);
      expect([text, ours.test(text)]).toEqual([text, match !== null]);
      const groups =
        match === null ? null : [...match].map((group: string | undefined) => group ?? null);
      expect([text, ours.firstMatch(text)]).toEqual([text, groups]);
      const replaced = text.replace(jsExpression(pattern, 'g'), (found) => `<${found}>`);
      expect(ours.replaceAll(text, ([found]) => `<${found ?? ''}>`)).toBe(replaced);
    }
  });

  it.each([
    ['(?i)ABC', 'xabcx', true],
    ['(?i)\u00c9', '\u00e9', true],
    ['(?s)a.c', 'a\nc', true],
    ['(?m)^b$', 'a\nb\nc', true],
    ['(?im)^B$', 'a\nb', true],
  ])('%s has leading flags', (pattern, text, holds) => {
    expect(new RegularExpression(pattern).test(text)).toBe(holds);
  });

  it.each([
    ['(a)\\1', 'refers back'],
    ['\\k<n>', 'refers back'],
    ['a(?=b)', 'looks around'],
    ['a(?!b)', 'looks around'],
    ['(?<=a)b', 'looks around'],
    ['(?<!a)b', 'looks around'],
    ['(', 'is no regular expression'],
    ['[a', 'is no regular expression'],
    ['a**', 'is no regular expression'],
    ['a{2000}', 'is no regular expression'],
    ['\\Z', 'is no regular expression'],
    ['\\', 'is no regular expression'],
  ])('%s is refused: it %s', (pattern, reason) => {
    expect(() => new RegularExpression(pattern)).toThrow(reason);
  });

  it('takes time in proportion to the text', () => {
    const text = 'a'.repeat(1_000_000);
    for (const pattern of ['(a+)+$x', '(a+)+b', '(a|aa)*b', '(.*a){12}b', 'a+b', '(a*)*c']) {
      const expression = new RegularExpression(pattern);
      expect(expression.test(text)).toBe(false);
      expect(expression.firstMatch(text)).toBe(null);
      expect(expression.replaceAll(text, () => '')).toBe(text);
    }
  }, 60_000);
});

function jsExpression(pattern: string, flags = ''): RegExp {
  try {
    return new RegExp(pattern, `${flags}u`);
  } catch {
    return new RegExp(pattern, flags);
  }
}
