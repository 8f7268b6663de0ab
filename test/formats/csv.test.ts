/** CSV and raw records: fields, NULL, quotes, what is refused. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
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
import { PLAIN_CSV } from '../../src/formats/text/csv-dialect.js';
import { createDecoder } from '../../src/formats/decoder-registry.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';
import { decodeMessages, decodeText, newLineBlock, readRow } from './decode-support.js';

const column = (name: string, type: SqlType): DecoderColumn => ({ name, type });
const ab = [column('a', VARCHAR), column('b', VARCHAR)];

/** Rows of a text with two VARCHAR fields; a failure gives its message. */
function texts(text: string, delimiter = ','): unknown[] {
  const decoder = createDecoder('csv', ab, { csv: { ...PLAIN_CSV, delimiter } });
  return decodeText(decoder, ab, text).rows.map(
    ({ values, failure }) => values ?? failure!.message,
  );
}

describe('fields', () => {
  test('plain, quoted, doubled quotes, delimiters and line feeds in quotes', () => {
    expect(texts('a,b\n"a","b"\n"a,b","c""d"\r\n"x\ny",\r\n')).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a,b', 'c"d'],
      ['x\ny', null],
    ]);
  });

  test('an empty field is NULL, a quoted one the empty text', () => {
    expect(texts(',""\n"",\n')).toEqual([
      [null, ''],
      ['', null],
    ]);
    const columns = [column('a', BIGINT), column('b', VARCHAR)];
    const decoder = createDecoder('csv', columns);
    expect(decodeText(decoder, columns, '"",x\n,y\n').rows.map(({ values }) => values)).toEqual([
      [null, 'x'],
      [null, 'y'],
    ]);
  });

  test('blanks belong to the field, a quote inside a plain field too', () => {
    expect(texts(' a , b\n5" pipe,x"y"\n')).toEqual([
      [' a ', ' b'],
      ['5" pipe', 'x"y"'],
    ]);
  });

  test('another delimiter', () => {
    expect(texts('a;"b;c"\n', ';')).toEqual([['a', 'b;c']]);
    expect(texts('a\tb,c\n', '\t')).toEqual([['a', 'b,c']]);
  });

  test('blank lines are no records', () => {
    expect(texts('\na,b\n\r\n\nc,d\n')).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  test.each([
    ['a\n', '1 fields instead of 2'],
    ['a,b,c\n', '3 fields instead of 2'],
    ['"a"x,b\n', 'text behind a closing quote in field 1'],
    ['a,"b\n', 'no closing quote'],
  ])('refuses %j', (text, message) => {
    expect(texts(text)).toEqual([expect.stringContaining(message)]);
  });

  test("LF behind the CR that ends a record is the next one's, where lines end in CR", () => {
    const decoder = createDecoder('csv', ab, { lineEnd: 13 });
    const { rows } = decodeText(decoder, ab, 'a,"b"\r\nc,"d"\r');
    expect(rows.map(({ values }) => values)).toEqual([
      ['a', 'b'],
      ['\nc', 'd'],
    ]);
  });

  test('invalid UTF-8 is refused in plain and quoted fields, needed or not', () => {
    for (const [before, after] of [
      ['', ',b\n'],
      ['"', '",b\n'],
    ]) {
      const bytes = Uint8Array.of(...Buffer.from(before!), 0xe9, ...Buffer.from(after!));
      const decoder = createDecoder('csv', [ab[1]!], { fields: ['a', 'b'] });
      const { rows } = decodeText(decoder, [ab[1]!], bytes);
      expect(rows[0]!.failure!.message).toContain('invalid UTF-8 in field 1');
    }
  });

  test('any texts survive quoting', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', '😀', ' ') });
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { minLength: 1 }), (records) => {
        const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
        const text = records.map(([a, b]) => `${quoted(a)},${quoted(b)}\r\n`).join('');
        expect(texts(text)).toEqual(records.map((record) => [...record]));
      }),
      { seed: 11, numRuns: 100 },
    );
  });
});

describe('types', () => {
  test('values convert as texts in JSON do', () => {
    const columns = [
      column('i', BIGINT),
      column('d', DOUBLE),
      column('m', decimalType(10, 2)),
      column('b', BOOLEAN),
      column('t', TIMESTAMP),
      column('y', DATE),
    ];
    const decoder = createDecoder('csv', columns);
    const text =
      '9007199254740993,1e-7,1.005,True,1970-01-01 00:00:01,1970-01-02\n007,.5,2,false,1500,\n';
    expect(decodeText(decoder, columns, text).rows.map(({ values }) => values)).toEqual([
      [9007199254740993n, 1e-7, 101n, true, 1000, 1],
      [7n, 0.5, 200n, false, 1500, null],
    ]);
  });

  test('a value that does not convert names itself and its column', () => {
    const columns = [column('i', BIGINT)];
    const [row] = decodeText(createDecoder('csv', columns), columns, 'x\n').rows;
    expect(row!.failure).toEqual({
      key: 'CONVERT',
      message: 'value "x" does not convert to BIGINT of column "i"',
    });
  });

  test('nested types are refused before the job starts', () => {
    const nested = column('a', { kind: 'array', element: BIGINT });
    expect(() => createDecoder('csv', [nested])).toThrow('nested type');
  });
});

describe('lines and messages', () => {
  test('an unfinished quoted field waits for more lines unless there are none', () => {
    const decoder = createDecoder('csv', ab);
    const bytes = new TextEncoder().encode('a,b\nc,"d\ne"\n');
    const block = newLineBlock();
    block.final = false;
    const cut = bytes.indexOf(10, 4) + 1;
    decoder.begin();
    expect(decoder.decodeLines(bytes, 0, cut, block)).toBe(4);
    expect(block.rowCount).toBe(1);
    expect(decoder.decodeLines(bytes, 4, bytes.length, block)).toBe(bytes.length);
    expect(readRow(decoder, ab, 1)).toEqual(['c', 'd\ne']);
    expect([block.line, block.lineNumbers[1]]).toEqual([4, 2]);
  });

  test.each([
    ['a value that does not convert', 'x,"a\nb"\n'],
    ['text behind a closing quote', '1,"a\nb"c\n'],
    ['a field too many', '1,"a\nb",\n'],
    ['a quote that is closed twice', '1,"a"b\n"\n'],
  ])('lines are counted within a refused record: %s', (_fault, record) => {
    const columns = [column('id', BIGINT), column('note', VARCHAR)];
    const { rows, lines } = decodeText(createDecoder('csv', columns), columns, `${record}2,ok\n`);
    const first = rows.findIndex(({ failure }) => failure !== null);
    expect(first).toBeGreaterThanOrEqual(0);
    expect(rows.at(-1)?.values).toEqual([2n, 'ok']);
    expect([lines[first], lines.at(-1)]).toEqual([1, record.split('\n').length]);
  });

  test('bytes behind the lines at hand are not looked at', () => {
    const decoder = createDecoder('csv', ab);
    const bytes = new TextEncoder().encode('c,"d\n"\n');
    const block = newLineBlock();
    block.final = false;
    decoder.begin();
    expect(decoder.decodeLines(bytes, 0, 5, block)).toBe(0);
    expect(block.rowCount).toBe(0);
  });

  test('a message is one record, with or without a line end', () => {
    const decoder = createDecoder('csv', ab);
    const rows = decodeMessages(decoder, ab, [
      'a,b',
      'c,d\r\n',
      'e,"f\ng"',
      'a,b\nc,d',
      'a,"b',
      '',
    ]);
    expect(rows.map(({ values, failure }) => values ?? failure!.key)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f\ng'],
      'DECODE',
      'DECODE',
      'DECODE',
    ]);
  });
});

describe('raw', () => {
  const line = [column('line', VARCHAR)];

  test('a message is one text, whatever it holds', () => {
    const rows = decodeMessages(createDecoder('raw', line), line, ['{"a":1}\n', '', 'é"\\']);
    expect(rows.map(({ values }) => values![0])).toEqual(['{"a":1}\n', '', 'é"\\']);
  });

  test('invalid UTF-8, also one cut at the end, is refused', () => {
    const rows = decodeMessages(createDecoder('raw', line), line, [
      Uint8Array.of(97, 0xff),
      Uint8Array.of(0xe2, 0x82),
    ]);
    expect(rows.map(({ failure }) => failure!.message)).toEqual([
      'record is no text: invalid UTF-8 at byte 2',
      'record is no text: invalid UTF-8 at byte 1',
    ]);
  });

  test('has one VARCHAR column', () => {
    expect(() => createDecoder('raw', ab)).toThrow('one column of type VARCHAR');
    expect(() => createDecoder('raw', [column('n', BIGINT)])).toThrow('VARCHAR');
    expect(createDecoder('raw', []).columns).toEqual([]);
  });
});
