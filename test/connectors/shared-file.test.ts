/** Files that several workers read in turn: exactly what one reader gives, whoever reads what. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import { ConnectorError } from '../../src/base/errors.js';
import { fileSharing } from '../../src/connectors/file/file.js';
import { openSharedSource } from '../../src/connectors/registry.js';
import type { SourceRequest } from '../../src/connectors/source.js';
import { fileTable, pathOf, writeInput } from './file-support.js';
import { readAlone, readTogether } from './shared-support.js';

const TIME_LIMIT_MS = 240_000;

const COLUMNS = [
  { name: 'id', type: BIGINT },
  { name: 's', type: VARCHAR },
];

function fileRequest(
  options: Readonly<Record<string, string>>,
  batchRowsMax: number,
): SourceRequest {
  const raw = options['format'] === 'raw';
  return {
    table: fileTable(options, raw ? [{ name: 'line', type: VARCHAR }] : COLUMNS),
    physical: raw ? [0] : [0, 1],
    system: ['_offset', '_timestamp'],
    batchRowsMax,
    errors: { recordFailed: () => undefined },
    clock: { nowMs: () => 1_700_000_000_000, monotonicNs: () => 0 },
    notice: () => undefined,
  };
}

/** The pieces that files are hard to cut by, each with its own line end. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.nat(99).map((id) => `{"id":${id}}`) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(9), fc.nat(70))
      .map(([id, n]) => `{"id":${id},"s":"${'é'.repeat(n)}"}`),
  },
  { weight: 3, arbitrary: fc.constantFrom('', ' ', '\t \r', '  ') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('{"id":', '{"id":"x"}', '[1]', ' {"id":1} x', '{"id":2} ', '\ufeff'),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 600 }).map((n) => 'z'.repeat(n)) },
);
const lines = fc.array(fc.tuple(piece, fc.constantFrom('\n', '\n', '\n', '\r\n')), {
  maxLength: 60,
});
const content = fc
  .tuple(fc.boolean(), lines, fc.oneof(fc.constant(''), piece))
  .map(([marked, list, last]) => (marked ? '\ufeff' : '') + list.flat().join('') + last);

describe('the blocks of workers in turn', () => {
  test(
    'are the batches of one reader: rows, offsets, lines, failures, positions',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            content,
            format: fc.constantFrom('json', 'raw'),
            // A window is a byte longer than a record may be: small ones cut everywhere.
            recordBytesMax: fc.oneof(fc.integer({ min: 2, max: 300 }), fc.constant(1 << 24)),
            batchRowsMax: fc.constantFrom(1, 2, 7, 4096),
            seed: fc.nat(),
          }),
          async (given) => {
            const path = writeInput('tricky.txt', given.content);
            const { format, batchRowsMax, seed } = given;
            const request = fileRequest(
              { path, format, 'record.max-bytes': String(given.recordBytesMax) },
              batchRowsMax,
            );
            const alone = await readAlone(request);
            for (const workers of [1, 2, 3]) {
              expect(readTogether(request, { workers, seed })).toEqual(alone);
            }
          },
        ),
        { seed: 4, numRuns: 400 },
      );
    },
    TIME_LIMIT_MS,
  );

  test(
    'go on from a position that any reader has given',
    async () => {
      await fc.assert(
        fc.asyncProperty(content, fc.nat(12), fc.nat(), async (text, batchesMax, seed) => {
          const path = writeInput('resumed.txt', text);
          const request = fileRequest({ path, 'record.max-bytes': '90' }, 3);
          const alone = await readAlone(request, { batchesMax });
          const together = readTogether(request, { workers: 2, seed, batchesMax });
          expect(together).toEqual(alone);
          const rest = await readAlone(request, { from: alone.positions });
          expect(readTogether(request, { workers: 2, seed, from: alone.positions })).toEqual(rest);
        }),
        { seed: 5, numRuns: 200 },
      );
    },
    TIME_LIMIT_MS,
  );

  test(
    'of a file with many windows, long records and short ones',
    async () => {
      const long = `{"id":7,"s":"${'y'.repeat(3_000_000)}"}\n`;
      const some = Array.from(
        { length: 9_000 },
        (_, id) => `{"id":${id},"s":"${'x'.repeat(id % 90)}"}\n`,
      );
      const path = writeInput(
        'windows.jsonl',
        [...some, long, ...some, '\n'.repeat(2_000_000), long].join(''),
      );
      for (const batchRowsMax of [1000, 4096]) {
        const request = fileRequest({ path }, batchRowsMax);
        const alone = await readAlone(request);
        expect(alone.rowsRead).toBe(18_002);
        expect(readTogether(request, { workers: 1, seed: 1 })).toEqual(alone);
        expect(readTogether(request, { workers: 3, seed: 2 })).toEqual(alone);
      }
    },
    TIME_LIMIT_MS,
  );

  test('an empty file has none', () => {
    const request = fileRequest({ path: writeInput('nothing.jsonl', '') }, 7);
    expect(readTogether(request, { workers: 2, seed: 1 })).toMatchObject({
      batches: [],
      rowsRead: 0,
    });
  });
});

describe('who reads a file', () => {
  const sharing = (options: Record<string, string>): string =>
    fileSharing(fileTable(options, COLUMNS));

  test('all workers: JSON and raw lines of a regular file', () => {
    const path = writeInput('regular.jsonl', '{"id":1}\n');
    expect(sharing({ path })).toBe('shared');
    expect(sharing({ path, format: 'raw' })).toBe('shared');
  });

  test('one worker: CSV, a file that is followed, a pipe', () => {
    const path = writeInput('regular.csv', 'id,s\n1,a\n');
    expect(sharing({ path })).toBe('local');
    expect(sharing({ path, format: 'json', follow: 'true' })).toBe('local');
    const pipe = pathOf('pipe.jsonl');
    execFileSync('mkfifo', [pipe]);
    expect(sharing({ path: pipe })).toBe('local');
  });

  test('a missing file is missed by the worker that opens it', () => {
    const request = fileRequest({ path: pathOf('missing.jsonl') }, 7);
    expect(sharing({ path: pathOf('missing.jsonl') })).toBe('shared');
    expect(() => openSharedSource(request)).toThrowError(ConnectorError);
  });

  test("'key.fields' names columns", () => {
    const path = writeInput('keys.jsonl', '{"id":1}\n');
    expect(() => openSharedSource(fileRequest({ path, 'key.fields': 'id, s' }, 7))).not.toThrow();
    expect(() => openSharedSource(fileRequest({ path, 'key.fields': 'id,x' }, 7))).toThrowError(
      /"key.fields" of table "t" names the column "x", which it does not have/,
    );
  });
});
