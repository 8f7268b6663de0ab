/** Many files as one table: which ones a path names, in which order, and reading them split by split. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { VARCHAR } from '../../src/columnar/types.js';
import { columnValue } from '../../src/columnar/column.js';
import { rowOffset } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { VeloError } from '../../src/base/errors.js';
import {
  filesOf,
  isOneFile,
  pathOfUri,
  windowBytesOf,
} from '../../src/connectors/file/set/file-set.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { openSharedSource, openSource } from '../../src/connectors/registry.js';
import { LANE_CELLS } from '../../src/connectors/shared-split.js';
import type { SourceRequest } from '../../src/connectors/source.js';
import { fileTable, ID, OpenFile, pathOf, writeInput } from './file-support.js';
import { seededRandom } from './shared-support.js';

function write(name: string, content: string): string {
  mkdirSync(dirname(pathOf(name)), { recursive: true });
  return writeInput(name, content);
}

/** The names that a path gives, without the folder of the tests. */
function named(pattern: string): string[] {
  return filesOf(pathOf(pattern)).map((file) => file.slice(pathOf('').length + 1));
}

function fault(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof VeloError) return `${error.message} (${error.hint ?? ''})`;
    throw error;
  }
  return 'none';
}

describe('the files of a path', () => {
  for (const name of ['b.jsonl', 'a.jsonl', 'a.csv', '.hidden.jsonl', '_log', 'x/c.jsonl']) {
    write(`set/${name}`, '{"id":1}\n');
  }
  for (const name of ['x/y/d.jsonl', '_temporary/e.jsonl', '.git/f.jsonl', 'x/[1].jsonl']) {
    write(`set/${name}`, '{"id":1}\n');
  }
  write('set/b.jsonl.4242-0123456789abcdef01234567.part', '{"id":1}\n');
  symlinkSync(pathOf('set'), pathOf('set/x/circle'));
  symlinkSync(pathOf('set/a.jsonl'), pathOf('set/x/link.jsonl'));

  it.each([
    ['set/*.jsonl', ['set/a.jsonl', 'set/b.jsonl']],
    ['set/?.jsonl', ['set/a.jsonl', 'set/b.jsonl']],
    ['set/[a-a].*', ['set/a.csv', 'set/a.jsonl']],
    ['set/[!a].jsonl', ['set/b.jsonl']],
    ['set/{b,a}.{jsonl,csv}', ['set/a.csv', 'set/a.jsonl', 'set/b.jsonl']],
    ['set/{a,{b,c}}.jsonl', ['set/a.jsonl', 'set/b.jsonl']],
    ['set/{a,*}.csv', ['set/a.csv']],
    ['set/.h*', ['set/.hidden.jsonl']],
    ['set/*/c.jsonl', ['set/x/c.jsonl']],
    [
      'set/x/**/*.jsonl',
      ['set/x/[1].jsonl', 'set/x/c.jsonl', 'set/x/link.jsonl', 'set/x/y/d.jsonl'],
    ],
    ['set/x/y/**', ['set/x/y/d.jsonl']],
    // A name that exists is no pattern.
    ['set/x/[1].jsonl', ['set/x/[1].jsonl']],
  ])('%s', (pattern, files) => {
    expect(named(pattern)).toEqual(files);
  });

  it('of a folder are those below it, by name, but for what writers hide', () => {
    expect(named('set')).toEqual([
      'set/a.csv',
      'set/a.jsonl',
      'set/b.jsonl',
      'set/x/[1].jsonl',
      'set/x/c.jsonl',
      'set/x/link.jsonl',
      'set/x/y/d.jsonl',
    ]);
    expect(named('set/x/')).toEqual(named('set/x'));
  });

  it('is one where the path says so', () => {
    expect(isOneFile(pathOf('set/a.jsonl'))).toBe(true);
    expect(isOneFile(pathOf('set/x/[1].jsonl'))).toBe(true);
    expect(isOneFile(pathOf('missing.jsonl'))).toBe(true);
    expect(isOneFile(pathOf('set'))).toBe(false);
    expect(isOneFile(pathOf('set/a.*'))).toBe(false);
  });

  it('may be a file:/// URI', () => {
    expect(pathOfUri('file:///data/a%20b.csv')).toBe('/data/a b.csv');
    expect(pathOfUri('FILE:///data/*.csv')).toBe('/data/*.csv');
    expect(pathOfUri('file.csv')).toBe('file.csv');
    expect(fault(() => pathOfUri('file://host/a.csv'))).toBe(
      '"file://host/a.csv" names no file of this machine (write file:///folder/name, or the path alone)',
    );
  });

  it('are missing with what there is instead', () => {
    const folder = pathOf('set');
    expect(fault(() => filesOf(`${folder}/*.json`))).toBe(
      `no data file matches "${folder}/*.json" (folder "${folder}" has .git, .hidden.jsonl, _log, _temporary, a.csv and 4 more)`,
    );
    expect(fault(() => filesOf(`${folder}/none/*.json`))).toContain('/none" does not exist)');
    mkdirSync(pathOf('empty'));
    expect(fault(() => filesOf(pathOf('empty/*')))).toContain('/empty" is empty)');
    expect(fault(() => filesOf(pathOf('empty')))).toContain('/empty" has no data file (names that');
  });

  it('are not fewer because one cannot be looked at', () => {
    mkdirSync(pathOf('closed'));
    symlinkSync(pathOf('closed/loop'), pathOf('closed/loop'));
    const reason = 'loop" cannot be opened: too many symbolic links';
    expect(fault(() => filesOf(pathOf('closed')))).toContain(reason);
    expect(fault(() => filesOf(pathOf('closed/*/a.jsonl')))).toContain(reason);
  });

  it('are 10,000 at most', () => {
    mkdirSync(pathOf('crowd'));
    for (let at = 0; at <= 10_000; at += 1) writeInput(`crowd/${at}`, '');
    expect(fault(() => filesOf(pathOf('crowd/*')))).toContain('names more than 10000 files');
    expect(filesOf(pathOf('crowd/1*'))).toHaveLength(1112);
  });

  it('share what is read ahead', () => {
    expect(windowBytesOf(1, 1 << 20)).toBe(1 << 20);
    expect(windowBytesOf(16, 1 << 20)).toBe(1 << 20);
    expect(windowBytesOf(64, 1 << 20)).toBe(1 << 18);
    expect(windowBytesOf(10_000, 1 << 20)).toBe(1 << 14);
  });
});

describe('reading many files', () => {
  it('gives each its own split, offsets, lines and name', () => {
    write('two/a.jsonl', '{"id":1}\n{"id":"x"}\n{"id":3}\n');
    write('two/b.jsonl', '{"id":4}\n');
    const file = new OpenFile({ path: pathOf('two/*.jsonl') }, { system: ['_file', '_partition'] });
    const seen = file.source.splits.map((split) => {
      const batch = split.next() as Batch;
      expect(batch.header.sourceName).toBe(
        pathOf(split.split === 0 ? 'two/a.jsonl' : 'two/b.jsonl'),
      );
      const names = Array.from({ length: batch.selectedCount }, (_, at) =>
        columnValue(batch.columns[1]!, VARCHAR, batch.selection?.[at] ?? at),
      );
      return { names, first: rowOffset(batch.header, 0), split: batch.header.split };
    });
    expect(seen).toEqual([
      { names: [pathOf('two/a.jsonl'), pathOf('two/a.jsonl')], first: 0, split: 0 },
      { names: [pathOf('two/b.jsonl')], first: 0, split: 1 },
    ]);
    expect(file.failures).toMatchObject([{ line: 2, offset: 1, raw: '{"id":"x"}' }]);
    expect(file.source.splits.map((split) => split.next())).toEqual(['end', 'end']);
  });

  it('reads the fields of each CSV file by its own header', () => {
    write('csv/a.csv', 'id,s\n1,x\n');
    write('csv/b.csv', 's,id\ny,2\n');
    write('csv/c.csv', 'id,s\n3,z\n');
    const file = new OpenFile({ path: pathOf('csv'), format: 'csv' });
    const ids = file.source.splits.map((split) => {
      const batch = split.next() as Batch;
      return columnValue(batch.columns[0]!, ID[0]!.type, 0);
    });
    expect(ids).toEqual([1n, 2n, 3n]);
    write('csv/d.csv', 's\nw\n');
    expect(() => new OpenFile({ path: pathOf('csv'), format: 'csv' })).toThrow(
      /column "id" is not in the header of file ".*d\.csv"/,
    );
  });

  it('learns the columns that only some of them have', async () => {
    for (let at = 0; at < 100; at += 1) write(`many/${at}.jsonl`, `{"id":${at}}\n`);
    write('many/last.jsonl', '{"id":1.5,"s":"x"}\n');
    const options = fileOptions(fileTable({ path: pathOf('many') }, []));
    const { columns } = await inferFileSchema(options, { sniff: true });
    expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ['id', 'double'],
      ['s', 'varchar'],
    ]);
  });

  test('by workers in turn is reading each alone, however splits and workers interleave', async () => {
    for (const [at, rows] of [0, 1, 700, 33, 5000].entries()) {
      const records = Array.from(
        { length: rows },
        (_, id) => `{"id":${id},"s":"${'x'.repeat(id % 60)}"}\n`,
      );
      write(`lanes/${at}.jsonl`, `${'\n'.repeat(at)}${records.join('')}{"id":`);
    }
    const request: SourceRequest = {
      table: fileTable({ path: pathOf('lanes/*.jsonl') }, ID),
      physical: [0],
      system: ['_file'],
      batchRowsMax: 100,
      errors: { recordFailed: () => undefined },
      clock: { nowMs: () => 0, monotonicNs: () => 0 },
      notice: () => undefined,
    };
    const seen = (batch: Batch): unknown => [
      batch.header.sourceName,
      batch.header.sequence,
      batch.header.firstOffset,
      Array.from({ length: batch.selectedCount }, (_, k) => {
        const row = batch.selection?.[k] ?? k;
        const file = columnValue(batch.columns[1]!, VARCHAR, row);
        return [
          columnValue(batch.columns[0]!, ID[0]!.type, row),
          file,
          batch.header.lineNumbers![row],
        ];
      }),
    ];
    const source = await openSource(request);
    const alone = source.splits.map((split) => {
      const batches: unknown[] = [];
      for (let next = split.next(); typeof next !== 'string'; next = split.next())
        batches.push(seen(next));
      return batches;
    });
    await source.close();
    expect(alone.map((batches) => batches.length)).toEqual([1, 2, 8, 2, 51]);

    const random = seededRandom(7);
    const workers = [0, 1, 2].map(() => openSharedSource(request));
    const lanes = alone.map(() => new Float64Array(LANE_CELLS));
    const together: unknown[][] = alone.map(() => []);
    const open = new Set(lanes.keys());
    while (open.size > 0) {
      const at = [...open][Math.floor(random() * open.size)]!;
      const split = workers[Math.floor(random() * workers.length)]!.splits[at]!;
      if (split.claim(lanes[at]!) === 'end') open.delete(at);
      else together[at]!.push(seen(split.read()));
    }
    for (const worker of workers) worker.close();
    expect(together).toEqual(alone);
  });
});

test('a path that one may not look at is one file, and opening it says why', async () => {
  symlinkSync(pathOf('loop.jsonl'), pathOf('loop.jsonl'));
  const long = pathOf(`${'x'.repeat(5_000)}.jsonl`);
  for (const [path, why] of [
    [pathOf('loop.jsonl'), 'too many symbolic links'],
    [long, 'name too long'],
  ] as const) {
    expect(isOneFile(path)).toBe(true);
    expect(filesOf(path)).toEqual([path]);
    const options = fileOptions(fileTable({ path, format: 'json' }, []));
    await expect(inferFileSchema(options, { sniff: true })).rejects.toMatchObject({
      code: 'VELO_DATA_FILE_MISSING',
      message: expect.stringContaining(why) as string,
    });
  }
});
