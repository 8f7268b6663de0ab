/**
 * Records whose bytes were changed, through every decoder: each gives the values that a plain
 * decoder gives (plain-decoders.ts) or a data error, and what stands around it in the buffer, or was
 * decoded before it, makes no difference. Lines of JSON, CSV and raw give the same in batches of any
 * size. An input is a new decoder and the mutants that it sees; a run is one of them in one
 * surrounding, or a text of lines in one batch size.
 */
import avsc from 'avsc';
import { inspect, isDeepStrictEqual } from 'node:util';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  decimalType,
  DOUBLE,
  isSqlMap,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { createAvroDecoder } from '../../src/formats/avro/avro.js';
import { DECODED } from '../../src/formats/decoder.js';
import type { DecoderColumn, RecordDecoder } from '../../src/formats/decoder.js';
import { createJsonDecoder } from '../../src/formats/json/json.js';
import { createProtobufDecoder } from '../../src/formats/protobuf/protobuf.js';
import type { CsvDialect } from '../../src/formats/text/csv-dialect.js';
import { PLAIN_CSV } from '../../src/formats/text/csv-dialect.js';
import { createCsvDecoder } from '../../src/formats/text/csv.js';
import { createRawDecoder } from '../../src/formats/text/raw.js';
import { decodeText, readRow } from '../formats/decode-support.js';
import {
  ANY,
  plainAvro,
  plainCsv,
  plainJson,
  plainProtobuf,
  Refused,
  utf8,
} from '../formats/plain-decoders.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

/** Mutants of one decoder. */
const MUTANTS = 50;

const LIST: SqlType = { kind: 'array', element: BIGINT };
const MAP: SqlType = { kind: 'map', key: VARCHAR, value: BIGINT };
const ROW: SqlType = {
  kind: 'row',
  fields: [
    { name: 'p', type: BIGINT },
    { name: 'q', type: VARCHAR },
  ],
};

interface Format {
  readonly columns: readonly DecoderColumn[];
  readonly newDecoder: (columns: readonly DecoderColumn[]) => RecordDecoder;
  readonly records: readonly Uint8Array[];
  readonly plain: (bytes: Uint8Array, columns: readonly DecoderColumn[]) => SqlValue[];
  /** Bytes that mean something in the format. */
  readonly signs: readonly number[];
}

const columnsOf = (types: Readonly<Record<string, SqlType>>): DecoderColumn[] =>
  Object.entries(types).map(([name, type]) => ({ name, type }));
const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const SCALARS = {
  id: BIGINT,
  x: DOUBLE,
  s: VARCHAR,
  b: BOOLEAN,
  d: decimalType(10, 2),
  t: TIMESTAMP,
  day: DATE,
};

const json: Format = {
  columns: columnsOf({ ...SCALARS, l: LIST, m: MAP, r: ROW }),
  newDecoder: createJsonDecoder,
  plain: plainJson,
  signs: [...textBytes('{}[]":,\\u0eE+-.tfn \n123')],
  records: [
    '{"id":1,"x":1.5,"s":"abc","b":true,"d":12.345,"t":"2024-01-02T03:04:05.678Z","day":"2024-01-02","l":[1,2],"m":{"a":1,"__proto__":2},"r":{"p":3,"q":"z"}}',
    '{"id":9223372036854775807,"x":1e-3,"s":"gr\\u00fc\\u00df\\n","b":false,"d":"7","t":1704164645678,"day":null,"l":[],"m":{},"r":null}',
    '{"x":12345678901234567890.5,"id":"12","s":null,"b":"true","d":-0.005,"t":"2024","toString":1,"l":[null,-5]}',
  ].map(textBytes),
};

const csv: Format = {
  columns: columnsOf(SCALARS),
  newDecoder: (columns) =>
    createCsvDecoder(columns, { dialect: PLAIN_CSV, fields: columns.map(({ name }) => name) }),
  plain: plainCsv,
  signs: [...textBytes('",\r 1eE.-')],
  records: [
    '1,1.5,abc,true,12.345,2024-01-02 03:04:05,2024-01-02',
    '-7,1e3,"a ""b"", c",FALSE,,1704164645678,',
    ',,"",,0.005,2024-01-02,2024-02-29',
  ].map(textBytes),
};

const AVRO = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'x', type: 'double' },
    { name: 's', type: ['null', 'string'] },
    { name: 'b', type: 'boolean' },
    { name: 'i', type: 'int' },
    { name: 'e', type: { type: 'enum', name: 'E', symbols: ['constructor', 'B', 'C'] } },
    { name: 'd', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 3 } },
    { name: 'l', type: { type: 'array', items: 'long' } },
    { name: 'm', type: { type: 'map', values: 'long' } },
    {
      name: 'r',
      type: {
        type: 'record',
        name: 'I',
        fields: [
          { name: 'p', type: 'long' },
          { name: 'q', type: 'string' },
        ],
      },
    },
  ],
};

function avroRecords(): Uint8Array[] {
  const text = JSON.stringify(AVRO).replace('"constructor"', '"A"');
  const type = avsc.Type.forSchema(JSON.parse(text) as avsc.Schema);
  const base = {
    b: true,
    i: -3,
    e: 'A',
    d: Buffer.from([1, 2]),
    l: [1, 2 ** 40],
    r: { p: 5, q: 'z' },
  };
  return [
    { ...base, id: 1, x: 1.5, s: 'abc', m: { a: 1, b: -2 } },
    { ...base, id: -(2 ** 50), x: -0.25, s: null, m: {}, l: [], e: 'C', d: Buffer.from([0xff]) },
  ].map((record) => Uint8Array.from(type.toBuffer(record)));
}

const avro: Format = {
  columns: columnsOf({
    id: BIGINT,
    x: DOUBLE,
    s: VARCHAR,
    b: BOOLEAN,
    i: BIGINT,
    e: VARCHAR,
    d: decimalType(10, 2),
    l: LIST,
    m: MAP,
    r: ROW,
  }),
  newDecoder: (columns) =>
    createAvroDecoder(columns, { language: 'avro', text: JSON.stringify(AVRO), references: [] }),
  plain: plainAvro,
  signs: [0, 1, 2, 4, 0x7f, 0x80, 0xff],
  records: avroRecords(),
};

const PROTO = `syntax = "proto3"; message M { message I { int64 p = 1; string q = 2; }
  int64 id = 1; double x = 2; string s = 3; bool b = 4; int32 i = 5;
  repeated int64 l = 8; map<string, int32> m = 9; I r = 10; }`;

const protobuf: Format = {
  columns: columnsOf({
    id: BIGINT,
    x: DOUBLE,
    s: VARCHAR,
    b: BOOLEAN,
    i: BIGINT,
    l: LIST,
    m: MAP,
    r: ROW,
  }),
  newDecoder: (columns) =>
    createProtobufDecoder(columns, {
      definition: { language: 'protobuf', text: PROTO, references: [] },
      message: null,
      readDefaults: false,
    }),
  plain: plainProtobuf,
  signs: [0, 1, 8, 10, 0x12, 0x42, 0x7f, 0x80, 0xff],
  records: [
    [8, 1, 17, 0, 0, 0, 0, 0, 0, 248, 63, 26, 3, 97, 98, 99, 32, 1, 40, 7, 66, 3, 1, 200, 1],
    [74, 5, 10, 1, 97, 16, 4, 74, 5, 10, 1, 98, 16, 5, 82, 5, 8, 3, 18, 1, 122, 64, 9],
    [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 123, 8, 1, 124, 26, 0],
  ].map((bytes) => Uint8Array.from(bytes)),
};

const OTHER_CSV: CsvDialect = {
  ...PLAIN_CSV,
  delimiter: ';',
  quote: "'",
  escape: '\\',
  nullLiteral: '\\N',
  missing: ['NA'],
  decimal: ',',
  ragged: 'fit',
};

const otherCsv: Format = {
  columns: columnsOf(SCALARS),
  newDecoder: (columns) =>
    createCsvDecoder(columns, { dialect: OTHER_CSV, fields: columns.map(({ name }) => name) }),
  plain: (bytes, columns) => plainCsv(bytes, columns, OTHER_CSV),
  signs: [...textBytes("';\\\r 1eE,.-NA")],
  records: [
    '1;1,5;abc;true;12,345;2024-01-02 03:04:05;2024-01-02',
    "-7;1e3;'a ''b''; \\'c\\\\';FALSE;NA;1704164645678;;8;9",
    ";NA;'';\\N;0,005",
  ].map(textBytes),
};

/** Every text without a fault in its UTF-8 is a record. */
const raw: Format = {
  columns: columnsOf({ line: VARCHAR }),
  newDecoder: createRawDecoder,
  plain: (bytes) => [utf8(bytes)],
  signs: [0, 0x22, 0x7f, 0x80, 0xc2, 0xe2, 0xf0, 0xef, 0xbb, 0xbf, 0xff],
  records: ['abc', 'gr\u00fc\u00df \u{1f600}', '\ufeff'].map(textBytes),
};

function mutated(bytes: Uint8Array, format: Format, random: Random): Uint8Array {
  let result = [...bytes];
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const at = random.below(result.length + 1);
    const byte = random.chance(60) ? random.pick(format.signs) : random.below(256);
    const kind = random.below(5);
    if (kind === 0) result[Math.max(0, Math.min(at, result.length - 1))] = byte;
    else if (kind === 1) result.splice(at, 0, byte);
    else if (kind === 2) result.splice(at, 1 + random.below(2));
    else if (kind === 3) result = result.slice(0, at);
    else result.splice(at, 0, ...result.slice(at, at + 1 + random.below(8)));
  }
  return Uint8Array.from(result);
}

type Outcome = { readonly values: readonly SqlValue[] } | { readonly refused: string };

/** Decodes a record between other bytes, behind a good one. */
function decoded(
  decoder: RecordDecoder,
  format: Format,
  bytes: Uint8Array,
  around: readonly number[],
): Outcome {
  const before = format.records[around.length % format.records.length] ?? bytes;
  const block = new Uint8Array(before.length + bytes.length + 2 * around.length);
  block.set(before);
  block.set(around, before.length);
  const start = before.length + around.length;
  block.set(bytes, start);
  block.set(around, start + bytes.length);
  decoder.begin();
  if (decoder.decode(block, 0, before.length, 0) !== DECODED) throw new Error('a good record');
  const code = decoder.decode(block, start, start + bytes.length, 1);
  if (code === DECODED) return { values: readRow(decoder, format.columns, 1) };
  const { key, message } = decoder.failure();
  if (key !== 'DECODE' && key !== 'CONVERT') throw new Error(`${key} is no data error`);
  return { refused: `${key} ${message}` };
}

/** What may stand around a record: none of it may be taken for a part of it. */
const SURROUNDINGS: readonly (readonly number[])[] = [
  [0x22],
  [...textBytes('-01-02T03:04:05"}]1e5,')],
  new Array<number>(24).fill(0x80),
  new Array<number>(17).fill(0),
  new Array<number>(9).fill(0xff),
];

function mutants(format: Format, input: FuzzInput): void {
  // One decoder sees them all: what one record leaves behind must not show in another.
  const decoder = format.newDecoder(format.columns);
  for (let mutant = 0; mutant < MUTANTS; mutant += 1) {
    const source = input.random.pick(format.records);
    // The first is as it was: a decoder that refuses everything is none.
    const bytes = mutant === 0 ? source : mutated(source, format, input.random);
    input.shows(`${Buffer.from(bytes).toString('latin1')} ${bytes.join()}`);
    const outcomes = SURROUNDINGS.map((around) => decoded(decoder, format, bytes, around));
    const [outcome] = outcomes;
    if (outcome === undefined) throw new Error('no surroundings');
    const other = outcomes.find((each) => !isDeepStrictEqual(each, outcome));
    if (other !== undefined) throw new Error(`${inspect(outcome)}, elsewhere ${inspect(other)}`);
    input.counts(outcomeWord(outcome), outcomes.length);
    if ('refused' in outcome) {
      if (mutant === 0) throw new Error(`a good record is refused: ${outcome.refused}`);
      continue;
    }
    const plain = plainOf(format, bytes);
    const values = outcome.values.map((value, at) => (plain[at] === ANY ? ANY : value));
    if (!isDeepStrictEqual(inOrder(values), inOrder(plain))) {
      throw new Error(`${inspect(values)}, by the letter ${inspect(plain)}`);
    }
  }
}

/** Entries of maps by key: no format gives their order a meaning. */
function inOrder(values: SqlValue[] | string): unknown {
  if (typeof values === 'string') return values;
  return values.map((value) => {
    if (!isSqlMap(value)) return value;
    return value.keys.map((key, at) => [String(key), value.values[at]]).sort();
  });
}

function outcomeWord(outcome: Outcome): string {
  if (!('refused' in outcome)) return 'the values that it spells';
  return outcome.refused.startsWith('DECODE') ? 'VELO_DECODE' : 'VELO_CONVERT';
}

function plainOf(format: Format, bytes: Uint8Array): SqlValue[] | string {
  try {
    return format.plain(bytes, format.columns);
  } catch (error) {
    if (error instanceof Refused) return `refused: ${error.message}`;
    throw error;
  }
}

const LINE_FEED = textBytes('\n');
const ROWS_MAX = [4096, 7, 1];

/** Mutated records as lines, in batches of each size: the same rows. */
function lines(format: Format, input: FuzzInput): void {
  const { random } = input;
  const parts = Array.from({ length: 1 + random.below(9) }, () => {
    const source = random.pick(format.records);
    return [random.chance(40) ? source : mutated(source, format, random), LINE_FEED];
  });
  const text = Uint8Array.from(parts.flat().flatMap((part) => [...part]));
  input.shows(Buffer.from(text).toString('latin1'));
  const decoder = format.newDecoder(format.columns);
  const reads = ROWS_MAX.map((rowsMax) =>
    decodeText(decoder, format.columns, text.slice(), rowsMax),
  );
  const [first] = reads;
  const other = reads.find((each) => !isDeepStrictEqual(each, first));
  if (other !== undefined) throw new Error(`${inspect(first)}, in other batches ${inspect(other)}`);
  input.counts('the same rows', reads.length);
}

const FORMATS = {
  JSON: json,
  CSV: csv,
  'other CSV': otherCsv,
  Avro: avro,
  Protobuf: protobuf,
  raw,
} as const;
for (const [name, format] of Object.entries(FORMATS)) {
  fuzz({
    file: 'decoders',
    name: `mutated records of ${name} have the values that they spell, or are data errors`,
    sample: 30,
    run: (input) => {
      mutants(format, input);
    },
  });
}
for (const [name, format] of Object.entries({ JSON: json, CSV: csv, 'other CSV': otherCsv, raw })) {
  fuzz({
    file: 'decoders',
    name: `mutated lines of ${name} are the same rows in batches of any size`,
    sample: 150,
    run: (input) => {
      lines(format, input);
    },
  });
}
