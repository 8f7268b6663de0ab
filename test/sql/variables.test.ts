/** `${NAME}` in strings: the three forms, nesting, and what is plain text. */
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/sql/parser.js';
import { sliceOf } from './check-tree.js';

const VALUES: Readonly<Record<string, string>> = {
  A: 'one',
  EMPTY: '',
  QUOTE: "it's",
  RAW: '${A}',
};

function substituted(text: string) {
  const sql = `SET 'k' = '${text}'`;
  const { script, faults } = parseScript(sql, {
    sourceName: 'x',
    variables: (name) => VALUES[name],
  });
  const [statement] = script.statements;
  return {
    value: statement?.kind === 'set' ? statement.value : undefined,
    faults: faults.map(({ code, message, span }) => ({
      code,
      message,
      at: span && sliceOf(sql, span),
    })),
  };
}

describe('a variable in a string', () => {
  it.each([
    ['${A}', 'one'],
    ['x${A}y${A}', 'xoneyone'],
    ['${B:-two}', 'two'],
    ['${A:-two}', 'one'],
    ['${EMPTY}', ''],
    ['${EMPTY:-two}', 'two'],
    ['${B:-}', ''],
    ['${B:-${A}!}', 'one!'],
    ['${B:-{x}', '{x'],
    ['${A:?no}', 'one'],
    ['${QUOTE}', "it's"],
    ['${RAW}', '${A}'],
    ['^a${2}$', '^a${2}$'],
    ['$A {A} ${}', '$A {A} ${}'],
  ])('%s', (text, value) => {
    expect(substituted(text)).toEqual({ value, faults: [] });
  });

  it.each([
    ['${B}', 'VARIABLE_MISSING', 'variable "B" is not set'],
    ['${B:?please set ${A}}', 'VARIABLE_MISSING', 'please set one'],
    ['${EMPTY:?}', 'VARIABLE_MISSING', 'variable "EMPTY" is not set'],
    ['${A', 'SYNTAX', 'variable "${A" is not closed'],
    ['${A+x}', 'SYNTAX', 'variable "${A+x}" has an unknown form'],
  ])('%s is a fault at the string and stays as written', (text, key, message) => {
    expect(substituted(text)).toEqual({
      value: text,
      faults: [{ code: `VELO_${key}`, message, at: `'${text}'` }],
    });
  });
});

it('variables are substituted in option values, quoted sources and literals, not in names', () => {
  const sql = `CREATE TABLE t (a INT) WITH ('path' = '\${A}/x'); SELECT '\${A}', "\${A}" FROM '\${A}'`;
  const { script, faults } = parseScript(sql, { sourceName: 'x', variables: () => 'v' });
  expect(faults).toEqual([]);
  expect(script.statements).toMatchObject([
    { options: [{ value: 'v/x' }] },
    {
      query: {
        body: {
          items: [{ expression: { text: 'v' } }, { expression: { parts: [{ name: '${A}' }] } }],
          from: { uri: 'v' },
        },
      },
    },
  ]);
});
