/** Edits of what the state of an operator means, and of what stands above it. */
import { D, expiring, G, J, N, O, R, S, T, W, rows } from './edit.js';
import type { Edit } from './edit.js';

export const OPERATOR_EDITS: readonly Edit[] = [
  {
    name: 'a TTL of a join',
    before: J,
    after: expiring('25s', J),
    expected: {
      rows: rows('a 5 50, a 8 80, b 6 60, c 7 70'),
      said: ['query-1/join-1: state TTL 25 s of event time, before none'],
    },
  },
  {
    name: 'no TTL of a join any more',
    before: expiring('25s', J),
    after: J,
    expected: {
      rows: rows('a 5 50, a 8 80, b 6 60, c 7 70'),
      said: ['query-1/join-1: state TTL none, before 25 s of event time'],
    },
  },
  {
    name: 'WHERE changed',
    before: 'SELECT k, SUM(v) AS s FROM t WHERE v > 1 GROUP BY k EMIT FINAL',
    after: 'SELECT k, SUM(v) AS s FROM t WHERE v > 2 GROUP BY k EMIT FINAL',
    expected: { refused: ['"query-1/aggregate-1": where v > 2, before where v > 1'] },
  },
  {
    name: 'WHERE changed, begun empty',
    before: 'SELECT k, SUM(v) AS s FROM t WHERE v > 1 GROUP BY k EMIT FINAL',
    after: 'SELECT k, SUM(v) AS s FROM t WHERE v > 2 GROUP BY k EMIT FINAL',
    allow: ['query-1/aggregate-1'],
    expected: {
      rows: rows('a 13, b 6, c 7'),
      said: [
        'query-1/aggregate-1: begins empty (--allow-state-loss): where v > 2, before where v > 1',
      ],
    },
  },
  {
    name: 'WHERE added',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t WHERE v > 2 GROUP BY k EMIT FINAL',
    expected: { refused: ['"query-1/aggregate-1": where v > 2 (v BIGINT), before nothing'] },
  },
  {
    name: 'WHERE of a stateless query',
    before: 'SELECT k, v FROM t WHERE v > 1',
    after: 'SELECT k, w FROM t WHERE v > 6',
    expected: { rows: rows('a 80, c 70'), said: [] },
  },
  {
    name: 'another key',
    before: G,
    after: 'SELECT k, COUNT(*) AS n FROM t GROUP BY k, v EMIT FINAL',
    expected: {
      refused: ['"query-1/aggregate-1": group by k VARCHAR, v BIGINT, before group by k VARCHAR'],
    },
  },
  {
    name: "another argument's expression",
    before: 'SELECT k, SUM(v + 1) AS s FROM t GROUP BY k EMIT FINAL',
    after: 'SELECT k, SUM(v + 2) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 17, b 8, c 9'),
      said: [
        'query-1/aggregate-1: SUM(v + 1) dropped',
        'query-1/aggregate-1: SUM(v + 2) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'EMIT',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES',
    expected: { refused: ['"query-1/aggregate-1": emit changes, before emit final'] },
  },
  {
    name: 'a window: an aggregate added',
    before: W,
    after:
      "SELECT k, window_start AS ws, COUNT(*) AS n, MAX(v) AS m, SUM(v) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '60' SECOND)) GROUP BY k, window_start, window_end EMIT FINAL",
    expected: {
      rows: rows('a 0 3 5 9, a 60000 1 8 8, b 0 3 6 12, c 60000 1 7 7'),
      said: ['query-1/window-aggregate-1: MAX(v) added, of the rows from this restore on'],
    },
  },
  {
    name: 'a window: an aggregate less',
    before: W,
    after:
      "SELECT k, window_start AS ws, SUM(v) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '60' SECOND)) GROUP BY k, window_start, window_end EMIT FINAL",
    expected: {
      rows: rows('a 0 9, a 60000 8, b 0 12, c 60000 7'),
      said: ['query-1/window-aggregate-1: COUNT(*) dropped'],
    },
  },
  {
    name: 'a window of another size',
    before: W,
    after:
      "SELECT k, window_start AS ws, COUNT(*) AS n, SUM(v) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '30' SECOND)) GROUP BY k, window_start, window_end EMIT FINAL",
    expected: {
      refused: [
        '"query-1/window-aggregate-1": tumbling 30000 ms of ts TIMESTAMP(3), before tumbling 60000 ms of ts TIMESTAMP(3)',
      ],
    },
  },
  {
    name: 'a session: an aggregate added',
    before: S,
    after:
      "SELECT k, MIN(v) AS m, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k WINDOW SESSION(ts, INTERVAL '30' SECOND) EMIT FINAL",
    expected: {
      rows: rows('a 5 4 17, b 6 3 12, c 7 1 7'),
      said: ['query-1/window-aggregate-1: MIN(v) added, of the rows from this restore on'],
    },
  },
  {
    name: 'a window instead of none',
    before: G,
    after: W,
    expected: {
      refused: ['"query-1/window-aggregate-1": it is new, and has not seen the rows before'],
    },
  },
  {
    name: 'a join: a projection above',
    before: J,
    after: 'SELECT t.v + u.w AS x, t.k FROM t JOIN u ON t.i = u.i',
    expected: { rows: rows('55 a, 66 b, 77 c, 88 a'), said: [] },
  },
  {
    name: 'a join: another kind',
    before: J,
    after: 'SELECT t.k, t.v, u.w FROM t LEFT JOIN u ON t.i = u.i',
    expected: {
      refused: [
        '"query-1/join-1": left join on left i BIGINT = right i BIGINT, before inner join on left i BIGINT = right i BIGINT',
      ],
    },
  },
  {
    name: 'a join: another key',
    before: J,
    after: 'SELECT t.k, t.v, u.w FROM t JOIN u ON t.v = u.v',
    expected: {
      refused: [
        '"query-1/join-1": inner join on left v BIGINT = right v BIGINT, before inner join on left i BIGINT = right i BIGINT',
      ],
    },
  },
  {
    name: 'a join: a column more',
    before: J,
    after: 'SELECT t.k, t.w, t.v, u.w FROM t JOIN u ON t.i = u.i',
    expected: {
      refused: [
        '"query-1/join-1": holds left i BIGINT, left k VARCHAR, left v BIGINT, left w BIGINT, before holds left i BIGINT, left k VARCHAR, left v BIGINT',
      ],
    },
  },
  {
    name: 'Top-N: more rows',
    before: T,
    after:
      'SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM t) WHERE r <= 2',
    expected: { refused: ['"query-1/top-n-1": first 2, before first 1'] },
  },
  {
    name: 'Top-N: a filter above',
    before: T,
    after: `SELECT k, v FROM (${T}) WHERE v > 4`,
    expected: { rows: rows('a 5, a 8, b 6, c 7'), said: [] },
  },
  {
    name: 'DISTINCT: a filter above',
    before: D,
    after: `SELECT k FROM (${D}) WHERE k <> 'a'`,
    expected: { rows: rows('c'), said: [] },
  },
  {
    name: 'DISTINCT: another column',
    before: D,
    after: 'SELECT DISTINCT k, v FROM t',
    expected: {
      refused: ['"query-1/aggregate-1": group by k VARCHAR, v BIGINT, before group by k VARCHAR'],
    },
  },
  {
    name: 'a ROWS window of another size',
    before: R,
    after:
      'SELECT k, v, SUM(v) OVER (ROWS WINDOW BUFFER 2 ROWS PARTITION BY k ORDER BY ts) AS s FROM t',
    expected: {
      refused: [
        '"query-1/rows-window-1": buffer 2 rows, every-record, before buffer 3 rows, every-record',
      ],
    },
  },
  {
    name: 'OVER: an expression above',
    before: O,
    after: `SELECT k, s * 10 AS s FROM (${O})`,
    expected: { rows: rows('a 160, a 90, b 120, b 60, c 70'), said: [] },
  },
  {
    name: 'OVER: another frame',
    before: O,
    after:
      'SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM t',
    expected: {
      refused: [
        '"query-1/over-1": SUM(v BIGINT) ROWS BETWEEN 1 PRECEDING AND CURRENT ROW, before SUM(v BIGINT) ROWS BETWEEN 2 PRECEDING AND CURRENT ROW',
      ],
    },
  },
  {
    name: 'groups over groups: an aggregate added above',
    before: N,
    after:
      'SELECT n, COUNT(*) AS g, MAX(k) AS m FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT FINAL',
    expected: {
      rows: rows('1 1 c, 3 1 b, 4 1 a'),
      said: ['query-1/aggregate-2: MAX(k) added, of the rows from this restore on'],
    },
  },
  {
    name: 'groups over groups: the lower one begun empty',
    before: N,
    after: N,
    allow: ['query-1/aggregate-1'],
    expected: {
      rows: rows('1 2, 2 1'),
      said: ['query-1/aggregate-1: begins empty (--allow-state-loss)'],
    },
  },
  {
    name: 'groups over groups: both begun empty',
    before: N,
    after: N,
    allow: ['query-1/aggregate-1', 'query-1/aggregate-2'],
    expected: {
      rows: rows('1 2, 2 1'),
      said: [
        'query-1/aggregate-1: begins empty (--allow-state-loss)',
        'query-1/aggregate-2: begins empty (--allow-state-loss)',
      ],
    },
  },
  {
    name: 'GROUP BY added over a stateless query',
    before: 'SELECT k, v FROM t',
    after: G,
    expected: { refused: ['"query-1/aggregate-1": it is new, and has not seen the rows before'] },
  },
  {
    name: 'GROUP BY taken away',
    before: G,
    after: 'SELECT k, v FROM t',
    expected: {
      rows: rows('a 5, a 8, b 6, c 7'),
      said: ['query-1/aggregate-1: dropped, the query has it no more'],
    },
  },
];
