/**
 * `velo check` finds what is wrong with the options of tables, sinks and addresses, each fault at
 * its place in the text, and one hides no other. Compiled without network, as check does.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SqlFaults } from '../../src/base/errors.js';
import type { SqlError } from '../../src/base/errors.js';
import { compileJob } from '../../src/job.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-check-'));
const DATA = join(folder, 'a.csv');
writeFileSync(DATA, 'x;y\n1;2\n');
afterAll(() => rmSync(folder, { recursive: true }));

async function faultsOf(
  text: string,
  source: readonly string[] = [],
): Promise<readonly SqlError[]> {
  try {
    await compileJob({
      source: { name: 'check.sql', text },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(
        source.map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
      ),
      limit: null,
      resolve: false,
      needsQuery: true,
    });
  } catch (error) {
    if (error instanceof SqlFaults) return error.faults;
    throw error;
  }
  return [];
}

/** The text under the carets. */
function markedOf(text: string, { span }: SqlError): string | undefined {
  return span === undefined ? undefined : text.slice(span.start, span.end);
}

const KAFKA = `'connector' = 'kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'b:1'`;
const FILE = `'connector' = 'file', 'path' = 'x.jsonl'`;
const read = (options: string, columns = 'a BIGINT'): string =>
  `CREATE TABLE t (${columns}) WITH (${options}); SELECT * FROM t`;
const written = (options: string, columns = 'a BIGINT'): string =>
  `CREATE TABLE t (${columns}) WITH (${options}); INSERT INTO t SELECT 1`;

/** What is written, the text under the carets, and what the hint says. */
const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  // what cannot be written
  [
    written(`'connector' = 'file', 'path' = 'out.csv.bz2'`),
    "'out.csv.bz2'",
    /velo reads bzip2 only: write to a name that ends in \.gz/,
  ],
  [`INSERT INTO 'out.avro' SELECT 1 AS \`a b\``, "'out.avro'", /names are letters, digits and _/],
  [
    written(`'connector' = 'file', 'path' = 'x.avro'`, 'm MAP<BIGINT, BIGINT>').replace(
      'SELECT 1',
      'SELECT MAP[1, 1]',
    ),
    "'x.avro'",
    /declare the keys as VARCHAR/,
  ],
  [
    written(
      `'connector' = 'file', 'path' = 'x', 'format' = 'parquet'`,
      'm MAP<DOUBLE, BIGINT>',
    ).replace('SELECT 1', 'SELECT MAP[CAST(1 AS DOUBLE), 1]'),
    "'parquet'",
    /keys of maps are VARCHAR or BIGINT/,
  ],
  [
    written(`'connector' = 'file', 'path' = 'x.parquet', 'parquet.compression' = 'LZO'`),
    "'LZO'",
    /use 'SNAPPY', 'GZIP', 'UNCOMPRESSED'/,
  ],
  [
    written(`'connector' = 'file', 'path' = 'x.parquet', 'sink.append' = 'true'`),
    "'true'",
    /format "parquet" is complete/,
  ],
  [`INSERT INTO 'out.avro?append=true' SELECT 1 AS a`, "'out.avro?append=true'", /is complete/],
  [
    `INSERT INTO 'out.csv?append=maybe' SELECT 1 AS a`,
    "'out.csv?append=maybe'",
    /'true' or 'false'/,
  ],
  [written(`'connector' = 'file', 'path' = 'x.parquet.gz'`), "'x.parquet.gz'", /leave the ending/],
  [read(`'connector' = 'file', 'path' = 'x.avro.gz'`), "'x.avro.gz'", /unpack it first/],
  [read(`${FILE}, 'avro.codec' = 'null'`), "'avro.codec'", /./],
  [`INSERT INTO 'out.csv.bz2' SELECT 1 AS a`, "'out.csv.bz2'", /reads bzip2 only/],
  // unknown options, and options of every object
  [read(`${FILE}, 'folow' = 'true'`), "'folow'", /did you mean "follow"/],
  [
    read(`${FILE}, 'constructor' = 'x'`),
    "'constructor'",
    /its options are append, encoding, follow, format, path/,
  ],
  [read(`${FILE}, '__proto__' = 'x'`), "'__proto__'", /its options are/],
  [read(`${KAFKA}, 'toString' = 'x'`), "'toString'", /its options are/],
  [read(`${KAFKA}, 'scan.startup.mod' = 'x'`), "'scan.startup.mod'", /"scan.startup.mode"/],
  [read(`'connector' = 'generator', 'row' = '5'`, 'a AS i'), "'row'", /did you mean "rows"/],
  [written(`'connector' = 'blackhole', 'rate' = '5'`), "'rate'", /its options are/],
  // values of a list
  [read(`${FILE}, 'format' = 'jsn'`), "'jsn'", /did you mean "json"/],
  [read(`${KAFKA}, 'format' = 'debezium-json'`), "'debezium-json'", /use 'json', 'csv'/],
  [read(`${KAFKA}, 'scan.startup.mode' = 'earliest'`), "'earliest'", /use 'earliest-offset'/],
  [read(`${KAFKA}, 'properties.auto.offset.reset' = 'newest'`), "'newest'", /'latest'/],
  [read(`${KAFKA}, 'properties.security.protocol' = 'TLS'`), "'TLS'", /'SASL_SSL'/],
  // topics
  [read(`${KAFKA.replace("'x'", "'x;y;x'")}`), "'x;y;x'", /"x" is named twice/],
  [read(`${KAFKA}, 'topic-pattern' = 'y'`), "'y'", /leave one of them away/],
  [
    read(`${KAFKA.replace("'topic' = 'x'", "'topic-pattern' = 'a(b'")}`),
    "'a(b'",
    /no regular expression/,
  ],
  [written(`${KAFKA.replace("'x'", "'x;y'")}`), "'x;y'", /written to one topic/],
  [
    written(`${KAFKA.replace("'topic' = 'x'", "'topic-pattern' = 'x.*'")}`),
    "'x.*'",
    /written to one topic/,
  ],
  [
    read(
      `${KAFKA.replace("'x'", "'x;y'")}, 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:4'`,
    ),
    "'partition:0,offset:4'",
    /offsets are of one topic/,
  ],
  [read(`${KAFKA}, 'fetch' = 'fast'`), "'fast'", /'columnar'/],
  [written(`'connector' = 'stdout', 'format' = 'xml'`), "'xml'", /'markdown'/],
  [written(`${KAFKA}, 'sink.partitioner' = 'hash'`), "'hash'", /'round-robin'/],
  // durations, numbers, booleans, characters
  [read(`${KAFKA}, 'connect.timeout' = 'soon'`), "'soon'", /'10s' or '500ms'/],
  [read(`${FILE}, 'source.idle-timeout' = '3 moons'`), "'3 moons'", /'30s'/],
  [read(`${FILE}, 'record.max-bytes' = '-1'`), "'-1'", /1 to 1073741824/],
  [read(`${FILE}, 'record.max-bytes' = '9999999999'`), "'9999999999'", /1 to 1073741824/],
  [read(`'connector' = 'generator', 'rows' = '1e3'`, 'a AS i'), "'1e3'", /whole number/],
  [read(`'connector' = 'generator', 'splits' = '0'`, 'a AS i'), "'0'", /1 to/],
  [read(`${KAFKA}, 'properties.fetch.min.bytes' = 'many'`), "'many'", /whole number/],
  [written(`${KAFKA}, 'properties.linger.ms' = 'x'`), "'x'", /give a number/],
  [read(`${FILE}, 'follow' = 'yes'`), "'yes'", /'true' or 'false'/],
  [read(`${FILE}, 'format' = 'csv', 'csv.field-delimiter' = '||'`), "'||'", /one ASCII/],
  // what is missing or empty
  [read(`'connector' = 'file', 'format' = 'json'`), "'file'", /add 'path'/],
  [read(`'connector' = 'kafka', 'topic' = 'x'`), "'kafka'", /'properties.bootstrap.servers'/],
  [read(`'connector' = 'file', 'path' = ''`), "''", /name of a file/],
  [read(`${KAFKA}, 'scan.startup.mode' = 'timestamp'`), "'kafka'", /timestamp-millis/],
  [read(`${KAFKA}, 'format' = 'avro-confluent'`), "'kafka'", /'avro-confluent.url'/],
  // what does not go together
  [read(`${KAFKA}, 'scan.startup.mode' = 'group-offsets'`), "'group-offsets'", /group.id/],
  [read(`${KAFKA}, 'format' = 'json', 'value.format' = 'csv'`), "'json'", /leave one/],
  [read(`${FILE}, 'csv.field-delimiter' = ';'`), "'csv.field-delimiter'", /belongs to the format/],
  [read(`${FILE}, 'key.fields' = 'b'`), "'b'", /its columns are a/],
  [
    written(`${FILE}, 'format' = 'raw'`, 'a STRING').replace('SELECT 1', "SELECT 'x'"),
    "'raw'",
    /'json'/,
  ],
  [read(`${FILE}, 'json.ignore-parse-errors' = 'true'`), "'true'", /--on-error/],
  // schemas
  [
    read(`${KAFKA}, 'format' = 'avro', 'avro.schema-file' = '/no/such.avsc'`),
    "'/no/such.avsc'",
    /ENOENT/,
  ],
  [
    read(`${KAFKA}, 'format' = 'avro', 'avro.schema' = '{"type": "recod"}'`),
    `'{"type": "recod"}'`,
    /./,
  ],
  [
    read(`${KAFKA}, 'format' = 'avro', 'avro.schema' = '{"type": "record"'`),
    `'{"type": "record"'`,
    /./,
  ],
  [read(`${KAFKA}, 'format' = 'protobuf', 'protobuf.schema' = 'message {'`), "'message {'", /./],
  // the connector, and options twice
  [read(`'connector' = 'kafak', 'topic' = 'x'`), "'kafak'", /did you mean "kafka"/],
  [read(`'conector' = 'file', 'path' = 'x'`), "'conector'", /spelled 'connector'/],
  [read(`${FILE}, 'format' = 'json', 'format' = 'csv'`), "'format' = 'csv'", /leave one/],
  [written(`'connector' = 'faker', 'fields.a.expression' = '1'`), 't', /declare a sink/],
  // datagen and faker
  [read(`'connector' = 'datagen', 'fields.a.knd' = 'random'`), "'fields.a.knd'", /kind, min, max/],
  [read(`'connector' = 'datagen', 'fields.b.kind' = 'random'`), "'fields.b.kind'", /columns are a/],
  [read(`'connector' = 'datagen', 'fields.a.kind' = 'series'`), "'series'", /'sequence'/],
  [read(`'connector' = 'datagen', 'fields.a.min' = '5', 'fields.a.max' = '1'`), "'1'", /from 5 on/],
  [read(`'connector' = 'datagen'`, 'a ARRAY<BIGINT>'), "'datagen'", /computed column/],
  [read(`'connector' = 'faker'`), "'faker'", /add 'fields.a.expression'/],
  [
    read(`'connector' = 'faker', 'fields.a.expression' = '#{name.frist_name}'`),
    "'#{name.frist_name}'",
    /did you mean "name.first_name"/,
  ],
  [
    read(`'connector' = 'faker', 'fields.a.expression' = '#{regexify ''[a-z]{5}''}'`),
    "'#{regexify ''[a-z]{5}''}'",
    /options.option/,
  ],
  // other places of options
  [`SELECT 1 AS a INTO s WITH (${FILE}, 'folow' = 'x')`, "'folow'", /did you mean/],
  [`CREATE STREAM v WITH (${FILE}, 'pth' = 'x') AS SELECT 1 AS a`, "'pth'", /did you mean "path"/],
  [`CREATE STREAM v AS SELECT 1 AS a WITH (${FILE}, 'pth' = 'x')`, "'pth'", /did you mean "path"/],
  [
    `CREATE TABLE t (a BIGINT) WITH (${FILE}); SELECT * FROM t /*+ OPTIONS('pth' = 'x') */`,
    "'pth'",
    /did you mean "path"/,
  ],
  [
    `CREATE TABLE t (a BIGINT) WITH (${FILE}); INSERT INTO t /*+ OPTIONS('format' = 'x') */ SELECT 1`,
    "'x'",
    /use 'json'/,
  ],
  // addresses
  [`SELECT * FROM 'kafka://b:1/t?scan.startup.mod=x'`, 'scan.startup.mod', /"scan.startup.mode"/],
  [`SELECT * FROM 'kafka://b:1/t?connect.timeout=soon'`, 'soon', /'10s'/],
  [`SELECT * FROM 'kafka://b:1?topic-pattern=a(b'`, 'a(b', /no regular expression/],
  [`SELECT * FROM 'kafka://b:1/a,,b'`, "'kafka://b:1/a,,b'", /name a topic/],
  [`SELECT * FROM 'kafka://b:1'`, "'kafka://b:1'", /add 'topic'/],
  [`SELECT * FROM '${DATA}?csv.field-delimeter=;'`, 'csv.field-delimeter', /did you mean/],
  [`SELECT * FROM '${DATA}?csv.header=maybe'`, 'maybe', /'true' or 'false'/],
];

describe('a fault of options', () => {
  it.each(FAULTS)('%s', async (sql, marked, hint) => {
    const [fault, ...others] = await faultsOf(sql);
    expect(fault?.message).not.toContain('native code');
    expect({
      marked: fault && markedOf(sql, fault),
      others: others.map(({ message }) => message),
    }).toEqual({ marked, others: [] });
    expect(fault?.hint).toMatch(hint);
    expect(fault?.hint).not.toContain('native code');
  });

  it('hides no other', async () => {
    const options = `${KAFKA}, 'topc' = 'y', 'format' = 'jsn', 'connect.timeout' = 'soon',
      'scan.startup.mode' = 'earliest', 'properties.fetch.min.bytes' = 'many',
      'properties.fetch.max.bytes' = '0', 'key.fields' = 'b'`;
    const sql = `${read(options)}; SELECT b FROM t`;
    const marked = (await faultsOf(sql)).map((fault) => markedOf(sql, fault));
    const wanted = ["'topc'", "'jsn'", "'soon'", "'earliest'", "'many'", "'0'", "'b'", 'b'];
    expect(marked).toEqual(expect.arrayContaining(wanted));
    expect(marked).toHaveLength(wanted.length);
  });

  it('is found in tables that no query reads', async () => {
    const sql = `CREATE TABLE t (a BIGINT) WITH (${FILE}, 'folow' = 'x'); SELECT 1`;
    expect(await faultsOf(sql)).toMatchObject([{ hint: 'did you mean "follow"?' }]);
  });

  it('of --source is named with the flag', async () => {
    const sql = read(FILE);
    expect(await faultsOf(sql, ['t=kafka://b:1/x?connect.timeout=soon'])).toMatchObject([
      { key: 'FLAG_INVALID', message: expect.stringContaining('--source t: option') as string },
    ]);
    expect(await faultsOf(sql, ['s=x.jsonl'])).toMatchObject([
      { key: 'FLAG_INVALID', hint: 'it declares t' },
    ]);
  });

  it('is none where all is right', async () => {
    const options = `${KAFKA}, 'format' = 'csv', 'csv.field-delimiter' = ';', 'key.fields' = 'a',
      'properties.group.id' = '', 'properties.client.id' = 'me', 'json.ignore-parse-errors' = 'false'`;
    expect(await faultsOf(read(options))).toEqual([]);
    expect(await faultsOf(`SELECT y FROM '${DATA}?csv.field-delimiter=;'`)).toEqual([]);
  });
});
