/** Ids and signatures: what leaves state valid, and what makes it invalid. */
import { describe, expect, it } from 'vitest';
import { nodesOf, queryOf } from './support.js';

/** Ids and signatures of the operators with state. */
function state(query: string): string[] {
  return nodesOf(queryOf(query).root).flatMap((node) =>
    'signature' in node ? [`${node.id}: ${node.signature}`] : [],
  );
}

const BASE = 'SELECT name, SUM(amount * 2) AS s FROM t WHERE ok GROUP BY name';

describe('state stays valid when', () => {
  it.each([
    [
      'an alias changes',
      'SELECT name AS nm, SUM(amount * 2) AS other FROM t WHERE ok GROUP BY name',
    ],
    [
      'a table alias changes',
      'SELECT x.name, SUM(x.amount * 2) AS s FROM t AS x WHERE x.ok GROUP BY x.name',
    ],
    ['the sink changes', "CREATE STREAM out1 WITH ('connector' = 'blackhole') AS " + BASE],
    ['the batch size changes', `-- @batch_size: 7\n${BASE}`],
    ['the filter changes', 'SELECT name, SUM(amount * 2) AS s FROM t WHERE NOT ok GROUP BY name'],
    ['HAVING is added', `${BASE} HAVING SUM(amount * 2) > 1`],
    ['the list is reordered', 'SELECT SUM(amount * 2) AS s, name FROM t WHERE ok GROUP BY name'],
    ['EMIT changes', `${BASE} EMIT FINAL`],
    [
      'the query moves into a subquery',
      `SELECT * FROM (SELECT name, SUM(a2) AS s FROM (SELECT name, amount * 2 AS a2, ok FROM t) WHERE ok GROUP BY name)`,
    ],
  ])('%s', (_, query) => expect(state(query)).toEqual(state(BASE)));
});

describe('state becomes invalid when', () => {
  it.each([
    ['a key changes', 'SELECT id, SUM(amount * 2) AS s FROM t WHERE ok GROUP BY id'],
    ['an aggregate changes', 'SELECT name, MAX(amount * 2) AS s FROM t WHERE ok GROUP BY name'],
    ['an argument changes', 'SELECT name, SUM(amount * 3) AS s FROM t WHERE ok GROUP BY name'],
    [
      'a type changes',
      'SELECT name, SUM(CAST(amount * 2 AS BIGINT)) AS s FROM t WHERE ok GROUP BY name',
    ],
    ['a window is added', `${BASE} WINDOW TUMBLING(ts, 1m)`],
    [
      'FILTER is added',
      'SELECT name, SUM(amount * 2) FILTER (WHERE id > 1) AS s FROM t WHERE ok GROUP BY name',
    ],
  ])('%s', (_, query) => expect(state(query)).not.toEqual(state(BASE)));

  it('the size of a window or buffer changes', () => {
    const window = (size: string): string[] =>
      state(`SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, ${size})`);
    expect(window('1m')).toEqual(window('60s'));
    expect(window('1m')).not.toEqual(window('2m'));
    const rows = (count: number): string[] =>
      state(`SELECT SUM(id) OVER (ROWS WINDOW BUFFER ${count} ROWS) FROM t`);
    expect(rows(5)).not.toEqual(rows(6));
  });
});
