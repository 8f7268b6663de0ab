/** Edits of the aggregates of a query, and of what stands above its groups. */
import { C, D, expiring, G, rows, U } from './edit.js';
import type { Edit } from './edit.js';

export const AGGREGATE_EDITS: readonly Edit[] = [
  {
    name: 'nothing',
    before: G,
    after: G,
    expected: { rows: rows('a 4 17, b 3 12, c 1 7'), said: [] },
  },
  {
    name: 'a TTL: old groups count from the restore on',
    before: U,
    after: expiring('25s', U),
    expected: {
      rows: rows('a 1 8, a 3 9, b 3 12, c 1 7'),
      said: ['query-1/aggregate-1: state TTL 25 s of event time, before none'],
    },
  },
  {
    name: 'a TTL of DISTINCT',
    before: D,
    after: expiring('25s', D),
    expected: {
      rows: rows('a, c'),
      said: ['query-1/aggregate-1: state TTL 25 s of event time, before none'],
    },
  },
  {
    name: 'no TTL any more',
    before: expiring('15s', U),
    after: U,
    expected: {
      rows: rows('a 2 8, a 3 16, b 2 10, c 1 7'),
      said: ['query-1/aggregate-1: state TTL none, before 15 s of event time'],
    },
  },
  {
    name: 'another TTL: it judges old groups, too',
    before: expiring('15s', U),
    after: expiring('30s', U),
    expected: {
      rows: rows('a 1 8, a 2 8, b 2 10, c 1 7'),
      said: ['query-1/aggregate-1: state TTL 30 s of event time, before 15 s of event time'],
    },
  },
  {
    name: 'the same TTL, and an aggregate less',
    before: expiring('25s', U),
    after: expiring('25s', 'SELECT k, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES'),
    expected: {
      rows: rows('a 8, a 9, b 12, c 7'),
      said: ['query-1/aggregate-1: COUNT(*) dropped'],
    },
  },
  {
    name: 'a TTL of groups over groups',
    before: C,
    after: `SET 'state.ttl' = '1h'; ${C}`,
    expected: {
      rows: rows('1 1, 2 1, 3 1, 3 1, 3 2, 4 1'),
      said: [
        'query-1/aggregate-1: state TTL 1 h of processing time, before none',
        'query-1/aggregate-2: state TTL 1 h of processing time, before none',
      ],
    },
  },
  {
    name: 'an alias',
    before: G,
    after: 'SELECT k AS key1, COUNT(*) AS c, SUM(v) AS t2 FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 4 17, b 3 12, c 1 7'), said: [] },
  },
  {
    name: 'the order of the select list',
    before: G,
    after: 'SELECT SUM(v) AS s, k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('12 b 3, 17 a 4, 7 c 1'), said: [] },
  },
  {
    name: 'HAVING that asks for what is there',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k HAVING COUNT(*) > 3 EMIT FINAL',
    expected: { rows: rows('a 4 17'), said: [] },
  },
  {
    name: 'HAVING that asks for a new aggregate',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k HAVING MAX(v) > 5 EMIT FINAL',
    expected: {
      rows: rows('a 4 17, b 3 12, c 1 7'),
      said: ['query-1/aggregate-1: MAX(v) added, of the rows from this restore on'],
    },
  },
  {
    name: 'a projection above',
    before: G,
    after: 'SELECT k, COUNT(*) + 1 AS n, SUM(v) * 2 AS s FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 5 34, b 4 24, c 2 14'), said: [] },
  },
  {
    name: 'a filter above',
    before: G,
    after:
      'SELECT k, n FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k) WHERE s > 10 EMIT FINAL',
    expected: { rows: rows('a 4, b 3'), said: [] },
  },
  {
    name: 'an aggregate less',
    before: G,
    after: 'SELECT k, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 17, b 12, c 7'), said: ['query-1/aggregate-1: COUNT(*) dropped'] },
  },
  {
    name: 'another aggregate less',
    before: G,
    after: 'SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 4, b 3, c 1'), said: ['query-1/aggregate-1: SUM(v) dropped'] },
  },
  {
    name: 'all aggregates less, and one new',
    before: G,
    after: 'SELECT k, MAX(w) AS m FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 80, b 60, c 70'),
      said: [
        'query-1/aggregate-1: COUNT(*) dropped',
        'query-1/aggregate-1: SUM(v) dropped',
        'query-1/aggregate-1: MAX(w) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'SUM of another column added',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s, SUM(w) AS sw FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 4 17 130, b 3 12 60, c 1 7 70'),
      said: ['query-1/aggregate-1: SUM(w) added, of the rows from this restore on'],
    },
  },
  {
    name: 'an aggregate added in front',
    before: G,
    after: 'SELECT k, MIN(w) AS m, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 50 4 17, b 60 3 12, c 70 1 7'),
      said: ['query-1/aggregate-1: MIN(w) added, of the rows from this restore on'],
    },
  },
  {
    name: 'COUNT(*) added: the groups have it',
    before: 'SELECT k, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    after: G,
    expected: { rows: rows('a 4 17, b 3 12, c 1 7'), said: [] },
  },
  {
    name: 'AVG added: it has the cells of SUM',
    before: G,
    after: 'SELECT k, AVG(v) AS a, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 4.25 17, b 4 12, c 7 7'),
      said: ['query-1/aggregate-1: COUNT(*) dropped'],
    },
  },
  {
    name: 'AVG instead of SUM',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, AVG(v) AS a FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 4 4.25, b 3 4, c 1 7'),
      said: ['query-1/aggregate-1: SUM(v) dropped'],
    },
  },
  {
    name: 'MAX added of a column that SUM has',
    before: G,
    after: 'SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 4 17 8, b 3 12 6, c 1 7 7'),
      said: ['query-1/aggregate-1: MAX(v) added, of the rows from this restore on'],
    },
  },
  {
    name: 'COUNT(DISTINCT) added',
    before: G,
    after: 'SELECT k, COUNT(DISTINCT v % 2) AS d, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 2 17, b 1 12, c 1 7'),
      said: [
        'query-1/aggregate-1: COUNT(*) dropped',
        'query-1/aggregate-1: COUNT_DISTINCT(v % 2) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'SUM(DISTINCT) instead of SUM',
    before: G,
    after: 'SELECT k, SUM(DISTINCT v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 13, b 6, c 7'),
      said: [
        'query-1/aggregate-1: COUNT(*) dropped',
        'query-1/aggregate-1: SUM(v) dropped',
        'query-1/aggregate-1: SUM(DISTINCT v) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'a FILTER added',
    before: G,
    after: 'SELECT k, SUM(v) FILTER (WHERE v > 4) AS f, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 13 17, b 6 12, c 7 7'),
      said: [
        'query-1/aggregate-1: COUNT(*) dropped',
        'query-1/aggregate-1: SUM(v) filter v > 4 added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'a FILTER changed',
    before: 'SELECT k, SUM(v) FILTER (WHERE v > 1) AS f FROM t GROUP BY k EMIT FINAL',
    after: 'SELECT k, SUM(v) FILTER (WHERE v > 2) AS f FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 13, b 6, c 7'),
      said: [
        'query-1/aggregate-1: SUM(v) filter v > 1 dropped',
        'query-1/aggregate-1: SUM(v) filter v > 2 added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'MAX of text added',
    before: G,
    after: 'SELECT k, MAX(CAST(v AS STRING)) AS m, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 8 17, b 6 12, c 7 7'),
      said: [
        'query-1/aggregate-1: COUNT(*) dropped',
        'query-1/aggregate-1: MAX(CAST(v AS VARCHAR)) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'text kept beside another',
    before: 'SELECT k, MIN(CAST(v AS STRING)) AS m, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    after: 'SELECT k, SUM(w) AS x, MIN(CAST(v AS STRING)) AS m FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 130 1, b 60 2, c 70 7'),
      said: [
        'query-1/aggregate-1: SUM(v) dropped',
        'query-1/aggregate-1: SUM(w) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'LISTAGG kept, MEDIAN added',
    before: "SELECT k, LISTAGG(CAST(v AS STRING), '-') AS l FROM t GROUP BY k EMIT FINAL",
    after:
      "SELECT k, MEDIAN(v) AS m, LISTAGG(CAST(v AS STRING), '-') AS l FROM t GROUP BY k EMIT FINAL",
    expected: {
      rows: rows('a 6.5 1-3-5-8, b 6 2-4-6, c 7 7'),
      said: [
        'query-1/aggregate-1: MEDIAN(CAST(v AS DOUBLE)) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'COUNT(DISTINCT) kept, SUM gone',
    before: 'SELECT k, SUM(v) AS s, COUNT(DISTINCT v) AS d FROM t GROUP BY k EMIT FINAL',
    after: 'SELECT k, COUNT(DISTINCT v) AS d FROM t GROUP BY k EMIT FINAL',
    expected: { rows: rows('a 4, b 3, c 1'), said: ['query-1/aggregate-1: SUM(v) dropped'] },
  },
  {
    name: 'STDDEV and CORR added',
    before: G,
    after: 'SELECT k, VAR_POP(v) AS x, CORR(v, w) AS c, SUM(v) AS s FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 2.25 1 17, b 0 null 12, c 0 null 7'),
      said: [
        'query-1/aggregate-1: COUNT(*) dropped',
        'query-1/aggregate-1: VAR_POP(v) added, of the rows from this restore on',
        'query-1/aggregate-1: CORR(v, w) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'LAST_VALUE added',
    before: G,
    after: 'SELECT k, LAST_VALUE(v) AS l, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL',
    expected: {
      rows: rows('a 8 4, b 6 3, c 7 1'),
      said: [
        'query-1/aggregate-1: SUM(v) dropped',
        'query-1/aggregate-1: LAST_VALUE(v) added, of the rows from this restore on',
      ],
    },
  },
  {
    name: 'no keys: an aggregate added',
    before: 'SELECT SUM(v) AS s FROM t EMIT FINAL',
    after: 'SELECT COUNT(*) AS n, MAX(v) AS m, SUM(v) AS s FROM t EMIT FINAL',
    expected: {
      rows: rows('8 8 36'),
      said: ['query-1/aggregate-1: MAX(v) added, of the rows from this restore on'],
    },
  },
];
