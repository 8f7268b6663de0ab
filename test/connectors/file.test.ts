/** Reading files: blocks, lines, positions, bad records, followed files, options. */
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { columnValue } from '../../src/columnar/column.js';
import { BIGINT, DOUBLE, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import { ConfigError, ConnectorError } from '../../src/base/errors.js';
import { OpenFile, pathOf, writeInput } from './file-support.js';

const json = (count: number, extra = ''): string =>
  Array.from({ length: count }, (_, id) => `{"id":${id}${extra}}\n`).join('');
const ids = (from: number, to: number): bigint[][] =>
  Array.from({ length: to - from }, (_, i) => [BigInt(from + i)]);

describe('records and lines', () => {
  test('a file of several blocks comes out whole and in order', () => {
    const path = writeInput('blocks.jsonl', json(30_000, `,"x":"${'y'.repeat(60)}"`));
    const file = new OpenFile({ path });
    expect(file.rows()).toEqual(ids(0, 30_000));
    expect(file.source.bounded).toBe(true);
    expect(file.offsets).toEqual([...Array(30_000).keys()]);
    expect(file.lines.at(-1)).toBe(30_000);
    expect(file.sequences).toEqual([...file.sequences.keys()]);
    expect(file.source.splits[0]!.rowsRead()).toBe(30_000);
  });

  test('the last record counts without a line feed', () => {
    const file = new OpenFile({ path: writeInput('open-end.jsonl', '{"id":1}\n{"id":2}') });
    expect(file.rows()).toEqual([[1n], [2n]]);
  });

  test('carriage returns, blank lines and a byte order mark are no part of records', () => {
    const path = writeInput('windows.jsonl', '\ufeff{"id":1}\r\n\r\n   \n{"id":2}\r\n\n');
    const file = new OpenFile({ path });
    expect(file.rows()).toEqual([[1n], [2n]]);
    expect(file.lines).toEqual([1, 4]);
    expect(file.offsets).toEqual([0, 1]);
  });

  test('an empty file and a file of blank lines have no rows', () => {
    expect(new OpenFile({ path: writeInput('empty.jsonl', '') }).rows()).toEqual([]);
    expect(new OpenFile({ path: writeInput('blank.jsonl', '\n\n \n') }).rows()).toEqual([]);
  });

  test('batches have at most batchRowsMax rows and the same rows for any maximum', () => {
    const path = writeInput('batches.jsonl', json(1000));
    for (const batchRowsMax of [1, 7, 100, 4096]) {
      const file = new OpenFile({ path }, { batchRowsMax });
      expect(file.rows()).toEqual(ids(0, 1000));
      expect(file.sequences.length).toBe(Math.ceil(1000 / batchRowsMax));
    }
  });

  test('a long record gets a buffer of its own', () => {
    const long = 'z'.repeat(3_000_000);
    const content = `{"id":1}\n{"id":2,"s":"${long}"}\n{"id":3}\n`;
    const physical = [
      { name: 'id', type: BIGINT },
      { name: 's', type: VARCHAR },
    ];
    const file = new OpenFile({ path: writeInput('long.jsonl', content) }, { physical });
    expect(file.rows()).toEqual([
      [1n, null],
      [2n, long],
      [3n, null],
    ]);
  });

  test('system columns of a file', () => {
    const path = writeInput('system.jsonl', json(3));
    const file = new OpenFile(
      { path },
      {
        system: [
          '_timestamp',
          '_partition',
          '_offset',
          '_topic',
          '_key',
          '_headers',
          '_record_time',
        ],
        nowMs: 42_000,
      },
    );
    const batch = file.source.splits[0]!.next();
    if (typeof batch === 'string') expect.fail(batch);
    const types = [BIGINT, TIMESTAMP, BIGINT, BIGINT, VARCHAR, VARCHAR, VARCHAR, TIMESTAMP];
    expect(types.map((type, column) => columnValue(batch.columns[column]!, type, 2))).toEqual([
      2n,
      42_000,
      0n,
      2n,
      null,
      null,
      { keys: [], values: [] },
      42_000,
    ]);
    expect(batch.header.sourceName).toBe(path);
  });
});

describe('bad records', () => {
  test('are reported with line, offset and text, counted, and left out', () => {
    const content = '{"id":1}\n\nnot json\n{"id":1.5}\n{"id":4}\n{"id":';
    const file = new OpenFile({ path: writeInput('bad.jsonl', content) });
    expect(file.rows()).toEqual([[1n], [4n]]);
    expect(file.offsets).toEqual([0, 3]);
    expect(file.source.splits[0]!.rowsRead()).toBe(5);
    expect(file.failures.map(({ key, line, offset, raw }) => ({ key, line, offset, raw }))).toEqual(
      [
        { key: 'DECODE', line: 3, offset: 1, raw: 'not json' },
        { key: 'CONVERT', line: 4, offset: 2, raw: '{"id":1.5}' },
        { key: 'DECODE', line: 6, offset: 4, raw: '{"id":' },
      ],
    );
  });

  test('invalid UTF-8 fails its record only', () => {
    const bytes = Uint8Array.of(
      ...Buffer.from('{"id":1,"s":"'),
      0xff,
      ...Buffer.from('"}\n{"id":2}\n'),
    );
    const file = new OpenFile({ path: writeInput('utf8.jsonl', bytes) });
    expect(file.rows()).toEqual([[2n]]);
    expect(file.failures[0]!.message).toContain('invalid UTF-8 at byte 14');
  });

  test('failed flags are gone in the next batch', () => {
    const path = writeInput('flags.jsonl', 'x\n{"id":1}\n{"id":2}\nx\n{"id":4}\n');
    const file = new OpenFile({ path }, { batchRowsMax: 2 });
    expect(file.rows()).toEqual([[1n], [2n], [4n]]);
    expect(file.failures).toHaveLength(2);
  });

  test('a record above record.max-bytes is refused, one of that size is not', () => {
    const record = (bytes: number): string => `{"id":1,"s":"${'x'.repeat(bytes - 15)}"}`;
    const content = `{"id":0}\n${record(101)}\n${record(100)}\n${record(5000)}\n{"id":9}`;
    const options = { path: writeInput('limit.jsonl', content), 'record.max-bytes': '100' };
    const file = new OpenFile(options);
    expect(file.rows()).toEqual([[0n], [1n], [9n]]);
    expect(file.lines).toEqual([1, 3, 5]);
    expect(file.offsets).toEqual([0, 2, 4]);
    expect(
      file.failures.map(({ key, line, offset, message }) => [key, line, offset, message]),
    ).toEqual([
      ['RECORD_TOO_LARGE', 2, 1, 'record has 101 bytes, more than record.max-bytes = 100'],
      ['RECORD_TOO_LARGE', 4, 3, 'record has 5000 bytes, more than record.max-bytes = 100'],
    ]);
    expect(file.failures[0]!.raw.startsWith('{"id":1,"s":"xxx')).toBe(true);
  });

  test('a line of 100 MB is one error, and memory stays bounded', () => {
    const path = writeInput('huge.jsonl', '{"id":1}\n');
    const piece = Buffer.alloc(10_000_000, 0x78);
    for (let i = 0; i < 10; i += 1) appendFileSync(path, piece);
    appendFileSync(path, '\n{"id":3}\n');
    const before = process.memoryUsage().arrayBuffers;
    const file = new OpenFile({ path });
    expect(file.rows()).toEqual([[1n], [3n]]);
    expect(file.failures.map(({ key, line }) => [key, line])).toEqual([['RECORD_TOO_LARGE', 2]]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('the lines behind a record that is too large are records, and no more than they', () => {
    const path = writeInput('behind.txt', `${'x'.repeat(5000)}\nabc\n`);
    const physical = [{ name: 'line', type: VARCHAR }];
    for (const follow of ['false', 'true']) {
      const options = { path, format: 'raw', follow, 'record.max-bytes': '100' };
      const file = new OpenFile(options, { physical });
      expect(file.rows()).toEqual([['abc']]);
      expect(file.failures.length).toBe(1);
    }
  });

  test('a record that is too large at the end of the file is refused too', () => {
    const options = { path: writeInput('tail.jsonl', `{"id":1}\n${'x'.repeat(500)}`) };
    const file = new OpenFile({ ...options, 'record.max-bytes': '64' });
    expect(file.rows()).toEqual([[1n]]);
    expect(file.failures.map(({ line }) => line)).toEqual([2]);
  });
});

describe('positions', () => {
  test('seek to the position between any two batches gives the rest, with lines and offsets', () => {
    const content = Array.from(
      { length: 50 },
      (_, id) => `${id % 7 === 0 ? '\n' : ''}{"id":${id}}\n`,
    );
    const path = writeInput('seek.jsonl', content.join(''));
    const whole = new OpenFile({ path }, { batchRowsMax: 3 });
    const all = whole.rows();
    for (let batches = 0; batches <= 17; batches += 1) {
      const first = new OpenFile({ path }, { batchRowsMax: 3 });
      const head = first.rows(batches);
      const position = first.source.splits[0]!.position();
      const rest = new OpenFile({ path }, { batchRowsMax: 5 });
      rest.source.splits[0]!.seek(position);
      expect([...head, ...rest.rows()]).toEqual(all);
      expect([...first.lines, ...rest.lines]).toEqual(whole.lines);
      expect([...first.offsets, ...rest.offsets]).toEqual(whole.offsets);
      expect(rest.source.splits[0]!.rowsRead()).toBe(50 - head.length);
    }
  });

  test('a text that is no position is refused', () => {
    const file = new OpenFile({ path: writeInput('position.jsonl', json(1)) });
    expect(() => file.source.splits[0]!.seek('12')).toThrow(ConnectorError);
  });
});

describe('followed files', () => {
  test('wait for whole lines and hand them out as they come', async () => {
    const path = writeInput('follow.jsonl', '{"id":1}\n{"id"');
    const file = new OpenFile({ path, follow: 'true' });
    const split = file.source.splits[0]!;
    expect(file.source.bounded).toBe(false);
    expect(file.rows()).toEqual([[1n]]);
    expect(split.next()).toBe('wait');
    appendFileSync(path, ':2}\n\n{"id":3}\n');
    await split.ready();
    expect(file.rows()).toEqual([[2n], [3n]]);
    expect(file.lines).toEqual([1, 2, 4]);
    appendFileSync(path, json(3));
    await split.ready();
    expect(file.rows()).toEqual(ids(0, 3));
    await file.source.close();
  });

  test('closing ends the wait', async () => {
    const file = new OpenFile({ path: writeInput('close.jsonl', ''), follow: 'true' });
    expect(file.rows()).toEqual([]);
    const waiting = file.source.splits[0]!.ready();
    await file.source.close();
    await waiting;
  });

  test('a file that becomes shorter is read again, as tail -F does, and that is said', async () => {
    const path = writeInput('shorter.jsonl', json(10));
    const file = new OpenFile({ path, follow: 'true' });
    expect(file.rows()).toHaveLength(10);
    writeFileSync(path, '{"id":77}\n');
    await file.source.splits[0]!.ready();
    expect(file.rows()).toEqual([[77n]]);
    expect(file.offsets.at(-1)).toBe(10);
    expect(file.notices).toEqual([
      `file "${path}" became shorter: it is read again from its start`,
    ]);
    await file.source.close();
  });

  test('a file that is rotated is read to its end, then the new one, its header too', async () => {
    const path = writeInput('rotated.csv', 'id\n1\n2');
    const file = new OpenFile({ path, follow: 'true' });
    const split = file.source.splits[0]!;
    expect(file.rows()).toEqual([[1n]]);
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, '0\n3');
    await split.ready();
    expect(file.rows()).toEqual([[20n]]);
    writeFileSync(path, 'id\n4\n');
    await split.ready();
    expect(file.rows()).toEqual([[3n], [4n]]);
    appendFileSync(path, '5\n');
    await split.ready();
    expect(file.rows()).toEqual([[5n]]);
    expect(file.lines).toEqual([2, 3, 4, 2, 3]);
    expect(file.notices).toEqual([
      `file "${path}" was replaced: the new one is read from its start`,
    ]);
    await file.source.close();
  });
});

describe('CSV and raw files', () => {
  const physical = [
    { name: 'id', type: BIGINT },
    { name: 'name', type: VARCHAR },
    { name: 'price', type: DOUBLE },
  ];

  test('the header names the fields, in any order and with more than are declared', () => {
    const content =
      '\ufeffprice,more,"name",id\r\n1.5,x,"a,b",1\r\n,y,"say ""hi""",2\r\n2,z,,3\r\n';
    const file = new OpenFile({ path: writeInput('h.csv', content) }, { physical });
    expect(file.rows()).toEqual([
      [1n, 'a,b', 1.5],
      [2n, 'say "hi"', null],
      [3n, null, 2],
    ]);
    expect(file.lines).toEqual([2, 3, 4]);
  });

  test('without a header fields count by position, whatever the query needs', () => {
    const options = { path: writeInput('p.csv', '1;a;0.5\n2;b;1\n'), 'csv.header': 'false' };
    const file = new OpenFile(
      { ...options, 'csv.field-delimiter': ';' },
      { physical, needed: [2, 0] },
    );
    expect(file.rows()).toEqual([
      [0.5, 1n],
      [1, 2n],
    ]);
  });

  test('quoted fields reach over lines, blocks and batches; lines stay true', () => {
    const long = `${'x'.repeat(700_000)}\n`.repeat(2);
    const rows = Array.from({ length: 6 }, (_, i) => `${i},"${i % 2 ? long : 'a\nb'}",1\n`);
    const file = new OpenFile(
      { path: writeInput('multi.csv', `id,name,price\n${rows.join('')}`) },
      { physical, batchRowsMax: 2 },
    );
    expect(file.rows().map(([id, name]) => [id, (name as string).length])).toEqual([
      [0n, 3],
      [1n, long.length],
      [2n, 3],
      [3n, long.length],
      [4n, 3],
      [5n, long.length],
    ]);
    expect(file.lines).toEqual([2, 4, 7, 9, 12, 14]);
  });

  test('a quote that never closes is one bad record per line at most, not the end of the job', () => {
    const content = 'id,name,price\n1,a,1\n2,"b,2\n3,c,3\n';
    const file = new OpenFile({ path: writeInput('quote.csv', content) }, { physical });
    expect(file.rows()).toEqual([
      [1n, 'a', 1],
      [3n, 'c', 3],
    ]);
    expect(file.failures.map(({ line, raw }) => [line, raw])).toEqual([[3, '2,"b,2']]);
  });

  test('a quote that never closes costs its line when the record grows too large', () => {
    const lines = Array.from({ length: 200 }, (_, i) => (i === 50 ? `${i},"x,1` : `${i},y,1`));
    const path = writeInput('runaway.csv', `id,name,price\n${lines.join('\n')}\n`);
    const file = new OpenFile({ path, 'record.max-bytes': '300' }, { physical });
    expect(file.rows()).toHaveLength(199);
    expect(file.failures.map(({ key, line }) => [key, line])).toEqual([['RECORD_TOO_LARGE', 52]]);
    expect(file.lines.at(-1)).toBe(201);
  });

  test('a quoted record that is too large ends behind its own line ends', () => {
    const long = `1,"${'y\n'.repeat(200)}",1`;
    const path = writeInput('wide.csv', `id,name,price\n${long}\n2,b,2\nx,c,3\n`);
    const file = new OpenFile({ path, 'record.max-bytes': '300' }, { physical });
    expect(file.rows()).toEqual([[2n, 'b', 2]]);
    expect(file.lines).toEqual([203]);
    expect(file.failures.map(({ key, line }) => [key, line])).toEqual([
      ['RECORD_TOO_LARGE', 2],
      ['CONVERT', 204],
    ]);
  });

  test('lines behind a refused quoted record keep their numbers, and dead letters their records', () => {
    const content = 'id,name,price\nx,"a\n5,b",1\n2,"c"d,"e\nf"\n3,ok,3\n';
    for (const batchRowsMax of [1, 2, 4096]) {
      const path = writeInput('refused.csv', content);
      const file = new OpenFile({ path }, { physical, batchRowsMax });
      expect(file.rows()).toEqual([[3n, 'ok', 3]]);
      expect(file.lines).toEqual([6]);
      expect(file.offsets).toEqual([2]);
      expect(file.failures.map(({ line, raw }) => [line, raw])).toEqual([
        [2, 'x,"a\n5,b",1'],
        [4, '2,"c"d,"e\nf"'],
      ]);
    }
  });

  test('lines that end in CR alone are lines, also without a header and in windows without any', () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `${i},"a\rb",${i}\r`).join('');
    for (const header of ['id,name,price\r', '']) {
      const options = { path: writeInput('cr.csv', header + rows) };
      const headerOption = { 'csv.header': String(header !== ''), 'record.max-bytes': '1000' };
      const file = new OpenFile({ ...options, ...headerOption }, { physical });
      expect(file.rows()).toHaveLength(3000);
      expect(file.failures).toEqual([]);
      expect(file.lines.at(-1)).toBe(2 * 2999 + (header === '' ? 1 : 2));
    }
  });

  test('a column that the header lacks is an error that lists the header', () => {
    const path = writeInput('lacks.csv', 'id,price\n1,2\n');
    expect(() => new OpenFile({ path }, { physical })).toThrow(
      'column "name" is not in the header',
    );
    expect(new OpenFile({ path }, { physical, needed: [0] }).rows()).toEqual([[1n]]);
  });

  test('raw gives each line as one text', () => {
    const path = writeInput('log.txt', 'first line\r\n\n  third  ');
    const file = new OpenFile(
      { path, format: 'raw' },
      { physical: [{ name: 'line', type: VARCHAR }] },
    );
    expect(file.rows()).toEqual([['first line'], [''], ['  third  ']]);
  });
});

describe('opening', () => {
  const failureOf = (options: Readonly<Record<string, string>>): unknown => {
    try {
      return new OpenFile(options);
    } catch (error) {
      return error;
    }
  };

  test('a missing file is DATA_FILE_MISSING and says what to check', () => {
    const error = failureOf({ path: pathOf('absent.jsonl') }) as ConnectorError;
    expect(error).toBeInstanceOf(ConnectorError);
    expect(error.key).toBe('DATA_FILE_MISSING');
    expect(error.message).toMatch(/data file ".*absent\.jsonl" does not exist/);
    expect(error.hint).toContain('working directory');
  });

  test('a folder without data files is DATA_FILE_MISSING', () => {
    mkdirSync(pathOf('hollow'));
    expect((failureOf({ path: pathOf('hollow') }) as ConnectorError).key).toBe('DATA_FILE_MISSING');
  });

  test.each([
    [{}, 'lacks the option "path"'],
    [{ path: 'x', paht: 'y' }, 'unknown option "paht"'],
    [{ path: 'x', format: 'xml' }, 'option "format" of table "t" cannot be "xml"'],
    [{ path: 'x', follow: 'yes' }, 'option "follow"'],
    [{ path: 'x', 'record.max-bytes': '1k' }, 'option "record.max-bytes"'],
    [{ path: 'x', 'csv.field-delimiter': '""' }, 'option "csv.field-delimiter"'],
    [{ path: 'x', 'json.ignore-parse-errors': 'true' }, 'option "json.ignore-parse-errors"'],
  ])('refuses the options %j', (options, message) => {
    const error = failureOf(options as Record<string, string>) as ConfigError;
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(message);
    expect(error.hint).toBeDefined();
  });
});
