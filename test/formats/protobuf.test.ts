/**
 * The Protobuf decoder against protobufjs as writer: types, presence and defaults, message indexes,
 * evolution, and records that are damaged.
 */
import fc from 'fast-check';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { describe, expect, it } from 'vitest';
import { BIGINT, BOOLEAN, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { decimalType } from '../../src/columnar/types.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';
import { createProtobufDecoder } from '../../src/formats/protobuf/protobuf.js';
import { framed } from '../support/schema-registry.js';
import { decodeMessages } from './decode-support.js';
import type { DecodedRow } from './decode-support.js';

const PROTO3 = `
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Side { BUY = 0; SELL = 1; }
message Order {
  message Line { string sku = 1; int32 n = 2; }
  int64 id = 1;
  string who = 2;
  double price = 3;
  bool open = 4;
  Side side = 5;
  repeated int64 nums = 6;
  repeated Line lines = 7;
  map<string, double> weights = 8;
  map<int64, string> names = 9;
  google.protobuf.Timestamp ts = 10;
  google.protobuf.StringValue nick = 11;
  optional int32 maybe = 12;
  Line line = 13;
  uint64 big = 14;
  oneof pick { string text = 15; int32 number = 16; }
  bytes raw = 17;
}
message Other { string who = 1; }
`;

const LINE: SqlType = {
  kind: 'row',
  fields: [
    { name: 'sku', type: VARCHAR },
    { name: 'n', type: BIGINT },
  ],
};
const TYPES: Readonly<Record<string, SqlType>> = {
  id: BIGINT,
  who: VARCHAR,
  price: DOUBLE,
  open: BOOLEAN,
  side: VARCHAR,
  nums: { kind: 'array', element: BIGINT },
  lines: { kind: 'array', element: LINE },
  weights: { kind: 'map', key: VARCHAR, value: DOUBLE },
  names: { kind: 'map', key: BIGINT, value: VARCHAR },
  ts: TIMESTAMP,
  nick: VARCHAR,
  maybe: BIGINT,
  line: LINE,
  big: decimalType(20, 0),
  text: VARCHAR,
  number: BIGINT,
  raw: VARCHAR,
};

function columnsOf(names: readonly string[]): DecoderColumn[] {
  return names.map((name) => ({ name, type: TYPES[name] ?? BIGINT }));
}

function encoded(proto: string, message: string, value: object): Uint8Array {
  const { root } = protobuf.parse(proto, new protobuf.Root(), { keepCase: true });
  for (const file of ['timestamp', 'wrappers']) {
    root.addJSON(protobuf.common.get(`google/protobuf/${file}.proto`)?.nested ?? {});
  }
  const type = root.lookupType(message);
  return type.encode(type.fromObject(value)).finish();
}

function decodeOrder(
  names: readonly string[],
  values: readonly object[],
  readDefaults = false,
): DecodedRow[] {
  const columns = columnsOf(names);
  const definition = { language: 'protobuf', text: PROTO3, references: [] } as const;
  const decoder = createProtobufDecoder(columns, {
    definition,
    message: 'shop.Order',
    readDefaults,
  });
  return decodeMessages(
    decoder,
    columns,
    values.map((value) => encoded(PROTO3, 'shop.Order', value)),
  );
}

function one(name: string, value: object, readDefaults = false): SqlValue | undefined {
  return decodeOrder([name], [value], readDefaults)[0]?.values?.[0];
}

describe('values of Protobuf in columns', () => {
  const cases: readonly [string, object, SqlValue][] = [
    ['id', { id: '9223372036854775807' }, 2n ** 63n - 1n],
    ['id', { id: -5 }, -5n],
    ['who', { who: 'grüße' }, 'grüße'],
    ['price', { price: 1.5 }, 1.5],
    ['open', { open: true }, true],
    ['side', { side: 'SELL' }, 'SELL'],
    ['side', { side: 7 }, '7'],
    ['nums', { nums: [1, -2] }, [1n, -2n]],
    [
      'lines',
      { lines: [{ sku: 'a' }, { n: 3 }] },
      [
        ['a', 0n],
        ['', 3n],
      ],
    ],
    ['weights', { weights: { a: 1.5 } }, { keys: ['a'], values: [1.5] }],
    ['ts', { ts: { seconds: 2, nanos: 5_999_999 } }, 2005],
    ['ts', { ts: { seconds: -1, nanos: 999_000_000 } }, -1],
    ['nick', { nick: { value: 'n' } }, 'n'],
    ['maybe', { maybe: 0 }, 0n],
    ['line', { line: { n: 2 } }, ['', 2n]],
    ['big', { big: '18446744073709551615' }, 2n ** 64n - 1n],
    ['text', { text: 'x' }, 'x'],
    ['raw', { raw: Buffer.from('r') }, 'r'],
  ];
  it.each(cases)('%s of %o', (name, value, expected) => {
    expect(one(name, value)).toEqual(expected);
  });

  it('reads maps with keys of 64 bits', () => {
    const columns = columnsOf(['names']);
    const definition = { language: 'protobuf', text: PROTO3, references: [] } as const;
    const settings = { definition, message: null, readDefaults: false };
    const decoder = createProtobufDecoder(columns, settings);
    // Field 9, an entry of 5 bytes: key -1 would take ten, so key 300 and the text "x".
    const bytes = Buffer.from([0x4a, 6, 0x08, 0xac, 0x02, 0x12, 1, 0x78]);
    const values = decodeMessages(decoder, columns, [bytes])[0]?.values;
    expect(values).toEqual([{ keys: [300n], values: ['x'] }]);
  });

  it('knows absent fields: defaults without presence, NULL with it unless asked for', () => {
    const names = Object.keys(TYPES);
    const absent = Object.fromEntries(
      names.map((name, at) => [name, decodeOrder(names, [{}])[0]?.values?.[at]]),
    );
    expect(absent).toEqual({
      id: 0n,
      who: '',
      price: 0,
      open: false,
      side: 'BUY',
      nums: [],
      lines: [],
      weights: { keys: [], values: [] },
      names: { keys: [], values: [] },
      ts: null,
      nick: null,
      maybe: null,
      line: null,
      big: 0n,
      text: null,
      number: null,
      raw: '',
    });
    expect(one('maybe', {}, true)).toBe(0n);
    expect(one('line', {}, true)).toEqual(['', 0n]);
    expect(one('text', {}, true)).toBe('');
  });

  it('reads proto2: presence, declared defaults, required fields', () => {
    const proto = `syntax = "proto2"; message M {
      required int32 id = 1; optional string s = 2 [default = "none"]; optional int64 n = 3 [default = 7]; }`;
    const columns = [
      { name: 'id', type: BIGINT },
      { name: 's', type: VARCHAR },
      { name: 'n', type: BIGINT },
    ];
    const definition = { language: 'protobuf', text: proto, references: [] } as const;
    const read = (readDefaults: boolean, bytes: Uint8Array): DecodedRow | undefined => {
      const decoder = createProtobufDecoder(columns, { definition, message: null, readDefaults });
      return decodeMessages(decoder, columns, [bytes])[0];
    };
    const bytes = encoded(proto, 'M', { id: 1 });
    expect(read(false, bytes)?.values).toEqual([1n, null, null]);
    expect(read(true, bytes)?.values).toEqual([1n, 'none', 7n]);
    expect(read(false, new Uint8Array(0))?.failure?.key).toBe('DECODE');
  });

  it('reads a compiled descriptor set', () => {
    const { root } = protobuf.parse('syntax = "proto3"; package p; message M { string a = 1; }');
    root.resolveAll();
    const withSet = root as unknown as { toDescriptor(edition: string): protobuf.Message };
    const set = descriptor.FileDescriptorSet.encode(withSet.toDescriptor('proto3')).finish();
    const text = Buffer.from(set).toString('base64');
    const columns = [{ name: 'a', type: VARCHAR }];
    const definition = { language: 'protobuf', text, references: [] } as const;
    const settings = { definition, message: 'p.M', readDefaults: false };
    const decoder = createProtobufDecoder(columns, settings);
    const [row] = decodeMessages(decoder, columns, [Buffer.from([10, 1, 0x78])]);
    expect(row?.values).toEqual(['x']);
  });
});

describe('maps in a compiled descriptor set', () => {
  const proto = `syntax = "proto3"; package p.q;
    message M { int64 id = 1; map<string, int64> attrs = 2; map<int32, Kind> leaves = 3;
      repeated Inner more = 4; message Inner { map<int32, Kind> deep = 1; } }
    enum Kind { PLAIN = 0; FAR = 1; }`;
  const columns = [
    { name: 'id', type: BIGINT },
    { name: 'attrs', type: { kind: 'map', key: VARCHAR, value: BIGINT } as const },
    { name: 'leaves', type: { kind: 'map', key: BIGINT, value: VARCHAR } as const },
  ];

  /** As protoc writes it: types by their full names. */
  function descriptorSet(): string {
    const { root } = protobuf.parse(proto);
    root.resolveAll();
    const withSet = root as unknown as { toDescriptor(edition: string): protobuf.Message };
    const set = withSet.toDescriptor('proto3') as unknown as descriptor.IFileDescriptorSet;
    const full = (messages: readonly descriptor.IDescriptorProto[], within: string): void => {
      for (const { name = '', nestedType = [], field = [] } of messages) {
        const own = `${within}.${name}`;
        for (const each of field) {
          if (each.typeName?.endsWith('Entry') === true) each.typeName = `${own}.${each.typeName}`;
          if (each.typeName === 'Kind') each.typeName = '.p.q.Kind';
        }
        full(nestedType, own);
      }
    };
    for (const file of set.file) full(file.messageType ?? [], '.p.q');
    const bytes = descriptor.FileDescriptorSet.encode(set as unknown as protobuf.Message).finish();
    return Buffer.from(bytes).toString('base64');
  }

  it.each(['text', 'descriptor set'])('are maps, at every depth (%s)', (form) => {
    const text = form === 'text' ? proto : descriptorSet();
    const definition = { language: 'protobuf', text, references: [] } as const;
    const settings = { definition, message: 'p.q.M', readDefaults: false };
    const decoder = createProtobufDecoder(columns, settings);
    const value = {
      id: 1,
      attrs: { x: 7, y: 8 },
      leaves: { 5: 1 },
      more: [{ deep: { 1: 1 } }],
    };
    const [row] = decodeMessages(decoder, columns, [encoded(proto, 'p.q.M', value)]);
    expect(row?.failure).toBeNull();
    expect(row?.values).toEqual([
      1n,
      { keys: ['x', 'y'], values: [7n, 8n] },
      { keys: [5n], values: ['FAR'] },
    ]);
  });
});

describe('any values', () => {
  const order = fc.record({
    id: fc.integer(),
    who: fc.string({ unit: 'grapheme' }),
    price: fc.double({ noNaN: true, noDefaultInfinity: true }),
    open: fc.boolean(),
    nums: fc.array(fc.integer(), { maxLength: 4 }),
    maybe: fc.option(fc.integer(), { nil: undefined }),
  });
  const names = ['id', 'who', 'price', 'open', 'nums', 'maybe'];

  it('come as they were written, whichever columns are needed', () => {
    const property = fc.property(
      fc.array(order, { minLength: 1, maxLength: 8 }),
      fc.subarray(names),
      (values, wanted) => {
        const rows = decodeOrder(
          wanted,
          values.map((value) => ({ ...value, line: { n: 1 } })),
        );
        rows.forEach((row, index) => {
          const value: Readonly<Record<string, unknown>> = values[index] ?? {};
          const expected = wanted.map((name) => {
            if (name === 'nums') return (value[name] as number[]).map(BigInt);
            if (name === 'id') return BigInt(value[name] as number);
            if (name === 'maybe')
              return value[name] === undefined ? null : BigInt(value[name] as number);
            // Protobuf leaves a zero out, its sign included.
            if (name === 'price') return value[name] === 0 ? expect.closeTo(0) : value[name];
            return value[name];
          });
          expect(row.values).toEqual(expected);
        });
      },
    );
    fc.assert(property, { numRuns: 40 });
  }, 120_000);

  it('of damaged bytes are refused or read, in bounded time', () => {
    const columns = columnsOf(Object.keys(TYPES));
    const definition = { language: 'protobuf', text: PROTO3, references: [] } as const;
    const settings = { definition, message: 'shop.Order', readDefaults: false };
    const decoder = createProtobufDecoder(columns, settings);
    const whole = encoded(PROTO3, 'shop.Order', {
      id: 5,
      who: 'somebody',
      nums: [1, 2],
      lines: [{ sku: 's' }],
      weights: { a: 1 },
      ts: { seconds: 5 },
      line: { sku: 'x', n: 4 },
      text: 't',
    });
    const property = fc.property(fc.array(fc.nat(), { minLength: 1 }), (edits) => {
      const bytes = Buffer.from(whole);
      for (const edit of edits) bytes[edit % bytes.length] = (edit >>> 8) & 255;
      const [row] = decodeMessages(decoder, columns, [bytes]);
      expect(row?.values !== null || row.failure !== null).toBe(true);
    });
    fc.assert(property, { numRuns: 1000 });
  }, 120_000);

  it('that end within a text are refused, not cut short', () => {
    const columns = columnsOf(['who']);
    const definition = { language: 'protobuf', text: PROTO3, references: [] } as const;
    const settings = { definition, message: null, readDefaults: false };
    const decoder = createProtobufDecoder(columns, settings);
    const whole = encoded(PROTO3, 'shop.Order', { who: 'somebody' });
    const [row] = decodeMessages(decoder, columns, [whole.subarray(0, -3)]);
    expect(row?.failure?.key).toBe('DECODE');
  });
});

describe('frames', () => {
  const columns = columnsOf(['who']);
  const newDecoder = (): ReturnType<typeof createProtobufDecoder> => {
    const settings = { definition: null, message: null, readDefaults: false };
    const decoder = createProtobufDecoder(columns, settings);
    const definition = { language: 'protobuf', text: PROTO3, references: [] } as const;
    decoder.learn?.([{ id: 3, definition, fault: '' }]);
    return decoder;
  };

  it('lead to the message that their indexes name', () => {
    const order = encoded(PROTO3, 'shop.Order', { who: 'first' });
    const other = encoded(PROTO3, 'shop.Other', { who: 'second' });
    const rows = decodeMessages(newDecoder(), columns, [
      framed(3, Buffer.concat([Buffer.from([0]), order])),
      framed(3, Buffer.concat([Buffer.from([2, 2]), other])),
      framed(3, Buffer.concat([Buffer.from([2, 0]), order])),
      framed(3, Buffer.concat([Buffer.from([2, 8]), other])),
      framed(3, Buffer.concat([Buffer.from([3]), other])),
      framed(3, Buffer.alloc(0)),
      framed(3, Buffer.concat([Buffer.from([0]), order])),
    ]);
    expect(rows.map((row) => row.failure?.key ?? row.values)).toEqual([
      ['first'],
      ['second'],
      ['first'],
      'DECODE',
      'DECODE',
      'DECODE',
      ['first'],
    ]);
    expect(rows[3]?.failure?.message).toContain('no message at the indexes 4');
  });

  it('may refer to other files', () => {
    const base = 'syntax = "proto3"; package shop; message Money { int64 cents = 1; }';
    const text =
      'syntax = "proto3"; package shop; import "money.proto"; message Bill { Money total = 1; }';
    const wanted: readonly DecoderColumn[] = [
      { name: 'total', type: { kind: 'row', fields: [{ name: 'cents', type: BIGINT }] } },
    ];
    const settings = { definition: null, message: null, readDefaults: false };
    const decoder = createProtobufDecoder(wanted, settings);
    const references = [{ name: 'money.proto', text: base }];
    const definition = { language: 'protobuf', text, references } as const;
    decoder.learn?.([{ id: 1, definition, fault: '' }]);
    const record = framed(1, Buffer.from([0, 10, 2, 8, 12]));
    expect(decodeMessages(decoder, wanted, [record])[0]?.values).toEqual([[12n]]);
  });
});

describe('names that every object has', () => {
  const text = `syntax = "proto3";
    // constructor
    message toString { enum constructor { __proto__ = 0; valueOf = 1; }
      int32 __proto__ = 1; string constructor_ = 2; hasOwnProperty hasOwnProperty = 3;
      map<string, int32> valueOf = 4; constructor isPrototypeOf = 5; }
    message hasOwnProperty { int64 toLocaleString = 1; }`;
  const columns: DecoderColumn[] = [
    { name: '__proto__', type: BIGINT },
    { name: 'constructor_', type: VARCHAR },
    {
      name: 'hasOwnProperty',
      type: { kind: 'row', fields: [{ name: 'toLocaleString', type: BIGINT }] },
    },
    { name: 'valueOf', type: { kind: 'map', key: VARCHAR, value: BIGINT } },
    { name: 'isPrototypeOf', type: VARCHAR },
  ];
  const entry = Buffer.from([10, 9, ...Buffer.from('__proto__'), 16, 3]);
  const bytes = Uint8Array.from([
    ...[8, 7, 18, 1, 0x78, 26, 2, 8, 9],
    ...[34, entry.length, ...entry, 40, 1],
  ]);

  it('are fields, messages, enums, their values and keys of maps as others are', () => {
    const definition = { language: 'protobuf', text, references: [] } as const;
    for (const message of ['toString', null]) {
      const decoder = createProtobufDecoder(columns, { definition, message, readDefaults: false });
      expect(decodeMessages(decoder, columns, [bytes])[0]).toEqual({
        failure: null,
        values: [7n, 'x', [9n], { keys: ['__proto__'], values: [3n] }, 'valueOf'],
      });
    }
  });
});

describe('damaged fields', () => {
  const id = [8, 5];
  it.each([
    ['a known field with the wire type of another', [...id, 18, 1, 0x78, 0x15, 1, 2, 3, 4]],
    ['a number of eleven bytes', [8, ...new Array<number>(10).fill(0x80), 0]],
    ['a number of 65 bits', [8, ...new Array<number>(9).fill(0xff), 2]],
    ['a field of number 0', [...id, 0, 1]],
    ['the end of a group that never began', [...id, 0x0c]],
    [
      'a text that reaches behind its message',
      [0x6a, 3, 10, 9, 0x78, ...new Array<number>(8).fill(32)],
    ],
    ['a skipped field that is damaged', [...id, 0x21, 1, 2]],
  ])('%s is a data error', (_what, bytes) => {
    const columns = columnsOf(['id', 'line']);
    const definition = { language: 'protobuf', text: PROTO3, references: [] } as const;
    const decoder = createProtobufDecoder(columns, {
      definition,
      message: 'shop.Order',
      readDefaults: false,
    });
    const [good, bad] = decodeMessages(decoder, columns, [
      Uint8Array.from(id),
      Uint8Array.from(bytes),
    ]);
    expect(good?.values?.[0]).toBe(5n);
    expect(bad?.failure?.key).toBe('DECODE');
  });
});
