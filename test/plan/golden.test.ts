/**
 * Goldens of whole plans: the five scenarios and a query per operator, as EXPLAIN prints them.
 * Regenerate with `npx vitest run test/plan/golden.test.ts -u` and review the difference as code.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/plan/explain/explain-plan.js';
import { explained, planOf, planSql } from './support.js';

const folder = new URL('../../scenarios/', import.meta.url);
const golden = (name: string): string => `../golden/plan/${name}.txt`;

describe('scenarios', () => {
  const scenarios = readdirSync(folder).filter((file) => file.endsWith('.sql'));
  it('are five', () => expect(scenarios.length).toBeGreaterThanOrEqual(5));
  it.each(scenarios)('%s binds to its golden plan', async (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const sql = text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');
    const { plan, faults } = planSql(sql);
    expect(faults).toEqual([]);
    const shown = explain(plan!, { stage: 'pipeline', format: 'text' });
    await expect(`${shown}\n`).toMatchFileSnapshot(golden(`scenario-${file.replace('.sql', '')}`));
  });
});

const QUERIES: Readonly<Record<string, string>> = {
  select: 'SELECT id, amount * 2 AS twice FROM t WHERE amount > 100',
  'group-by-final':
    'SELECT name, COUNT(*) AS n FROM t GROUP BY name HAVING COUNT(*) > 1 EMIT FINAL',
  'group-by-nested':
    'SELECT COUNT(*) AS groups FROM (SELECT name, COUNT(*) AS n FROM t GROUP BY name) WHERE n > 1',
  'order-by-limit': 'SELECT name, SUM(amount) AS s FROM t GROUP BY name ORDER BY s DESC LIMIT 3',
  'window-clause':
    'SELECT name, _WINDOW_START AS ws, SUM(amount) AS s FROM t WHERE ok GROUP BY name WINDOW HOPPING(ts, 2m, 1m)',
  'window-changes':
    'SELECT name, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m) EMIT CHANGES',
  'window-assumed-watermark': 'SELECT COUNT(*) AS n FROM u WINDOW TUMBLING(trade_time, 1m)',
  'window-table-function':
    "SELECT window_start, window_end, name, SUM(amount) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE amount > 1 GROUP BY window_start, window_end, name",
  'window-columns':
    "SELECT id, window_time FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '20' SECOND, INTERVAL '1' MINUTE))",
  'window-cascade':
    'SELECT _WINDOW_START AS ws, SUM(n) AS n FROM (SELECT _WINDOW_END AS e, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)) WINDOW TUMBLING(e, 1h)',
  'rows-window':
    'SELECT id, AVG(amount) OVER w AS av, LAG(amount, 2, 0.0) OVER w AS before, COUNT(*) OVER (ROWS WINDOW BUFFER 5 ROWS) AS n FROM t WINDOW w AS (ROWS WINDOW BUFFER 10 ROWS PARTITION BY name ORDER BY ts)',
  over: 'SELECT id, SUM(amount) OVER (PARTITION BY name ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM t',
  'top-n':
    'SELECT name, rn, amount FROM (SELECT name, amount, ROW_NUMBER() OVER (PARTITION BY name ORDER BY amount DESC) AS rn FROM t) WHERE rn <= 3 AND amount > 0',
  join: 'SELECT t.id, u.v FROM t LEFT JOIN u ON t.id = u.id AND u.v > t.id WHERE t.ok',
  union: 'SELECT id FROM t UNION ALL SELECT amount FROM t',
  distinct: 'SELECT DISTINCT name, ok FROM t',
  'order-by-window':
    'SELECT name, COUNT(*) AS n FROM u GROUP BY name WINDOW TUMBLING(at, 1m) ORDER BY n DESC LIMIT 5',
  insert: 'INSERT INTO sink SELECT id, COUNT(*) FROM t GROUP BY id',
};

describe('queries', () => {
  it.each(Object.entries(QUERIES))('%s has its golden plan', async (name, sql) => {
    const shown = [
      '-- logical',
      explained(sql, 'logical'),
      '-- pipeline',
      explained(sql, 'pipeline'),
    ].join('\n');
    await expect(`${sql}\n\n${shown}\n`).toMatchFileSnapshot(golden(name));
  });
});

describe('EXPLAIN formats', () => {
  const plan = planOf(QUERIES['window-clause']!);

  it('JSON holds the whole plan without spans', () => {
    for (const stage of ['logical', 'pipeline'] as const) {
      const text = explain(plan, { stage, format: 'json' });
      const parsed = JSON.parse(text) as { queries: { id: string }[] };
      expect(parsed.queries.map(({ id }) => id)).toEqual(['query-1']);
      expect(text).not.toContain('"span"');
    }
  });

  it('Mermaid draws an edge with its mode per input', () => {
    const text = explain(plan, { stage: 'pipeline', format: 'mermaid' });
    expect(text.split('\n')[0]).toBe('flowchart BT');
    expect(text.match(/-->\|append\|/g)).toHaveLength(5);
    expect(text).toContain('query-1/window-aggregate-1');
  });
});
