/** Queries and statements: clauses in any order, windows, joins, DDL, annotations. */
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/sql/parser.js';
import { checkQuery, checkScript, checkSelect, checkStatement, sliceOf } from './check-tree.js';

describe('SELECT', () => {
  it('takes GROUP BY, WINDOW, HAVING and EMIT in any order', () => {
    const clauses = ['GROUP BY k', 'WINDOW TUMBLING(ts, 10s)', 'HAVING n > 1', 'EMIT FINAL'];
    const orders = [clauses, clauses.toReversed(), [2, 0, 3, 1].map((at) => clauses[at])];
    for (const order of orders) {
      const query = checkQuery(`SELECT k, COUNT(*) AS n FROM t WHERE TRUE ${order.join(' ')}`);
      expect(query).toMatchObject({
        emit: { mode: 'final' },
        body: {
          groupBy: [{ kind: 'column' }],
          window: { window: 'tumbling', durations: [{ ms: 10_000 }] },
          having: { kind: 'binary' },
        },
      });
    }
  });

  it('takes EMIT before or after ORDER BY and LIMIT', () => {
    for (const tail of ['EMIT CHANGES ORDER BY a LIMIT 5', 'ORDER BY a LIMIT 5 EMIT CHANGES']) {
      expect(checkQuery(`SELECT a FROM t ${tail}`)).toMatchObject({
        emit: { mode: 'changes' },
        limit: { text: '5' },
        orderBy: [{}],
      });
    }
  });

  it('takes aliases with and without AS', () => {
    const { items, from } = checkSelect('SELECT o.id ident, o.a / 2 AS half, t.*, * FROM orders o');
    expect(items).toMatchObject([
      { alias: { name: 'ident' } },
      { alias: { name: 'half' } },
      { kind: 'star', qualifier: { name: 't' } },
      { kind: 'star', qualifier: null },
    ]);
    expect(from).toMatchObject({ kind: 'table', alias: { name: 'o' } });
  });

  it('leaves a negative or fractional LIMIT to the binder', () => {
    expect(checkQuery('SELECT 1 LIMIT -1').limit).toMatchObject({ kind: 'unary' });
    expect(checkQuery('SELECT 1 LIMIT 1.5').limit).toMatchObject({ type: 'decimal' });
  });

  it('binds JOIN tighter than a comma, both from the left', () => {
    const { from } = checkSelect('SELECT * FROM a, b LEFT JOIN c USING (k) CROSS JOIN d');
    expect(from).toMatchObject({
      type: 'cross',
      left: { name: { name: 'a' } },
      right: { type: 'cross', left: { type: 'left', using: [{ name: 'k' }] } },
    });
  });

  it('reads FOR SYSTEM_TIME AS OF with its alias on either side', () => {
    for (const text of ['r FOR SYSTEM_TIME AS OF o.ts AS x', 'r x FOR SYSTEM_TIME AS OF o.ts']) {
      expect(checkSelect(`SELECT * FROM ${text}`).from).toMatchObject({
        alias: { name: 'x' },
        asOf: { kind: 'column' },
      });
    }
  });

  it('reads unions from the left and drops parentheses that add nothing', () => {
    expect(checkQuery('SELECT 1 UNION SELECT 2 UNION ALL (SELECT 3)').body).toMatchObject({
      all: true,
      left: { kind: 'union', all: false },
      right: { kind: 'select' },
    });
    expect(checkQuery('(SELECT 1 LIMIT 1) UNION ALL SELECT 2 LIMIT 2')).toMatchObject({
      limit: { text: '2' },
      body: { left: { kind: 'query', limit: { text: '1' } } },
    });
  });

  it('tells a named window from a time window', () => {
    const text = 'SELECT MAX(v) OVER w FROM t WINDOW w AS (ORDER BY ts) WINDOW SESSION(ts, 1m)';
    expect(checkSelect(text)).toMatchObject({
      window: { window: 'session' },
      namedWindows: [{ name: { name: 'w' } }],
      items: [{ expression: { over: { name: 'w' } } }],
    });
  });
});

describe('durations of windows', () => {
  it.each([
    ['1m', 60_000],
    ['500ms', 500],
    ['2s', 2000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['1.5h', 5_400_000],
    ['5 minutes', 300_000],
    ['30', 30_000],
    ["INTERVAL '1' MINUTE", 60_000],
    ['INTERVAL 1 MINUTE', 60_000],
    ['-5s', -5000],
  ])('%s is %d ms', (duration, ms) => {
    const { window } = checkSelect(`SELECT 1 FROM t WINDOW HOPPING(t.ts, ${duration}, 1s)`);
    expect(window).toMatchObject({ timeColumn: { parts: [{}, {}] }, durations: [{ ms }, {}] });
    expect(checkSelect(`SELECT 1 FROM t WINDOW TUMBLING(${duration})`).window).toMatchObject({
      timeColumn: null,
      durations: [{ ms }],
    });
  });
});

describe('window table functions', () => {
  it('keep table, keys, column and durations', () => {
    const call = 'SESSION(TABLE t PARTITION BY a, b, DESCRIPTOR(ts), 34s)';
    expect(checkSelect(`SELECT * FROM TABLE(${call}) w`).from).toMatchObject({
      kind: 'window-table',
      window: 'session',
      table: { name: { name: 't' } },
      partitionBy: [{}, {}],
      timeColumn: { name: 'ts' },
      durations: [{ ms: 34_000 }],
      alias: { name: 'w' },
    });
  });

  it('put durations that are given by name where they stand without names', () => {
    const args = 'DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SIZE => 60s, SLIDE => 20s';
    expect(checkSelect(`SELECT * FROM TABLE(HOP(${args}))`).from).toMatchObject({
      durations: [{ ms: 20_000 }, { ms: 60_000 }],
    });
  });
});

describe('OVER', () => {
  const over = (spec: string) => {
    const [item] = checkSelect(`SELECT f(x) OVER ${spec} FROM t`).items;
    return item?.kind === 'item' && item.expression.kind === 'call' ? item.expression.over : null;
  };

  it('reads ROWS WINDOW BUFFER with everything in it', () => {
    const spec = `(ROWS WINDOW BUFFER 100 ROWS PARTITION BY symbol ORDER BY timestamp
      ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EMIT ON BUFFER FULL
      EXPIRE AFTER INTERVAL '1' MINUTE INACTIVITY)`;
    expect(over(spec)).toMatchObject({
      base: null,
      buffer: { rows: 100, emit: 'buffer-full', expire: { ms: 60_000 } },
      partitionBy: [{ kind: 'column' }],
      orderBy: [{ expression: { parts: [{ name: 'timestamp' }] } }],
      frame: { unit: 'rows', start: { kind: 'preceding' }, end: { kind: 'current-row' } },
    });
  });

  it.each(['EXPIRE AFTER NEVER', 'NEVER'])('%s never expires', (ending) => {
    expect(over(`(ROWS WINDOW BUFFER 5 ROWS EMIT EVERY RECORD ${ending})`)).toMatchObject({
      buffer: { emit: 'every-record', expire: 'never' },
    });
  });

  it('builds on a named window, whatever its name', () => {
    expect(over('(w ROWS 3 PRECEDING)')).toMatchObject({
      base: { name: 'w' },
      frame: { start: { kind: 'preceding' }, end: { kind: 'current-row' } },
    });
    expect(over('(rows)')).toMatchObject({ base: { name: 'rows' }, frame: null });
    expect(over('(ROWS UNBOUNDED PRECEDING)')).toMatchObject({ base: null });
  });
});

describe('statements', () => {
  it('CREATE TABLE has columns of every kind', () => {
    const text = `CREATE TABLE t (id BIGINT NOT NULL, c AS id + 1, s STRING AS UPPER(x),
      o BIGINT METADATA FROM 'offset', WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
      PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'file')`;
    const table = checkStatement(text);
    expect(table).toMatchObject({
      kind: 'create-table',
      relation: 'table',
      columns: [
        { name: { name: 'id' }, notNull: true, computed: null },
        { type: null, computed: { kind: 'binary' } },
        { type: { name: 'STRING' }, computed: { kind: 'call' } },
        { metadata: { key: 'offset' } },
      ],
      watermark: { column: { name: 'ts' } },
      primaryKey: [{ name: 'id' }],
      options: [{ key: 'connector', value: 'file' }],
    });
    const option = table.kind === 'create-table' ? table.options[0] : undefined;
    expect(option && sliceOf(text, option.valueSpan)).toBe("'file'");
  });

  it('CREATE … AS and INSERT hold a query', () => {
    expect(checkStatement("CREATE STREAM big WITH ('a' = 'b') AS SELECT 1")).toMatchObject({
      kind: 'create-as',
      relation: 'stream',
      options: [{ key: 'a' }],
    });
    expect(checkStatement('INSERT INTO s (a, b) SELECT 1, 2')).toMatchObject({
      kind: 'insert',
      columns: [{ name: 'a' }, { name: 'b' }],
    });
    expect(checkStatement('INSERT INTO s (SELECT 1)')).toMatchObject({ columns: null });
    expect(checkStatement("INSERT INTO 'a''b.csv' (SELECT 1)")).toMatchObject({
      target: { name: "a'b.csv" },
      isAddress: true,
      columns: null,
    });
  });

  it('SET has two strings', () => {
    expect(checkStatement("SET 'emit.changes' = 'delta'")).toMatchObject({
      kind: 'set',
      key: 'emit.changes',
      value: 'delta',
    });
  });

  it('comments and empty statements leave no trace', () => {
    const text = ";;-- one; two\nSELECT a, -- the key\n /* block;\n */ '--no' FROM t /* end */;;";
    expect(checkScript(text).statements).toHaveLength(1);
  });
});

describe('annotations', () => {
  it('belong to the next query statement', () => {
    const text = `-- @job_mode: simple
      --@batch_size:500
      -- @no colon
      CREATE TABLE t (a INT); -- @third: a: b
      SET 'a' = 'b';
      SELECT 1; SELECT 2; -- @last:
      INSERT INTO t SELECT '-- @none: 1'`;
    const { statements } = checkScript(text);
    const found = statements.map((one) =>
      'annotations' in one ? one.annotations.map(({ key, value }) => [key, value]) : null,
    );
    expect(found).toEqual([
      null,
      null,
      [
        ['job_mode', 'simple'],
        ['batch_size', '500'],
        ['third', 'a: b'],
      ],
      [],
      [['last', '']],
    ]);
    const [, , select] = statements;
    const spans = select && 'annotations' in select ? select.annotations : [];
    expect(spans.map(({ span }) => sliceOf(text, span))).toEqual([
      '-- @job_mode: simple',
      '--@batch_size:500',
      '-- @third: a: b',
    ]);
  });

  it('of a faulty query do not move to the next', () => {
    const text = '-- @batch_size: 1\nSELECT FROM t;\nSELECT 1';
    const { script } = parseScript(text, { sourceName: 'x', variables: null });
    expect(script.statements).toMatchObject([{ annotations: [] }]);
  });
});
