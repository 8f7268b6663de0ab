/**
 * Flat columns of Parquet files, cell by cell beside hyparquet: types × codecs × versions × NULLs,
 * with dictionaries and without, as DuckDB writes them. Values and numbers are made of a seed.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { beforeAll, describe, expect, test } from 'vitest';
import { columnValue } from '../../src/columnar/column.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { BIGINT, DOUBLE, VARCHAR, decimalType } from '../../src/columnar/types.js';
import { ContainerBytes } from '../../src/connectors/file/container/container-bytes.js';
import { createTarget } from '../../src/formats/columns/create-target.js';
import type { ContainerColumn } from '../../src/formats/container/container.js';
import { RecordWriter, WRITTEN } from '../../src/formats/message/record-writer.js';
import type { FieldShape } from '../../src/formats/message/value-shape.js';
import { flatForm, isReadable } from '../../src/formats/parquet/flat-form.js';
import {
  chunkOf,
  parquetFileColumns,
  readFooter,
  schemaOf,
} from '../../src/formats/parquet/parquet-footer.js';
import type { RowValue } from '../../src/formats/parquet/parquet-nesting.js';
import { parquetType } from '../../src/formats/parquet/parquet-schema.js';
import { readValues } from '../../src/formats/parquet/parquet-values.js';
import { Random } from '../oracle/random-data.js';
import { readContainer } from './container-support.js';
import { pathOf } from './file-support.js';

const SEED = 20_261_130;
const ROWS = 5_000;

let duck: DuckDBConnection;
beforeAll(async () => {
  duck = await (await DuckDBInstance.create(':memory:')).connect();
});

/** `h` is a hash of the row, 64 bits without a sign in more. */
const VALUES: Readonly<Record<string, string>> = {
  boolean: 'h % 3 = 0',
  runs: 'i // 700 % 2 = 0',
  tiny: '(h % 256 - 128)::TINYINT',
  int: '((h % 4294967296)::BIGINT - 2147483648)::INTEGER',
  few: '(h % 7)::INTEGER * 1000',
  rising: 'i::INTEGER * 3 + (h % 3)::INTEGER',
  bigint: '(h - 9223372036854775808)::BIGINT',
  safe: '(h % 9007199254740993)::BIGINT - 4503599627370496',
  edge: `(CASE h % 4 WHEN 0 THEN 9007199254740991 WHEN 1 THEN 9007199254740992
          WHEN 2 THEN -9007199254740991 ELSE -9007199254740992 END)::BIGINT`,
  steps: '1700000000000 + i::BIGINT * 1000 + (h % 16)::BIGINT',
  ubigint: 'h::UBIGINT',
  float: '((h % 1000000)::DOUBLE / 7 - 5000)::FLOAT',
  double: `CASE WHEN h % 1009 = 0 THEN 'nan' WHEN h % 1013 = 0 THEN '-inf' ELSE h::VARCHAR END::DOUBLE / 3`,
  decimal4: '((h % 19999)::BIGINT - 9999)::DECIMAL(18, 0)::DECIMAL(9, 2) / 100',
  decimal9: '((h % 1999999999)::BIGINT - 999999999)::DECIMAL(9, 0)',
  decimal18: '((h % 1999999999999999999)::HUGEINT - 999999999999999999)::DECIMAL(18, 0)',
  decimal38: '(h * 1000000007 % 1000000000000000000000)::DECIMAL(38, 0)',
  name: `'name ' || (h % 20)`,
  text: `CASE h % 5 WHEN 0 THEN '' WHEN 1 THEN 'späße ' || h WHEN 2 THEN repeat('ä' || h, 9) ELSE h::VARCHAR END`,
  bytes: String.raw`CASE WHEN h % 503 = 0 THEN '\xAA\xFF'::BLOB ELSE ('b' || h % 9)::BLOB END`,
  uuid: 'md5(h::VARCHAR)::UUID',
  date: `DATE '1970-01-01' + (h % 60000)::INTEGER - 30000`,
  micros: `make_timestamp((h % 4000000000000000)::BIGINT - 2000000000000000)`,
  millis: `make_timestamp((h % 4000000000000000)::BIGINT - 2000000000000000)::TIMESTAMP_MS`,
  nanos: `make_timestamp_ns((h % 4000000000000000000)::BIGINT - 2000000000000000000)`,
  time: `TIME '00:00:00' + to_microseconds((h % 86400000000)::BIGINT)`,
};

/** Which rows are NULL. */
const NULLS = ['false', 'true', 'g % 4 = 0', 'i // 900 % 2 = 1', 'g % 997 = 0', 'g % 2 = 0'];

interface Config {
  readonly codec: string;
  readonly version: string;
  readonly more: string;
}

const CONFIGS: readonly Config[] = ['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw']
  .flatMap((codec) => ['v1', 'v2'].map((version) => ({ codec, version })))
  .flatMap(({ codec, version }, index) => [
    { codec, version, more: index % 2 === 0 ? '' : ', DICTIONARY_SIZE_LIMIT 1' },
  ])
  .concat([
    { codec: 'snappy', version: 'v1', more: ', DICTIONARY_SIZE_LIMIT 1' },
    { codec: 'uncompressed', version: 'v2', more: '' },
    { codec: 'zstd', version: 'v2', more: ', STRING_DICTIONARY_PAGE_SIZE_LIMIT 64' },
  ]);

async function writeFile(name: string, config: Config, random: Random): Promise<string> {
  const path = pathOf(name);
  const cells = Object.entries(VALUES).map(
    ([column, value]) => `CASE WHEN NOT (${random.pick(NULLS)}) THEN ${value} END AS "${column}"`,
  );
  const rows = `SELECT i, hash(i + ${random.below(1e9)})::HUGEINT AS h, hash(i + ${random.below(1e9)}) AS g
    FROM range(${ROWS}) t(i)`;
  const { codec, version, more } = config;
  await duck.run(`COPY (SELECT ${cells.join(', ')} FROM (${rows}) ORDER BY i) TO '${path}'
    (FORMAT parquet, COMPRESSION ${codec}, PARQUET_VERSION ${version}, ROW_GROUP_SIZE 2048${more})`);
  return path;
}

interface Plain {
  readonly rows: SqlValue[][];
  readonly failures: string[];
}

/** By hyparquet, and by the writer that Avro has, a record at a time. */
function readPlainly(path: string, columns: readonly ContainerColumn[]): Plain {
  const bytes = new ContainerBytes(path);
  const footer = readFooter(bytes);
  const root = schemaOf(bytes, footer);
  const targets = columns.map(({ type }) => createTarget(type, 1));
  let values: readonly RowValue[] = [];
  const shapes = root.children.map((node, index): FieldShape => {
    const get = (record: unknown): unknown => values[index]!(record as number);
    return { name: node.element.name, shape: parquetType(node).shape, get };
  });
  const writer = new RecordWriter(shapes, { columns, targets });
  const plain: Plain = { rows: [], failures: [] };
  for (const group of footer.row_groups) {
    values = root.children.map((node) => readValues({ bytes, group, root, node }));
    for (let record = 0; record < Number(group.num_rows); record += 1) {
      for (const target of targets) target.begin();
      const column = writer.write(record, 0);
      if (column !== WRITTEN) plain.failures.push(writer.describe(record, column));
      else
        plain.rows.push(targets.map((each, at) => columnValue(each.column, columns[at]!.type, 0)));
    }
  }
  bytes.close();
  return plain;
}

function columnsOf(path: string): readonly ContainerColumn[] {
  const bytes = new ContainerBytes(path);
  const columns = parquetFileColumns(bytes);
  bytes.close();
  return columns;
}

/** Columns of a file that are not read page by page, in any of its row groups. */
function slowColumns(path: string): readonly string[] {
  const bytes = new ContainerBytes(path);
  const footer = readFooter(bytes);
  const slow = schemaOf(bytes, footer).children.filter(
    (node) =>
      flatForm(node) === null ||
      footer.row_groups.some((group) => !isReadable(chunkOf(group, [node.element.name]))),
  );
  bytes.close();
  return slow.map(({ element }) => element.name);
}

describe(`flat columns are what hyparquet reads (seed ${SEED})`, () => {
  test.each(
    CONFIGS.map((config, index) => ({ config, index, name: Object.values(config).join(' ') })),
  )('%$: $name', async ({ index, config }) => {
    const random = new Random(SEED + index);
    const path = await writeFile(`flat-${index}.parquet`, config, random);
    expect(slowColumns(path)).toEqual([]);
    const columns = columnsOf(path);
    const plain = readPlainly(path, columns);
    const batchRowsMax = random.pick([1, 100, 1000, 4096]);
    const { rows, failures } = await readContainer({ path }, columns, { batchRowsMax });
    expect(rows).toEqual(plain.rows);
    expect(failures.map(({ message }) => message)).toEqual(plain.failures);
    expect(rows.length + failures.length).toBe(ROWS);
  });

  // hyparquet reads some of these wrongly.
  test('whole numbers of 32 bits without a sign, as differences', async () => {
    const path = pathOf('flat-uint.parquet');
    await duck.run(`COPY (SELECT (hash(i) % 4294967296)::UINTEGER AS n FROM range(${ROWS}) t(i))
      TO '${path}' (FORMAT parquet, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1)`);
    const found = await duck.runAndReadAll(`SELECT n::BIGINT FROM '${path}'`);
    const { rows } = await readContainer({ path }, columnsOf(path));
    expect(rows).toEqual(found.getRows());
  });

  test('where a position goes on, and in the columns of other types', async () => {
    const random = new Random(SEED + 100);
    const config = { codec: 'snappy', version: 'v1', more: ', DICTIONARY_SIZE_LIMIT 1' };
    const path = await writeFile('flat-declared.parquet', config, random);
    const declared: ContainerColumn[] = [
      { name: 'int', type: DOUBLE },
      { name: 'safe', type: DOUBLE },
      { name: 'decimal4', type: DOUBLE },
      { name: 'boolean', type: VARCHAR },
      { name: 'bigint', type: VARCHAR },
      { name: 'date', type: VARCHAR },
      { name: 'micros', type: BIGINT },
      { name: 'float', type: VARCHAR },
      { name: 'decimal9', type: decimalType(12, 2) },
      { name: 'decimal18', type: decimalType(15, 0) },
      { name: 'few', type: decimalType(4, 0) },
      { name: 'uuid', type: VARCHAR },
    ];
    const plain = readPlainly(path, declared);
    expect(plain.failures.length).toBeGreaterThan(0);
    const whole = await readContainer({ path }, declared, { batchRowsMax: 700 });
    expect(whole.rows).toEqual(plain.rows);
    expect(whole.failures.map(({ message }) => message)).toEqual(plain.failures);
    for (let batchesMax = 0; batchesMax < 8; batchesMax += 1) {
      const head = await readContainer({ path }, declared, { batchRowsMax: 700, batchesMax });
      const rest = await readContainer({ path }, declared, { from: head.position });
      expect([...head.rows, ...rest.rows]).toEqual(plain.rows);
    }
  });
});
