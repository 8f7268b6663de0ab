/** Edits of the queries of a file, of what they read, and of operators over operators. */
import { C, G, J, W, rows } from './edit.js';
import type { Edit } from './edit.js';

export const JOB_EDITS: readonly Edit[] = [
  {
    name: 'a query in front',
    before: `${G};`,
    after: `SELECT i FROM t WHERE i > 6; ${G};`,
    expected: { rows: rows('7, a 4 17, b 3 12, c 1 7'), said: ['query-1: is new, and begins'] },
  },
  {
    name: 'a query in front, and an aggregate added',
    before: `${G};`,
    after:
      'SELECT i FROM t WHERE i > 6; SELECT k, COUNT(*) AS n, SUM(w) AS x, SUM(v) AS s FROM t GROUP BY k EMIT FINAL;',
    expected: {
      rows: rows('7, a 4 130 17, b 3 60 12, c 1 70 7'),
      said: [
        'query-2/aggregate-1: SUM(w) added, of the rows from this restore on',
        'query-1: is new, and begins',
      ],
    },
  },
  {
    name: 'the first of two gone',
    before: `SELECT i FROM t WHERE i > 6; ${G};`,
    after: `${G};`,
    expected: {
      rows: rows('a 4 17, b 3 12, c 1 7'),
      said: ['query-1 of before: dropped, the file has it no more'],
    },
  },
  {
    name: 'two queries change places',
    before: `SELECT i FROM t WHERE i > 5; ${G};`,
    after: `${G}; SELECT i FROM t WHERE i > 5;`,
    expected: { rows: rows('6, 7, a 4 17, b 3 12, c 1 7'), said: [] },
  },
  {
    name: 'a table of another name',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM u GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 4 17, b 3 12, c 1 7'), said: [] },
  },
  {
    name: 'a query over changes: the lower one begun empty',
    before: C,
    after: C,
    allow: ['query-1/aggregate-1'],
    expected: {
      refused: [
        '"query-1/aggregate-2": cannot go on where "query-1/aggregate-1" begins empty: its numbers would count rows twice',
      ],
    },
  },
  {
    name: 'a query over changes: the upper one begun empty',
    before: C,
    after: C,
    allow: ['query-1/aggregate-2'],
    expected: {
      refused: [
        '"query-1/aggregate-1": cannot go on where "query-1/aggregate-2" begins empty: its numbers would count rows twice',
      ],
    },
  },
  {
    name: 'a query over changes: both begun empty',
    before: C,
    after: C,
    allow: ['query-1/aggregate-1', 'query-1/aggregate-2'],
    expected: {
      rows: rows('1 1, 1 2, 1 2, 1 3, 2 1'),
      said: [
        'query-1/aggregate-1: begins empty (--allow-state-loss)',
        'query-1/aggregate-2: begins empty (--allow-state-loss)',
      ],
    },
  },
  {
    name: 'a query over changes: an aggregate added above',
    before: C,
    after:
      'SELECT n, COUNT(*) AS g, MAX(n) AS m FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT CHANGES',
    expected: {
      refused: [
        '"query-1/aggregate-2": MAX(COUNT(*)) would be new, and rows from before may be taken back from it',
      ],
    },
  },
  {
    name: 'a query over changes: COUNT(*) added above',
    before:
      'SELECT n, SUM(n) AS m FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT CHANGES',
    after:
      'SELECT n, COUNT(*) AS g, SUM(n) AS m FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT CHANGES',
    expected: { rows: rows('1 1 1, 2 1 2, 3 1 3, 3 1 3, 3 2 6, 4 1 4'), said: [] },
  },
  {
    name: 'a query over changes: an aggregate less above',
    before:
      'SELECT n, COUNT(*) AS g, SUM(n) AS m FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT CHANGES',
    after: C,
    expected: {
      rows: rows('1 1, 2 1, 3 1, 3 1, 3 2, 4 1'),
      said: ['query-1/aggregate-2: SUM(COUNT(*)) dropped'],
    },
  },
  {
    name: 'another file',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM x GROUP BY k EMIT FINAL',
    expected: {
      refused: [
        '"query-1/scan-1": from file other.jsonl, before from file events.jsonl',
        '"query-1/aggregate-1": from file other.jsonl, before from file events.jsonl',
      ],
    },
  },
  {
    name: 'another file, read from its start',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM x GROUP BY k EMIT FINAL',
    allow: ['query-1/scan-1', 'query-1/aggregate-1'],
    expected: {
      rows: rows('a 4 17, b 3 12, c 1 7'),
      said: [
        'query-1/scan-1: begins empty (--allow-state-loss): from file other.jsonl, before from file events.jsonl',
        'query-1/aggregate-1: begins empty (--allow-state-loss): from file other.jsonl, before from file events.jsonl',
      ],
    },
  },
  {
    name: 'the source read again below a state that is kept',
    before: G,
    after: G,
    allow: ['query-1/scan-1'],
    expected: {
      refused: [
        '"query-1/aggregate-1": cannot go on where "query-1/scan-1" begins empty: its numbers would count rows twice',
      ],
    },
  },
  {
    name: 'a branch of UNION ALL more',
    before: 'SELECT k, v FROM t UNION ALL SELECT k, w FROM u',
    after:
      'SELECT k, v FROM t UNION ALL SELECT k, w FROM u UNION ALL SELECT k, i FROM x WHERE i > 6',
    expected: {
      rows: rows('a 5, a 50, a 7, a 8, a 80, b 6, b 60, c 7, c 70'),
      said: ['query-1/scan-3: is new, and begins where its source begins'],
    },
  },
  {
    name: 'ORDER BY above: an aggregate added',
    before: `${G} ORDER BY k`,
    after:
      'SELECT k, COUNT(*) AS n, SUM(w) AS x, SUM(v) AS s FROM t GROUP BY k EMIT FINAL ORDER BY k',
    expected: {
      rows: rows('a 4 130 17, b 3 60 12, c 1 70 7'),
      said: ['query-1/aggregate-1: SUM(w) added, of the rows from this restore on'],
    },
  },
  {
    name: 'ORDER BY added above',
    before: G,
    after: `${G} ORDER BY k`,
    expected: { rows: rows('a 4 17, b 3 12, c 1 7'), said: [] },
  },
  {
    name: 'LIMIT added above',
    before: 'SELECT k, v FROM t',
    after: 'SELECT k, v FROM t LIMIT 2',
    expected: { refused: ['"query-1/limit-1": it is new, and has not seen the rows before'] },
  },
  {
    name: 'LIMIT: a projection above it',
    before: 'SELECT k, v FROM t LIMIT 6',
    after: 'SELECT w FROM (SELECT k, v, w FROM t LIMIT 6)',
    expected: { rows: rows('50, 60'), said: [] },
  },
  {
    name: 'a join: a filter below',
    before: J,
    after: 'SELECT t.k, t.v, u.w FROM t JOIN (SELECT * FROM u WHERE v > 1) u ON t.i = u.i',
    expected: { refused: ['"query-1/join-1": right: where v > 1 (v BIGINT), before nothing'] },
  },
  {
    name: 'an aggregate twice',
    before: G,
    after:
      'SELECT k, COUNT(*) AS n, SUM(v) AS s, SUM(v) + SUM(v) AS s2 FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 4 17 34, b 3 12 24, c 1 7 14'), said: [] },
  },
  {
    name: 'the time that windows are of',
    before: W,
    after:
      "SELECT k, window_start AS ws, COUNT(*) AS n, SUM(v) AS s FROM TABLE(TUMBLE(TABLE y, DESCRIPTOR(ts), INTERVAL '60' SECOND)) GROUP BY k, window_start, window_end EMIT FINAL",
    expected: {
      refused: [
        '"query-1/window-aggregate-1": watermark ts TIMESTAMP(3) - 10000 ms, before watermark ts TIMESTAMP(3) - 5000 ms',
      ],
    },
  },
  {
    name: 'a column that the table computes',
    before: 'SELECT k, SUM(v) AS s FROM y GROUP BY k EMIT FINAL',
    after: 'SELECT k, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 17, b 12, c 7'), said: [] },
  },
  {
    name: 'a name that no operator has',
    before: G,
    after: G,
    allow: ['query-1/aggregate-7'],
    expected: { refused: ['--allow-state-loss names "query-1/aggregate-7", which no query has'] },
  },
];
