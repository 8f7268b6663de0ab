/** Writing files: staging, formats, failures; appended lines. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import type { Batch } from '../../src/columnar/batch.js';
import { emptyHeader, newBatch, OP_DELETE, OP_UPDATE_AFTER } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import { openFileLineWriter, openFileSink } from '../../src/connectors/file/file.js';
import type { Sink } from '../../src/connectors/sink.js';
import { createJsonDecoder } from '../../src/formats/json/json.js';
import { decodeMessages } from '../formats/decode-support.js';
import { fileTable, OpenFile, pathOf, writeInput } from './file-support.js';

const SCHEMA = [
  { name: 'id', type: BIGINT },
  { name: 'name', type: VARCHAR },
];

const ENVIRONMENT = {
  stdout: process.stdout,
  format: 'jsonl' as const,
  onStdoutClosed: () => undefined,
};

const notices: string[] = [];

function open(
  options: Readonly<Record<string, string>>,
  changelog = false,
  endless = false,
): Promise<Sink> {
  const request = {
    table: fileTable(options, SCHEMA),
    schema: SCHEMA,
    keyColumns: [],
    changelog,
    endless,
    notice: (line: string) => {
      notices.push(line);
    },
  };
  return openFileSink(request, ENVIRONMENT);
}

function batchOf(records: readonly object[]): Batch {
  const decoder = createJsonDecoder(SCHEMA);
  decodeMessages(
    decoder,
    SCHEMA,
    records.map((record) => JSON.stringify(record)),
  );
  const batch = newBatch([...decoder.columns] as Column[], emptyHeader('test'));
  batch.rowCount = records.length;
  batch.selectedCount = records.length;
  return batch;
}

const staged = (name: string): string[] =>
  readdirSync(pathOf('.')).filter((file) => file.startsWith(name) && file !== name);

const appended = async (
  path: string,
  id: number,
  more: Record<string, string> = {},
): Promise<void> => {
  const sink = await open({ path, 'sink.append': 'true', ...more });
  sink.write(batchOf([{ id, name: 'n' }]));
  await sink.close();
};
const line = (id: number): string => `{"id":${id},"name":"n"}\n`;
const textOf = (path: string): string => {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
};

describe('file sinks that append', () => {
  test.each(['a.jsonl', 'a.jsonl.gz', 'a.csv', 'a.csv.gz'])(
    'put rows behind those of %s',
    async (name) => {
      const path = pathOf(name);
      for (const id of [1, 2, 3]) await appended(path, id);
      const isCsv = name.includes('csv');
      const rows = [1, 2, 3].map((id) => (isCsv ? `${id},n\n` : line(id))).join('');
      expect(textOf(path)).toBe(isCsv ? `id,name\n${rows}` : rows);
      expect(staged(name)).toEqual([]);
    },
  );

  test.each([
    [
      'half a row of JSON',
      'x.jsonl',
      '{"id":5,"na',
      '',
      /torn line of 11 bytes, which was cut off/,
    ],
    ['a row without an end', 'x.jsonl', '{"id":5}', '{"id":5}\n', null],
    ['text that is no row', 'x.jsonl', 'text', 'text\n', null],
    [
      'a record of too few fields',
      'x.csv',
      'id,name\n1,a\n2',
      'id,name\n1,a\n',
      /torn line of 1 byte/,
    ],
    ['a record without an end', 'x.csv', 'id,name\n1,a\n2,b', 'id,name\n1,a\n2,b\n', null],
    ['fields of many lines', 'x.csv', 'id,name\n1,"a\nb"\n2', 'id,name\n1,"a\nb"\n', /torn/],
  ])('mend a file that ends in %s', async (_, name, before, kept, notice) => {
    notices.length = 0;
    const path = writeInput(name, before);
    await appended(path, 7);
    expect(textOf(path)).toBe(`${kept}${name.endsWith('csv') ? '7,n\n' : line(7)}`);
    expect(notices.join()).toMatch(notice ?? /^$/);
  });

  test.each([
    ['another header', 'b.csv', 'name,id\na,1\n', /its first line is "name,id", not "id,name"/],
    ['an open quote', 'q.csv', 'id,name\n1,"a\nb', /ends in the middle of a quoted field/],
    [
      'damaged members',
      'd.csv.gz',
      gzipSync('id,name\n1,a\n').subarray(0, -3),
      /damaged gzip data/,
    ],
  ])('leave a file with %s as it is', async (_, name, before, message) => {
    const path = writeInput(name, before);
    await expect(appended(path, 7)).rejects.toThrow(message);
    expect(readFileSync(path)).toEqual(Buffer.from(before));
    expect(staged(name)).toEqual([]);
  });

  test('leave the file as it was when the job fails', async () => {
    const path = writeInput('kept.jsonl', line(1));
    const sink = await open({ path, 'sink.append': 'true' });
    sink.write(batchOf([{ id: 2, name: 'n' }]));
    await sink.flush();
    expect(textOf(path)).toBe(line(1));
    await sink.abandon?.();
    expect(textOf(path)).toBe(line(1));
    expect(staged('kept.jsonl')).toEqual([]);
  });

  test('show rows of a job without end as they come', async () => {
    const path = writeInput('endless.jsonl', `${line(1)}{"id`);
    const sink = await open({ path, 'sink.append': 'true' }, false, true);
    expect(textOf(path)).toBe(`${line(1)}{"id`);
    for (const id of [2, 3]) {
      sink.write(batchOf([{ id, name: 'n' }]));
      await sink.flush();
      expect(textOf(path)).toBe([1, 2, 3].slice(0, id).map(line).join(''));
    }
    await sink.close();
    expect(textOf(path)).toBe([1, 2, 3].map(line).join(''));
  });

  test('begin a file that somebody else has begun meanwhile once only', async () => {
    const path = pathOf('meanwhile.csv');
    const sink = await open({ path, 'sink.append': 'true' });
    writeInput('meanwhile.csv', 'id,name\n1,n\n');
    sink.write(batchOf([{ id: 2, name: 'n' }]));
    await sink.close();
    expect(textOf(path)).toBe('id,name\n1,n\n2,n\n');
  });
});

describe('file sinks', () => {
  test('rows appear when the sink is closed, and replace what was there', async () => {
    const path = writeInput('out.jsonl', 'old\n');
    const sink = await open({ path });
    sink.write(batchOf([{ id: 1, name: 'a' }, { id: 2 }]));
    await sink.flush();
    expect(readFileSync(path, 'utf8')).toBe('old\n');
    expect(staged('out.jsonl')).toHaveLength(1);
    await sink.close();
    expect(readFileSync(path, 'utf8')).toBe('{"id":1,"name":"a"}\n{"id":2,"name":null}\n');
    expect(staged('out.jsonl')).toEqual([]);
    expect(sink.rowsWritten()).toBe(2);
  });

  test('a sink without rows leaves an empty file', async () => {
    const sink = await open({ path: pathOf('none.jsonl') });
    await sink.close();
    expect(readFileSync(pathOf('none.jsonl'), 'utf8')).toBe('');
  });

  test('CSV has a header and reads back as the same values', async () => {
    const path = pathOf('out.csv');
    const sink = await open({ path });
    sink.write(
      batchOf([
        { id: 1, name: 'a,"b"\nc' },
        { id: 2, name: '' },
        { id: 3, name: null },
      ]),
    );
    await sink.close();
    expect(readFileSync(path, 'utf8')).toBe('id,name\n1,"a,""b""\nc"\n2,""\n3,\n');
    expect(new OpenFile({ path }, { physical: SCHEMA }).rows()).toEqual([
      [1n, 'a,"b"\nc'],
      [2n, ''],
      [3n, null],
    ]);
  });

  test('a changelog has its op, without one retractions are left out', async () => {
    const batch = batchOf([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
      { id: 3, name: 'c' },
    ]);
    batch.ops = Uint8Array.of(0, OP_UPDATE_AFTER, OP_DELETE);
    for (const changelog of [true, false]) {
      const sink = await open({ path: pathOf('ops.jsonl') }, changelog);
      sink.write(batch);
      await sink.close();
      const lines = readFileSync(pathOf('ops.jsonl'), 'utf8').trim().split('\n');
      const ops = lines.map((line) => (JSON.parse(line) as { op?: string }).op);
      expect(ops).toEqual(changelog ? ['+I', '+U', '-D'] : [undefined, undefined]);
      expect(sink.rowsWritten()).toBe(changelog ? 3 : 2);
    }
  });

  test('megabytes of rows ask for pauses and lose nothing', async () => {
    const path = pathOf('large.jsonl');
    const sink = await open({ path });
    const batch = batchOf(Array.from({ length: 2000 }, (_, id) => ({ id, name: 'n'.repeat(200) })));
    let pauses = 0;
    for (let i = 0; i < 20; i += 1) {
      sink.write(batch);
      const pressure = sink.pressure();
      if (pressure !== null) pauses += 1;
      await pressure;
    }
    await sink.close();
    expect(pauses).toBeGreaterThan(0);
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines).toHaveLength(40_001);
    expect(lines[39_999]).toContain('"id":1999,');
  });

  test('a folder that does not exist fails at once', async () => {
    const error: unknown = await open({ path: pathOf('no/such/out.jsonl') }).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(ConnectorError);
    expect((error as ConnectorError).key).toBe('SINK_WRITE');
    expect((error as ConnectorError).message).toContain('no such file or directory');
  });

  test.runIf(existsSync('/dev/full'))('a full disk is SINK_WRITE, no silent loss', async () => {
    const sink = await open({ path: '/dev/full', format: 'json' });
    sink.write(batchOf([{ id: 1, name: 'a' }]));
    const error: unknown = await sink.close().catch((e: unknown) => e);
    expect((error as ConnectorError).key).toBe('SINK_WRITE');
    expect((error as ConnectorError).message).toContain('no space left');
  });

  test('when the result cannot take its place the staged file goes too', async () => {
    const path = pathOf('taken.jsonl');
    const sink = await open({ path });
    sink.write(batchOf([{ id: 1 }]));
    mkdirSync(path);
    const error: unknown = await sink.close().catch((e: unknown) => e);
    expect((error as ConnectorError).key).toBe('SINK_WRITE');
    expect(staged('taken.jsonl')).toEqual([]);
    rmSync(path, { recursive: true });
  });
});

describe('appended lines', () => {
  test('come behind what is there, each at once', async () => {
    const path = writeInput('dead.jsonl', '{"old":1}\n');
    const writer = await openFileLineWriter(path);
    writer.write(new TextEncoder().encode('{"new":1}'));
    expect(readFileSync(path, 'utf8')).toBe('{"old":1}\n{"new":1}\n');
    writer.write(new TextEncoder().encode('{"new":2}\n'));
    await writer.close();
    expect(readFileSync(path, 'utf8')).toBe('{"old":1}\n{"new":1}\n{"new":2}\n');
  });

  test.each([
    ['half a letter is cut off', '{"code":"A"}\n{"code":"B","mess', '{"code":"A"}\n{"n":1}\n'],
    ['the first bytes of one, too', '{"code":"A"}\n{"c', '{"code":"A"}\n{"n":1}\n'],
    ['a whole one gets its line feed', '{"code":"A"}', '{"code":"A"}\n{"n":1}\n'],
    ['any other text gets one', 'notes', 'notes\n{"n":1}\n'],
    ['one that is too long to be read back gets one', `{"code":"${'x'.repeat(70_000)}`, null],
  ])('a torn last line of an earlier run: %s', async (_, before, after) => {
    const path = writeInput('torn.jsonl', before);
    const writer = await openFileLineWriter(path);
    writer.write(new TextEncoder().encode('{"n":1}'));
    await writer.close();
    expect(readFileSync(path, 'utf8')).toBe(after ?? `${before}\n{"n":1}\n`);
  });

  test('a path that cannot be written is SINK_WRITE', () => {
    expect(() => openFileLineWriter(pathOf('.'))).toThrow(ConnectorError);
  });
});
