/** The pipeline's shape: what is read, where watermarks sit, what is fused, what is pruned. */
import { describe, expect, it } from 'vitest';
import { expressionText } from '../../src/plan/expression/expression-text.js';
import type { CalcNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { explained, nodeOf, nodesOf, planOf, queryOf } from './support.js';

const kinds = (query: string): string[] => nodesOf(queryOf(query).root).map(({ kind }) => kind);
const scanned = (query: string): string[] =>
  nodeOf(queryOf(query), 'scan').schema.map(({ name }) => name);

describe('scans', () => {
  it('read the columns that the query names, and no others', () => {
    expect(scanned('SELECT id FROM t WHERE amount > 1')).toEqual(['id', 'amount']);
    expect(scanned('SELECT COUNT(*) FROM t')).toEqual([]);
    expect(scanned('SELECT id FROM (SELECT * FROM t)')).toEqual(['id']);
  });

  it('read columns that the text names even where no operator needs them', () => {
    expect(scanned('SELECT id FROM (SELECT id, name FROM t)')).toEqual(['id', 'name']);
    expect(scanned('SELECT id FROM (SELECT id, MAX(amount) FROM t GROUP BY id)')).toEqual([
      'id',
      'amount',
    ]);
  });

  it('deliver system columns behind the physical ones', () => {
    expect(scanned('SELECT _offset, id, _partition FROM t')).toEqual([
      'id',
      '_partition',
      '_offset',
    ]);
    expect(nodeOf(queryOf('SELECT _offset, id FROM t'), 'scan').system).toEqual(['_offset']);
  });

  it('of a generator offer i, declared or not', () => {
    expect(scanned('SELECT i, k FROM g')).toEqual(['i']);
    expect(queryOf('SELECT * FROM g').sink.schema.map(({ name }) => name)).toEqual(['k', 'twice']);
    expect(queryOf('SELECT * FROM endless').sink.schema.map(({ name }) => name)).toEqual(['i']);
  });
});

describe('calcs', () => {
  it('are left out where nothing is computed', () => {
    expect(kinds('SELECT id, amount FROM t')).toEqual(['scan']);
    expect(kinds('SELECT id, SUM(amount) FROM t GROUP BY id')).toEqual(['aggregate', 'scan']);
  });

  it('reorder columns only for the sink', () => {
    expect(kinds('SELECT amount, id FROM t')).toEqual(['calc', 'scan']);
    expect(kinds('SELECT name, SUM(amount) FROM t GROUP BY name')).toEqual(['aggregate', 'scan']);
  });

  it('hold the filters and projections of nested queries at once', () => {
    expect(kinds('SELECT b FROM (SELECT id + 1 AS b FROM t WHERE ok) WHERE b > 2')).toEqual([
      'calc',
      'scan',
    ]);
  });

  it('compute equal expressions once', () => {
    const query = queryOf(
      'SELECT UPPER(name) AS n, COUNT(UPPER(name)), MAX(UPPER(name)) FROM t GROUP BY UPPER(name)',
    );
    const calcs = nodesOf(query.root).filter((node): node is CalcNode => node.kind === 'calc');
    expect(calcs.at(-1)!.projections).toHaveLength(1);
  });

  it('compute what is dear and used twice in a stage of its own', () => {
    const query = 'SELECT n || n AS x FROM (SELECT UPPER(name) || name AS n FROM t)';
    expect(kinds(query)).toEqual(['calc', 'calc', 'scan']);
  });

  it('do not compute ahead of its filter what may fail', () => {
    const query = 'SELECT q + q AS x FROM (SELECT id, 10 / (id - 2) AS q FROM t) WHERE id <> 2';
    expect(kinds(query)).toEqual(['calc', 'scan']);
  });

  it('keep the inner filter a guard of the outer one, for NULLs too', () => {
    const query = queryOf(
      'SELECT id FROM (SELECT id, 10 % id AS q FROM t WHERE amount > 2) WHERE q > 1',
    );
    expect(expressionText(nodeOf(query, 'calc').filter!)).toBe(
      '((amount > 2e0) IS TRUE) AND ((10 % id) > 1)',
    );
  });

  it('without columns feed COUNT(*)', () => {
    const query = queryOf('SELECT COUNT(*) FROM t WHERE ok');
    expect(nodeOf(query, 'calc').projections).toEqual([]);
  });

  it('never evaluate computed columns that nobody reads', () => {
    expect(explained('SELECT k FROM g')).not.toContain('* 2');
  });
});

describe('watermarks', () => {
  it('sit only where event time is needed', () => {
    expect(kinds('SELECT id FROM t')).not.toContain('watermark');
    expect(kinds('SELECT id, COUNT(*) FROM t GROUP BY id')).not.toContain('watermark');
    expect(kinds('SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)')).toContain('watermark');
    expect(kinds('SELECT SUM(id) OVER (ROWS WINDOW BUFFER 5 ROWS) FROM t')).toContain('watermark');
    expect(
      kinds('SELECT SUM(id) OVER (ROWS WINDOW BUFFER 5 ROWS EXPIRE AFTER NEVER) FROM t'),
    ).not.toContain('watermark');
    expect(kinds('SELECT SUM(id) OVER (ROWS WINDOW BUFFER 5 ROWS) FROM u')).not.toContain(
      'watermark',
    );
  });

  it('have the declared bound on the declared column only', () => {
    const bound = (query: string): [number, boolean] => {
      const { boundMs, assumed } = nodeOf(queryOf(query), 'watermark');
      return [boundMs, assumed];
    };
    expect(bound('SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)')).toEqual([5000, false]);
    expect(bound('SELECT COUNT(*) FROM t WINDOW TUMBLING(1m)')).toEqual([5000, false]);
    expect(bound('SELECT COUNT(*) FROM t WINDOW TUMBLING(_EVENT_TIME, 1m)')).toEqual([5000, false]);
    expect(bound('SELECT COUNT(*) FROM t WINDOW TUMBLING(id, 1m)')).toEqual([60_000, true]);
    expect(bound('SELECT COUNT(*) FROM u WINDOW TUMBLING(1m)')).toEqual([60_000, true]);
  });

  it('that are assumed give a warning that names the column and the table', () => {
    const { warnings } = planOf('SELECT COUNT(*) FROM u WINDOW TUMBLING(trade_time, 1m)');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"trade_time" of "u"');
    expect(warnings[0]).toContain('60 seconds');
  });

  it('see rejected rows: the calc below evaluates their event time', () => {
    const query = queryOf('SELECT COUNT(*) FROM t WHERE amount > 100 WINDOW TUMBLING(ts, 1m)');
    const watermark = nodeOf(query, 'watermark');
    const { input } = watermark;
    expect(input.kind === 'calc' && input.evaluateRejected).toEqual([watermark.column]);
    expect(input.kind === 'calc' && input.filter).not.toBeNull();
  });

  it('sit at the source of every branch', () => {
    const query =
      'SELECT COUNT(*) FROM (SELECT ts AS e FROM t UNION ALL SELECT at FROM u) WINDOW TUMBLING(e, 1m)';
    const nodes = nodesOf(queryOf(query).root).filter(({ kind }) => kind === 'watermark');
    expect(nodes.map((node) => node.kind === 'watermark' && node.boundMs)).toEqual([5000, 60_000]);
  });

  it('pass through ROWS WINDOW and subqueries to the source', () => {
    const query =
      'SELECT MAX(s) FROM (SELECT ts AS e, SUM(id) OVER (ROWS WINDOW BUFFER 3 ROWS) AS s FROM t) WINDOW TUMBLING(e, 1m)';
    expect(kinds(query)).toEqual(['calc', 'window-aggregate', 'rows-window', 'watermark', 'scan']);
  });

  it('of an inner window serve the outer one', () => {
    const query =
      'SELECT SUM(n) FROM (SELECT _WINDOW_END AS e, COUNT(*) AS n FROM t WINDOW TUMBLING(ts, 1m)) WINDOW TUMBLING(e, 1h)';
    expect(kinds(query).filter((kind) => kind === 'watermark')).toHaveLength(1);
  });

  it('take the idle timeout of SET or of the table', () => {
    const sql = `SET 'source.idle-timeout' = '30s'; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)`;
    expect(nodeOf(queryOf(sql), 'watermark').idleTimeoutMs).toBe(30_000);
    const table = `CREATE TABLE q (ts TIMESTAMP(3)) WITH ('connector' = 'file', 'path' = 'x', 'source.idle-timeout' = '2s');
      SELECT COUNT(*) FROM q WINDOW TUMBLING(ts, 1m)`;
    const query = queryOf(table);
    expect(nodeOf(query, 'watermark').idleTimeoutMs).toBe(2000);
    expect(nodeOf(query, 'scan').table.options).toEqual({ path: 'x' });
  });
});

describe('GROUP BY', () => {
  it('shares identical aggregates', () => {
    const query = queryOf(
      'SELECT SUM(amount), SUM(amount) / COUNT(*), COUNT(*) FROM t HAVING SUM(amount) > 1',
    );
    expect(nodeOf(query, 'aggregate').aggregates.map((call) => call.function)).toEqual([
      'SUM',
      'COUNT',
    ]);
  });

  it('matches keys by structure, whatever their spelling', () => {
    const query = queryOf('SELECT T.id %  3 + 1 AS x, COUNT(*) FROM t GROUP BY id % 3');
    expect(nodeOf(query, 'aggregate').keys).toHaveLength(1);
  });

  it('takes aliases and ordinals; a column wins over an alias', () => {
    const keyOf = (query: string): string => {
      const aggregate = nodeOf(queryOf(query), 'aggregate');
      return aggregate.input.schema[aggregate.keys[0]!]!.name;
    };
    expect(keyOf('SELECT id % 10 AS digit FROM t GROUP BY digit')).toContain('%');
    expect(keyOf('SELECT UPPER(name) AS x FROM t GROUP BY 1')).toContain('UPPER');
    expect(keyOf('SELECT MAX(id) AS name FROM t GROUP BY name')).toBe('name');
  });

  it('lets HAVING see grouped columns before aliases, and aliases before other columns', () => {
    const filterOf = (query: string): string =>
      expressionText(nodeOf(queryOf(query), 'calc').filter!);
    expect(
      filterOf('SELECT name, SUM(amount) AS amount FROM t GROUP BY name HAVING amount > 1'),
    ).toContain('SUM(amount)');
    expect(filterOf("SELECT MAX(id) AS name FROM t GROUP BY name HAVING name > 'a'")).toBe(
      "name > 'a'",
    );
  });

  it('binds FILTER, DISTINCT, WITHIN GROUP and literal arguments', () => {
    const query = queryOf(
      "SELECT COUNT(DISTINCT name), SUM(id) FILTER (WHERE ok), LISTAGG(name, '|'), PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY amount DESC), SUM(DISTINCT id) FROM t",
    );
    const calls = nodeOf(query, 'aggregate').aggregates;
    expect(
      calls.map(({ function: name, literals, distinct }) => [name, literals, distinct]),
    ).toEqual([
      ['COUNT_DISTINCT', [], false],
      ['SUM', [], false],
      ['LISTAGG', ['|'], false],
      ['PERCENTILE_CONT', [0.25], false],
      ['SUM', [], true],
    ]);
    expect(calls[1]!.filter).not.toBeNull();
  });
});

describe('windows', () => {
  it('have one operator for the clause, the table function and the legacy form', () => {
    const forms = [
      'SELECT COUNT(*) AS n FROM t WINDOW TUMBLING(ts, 1m)',
      "SELECT COUNT(*) AS n FROM t GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)",
      "SELECT COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end",
    ];
    const [first, ...rest] = forms.map(
      (form) => nodeOf(queryOf(form), 'window-aggregate').signature,
    );
    for (const other of rest) expect(other).toBe(first);
  });

  it('take size and step in the order of their form', () => {
    const clause = nodeOf(
      queryOf('SELECT COUNT(*) FROM t WINDOW SLIDING(ts, 2s, 500ms)'),
      'window-aggregate',
    );
    expect(clause.window).toEqual({ kind: 'hopping', sizeMs: 2000, advanceMs: 500 });
    const legacy = queryOf(
      "SELECT COUNT(*) FROM t GROUP BY HOP(ts, INTERVAL '500' MILLISECOND, INTERVAL '2' SECOND)",
    );
    expect(nodeOf(legacy, 'window-aggregate').window).toEqual(clause.window);
    const cumulate = queryOf(
      "SELECT COUNT(*) FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '2' MINUTE)) GROUP BY window_start, window_end",
    );
    expect(nodeOf(cumulate, 'window-aggregate').window).toEqual({
      kind: 'cumulate',
      sizeMs: 120_000,
      stepMs: 30_000,
    });
  });

  it('filter records below and bounds above', () => {
    const query = queryOf(
      "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE ok AND window_start > TIMESTAMP '2024-01-01 00:00:00' GROUP BY window_start, window_end",
    );
    const filters = nodesOf(query.root).flatMap((node) =>
      node.kind === 'calc' && node.filter !== null ? [expressionText(node.filter)] : [],
    );
    expect(filters).toEqual(["window_start > TIMESTAMP '2024-01-01 00:00:00.000'", 'ok']);
  });
});

describe('ROWS WINDOW', () => {
  it('shares one operator per specification', () => {
    const w = 'OVER (ROWS WINDOW BUFFER 100 ROWS PARTITION BY name ORDER BY ts)';
    const query = queryOf(
      `SELECT AVG(amount) ${w} AS a, MIN(amount) ${w} AS b, MAX(amount) OVER w AS c FROM t WINDOW w AS (ROWS WINDOW BUFFER 100 ROWS PARTITION BY name ORDER BY ts)`,
    );
    expect(nodesOf(query.root).filter(({ kind }) => kind === 'rows-window')).toHaveLength(1);
    expect(nodeOf(query, 'rows-window').calls.map((call) => call.function)).toEqual([
      'AVG',
      'MIN',
      'MAX',
    ]);
  });

  it('expires after a minute of the declared event time, unless written otherwise', () => {
    const expiry = (spec: string, table = 't'): number | null =>
      nodeOf(
        queryOf(`SELECT SUM(id) OVER (ROWS WINDOW BUFFER 5 ROWS ${spec}) FROM ${table}`),
        'rows-window',
      ).expiry?.inactivityMs ?? null;
    expect(expiry('')).toBe(60_000);
    expect(expiry("EXPIRE AFTER INTERVAL '5' MINUTE INACTIVITY")).toBe(300_000);
    expect(expiry('EXPIRE AFTER NEVER')).toBeNull();
    expect(expiry('', 'u')).toBeNull();
  });

  it('binds frames and literal arguments', () => {
    const query = queryOf(
      'SELECT LAG(id, 2, -1) OVER w, NTILE(4) OVER w, SUM(id) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) FROM t WINDOW w AS (ROWS WINDOW BUFFER 5 ROWS ORDER BY ts)',
    );
    const { calls } = nodeOf(query, 'rows-window');
    expect(calls.map(({ literals, frame }) => [literals, frame])).toEqual([
      [[2n, -1n], null],
      [[4n], null],
      [[], { unit: 'rows', preceding: Infinity, following: -1, exact: null }],
    ]);
  });
});

describe('ids', () => {
  it('count the operators of a kind from the source on, per query', () => {
    const plan = planOf('SELECT COUNT(*) FROM (SELECT id FROM t GROUP BY id); SELECT id FROM t');
    const ids = plan.queries.map(({ root }) => nodesOf(root).map(({ id }) => id));
    expect(ids).toEqual([
      ['query-1/aggregate-2', 'query-1/aggregate-1', 'query-1/scan-1'],
      ['query-2/scan-1'],
    ]);
  });
});
