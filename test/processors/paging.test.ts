/**
 * State that is larger than its share of memory: groups go to disk and come back, on V1 and on V2
 * with any number of partitions, for any batch size, and the rows are those of a run that keeps all
 * in memory. States that are kept meanwhile are gone on from, wherever. Seeds are printed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileJob, createJob } from '../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import type { JobMetrics } from '../../dist/processors/job-processor.js';
import type { StateMemoryChoice } from '../../dist/job/state-memory.js';
import type { Clock } from '../../src/base/clock.js';
import type { JobState } from '../../src/state/checkpoint/job-state.js';
import { Random } from '../oracle/random-data.js';
import { Capture } from './partitioned/jobs.js';
import { folder, randomGroupBy, ROWS, scriptOf } from './paging-queries.js';

const LIMIT_MS = 240_000;
const SEED = Number(process.env['VELO_PAGING_SEED'] ?? 20_261_130);
const QUERIES = Number(process.env['VELO_PAGING_QUERIES'] ?? 8);
/** Less than the least share: it is raised to that. */
const TINY_BYTES = 1;

/** Partitions and workers; null: V1. */
type Place = readonly [partitions: number, workers: number] | null;
const PLACES: readonly Place[] = [null, [1, 1], [2, 2], [3, 2], [8, 2]];
const BATCH_ROWS = [7, 500, null] as const;

const nameOf = (place: Place): string => (place === null ? 'V1' : `V2 ${place.join(' x ')}`);

interface Setting {
  readonly place: Place;
  readonly batchRows: number | null;
  readonly memory: StateMemoryChoice | null;
  /** Takes the states that are kept; null: none are. */
  readonly states?: JobState[] | null;
  readonly restore?: JobState | null;
}

interface Ran {
  readonly lines: readonly string[];
  readonly metrics: JobMetrics;
  readonly rowsRead: number;
}

async function run(sql: string, setting: Setting): Promise<Ran> {
  const { place, batchRows, memory, states = null, restore = null } = setting;
  const compiled = await compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const stdout = new Capture();
  const [partitions, workers] = place ?? [1, 1];
  const failures: unknown[] = [];
  const job = createJob(compiled, {
    sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows,
    clock: hastyClock(),
    notice: () => undefined,
    stateMemory: memory,
    partitioned: place === null ? null : { ...PARTITIONED_DEFAULTS, partitions, workers },
    checkpoints:
      states === null && restore === null
        ? null
        : {
            restore,
            commits: null,
            target: {
              intervalMs: 0,
              isVital: false,
              take:
                ({ state }) =>
                async () => {
                  states?.push(await state);
                },
              failed: (error) => failures.push(error),
            },
          },
  });
  const { rowsRead } = await job.start();
  expect(failures).toEqual([]);
  return { lines: stdout.lines().sort(), metrics: job.metrics(), rowsRead };
}

/** Each look at it takes 10 ms: V1 may keep a state behind each block. */
function hastyClock(): Clock {
  let ns = 0;
  return {
    nowMs: () => Date.now(),
    monotonicNs: () => {
      ns += 1e7;
      return ns;
    },
  };
}

const pagedBytes = ({ metrics }: Ran): number =>
  metrics.queries.reduce((sum, query) => sum + query.pagedBytes, 0);

const inMemory = { memory: null, place: null, batchRows: null };

describe('groups that are more than memory holds', () => {
  const random = new Random(SEED);
  const cells = Array.from({ length: QUERIES }, (_, at) => ({
    query: randomGroupBy(random),
    place: PLACES[at % PLACES.length]!,
    batchRows: random.pick(BATCH_ROWS),
  }));

  it.each(cells)(
    `are right (seed ${SEED}): $query`,
    async ({ query, place, batchRows }) => {
      const sql = scriptOf(query);
      const { lines } = await run(sql, inMemory);
      const memory = { bytes: TINY_BYTES, dir: folder, isNamed: false };
      const paged = await run(sql, { place, batchRows, memory });
      expect(pagedBytes(paged), nameOf(place)).toBeGreaterThan(0);
      expect(paged.lines, nameOf(place)).toEqual(lines);
    },
    LIMIT_MS,
  );

  it(
    'leave no file behind',
    async () => {
      const dir = mkdtempSync(join(folder, 'scratch-'));
      const sql = scriptOf(randomGroupBy(new Random(SEED + 1)));
      const memory = { bytes: TINY_BYTES, dir, isNamed: false };
      expect(pagedBytes(await run(sql, { ...inMemory, memory }))).toBeGreaterThan(0);
      expect(readdirSync(dir)).toEqual([]);
    },
    LIMIT_MS,
  );
});

/** From and to: with the memory of each, so that both may be on disk, or one of them. */
const WAYS: readonly (readonly [from: Place, to: Place, restored: 'tiny' | 'all'])[] = [
  [null, null, 'tiny'],
  [null, [3, 2], 'all'],
  [[3, 2], null, 'tiny'],
  [[2, 2], [8, 2], 'tiny'],
  [[8, 2], [1, 1], 'all'],
];

describe('a state that was kept with groups on disk is gone on from', () => {
  it.each(WAYS.map(([from, to, restored], at) => ({ from, to, restored, at })))(
    `$from to $to with $restored memory (seed ${SEED})`,
    async ({ from, to, restored, at }) => {
      const into = join(folder, `rows-${at}.jsonl`);
      const random = new Random(SEED + 7 * at);
      const sql = scriptOf(randomGroupBy(random), into);
      const linesOf = (): string[] => readFileSync(into, 'utf8').split('\n').sort();
      await run(sql, inMemory);
      const expected = linesOf();
      rmSync(into);
      const states: JobState[] = [];
      const dir = mkdtempSync(join(folder, 'pages-'));
      const tiny = { bytes: TINY_BYTES, dir, isNamed: true };
      await run(sql, { place: from, batchRows: 100, memory: tiny, states });
      expect(linesOf(), sql).toEqual(expected);
      const onDisk = states.filter((state) =>
        state.some(({ operators }) => operators.some(({ file }) => file !== undefined)),
      );
      expect(onDisk.length, sql).toBeGreaterThan(0);
      const restore = onDisk[random.below(onDisk.length)]!;
      const other = { ...tiny, dir: mkdtempSync(join(folder, 'pages-')) };
      const memory = restored === 'tiny' ? other : null;
      const { rowsRead } = await run(sql, { place: to, batchRows: null, memory, restore });
      expect(rowsRead, sql).toBeLessThan(ROWS);
      expect(linesOf(), sql).toEqual(expected);
    },
    LIMIT_MS,
  );
});
