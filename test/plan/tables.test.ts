/** Declarations, settings and sinks: what they define, and what they refuse. */
import { describe, expect, it } from 'vitest';
import { expressionText } from '../../src/plan/expression/expression-text.js';
import { quotedSources } from '../../src/plan/planner.js';
import { parseScript } from '../../src/sql/parser.js';
import { faultsOf, nodeOf, planOf, planSql, queryOf } from './support.js';

const FILE = "WITH ('connector' = 'file', 'path' = 'x')";

describe('CREATE TABLE', () => {
  const tableOf = (columns: string, options = FILE, read = '*') =>
    nodeOf(queryOf(`CREATE TABLE x (${columns}) ${options}; SELECT ${read} FROM x`), 'scan').table;

  it('tells physical from computed columns and keeps their order', () => {
    const table = tableOf('a BIGINT, b AS a + 1, c STRING');
    expect(table.physical.map(({ name }) => name)).toEqual(['a', 'c']);
    expect(table.columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'a physical',
      'b computed',
      'c physical',
    ]);
  });

  it('casts a computed column to its declared type', () => {
    const [, column] = tableOf('a BIGINT, b DOUBLE AS a + 1').columns;
    expect(column!.kind === 'computed' && expressionText(column!.expression)).toBe(
      'CAST(a + 1 AS DOUBLE)',
    );
  });

  it('lets computed columns name each other and system columns', () => {
    const table = tableOf('c AS b * 2, b AS a + 1, a BIGINT, o AS _offset % 4');
    const [c, , , o] = table.columns;
    expect(c!.kind === 'computed' && expressionText(c!.expression)).toBe('(a + 1) * 2');
    expect(o!.kind === 'computed' && expressionText(o!.expression)).toBe('_offset % 4');
  });

  it('says of a computed column what is wrong, not of those that name it', () => {
    const messages = (columns: string): readonly string[] =>
      planSql(`CREATE TABLE x (${columns}) ${FILE};`).faults.map(({ message }) => message);
    expect(messages('a BIGINT, b AS nope + 1, c AS b + 1, d AS b + c')).toEqual([
      expect.stringContaining('"nope"'),
    ]);
    expect(messages('a AS b, b AS a')).toEqual([expect.stringContaining('depends on itself')]);
  });

  it('maps METADATA to system columns', () => {
    const query =
      queryOf(`CREATE TABLE x (a BIGINT, rt TIMESTAMP(3) METADATA FROM 'timestamp', \`offset\` BIGINT METADATA)
      WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'q'); SELECT rt, \`offset\` FROM x`);
    expect(nodeOf(query, 'scan').system).toEqual(['_offset', '_record_time']);
  });

  it('accepts a watermark of its column minus an interval', () => {
    expect(tableOf('ts TIMESTAMP(3), WATERMARK FOR ts AS ts').watermark).toEqual({
      column: 'ts',
      boundMs: 0,
    });
    expect(
      tableOf("ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND").watermark!.boundMs,
    ).toBe(2000);
    expect(
      tableOf("e AS TO_TIMESTAMP(s), s STRING, WATERMARK FOR e AS e - INTERVAL '1' MINUTE")
        .watermark!.column,
    ).toBe('e');
  });

  it.each([
    ['generator', '', false],
    ['generator', ", 'rows' = '3'", true],
    ['file', ", 'path' = 'x'", true],
    ['file', ", 'path' = 'x', 'follow' = 'true'", false],
    ['kafka', ", 'topic' = 'x', 'properties.bootstrap.servers' = 'b:1'", false],
    [
      'kafka',
      ", 'topic' = 'x', 'properties.bootstrap.servers' = 'b:1', 'scan.bounded.mode' = 'latest-offset'",
      true,
    ],
  ])('%s%s is bounded: %s', (connector, options, bounded) => {
    const column = connector === 'generator' ? 'i BIGINT' : 'a BIGINT';
    expect(tableOf(column, `WITH ('connector' = '${connector}'${options})`).bounded).toBe(bounded);
  });

  it.each([
    ['CREATE TABLE x (a BIGINT, A BIGINT) ' + FILE, 'STATEMENT_INVALID A'],
    ['CREATE TABLE t (a BIGINT) ' + FILE, 'TABLE_EXISTS t'],
    ['CREATE TABLE x (a DECIMAL(50, 2)) ' + FILE, 'TYPE_NOT_FOUND DECIMAL(50, 2)'],
    ['CREATE TABLE x (a AS a + 1) ' + FILE, 'STATEMENT_INVALID a AS a + 1'],
    ["CREATE TABLE x (a BIGINT) WITH ('path' = 'x')", 'SETTING_INVALID x'],
    ["CREATE TABLE x (a BIGINT) WITH ('connector' = 'jdbc')", "SETTING_INVALID 'jdbc'"],
    [
      "CREATE TABLE x (i BIGINT, k BIGINT) WITH ('connector' = 'generator')",
      'STATEMENT_INVALID k BIGINT',
    ],
    ['CREATE TABLE x (a STRING, WATERMARK FOR a AS a) ' + FILE, 'WINDOW_INVALID a'],
    ['CREATE TABLE x (a TIMESTAMP(3), WATERMARK FOR b AS b) ' + FILE, 'COLUMN_NOT_FOUND b'],
    ['CREATE TABLE x (a BIGINT, PRIMARY KEY (b) NOT ENFORCED) ' + FILE, 'COLUMN_NOT_FOUND b'],
    ['CREATE TABLE x (a BIGINT, b DATE AS a > 1) ' + FILE, 'TYPE_MISMATCH b DATE AS a > 1'],
    [
      "CREATE TABLE x (a BIGINT METADATA FROM 'nope') " + FILE,
      "COLUMN_NOT_FOUND a BIGINT METADATA FROM 'nope'",
    ],
    [
      "CREATE TABLE x (ts TIMESTAMP(3), WATERMARK FOR ts AS ts + INTERVAL '1' SECOND) " + FILE,
      "SETTING_INVALID ts + INTERVAL '1' SECOND",
    ],
    [
      "CREATE TABLE x (ts TIMESTAMP(3)) WITH ('connector' = 'file', 'path' = 'x', 'source.idle-timeout' = 'soon')",
      "SETTING_INVALID 'soon'",
    ],
    [
      "CREATE TABLE x (a BIGINT) WITH ('connector' = 'blackhole'); SELECT a FROM x",
      'STATEMENT_INVALID x',
    ],
  ])('%s', (sql, fault) => expect(faultsOf(sql)).toEqual([fault]));

  it('IF NOT EXISTS leaves the first declaration', () => {
    const query = queryOf(`CREATE TABLE IF NOT EXISTS t (other BIGINT) ${FILE}; SELECT id FROM t`);
    expect(query.sink.schema[0]!.name).toBe('id');
  });
});

describe('views and sinks', () => {
  it('CREATE STREAM … AS SELECT is read by later queries and writes nothing itself', () => {
    const plan = planOf(
      'CREATE STREAM big AS SELECT id, amount FROM t WHERE amount > 100; SELECT id FROM big WHERE amount < 200',
    );
    expect(plan.queries).toHaveLength(1);
  });

  it('with options it also writes into that sink', () => {
    const plan = planOf(
      "CREATE STREAM big WITH ('connector' = 'file', 'path' = 'o') AS SELECT id, amount FROM t; SELECT id FROM big",
    );
    expect(plan.queries.map(({ sink }) => sink.table?.name ?? 'stdout')).toEqual(['big', 'stdout']);
    expect(plan.queries[0]!.sink.table!.physical.map(({ name }) => name)).toEqual(['id', 'amount']);
  });

  it('INSERT matches columns by position or by name and converts numbers', () => {
    const query = queryOf('INSERT INTO sink SELECT id, id FROM t');
    expect(query.sink.schema.map(({ name, type }) => `${name} ${type.kind}`)).toEqual([
      'a bigint',
      'b double',
    ]);
    const named = nodeOf(queryOf('INSERT INTO sink (b, a) SELECT v, id FROM u'), 'calc');
    expect(named.projections.map((output) => expressionText(output))).toEqual([
      'id',
      'CAST(v AS DOUBLE)',
    ]);
    const partial = nodeOf(queryOf('INSERT INTO sink (a) SELECT id FROM t'), 'calc');
    expect(partial.projections.map((output) => expressionText(output))).toEqual(['id', 'NULL']);
  });

  it('INSERT fills the METADATA that a Kafka record can be given, unless they are VIRTUAL', () => {
    const declare = (columns: string): string =>
      `CREATE TABLE k (${columns}) WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'k');`;
    const query = queryOf(
      `${declare("at TIMESTAMP(3) METADATA FROM 'timestamp', a BIGINT, `offset` BIGINT METADATA")}
       INSERT INTO k SELECT ts, id FROM t`,
    );
    expect(query.sink.schema.map(({ name }) => name)).toEqual(['at', 'a']);
    expect(query.sink.table!.inserted!.map(({ metadata }) => metadata)).toEqual([
      'timestamp',
      null,
    ]);
    const virtual = "a BIGINT, at TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL";
    const plain = queryOf(`${declare(virtual)} INSERT INTO k SELECT id FROM t`);
    expect(plain.sink.schema.map(({ name }) => name)).toEqual(['a']);
    expect(plain.sink.table!.inserted).toBeUndefined();
  });

  it('a Kafka table with a PRIMARY KEY learns which rows are gone', () => {
    const emission = (key: string, query: string): string =>
      nodeOf(
        queryOf(
          `CREATE TABLE k (a STRING, n BIGINT${key}) WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = 'b:1', 'topic' = 'k');
           INSERT INTO k ${query}`,
        ),
        'aggregate',
      ).emission;
    const key = ', PRIMARY KEY (a) NOT ENFORCED';
    const grouped = 'SELECT name, COUNT(*) FROM t GROUP BY name';
    expect(emission(key, `${grouped} HAVING COUNT(*) < 3`)).toBe('retract');
    expect(emission('', `${grouped} HAVING COUNT(*) < 3`)).toBe('changes');
    expect(emission(key, grouped)).toBe('changes');
  });

  it('SELECT … INTO names a declared sink or declares one', () => {
    expect(queryOf('SELECT id, amount FROM t INTO sink').sink.table!.name).toBe('sink');
    const declared = queryOf("SELECT id FROM t INTO fresh WITH ('connector' = 'blackhole')").sink
      .table!;
    expect([declared.name, declared.connector]).toEqual(['fresh', 'blackhole']);
  });

  it('name rows by the primary key, or by what they are grouped by', () => {
    const keys = (sql: string): readonly number[] => queryOf(sql).sink.keyColumns;
    expect(keys('INSERT INTO sink SELECT id, amount FROM t')).toEqual([0]);
    expect(keys('SELECT COUNT(*), name FROM t GROUP BY name')).toEqual([1]);
    expect(keys('SELECT COUNT(*) FROM t GROUP BY name')).toEqual([]);
    expect(keys('SELECT id FROM t')).toEqual([]);
    expect(
      keys(
        'SELECT name, _WINDOW_START AS w, COUNT(*) FROM t GROUP BY name WINDOW TUMBLING(ts, 1m)',
      ),
    ).toEqual([0, 1]);
  });

  it.each([
    ['INSERT INTO sink SELECT name, amount FROM t', 'TYPE_MISMATCH name'],
    ['INSERT INTO sink SELECT id FROM t', 'STATEMENT_INVALID sink'],
    ['INSERT INTO sink (c) SELECT id FROM t', 'COLUMN_NOT_FOUND c'],
    ['INSERT INTO g SELECT id FROM t', 'STATEMENT_INVALID g'],
    ['CREATE STREAM v AS SELECT id FROM t; INSERT INTO v SELECT id FROM t', 'STATEMENT_INVALID v'],
    ['INSERT INTO nowhere SELECT nope FROM t', 'TABLE_NOT_FOUND nowhere'],
  ])('%s', (sql, fault) => expect(faultsOf(sql)[0]).toBe(fault));
});

describe('settings', () => {
  const late = (sql: string, settings: Record<string, string> = {}) =>
    nodeOf(
      queryOf(`${sql}; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)`, { settings }),
      'window-aggregate',
    ).late;

  it('hold from their line on', () => {
    const plan = planOf(
      "SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m); SET 'emit.flush' = 'false'; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)",
    );
    expect(plan.queries.map((query) => nodeOf(query, 'window-aggregate').flush)).toEqual([
      true,
      false,
    ]);
  });

  it('of late records have their defaults by strategy', () => {
    expect(late("SET 'emit.flush' = 'true'")).toEqual({ strategy: 'drop', allowedLatenessMs: 0 });
    expect(late("SET 'late.strategy' = 'process-with-warning'")).toEqual({
      strategy: 'process-with-warning',
      allowedLatenessMs: 3_600_000,
    });
    expect(late("SET 'allowed.lateness' = '120s'")).toEqual({
      strategy: 'drop',
      allowedLatenessMs: 120_000,
    });
  });

  it('of the command line win over SET, and SET over the configuration', () => {
    const set = "SET 'late.strategy' = 'dead-letter'";
    expect(late(set, { 'late.strategy': 'process-all' }).strategy).toBe('process-all');
    const query = queryOf(`${set}; SELECT COUNT(*) FROM t WINDOW TUMBLING(ts, 1m)`, {
      defaults: { 'late.strategy': 'process-all', 'allowed.lateness': '7s' },
    });
    expect(nodeOf(query, 'window-aggregate').late).toEqual({
      strategy: 'dead-letter',
      allowedLatenessMs: 7000,
    });
  });

  it('of Flink that say nothing to velo are ignored with a warning', () => {
    const plan = planOf("SET 'table.exec.mini-batch.enabled' = 'true'; SELECT id FROM t");
    expect(plan.warnings).toHaveLength(1);
  });

  it('of the command line that are unknown have no place in the text', () => {
    const { faults } = planSql('', { settings: { nope: '1' } });
    expect(faults.map(({ key, span }) => [key, span])).toEqual([['SETTING_INVALID', undefined]]);
  });

  it('of the engine are let through, the size of batches counts', () => {
    const plan = planOf(
      "SET 'num_partitions' = 'auto'; SET 'batch_size' = '9'; SELECT id FROM t;\n-- @batch_size: 7\nSELECT id FROM t;",
    );
    expect(plan.queries.map(({ settings }) => settings.batchSize)).toEqual([9, 7]);
    const sizes = (given: object): (number | null)[] =>
      planOf('-- @batch_size: 7\nSELECT id FROM t; SELECT id FROM t;', given).queries.map(
        ({ settings }) => settings.batchSize,
      );
    expect(sizes({ defaults: { batch_size: '5' } })).toEqual([7, 5]);
    expect(sizes({ settings: { batch_size: '5' } })).toEqual([5, 5]);
    expect(sizes({ settings: { batch_size: 'adaptive' } })).toEqual([null, null]);
  });

  it.each([
    ["SET 'nope' = '1'", "SETTING_INVALID SET 'nope' = '1'"],
    ["SET 'allowed.lateness' = 'long'", "SETTING_INVALID SET 'allowed.lateness' = 'long'"],
    ["SET 'emit.flush' = 'maybe'", "SETTING_INVALID SET 'emit.flush' = 'maybe'"],
    ["SET 'workers' = 'many'", "SETTING_INVALID SET 'workers' = 'many'"],
    ["SET 'constructor' = '1'", "SETTING_INVALID SET 'constructor' = '1'"],
  ])('%s', (sql, fault) => expect(faultsOf(sql)).toEqual([fault]));
});

describe('annotations', () => {
  it('count for the next query only', () => {
    const plan = planOf('-- @batch_size: 7\nSELECT id FROM t;\nSELECT id FROM t;');
    expect(plan.queries.map(({ settings }) => settings.batchSize)).toEqual([7, null]);
  });

  it('that are unknown are a warning, with a suggestion', () => {
    const { warnings } = planOf('-- @batch_sise: 7\nSELECT id FROM t;');
    expect(warnings).toEqual([
      expect.stringMatching(/^test\.sql:\d+:1: annotation "@batch_sise" .* "batch_size"\?$/),
    ]);
  });

  it('that name the job mode of another engine are a warning', () => {
    expect(planOf('-- @job_mode: simple\nSELECT id FROM t;').warnings).toEqual([
      expect.stringMatching(/^test\.sql:\d+:1: @job_mode: simple says nothing to velo/),
    ]);
    expect(planOf('-- @job_mode: individual\nSELECT id FROM t;').warnings).toEqual([]);
  });

  it('are kept for whoever reads them', () => {
    const query = queryOf(
      '-- @expect.rows: 5\n-- @partitioning_strategy: sticky\nSELECT id FROM t;',
    );
    expect(query.settings.annotations).toEqual({
      'expect.rows': '5',
      partitioning_strategy: 'sticky',
    });
  });

  it('with a bad value are a fault', () => {
    expect(faultsOf('-- @batch_size: many\nSELECT id FROM t')[0]).toMatch(/^SETTING_INVALID/);
    expect(faultsOf('-- @partitioning_strategy: hsah\nSELECT id FROM t')[0]).toMatch(
      /^SETTING_INVALID/,
    );
  });
});

describe('quoted sources', () => {
  const sql = "SELECT a FROM 'x.jsonl' UNION ALL SELECT b FROM (SELECT b FROM 'kafka://h:1/t')";

  it('are found wherever they stand', () => {
    const { script } = parseScript(sql, { sourceName: 'x', variables: () => undefined });
    expect(quotedSources(script).map(({ uri }) => uri)).toEqual(['x.jsonl', 'kafka://h:1/t']);
  });

  it('are tables with the schema they are given', () => {
    const columns = [{ name: 'a', type: { kind: 'bigint' } as const }];
    const file = { connector: 'file', options: { path: 'x.jsonl' }, bounded: true, oneSplit: true };
    const quotedSchemas = new Map([['x.jsonl', { ...file, columns }]]);
    const { plan } = planSql("SELECT a + 1 FROM 'x.jsonl' AS q WHERE q.a > 2", { quotedSchemas });
    expect(nodeOf(plan!.queries[0]!, 'scan').table.options).toEqual({ path: 'x.jsonl' });
    expect(planSql("SELECT a FROM 'other'").faults.map(({ key }) => key)).toEqual([
      'TABLE_NOT_FOUND',
    ]);
  });
});
