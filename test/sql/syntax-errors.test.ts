/** What the parser says about wrong texts: wording, place, hint, and what it goes on with. */
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/sql/parser.js';
import { StatementParser } from '../../src/sql/grammar/parser-statements.js';
import { sliceOf } from './check-tree.js';

function faultsOf(text: string) {
  const { script, faults } = parseScript(text, { sourceName: 'q.sql', variables: null });
  const found = faults.map(({ code, message, span, hint }) => ({
    code,
    message,
    at: span && sliceOf(text, span),
    start: span?.start,
    hint,
  }));
  return { found, statements: script.statements };
}

it('the grammar has no ambiguity that nothing decides', () => {
  expect(() => new StatementParser({ validateGrammar: true })).not.toThrow();
});

describe('one fault', () => {
  const nextClause = 'expected the next clause or ";", found';
  it.each([
    ['SELECT id FORM t', `${nextClause} "FORM"`, 'FORM', 'did you mean "FROM"?'],
    ['SELECT a FROM t WEHRE a > 1', `${nextClause} "WEHRE"`, 'WEHRE', 'did you mean "WHERE"?'],
    [
      'SELECT k FROM t GROUP BY k HAVNG n',
      `${nextClause} "HAVNG"`,
      'HAVNG',
      'did you mean "HAVING"?',
    ],
    [
      'SELCT a',
      'expected CREATE, INSERT, SELECT or SET, found "SELCT"',
      'SELCT',
      'did you mean "SELECT"?',
    ],
    [
      'CREATE TABEL t (a INT)',
      'expected TABLE or STREAM, found "TABEL"',
      'TABEL',
      'did you mean "TABLE"?',
    ],
    ['SELECT a FROM t GROUP k', 'expected BY, found "k"', 'k', undefined],
    ['SELECT a b c FROM t', `${nextClause} "c"`, 'c', undefined],
    [
      'SELECT id, FROM t',
      'expected an expression or "*", found "FROM"',
      'FROM',
      'remove the comma before it',
    ],
    ['SELECT a +, b FROM t', 'expected an expression, found ","', ',', undefined],
    ['SELECT a FROM', 'expected a table, found end of text', '', undefined],
    ['SELECT a FROM;', 'expected a table, found ";"', ';', undefined],
    [
      'SELECT a FROM order',
      'expected a table, found "order"',
      'order',
      'to use it as a name, quote it: "order"',
    ],
    ['SELECT a + 1) FROM t', `${nextClause} ")"`, ')', 'no parenthesis is open here'],
    [
      'SELECT (a + 1 FROM t',
      'parenthesis is not closed: expected ")" before "FROM"',
      '(',
      undefined,
    ],
    ['SELECT f(a', 'parenthesis is not closed: expected ")" before end of text', '(', undefined],
    ['SELECT a[1 FROM t', 'bracket is not closed: expected "]" before "FROM"', '[', undefined],
    ['CREATE TABLE t (a INT b INT)', 'expected "," or ")", found "b"', 'b', undefined],
    ['SELECT a == b', 'expected an expression, found "="', '=', 'equality is written "="'],
    ['SELECT a FROM t SELECT b', `${nextClause} "SELECT"`, 'SELECT', 'end a statement with ";"'],
    [
      'SELECT a FROM t EMIT FINALLY',
      'expected CHANGES or FINAL, found "FINALLY"',
      'FINALLY',
      'did you mean "FINAL"?',
    ],
    [
      'SELECT 1m FROM t',
      'expected an expression or "*", found "1m"',
      '1m',
      "in an expression a duration is written INTERVAL '1' MINUTE",
    ],
    ['SELECT 1 /* abc', 'comment is not closed', '/*', 'end it with "*/"'],
    ["SELECT 'abc FROM t", 'string is not closed', "'abc FROM t", "end it with '"],
    ['SELECT "abc', 'quoted name is not closed', '"abc', 'end it with "'],
    ['SELECT § FROM t', 'unexpected character "§"', '§', undefined],
    ['SELECT ${X} FROM t', 'variable "${X}" stands outside a string', '${X}', "write '${X}'"],
    ["WITH ('a' = 'b')", 'expected a name, found "("', '(', undefined],
    [
      "CREATE TABLE t (a INT) WITH (b = 'c')",
      "expected an option such as 'format' = 'json', found \"b\"",
      'b',
      undefined,
    ],
  ])('%s', (text, message, at, hint) => {
    const { found, statements } = faultsOf(text);
    expect(found).toMatchObject([{ code: 'VELO_SYNTAX', message, at, hint }]);
    expect(statements).toEqual([]);
  });

  it('of what the grammar cannot express leaves the statement in the script', () => {
    for (const [text, code, message, at] of [
      [
        "SELECT ts + INTERVAL '1' FORTNIGHT AS x",
        'INTERVAL_UNIT',
        'unknown interval unit "FORTNIGHT"',
        'FORTNIGHT',
      ],
      [
        'SELECT 1 FROM t WINDOW TUMBLING(ts, 5 parsecs)',
        'INTERVAL_UNIT',
        'unknown duration unit "parsecs"',
        'parsecs',
      ],
      [
        'SELECT 1 FROM t WINDOW TUMBLING(ts, 1mo)',
        'INTERVAL_UNIT',
        'unknown duration unit "mo"',
        '1mo',
      ],
      [
        "SELECT INTERVAL 'x' DAY",
        'LITERAL_INVALID',
        'interval amount "x" is not a number',
        "INTERVAL 'x' DAY",
      ],
      ["SELECT INTERVAL '5' FROM t", 'SYNTAX', 'interval has no unit', "INTERVAL '5'"],
      [
        'SELECT 1 FROM t WINDOW HOPPING(ts, 1m)',
        'WINDOW_INVALID',
        'window HOPPING has 1 duration instead of 2',
        'WINDOW HOPPING(ts, 1m)',
      ],
      ['SELECT a FROM t JOIN u', 'SYNTAX', 'join has no condition', 't JOIN u'],
      [
        'SELECT a FROM t EMIT FINAL EMIT CHANGES',
        'SYNTAX',
        'clause EMIT is written twice',
        'EMIT CHANGES',
      ],
      [
        'SELECT 1 EMIT FINAL UNION SELECT 2',
        'SYNTAX',
        'clause EMIT stands before UNION',
        'EMIT FINAL',
      ],
      ['CREATE TABLE t (a INT, b)', 'SYNTAX', 'column "b" has no type', 'b'],
    ] as const) {
      const { found, statements } = faultsOf(text);
      expect(found).toMatchObject([{ code: `VELO_${code}`, message, at }]);
      expect(statements).toHaveLength(1);
    }
  });

  it('names months as what no window can be measured in', () => {
    const { found } = faultsOf("SELECT 1 FROM t WINDOW TUMBLING(ts, INTERVAL '1' MONTH)");
    expect(found).toMatchObject([
      { message: 'duration cannot be measured in "MONTH", whose length varies' },
    ]);
  });
});

describe('all faults of a text', () => {
  it('come in one go, in order, and the other statements are parsed', () => {
    const text = 'SELECT a FORM t; SELECT 1; SELECT FROM; INSERT x SELECT 2; SELECT 3';
    const { found, statements } = faultsOf(text);
    expect(found.map(({ at }) => at)).toEqual(['FORM', 'FROM', 'x']);
    expect(statements.map(({ span }) => sliceOf(text, span))).toEqual(['SELECT 1', 'SELECT 3']);
  });

  it('may lie in one statement, if they are apart', () => {
    const { found } = faultsOf('SELECT a FROM t WHERE a = AND b = 2 AND c = ');
    expect(found.map(({ start }) => start)).toEqual([26, 43]);
  });

  it('do not include echoes of the first', () => {
    expect(faultsOf('SELECT CAST(a INT) FROM t').found).toHaveLength(1);
    expect(faultsOf("SELECT 'abc FROM (t").found).toHaveLength(1);
  });

  it('go on after a string that is not closed', () => {
    const { found, statements } = faultsOf("SELECT 'abc FROM t; SELECT 1;\nSELECT b c d");
    expect(found.map(({ message }) => message)).toEqual([
      'string is not closed',
      'expected the next clause or ";", found "d"',
    ]);
    expect(statements).toHaveLength(1);
  });

  it('name the line of the string that swallowed code', () => {
    const { found } = faultsOf("SELECT 1;\nSELECT 'x\n;SELECT b WHERE c = 'y'");
    expect(found[0]?.hint).toBe(
      'the string that begins on line 2 spans several lines: does it lack its end?',
    );
  });

  it('carry the source they point into', () => {
    const { faults } = parseScript('SELECT', { sourceName: 'a/b.sql', variables: null });
    expect(faults[0]?.source).toEqual({ name: 'a/b.sql', text: 'SELECT' });
  });
});

describe('a number of the grammar itself', () => {
  const many = '1'.repeat(400);
  it.each([
    `SELECT CAST(1 AS DECIMAL(${many}, 2))`,
    `SELECT CAST('1' AS VARCHAR(${many}))`,
    `CREATE TABLE t (ts TIMESTAMP(${many})) WITH ('connector' = 'file')`,
    `SELECT SUM(a) OVER (ROWS WINDOW BUFFER ${many} ROWS) AS s FROM t`,
  ])('that loses digits is a fault at its place', (text) => {
    expect(faultsOf(text).found).toMatchObject([
      {
        code: 'VELO_SYNTAX',
        message: 'the number is too large: at most 9007199254740991 fits here',
        at: many,
      },
    ]);
  });
});

it('what is nested too deeply has a place, also where the text ends just there', () => {
  const said = new Set<string>();
  for (let signs = 420; signs < 460; signs += 1) {
    const text = `SELECT ${'- '.repeat(signs)}`;
    for (const { message, start } of faultsOf(text).found) {
      said.add(message);
      expect(start, message).toBeLessThanOrEqual(text.length);
    }
  }
  expect([...said]).toContain('statement is nested too deeply');
});
