/** The columns that the JSON decoder fills: kinds, widening, NULL masks, dictionaries, layouts. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { columnValue } from '../../src/columnar/column.js';
import type { DictColumn, Utf8Column } from '../../src/columnar/column.js';
import { hashBytes } from '../../src/columnar/hash.js';
import { BIGINT, decimalType, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import { createJsonDecoder } from '../../src/formats/json/json.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';
import { decodeMessages, decodeText, readRow } from './decode-support.js';

const column = (name: string, type: SqlType): DecoderColumn => ({ name, type });
const record = (value: unknown): string => `{"v":${String(value)}}`;

describe('widening', () => {
  test('BIGINT becomes i64 in the middle of a batch and stays so for the job', () => {
    const columns = [column('v', BIGINT)];
    const decoder = createJsonDecoder(columns);
    const values = [...Array(60).keys()].map((i) => BigInt(i * 1000 - 5000));
    const beyond = [9007199254740993n, -5n, 0n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n];
    const all = [...values, ...beyond, ...values];
    const rows = decodeMessages(decoder, columns, all.map(record));
    expect(rows.map((row) => row.values![0])).toEqual(all);
    expect(decoder.columns[0]!.kind).toBe('i64');
    expect(decodeMessages(decoder, columns, [record(7)])[0]!.values).toEqual([7n]);
    expect(decoder.columns[0]!.kind).toBe('i64');
  });

  test('safe integers stay f64', () => {
    const columns = [column('v', BIGINT)];
    const decoder = createJsonDecoder(columns);
    decodeMessages(decoder, columns, [record(Number.MAX_SAFE_INTEGER), record(-(2 ** 53) + 1)]);
    expect(decoder.columns[0]!.kind).toBe('f64');
  });

  test('every 64-bit value survives both kinds', () => {
    const columns = [column('v', BIGINT)];
    fc.assert(
      fc.property(fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { minLength: 1 }), (all) => {
        const rows = decodeMessages(createJsonDecoder(columns), columns, all.map(record));
        expect(rows.map((row) => row.values![0])).toEqual(all);
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  test('DECIMAL goes from f64 over i64 to i128', () => {
    const columns = [column('v', decimalType(38, 2))];
    const decoder = createJsonDecoder(columns);
    const steps: [string, bigint, string][] = [
      ['1.25', 125n, 'f64'],
      ['90071992547409.93', 9007199254740993n, 'i64'],
      ['-0.01', -1n, 'i64'],
      ['99999999999999999999.99', 9999999999999999999999n, 'i128'],
      ['-99999999999999999999.99', -9999999999999999999999n, 'i128'],
      ['-1', -100n, 'i128'],
    ];
    const seen: string[] = [];
    decoder.begin();
    steps.forEach(([text], row) => {
      const bytes = new TextEncoder().encode(`${record(text)}\n`);
      expect(decoder.decode(bytes, 0, bytes.length - 1, row)).toBe(0);
      seen.push(decoder.columns[0]!.kind);
    });
    expect(seen).toEqual(steps.map(([, , kind]) => kind));
    steps.forEach(([, value], row) => expect(readRow(decoder, columns, row)).toEqual([value]));
  });

  test('a value that widens a column behind a failing one does not split the rows', () => {
    const columns = [column('a', BIGINT), column('v', BIGINT)];
    const decoder = createJsonDecoder(columns);
    const usual = Array.from({ length: 40 }, (_, i) => `{"v":${i},"a":1}`);
    const failing = '{"v":9007199254740993,"a":"x"}';
    const records = [...usual, failing, ...usual, '{"v":9007199254740995,"a":1}'];
    const rows = decodeMessages(decoder, columns, records);
    rows.forEach(({ values }, row) => {
      if (row === 40) expect(values).toBeNull();
      else if (row === 81) expect(values).toEqual([1n, 9007199254740995n]);
      else expect(values).toEqual([1n, BigInt(row < 40 ? row : row - 41)]);
    });
  });
});

describe('NULL masks', () => {
  test('there is none until a row is NULL, and none again in the next batch', () => {
    const columns = [column('v', DOUBLE), column('s', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    decodeMessages(decoder, columns, ['{"v":1,"s":"a"}']);
    expect(decoder.columns.map(({ nulls }) => nulls)).toEqual([null, null]);
    decodeMessages(decoder, columns, ['{"v":null,"s":"a"}', '{"v":1}']);
    expect(decoder.columns.map(({ nulls }) => [...nulls!.subarray(0, 2)])).toEqual([
      [1, 0],
      [0, 1],
    ]);
    decodeMessages(decoder, columns, ['{"v":1,"s":"a"}', '{"v":1,"s":"b"}']);
    expect(decoder.columns.map(({ nulls }) => nulls)).toEqual([null, null]);
  });

  test('rows that are NULL or refused hold a valid dictionary code', () => {
    const columns = [column('v', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    for (const records of [
      ['{"v":', '{}'],
      ['{"v":"a"}', '{"v":"b"}'],
      ['{"v":', '{}', '{"v":"a"}', '{"v":null}'],
    ]) {
      decodeMessages(decoder, columns, records);
      const { codes, dictionary } = decoder.columns[0] as DictColumn;
      records.forEach((_, row) => expect(codes[row]).toBeLessThan(dictionary.size));
    }
  });
});

describe('texts', () => {
  test('are interned with the hash of their bytes, however they were spelled', () => {
    const columns = [column('v', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    const spellings = ['"café"', '"caf\\u00e9"', '"abc"', '"ab\\u0063"', '""'];
    const warm = new Array<string>(40).fill('"abc"');
    decodeMessages(decoder, columns, [...warm, ...spellings].map(record));
    const { codes, dictionary } = decoder.columns[0] as DictColumn;
    expect(codes[40]).toBe(codes[41]);
    expect(codes[42]).toBe(codes[43]);
    for (let code = 0; code < dictionary.size; code += 1) {
      const { bytes, offsets, lengths, hashes } = dictionary;
      expect(hashes[code]).toBe(hashBytes(bytes, offsets[code]!, lengths[code]!));
    }
  });

  test('become utf8 views when the dictionary is full, earlier rows of the batch included', () => {
    const columns = [column('v', VARCHAR), column('w', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    const count = 70_000;
    const lines = Array.from({ length: count }, (_, i) => `{"v":"text-${i}","w":"w"}\n`).join('');
    const { rows } = decodeText(decoder, columns, lines);
    expect(rows).toHaveLength(count);
    rows.forEach(({ values }, row) => {
      if (values![0] !== `text-${row}` || values![1] !== 'w') expect.fail(`row ${row}: ${values}`);
    });
    expect(decoder.columns.map(({ kind }) => kind)).toEqual(['utf8', 'dict']);
    const again = decodeMessages(decoder, columns, ['{"v":"\\u00e9x","w":"w"}', '{"w":"w"}']);
    expect(again.map(({ values }) => values![0])).toEqual(['éx', null]);
    expect((decoder.columns[0] as Utf8Column).lengths[1]).toBe(0);
  });
});

describe('layouts', () => {
  test('more columns than a word has bits, in changing order and partly missing', () => {
    const columns = Array.from({ length: 100 }, (_, i) =>
      column(`column_${i}`, i % 3 === 0 ? BIGINT : i % 3 === 1 ? VARCHAR : DOUBLE),
    );
    const decoder = createJsonDecoder(columns);
    const documents = Array.from({ length: 200 }, (_, row) => {
      const names = columns.map(({ name }) => name);
      const order = row % 5 === 0 ? names.reverse() : names;
      const kept = order.filter((_, i) => (i * 7 + row) % 11 !== 0);
      return Object.fromEntries(kept.map((name) => [name, Number(name.slice(7)) + row]));
    });
    const rows = decodeMessages(
      decoder,
      columns,
      documents.map((document) => JSON.stringify(document)),
    );
    documents.forEach((document, row) => {
      const expected = columns.map(({ name, type }) => {
        const value = document[name];
        if (value === undefined) return null;
        return type === BIGINT ? BigInt(value) : type === VARCHAR ? String(value) : value;
      });
      expect(rows[row]!.values).toEqual(expected);
    });
  });

  test('records with hundreds of keys that nobody needs', () => {
    const columns = [column('key_250', BIGINT), column('late', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    const wide = (row: number): string => {
      const keys = Array.from({ length: 300 }, (_, i) => `"key_${i}":${i + row}`);
      return `{${keys.join(',')},"late":"${row}"}`;
    };
    const rows = decodeMessages(
      decoder,
      columns,
      Array.from({ length: 100 }, (_, i) => wide(i)),
    );
    rows.forEach(({ values }, row) => expect(values).toEqual([BigInt(250 + row), String(row)]));
  });

  test('the kernel is made anew when most records have another layout than the first', () => {
    const columns = [column('a', BIGINT), column('b', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    const first = new Array<string>(50).fill('{"a":1,"b":"x"}');
    const later = Array.from({ length: 3000 }, (_, i) => `{"n":null,"b":"y${i % 9}","a":${i}}`);
    decodeMessages(decoder, columns, first);
    for (let at = 0; at < later.length; at += 500) {
      const rows = decodeMessages(decoder, columns, later.slice(at, at + 500));
      rows.forEach(({ values }, row) => {
        expect(values).toEqual([BigInt(at + row), `y${(at + row) % 9}`]);
      });
    }
  });

  test('column objects and arrays are reused from batch to batch', () => {
    const columns = [column('a', BIGINT), column('b', VARCHAR)];
    const decoder = createJsonDecoder(columns);
    const records = new Array<string>(100).fill('{"a":1,"b":"x"}');
    decodeMessages(decoder, columns, records);
    const before = [...decoder.columns];
    decodeMessages(decoder, columns, records);
    decoder.columns.forEach((each, index) => expect(each).toBe(before[index]));
    expect(columnValue(decoder.columns[0]!, BIGINT, 99)).toBe(1n);
  });
});
