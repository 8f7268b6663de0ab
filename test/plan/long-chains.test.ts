/**
 * What tools write: flat chains of thousands of operators, and SELECTs inside SELECTs. The first parse,
 * print, bind, compile and run; the plans of the second grow with their depth, not with its power.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseExpression } from '../../src/sql/parser.js';
import { printExpression } from '../../src/sql/printer.js';
import { runSql } from '../support/run-sql.js';
import { planOf } from './support.js';

/** Several times what nested calls, in the planner or in the code it makes, have stack for. */
const MANY = 4_000;
const LIMIT_MS = 240_000;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'velo-chains-'));
  writeFileSync(join(folder, 't.jsonl'), '{"a":1,"s":"x","d":1.5}\n{"a":null,"s":null,"d":null}\n');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const list = (item: (at: number) => string, separator: string): string =>
  Array.from({ length: MANY }, (_, at) => item(at)).join(separator);

const CHAINS: readonly (readonly [
  name: string,
  expression: () => string,
  first: unknown,
  second: unknown,
])[] = [
  ['OR', () => list((at) => `a = ${at + 2}`, ' OR '), false, null],
  ['OR that may fail', () => list((at) => `10 / (a + ${at}) < 0`, ' OR '), false, null],
  ['AND', () => list((at) => `a <> ${at + 2}`, ' AND '), true, null],
  ['+', () => list(() => 'a', ' + '), MANY, null],
  ['+ and - of several types', () => `a${' + 1.5 - d'.repeat(MANY / 2)}`, 1, null],
  ['||', () => `LENGTH(${list(() => 's', ' || ')})`, MANY, null],
  ['CONCAT', () => `LENGTH(CONCAT(${list(() => 's', ', ')}))`, MANY, 0],
  ['CASE', () => `CASE ${list((at) => `WHEN a = ${at + 2} THEN ${at}`, ' ')} ELSE -1 END`, -1, -1],
  [
    'CASE of an operand',
    () => `CASE a ${list((at) => `WHEN ${at + 1} THEN 'v${at}'`, ' ')} END`,
    'v0',
    null,
  ],
  ['COALESCE', () => `COALESCE(${list(() => 'a', ', ')}, 7)`, 1, 7],
  ['::', () => `a${'::DOUBLE::BIGINT'.repeat(MANY / 2)}`, 1, null],
  [':: with lengths', () => `a${'::VARCHAR(3)::INT'.repeat(MANY / 2)}`, 1, null],
  ['IN of literals', () => `a IN (${list((at) => `${at + 2}`, ', ')})`, false, null],
  ['IN of columns', () => `a IN (${list((at) => `a + ${at + 1}`, ', ')})`, false, null],
  ['IS NULL', () => `a IS NULL${' IS NOT NULL'.repeat(MANY)}`, true, true],
];

describe('chains of thousands', () => {
  it.each(CHAINS)(
    '%s',
    async (_name, expression, first, second) => {
      const table = `CREATE TABLE t (a BIGINT, s STRING, d DOUBLE) WITH ('connector' = 'file', 'path' = '${folder}/t.jsonl', 'format' = 'json');`;
      const { lines, errorText } = await runSql(`${table} SELECT ${expression()} AS x FROM t;`, {});
      expect(errorText).toBe('');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        { x: first },
        { x: second },
      ]);
    },
    LIMIT_MS,
  );

  it('print as they were written', () => {
    for (const [, expression] of CHAINS.slice(0, 6)) {
      const once = printExpression(parseExpression(expression()));
      expect(printExpression(parseExpression(once)) === once).toBe(true);
    }
  }, 240_000);

  it(
    'of subscripts are bound to their fault',
    async () => {
      const { errorText } = await runSql(`SELECT ARRAY[1]${'[1]'.repeat(MANY)} AS x;`, {});
      expect(errorText).toContain('VELO_TYPE_MISMATCH');
    },
    LIMIT_MS,
  );
});

describe('depth', () => {
  it.each(['(', 'NOT ', '- ', 'ABS(', 'CASE WHEN TRUE THEN '])(
    'of %s is refused with a place',
    (open) => {
      expect(() => parseExpression(open.repeat(5_000))).toThrow('nested too deeply');
    },
  );

  it.each([
    (below: string) => `(SELECT a * 2 - a AS a FROM ${below})`,
    (below: string) => `(SELECT CASE WHEN a > 5 THEN a - 1 ELSE a END AS a FROM ${below})`,
    (below: string) => `(SELECT a + a AS a FROM ${below} WHERE a + a > 0)`,
  ])('of SELECTs makes a plan in proportion', (level) => {
    const size = (levels: number): number => {
      let from = '(SELECT id AS a FROM t)';
      for (let at = 0; at < levels; at += 1) from = level(from);
      return JSON.stringify(planOf(`SELECT a FROM ${from}`), (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ).length;
    };
    expect(size(24) / size(12)).toBeLessThan(3);
  });
});
