/**
 * Where V2 cuts queries: the fragments, what their edges are routed by and know, and which groups
 * senders build in part. Strategies are fragment-strategies.test.ts, laws fragment-laws.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { planFragments } from '../../src/plan/fragments/fragments.js';
import { pipelineInputs } from '../../src/plan/pipeline/pipeline-plan.js';
import { CHANGES, FINAL, cutOf, fragmentsOf } from './fragment-support.js';
import { queryOf } from './support.js';

describe('where a query is cut', () => {
  it.each<[string, string, string[]]>([
    ['a filter', 'SELECT id FROM t WHERE ok', ['calc-1(scan-1) → sink']],
    [
      'a union of filters, each by itself',
      'SELECT id FROM t WHERE ok UNION ALL SELECT v FROM u',
      ['calc-1(scan-1) → sink', 'scan-2 → sink'],
    ],
    [
      'a filter over a union, which goes on top of each side',
      'SELECT id + 1 AS x FROM (SELECT id FROM t UNION ALL SELECT v FROM u) WHERE id > 3',
      ['calc-1(scan-1) → sink', 'calc-1-copy-2(scan-2) → sink'],
    ],
    ['changes of groups', CHANGES, ['scan-1 → <0> by name', '1 parallel aggregate-1(<0>) → sink']],
    [
      'final groups, in part before they are sent',
      FINAL,
      ['scan-1 → <0> by name partial', '1 parallel aggregate-1(<0>) → sink'],
    ],
    [
      'a group of all rows',
      'SELECT COUNT(*) AS n FROM t EMIT FINAL',
      ['scan-1 → <0> by [single] partial', '1 aggregate-1(<0>) → sink'],
    ],
    [
      'HAVING, which stays with its groups',
      'SELECT name, COUNT(*) AS n FROM t GROUP BY name HAVING COUNT(*) > 2',
      ['scan-1 → <0> by name', '1 parallel calc-1(aggregate-1(<0>)) → sink'],
    ],
    [
      'DISTINCT',
      'SELECT DISTINCT name, ok FROM t',
      ['scan-1 → <0> by name,ok', '1 parallel aggregate-1(<0>) → sink'],
    ],
    [
      'a sort of a source',
      'SELECT id FROM t ORDER BY id LIMIT 3',
      ['scan-1 → <0> by [single]', '1 sort-1(<0>) → sink'],
    ],
    [
      'a limit of a source',
      'SELECT id FROM t LIMIT 3',
      ['scan-1 → <0> by [single]', '1 limit-1(<0>) → sink'],
    ],
    [
      'a sort of groups',
      `SELECT name, SUM(amount) AS s FROM t GROUP BY name ORDER BY s DESC LIMIT 3`,
      [
        'scan-1 → <0> by name partial',
        '1 parallel aggregate-1(<0>) → <1> by [single]',
        '2 sort-1(<1>) → sink',
      ],
    ],
    [
      'a limit of groups',
      `${CHANGES} LIMIT 3`,
      [
        'scan-1 → <0> by name',
        '1 parallel aggregate-1(<0>) → <1> by [single]',
        '2 limit-1(<1>) → sink',
      ],
    ],
    [
      'a sort of the group of all rows, in one place with it',
      'SELECT COUNT(*) AS n FROM t ORDER BY n LIMIT 1',
      ['scan-1 → <0> by [single] partial', '1 sort-1(aggregate-1(<0>)) → sink'],
    ],
    [
      'a window, behind its watermark',
      'SELECT name, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)',
      [
        'watermark-1(scan-1) → <0> by name partial',
        '1 parallel calc-1(window-aggregate-1(<0>)) → sink',
      ],
    ],
    [
      'the first rows of a key',
      'SELECT * FROM (SELECT name, amount, ROW_NUMBER() OVER (PARTITION BY name ORDER BY amount) AS rn FROM t) WHERE rn <= 3',
      ['scan-1 → <0> by name', '1 parallel calc-1(top-n-1(<0>)) → sink'],
    ],
    [
      'ROWS windows',
      'SELECT id, SUM(amount) OVER (ROWS WINDOW BUFFER 5 ROWS PARTITION BY name) AS s FROM t',
      ['watermark-1(scan-1) → <0> by name', '1 parallel calc-1(rows-window-1(<0>)) → sink'],
    ],
    [
      'OVER without PARTITION BY',
      'SELECT id, SUM(amount) OVER (ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM t',
      ['watermark-1(scan-1) → <0> by [single]', '1 calc-1(over-1(<0>)) → sink'],
    ],
    [
      'a join, both sides by its keys',
      'SELECT t.id, u.v FROM t JOIN u ON t.name = u.name AND t.id = u.id',
      [
        'scan-1 → <0> by name,id',
        'scan-2 → <1> by name,id',
        '1 parallel calc-1(join-1(<0>, <1>)) → sink',
      ],
    ],
    [
      'a join of different types, in one place',
      'SELECT t.id FROM t JOIN u ON t.amount = u.id',
      ['scan-1 → <0> by [single]', 'scan-2 → <1> by [single]', '1 calc-1(join-1(<0>, <1>)) → sink'],
    ],
    [
      'groups of a union, which moves behind the edges',
      'SELECT id, COUNT(*) AS n FROM (SELECT id FROM t UNION ALL SELECT v FROM u) GROUP BY id EMIT CHANGES',
      [
        'scan-1 → <0> by id',
        'scan-2 → <1> by v',
        '1 parallel aggregate-1(union-1(<0>, <1>)) → sink',
      ],
    ],
    [
      'groups of a column computed over a union: the senders compute it',
      'SELECT k, COUNT(*) AS n FROM (SELECT id % 7 AS k FROM (SELECT id FROM t UNION ALL SELECT v FROM u)) GROUP BY k',
      [
        'calc-1(scan-1) → <0> by k',
        'calc-1-copy-2(scan-2) → <1> by k',
        '1 parallel aggregate-1(union-1(<0>, <1>)) → sink',
      ],
    ],
    [
      'a union of groups and rows, each by itself',
      'SELECT id FROM (SELECT id, COUNT(*) AS n FROM u GROUP BY id) UNION ALL SELECT id FROM t',
      [
        'scan-1 → <0> by id',
        'scan-2 → <1> by [turn]',
        '1 parallel aggregate-1(<0>) → sink',
        '1 parallel <1> → sink',
      ],
    ],
  ])('%s', (_, sql, cut) => expect(cutOf(sql)).toEqual(cut));
});

describe('what lies together already', () => {
  it.each<[string, string, string[]]>([
    [
      'groups of fewer columns go to one place',
      'SELECT name, COUNT(*) AS n FROM (SELECT name, ok, COUNT(*) AS c FROM t GROUP BY name, ok) GROUP BY name',
      [
        'scan-1 → <0> by name,ok',
        '1 parallel aggregate-1(<0>) → <1> by [single]',
        '2 aggregate-2(<1>) → sink',
      ],
    ],
    [
      'groups of more columns stay',
      'SELECT name, c, COUNT(*) AS n FROM (SELECT name, COUNT(*) AS c FROM t GROUP BY name) GROUP BY c, name',
      ['scan-1 → <0> by name', '1 parallel calc-1(aggregate-2(aggregate-1(<0>))) → sink'],
    ],
    [
      'a renamed key stays',
      'SELECT k, COUNT(*) AS n FROM (SELECT name AS k, COUNT(*) AS c FROM t GROUP BY name) GROUP BY k',
      ['scan-1 → <0> by name', '1 parallel aggregate-2(aggregate-1(<0>)) → sink'],
    ],
    [
      'a computed key goes to one place',
      "SELECT k, COUNT(*) AS n FROM (SELECT name || '' AS k, COUNT(*) AS c FROM t GROUP BY name) GROUP BY k",
      [
        'scan-1 → <0> by name',
        '1 parallel calc-1(aggregate-1(<0>)) → <1> by [single]',
        '2 aggregate-2(<1>) → sink',
      ],
    ],
    [
      'windows of windows of one key stay',
      'SELECT name, _WINDOW_START AS ws, SUM(n) AS n FROM (SELECT name, _WINDOW_END AS e, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)) GROUP BY name WINDOW TUMBLING(e, 1h)',
      [
        'watermark-1(scan-1) → <0> by name partial',
        '1 parallel calc-1(window-aggregate-2(window-aggregate-1(<0>))) → sink',
      ],
    ],
    [
      'windows over windows without a key go to one place',
      'SELECT _WINDOW_START AS ws, SUM(n) AS n FROM (SELECT _WINDOW_END AS e, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)) WINDOW TUMBLING(e, 1h)',
      [
        'watermark-1(scan-1) → <0> by name partial',
        '1 parallel window-aggregate-1(<0>) → <1> by [single]',
        '2 calc-1(window-aggregate-2(<1>)) → sink',
      ],
    ],
    [
      'a join of groups with a source by the key of the groups',
      'SELECT a.n, u.v FROM (SELECT name, COUNT(*) AS n FROM t GROUP BY name) AS a JOIN u ON u.name = a.name',
      [
        'scan-1 → <0> by name',
        'scan-2 → <1> by name',
        '1 parallel calc-1(join-1(aggregate-1(<0>), <1>)) → sink',
      ],
    ],
    [
      'a join of groups with a source by something else',
      'SELECT a.n, u.name FROM (SELECT name, COUNT(*) AS n FROM t GROUP BY name) AS a JOIN u ON u.v = a.n',
      [
        'scan-1 → <0> by name',
        'scan-2 → <2> by [single]',
        '1 parallel calc-1(aggregate-1(<0>)) → <1> by [single]',
        '1 <2> → <3> by [single]',
        '2 calc-2(join-1(<1>, <3>)) → sink',
      ],
    ],
    [
      'a join of two groups by their keys, in whatever order they are written',
      'SELECT a.n, b.m FROM (SELECT name, id, COUNT(*) AS n FROM t GROUP BY name, id) AS a JOIN (SELECT id, name, COUNT(*) AS m FROM u GROUP BY id, name) AS b ON a.name = b.name AND a.id = b.id',
      [
        'scan-1 → <0> by name,id',
        'scan-2 → <1> by id,name',
        '1 parallel aggregate-1(<0>) → <2> by [single]',
        '1 parallel aggregate-2(<1>) → <3> by [single]',
        '2 calc-1(join-1(<2>, <3>)) → sink',
      ],
    ],
    [
      'groups of the kept side of a left join stay',
      'SELECT t.id, COUNT(*) AS n FROM t LEFT JOIN u ON t.id = u.id GROUP BY t.id',
      [
        'scan-1 → <0> by id',
        'scan-2 → <1> by id',
        '1 parallel aggregate-1(join-1(<0>, <1>)) → sink',
      ],
    ],
    [
      'groups of the other side of a left join do not: its NULLs are anywhere',
      'SELECT u.id, COUNT(*) AS n FROM t LEFT JOIN u ON t.id = u.id GROUP BY u.id',
      [
        'scan-1 → <0> by id',
        'scan-2 → <1> by id',
        '1 parallel join-1(<0>, <1>) → <2> by [single]',
        '2 aggregate-1(<2>) → sink',
      ],
    ],
    [
      'groups of either side of an inner join stay',
      'SELECT u.id, COUNT(*) AS n FROM t JOIN u ON t.id = u.id GROUP BY u.id',
      [
        'scan-1 → <0> by id',
        'scan-2 → <1> by id',
        '1 parallel aggregate-1(join-1(<0>, <1>)) → sink',
      ],
    ],
    [
      'groups of a full join do not',
      'SELECT t.id, COUNT(*) AS n FROM t FULL JOIN u ON t.id = u.id GROUP BY t.id',
      [
        'scan-1 → <0> by id',
        'scan-2 → <1> by id',
        '1 parallel join-1(<0>, <1>) → <2> by [single]',
        '2 aggregate-1(<2>) → sink',
      ],
    ],
    [
      'the first groups of a window',
      'SELECT * FROM (SELECT name, ws, n, ROW_NUMBER() OVER (PARTITION BY ws ORDER BY n DESC) AS rn FROM (SELECT name, _WINDOW_START AS ws, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m))) WHERE rn <= 2',
      [
        'watermark-1(scan-1) → <0> by name partial',
        '1 parallel window-aggregate-1(<0>) → <1> by [single]',
        '2 calc-1(final-1(top-n-1(<1>))) → sink',
      ],
    ],
    [
      'groups of a union of groups and rows: the rows go where the groups are',
      'SELECT k, COUNT(*) AS n FROM (SELECT name AS k FROM (SELECT name, COUNT(*) AS c FROM t GROUP BY name) UNION ALL SELECT name FROM u) GROUP BY k',
      [
        'scan-1 → <0> by name',
        'scan-2 → <1> by name',
        '1 parallel aggregate-2(union-1(aggregate-1(<0>), <1>)) → sink',
      ],
    ],
    [
      'a union of two global parts: one fragment has both',
      'SELECT * FROM (SELECT COUNT(*) AS n FROM (SELECT name, COUNT(*) AS c FROM t GROUP BY name)) UNION ALL SELECT * FROM (SELECT COUNT(*) AS n FROM (SELECT id, COUNT(*) AS c FROM u GROUP BY id))',
      [
        'scan-1 → <0> by name',
        'scan-2 → <2> by id',
        '1 parallel aggregate-1(<0>) → <1> by [single]',
        '1 parallel aggregate-3(<2>) → <3> by [single]',
        '2 union-1(aggregate-2(<1>), aggregate-4(<3>)) → sink',
      ],
    ],
  ])('%s', (_, sql, cut) => expect(cutOf(sql)).toEqual(cut));
});

describe('partial groups', () => {
  const of = (aggregates: string, rest = 'EMIT FINAL'): boolean =>
    fragmentsOf(`SELECT name, ${aggregates} FROM t GROUP BY name ${rest}`).edges[0]!.partial !==
    null;

  it.each([
    'COUNT(*)',
    'APPROX_COUNT_DISTINCT(id)',
    'SUM(amount), AVG(price), MIN(day), MAX(ts), DELTA(amount)',
    'STDDEV(amount), VAR_POP(amount), CORR(amount, id), REGR_SLOPE(amount, id)',
    'SUM(amount) FILTER (WHERE ok)',
  ])('%s merge in any order', (aggregates) => expect(of(aggregates)).toBe(true));

  it.each(['FIRST_VALUE(id)', 'LAST_VALUE(id)', 'LISTAGG(name)', 'COLLECT(id)'])(
    '%s depends on the order of rows, whatever stands beside it',
    (aggregate) => expect(of(`COUNT(*), ${aggregate}`)).toBe(false),
  );

  it.each(['COUNT(DISTINCT id)', 'MEDIAN(amount)', 'SUM(DISTINCT amount)'])(
    '%s keeps values: a group may be larger than a block',
    (aggregate) => expect(of(`COUNT(*), ${aggregate}`)).toBe(false),
  );

  it('a window whose split may come back from idleness is sent as rows', () => {
    const window = `SELECT name, COUNT(*) FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)`;
    const query = queryOf(window, { settings: { 'source.idle-timeout': '1s' } });
    expect(planFragments(query, { strategy: null }).edges[0]!.partial).toBeNull();
  });

  it.each<[string, boolean]>([
    ['WINDOW TUMBLING(ts, 1m)', true],
    ['WINDOW HOPPING(ts, 2m, 1m)', true],
    ['WINDOW SESSION(ts, 1m)', false],
    ['WINDOW TUMBLING(ts, 1m) EMIT CHANGES', false],
    ['EMIT CHANGES', false],
  ])('%s', (rest, partial) => expect(of('COUNT(*)', rest)).toBe(partial));

  it('a window that late records correct is sent as rows', () => {
    const window = `SELECT name, COUNT(*) FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)`;
    const partial = (settings: Record<string, string>): boolean =>
      planFragments(queryOf(window, { settings }), { strategy: null }).edges[0]!.partial !== null;
    expect(partial({ 'late.strategy': 'dead-letter' })).toBe(true);
    expect(partial({ 'late.strategy': 'process-all' })).toBe(false);
    expect(partial({ 'allowed.lateness': '10s' })).toBe(false);
  });

  it('the node that senders build for reads the edge', () => {
    const plan = fragmentsOf(FINAL);
    const [fragment] = plan.fragments;
    expect(plan.edges[0]!.partial).toBe(fragment!.root);
    expect(pipelineInputs(fragment!.root)[0]).toMatchObject({ kind: 'exchange', edge: 0 });
  });

  it('changes of changes are no rows to merge', () => {
    const nested = `SELECT n, COUNT(*) AS c FROM (${CHANGES}) GROUP BY n`;
    expect(fragmentsOf(nested).edges.map(({ partial }) => partial)).toEqual([null, null]);
  });
});

describe('what an edge knows', () => {
  const WINDOW =
    'SELECT name, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m) EMIT CHANGES';

  it('the watermark and the column of its event time', () => {
    const [edge] = fragmentsOf(WINDOW).edges;
    expect(edge!.watermark).toEqual({ boundMs: 5000, idleTimeoutMs: 0 });
    expect(edge!.schema[edge!.eventTime!]!.name).toBe('ts');
  });

  it('the idle timeout', () => {
    const query = queryOf(WINDOW, { settings: { 'source.idle-timeout': '3s' } });
    const { edges } = planFragments(query, { strategy: null });
    expect(edges[0]!.watermark).toEqual({ boundMs: 5000, idleTimeoutMs: 3000 });
  });

  it('that there is none', () => {
    expect(fragmentsOf(CHANGES).edges[0]).toMatchObject({ watermark: null, eventTime: null });
  });

  it('the event time through a window table function', () => {
    const plan = fragmentsOf(
      "SELECT window_start, window_end, name, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, name",
    );
    expect(plan.edges[0]!.watermark).not.toBeNull();
  });

  it('whether the end of input flushes, through every window above', () => {
    const cascade =
      'SELECT _WINDOW_START AS ws, SUM(n) AS n FROM (SELECT _WINDOW_END AS e, COUNT(*) AS n FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)) WINDOW TUMBLING(e, 1h)';
    const flush = (value: string): boolean[] =>
      planFragments(queryOf(cascade, { settings: { 'emit.flush': value } }), {
        strategy: null,
      }).edges.map((edge) => edge.flush);
    expect(flush('true')).toEqual([true, true]);
    expect(flush('false')).toEqual([false, false]);
    expect(fragmentsOf(CHANGES).edges[0]!.flush).toBe(true);
    const behind =
      'SELECT SUM(s) AS s FROM (SELECT ts, SUM(amount) OVER (ROWS WINDOW BUFFER 5 ROWS PARTITION BY name) AS s FROM t) WINDOW TUMBLING(ts, 1m)';
    const query = queryOf(behind, { settings: { 'emit.flush': 'false' } });
    const { edges } = planFragments(query, { strategy: null });
    expect(edges.map((edge) => edge.flush)).toEqual([false, false]);
  });

  it('sessions need the watermark before every row', () => {
    const session = 'SELECT name, COUNT(*) AS n FROM t GROUP BY name WINDOW SESSION(ts, 1m)';
    expect(fragmentsOf(session).everyRowWatermark).toBe(true);
    expect(fragmentsOf(WINDOW).everyRowWatermark).toBe(false);
  });
});
