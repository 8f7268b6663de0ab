/**
 * Nothing that a user writes is dropped without a word: every option of every connector, every
 * setting and annotation, and every clause where it may not stand is honoured, refused or warned of,
 * at its place. The lists are those of the code, so that what is added is covered.
 */
import { describe, expect, it } from 'vitest';
import { CONNECTOR_FACTS, findConnector } from '../../src/connectors/registry.js';
import { ENGINE_SETTINGS, PLAN_SETTINGS } from '../../src/plan/query-settings.js';
import { planSql, textOf } from './support.js';

const FILE = `'connector' = 'file', 'path' = 'x.jsonl'`;
const TABLE = `CREATE TABLE t (a BIGINT, b BIGINT) WITH (${FILE});\n`;

/** What is said: faults, and warnings when there is none. */
function saidOf(sql: string): { readonly faults: string[]; readonly warnings: readonly string[] } {
  const { plan, faults } = planSql(sql);
  return {
    faults: faults.map((fault) => textOf(sql, fault)),
    warnings: plan?.warnings ?? [],
  };
}

/** Enough for a table of the connector to have no fault. */
const VALID: Readonly<Record<string, string>> = {
  kafka: `'topic' = 'x', 'properties.bootstrap.servers' = 'b:1'`,
  file: `'path' = 'x.jsonl'`,
  faker: `'fields.a.expression' = '1'`,
};
/** Any text is a value of these: names of places. */
const FREE = [
  'path',
  'topic',
  'properties.bootstrap.servers',
  'properties.group.id',
  'properties.sasl.jaas.config',
  'sink.transactional-id-prefix',
];

const options = CONNECTOR_FACTS.names.flatMap((connector) =>
  Object.keys(findConnector(connector)?.options.types.shape ?? {}).map(
    (name) => [connector, name] as const,
  ),
);

describe('an option', () => {
  it.each(options.filter(([, name]) => !FREE.includes(name)))(
    'of %s at a value that means nothing is a fault there: %s',
    (connector, name) => {
      const sink = CONNECTOR_FACTS.find(connector)?.reads !== true;
      const columns = connector === 'generator' ? 'a AS i' : 'a BIGINT';
      const rest = (VALID[connector] ?? '')
        .split(', ')
        .filter((option) => option !== '' && !option.startsWith(`'${name}' `));
      const given = [`'connector' = '${connector}'`, ...rest, `'${name}' = '?;?'`].join(', ');
      const use = sink ? 'INSERT INTO o SELECT 1' : 'SELECT * FROM o';
      const sql = `CREATE TABLE o (${columns}) WITH (${given});\n${use}`;
      const { faults } = saidOf(sql);
      expect(faults).toContain(`'?;?'`);
    },
  );

  it.each(CONNECTOR_FACTS.names)('that %s does not have is a fault at its name', (connector) => {
    for (const name of ['nosuch', 'toString', 'properties', 'fields.a.nosuch', 'format.']) {
      const columns = connector === 'generator' ? 'a AS i' : 'a BIGINT';
      const given = [`'connector' = '${connector}'`, VALID[connector] ?? '', `'${name}' = 'x'`];
      const list = given.filter((option) => option !== '').join(', ');
      const { faults } = saidOf(`CREATE TABLE o (${columns}) WITH (${list});`);
      expect({ name, faults }).toEqual({ name, faults: [`'${name}'`] });
    }
  });
});

describe('a setting', () => {
  const known = Object.keys({ ...PLAN_SETTINGS, ...ENGINE_SETTINGS });

  it.each(known)('%s at a value that means nothing is a fault', (key) => {
    const set = `SET '${key}' = '?'`;
    expect(saidOf(`${set}; ${TABLE} SELECT a FROM t`).faults).toEqual([set]);
  });

  it.each(Object.keys(ENGINE_SETTINGS))('@%s at a value that means nothing is a fault', (key) => {
    const annotation = `-- @${key}: ?`;
    expect(saidOf(`${TABLE}${annotation}\nSELECT a FROM t`).faults).toEqual([annotation]);
  });

  it.each([
    [`SET 'table.exec.mini-batch.enabled' = 'true';`, /^test\.sql:\d+:\d+: SET .* is ignored$/],
    [`-- @batch_sise: 5`, /^test\.sql:\d+:\d+: annotation "@batch_sise" .*"batch_size"/],
    [`-- @job_mode: transactional`, /^test\.sql:\d+:\d+: .* is ignored$/],
  ])('that has no effect is warned of, with its place: %s', (text, warning) => {
    expect(saidOf(`${TABLE}${text}\nSELECT a FROM t`).warnings).toEqual([
      expect.stringMatching(warning),
    ]);
  });
});

describe('a clause', () => {
  const SINK = `INTO s WITH (${FILE})`;

  it.each([
    ['SELECT * FROM (SELECT a FROM t INTO s) x', 's'],
    [`SELECT * FROM (SELECT a FROM t WITH (${FILE})) x`, "'connector' = 'file'"],
    [`WITH c AS (SELECT a FROM t WITH (${FILE})) SELECT * FROM c`, "'connector' = 'file'"],
    ['SELECT * FROM (SELECT a FROM t EMIT FINAL) x', 'EMIT FINAL'],
    [`SELECT a FROM t WITH (${FILE})`, "'connector' = 'file'"],
    [`SELECT a, b FROM t INTO t WITH (${FILE})`, "'connector' = 'file'"],
    [`INSERT INTO t SELECT a, b FROM t WITH (${FILE})`, "'connector' = 'file'"],
    [`INSERT INTO t SELECT a, b FROM t INTO t`, 't'],
    [`CREATE STREAM v WITH (${FILE}) AS SELECT a FROM t WITH (${FILE})`, "'connector' = 'file'"],
    [`CREATE STREAM v WITH (${FILE}) AS SELECT a FROM t INTO t`, 't'],
    ['CREATE STREAM v AS SELECT a FROM t INTO nosuch', 'nosuch'],
    [`CREATE STREAM v AS SELECT a FROM t WITH ('conector' = 'file', 'path' = 'x')`, "'conector'"],
  ])('that can have no effect is a fault: %s', (sql, marked) => {
    expect(saidOf(TABLE + sql).faults).toEqual([marked]);
  });

  it.each([
    [`CREATE STREAM v AS SELECT a FROM t WITH (${FILE})`, 'v'],
    ['CREATE STREAM v AS SELECT a, b FROM t INTO t', 't'],
    [
      `CREATE STREAM v AS SELECT a, COUNT(*) AS n FROM t GROUP BY a EMIT CHANGES WITH (${FILE})`,
      'v',
    ],
    [`SELECT a FROM t ${SINK}`, 's'],
  ])('behind the query names the sink: %s', (sql, sink) => {
    const { plan, faults } = planSql(TABLE + sql);
    expect(faults).toEqual([]);
    expect(plan?.queries.map((query) => query.sink.table?.name)).toEqual([sink]);
  });

  it.each([
    'SEMI',
    'ANTI',
    'ASOF',
    'GLOBAL',
    'POSITIONAL',
    'ANY',
    'ALL',
    'PASTE',
    'lateral',
    'hash',
  ])('%s JOIN is no alias', (word) => {
    for (const kind of ['JOIN', 'LEFT JOIN', 'INNER JOIN']) {
      const sql = `${TABLE}SELECT 1 AS one FROM t ${word} ${kind} t u ON t.a = u.a`;
      expect(saidOf(sql).faults).toContain(word);
    }
    expect(
      saidOf(`${TABLE}SELECT u.a FROM t AS ${word} JOIN t u ON ${word}.a = u.a`).faults,
    ).toEqual([]);
  });

  it('NOT NULL is warned of', () => {
    expect(
      saidOf(`CREATE TABLE n (a BIGINT NOT NULL) WITH (${FILE}); SELECT a FROM n`).warnings,
    ).toEqual([expect.stringMatching(/^test\.sql:1:17: NOT NULL of column "a"/)]);
  });
});

describe('a hint', () => {
  it('OPTIONS gives a table other options', () => {
    const sql = `${TABLE}SELECT a FROM t /*+ OPTIONS('path' = 'y''s*/.jsonl') */ AS s;
      SELECT a FROM t /*+ options ('format' = 'csv', 'csv.header' = 'false') */`;
    const { plan, faults } = planSql(sql);
    expect(faults).toEqual([]);
    const text = JSON.stringify(
      plan?.queries.map(({ root }) => root),
      (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    );
    expect(text).toContain(`"path":"y's*/.jsonl"`);
    expect(text).toContain('"csv.header":"false"');
  });

  it.each([
    ['SELECT /*+ BROADCAST(t) */ a FROM t', 'hint "BROADCAST"'],
    [`SELECT /*+ OPTIONS('a' = 'b') */ a FROM t`, 'stands behind no table'],
    ['SELECT a FROM t /*+ OPTIONS(path) */', 'write OPTIONS'],
    ['SELECT /*+ STATE_TTL(t) */ DISTINCT a FROM t', 'write STATE_TTL'],
    [`SELECT a FROM t /*+ STATE_TTL('t' = '1h') */`, 'stands behind no SELECT'],
  ])('that has no effect is warned of, with its place: %s', (sql, warning) => {
    expect(saidOf(TABLE + sql).warnings).toEqual([
      expect.stringMatching(/^test\.sql:2:\d+: /) as string,
    ]);
    expect(saidOf(TABLE + sql).warnings[0]).toContain(warning);
  });

  it('of a view is a fault', () => {
    const sql = `${TABLE}CREATE STREAM v AS SELECT a FROM t; SELECT a FROM v /*+ OPTIONS('path' = 'y') */`;
    expect(saidOf(sql).faults).toEqual(["'path' = 'y'"]);
  });
});
