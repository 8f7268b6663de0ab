/**
 * Key groups that move while a job runs do not show in what it writes: a job whose keys, 90 % of
 * whose rows, are in the range of one partition moves them off it by itself, and every query with
 * state goes on from a table of owners that a seed makes, to equal ranges and back. The job's clock
 * runs twenty times as fast as the machine's. VELO_RESCALE_SEED asks for other tables.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../dist/base/clock.js';
import type { Clock } from '../../src/base/clock.js';
import { finaliseHash, hashWords } from '../../src/columnar/hash.js';
import { keyGroupOf } from '../../src/state/key-groups.js';
import { openCheckpoints } from '../../dist/job/checkpointing.js';
import { compileJob, createRestartingJob } from '../../dist/job.js';
import type { RebalanceRemark } from '../../src/job/rebalancing.js';
import type { RebalancedJob } from '../../src/job/recut.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import { equalRanges } from '../../src/processors/partitioned/routing/key-group-owners.js';
import { Capture, until, within } from '../processors/partitioned/jobs.js';
import { folder, ROWS, SHAPES, SOURCES, sqlOf } from '../processors/state-shapes.js';

const SEED = Number(process.env['VELO_RESCALE_SEED'] ?? 20261130);
const LIMIT_MS = 240_000;
const FASTER = 20;
const states = mkdtempSync(join(tmpdir(), 'velo-live-rebalance-'));

afterAll(() => rmSync(states, { recursive: true, force: true }));

const fastClock: Clock = {
  nowMs: () => systemClock.nowMs(),
  monotonicNs: () => systemClock.monotonicNs() * FASTER,
};

interface JobOptions {
  readonly partitions: number;
  readonly owners: readonly number[] | null;
  readonly rebalance: boolean;
  readonly changelog?: boolean;
  readonly batchRows?: number;
}

async function jobOf(sql: string, options: JobOptions) {
  const { partitions, owners, rebalance, changelog = false, batchRows = null } = options;
  const compiled = await compileJob({
    source: { name: 'test.sql', text: sql },
    variables: () => undefined,
    settings: {},
    changelog,
    redirects: new Map(),
    limit: null,
  });
  const warnings: string[] = [];
  const notice = (): void => undefined;
  const checkpoints = await openCheckpoints(
    {
      name: 'test.sql',
      queries: compiled.plan.queries,
      arch: 'v2',
      partitions,
      clock: systemClock,
      notice,
      warn: (line) => warnings.push(line),
    },
    {
      dir: mkdtempSync(join(states, 'state-')),
      intervalMs: 3_600_000,
      restore: 'latest',
      keep: 3,
      allowStateLoss: [],
    },
  );
  const told: (RebalancedJob | RebalanceRemark)[] = [];
  const job = createRestartingJob(
    compiled,
    {
      sinks: { stdout: new Capture(), format: 'jsonl', onStdoutClosed: () => undefined },
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows,
      clock: fastClock,
      notice,
      partitioned: { ...PARTITIONED_DEFAULTS, partitions, workers: 2, owners, rebalance },
      checkpoints,
    },
    {
      checkpoints,
      policy: { attempts: 0, delayMs: 1 },
      rescaled: () => undefined,
      rebalanced: (one) => told.push(one),
    },
  );
  const run = async () => {
    try {
      const result = await within(job.start(), LIMIT_MS);
      expect(warnings).toEqual([]);
      return result;
    } finally {
      await checkpoints.close();
    }
  };
  return { job, told, run };
}

/** BIGINTs whose key group one of so many partitions has, or has not. */
function keysOf(count: number, partitions: number, isHot: boolean, hot: number): number[] {
  const owners = equalRanges(partitions);
  const keys: number[] = [];
  for (let key = 0; keys.length < count; key += 1) {
    const owner = owners[keyGroupOf(finaliseHash(hashWords(key, 0)))];
    if ((owner === hot) === isHot) keys.push(key);
  }
  return keys;
}

const PARTITIONS = 4;
const HOT = 1;

/** Nine of ten rows have one of 90 keys of the hot partition. */
function skewedTable(rows: number, rate: number | null): string {
  const among = (keys: readonly number[], number: string): string =>
    `CASE ${number} ${keys.map((key, at) => `WHEN ${at} THEN ${key}`).join(' ')} END`;
  const hot = among(keysOf(90, PARTITIONS, true, HOT), 'i % 90');
  const others = among(keysOf(30, PARTITIONS, false, HOT), 'i % 30');
  const paced = rate === null ? '' : `, 'rows-per-second' = '${rate}'`;
  return `CREATE TABLE g (k BIGINT AS CASE WHEN i % 10 < 9 THEN ${hot} ELSE ${others} END,
      v BIGINT AS i * 37 % 101)
    WITH ('connector' = 'generator', 'rows' = '${rows}'${paced});\n`;
}

const QUERIES = [
  ['rows', 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT CHANGES'],
  ['groups', 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM g GROUP BY k EMIT FINAL'],
] as const;

const rowsOf = (rows: readonly number[]): number => rows.reduce((sum, count) => sum + count, 0);

function sharesOf(rows: readonly number[]): number[] {
  const total = rowsOf(rows);
  return rows.map((count) => count / total);
}

describe('a partition that gets 90 % of the rows', () => {
  it.each(QUERIES)(
    'is hot no longer, and the rows are the same: %s are exchanged',
    async (name, query) => {
      const [rows, rate] = [150_000, 40_000];
      const path = join(folder, `skew-${name}.jsonl`);
      const into = `INSERT INTO '${path}' ${query};`;
      const cut = { partitions: PARTITIONS, owners: null };
      const whole = await jobOf(`${skewedTable(rows, null)}${into}`, { ...cut, rebalance: false });
      await whole.run();
      const expected = readFileSync(path, 'utf8');
      rmSync(path);
      const one = await jobOf(`${skewedTable(rows, rate)}${into}`, { ...cut, rebalance: true });
      const partitions = (): number[] =>
        one.job.metrics().queries[0]!.partitions.map(({ rowsIn }) => rowsIn);
      const ended = one.run();
      let before: readonly number[] = [];
      await Promise.race([
        ended,
        until(() => {
          // The next life begins with 0.
          if (one.job.opened && rowsOf(partitions()) > rowsOf(before)) before = partitions();
          return one.told.length > 0;
        }),
      ]);
      const result = await ended;
      const after = result.queries[0]!.partitions.map(({ rowsIn }) => rowsIn);
      const [was, is] = [sharesOf(before)[HOT]!, sharesOf(after)[HOT]!];
      const told = JSON.stringify({ was, is, before, after });
      console.log(
        `hot partition: ${(was * 100).toFixed(1)} % before, ${(is * 100).toFixed(1)} % after`,
      );
      expect(one.told, told).toMatchObject([{ kind: 'plan', partition: HOT }]);
      expect(was, told).toBeGreaterThan(0.85);
      expect(Math.max(...sharesOf(after)), told).toBeLessThan(0.35);
      expect(result.recuts).toMatchObject({ rescales: 0, rebalances: 1 });
      expect(result.rowsRead).toBe(rows);
      const written = readFileSync(path, 'utf8');
      if (name === 'rows') expect(written).toBe(expected);
      expect(written.split('\n').sort()).toEqual(expected.split('\n').sort());
    },
    LIMIT_MS,
  );
});

function ownersBy(seed: number, partitions: number): number[] {
  let state = seed;
  return Array.from({ length: 1024 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * partitions);
  });
}

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').sort();

describe(`key groups anywhere give the same rows (seed ${SEED})`, () => {
  const cells = SHAPES.map((shape, at) => ({ shape, ...SOURCES[(at + 1) % SOURCES.length]!, at }));
  it.each(cells.map((cell) => ({ name: cell.shape.name, ...cell })))(
    '$name: $source, $splits splits',
    async ({ shape, source, splits, at }) => {
      const path = join(folder, 'owned.jsonl');
      const { changelog = false } = shape;
      const sql = sqlOf(shape, source, splits, path);
      const same = { changelog, batchRows: 4, rebalance: false };
      const whole = await jobOf(sql, { ...same, partitions: 1, owners: null });
      await whole.run();
      const expected = linesOf(path);
      rmSync(path);
      const owners = ownersBy(SEED + at, 5);
      let cuts = 0;
      for (let attempt = 0; cuts < 2; attempt += 1) {
        expect(attempt, 'the job ended before it was cut, again and again').toBeLessThan(20);
        const one = await jobOf(sql, { ...same, partitions: 5, owners });
        const ended = one.run();
        for (const partitions of [3, 5]) {
          const deep = until(
            () => one.job.state === 'running' && one.job.metrics().rowsRead >= ROWS / 10,
          );
          await Promise.race([ended, within(deep, LIMIT_MS)]);
          one.job.pause();
          await one.job.rescale({ partitions, workers: null }).catch((error: unknown) => {
            expect(String(error)).toMatch(/has ended|it is finished|job ended before/);
          });
          one.job.resume();
        }
        const { recuts } = await ended;
        cuts = recuts?.rescales ?? 0;
        expect(linesOf(path), `attempt ${attempt}, ${cuts} cuts`).toEqual(expected);
        rmSync(path);
      }
    },
    LIMIT_MS,
  );
});
