/** Avro container files: codecs, blocks, positions, evolution, damage. */
import { describe, expect, test } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { BIGINT, TIMESTAMP, VARCHAR, decimalType, typeText } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { avroFile, readContainer, SYNC } from './container-support.js';
import { fileTable, writeInput } from './file-support.js';

const SCHEMA = {
  type: 'record',
  name: 'Trade',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'shop', type: ['null', 'string'] },
  ],
};
const COLUMNS = [
  { name: 'id', type: BIGINT },
  { name: 'shop', type: VARCHAR },
];
const record = (id: number): object => ({ id, shop: id % 2 === 0 ? null : `s${id}` });
const BLOCKS = [[record(0), record(1), record(2)], [], [record(3)], [record(4), record(5)]];
const ROWS = [0, 1, 2, 3, 4, 5].map((id) => [BigInt(id), id % 2 === 0 ? null : `s${id}`]);

const inferred = async (path: string, format?: string): Promise<[string, string][]> => {
  const table = fileTable({ path, ...(format === undefined ? {} : { format }) }, []);
  const { columns } = await inferFileSchema(fileOptions(table), { sniff: format === undefined });
  return columns.map(({ name, type }) => [name, typeText(type)]);
};

const failure = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConnectorError)) throw new Error(`no ConnectorError: ${String(error)}`);
  return `${error.code}: ${error.message}`;
};

describe('reading', () => {
  test.each(['null', 'deflate', 'snappy', 'zstandard'])('blocks of codec %s', async (codec) => {
    const path = writeInput(`${codec}.avro`, avroFile(SCHEMA, BLOCKS, codec));
    for (const batchRowsMax of [1, 2, 7, 4096]) {
      const { rows, offsets, failures } = await readContainer({ path }, COLUMNS, { batchRowsMax });
      expect(rows).toEqual(ROWS);
      expect(offsets).toEqual([0, 1, 2, 3, 4, 5]);
      expect(failures).toEqual([]);
    }
  });

  test('a file without records has no rows', async () => {
    const path = writeInput('none.avro', avroFile(SCHEMA, []));
    expect((await readContainer({ path }, COLUMNS)).rows).toEqual([]);
  });

  test('every position goes on where it was', async () => {
    const path = writeInput('positions.avro', avroFile(SCHEMA, BLOCKS, 'deflate'));
    for (let batchesMax = 0; batchesMax <= 6; batchesMax += 1) {
      const options = { batchRowsMax: 1, batchesMax };
      const { rows, position } = await readContainer({ path }, COLUMNS, options);
      const rest = await readContainer({ path }, COLUMNS, { from: position });
      expect([...rows, ...rest.rows]).toEqual(ROWS);
      expect(rest.offsets).toEqual([0, 1, 2, 3, 4, 5].slice(batchesMax));
    }
  });

  test('only the columns that are needed, and NULL for those that the file lacks', async () => {
    const path = writeInput('needed.avro', avroFile(SCHEMA, BLOCKS));
    const columns = [...COLUMNS, { name: 'other', type: VARCHAR }];
    const { rows } = await readContainer({ path }, columns, { needed: [2, 0] });
    expect(rows).toEqual(ROWS.map(([id]) => [null, id]));
  });

  test('a value that does not convert is a bad record with its place and bytes', async () => {
    const schema = { type: 'record', name: 'R', fields: [{ name: 'id', type: 'string' }] };
    const path = writeInput(
      'bad.avro',
      avroFile(schema, [[{ id: '1' }, { id: 'x' }, { id: '3' }]]),
    );
    const { rows, failures } = await readContainer({ path }, [{ name: 'id', type: BIGINT }]);
    expect(rows).toEqual([[1n], [3n]]);
    expect(failures).toEqual([
      {
        key: 'CONVERT',
        message: 'value "x" does not convert to BIGINT of column "id"',
        offset: 1,
        raw: '\x02x',
      },
    ]);
  });
});

describe('schemas', () => {
  test('each field whose values a type holds is a column', async () => {
    const field = (name: string, type: unknown): object => ({ name, type });
    const schema = {
      type: 'record',
      name: 'All',
      fields: [
        field('flag', 'boolean'),
        field('i', 'int'),
        field('f', 'float'),
        field('day', { type: 'int', logicalType: 'date' }),
        field('at', ['null', { type: 'long', logicalType: 'timestamp-micros' }]),
        field('price', { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 }),
        field('kind', { type: 'enum', name: 'Kind', symbols: ['A', 'B'] }),
        field('tags', { type: 'array', items: ['null', 'string'] }),
        field('counts', { type: 'map', values: 'long' }),
        field('inner', { type: 'record', name: 'Inner', fields: [field('x', 'double')] }),
        field('either', ['long', 'string']),
        field('nothing', 'null'),
      ],
    };
    expect(await inferred(writeInput('all.avro', avroFile(schema, [])))).toEqual([
      ['flag', 'BOOLEAN'],
      ['i', 'BIGINT'],
      ['f', 'DOUBLE'],
      ['day', 'DATE'],
      ['at', 'TIMESTAMP(3)'],
      ['price', 'DECIMAL(12, 2)'],
      ['kind', 'VARCHAR'],
      ['tags', 'ARRAY<VARCHAR>'],
      ['counts', 'MAP<VARCHAR, BIGINT>'],
      ['inner', 'ROW<x DOUBLE>'],
    ]);
  });

  test('values keep all their digits', async () => {
    const schema = {
      type: 'record',
      name: 'Exact',
      fields: [
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
        {
          name: 'price',
          type: { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 2 },
        },
      ],
    };
    const price = Buffer.from('00ffffffffffffffff', 'hex');
    const path = writeInput('exact.avro', avroFile(schema, [[{ at: -1, price }]]));
    const types: SqlType[] = [TIMESTAMP, decimalType(20, 2)];
    const columns = types.map((type, at) => ({ name: ['at', 'price'][at]!, type }));
    expect((await readContainer({ path }, columns)).rows).toEqual([[-1, 2n ** 64n - 1n]]);
  });

  test('a container is known by its first bytes, whatever its name says', async () => {
    const content = avroFile(SCHEMA, BLOCKS);
    for (const name of ['lies.parquet', 'lies.csv', 'lies.jsonl', 'lies']) {
      expect(await inferred(writeInput(name, content))).toEqual([
        ['id', 'BIGINT'],
        ['shop', 'VARCHAR'],
      ]);
    }
  });
});

test('a container that is called JSON is told by its schema', async () => {
  const path = writeInput('called.json', avroFile(SCHEMA, BLOCKS));
  await expect(inferred(path, 'json')).rejects.toMatchObject({
    hint: "it is an Avro file: 'format' = 'avro', of a file and no pipe",
  });
});

describe('damage', () => {
  const whole = avroFile(SCHEMA, BLOCKS);
  const read = (name: string, content: Uint8Array): Promise<unknown> =>
    readContainer({ path: writeInput(name, content), format: 'avro' }, COLUMNS);
  const at = whole.lastIndexOf(SYNC);

  test('a sync marker that is another', async () => {
    const content = Buffer.from(whole);
    content[at + 3]! ^= 1;
    const start = whole.subarray(0, at).lastIndexOf(SYNC) + SYNC.length;
    expect(await failure(read('sync.avro', content))).toMatch(
      new RegExp(`^VELO_FILE_DAMAGED: .*at byte ${start}: the file's sync marker does not stand`),
    );
  });

  test.each([
    ['in its last block', whole.length - 20, /its block ends at byte \d+, and the file has \d+/],
    ['in its header', 30, /at byte 4: its header does not end/],
  ])('a file that ends %s', async (name, length, message) => {
    expect(await failure(read(`${name}.avro`, whole.subarray(0, length)))).toMatch(message);
  });

  test('a block that does not unpack', async () => {
    for (const codec of ['deflate', 'snappy', 'zstandard']) {
      const content = avroFile(SCHEMA, [[record(1), record(3)]], codec);
      const data = content.indexOf(SYNC) + SYNC.length + 2;
      content[data + 2]! ^= 0xff;
      expect(await failure(read(`unpack-${codec}.avro`, content))).toMatch(/VELO_FILE_DAMAGED/);
    }
  });

  test('a file of another kind, another codec, or of no records', async () => {
    expect(await failure(read('lines.avro', Buffer.from('{"id":1}\n')))).toMatch(
      /VELO_FILE_READ: .* it is no Avro container file/,
    );
    expect(await failure(read('bzip2.avro', avroFile(SCHEMA, [], 'bzip2')))).toMatch(
      /its Avro codec is "bzip2"/,
    );
    const longs = Buffer.from(avroFile(SCHEMA, []).toString('latin1'), 'latin1');
    expect(await failure(read('half.avro', longs.subarray(0, 3)))).toMatch(/no Avro container/);
  });
});
