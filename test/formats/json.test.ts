/** What the JSON decoder makes of records: shapes, conversions, widening, what it refuses. */
import { describe, expect, test } from 'vitest';
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
import { createJsonDecoder } from '../../src/formats/json/json.js';
import type { DecoderColumn } from '../../src/formats/decoder.js';
import { decodeMessages, decodeText } from './decode-support.js';

const column = (name: string, type: SqlType): DecoderColumn => ({ name, type });

/** The value of `v` in each record, decoded one after the other; a failure gives its key. */
function valuesOf(type: SqlType, spellings: readonly string[]): (SqlValue | string)[] {
  const columns = [column('v', type)];
  const records = spellings.map((spelling) => `{"v":${spelling}}`);
  const rows = decodeMessages(createJsonDecoder(columns), columns, records);
  return rows.map(({ values, failure }) => (values === null ? failure!.key : values[0]!));
}

/**
 * The same, behind enough records of the usual shape that the generated kernel reads them: both
 * paths have to agree on everything.
 */
function expectValues(
  type: SqlType,
  usual: string,
  cases: Record<string, SqlValue | 'CONVERT'>,
): void {
  const spellings = Object.keys(cases);
  const expected = Object.values(cases);
  expect(valuesOf(type, spellings)).toEqual(expected);
  const warmUp = new Array<string>(100).fill(usual);
  expect(valuesOf(type, [...warmUp, ...spellings]).slice(100)).toEqual(expected);
}

describe('values of each type', () => {
  test('BIGINT takes whole numbers in any spelling, exact to 64 bits', () => {
    expectValues(BIGINT, '123', {
      '0': 0n,
      '-0': 0n,
      '1.0': 1n,
      '1e3': 1000n,
      '12E+2': 1200n,
      '50e-1': 5n,
      '"12"': 12n,
      '" -12 "': -12n,
      '123456789': 123456789n,
      '1234567890': 1234567890n,
      '9007199254740993': 9007199254740993n,
      '-9007199254740993': -9007199254740993n,
      '9223372036854775807': 9223372036854775807n,
      '-9223372036854775808': -9223372036854775808n,
      '922337203685477580.7e1': 9223372036854775807n,
      '1e18': 1000000000000000000n,
      '0e999999999': 0n,
      null: null,
      '1.5': 'CONVERT',
      '1e-1': 'CONVERT',
      '9223372036854775808': 'CONVERT',
      '-9223372036854775809': 'CONVERT',
      '1e19': 'CONVERT',
      '1e999999999': 'CONVERT',
      '"abc"': 'CONVERT',
      '""': 'CONVERT',
      '"1_000"': 'CONVERT',
      true: 'CONVERT',
      '[1]': 'CONVERT',
      '{}': 'CONVERT',
    });
  });

  test('DOUBLE is correctly rounded and refuses what is infinite', () => {
    expectValues(DOUBLE, '100.25', {
      '0.1': 0.1,
      '-0.3': -0.3,
      '-0': -0,
      '1e21': 1e21,
      '1e-7': 1e-7,
      '5e-324': 5e-324,
      '1.7976931348623157e308': Number.MAX_VALUE,
      '2.2250738585072014e-308': 2.2250738585072014e-308,
      '9007199254740993.0': 9007199254740992,
      '123456789.123456789': 123456789.123456789,
      '0.30000000000000004': 0.30000000000000004,
      '158.96737752043143': 158.96737752043143,
      '1.00000000000000011102230246251565': 1,
      '1.00000000000000011102230246251566': 1.0000000000000002,
      '"4.35"': 4.35,
      '".5"': 0.5,
      '1e400': 'CONVERT',
      '-1e400': 'CONVERT',
      '"NaN"': 'CONVERT',
      '"Infinity"': 'CONVERT',
      '"1e"': 'CONVERT',
      false: 'CONVERT',
      null: null,
    });
  });

  test('DECIMAL rounds half away from zero to its scale and refuses more than its precision', () => {
    expectValues(decimalType(5, 2), '1.50', {
      '1.5': 150n,
      '1.005': 101n,
      '-1.005': -101n,
      '1.00499999999999999999': 100n,
      '15e-1': 150n,
      '"19.90"': 1990n,
      '999.99': 99999n,
      '999.994': 99999n,
      '0.004': 0n,
      '1e-400': 0n,
      '999.995': 'CONVERT',
      '1000': 'CONVERT',
      '1e400': 'CONVERT',
      '"x"': 'CONVERT',
      null: null,
    });
    expectValues(decimalType(38, 10), '1.5', {
      '1234567890123456789012345678.0123456789': 12345678901234567890123456780123456789n,
      '-9999999999999999999999999999.9999999999': -(10n ** 38n - 1n),
      '9007199254740993': 90071992547409930000000000n,
      '9999999999999999999999999999.99999999995': 'CONVERT',
    });
    expectValues(decimalType(2, 2), '0.15', { '0.99': 99n, '0': 0n, '1': 'CONVERT' });
  });

  test('VARCHAR takes the text of any value as it is written', () => {
    expectValues(VARCHAR, '"abc"', {
      '""': '',
      '"caf\\u00e9"': 'café',
      '"line\\nbreak\\t\\"q\\" \\\\ \\/ \\b\\f\\r"': 'line\nbreak\t"q" \\ / \b\f\r',
      '"\\ud83d\\ude00"': '😀',
      '"😀 ü 漢"': '😀 ü 漢',
      '"\\u0000x"': '\0x',
      '"\\ud800"': '\ufffd',
      '"\\udc00\\ud800x"': '\ufffd\ufffdx',
      '"\\ud83d\\n\\ude00"': '\ufffd\n\ufffd',
      '1.50': '1.50',
      '-0': '-0',
      true: 'true',
      false: 'false',
      '{"a": [1]}': '{"a": [1]}',
      '[ 1,"x" ]': '[ 1,"x" ]',
      null: null,
    });
  });

  test('BOOLEAN takes true and false, as text in any case', () => {
    expectValues(BOOLEAN, 'true', {
      true: true,
      false: false,
      '"TRUE"': true,
      '"false"': false,
      '1': 'CONVERT',
      '"yes"': 'CONVERT',
      null: null,
    });
  });

  test('TIMESTAMP takes epoch milliseconds and ISO 8601 text', () => {
    const at = Date.UTC(2024, 1, 29, 12, 34, 56, 789);
    expectValues(TIMESTAMP, '1700000000000', {
      '0': 0,
      '-1': -1,
      '1e3': 1000,
      [String(at)]: at,
      [`"${at}"`]: at,
      '"2024-02-29T12:34:56.789Z"': at,
      '"2024-02-29 12:34:56.789"': at,
      '"2024-02-29T12:34:56.789999"': at,
      '"2024-02-29T14:34:56.789+02:00"': at,
      '"2024-02-29T12:34:56"': at - 789,
      '"2024-02-29T12:34"': at - 56_789,
      '"2024-02-29"': Date.UTC(2024, 1, 29),
      '"1969-12-31T23:59:59.999Z"': -1,
      '1.5': 'CONVERT',
      '8640000000000001': 'CONVERT',
      '"2023-02-29"': 'CONVERT',
      '"2024-02-29T24:00:00"': 'CONVERT',
      '"2024-02-29T12:34:56.Z"': 'CONVERT',
      '"today"': 'CONVERT',
      true: 'CONVERT',
      null: null,
    });
  });

  test('DATE takes YYYY-MM-DD', () => {
    expectValues(DATE, '"2024-01-15"', {
      '"1970-01-01"': 0,
      '"1969-12-31"': -1,
      '"2024-02-29"': 19_782,
      '"2023-02-29"': 'CONVERT',
      '"2024-1x-15"': 'CONVERT',
      '"20240115"': 'CONVERT',
      '19782': 'CONVERT',
      null: null,
    });
  });

  test('ARRAY, MAP and ROW take arrays and objects, exact beyond 2^53', () => {
    expectValues({ kind: 'array', element: BIGINT }, '[1]', {
      '[1,2,9007199254740993]': [1n, 2n, 9007199254740993n],
      '[ ]': [],
      '[null, "3" ]': [null, 3n],
      '[1.5]': 'CONVERT',
      '{}': 'CONVERT',
      '1': 'CONVERT',
      null: null,
    });
    expectValues({ kind: 'map', key: VARCHAR, value: DOUBLE }, '{}', {
      '{"a":1,"b":null,"a":2}': { keys: ['a', 'b'], values: [2, null] },
      '[]': 'CONVERT',
    });
    expectValues({ kind: 'map', key: BIGINT, value: VARCHAR }, '{}', {
      '{"12":"x"}': { keys: [12n], values: ['x'] },
      '{"x":"x"}': 'CONVERT',
    });
    const fields = [
      { name: 'id', type: BIGINT },
      { name: 'tags', type: { kind: 'array', element: VARCHAR } as const },
    ];
    expectValues({ kind: 'row', fields }, '{}', {
      '{"tags":["a","b"],"id":7,"more":{"x":[]}}': [7n, ['a', 'b']],
      '{}': [null, null],
      '{"id":{}}': 'CONVERT',
    });
  });
});

describe('shapes of records', () => {
  const columns = [column('id', BIGINT), column('s', VARCHAR)];
  const decode = (records: readonly string[]): unknown[] =>
    decodeMessages(createJsonDecoder(columns), columns, records).map(
      ({ values, failure }) => values ?? failure!.key,
    );

  test('key order, unknown keys, missing keys and white space do not matter', () => {
    expect(
      decode([
        '{"id":1,"s":"a"}',
        '{"s":"b","id":2}',
        '  { "id" : 3 ,\t"s" : "c" }  ',
        '{"id":4}',
        '{"extra":{"id":99,"s":["x",{"id":98}]},"id":5,"s":"e","more":[[],{}]}',
        '{"x":"\\"id\\":7","id":6,"s":"}{"}',
        '{}',
        '{"i":1,"id2":2,"id":8}',
        '\n{\r\n"id":\n9}\n',
        '{"\\u0069d":10}',
      ]),
    ).toEqual([
      [1n, 'a'],
      [2n, 'b'],
      [3n, 'c'],
      [4n, null],
      [5n, 'e'],
      [6n, '}{'],
      [null, null],
      [8n, null],
      [9n, null],
      [10n, null],
    ]);
  });

  test('of a repeated key the last counts, whatever the others hold', () => {
    const records = [
      '{"id":1,"s":"a","id":2}',
      '{"id":3,"s":"b","s":null}',
      '{"id":null,"s":"b","id":4}',
      '{"id":"x","s":"b","id":5}',
      '{"id":5,"s":"b","id":"x"}',
    ];
    const warm = new Array<string>(50).fill('{"id":1,"s":"a"}');
    expect(decode([...warm, ...records]).slice(50)).toEqual([
      [2n, 'a'],
      [3n, null],
      [4n, 'b'],
      [5n, 'b'],
      'CONVERT',
    ]);
  });

  test.each([
    ['', 'expected "{"'],
    ['not json', 'expected "{"'],
    ['[{"id":1}]', 'expected "{"'],
    ['null', 'expected "{"'],
    ['{"id":', 'at byte 7'],
    ['{"id":1', 'at byte 8'],
    ['{"id":1,}', 'at byte 9'],
    ['{"id":1}}', 'more text behind the object at byte 9'],
    ['{"id":1} {"id":2}', 'more text behind the object at byte 10'],
    ['{"id":01}', 'invalid number at byte 7'],
    ['{"id":1.}', 'invalid number at byte 7'],
    ['{"id":.5}', 'at byte 7'],
    ['{"id":+1}', 'at byte 7'],
    ['{"id":1e}', 'invalid number at byte 7'],
    ['{"id":-}', 'invalid number at byte 7'],
    ['{"id":NaN}', 'at byte 7'],
    ['{"id":truE}', 'at byte 7'],
    ['{"id":nul}', 'at byte 7'],
    ["{'id':1}", 'at byte 2'],
    ['{id:1}', 'at byte 2'],
    ['{"id" 1}', 'at byte 7'],
    ['{"s":"a\nb"}', 'control character at byte 8'],
    ['{"s":"a', 'closing quote'],
    ['{"s":"\\x"}', 'invalid escape in a text at byte 7'],
    ['{"s":"\\u12g4"}', 'invalid escape in a text at byte 7'],
    ['{"x":[1,]}', 'at byte 9'],
    ['{"x":[1 2]}', 'at byte 9'],
    ['{"x":{"a":1,}}', 'at byte 13'],
    ['\ufeff{"id":1}', 'expected "{"'],
  ])('refuses %s and says where', (record, message) => {
    const warm = new Array<string>(50).fill('{"id":1,"s":"a","x":"b"}');
    const rows = decodeMessages(createJsonDecoder(columns), columns, [record, ...warm, record]);
    for (const at of [0, 51]) {
      expect(rows[at]!.failure!.key).toBe('DECODE');
      expect(rows[at]!.failure!.message).toContain(message);
    }
  });

  test.each([
    [[0xff], 'stray byte'],
    [[0xc3], 'cut sequence'],
    [[0xc0, 0xaf], 'overlong'],
    [[0xed, 0xa0, 0x80], 'surrogate'],
    [[0xf4, 0x90, 0x80, 0x80], 'beyond U+10FFFF'],
    [[0xe0, 0x80, 0xaf], 'overlong of three'],
  ])('refuses invalid UTF-8 in needed, skipped and nested texts and keys: %j', (bad) => {
    const encoder = new TextEncoder();
    for (const template of ['{"s":"@"}', '{"skip":"@"}', '{"@":1}', '{"skip":[{"a":"@"}]}']) {
      const [before, after] = template.split('@').map((part) => encoder.encode(part));
      const bytes = Uint8Array.of(...before!, ...bad, ...after!);
      const [row] = decodeMessages(createJsonDecoder(columns), columns, [bytes]);
      expect(row!.failure!.message).toContain('invalid UTF-8');
    }
  });

  test('nesting of 100,000 levels is refused, of 1,000 it is not', () => {
    const nested = (depth: number): string => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const objects = `{"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`;
    const rows = decodeMessages(createJsonDecoder(columns), columns, [
      nested(100_000),
      nested(1_000),
      objects,
    ]);
    expect(rows[0]!.failure!.message).toContain('nested deeper than');
    expect(rows[1]!.failure).toBeNull();
    expect(rows[2]!.failure!.message).toContain('nested deeper than');
  });

  test('a conversion that fails names value, type and column, cut short', () => {
    const long = 'y'.repeat(1000);
    const rows = decodeMessages(createJsonDecoder(columns), columns, [
      '{"id":1.5}',
      `{"id":"${long}"}`,
    ]);
    expect(rows[0]!.failure).toEqual({
      key: 'CONVERT',
      message: 'value 1.5 does not convert to BIGINT of column "id"',
    });
    expect(rows[1]!.failure!.message.length).toBeLessThan(130);
  });

  test('a malformed record is DECODE even when a value in front does not convert', () => {
    expect(decode(['{"id":"x","s":"a"'])).toEqual(['DECODE']);
  });

  test('misplaced punctuation is refused, behind records of the usual shape too', () => {
    const columns = [column('a', BIGINT), column('b', VARCHAR), column('c', DOUBLE)];
    const members = ['"a":1', '"b":"x"', '"c":2.5'];
    const usual = `{${members.join(',')}}`;
    const malformed = members.flatMap((_, at) => {
      const first = members.slice(0, at + 1).join(',');
      const rest = members.slice(at + 1).join(',');
      return [
        `{${first},}`,
        `{${first}`,
        `{,${first}}`,
        `{${first},,${rest}}`,
        `{${first} ${rest}`,
      ];
    });
    const whole = ['{}', ...members.map((_, at) => `{${members.slice(0, at + 1).join(',')}}`)];
    for (const before of [0, 100]) {
      const records = [...Array<string>(before).fill(usual), ...malformed, ...whole];
      const rows = decodeMessages(createJsonDecoder(columns), columns, records).slice(before);
      const keys = rows.map(({ failure }) => failure?.key ?? 'read');
      expect(keys).toEqual([...malformed.map(() => 'DECODE'), ...whole.map(() => 'read')]);
    }
  });

  test('columns that are not needed are never converted', () => {
    const only = [column('s', VARCHAR)];
    const rows = decodeMessages(createJsonDecoder(only), only, ['{"id":"no number","s":"a"}']);
    expect(rows[0]!.values).toEqual(['a']);
  });

  test('a query that needs no column still checks the documents', () => {
    const rows = decodeMessages(createJsonDecoder([]), [], ['{"a":1}', '{"a":}', '{}']);
    expect(rows.map(({ failure }) => failure === null)).toEqual([true, false, true]);
  });
});

describe('lines', () => {
  const columns = [column('id', BIGINT)];

  test('blank lines are no records and lines keep their numbers', () => {
    const text = '{"id":1}\n\n  \t\r\n{"id":2}\r\n{"id":\n{"id":4}  \n';
    const { rows, lines } = decodeText(createJsonDecoder(columns), columns, text);
    expect(lines).toEqual([1, 4, 5, 6]);
    expect(rows.map(({ values }) => values?.[0] ?? null)).toEqual([1n, 2n, null, 4n]);
  });

  test('a record never reaches over the end of its line', () => {
    const text = `${'{"id":1,\t"x":2}\n'.repeat(60)}{"id":1,\n"x":2}\n`;
    const { rows } = decodeText(createJsonDecoder(columns), columns, text);
    expect(rows.slice(60).map(({ failure }) => failure?.key)).toEqual(['DECODE', 'DECODE']);
  });

  test('not even after messages whose keys stand on lines of their own', () => {
    const decoder = createJsonDecoder([column('id', BIGINT), column('x', BIGINT)]);
    const both = [column('id', BIGINT), column('x', BIGINT)];
    const pretty = new Array<string>(60).fill('{\n"id":1,\n"x":2\n}');
    const messages = decodeMessages(decoder, both, pretty);
    expect(messages[59]!.values).toEqual([1n, 2n]);
    const { rows } = decodeText(decoder, both, '{\n"id":1,\n"x":2\n}\n{"id":1,\n"x":2}\n');
    expect(rows.every(({ failure }) => failure !== null)).toBe(true);
  });

  test('batches of any size give the same rows', () => {
    const text = Array.from({ length: 300 }, (_, i) => `{"id":${i}}\n`).join('');
    const expected = decodeText(createJsonDecoder(columns), columns, text);
    for (const rowsMax of [1, 7, 100]) {
      expect(decodeText(createJsonDecoder(columns), columns, text, rowsMax)).toEqual(expected);
    }
  });
});
