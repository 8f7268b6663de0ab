/** Rows as text: JSON lines, CSV, Markdown, and the numbers in them. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { Batch } from '../../src/columnar/batch.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  decimalType,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import { ByteBuffer } from '../../src/formats/columns/byte-buffer.js';
import { createDecoder } from '../../src/formats/decoder-registry.js';
import { createRowEncoder } from '../../src/formats/encoder-choice.js';
import type { EncoderOptions, OutputFormat } from '../../src/formats/encoder.js';
import { createJsonDecoder } from '../../src/formats/json/json.js';
import { appendDecimal, appendDouble } from '../../src/formats/columns/number-output.js';
import type { SchemaColumn } from '../../src/plan/schema.js';
import { anyText, decodeMessages, decodeText } from './decode-support.js';

const column = (name: string, type: SqlType): SchemaColumn => ({ name, type });

function batchOf(schema: readonly SchemaColumn[], records: readonly string[]): Batch {
  const decoder = createJsonDecoder(schema);
  const rows = decodeMessages(decoder, schema, records);
  rows.forEach(({ failure }) => expect(failure).toBeNull());
  const batch = newBatch([...decoder.columns] as Column[], emptyHeader('test'));
  batch.rowCount = records.length;
  batch.selectedCount = records.length;
  return batch;
}

function encode(
  format: OutputFormat,
  schema: readonly SchemaColumn[],
  batch: Batch,
  options: EncoderOptions = { changelog: false },
): string {
  const encoder = createRowEncoder(format, schema, options);
  const out = new ByteBuffer(1);
  encoder.begin(out);
  encoder.encode(batch, out);
  encoder.finish(out);
  return new TextDecoder('utf-8', { fatal: true }).decode(out.copy());
}

const EVERY_TYPE = [
  column('i', BIGINT),
  column('d', DOUBLE),
  column('m', decimalType(10, 2)),
  column('s', VARCHAR),
  column('b', BOOLEAN),
  column('t', TIMESTAMP),
  column('y', DATE),
  column('a', { kind: 'array', element: BIGINT }),
  column('o', { kind: 'map', key: VARCHAR, value: decimalType(5, 1) }),
  column('r', {
    kind: 'row',
    fields: [
      { name: 'x', type: DOUBLE },
      { name: 'y', type: DATE },
    ],
  }),
];
const FULL =
  '{"i":-12,"d":1e-7,"m":19.9,"s":"a\\"b","b":true,"t":1705320000123,"y":"2024-01-15",' +
  '"a":[1,null,9007199254740993],"o":{"k\\n":1.25},"r":{"x":0.5,"y":"1970-01-01"}}';

describe('JSON lines', () => {
  test('every type, and NULL', () => {
    expect(encode('jsonl', EVERY_TYPE, batchOf(EVERY_TYPE, [FULL, '{}']))).toBe(
      '{"i":-12,"d":1e-7,"m":19.90,"s":"a\\"b","b":true,"t":1705320000123,"y":"2024-01-15",' +
        '"a":[1,null,9007199254740993],"o":{"k\\n":1.3},"r":{"x":0.5,"y":"1970-01-01"}}\n' +
        '{"i":null,"d":null,"m":null,"s":null,"b":null,"t":null,"y":null,"a":null,"o":null,"r":null}\n',
    );
  });

  test('what is written reads back as the same values', () => {
    const batch = batchOf(EVERY_TYPE, [FULL, '{}']);
    const text = encode('jsonl', EVERY_TYPE, batch);
    expect(encode('jsonl', EVERY_TYPE, batchOf(EVERY_TYPE, text.trim().split('\n')))).toBe(text);
  });

  test('wide numbers keep every digit', () => {
    const schema = [column('i', BIGINT), column('m', decimalType(38, 6))];
    const records = [
      '{"i":9223372036854775807,"m":12345678901234567890123456789012.123456}',
      '{"i":-9223372036854775808,"m":-0.000001}',
      '{"i":0,"m":9007199254.740993}',
    ];
    expect(encode('jsonl', schema, batchOf(schema, records))).toBe(`${records.join('\n')}\n`);
  });

  test('texts are escaped as JSON.stringify does, from dictionaries and from views', () => {
    const schema = [column('s', VARCHAR)];
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 20 }), (texts) => {
        const decoder = createDecoder('raw', schema);
        decodeMessages(decoder, schema, texts);
        const batch = newBatch([...decoder.columns] as Column[], emptyHeader('test'));
        batch.rowCount = texts.length;
        batch.selectedCount = texts.length;
        const wellFormed = texts.map((text) => Buffer.from(text).toString());
        const expected = wellFormed.map((text) => `{"s":${JSON.stringify(text)}}\n`).join('');
        expect(encode('jsonl', schema, batch)).toBe(expected);
        const bytes = Buffer.from(wellFormed.join(''));
        let at = 0;
        const lengths = Int32Array.from(wellFormed, (text) => Buffer.byteLength(text));
        const offsets = lengths.map((length) => (at += length) - length);
        batch.columns = [{ kind: 'utf8', bytes, offsets, lengths, nulls: null }];
        expect(encode('jsonl', schema, batch)).toBe(expected);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  test('only selected rows are written, −U and −D only with a changelog', () => {
    const schema = [column('i', BIGINT)];
    const batch = batchOf(schema, ['{"i":0}', '{"i":1}', '{"i":2}', '{"i":3}', '{"i":4}']);
    batch.selection = Int32Array.of(1, 2, 3, 4);
    batch.selectedCount = 4;
    batch.ops = Uint8Array.of(0, 0, 1, 2, 3);
    expect(encode('jsonl', schema, batch)).toBe('{"i":1}\n{"i":3}\n');
    expect(encode('jsonl', schema, batch, { changelog: true })).toBe(
      '{"op":"+I","i":1}\n{"op":"-U","i":2}\n{"op":"+U","i":3}\n{"op":"-D","i":4}\n',
    );
  });

  test('encodeRow writes one row without a line feed', () => {
    const schema = [column('i', BIGINT)];
    const batch = batchOf(schema, ['{"i":0}', '{"i":1}']);
    const encoder = createRowEncoder('json', schema, { changelog: false });
    const out = new ByteBuffer();
    encoder.bind(batch);
    expect(encoder.encodeRow(1, out)).toBe(true);
    expect(new TextDecoder().decode(out.view())).toBe('{"i":1}');
    batch.ops = Uint8Array.of(0, 3);
    encoder.bind(batch);
    expect(encoder.encodeRow(1, out)).toBe(false);
  });

  test('a dictionary that grows and one that is replaced', () => {
    const schema = [column('s', VARCHAR)];
    const encoder = createRowEncoder('json', schema, { changelog: false });
    const out = new ByteBuffer();
    for (const texts of [
      ['a', 'b'],
      ['c', 'a'],
    ]) {
      const records = texts.map((s) => JSON.stringify({ s }));
      encoder.encode(batchOf(schema, records), out);
    }
    expect(new TextDecoder().decode(out.view())).toBe(
      '{"s":"a"}\n{"s":"b"}\n{"s":"c"}\n{"s":"a"}\n',
    );
  });
});

describe('CSV and Markdown', () => {
  const schema = [
    column('i', BIGINT),
    column('s', VARCHAR),
    column('t', TIMESTAMP),
    column('y', DATE),
    column('a', { kind: 'array', element: BIGINT }),
  ];
  const records = [
    '{"i":1,"s":"a,b","t":1705320000123,"y":"2024-01-15","a":[1,2]}',
    '{"s":"x|y\\\\z\\nq"}',
    '{"s":""}',
  ];

  test('CSV quotes what needs quotes, times are text', () => {
    expect(encode('csv', schema, batchOf(schema, records))).toBe(
      'i,s,t,y,a\n1,"a,b",2024-01-15 12:00:00.123,2024-01-15,"[1,2]"\n,"x|y\\z\nq",,,\n,"",,,\n',
    );
  });

  test('CSV with a literal for NULL, which as a text is quoted', () => {
    const columns = [column('s', VARCHAR), column('i', BIGINT)];
    const rows = ['{"s":null,"i":null}', '{"s":"NA","i":1}', '{"s":"\\\\N","i":2}', '{"s":""}'];
    const written = (nullLiteral: string | null): string =>
      encode('csv', columns, batchOf(columns, rows), { changelog: false, nullLiteral });
    expect(written('NA')).toBe('s,i\nNA,NA\n"NA",1\n\\N,2\n"",NA\n');
    expect(written(null)).toBe('s,i\n,\nNA,1\n"\\N",2\n"",\n');
  });

  test('CSV with a changelog, another delimiter and without a header', () => {
    const options = { changelog: true, delimiter: ';', header: false };
    expect(encode('csv', schema, batchOf(schema, records.slice(0, 1)), options)).toBe(
      '+I;1;a,b;2024-01-15 12:00:00.123;2024-01-15;[1,2]\n',
    );
  });

  test('CSV of any values reads back', () => {
    const flat = [
      column('i', BIGINT),
      column('d', DOUBLE),
      column('s', VARCHAR),
      column('b', BOOLEAN),
    ];
    const record = fc.record({
      i: fc.option(fc.integer()),
      d: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
      s: fc.option(fc.string()),
      b: fc.option(fc.boolean()),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), (values) => {
        const inputs = values.map((each) => JSON.stringify(each));
        const csv = encode('csv', flat, batchOf(flat, inputs));
        const lines = csv.slice(csv.indexOf('\n') + 1);
        const back = decodeText(createDecoder('csv', flat), flat, lines).rows;
        expect(back.map((row) => row.values)).toEqual(
          decodeMessages(createJsonDecoder(flat), flat, inputs).map((row) => row.values),
        );
      }),
      { seed: 5, numRuns: 60 },
    );
  });

  test('Markdown escapes bars and line ends, numbers stand right', () => {
    expect(encode('markdown', schema, batchOf(schema, records))).toBe(
      '| i | s | t | y | a |\n| ---: | --- | --- | --- | --- |\n' +
        '| 1 | a,b | 2024-01-15 12:00:00.123 | 2024-01-15 | [1,2] |\n' +
        '|  | x\\|y\\\\z<br>q |  |  |  |\n|  |  |  |  |  |\n',
    );
  });
});

describe('numbers', () => {
  const written = (write: (out: ByteBuffer) => void): string => {
    const out = new ByteBuffer(1);
    write(out);
    return new TextDecoder().decode(out.view());
  };

  test('doubles are written as JSON.stringify writes them', () => {
    const special = [
      0, -0, 1e21, -1e21, 1e-7, 5e-324, 0.1, 0.30000000000000004, 1e15, 1e16, 123456.789,
    ];
    for (const value of [...special, 999999999999999, 1e-6, 0.000001234, 179769313486231570000]) {
      expect(written((out) => appendDouble(out, value))).toBe(JSON.stringify(value));
    }
    const doubles = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.tuple(fc.maxSafeInteger(), fc.nat(12)).map(([whole, digits]) => whole / 10 ** digits),
      fc.tuple(fc.integer(), fc.nat(7)).map(([whole, digits]) => whole / 10 ** digits),
    );
    fc.assert(
      fc.property(doubles, (value) => {
        expect(written((out) => appendDouble(out, value))).toBe(JSON.stringify(value));
      }),
      { seed: 13, numRuns: 2000 },
    );
  });

  test('safe integers are written digit by digit', () => {
    for (const value of [0, 9, 10, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(written((out) => out.appendInteger(value))).toBe(String(value));
    }
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(written((out) => out.appendInteger(value))).toBe(String(value));
      }),
      { seed: 17, numRuns: 1000 },
    );
  });

  test('decimals have exactly their scale', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 30 }), (value, scale) => {
        const digits = String(Math.abs(value)).padStart(scale + 1, '0');
        const point = digits.length - scale;
        const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
        const sign = value < 0 ? '-' : '';
        expect(written((out) => appendDecimal(out, value, scale))).toBe(sign + text);
      }),
      { seed: 19, numRuns: 1000 },
    );
  });
});
