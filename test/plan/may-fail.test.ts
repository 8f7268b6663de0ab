/**
 * What the registry says of functions that never fail: an expression that the planner takes for one
 * that cannot fail does not, whatever its row; and what fails for some texts only is not taken so.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/codegen/interpreter.js';
import { BIGINT, BOOLEAN, VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { BoundExpression } from '../../src/plan/expression/expression.js';
import { expressionKey, mayFail } from '../../src/plan/expression/expression-walk.js';
import {
  TYPES,
  build,
  nullableValueOf,
  recipes,
  valueOf,
} from '../codegen/arbitrary-expression.js';
import { call, column, int, text } from '../codegen/expressions.js';
import { runSql } from '../support/run-sql.js';

const RUNS = Number(process.env['LAW_RUNS'] ?? 600);
const SEED = Number(process.env['LAW_SEED'] ?? 20_240_115);

/** What is wrong with an expression for a row. */
function faultOf(expression: BoundExpression, row: readonly SqlValue[]): string | null {
  try {
    interpret(expression, row, { nowMs: 0 });
    return null;
  } catch (error) {
    return `${expressionKey(expression)}: ${String(error)}`;
  }
}

describe('an expression that cannot fail', () => {
  it('does not', () => {
    let harmless = 0;
    fc.assert(
      fc.property(
        recipes,
        fc.nat(TYPES.length - 1),
        fc.array(fc.nat(100_000), { minLength: TYPES.length, maxLength: TYPES.length }),
        (recipe, wanted, numbers) => {
          const expression = build(recipe, TYPES[wanted] ?? BOOLEAN, TYPES);
          if (mayFail(expression)) return;
          if (expression.kind !== 'column' && expression.kind !== 'literal') harmless += 1;
          for (const pick of [valueOf, nullableValueOf]) {
            const row = TYPES.map((type, at): SqlValue => pick(type, numbers[at] ?? 0));
            expect(faultOf(expression, row)).toBe(null);
          }
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
    expect(harmless).toBeGreaterThan(RUNS / 20);
  });

  const [s, t, n] = [column(0, VARCHAR), column(1, VARCHAR), column(2, BIGINT)];
  const CALLS: readonly (readonly [name: string, expression: BoundExpression, may: boolean])[] = [
    ['a || b', call('||', s, t), true],
    ['CONCAT', call('CONCAT', s, t), true],
    ['REPLACE', call('REPLACE', s, t, t), true],
    ['UPPER', call('UPPER', s), true],
    ['LOWER', call('LOWER', s), true],
    ['LIKE a pattern of the row', call('like', s, t), true],
    ['LIKE a written pattern', call('like', s, text('%a%')), false],
    ['LIKE with the row’s ESCAPE', call('like', s, text('a'), t), true],
    ['SUBSTRING of a length of the row', call('SUBSTRING', s, n, n), true],
    ['SUBSTRING of a written length', call('SUBSTRING', s, n, int(3)), false],
    ['LENGTH', call('LENGTH', s), false],
    ['TRIM', call('TRIM', s), false],
    ['a = b', call('=', s, t), false],
    ['n % 7', call('%', n, int(7)), false],
    ['n % 0', call('%', n, int(0)), true],
    ['n + n', call('+', n, n), true],
  ];

  it.each(CALLS)('is told by the function: %s', (_name, expression, may) => {
    expect(mayFail(expression)).toBe(may);
  });
});

describe('a text that becomes too long', () => {
  const texts = `SELECT id, CASE id WHEN 0 THEN REPEAT('a', 9000000 + id) ELSE 'b' END AS s FROM t`;

  it('fails nobody who does not read it', async () => {
    const table = `CREATE TABLE t (id BIGINT AS i) WITH ('connector' = 'generator', 'rows' = '3');`;
    const below = `SELECT id, s || s AS x FROM (${texts}) AS a`;
    const guarded = `SELECT id, CASE WHEN id > 0 THEN LENGTH(x) + LENGTH(x) ELSE 0 END AS n FROM (${below}) AS b;`;
    const { lines, errorText } = await runSql(table + guarded, { onError: 'fail' });
    expect(errorText).toBe('');
    expect(lines).toHaveLength(3);
    const read = await runSql(`${table} SELECT id, LENGTH(x) AS n FROM (${below}) AS b;`, {
      onError: 'skip',
    });
    expect(read.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { id: 1, n: 2 },
      { id: 2, n: 2 },
    ]);
  });

  it('is one whose letters become several in the other case', () => {
    const upper = call('UPPER', column(0, VARCHAR));
    expect(faultOf(upper, ['\u0149'.repeat(9_000_000)])).toContain('longer than 16 MiB');
    expect(faultOf(upper, ['\u0149'.repeat(8_000_000)])).toBe(null);
  });
});
