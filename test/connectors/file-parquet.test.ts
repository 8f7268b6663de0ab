/** Parquet files, as DuckDB and hyparquet-writer write them: types, codecs, row groups, damage. */
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { BIGINT, VARCHAR, typeText } from '../../src/columnar/types.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import type { PhysicalColumn } from '../../src/plan/schema.js';
import { readContainer } from './container-support.js';
import type { ContainerRead } from './container-support.js';
import { fileTable, pathOf, writeInput } from './file-support.js';

let duck: DuckDBConnection;
beforeAll(async () => {
  duck = await (await DuckDBInstance.create(':memory:')).connect();
});

async function duckFile(name: string, query: string, options = ''): Promise<string> {
  const path = pathOf(name);
  await duck.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options})`);
  return path;
}

async function schemaOf(path: string): Promise<readonly PhysicalColumn[]> {
  const options = fileOptions(fileTable({ path }, []));
  const { columns, format } = await inferFileSchema(options, { sniff: true });
  expect(format).toBe('parquet');
  return columns;
}

async function allOf(path: string): Promise<ContainerRead> {
  return readContainer({ path, format: 'parquet' }, await schemaOf(path));
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConnectorError)) throw new Error(`no ConnectorError: ${String(error)}`);
  return `${error.code}: ${error.message}`;
}

/** Each SQL type of DuckDB: an expression, the type it is read as, and its value. */
const TYPES: readonly [string, string, unknown][] = [
  ['true', 'BOOLEAN', true],
  ['-7::TINYINT', 'BIGINT', -7n],
  ['4294967295::UINTEGER', 'BIGINT', 4294967295n],
  ['18446744073709551615::UBIGINT', 'DECIMAL(20, 0)', 18446744073709551615n],
  ['9007199254740993::BIGINT', 'BIGINT', 9007199254740993n],
  ["'-9223372036854775808'::BIGINT", 'BIGINT', -(2n ** 63n)],
  ['0.1::DOUBLE', 'DOUBLE', 0.1],
  ['0.5::FLOAT', 'DOUBLE', 0.5],
  ['-1.25::DECIMAL(4, 2)', 'DECIMAL(4, 2)', -125n],
  ['12345678901234.57::DECIMAL(18, 2)', 'DECIMAL(18, 2)', 1234567890123457n],
  ['-99999999999999999999.12345::DECIMAL(38, 5)', 'DECIMAL(38, 5)', -9999999999999999999912345n],
  ["'späße'", 'VARCHAR', 'späße'],
  ["''", 'VARCHAR', ''],
  [`'{"a":1}'::JSON`, 'VARCHAR', '{"a":1}'],
  ["'b'::ENUM('a', 'b')", 'VARCHAR', 'b'],
  [
    "'00112233-4455-6677-8899-aabbccddeeff'::UUID",
    'VARCHAR',
    '00112233-4455-6677-8899-aabbccddeeff',
  ],
  ["'1969-12-31'::DATE", 'DATE', -1],
  ["'1969-12-31 23:59:59.999999'::TIMESTAMP", 'TIMESTAMP(3)', -1],
  ["'2024-01-01 00:00:00.123'::TIMESTAMP_MS", 'TIMESTAMP(3)', 1704067200123],
  ["'2024-01-01 00:00:00.123456789'::TIMESTAMP_NS", 'TIMESTAMP(3)', 1704067200123],
  ["'10:00:00'::TIME", 'BIGINT', 36_000_000_000n],
  ['[1, NULL, 3]', 'ARRAY<BIGINT>', [1n, null, 3n]],
  ['[[1], [], NULL]', 'ARRAY<ARRAY<BIGINT>>', [[1n], [], null]],
  ["{'a': 1, 'b': {'c': 'x'}}", 'ROW<a BIGINT, b ROW<c VARCHAR>>', [1n, ['x']]],
  ["[{'a': 1}, NULL]", 'ARRAY<ROW<a BIGINT>>', [[1n], null]],
  [
    "MAP {'__proto__': 1, 'k': NULL}",
    'MAP<VARCHAR, BIGINT>',
    { keys: ['__proto__', 'k'], values: [1n, null] },
  ],
  ['MAP {7: [1]}', 'MAP<BIGINT, ARRAY<BIGINT>>', { keys: [7n], values: [[1n]] }],
];

describe('types', () => {
  test.each(TYPES)('%s is %s', async (expression, type, value) => {
    const query = `SELECT v FROM (VALUES (1, ${expression}), (2, NULL), (3, ${expression})) t(i, v) ORDER BY i`;
    const path = await duckFile('type.parquet', query);
    const columns = await schemaOf(path);
    expect(columns.map((column) => typeText(column.type))).toEqual([type]);
    const { rows, failures } = await allOf(path);
    expect(rows).toEqual([[value], [null], [value]]);
    expect(failures).toEqual([]);
  });

  test('what no type holds is no column, and declared it is an error', async () => {
    const path = await duckFile('interval.parquet', "SELECT 1 AS id, INTERVAL '1' MONTH AS span");
    expect((await schemaOf(path)).map(({ name }) => name)).toEqual(['id']);
    const declared = [{ name: 'span', type: VARCHAR }];
    await expect(readContainer({ path, format: 'parquet' }, declared)).rejects.toThrow(
      'field "span" is an interval of months, days and milliseconds',
    );
  });

  test('bytes that are no text are a bad record, whose letter says what it holds', async () => {
    const query = String.raw`SELECT * FROM (VALUES (1::BIGINT, 'ok'::BLOB), (2, '\xAA'::BLOB)) t(id, b)`;
    const { rows, failures } = await allOf(await duckFile('blob.parquet', query));
    expect(rows).toEqual([[1n, 'ok']]);
    expect(failures).toMatchObject([{ key: 'CONVERT', offset: 1, raw: '{"id":2,"b":"aa"}' }]);
  });

  test('numbers of 16 bits', async () => {
    const schema: SchemaElement[] = [
      { name: 'root', num_children: 1 },
      {
        name: 'half',
        type: 'FIXED_LEN_BYTE_ARRAY',
        type_length: 2,
        repetition_type: 'REQUIRED',
        logical_type: { type: 'FLOAT16' },
      },
    ];
    const written = parquetWriteBuffer({ columnData: [{ name: 'half', data: [0.5, -2] }], schema });
    const path = writeInput('half.parquet', new Uint8Array(written));
    expect((await allOf(path)).rows).toEqual([[0.5], [-2]]);
  });
});

describe('files', () => {
  const QUERY =
    "SELECT i AS id, CASE WHEN i % 3 > 0 THEN 'n' || (i % 50) END AS name FROM range(5000) t(i)";
  const ROWS = Array.from({ length: 5000 }, (_, i) => [BigInt(i), i % 3 > 0 ? `n${i % 50}` : null]);
  const COLUMNS = [
    { name: 'id', type: BIGINT },
    { name: 'name', type: VARCHAR },
  ];

  test.each(['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw'])(
    'pages of codec %s in row groups',
    async (codec) => {
      const path = await duckFile(
        `${codec}.parquet`,
        QUERY,
        `, COMPRESSION ${codec}, ROW_GROUP_SIZE 2048`,
      );
      const { rows, batches, offsets } = await readContainer({ path }, COLUMNS);
      expect(rows).toEqual(ROWS);
      expect(offsets).toEqual(ROWS.map((_, at) => at));
      expect(batches).toBe(3);
    },
  );

  test('pages of the second version', async () => {
    const path = await duckFile('v2.parquet', QUERY, ', PARQUET_VERSION v2');
    expect((await allOf(path)).rows).toEqual(ROWS);
  });

  test('every position goes on where it was', async () => {
    const path = await duckFile('positions.parquet', QUERY, ', ROW_GROUP_SIZE 2048');
    for (const batchesMax of [0, 1, 2, 3, 4, 5]) {
      const options = { batchRowsMax: 1024, batchesMax };
      const { rows, position } = await readContainer({ path }, COLUMNS, options);
      const rest = await readContainer({ path }, COLUMNS, { from: position });
      expect([...rows, ...rest.rows]).toEqual(ROWS);
    }
  });

  test('only the bytes of the columns that are needed are read', async () => {
    const path = await duckFile('needed.parquet', QUERY, ', COMPRESSION uncompressed');
    const content = readFileSync(path);
    // Pages of the other column, which is the last one, are no pages any more.
    const place = content.indexOf(Buffer.from('n49')) - 40;
    content.fill(0xff, place, place + 60);
    const broken = writeInput('needed-broken.parquet', content);
    const { rows } = await readContainer({ path: broken }, COLUMNS, { needed: [0] });
    expect(rows).toEqual(ROWS.map(([id]) => [id]));
    expect(await failure(readContainer({ path: broken }, COLUMNS))).toMatch(
      /VELO_FILE_DAMAGED: .* is damaged at row group 0, column "name"/,
    );
  });

  test('an empty file has columns and no rows', async () => {
    const path = await duckFile('empty.parquet', `${QUERY} WHERE false`);
    expect(await allOf(path)).toMatchObject({ rows: [], failures: [] });
  });
});

describe('damage', () => {
  test('a file of another kind, without its end, or with a footer that is none', async () => {
    const path = await duckFile('whole.parquet', 'SELECT 1 AS id');
    const whole = readFileSync(path);
    const read = (content: Uint8Array): Promise<string> => {
      const broken = writeInput('broken.parquet', content);
      return failure(readContainer({ path: broken }, [{ name: 'id', type: BIGINT }]));
    };
    expect(await read(Buffer.from('{"id":1}\n'))).toMatch(/VELO_FILE_READ: .* no Parquet file/);
    expect(await read(whole.subarray(0, whole.length - 1))).toMatch(
      /VELO_FILE_DAMAGED: .* its footer does not end in "PAR1"/,
    );
    const long = Buffer.from(whole);
    long.writeUInt32LE(0x7fffffff, long.length - 8);
    expect(await read(long)).toMatch(/its footer has 2147483647 bytes, more than the file/);
    const garbled = Buffer.from(whole);
    garbled.fill(0xff, whole.length - 8 - whole.readUInt32LE(whole.length - 8), whole.length - 8);
    expect(await read(garbled)).toMatch(/VELO_FILE_DAMAGED: .* its footer cannot be read/);
  });
});
