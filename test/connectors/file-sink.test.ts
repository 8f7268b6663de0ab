/** Writing files: staging, formats, failures; appended lines. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
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

function open(options: Readonly<Record<string, string>>, changelog = false): Promise<Sink> {
  const request = {
    table: fileTable(options, SCHEMA),
    schema: SCHEMA,
    keyColumns: [],
    changelog,
    notice: () => undefined,
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
