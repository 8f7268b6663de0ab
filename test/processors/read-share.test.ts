/** The share of the input that was read: of rows, bytes and offsets, on V1 and V2, while it goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileJob, createJob } from '../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import { extentOf } from '../../src/connectors/kafka/prepare-topic.js';
import { leastShare, shareOfSplits } from '../../src/processors/read-share.js';

describe('shares', () => {
  it('of splits add up by their units, and stay within 0 and 1', () => {
    expect(shareOfSplits([])).toBe(1);
    expect(shareOfSplits([{ done: 0, total: 0 }])).toBe(1);
    expect(
      shareOfSplits([
        { done: 10, total: 100 },
        { done: 300, total: 300 },
      ]),
    ).toBe(0.775);
    expect(shareOfSplits([{ done: 11, total: 10 }])).toBe(1);
    expect(shareOfSplits([{ done: -1, total: 10 }])).toBe(0);
    expect(shareOfSplits([{ done: 1, total: 2 }, null])).toBeNull();
  });

  it('of sources are that of the one furthest behind', () => {
    expect(leastShare([])).toBeNull();
    expect(leastShare([0.5, 0.25, 1])).toBe(0.25);
    expect(leastShare([0.5, null])).toBeNull();
  });

  it('of a topic go from its first offset to where it ends', () => {
    expect(extentOf({ partition: 0, start: 5, stop: 12 })).toEqual({ start: 5, end: 12 });
    expect(extentOf({ partition: 0, start: 5, stop: Infinity })).toBeNull();
  });
});

const ROWS = 120_000;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'velo-share-'));
  const numbers = Array.from({ length: ROWS }, (_, at) => at);
  writeFileSync(join(folder, 'n.jsonl'), numbers.map((i) => `{"i":${i}}\n`).join(''));
  const objects = numbers.map((i) => `  {\n    "i": ${i}\n  }`).join(',\n');
  writeFileSync(join(folder, 'n.json'), `[\n${objects}\n]\n`);
  writeFileSync(join(folder, 'n.csv'), `i\n${numbers.join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GENERATOR = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '${ROWS}'); `;
const SOURCES = [
  ['a generator', () => `${GENERATOR} SELECT i FROM g`],
  ['JSON lines', () => `SELECT i FROM '${join(folder, 'n.jsonl')}'`],
  ['an array of JSON', () => `SELECT i FROM '${join(folder, 'n.json')}'`],
  ['CSV', () => `SELECT i FROM '${join(folder, 'n.csv')}'`],
  [
    'two sources',
    () => `${GENERATOR} SELECT i FROM g UNION ALL SELECT i FROM '${join(folder, 'n.csv')}'`,
  ],
] as const;

describe.each(['v1', 'v2'] as const)('on %s', (arch) => {
  async function sharesOf(sql: string): Promise<(number | null)[]> {
    const job = await compileJob({
      source: { name: 'share.sql', text: sql },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
    });
    const shares: (number | null)[] = [];
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        shares.push(processor.metrics().share);
        done();
      },
    });
    const processor = createJob(job, {
      sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: null,
      notice: () => undefined,
      partitioned: arch === 'v1' ? null : { ...PARTITIONED_DEFAULTS, partitions: 2, workers: 2 },
    });
    const { share } = await processor.start();
    return [...shares, share];
  }

  it.each(SOURCES)('%s tells how much of it was read', async (_, sql) => {
    const shares = await sharesOf(sql());
    expect(shares.every((share) => share !== null)).toBe(true);
    expect(shares).toEqual([...shares].sort((a, b) => Number(a) - Number(b)));
    expect(shares.some((share) => Number(share) > 0 && Number(share) < 1)).toBe(true);
    expect(shares.at(-1)).toBe(1);
  });

  it('what has no end tells nothing', async () => {
    const sql = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator'); SELECT i FROM g LIMIT 10`;
    expect((await sharesOf(sql))[0]).toBeNull();
  });
});
