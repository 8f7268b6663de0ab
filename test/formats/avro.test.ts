/**
 * The Avro decoder against avsc as writer: types and NULLs, evolution, numbers of 64 bits, and
 * records that are damaged: a data error, never a wrong row, a crash or an endless loop.
 */
import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BIGINT, BOOLEAN, DATE, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { decimalType } from '../../src/columnar/types.js';
import { createAvroDecoder } from '../../src/formats/avro/avro.js';
import { WIDE_LONG } from '../../src/formats/avro/avro-long.js';
import { avroSchemaText } from '../../src/formats/avro/avro-table-schema.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';
import type { SchemaDefinition } from '../../src/formats/message/wire-schema.js';
import { framed } from '../support/schema-registry.js';
import { decodeMessages } from './decode-support.js';
import type { DecodedRow } from './decode-support.js';

type Field = { readonly name: string; readonly type: unknown };

function schemaText(fields: readonly Field[]): string {
  return JSON.stringify({ type: 'record', name: 'Trade', namespace: 'com.example', fields });
}

/** As a writer would: longs may be bigints. */
function writerType(text: string): avsc.Type {
  return avsc.Type.forSchema(JSON.parse(text) as avsc.Schema, {
    typeHook: (schema) => {
      const name = typeof schema === 'object' && 'type' in schema ? schema.type : schema;
      return name === 'long' ? WIDE_LONG : undefined;
    },
  });
}

function decodeAs(
  columns: readonly DecoderColumn[],
  text: string,
  records: readonly unknown[],
): DecodedRow[] {
  const type = writerType(text);
  const decoder = createAvroDecoder(columns, null);
  decoder.learn?.([{ id: 7, definition: { language: 'avro', text, references: [] }, fault: '' }]);
  const bytes = records.map((record) => framed(7, type.toBuffer(record)));
  return decodeMessages(decoder, columns, bytes);
}

function valueOf(type: SqlType, avroType: unknown, value: unknown): SqlValue | undefined {
  const rows = decodeAs([{ name: 'v', type }], schemaText([{ name: 'v', type: avroType }]), [
    { v: value },
  ]);
  return rows[0]?.values?.[0];
}

describe('values of Avro in columns', () => {
  const twos = (value: number): Buffer => Buffer.from([(value >> 8) & 255, value & 255]);
  const decimal = { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 };
  const cases: readonly [string, SqlType, unknown, unknown, SqlValue][] = [
    ['int → BIGINT', BIGINT, 'int', -5, -5n],
    ['long → BIGINT', BIGINT, 'long', 2 ** 40, 2n ** 40n],
    ['long → DOUBLE', DOUBLE, 'long', 12, 12],
    ['long → VARCHAR', VARCHAR, 'long', 12, '12'],
    ['double → DOUBLE', DOUBLE, 'double', 1.25, 1.25],
    ['float → DOUBLE', DOUBLE, 'float', 1.5, 1.5],
    ['double → DECIMAL', decimalType(6, 2), 'double', 1.255, 126n],
    ['double → BIGINT', BIGINT, 'double', 3, 3n],
    ['string → VARCHAR', VARCHAR, 'string', 'grüße', 'grüße'],
    ['string → BIGINT', BIGINT, 'string', '17', 17n],
    ['string → TIMESTAMP', TIMESTAMP, 'string', '1970-01-01T00:00:01Z', 1000],
    ['boolean → BOOLEAN', BOOLEAN, 'boolean', true, true],
    ['boolean → VARCHAR', VARCHAR, 'boolean', false, 'false'],
    ['date → DATE', DATE, { type: 'int', logicalType: 'date' }, -1, -1],
    ['date → VARCHAR', VARCHAR, { type: 'int', logicalType: 'date' }, 0, '1970-01-01'],
    ['timestamp-millis', TIMESTAMP, { type: 'long', logicalType: 'timestamp-millis' }, 5, 5],
    ['timestamp-micros', TIMESTAMP, { type: 'long', logicalType: 'timestamp-micros' }, -1, -1],
    ['micros → BIGINT', BIGINT, { type: 'long', logicalType: 'timestamp-micros' }, 1500, 1500n],
    ['time-millis → BIGINT', BIGINT, { type: 'int', logicalType: 'time-millis' }, 77, 77n],
    ['decimal → DECIMAL', decimalType(10, 3), decimal, twos(-1234), -12_340n],
    ['decimal → DOUBLE', DOUBLE, decimal, twos(1234), 12.34],
    ['decimal → VARCHAR', VARCHAR, decimal, twos(-5), '-0.05'],
    ['decimal → BIGINT', BIGINT, decimal, twos(1200), 12n],
    ['bytes → VARCHAR', VARCHAR, 'bytes', Buffer.from('x'), 'x'],
    ['enum → VARCHAR', VARCHAR, { type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B', 'B'],
    ['fixed → VARCHAR', VARCHAR, { type: 'fixed', name: 'F', size: 2 }, Buffer.from('ab'), 'ab'],
    ['null in a union', VARCHAR, ['null', 'string'], null, null],
    ['a value in a union', VARCHAR, ['string', 'null'], 'a', 'a'],
  ];
  it.each(cases)('%s', (_, type, avroType, value, expected) => {
    expect(valueOf(type, avroType, value)).toEqual(expected);
  });

  it('reads lists, maps and records', () => {
    const line = {
      type: 'record',
      name: 'Line',
      fields: [
        { name: 'sku', type: 'string' },
        { name: 'n', type: ['null', 'int'] },
      ],
    };
    const row: SqlType = {
      kind: 'row',
      fields: [
        { name: 'n', type: BIGINT },
        { name: 'sku', type: VARCHAR },
        { name: 'absent', type: DOUBLE },
      ],
    };
    expect(
      valueOf({ kind: 'array', element: row }, { type: 'array', items: line }, [
        { sku: 'a', n: 1 },
        { sku: 'b', n: null },
      ]),
    ).toEqual([
      [1n, 'a', null],
      [null, 'b', null],
    ]);
    const map: SqlType = { kind: 'map', key: VARCHAR, value: DOUBLE };
    expect(valueOf(map, { type: 'map', values: 'double' }, { x: 1, y: 2.5 })).toEqual({
      keys: ['x', 'y'],
      values: [1, 2.5],
    });
  });

  it('refuses what does not convert, and says which value', () => {
    const rows = decodeAs(
      [{ name: 'v', type: BIGINT }],
      schemaText([{ name: 'v', type: 'string' }]),
      [{ v: 'x1' }, { v: '2' }],
    );
    expect(rows[0]?.failure).toEqual({
      key: 'CONVERT',
      message: 'value "x1" does not convert to BIGINT of column "v"',
    });
    expect(rows[1]?.values).toEqual([2n]);
  });

  it('refuses every record of a schema whose field no column of the type holds', () => {
    const rows = decodeAs(
      [{ name: 'v', type: BIGINT }],
      schemaText([{ name: 'v', type: ['null', 'int', 'string'] }]),
      [{ v: null }],
    );
    expect(rows[0]?.failure?.key).toBe('DECODE');
    expect(rows[0]?.failure?.message).toContain('a union of null, int, string');
  });
});

describe('any values', () => {
  const fields = [
    { name: 'a', type: ['null', 'long'] },
    { name: 'b', type: 'string' },
    { name: 'c', type: 'double' },
    { name: 'd', type: ['null', 'boolean'] },
    { name: 'e', type: 'int' },
    { name: 'f', type: { type: 'array', items: 'string' } },
  ];
  const types: Readonly<Record<string, SqlType>> = {
    a: BIGINT,
    b: VARCHAR,
    c: DOUBLE,
    d: BOOLEAN,
    e: BIGINT,
    f: { kind: 'array', element: VARCHAR },
  };
  const record = fc.record({
    a: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    b: fc.string({ unit: 'grapheme' }),
    c: fc.double({ noNaN: true, noDefaultInfinity: true }),
    d: fc.option(fc.boolean()),
    e: fc.integer(),
    f: fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
  });
  type AnyRecord = Readonly<Record<string, unknown>>;
  const expectedOf = (value: AnyRecord, name: string): unknown =>
    name === 'e' ? BigInt(value[name] as number) : value[name];

  it('come as they were written, whichever columns are needed', () => {
    const property = fc.property(
      fc.array(record, { minLength: 1, maxLength: 20 }),
      fc.subarray(Object.keys(types)),
      (records, names) => {
        const columns = names.map((name) => ({ name, type: types[name] ?? BIGINT }));
        const rows = decodeAs(columns, schemaText(fields), records);
        rows.forEach((row, index) => {
          const expected = names.map((name) => expectedOf(records[index] ?? {}, name));
          expect(row.values).toEqual(expected);
        });
      },
    );
    fc.assert(property, { numRuns: 200 });
  }, 60_000);

  it('of damaged bytes are refused or read, in bounded time', () => {
    const text = schemaText(fields);
    const type = writerType(text);
    const columns = Object.entries(types).map(([name, each]) => ({ name, type: each }));
    const decoder = createAvroDecoder(columns, { language: 'avro', text, references: [] });
    const property = fc.property(record, fc.array(fc.nat(), { minLength: 1 }), (value, edits) => {
      const bytes = Buffer.from(type.toBuffer(value));
      for (const edit of edits) bytes[edit % bytes.length] = (edit >>> 8) & 255;
      const [row] = decodeMessages(decoder, columns, [bytes]);
      expect(row?.values !== null || row.failure !== null).toBe(true);
      const [short] = decodeMessages(decoder, columns, [type.toBuffer(value).subarray(0, -1)]);
      expect(short?.failure?.key).toBe('DECODE');
    });
    fc.assert(property, { numRuns: 1000 });
  }, 60_000);

  it('have lists in blocks, with their sizes or without, and are refused where a size is wrong', () => {
    const type: SqlType = { kind: 'array', element: BIGINT };
    const schema = schemaText([
      { name: 'n', type: { type: 'array', items: 'long' } },
      { name: 'm', type: { type: 'map', values: 'long' } },
    ]);
    const columns = [
      { name: 'n', type },
      { name: 'm', type: { kind: 'map', key: VARCHAR, value: BIGINT } as const },
    ];
    const decoder = createAvroDecoder(columns, { language: 'avro', text: schema, references: [] });
    const read = (bytes: number[]): unknown =>
      decodeMessages(decoder, columns, [Uint8Array.from(bytes)])[0]?.values ?? 'refused';
    /** Zigzag of a small number. */
    const z = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
    const map = [z(1), z(1), 0x61, z(9), 0];
    const m = { keys: ['a'], values: [9n] };
    expect(read([z(2), z(5), z(-6), 0, ...map])).toEqual([[5n, -6n], m]);
    expect(read([z(-2), z(2), z(5), z(-6), 0, ...map])).toEqual([[5n, -6n], m]);
    expect(read([z(1), z(5), z(-2), z(2), z(-6), z(7), 0, ...map])).toEqual([[5n, -6n, 7n], m]);
    expect(read([0, ...map])).toEqual([[], m]);
    expect(read([0, z(-1), z(3), z(1), 0x61, z(9), 0])).toEqual([[], m]);
    for (const size of [0, 1, 3, 60, -1])
      expect(read([z(-2), z(size), z(5), z(-6), 0, ...map])).toBe('refused');
    expect(read([0, z(-1), z(2), z(1), 0x61, z(9), 0])).toBe('refused');
  });

  it('with counts far beyond the record are refused at once', () => {
    const text = schemaText([{ name: 'n', type: { type: 'array', items: 'null' } }]);
    const decoder = createAvroDecoder([], { language: 'avro', text, references: [] });
    const huge = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    expect(decodeMessages(decoder, [], [huge])[0]?.failure?.key).toBe('DECODE');
  }, 10_000);
});

describe('numbers of more than 52 bits', () => {
  const edges = [2n ** 52n, 2n ** 53n, 2n ** 54n, 2n ** 63n].flatMap((edge) =>
    [-2n, -1n, 0n, 1n, 2n].flatMap((step) => [edge + step, -edge + step]),
  );
  const values = edges.filter((value) => value >= -(2n ** 63n) && value < 2n ** 63n);

  it.each(values)('%d is read as it was written', (value) => {
    expect(valueOf(BIGINT, 'long', value)).toBe(value);
    expect(
      valueOf({ kind: 'array', element: BIGINT }, { type: 'array', items: 'long' }, [value]),
    ).toEqual([value]);
  });
});

describe('schemas that change', () => {
  const columns = [
    { name: 'id', type: BIGINT },
    { name: 'price', type: DOUBLE },
    { name: 'note', type: VARCHAR },
  ];
  const versions: readonly [readonly Field[], unknown, readonly SqlValue[]][] = [
    [[{ name: 'id', type: 'int' }], { id: 1 }, [1n, null, null]],
    [
      [
        { name: 'id', type: 'long' },
        { name: 'price', type: 'float' },
        { name: 'note', type: 'string' },
      ],
      { id: 2, price: 0.5, note: 'n' },
      [2n, 0.5, 'n'],
    ],
    [
      [
        { name: 'note', type: ['null', 'string'] },
        { name: 'extra', type: { type: 'map', values: 'int' } },
        { name: 'price', type: 'double' },
        { name: 'id', type: ['null', 'long'] },
        { name: 'last', type: 'string' },
      ],
      { note: null, extra: { a: 1 }, price: 2.5, id: 3, last: 'x' },
      [3n, 2.5, null],
    ],
  ];

  it('are read side by side: fields added, removed, reordered and promoted', () => {
    const decoder = createAvroDecoder(columns, null);
    const records = versions.map(([fields, record], index) => {
      const text = schemaText(fields);
      decoder.learn?.([
        { id: index, definition: { language: 'avro', text, references: [] }, fault: '' },
      ]);
      return framed(index, writerType(text).toBuffer(record));
    });
    const rows = decodeMessages(decoder, columns, [...records, ...records]);
    const expected = versions.map(([, , values]) => values);
    expect(rows.map((row) => row.values)).toEqual([...expected, ...expected]);
  });

  it('take aliases and defaults from the schema that the table gives', () => {
    const given = schemaText([
      { name: 'id', type: 'long' },
      { name: 'customer', type: ['null', 'string'], aliases: ['client', 'buyer'] } as Field,
      { name: 'region', type: 'string', default: 'ü' } as Field,
      { name: 'score', type: ['double', 'null'], default: 1.5 } as Field,
      { name: 'gone', type: ['null', 'long'], default: null } as Field,
    ]);
    const wanted = [
      { name: 'id', type: BIGINT },
      { name: 'customer', type: VARCHAR },
      { name: 'region', type: VARCHAR },
      { name: 'score', type: DOUBLE },
      { name: 'gone', type: BIGINT },
      { name: 'extra', type: VARCHAR },
    ];
    const written: readonly [readonly Field[], unknown][] = [
      [
        [
          { name: 'buyer', type: 'string' },
          { name: 'id', type: 'int' },
        ],
        { buyer: 'old', id: 1 },
      ],
      [
        [
          { name: 'id', type: 'long' },
          { name: 'client', type: 'string' },
          { name: 'extra', type: 'string' },
        ],
        { id: 2, client: 'mid', extra: 'x' },
      ],
      [
        [
          { name: 'customer', type: 'string' },
          { name: 'client', type: 'string' },
          { name: 'id', type: 'long' },
          { name: 'region', type: 'string' },
          { name: 'score', type: 'float' },
        ],
        { customer: 'new', client: 'not this', id: 3, region: 'eu', score: 2 },
      ],
    ];
    const decoder = createAvroDecoder(wanted, null, {
      language: 'avro',
      text: given,
      references: [],
    });
    const records = written.map(([fields, record], id) => {
      const text = schemaText(fields);
      decoder.learn?.([{ id, definition: { language: 'avro', text, references: [] }, fault: '' }]);
      return framed(id, writerType(text).toBuffer(record));
    });
    // Versions take turns, as they do when old writers go on.
    const rows = decodeMessages(decoder, wanted, [...records, ...records]);
    const expected = [
      [1n, 'old', 'ü', 1.5, null, null],
      [2n, 'mid', 'ü', 1.5, null, 'x'],
      [3n, 'new', 'eu', 2, null, null],
    ];
    expect(rows.map(({ values }) => values)).toEqual([...expected, ...expected]);
  });

  it('given by the table must be schemas, with defaults of their types', () => {
    const giving = (text: string): SchemaDefinition => ({ language: 'avro', text, references: [] });
    expect(() => createAvroDecoder(columns, null, giving('{'))).toThrow('is no JSON');
    const bad = schemaText([{ name: 'price', type: 'double', default: 'x' } as Field]);
    const decoder = createAvroDecoder(columns, null, giving(bad));
    const text = schemaText([{ name: 'id', type: 'long' }]);
    decoder.learn?.([{ id: 1, definition: giving(text), fault: '' }]);
    const [row] = decodeMessages(decoder, columns, [framed(1, Buffer.from([2]))]);
    expect(row?.failure?.message).toContain('has the default "x"');
  });

  it('may refer to others and to themselves', () => {
    const money = '{"type":"record","name":"x.Money","fields":[{"name":"cents","type":"long"}]}';
    const text =
      '{"type":"record","name":"x.Node","fields":[{"name":"m","type":"Money"},' +
      '{"name":"next","type":["null","Node"]}]}';
    const node: SqlType = { kind: 'row', fields: [{ name: 'cents', type: BIGINT }] };
    const wanted = [{ name: 'm', type: node }];
    const decoder = createAvroDecoder(wanted, {
      language: 'avro',
      text,
      references: [{ name: 'x.Money', text: money }],
    });
    // cents 4, next (1): cents 6, no next.
    const bytes = Buffer.from([8, 2, 12, 0]);
    expect(decodeMessages(decoder, wanted, [bytes])[0]?.values).toEqual([[4n]]);
  });
});

describe('frames', () => {
  const columns = [{ name: 'id', type: BIGINT }];
  const text = schemaText([{ name: 'id', type: 'long' }]);
  const value = writerType(text).toBuffer({ id: 1 });

  it('that are missing or name no known schema make data errors', () => {
    const decoder = createAvroDecoder(columns, null);
    decoder.learn?.([
      { id: 1, definition: { language: 'avro', text, references: [] }, fault: '' },
      { id: 2, definition: null, fault: 'the registry does not know' },
      { id: 3, definition: { language: 'protobuf', text: '', references: [] }, fault: '' },
      { id: 4, definition: { language: 'avro', text: '{', references: [] }, fault: '' },
    ]);
    const records = [
      framed(1, value),
      Buffer.from('{"id":1}'),
      Buffer.from([0, 0]),
      framed(2, value),
      framed(3, value),
      framed(4, value),
      framed(1, Buffer.concat([value, value])),
      framed(1, value),
    ];
    const rows = decodeMessages(decoder, columns, records);
    expect(rows.map((row) => row.failure?.key ?? row.values)).toEqual([
      [1n],
      ...(Array.from({ length: 6 }, () => 'DECODE') as string[]),
      [1n],
    ]);
    expect(rows[1]?.failure?.message).toContain('first byte is 123');
    expect(rows[3]?.failure?.message).toContain('schema 2, which the registry does not know');
    expect(rows[4]?.failure?.message).toContain('a schema of Protobuf, not Avro');
    expect(rows[5]?.failure?.message).toContain('the schema is no JSON');
  });

  it('whose schema becomes known later are read from then on', () => {
    const decoder = createAvroDecoder(columns, null);
    decoder.learn?.([{ id: 9, definition: null, fault: 'the registry does not know' }]);
    expect(decodeMessages(decoder, columns, [framed(9, value)])[0]?.failure?.key).toBe('DECODE');
    decoder.learn?.([{ id: 9, definition: { language: 'avro', text, references: [] }, fault: '' }]);
    expect(decodeMessages(decoder, columns, [framed(9, value)])[0]?.values).toEqual([1n]);
  });
});

describe('the schema of a table', () => {
  it('describes every type that Avro has', () => {
    const columns: readonly DecoderColumn[] = [
      { name: 'a', type: BIGINT },
      { name: 'b', type: { kind: 'array', element: TIMESTAMP } },
      { name: 'c', type: { kind: 'row', fields: [{ name: 'x', type: decimalType(9, 2) }] } },
      { name: 'd', type: { kind: 'map', key: VARCHAR, value: DATE } },
    ];
    const text = avroSchemaText(columns);
    const bytes = writerType(text).toBuffer({
      a: 1n,
      b: [5, null],
      c: { x: Buffer.from([1, 0]) },
      d: null,
    });
    const decoder = createAvroDecoder(columns, { language: 'avro', text, references: [] });
    expect(decodeMessages(decoder, columns, [bytes])[0]?.values).toEqual([
      1n,
      [5, null],
      [256n],
      null,
    ]);
  });
});

/** Records of a given schema, whose bytes are written by hand. */
function decodeRaw(
  columns: readonly DecoderColumn[],
  fields: readonly Field[],
  records: readonly (readonly number[])[],
): DecodedRow[] {
  const definition = { language: 'avro', text: schemaText(fields), references: [] } as const;
  const decoder = createAvroDecoder(columns, definition);
  return decodeMessages(
    decoder,
    columns,
    records.map((bytes) => Uint8Array.from(bytes)),
  );
}

const bytesOfText = (text: string): number[] => [2 * text.length, ...Buffer.from(text)];

describe('names that every object has', () => {
  const MAP: SqlType = { kind: 'map', key: VARCHAR, value: BIGINT };

  it('are keys of a map as others are, in the order of the record; the last of one counts', () => {
    const names = ['__proto__', 'constructor', '7', 'toString', '__proto__'];
    const entries = names.flatMap((name, at) => [...bytesOfText(name), 2 * at]);
    const [row] = decodeRaw(
      [{ name: 'm', type: MAP }],
      [{ name: 'm', type: { type: 'map', values: 'int' } }],
      [[2 * names.length, ...entries, 0]],
    );
    expect(row?.values?.[0]).toEqual({
      keys: ['__proto__', 'constructor', '7', 'toString'],
      values: [4n, 1n, 2n, 3n],
    });
  });

  it('are symbols of an enum, and names of fields', () => {
    const symbols = ['constructor', 'b', '__proto__'];
    const rows = decodeRaw(
      ['toString', '__proto__'].map((name) => ({ name, type: VARCHAR })),
      [
        { name: 'toString', type: { type: 'enum', name: 'hasOwnProperty', symbols } },
        { name: '__proto__', type: 'string' },
      ],
      [
        [0, ...bytesOfText('x')],
        [4, ...bytesOfText('y')],
        [6, ...bytesOfText('z')],
      ],
    );
    expect(rows.map(({ values }) => values)).toEqual([
      ['constructor', 'x'],
      ['__proto__', 'y'],
      null,
    ]);
  });
});

describe('numbers that are none of their type', () => {
  const over = (type: string, bytes: readonly number[]): DecodedRow | undefined =>
    decodeRaw([{ name: 'v', type: BIGINT }], [{ name: 'v', type }], [bytes])[0];
  const nines = (count: number): number[] => new Array<number>(count).fill(0x80);

  it.each([
    ['an int of 33 bits', 'int', [0x80, 0x80, 0x80, 0x80, 0x10]],
    ['an int of 64 bits', 'int', [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['an int of six bytes', 'int', [...nines(5), 0]],
    ['a long of 65 bits', 'long', [...nines(9), 2]],
    ['a long of eleven bytes', 'long', [...nines(10), 0]],
    ['a long that does not end', 'long', nines(4)],
  ])('%s is a data error', (_what, type, bytes) => {
    expect(over(type, bytes)?.failure?.key).toBe('DECODE');
  });

  it('the greatest and least are read', () => {
    expect(over('int', [0xfe, 0xff, 0xff, 0xff, 0x0f])?.values).toEqual([2n ** 31n - 1n]);
    expect(over('int', [0xff, 0xff, 0xff, 0xff, 0x0f])?.values).toEqual([-(2n ** 31n)]);
    const most = [...new Array<number>(9).fill(0xff), 1];
    expect(over('long', most)?.values).toEqual([-(2n ** 63n)]);
  });

  it('a boolean is 0 or 1', () => {
    const rows = decodeRaw(
      [{ name: 'v', type: BOOLEAN }],
      [{ name: 'v', type: 'boolean' }],
      [[0], [1], [2]],
    );
    expect(rows.map(({ values }) => values?.[0])).toEqual([false, true, undefined]);
  });
});

describe('decimals of any size', () => {
  const zigzag = (value: number): number[] => {
    const bytes: number[] = [];
    let rest = 2 * value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    return [...bytes, rest];
  };
  const decimal = (scale: number): Field => ({
    name: 'v',
    type: { type: 'bytes', logicalType: 'decimal', precision: 38, scale },
  });
  const record = (length: number, fill: number): number[] => [
    ...zigzag(length),
    ...new Array<number>(length - 1).fill(fill),
    5,
  ];

  it.each([VARCHAR, DOUBLE, BIGINT, decimalType(38, 2)])(
    'a number of 900,000 bytes is refused at once, one with as many bytes of sign is read: %o',
    (type) => {
      const rows = decodeRaw(
        [{ name: 'v', type }],
        [decimal(0)],
        [record(900_000, 0x7f), record(900_000, 0)],
      );
      expect(rows[0]?.failure?.key).toBe('CONVERT');
      expect(Number.parseInt(String(rows[1]?.values?.[0]), 10) % 100).not.toBeNaN();
      expect(rows[1]?.failure).toBeNull();
    },
    5_000,
  );

  it.each([1_000_000_000, -1, 1.5])('a schema of scale %d is refused', (scale) => {
    expect(() =>
      decodeRaw([{ name: 'v', type: decimalType(38, 2) }], [decimal(scale)], []),
    ).toThrow(/decimal of scale/);
  });
});
