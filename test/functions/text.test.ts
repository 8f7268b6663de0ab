/** Functions of text: code points, positions, parts, padding; LIKE and regular expressions. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VARCHAR } from '../../src/columnar/types.js';
import {
  array,
  call,
  callText,
  column,
  dec,
  faultOf,
  labelled,
  signatureFault,
  ts,
} from './calls.js';
import type { Argument } from './calls.js';

const SEED = 20241220;
const NAME = 'Test Product';
const DESCRIPTION = '  This is a test description  ';

describe('values', () => {
  const cases: readonly [string, readonly Argument[], string | null][] = [
    ['LENGTH', [NAME], '12'],
    ['LEN', ['😀 ü 漢'], '5'],
    ['LENGTH', ['\0x'], '2'],
    ['CHAR_LENGTH', [''], '0'],
    ['REPLACE', [NAME, 'Test', 'Demo'], 'Demo Product'],
    ['REPLACE', ['aXbX', 'X', '$&'], 'a$&b$&'],
    ['REPLACE', ['abc', '', '-'], 'abc'],
    ['LEFT', [NAME, 4n], 'Test'],
    ['LEFT', [NAME, 99n], NAME],
    ['LEFT', [NAME, 0n], ''],
    ['LEFT', [NAME, -8n], 'Test'],
    ['LEFT', ['😀😁', 1n], '😀'],
    ['RIGHT', [NAME, 7n], 'Product'],
    ['RIGHT', [NAME, 99n], NAME],
    ['RIGHT', [NAME, 0n], ''],
    ['RIGHT', [NAME, -5n], 'Product'],
    ['RIGHT', ['😀😁', 1n], '😁'],
    ['UPPER', ['abc é'], 'ABC É'],
    ['LOWER', [NAME], 'test product'],
    ['SUBSTRING', [NAME, 6n, 4n], 'Prod'],
    ['SUBSTRING', [NAME, 6n], 'Product'],
    ['SUBSTR', [NAME, 99n], ''],
    ['SUBSTRING', ['hello', 0n, 2n], 'h'],
    ['SUBSTRING', ['hello', -1n, 4n], 'he'],
    ['SUBSTRING', ['a😀b', 2n, 1n], '😀'],
    ['TRIM', [DESCRIPTION], 'This is a test description'],
    ['LTRIM', [DESCRIPTION], 'This is a test description  '],
    ['RTRIM', [DESCRIPTION], '  This is a test description'],
    ['TRIM', ['\t x \n'], '\t x \n'],
    ['TRIM', ['xxaxx', 'x'], 'a'],
    ['TRIM', ['   '], ''],
    ['CONCAT', ['Order ', 42n, ' at $', 123.46], 'Order 42 at $123.46'],
    ['CONCAT', ['x', null, 'y'], 'xy'],
    ['CONCAT', [null], ''],
    ['CONCAT', [dec('1.50'), true, ts('2024-12-20 01:02:03')], '1.50true2024-12-20 01:02:03'],
    ['CONCAT_WS', ['-', 'a', null, 1n], 'a-1'],
    ['CONCAT_WS', [null, 'a', 'b'], null],
    ['||', ['n', 9n], 'n9'],
    ['||', ['n', null], null],
    ['POSITION', ['t', NAME], '4'],
    ['POSITION', ['xyz', NAME], '0'],
    ['POSITION', ['o', NAME], '8'],
    ['POSITION', ['T', NAME], '1'],
    ['POSITION', ['', NAME], '1'],
    ['POSITION', ['b', '😀b'], '2'],
    ['SPLIT_PART', ['a,b,c', ',', 1n], 'a'],
    ['SPLIT_PART', ['a,b,c', ',', 3n], 'c'],
    ['SPLIT_PART', ['x', ',', 3n], ''],
    ['SPLIT_PART', ['a,b,c', ',', -1n], 'c'],
    ['SPLIT_PART', ['a,b', '', 1n], 'a,b'],
    ['SPLIT_INDEX', ['a,b,c', ',', 0n], 'a'],
    ['SPLIT_INDEX', ['a,b,c', ',', 3n], null],
    ['SPLIT_INDEX', ['a,b,c', ',', -1n], null],
    ['SPLIT', ['a,b,c', ','], '["a","b","c"]'],
    ['SPLIT', ['', ','], '[""]'],
    ['SPLIT', ['a😀', ''], '["a","😀"]'],
    ['JOIN', [array(VARCHAR, 'a', null, 'b'), '-'], 'a-b'],
    ['INITCAP', ['hello wORLD-wide'], 'Hello World-Wide'],
    ['REVERSE', ['a😀b'], 'b😀a'],
    ['REPEAT', ['ab', 3n], 'ababab'],
    ['REPEAT', ['ab', -1n], ''],
    ['LPAD', ['7', 3n, '0'], '007'],
    ['LPAD', ['hello', 2n], 'he'],
    ['RPAD', ['hi', 5n, 'xy'], 'hixyx'],
    ['UPPER', [null], null],
    ['SUBSTRING', [null, 1n], null],
    ['LEFT', ['x', null], null],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected]) => {
    expect(callText(name, ...args)).toBe(expected);
  });
});

describe('LIKE', () => {
  const cases: readonly [string, string, string | null, boolean][] = [
    ['Hello World', 'Hello%', null, true],
    ['Hello World', '%World', null, true],
    ['Hello World', '%llo%', null, true],
    ['Hello World', 'hello%', null, false],
    ['Hello World', '', null, false],
    ['', '', null, true],
    ['', '%', null, true],
    ['', '_', null, false],
    ['Hello\nWorld', 'Hello_World', null, true],
    ['Hello\nWorld', 'H%d', null, true],
    ['😀', '_', null, true],
    ['a.b', 'a.b', null, true],
    ['axb', 'a.b', null, false],
    ['(x)', '(%)', null, true],
    ['a\\b', 'a\\b', null, true],
    ['a-b/c^$|{}[]*+?', 'a-b/c^$|{}[]*+?', null, true],
    ['100%', '100!%', '!', true],
    ['100x', '100!%', '!', false],
    ['a_b', 'a#_b', '#', true],
    ['axb', 'a#_b', '#', false],
    ['a\\b', 'a\\\\b', '\\', true],
    ['a%', 'a%%', '%', true],
    ['x1abc', 'x1%', '', true],
  ];
  test.each(labelled(cases))('%s', (_label, [text, pattern, escape, expected]) => {
    expect(call('like', text, pattern, ...(escape === null ? [] : [escape]))).toBe(expected);
    expect(call('like', column(text), column(pattern), ...(escape === null ? [] : [escape]))).toBe(
      expected,
    );
  });

  test('NULL LIKE anything is NULL', () => {
    expect(call('like', null, '%')).toBeNull();
    expect(call('like', 'x', null)).toBeNull();
  });

  test('escapes are told apart from patterns that start alike', () => {
    expect(call('like', 'a', '!a', '!')).toBe(true);
    expect(call('like', 'a', '!a')).toBe(false);
    expect(call('like', '!a', '!a')).toBe(true);
  });

  test('a lone escape and a long one are faults', () => {
    expect(signatureFault('like', 'a', 'a!', '!').key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('like', 'a', 'a', '!!').key).toBe('FUNCTION_ARGUMENT');
    expect(faultOf(() => call('like', 'a', column('a!'), '!'))).toBe('VALUE_INVALID');
    expect(signatureFault('like', 1n, 'a')).toMatchObject({ key: 'TYPE_MISMATCH', argument: 0 });
  });

  test('a pattern without wildcards matches only itself', () => {
    const words = fc.string({ unit: fc.constantFrom('a', '.', '*', '\\', '[', '😀', '\n', '$') });
    fc.assert(
      fc.property(words, words, (text, pattern) => {
        expect(call('like', text, pattern)).toBe(text === pattern);
      }),
      { seed: SEED },
    );
  });
});

describe('regular expressions', () => {
  const cases: readonly [string, readonly Argument[], string | null][] = [
    ['REGEXP', ['order-123', '[0-9]+'], 'true'],
    ['REGEXP', ['none', '[0-9]+'], 'false'],
    ['REGEXP_LIKE', ['ABC', '(?i)b'], 'true'],
    ['REGEXP', ['a\\-b', 'a\\\\\\-b'], 'true'],
    ['REGEXP', ['😀', '^.$'], 'true'],
    ['REGEXP', [null, 'x'], null],
    ['REGEXP_REPLACE', ['order-123-45', '[0-9]+', '#'], 'order-#-#'],
    ['REGEXP_REPLACE', ['a1b2', '([a-z])([0-9])', '$2$1'], '1a2b'],
    ['REGEXP_REPLACE', ['a1', '([a-z])([0-9])', '\\2\\1'], '1a'],
    ['REGEXP_REPLACE', ['a', 'a', '\\$1'], '$1'],
    ['REGEXP_REPLACE', ['a', 'a', '$&'], '$&'],
    ['REGEXP_REPLACE', ['a', '(a)|(b)', '[$2]'], '[]'],
    ['REGEXP_EXTRACT', ['order-123', '([a-z]+)-([0-9]+)', 2n], '123'],
    ['REGEXP_EXTRACT', ['order-123', '([a-z]+)-([0-9]+)'], 'order-123'],
    ['REGEXP_EXTRACT', ['order-123', '([a-z]+)', 7n], null],
    ['REGEXP_EXTRACT', ['none', '[0-9]+'], null],
    ['REGEXP_EXTRACT', ['x', '(a)|x', 1n], null],
  ];
  test.each(labelled(cases))('%s', (_label, [name, args, expected]) => {
    expect(callText(name, ...args)).toBe(expected);
  });

  test('every match is replaced again and again', () => {
    const twice = [1, 2].map(() => call('REGEXP_REPLACE', 'aXbX', 'X', '$0!'));
    expect(twice).toEqual(['aX!bX!', 'aX!bX!']);
  });

  test('what is no regular expression is a fault', () => {
    expect(signatureFault('REGEXP', 'a', '(').message).toContain("'('");
    expect(signatureFault('REGEXP_REPLACE', 'a', '[', 'b').key).toBe('FUNCTION_ARGUMENT');
    expect(faultOf(() => call('REGEXP_EXTRACT', 'a', column('(')))).toBe('VALUE_INVALID');
  });
});

describe('data errors and faults', () => {
  test('values that cannot be', () => {
    expect(faultOf(() => call('SUBSTRING', 'abc', 1n, -1n))).toBe('VALUE_INVALID');
    expect(faultOf(() => call('SPLIT_PART', 'abc', ',', column(0n)))).toBe('VALUE_INVALID');
    expect(faultOf(() => call('REPEAT', 'abc', 10n ** 12n))).toBe('VALUE_INVALID');
    expect(faultOf(() => call('LPAD', 'abc', 10n ** 12n))).toBe('VALUE_INVALID');
  });

  test('text functions take text only', () => {
    expect(signatureFault('UPPER', 5n)).toMatchObject({
      key: 'FUNCTION_ARGUMENT',
      message: 'argument 1 of function "UPPER" is BIGINT, not text',
    });
    expect(signatureFault('LEFT', 'a', 1.5).key).toBe('FUNCTION_ARGUMENT');
    expect(signatureFault('SPLIT_PART', 'a', ',', 0n).message).toContain('SPLIT_PART');
    expect(signatureFault('CONCAT').key).toBe('FUNCTION_ARITY');
  });
});

test('LEFT and the rest make the whole text', () => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀') });
  fc.assert(
    fc.property(texts, fc.nat(10), (text, n) => {
      const head = call('LEFT', text, BigInt(n)) as string;
      const tail = call('SUBSTRING', text, BigInt(n + 1)) as string;
      expect(head + tail).toBe(text);
      expect(call('LENGTH', head)).toBe(BigInt(Math.min(n, [...text].length)));
    }),
    { seed: SEED },
  );
});
