/** JSON functions: paths, exact numbers, repeated keys, and text that is no JSON. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compactJson, parseJsonPath } from '../../src/functions/json-path.js';
import { call, column, faultOf, labelled, signatureFault } from './calls.js';

const DOCUMENT = '{"a":{"b":[1,2,{"c":"x"}]},"n":7,"z":null,"t":true}';

describe('values', () => {
  const cases: readonly [string, string, string, string | boolean | null][] = [
    ['JSON_VALUE', DOCUMENT, '$.a.b[2].c', 'x'],
    ['JSON_VALUE', DOCUMENT, '$.n', '7'],
    ['JSON_VALUE', DOCUMENT, '$.t', 'true'],
    ['JSON_VALUE', DOCUMENT, '$.z', null],
    ['JSON_VALUE', DOCUMENT, '$.a', null],
    ['JSON_VALUE', DOCUMENT, '$.a.b[0]', '1'],
    ['JSON_VALUE', DOCUMENT, '$.a.b[9]', null],
    ['JSON_VALUE', DOCUMENT, '$.a[0]', null],
    ['JSON_VALUE', DOCUMENT, '$.n.x', null],
    ['JSON_VALUE', DOCUMENT, 'lax $.n', '7'],
    ['JSON_VALUE', DOCUMENT, "$['a']['b'][1]", '2'],
    ['JSON_VALUE', '{"a b":1,"c.d":2}', '$."a b"', '1'],
    ['JSON_VALUE', '{"a b":1,"c.d":2}', '$["c.d"]', '2'],
    ['JSON_VALUE', '{"n":9007199254740993}', '$.n', '9007199254740993'],
    ['JSON_VALUE', '{"n": 1.10 }', '$.n', '1.10'],
    ['JSON_VALUE', '{"s":"caf\\u00e9 \\"q\\" \\\\"}', '$.s', 'café "q" \\'],
    ['JSON_VALUE', '{"\\u0061":1}', '$.a', '1'],
    ['JSON_VALUE', '{"a":1,"a":2}', '$.a', '2'],
    ['JSON_VALUE', '{"x":"}{","a":[",]",2]}', '$.a[1]', '2'],
    ['JSON_VALUE', '{}', '$.__proto__', null],
    ['JSON_VALUE', '{"__proto__":"p"}', '$.__proto__', 'p'],
    ['JSON_VALUE', '5', '$', '5'],
    ['JSON_VALUE', '[10, 20]', '$[1]', '20'],
    ['JSON_VALUE', '{"n":', '$.n', null],
    ['JSON_VALUE', '', '$', null],
    ['JSON_QUERY', DOCUMENT, '$.a.b[2]', '{"c":"x"}'],
    ['JSON_QUERY', '{ "a" : [ 1 , { "b c" : " x " } ] }', '$.a', '[1,{"b c":" x "}]'],
    ['JSON_QUERY', DOCUMENT, '$.n', null],
    ['JSON_QUERY', DOCUMENT, '$.y', null],
    ['JSON_QUERY', 'no json', '$', null],
    ['JSON_EXTRACT', DOCUMENT, '$.n', '7'],
    ['JSON_EXTRACT', DOCUMENT, '$.a.b', '[1,2,{"c":"x"}]'],
    ['JSON_EXTRACT', DOCUMENT, '$.z', null],
    ['JSON_EXISTS', DOCUMENT, '$.a.b', true],
    ['JSON_EXISTS', DOCUMENT, '$.z', true],
    ['JSON_EXISTS', DOCUMENT, '$.y', false],
    ['JSON_EXISTS', 'no json', '$', false],
  ];
  test.each(labelled(cases))('%s', (_label, [name, json, path, expected]) => {
    expect(call(name, json, path)).toBe(expected);
  });

  test('NULL gives NULL', () => {
    expect(call('JSON_VALUE', null, '$.a')).toBeNull();
    expect(call('JSON_EXISTS', null, '$.a')).toBeNull();
  });
});

describe('paths', () => {
  test.each(['', 'a', '$.', '$..a', '$[x]', '$.a[', '$[-1]', '$.*', '$.a b', '$x'])(
    '%j is none',
    (path) => {
      expect(parseJsonPath(path)).toBeUndefined();
      expect(signatureFault('JSON_VALUE', '{}', path)).toMatchObject({
        key: 'FUNCTION_ARGUMENT',
        argument: 1,
      });
      expect(faultOf(() => call('JSON_VALUE', '{}', column(path)))).toBe('VALUE_INVALID');
    },
  );
});

test('every value of a document is found where JSON.parse finds it', () => {
  const seed = 20241220;
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (text, space) => {
      const document: unknown = JSON.parse(text);
      const spaced = JSON.stringify(document, null, space);
      for (const [path, expected] of places(document, '$')) {
        const found =
          typeof expected === 'object' && expected !== null
            ? call('JSON_QUERY', spaced, path)
            : call('JSON_VALUE', spaced, path);
        const wanted =
          expected === null
            ? null
            : typeof expected === 'string'
              ? expected
              : JSON.stringify(expected);
        expect(found).toBe(wanted);
      }
      expect(compactJson(spaced)).toBe(JSON.stringify(document));
    }),
    { seed },
  );
});

/** Paths of all places whose keys a path can spell, with their values. */
function places(value: unknown, path: string): [string, unknown][] {
  const found: [string, unknown][] = [[path, value]];
  if (Array.isArray(value)) {
    value.forEach((item, i) => found.push(...places(item, `${path}[${i}]`)));
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (!/["']/.test(key)) found.push(...places(item, `${path}["${key}"]`));
    }
  }
  return found;
}
