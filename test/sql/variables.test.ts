/** `${NAME}` in strings: the three forms, nesting, and what is plain text. */
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/sql/parser.js';
import { substituteVariables } from '../../src/sql/variables.js';
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

describe('a text of many variables', () => {
  /** Look-ups and characters taken: what work there is. */
  const workOf = (text: string): number => {
    let work = 0;
    const begun = process.cpuUsage();
    substituteVariables(text, {
      variables: () => {
        work += 1;
        return undefined;
      },
      source: { name: 'x', text },
      span: { start: 0, end: text.length },
      faults: [],
    });
    const { user, system } = process.cpuUsage(begun);
    expect(work).toBeLessThanOrEqual(text.length);
    return user + system;
  };

  it.each([
    ['nested', (n: number) => '${A:-'.repeat(n) + 'x' + '}'.repeat(n)],
    ['nested and not closed', (n: number) => '${A:-'.repeat(n)],
    ['nested, with text behind', (n: number) => '${A:-'.repeat(n) + '}'.repeat(n) + 'x'.repeat(n)],
    ['side by side', (n: number) => '${A:-x}'.repeat(n)],
    ['braces alone', (n: number) => '${2}'.repeat(n) + '}'.repeat(n)],
  ])('takes time in proportion to its length: %s', (_, make) => {
    workOf(make(2_000));
    // The least of some: collections of garbage that others left come in between.
    const least = (signs: number): number =>
      Math.min(...[1, 2, 3, 4].map(() => workOf(make(signs))));
    // Ten times the text; a square would take a hundred times as long.
    expect(least(100_000) / Math.max(least(10_000), 1000)).toBeLessThan(50);
  });

  it('gives the innermost default of any depth', () => {
    const { value, faults } = substituted('${B:-'.repeat(20_000) + 'x' + '}'.repeat(20_000));
    expect({ value, faults }).toEqual({ value: 'x', faults: [] });
  });
});
