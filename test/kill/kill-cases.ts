/**
 * The queries of the kill matrix: scenarios 0 to 3b as they stand in scenarios/, and one query for
 * each kind of state that an operator keeps. Owns the tables that they read, as a generator makes
 * them, and what of their rows has to be the same; where the rows come from and go to is
 * kill-lanes.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SCENARIOS = join(import.meta.dirname, '../../scenarios');

/**
 * sequence: the rows of each key, in order. rows: any order, where it depends on which of two inputs
 * comes first. net: what is left of a changelog, for the same reason.
 */
export type Compared = 'sequence' | 'rows' | 'net';

export interface KillCase {
  readonly name: string;
  readonly input: InputTable;
  /** SET … in front of it; empty: none. */
  readonly settings: string;
  readonly query: string;
  /** Columns of the result that hold together what has an order; none: all of it. */
  readonly key: readonly string[];
  readonly compared: Compared;
  readonly changelog: boolean;
  /** Reads table u, too, which has the same rows. */
  readonly two: boolean;
  /** What it puts out depends on its partitions: V1 throughout. */
  readonly onePlace: boolean;
}

/** Columns with what a generator computes them of, and what stands behind them. */
export interface InputTable {
  readonly name: string;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly of: string;
  }[];
  readonly watermark: string;
  readonly rows: number;
}

const column = (name: string, type: string, of: string): InputTable['columns'][number] => ({
  name,
  type,
  of,
});

/** Events in the order of their number, with every 13th late by up to 40 seconds. */
const EVENTS: InputTable = {
  name: 'events',
  columns: [
    column('id', 'BIGINT', 'i'),
    column('k', 'STRING', `'k' || CAST((i * 7) % 23 AS STRING)`),
    column('g', 'BIGINT', 'i % 5'),
    column('v', 'BIGINT', '(i * 37) % 101'),
    column(
      'ts',
      'TIMESTAMP(3)',
      'TO_TIMESTAMP_LTZ(i * 100 - CASE WHEN i % 13 = 0 THEN (i % 40) * 1000 ELSE 0 END, 3)',
    ),
  ],
  watermark: `WATERMARK FOR ts AS ts - INTERVAL '5' SECOND`,
  rows: 1200,
};

/** The table and the query of a scenario; its columns stand a line each. */
function scenario(
  file: string,
  rows: number,
): { readonly input: InputTable; readonly sql: string } {
  const text = readFileSync(join(SCENARIOS, file), 'utf8').replaceAll(
    /\$\{VELO_\w+:-([^}]*)\}/g,
    '$1',
  );
  const table = text.slice(text.indexOf('CREATE TABLE'), text.indexOf(') WITH'));
  const columns = [...table.matchAll(/^ {2}(\w+) (\w+) AS (.*?),?$/gm)];
  const query = /^SELECT[^;]*/m.exec(text)?.[0] ?? '';
  return {
    input: {
      name: `of-${file.slice(0, file.indexOf('-'))}`,
      columns: columns.map(([, name = '', type = '', expression = '']) =>
        column(name, type, expression),
      ),
      watermark: '',
      rows,
    },
    sql: query.replace(/FROM (orders|market_data)/, 'FROM t'),
  };
}

interface Wanted {
  readonly key?: readonly string[];
  readonly compared?: Compared;
  readonly changelog?: boolean;
  readonly two?: boolean;
  readonly onePlace?: boolean;
  readonly settings?: string;
  readonly input?: InputTable;
}

function of(name: string, query: string, wanted: Wanted = {}): KillCase {
  const { key = ['k'], compared = 'sequence', changelog = false, two = false } = wanted;
  const { onePlace = false, settings = '', input = EVENTS } = wanted;
  return { name, input, settings, query, key, compared, changelog, two, onePlace };
}

function ofScenario(file: string, rows: number, wanted: Wanted): KillCase {
  const { input, sql } = scenario(file, rows);
  return of(`scenario ${file.slice(0, file.indexOf('-'))}`, sql, { ...wanted, input });
}

const LATE = `SET 'late.strategy' = 'process-all'; SET 'allowed.lateness' = '1m';\n`;
const TUMBLE = `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '30' SECOND))`;

export const KILL_CASES: readonly KillCase[] = [
  ofScenario('0-pure-select.sql', 1500, { key: ['customer_id'] }),
  ofScenario('1-rows-window.sql', 1500, { key: ['symbol'] }),
  ofScenario('2-group-by.sql', 1500, { key: ['trader_id', 'symbol'] }),
  ofScenario('3a-tumbling-emit-final.sql', 1500, { key: ['trader_id', 'symbol'] }),
  // A snapshot is one of all groups of a partition.
  ofScenario('3b-tumbling-emit-changes.sql', 400, { key: ['trader_id', 'symbol'], onePlace: true }),
  of('no state', 'SELECT k, v + 1 AS w FROM t WHERE v > 10'),
  of('groups', 'SELECT k, COUNT(*) AS n, SUM(v) AS s, AVG(v) AS a FROM t GROUP BY k EMIT CHANGES'),
  of('groups at the end', 'SELECT k, COUNT(*) AS n, MAX(v) AS m FROM t GROUP BY k EMIT FINAL'),
  of('one group', 'SELECT COUNT(*) AS n, SUM(v) AS s FROM t EMIT CHANGES', { key: [] }),
  of(
    'groups that come and go',
    'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k HAVING MOD(SUM(v), 3) > 0',
    { changelog: true },
  ),
  of(
    'values that differ',
    'SELECT k, COUNT(DISTINCT v) AS d, MIN(v) AS a, MAX(v) AS b FROM t GROUP BY k EMIT CHANGES',
  ),
  of(
    'lists and texts',
    `SELECT k, LISTAGG(CAST(v AS STRING)) AS l, FIRST_VALUE(v) AS f, ARRAY_AGG(g) AS c FROM t
      GROUP BY k EMIT FINAL`,
  ),
  of('statistics', 'SELECT k, STDDEV(v) AS d, MEDIAN(v) AS m FROM t GROUP BY k EMIT FINAL'),
  of(
    'tumbling windows',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k
      WINDOW TUMBLING(ts, INTERVAL '10' SECOND) EMIT FINAL`,
  ),
  of(
    'tumbling windows, corrected',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k
      WINDOW TUMBLING(ts, INTERVAL '10' SECOND) EMIT FINAL`,
    { settings: LATE, key: ['k', 'w'] },
  ),
  of(
    'hopping windows',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, LAST_VALUE(v) AS l FROM t GROUP BY k
      WINDOW HOPPING(ts, INTERVAL '30' SECOND, INTERVAL '10' SECOND) EMIT FINAL`,
  ),
  of(
    'growing windows',
    `SELECT k, window_start AS w, window_end AS e, SUM(v) AS s FROM TABLE(CUMULATE(TABLE t,
      DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '40' SECOND)) GROUP BY k, window_start, window_end`,
  ),
  of(
    'sessions',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t WHERE v < 30 GROUP BY k
      WINDOW SESSION(ts, INTERVAL '4' SECOND) EMIT FINAL`,
  ),
  of(
    'sessions, corrected',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n, SUM(v) AS s FROM t WHERE v < 30 GROUP BY k
      WINDOW SESSION(ts, INTERVAL '4' SECOND) EMIT FINAL`,
    { settings: LATE, changelog: true },
  ),
  of(
    'buffers of rows',
    `SELECT k, v, SUM(v) OVER (ROWS WINDOW BUFFER 20 ROWS PARTITION BY k ORDER BY ts) AS s,
      MIN(v) OVER (ROWS WINDOW BUFFER 20 ROWS PARTITION BY k ORDER BY ts) AS m FROM t`,
  ),
  of(
    'over rows',
    `SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts
      ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS s FROM t`,
  ),
  of(
    'over a range of time',
    `SELECT k, v, MAX(v) OVER (PARTITION BY k ORDER BY ts
      RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW) AS m FROM t`,
  ),
  of(
    'the row before',
    `SELECT k, v, LAG(v) OVER (PARTITION BY k ORDER BY ts) AS b,
      ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS r FROM t`,
  ),
  of(
    'join within a time',
    `SELECT t.k, t.v, u.v AS w FROM t JOIN u ON t.k = u.k
      AND t.ts BETWEEN u.ts - INTERVAL '1' SECOND AND u.ts + INTERVAL '1' SECOND`,
    { two: true, compared: 'rows' },
  ),
  of('join', 'SELECT t.k, t.id, u.v FROM t JOIN u ON t.id = u.id AND t.v > 20', {
    two: true,
    compared: 'rows',
  }),
  of(
    'left join',
    `SELECT t.k, t.id, x.v FROM t LEFT JOIN (SELECT id, v FROM u WHERE v > 50) x ON t.id = x.id`,
    { two: true, compared: 'net', changelog: true },
  ),
  of(
    'full join',
    `SELECT a.k, a.id AS x, b.id AS y FROM (SELECT k, id FROM t WHERE v > 30) a
      FULL JOIN (SELECT id FROM u WHERE v < 60) b ON a.id = b.id`,
    { two: true, compared: 'net', changelog: true },
  ),
  of(
    'join of windows',
    `SELECT a.k, a.window_end AS w, a.n, b.s FROM
      (SELECT k, window_start, window_end, COUNT(*) AS n FROM ${TUMBLE} GROUP BY k, window_start, window_end) a
      JOIN (SELECT k, window_start, window_end, SUM(v) AS s FROM ${TUMBLE.replace('TABLE t', 'TABLE u')}
        GROUP BY k, window_start, window_end) b ON a.k = b.k AND a.window_end = b.window_end`,
    { two: true, compared: 'rows' },
  ),
  of(
    'first three',
    `SELECT k, v, r FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id)
      AS r FROM t) WHERE r <= 3`,
    { changelog: true },
  ),
  of(
    'first three of a window',
    `SELECT k, v, w, r FROM (SELECT k, v, window_end AS w, ROW_NUMBER() OVER
      (PARTITION BY window_start, window_end, k ORDER BY v DESC, id) AS r FROM ${TUMBLE}) WHERE r <= 3`,
  ),
  of(
    'first of each',
    `SELECT k, g, v FROM (SELECT k, g, v, ROW_NUMBER() OVER (PARTITION BY k, g ORDER BY ts) AS r FROM t)
      WHERE r = 1`,
    { changelog: true, key: ['k', 'g'] },
  ),
  of(
    'last of each',
    `SELECT k, g, v FROM (SELECT k, g, v, ROW_NUMBER() OVER (PARTITION BY k, g ORDER BY ts DESC) AS r
      FROM t) WHERE r = 1`,
    { changelog: true, key: ['k', 'g'] },
  ),
  of('what differs', 'SELECT DISTINCT k, v FROM t'),
  of(
    'groups of groups',
    `SELECT n, COUNT(*) AS m FROM (SELECT k, g, COUNT(*) AS n FROM t GROUP BY k, g) GROUP BY n`,
    { changelog: true, compared: 'net', key: [] },
  ),
  of(
    'two branches',
    `SELECT k, COUNT(*) AS n FROM t GROUP BY k UNION ALL SELECT k, -v AS n FROM t WHERE v > 90`,
    { compared: 'rows' },
  ),
  of(
    'the largest windows',
    `SELECT k, _WINDOW_START AS w, COUNT(*) AS n FROM t GROUP BY k
      WINDOW TUMBLING(ts, INTERVAL '30' SECOND) EMIT FINAL ORDER BY n DESC, w, k LIMIT 25`,
    { key: [] },
  ),
];
