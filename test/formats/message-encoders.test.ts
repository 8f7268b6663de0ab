/**
 * The encoders of Avro and Protobuf: what they write is what our decoders and the libraries
 * themselves read, framed or not, for every type; schemas that a table is given, and rows that no
 * message can hold.
 */
import avsc from 'avsc';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import { columnFromValues } from '../../src/columnar/column-builder.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  decimalType,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { createAvroDecoder } from '../../src/formats/avro/avro.js';
import { ByteBuffer } from '../../src/formats/columns/byte-buffer.js';
import { definitionOf, openMessageEncoder } from '../../src/formats/message-encoder.js';
import { createProtobufDecoder } from '../../src/formats/protobuf/protobuf.js';
import type { SchemaDefinition } from '../../src/formats/message/wire-schema.js';
import type { SchemaColumn } from '../../src/plan/schema.js';
import { decodeMessages } from './decode-support.js';

const ID = 0x0102_0304;

type Language = 'avro' | 'protobuf';
type Row = readonly SqlValue[];

function batchOf(schema: readonly SchemaColumn[], rows: readonly Row[]): Batch {
  const columns = schema.map(({ type }, at) =>
    columnFromValues(
      type,
      rows.map((row) => row[at] ?? null),
    ),
  );
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = rows.length;
  batch.selectedCount = rows.length;
  return batch;
}

interface Writing {
  readonly definition: SchemaDefinition;
  readonly message?: string;
  readonly schemaId?: number | null;
}

async function encode(
  schema: readonly SchemaColumn[],
  rows: readonly Row[],
  { definition, message, schemaId = ID }: Writing,
): Promise<Uint8Array[]> {
  const writing = { definition, message: message ?? null, schemaId };
  const encoder = await openMessageEncoder(schema, writing, 'table "t"');
  encoder.bind(batchOf(schema, rows));
  // Too small at first, and never empty: what stands in front stays.
  const out = new ByteBuffer(1);
  out.appendByte(77);
  return rows.map((_, row) => {
    const start = out.length;
    encoder.encode(row, out);
    expect(out.bytes[0]).toBe(77);
    return out.bytes.slice(start, out.length);
  });
}

function decode(
  schema: readonly SchemaColumn[],
  records: readonly Uint8Array[],
  definition: SchemaDefinition,
): (readonly SqlValue[] | string | null)[] {
  const settings = { definition: null, message: null, readDefaults: false };
  const decoder =
    definition.language === 'avro'
      ? createAvroDecoder(schema, null)
      : createProtobufDecoder(schema, settings);
  decoder.learn?.([{ id: ID, definition, fault: '' }]);
  return decodeMessages(decoder, schema, records).map(
    ({ values, failure }) => values ?? failure?.message ?? null,
  );
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no fault',
    (error: unknown) => String(error),
  );
}

const DAY_MS = 86_400_000;
/** Years 1 to 9999: what texts of dates hold. */
const DAYS = { min: -719_162, max: 2_932_896 };
const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '\0', '😀', 'ß'));
const edge = fc.constantFrom(
  ...[0n, 2n ** 31n, 2n ** 32n, 2n ** 52n, 2n ** 53n, 2n ** 63n].flatMap((size) =>
    [-1n, 0n, 1n].flatMap((step) => [size + step, -size + step]),
  ),
);
const int64 = fc
  .oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), edge)
  .map((value) => BigInt.asIntN(64, value));
const small = 10n ** 12n;
const wide = 10n ** 38n - 1n;

interface TypeCase {
  readonly type: SqlType;
  readonly value: fc.Arbitrary<SqlValue>;
}

const SCALARS: readonly TypeCase[] = [
  { type: BIGINT, value: int64 },
  { type: BIGINT, value: fc.maxSafeInteger().map(BigInt) },
  { type: DOUBLE, value: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { type: decimalType(13, 4), value: fc.bigInt({ min: -small, max: small }) },
  { type: decimalType(38, 20), value: fc.bigInt({ min: -wide, max: wide }) },
  { type: VARCHAR, value: anyText },
  { type: BOOLEAN, value: fc.boolean() },
  { type: TIMESTAMP, value: fc.integer({ min: DAYS.min * DAY_MS, max: DAYS.max * DAY_MS }) },
  { type: DATE, value: fc.integer(DAYS) },
];

/** Libraries read maps into objects, which put whole numbers first. */
const key = fc.uniqueArray(
  fc.string({ unit: 'grapheme' }).map((text) => `k${text}`),
  { maxLength: 3 },
);

/** `holes`: lists, maps and rows may hold NULL, and be NULL themselves. */
function nestedCases(holes: boolean): readonly TypeCase[] {
  const maybe = (value: fc.Arbitrary<SqlValue>): fc.Arbitrary<SqlValue> =>
    holes ? fc.option(value) : value;
  return SCALARS.flatMap(({ type, value }): TypeCase[] => [
    { type: { kind: 'array', element: type }, value: fc.array(maybe(value), { maxLength: 3 }) },
    {
      type: { kind: 'map', key: VARCHAR, value: type },
      value: key.chain((keys) =>
        fc
          .array(maybe(value), { minLength: keys.length, maxLength: keys.length })
          .map((values) => ({ keys, values })),
      ),
    },
    {
      type: {
        kind: 'row',
        fields: [
          { name: 'a', type },
          { name: 'b', type: VARCHAR },
        ],
      },
      value: fc.tuple(fc.option(value), fc.option(anyText)).map((cells): SqlValue => cells),
    },
  ]);
}

function columnsOf(cases: readonly TypeCase[]): SchemaColumn[] {
  return cases.map(({ type }, at) => ({ name: `c${at}`, type }));
}

describe.each(['avro', 'protobuf'] as const)(
  'rows as %s of the schema of their columns',
  (language) => {
    async function roundTrip(cases: readonly TypeCase[], rows: readonly Row[]): Promise<void> {
      const columns = columnsOf(cases);
      const definition = definitionOf(columns, language);
      const records = await encode(columns, rows, { definition });
      expect(decode(columns, records, definition)).toEqual(rows);
    }

    it('scalars, and NULL, are read as they were', async () => {
      const row = fc.tuple(...SCALARS.map(({ value }) => fc.option(value)));
      const property = fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), (rows) =>
        roundTrip(SCALARS, rows),
      );
      await fc.assert(property, { seed: 71, numRuns: 150 });
    }, 60_000);

    it('lists, maps and rows are read as they were', async () => {
      const cases = nestedCases(language === 'avro');
      // Protobuf has no NULL for lists and maps.
      const row = fc.tuple(
        ...cases.map(({ type, value }) =>
          language === 'avro' || type.kind === 'row' ? fc.option(value) : value,
        ),
      );
      const property = fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 3 }), (rows) =>
        roundTrip(cases, rows),
      );
      await fc.assert(property, { seed: 72, numRuns: 60 });
    }, 60_000);

    it('without a frame nothing is in front', async () => {
      const columns = [{ name: 'n', type: BIGINT }];
      const definition = definitionOf(columns, language);
      const [bare] = await encode(columns, [[5n]], { definition, schemaId: null });
      const [framed] = await encode(columns, [[5n]], { definition });
      const front = language === 'avro' ? [0, 1, 2, 3, 4] : [0, 1, 2, 3, 4, 0];
      expect([...(framed ?? [])]).toEqual([...front, ...(bare ?? [])]);
    });

    it('a name that the language does not take is refused before anything runs', () => {
      const row: SqlType = { kind: 'row', fields: [{ name: 'a b', type: BIGINT }] };
      const list: SqlType = { kind: 'array', element: row };
      expect(() => definitionOf([{ name: '1st', type: BIGINT }], language)).toThrow('"1st"');
      expect(() => definitionOf([{ name: 'x', type: list }], language)).toThrow('"a b"');
    });
  },
);

describe('what others read', () => {
  const columns: readonly SchemaColumn[] = [
    { name: 'id', type: BIGINT },
    { name: 'price', type: decimalType(9, 2) },
    { name: 'note', type: VARCHAR },
    { name: 'at', type: TIMESTAMP },
    { name: 'day', type: DATE },
  ];
  const rows: readonly Row[] = [
    [-7n, -150n, 'grüße', -1, -1],
    [null, null, null, null, null],
  ];

  it('avsc, by the schema', async () => {
    const definition = definitionOf(columns, 'avro');
    const [first, second] = await encode(columns, rows, { definition, schemaId: null });
    const type = avsc.Type.forSchema(JSON.parse(definition.text) as avsc.Schema);
    const empty = { id: null, price: null, note: null, at: null, day: null };
    expect({ ...(type.fromBuffer(Buffer.from(first ?? [])) as object) }).toEqual({
      id: -7,
      price: Buffer.from([0xff, 0x6a]),
      note: 'grüße',
      at: -1,
      day: -1,
    });
    expect({ ...(type.fromBuffer(Buffer.from(second ?? [])) as object) }).toEqual(empty);
  });

  it('protobufjs, by the schema', async () => {
    const definition = definitionOf(columns, 'protobuf');
    const [first, second] = await encode(columns, rows, { definition, schemaId: null });
    const root = new protobuf.Root();
    root.addJSON(protobuf.common.get('google/protobuf/timestamp.proto')?.nested ?? {});
    protobuf.parse(definition.text, root, { keepCase: true });
    const type = root.lookupType('Row');
    expect(type.toObject(type.decode(first ?? new Uint8Array(0)), { longs: Number })).toEqual({
      id: -7,
      price: '-1.50',
      note: 'grüße',
      at: { seconds: -1, nanos: 999_000_000 },
      day: '1969-12-31',
    });
    expect(second).toHaveLength(0);
  });
});

describe('a schema that is given', () => {
  const avro = (fields: readonly unknown[]): SchemaDefinition => {
    const text = JSON.stringify({ type: 'record', name: 'R', fields });
    return { language: 'avro', text, references: [] };
  };
  const proto = (text: string): SchemaDefinition => ({
    language: 'protobuf',
    text: `syntax = "proto3"; ${text}`,
    references: [],
  });

  const decimal = { logicalType: 'decimal', precision: 6, scale: 3 };
  const fits: readonly [string, SqlType, unknown, SqlValue][] = [
    ['int', BIGINT, 'int', -(2n ** 31n)],
    ['long', BIGINT, ['long', 'null'], 2n ** 62n],
    ['double of a BIGINT', BIGINT, 'double', 12n],
    ['float', DOUBLE, ['null', 'float'], 0.5],
    ['string', VARCHAR, 'string', 'ü'],
    ['bytes', VARCHAR, 'bytes', 'ü'],
    ['enum', VARCHAR, { type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B'],
    ['micros', TIMESTAMP, { type: 'long', logicalType: 'timestamp-micros' }, -1],
    ['nanos', TIMESTAMP, { type: 'long', logicalType: 'local-timestamp-nanos' }, 1.7e12],
    ['date', DATE, { type: 'int', logicalType: 'date' }, -400_000],
    ['decimal', decimalType(5, 2), { type: 'bytes', ...decimal }, -12_345n],
    ['decimal in fixed', decimalType(5, 3), { type: 'fixed', name: 'F', size: 9, ...decimal }, -5n],
    ['decimal of a BIGINT', BIGINT, { type: 'bytes', ...decimal }, 999n],
  ];
  it.each(fits)('takes Avro %s', async (_, type, field, value) => {
    const columns = [{ name: 'v', type }];
    const definition = avro([{ name: 'v', type: field }]);
    const records = await encode(columns, [[value]], { definition });
    expect(decode(columns, records, definition)).toEqual([[value]]);
  });

  it('has the defaults of Avro fields that no column fills', async () => {
    const inner = { type: 'record', name: 'I', fields: [{ name: 'x', type: 'int', default: 3 }] };
    const definition = avro([
      { name: 'before', type: 'string', default: 'ü' },
      { name: 'n', type: 'long' },
      { name: 'list', type: { type: 'array', items: 'long' }, default: [1, 2] },
      { name: 'map', type: { type: 'map', values: 'string' }, default: { k: 'v' } },
      { name: 'inner', type: inner, default: {} },
      { name: 'maybe', type: ['null', 'string'] },
    ]);
    const records = await encode([{ name: 'n', type: BIGINT }], [[4n]], { definition });
    const all: readonly SchemaColumn[] = [
      { name: 'before', type: VARCHAR },
      { name: 'n', type: BIGINT },
      { name: 'list', type: { kind: 'array', element: BIGINT } },
      { name: 'map', type: { kind: 'map', key: VARCHAR, value: VARCHAR } },
      { name: 'inner', type: { kind: 'row', fields: [{ name: 'x', type: BIGINT }] } },
      { name: 'maybe', type: VARCHAR },
    ];
    const map = { keys: ['k'], values: ['v'] };
    expect(decode(all, records, definition)).toEqual([['ü', 4n, [1n, 2n], map, [3n], null]]);
  });

  it('takes every number of Protobuf, enums, wrappers and nested messages', async () => {
    const definition = proto(`import "google/protobuf/wrappers.proto";
      message Other { }
      message R { enum E { A = 0; B = 1; } message In { optional sint32 x = 1; }
        int32 i = 1; uint64 u = 2; sint64 z = 3; sfixed64 s = 4; E e = 5;
        google.protobuf.StringValue w = 6; google.protobuf.Int64Value n = 7;
        In in = 8; bytes b = 9; map<int64, In> m = 10; fixed32 f = 11; repeated float l = 12; }`);
    const inner: SqlType = { kind: 'row', fields: [{ name: 'x', type: BIGINT }] };
    const columns: readonly SchemaColumn[] = [
      { name: 'i', type: BIGINT },
      { name: 'u', type: BIGINT },
      { name: 'z', type: BIGINT },
      { name: 's', type: BIGINT },
      { name: 'e', type: VARCHAR },
      { name: 'w', type: VARCHAR },
      { name: 'n', type: BIGINT },
      { name: 'in', type: inner },
      { name: 'b', type: VARCHAR },
      { name: 'm', type: { kind: 'map', key: BIGINT, value: inner } },
      { name: 'f', type: BIGINT },
      { name: 'l', type: { kind: 'array', element: DOUBLE } },
    ];
    const min = -(2n ** 63n);
    const map = { keys: [7n, min], values: [[1n], [null]] };
    const rows: readonly Row[] = [
      [-1n, 2n ** 63n - 1n, min, min, 'B', 'w', null, [-5n], 'ü', map, 2n ** 32n - 1n, [0.5]],
    ];
    const records = await encode(columns, rows, { definition, message: 'R' });
    // Message 1 of the schema: one index, 1.
    expect([...(records[0]?.subarray(5, 7) ?? [])]).toEqual([2, 2]);
    expect(decode(columns, records, definition)).toEqual(rows);
  });

  it('may be of a message within messages', async () => {
    const definition = proto(
      `package p.q; message A { } message B { message C { } message D { optional int64 n = 1; } }`,
    );
    const columns = [{ name: 'n', type: BIGINT }];
    const records = await encode(columns, [[1n]], { definition, message: 'p.q.B.D' });
    expect([...(records[0]?.subarray(5, 8) ?? [])]).toEqual([4, 2, 2]);
    expect(decode(columns, records, definition)).toEqual([[1n]]);
  });

  const number = { name: 'v', type: 'long' };
  const duration = { type: 'fixed', name: 'U', size: 12, logicalType: 'duration' };
  const schemaFaults: readonly [SchemaDefinition, SqlType, string][] = [
    [avro([{ name: 'w', type: ['null', 'long'] }]), BIGINT, 'it has no field "v"'],
    [avro([number, { name: 'w', type: 'long' }]), BIGINT, 'field "w" has no column'],
    [avro([number]), VARCHAR, 'field "v" is a long, which no VARCHAR fills'],
    [avro([{ name: 'v', type: ['null', 'long', 'string'] }]), BIGINT, 'a union of several types'],
    [avro([{ name: 'v', type: { type: 'bytes', ...decimal } }]), decimalType(9, 4), 'scale 3'],
    [avro([{ name: 'v', type: { type: 'int', logicalType: 'date' } }]), TIMESTAMP, 'int (date)'],
    [avro([{ name: 'v', type: 'bytes' }]), BOOLEAN, 'is a bytes, which no BOOLEAN fills'],
    [avro([{ name: 'v', type: duration }]), BIGINT, 'is a fixed (duration), which no BIGINT fills'],
    [avro([{ name: 'v', type: { type: 'array', items: 'long' } }]), BIGINT, 'is an array, which'],
    [proto('message R { optional int64 w = 1; }'), BIGINT, 'it has no field "v"'],
    [proto('message R { string v = 1; }'), BIGINT, 'is a string, which no BIGINT fills'],
    [proto('message R { repeated int64 v = 1; }'), BIGINT, 'is a list, which no BIGINT fills'],
  ];
  it.each(schemaFaults)('%o does not take the columns', async (definition, type, message) => {
    const fault = await faultOf(encode([{ name: 'v', type }], [], { definition }));
    expect(fault).toContain('the columns of table "t" do not fit the schema');
    expect(fault).toContain(message);
  });

  const list: SqlType = { kind: 'array', element: BIGINT };
  const rowFaults: readonly [SchemaDefinition, SqlType, SqlValue, string][] = [
    [avro([number]), BIGINT, null, 'column "v" is NULL, which the schema does not take'],
    [avro([{ name: 'v', type: 'int' }]), BIGINT, 2n ** 31n, 'is 2147483648, which is too large'],
    [avro([{ name: 'v', type: 'double' }]), BIGINT, 2n ** 53n + 1n, 'does not hold exactly'],
    [
      avro([{ name: 'v', type: { type: 'enum', name: 'E', symbols: ['A'] } }]),
      VARCHAR,
      'X',
      'is "X", which the schema',
    ],
    [avro([{ name: 'v', type: { type: 'bytes', ...decimal } }]), BIGINT, 1000n, 'more digits'],
    [avro([{ name: 'v', type: { type: 'array', items: 'long' } }]), list, [null], 'holds a NULL'],
    [proto('message R { int64 v = 1; }'), BIGINT, null, 'cannot say unless it is `optional`'],
    [proto('message R { repeated int64 v = 1; }'), list, [1n, null], 'holds a NULL'],
    [proto('message R { uint32 v = 1; }'), BIGINT, -1n, 'is -1, which the schema'],
  ];
  it.each(rowFaults)('%o does not take every row', async (definition, type, value, message) => {
    const columns = [{ name: 'v', type }];
    const encoder = await openMessageEncoder(
      columns,
      { definition, message: null, schemaId: ID },
      'table "t"',
    );
    encoder.bind(batchOf(columns, [[value]]));
    const out = new ByteBuffer(16);
    expect(() => {
      encoder.encode(0, out);
    }).toThrow(message);
    expect(out.length).toBe(0);
  });
});

describe('types that Protobuf has not', () => {
  const list: SqlType = { kind: 'array', element: BIGINT };
  it.each<[Language, SqlType]>([
    ['protobuf', { kind: 'array', element: list }],
    ['protobuf', { kind: 'map', key: DOUBLE, value: BIGINT }],
    ['avro', { kind: 'map', key: BIGINT, value: BIGINT }],
  ])('%s refuses %o', (language, type) => {
    expect(() => definitionOf([{ name: 'v', type }], language)).toThrow('hold');
  });
});
