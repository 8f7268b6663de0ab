/**
 * One random life of a small job: what it computes, how it is cut into partitions, and what befalls
 * it (start, pause, resume, snapshot, stop, drain, a poison record, a killed worker). Owns the
 * choices, all from one seed, and what must hold at the end; how many there are is the caller's.
 */
import { Random } from '../../oracle/random-data.js';
import { TestJob, unaccountedRows } from './jobs.js';
import type { JobOptions } from './jobs.js';

/** A thread that is killed just as its job ends may still be lent to another: for so long. */
const DYING_MS = 2000;

let lastKill = Number.NEGATIVE_INFINITY;

const SHAPES: readonly string[] = [
  `SELECT k, v FROM t WHERE v > 50`,
  `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES`,
  `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT FINAL`,
  `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k
    WINDOW TUMBLING(ts, INTERVAL '10' SECOND) EMIT FINAL`,
  `SELECT t.k, t.v FROM t JOIN u ON t.k = u.k
    AND t.ts BETWEEN u.ts - INTERVAL '1' SECOND AND u.ts`,
  `SELECT k, COUNT(*) AS n FROM t GROUP BY k
    WINDOW TUMBLING(ts, INTERVAL '10' SECOND) EMIT FINAL ORDER BY n DESC, k LIMIT 7`,
];

function tableOf(name: string, rows: number, splits: number, poison: boolean): string {
  const v = poison ? `100 / (i - ${rows - (rows >> 2)})` : 'i % 101';
  return `CREATE TABLE ${name} (
      k STRING AS 'k' || CAST(i % 37 AS STRING),
      v BIGINT AS ${v},
      ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(
        i * 100 - CASE WHEN i % 11 = 0 THEN (i % 30) * 1000 ELSE 0 END, 3),
      WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
    WITH ('connector' = 'generator', 'rows' = '${rows}', 'splits' = '${splits}');\n`;
}

export interface ChaosEnd {
  readonly kind: 'finished' | 'killed' | 'poisoned';
  readonly rowsRead: number;
}

/** Plays the sequence of a seed. Throws when what must hold does not, naming the seed. */
export async function playSequence(seed: number): Promise<ChaosEnd> {
  const random = new Random(seed);
  const batchRows = 1 + random.below(random.chance(50) ? 16 : 512);
  const rows = Math.min(3000, batchRows * (5 + random.below(120)));
  const poison = random.chance(5);
  const splits = 1 + random.below(3);
  const shape = random.pick(SHAPES);
  const tables = tableOf('t', rows, splits, poison) + tableOf('u', rows, 1, false);
  const options: JobOptions = {
    partitions: 1 + random.below(5),
    workers: 1 + random.below(3),
    settings: { ringSlots: 2 + random.below(15) },
    batchRows,
    blackhole: random.chance(50),
  };
  const about = `seed ${seed}: ${JSON.stringify(options)} of ${rows} rows, ${shape}`;
  try {
    return await play(await TestJob.of(`${tables}${shape};`, options), random, poison);
  } catch (error) {
    throw new Error(`${about}: ${String(error)}`, { cause: error });
  }
}

async function play(test: TestJob, random: Random, poison: boolean): Promise<ChaosEnd> {
  const ended = test.whileItMoves(test.job.start(), 'the job').then(
    (result) => ({ result, error: null }),
    (error: unknown) => ({ result: null, error: error as Error & { code?: string } }),
  );
  const killed = await befall(test, random);
  // A job that was left paused would wait for ever, as it should.
  test.job.resume();
  const { result, error } = await ended;
  if (error === null) {
    if (unaccountedRows(result) !== 0) throw new Error('law 11: rows are not accounted for');
    if (test.job.state !== 'finished') throw new Error(`state is ${test.job.state}`);
    return { kind: 'finished', rowsRead: result.rowsRead };
  }
  const named = /^worker (\d+) died: it ended with exit code \d$/.exec(error.message)?.[1];
  if (error.code === 'VELO_WORKER_DIED' && named !== undefined) {
    const byAnother = killed === null && performance.now() - lastKill < DYING_MS;
    if (Number(named) === killed || byAnother) return { kind: 'killed', rowsRead: 0 };
  }
  if (poison && error.code === 'VELO_DIVISION_BY_ZERO') return { kind: 'poisoned', rowsRead: 0 };
  throw error;
}

/** Some random events; gives the worker that was killed, if one was. */
async function befall(test: TestJob, random: Random): Promise<number | null> {
  const { job } = test;
  for (let event = random.below(6); event > 0; event -= 1) {
    await turnsOfTheEventLoop(random.below(random.chance(20) ? 300 : 20));
    const chosen = random.below(100);
    if (chosen < 30) job.pause();
    else if (chosen < 60) job.resume();
    else if (chosen < 75) await snapshotOrRefusal(test);
    else if (chosen < 84) void job.stop();
    else if (chosen < 93) void job.stop({ drain: true });
    else {
      const worker = random.below(Math.max(1, test.threads().length));
      const thread = test.threads()[worker];
      if (thread === undefined) continue;
      lastKill = performance.now();
      void thread.terminate();
      return worker;
    }
  }
  return null;
}

/** A snapshot is whole or refused; it never keeps anybody waiting. */
async function snapshotOrRefusal(test: TestJob): Promise<void> {
  const refusal = (error: Error & { code?: string }): void => {
    if (error.code !== 'VELO_STATE_INVALID') throw error;
  };
  await test.whileItMoves(
    test.job.snapshot().then(() => undefined, refusal),
    'a snapshot',
  );
}

async function turnsOfTheEventLoop(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
