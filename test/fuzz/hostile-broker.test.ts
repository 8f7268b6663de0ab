/**
 * A broker whose answers are wrong: each run of a job meets one mutant (broker-mutants.ts), reading,
 * reading in a group and writing, on V1 and V2. The rows are right, or the job ends with a named
 * error within its time, or it says what it waits for and ends when it is stopped; never a text of
 * velo's inside, never memory without bound.
 *
 * A sample runs each time. VELO_FUZZ=1000 runs so many of reading on V1 and their share of the others,
 * VELO_FUZZ_FIRST begins further on, VELO_FUZZ_SEED takes other ones, and VELO_FUZZ_LOG names a file
 * to which what became of them is added (fuzz.ts). A run is a job that meets one mutant.
 */
import { appendFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { VeloError } from '../../dist/base/errors.js';
import { JobRun, kafkaDdl } from '../kafka/job-run.js';
import type { Shape } from '../kafka/job-run.js';
import { LoopbackBroker, idBatches } from '../kafka/loopback-broker.js';
import type { ApiName } from '../kafka/loopback-broker.js';
import { readRecordSet } from '../connectors/kafka/read-records.js';
import { mutants } from './broker-mutants.js';
import type { Mutant } from './broker-mutants.js';
import { FIRST, LOG, SEED, inputsOf } from './fuzz.js';

const ROUNDS = inputsOf(40);

const COUNT = 24;
const ALL = Array.from({ length: COUNT }, (_, id) => id);
/** After so long a job that goes on is stopped: what it does is said, or it is a fault. */
const PATIENCE_MS = 5_000;
/** How long stopping may take: 2 s, and what a busy machine adds. */
const STOP_MS = 8_000;
const MEMORY_MAX = 1 << 30;
const CONNECT = { 'connect.timeout': '1s', 'properties.request.timeout.ms': '500' };
const INTERNAL = /DataView|RangeError|TypeError|undefined|NaN|\[object|out of bounds|Cannot read/;

interface Lane {
  readonly name: string;
  readonly shape: Shape | null;
  readonly apis: readonly ApiName[];
  /** Of the rounds, how many. */
  readonly share: number;
  readonly atOnce: number;
  readonly sql: (broker: LoopbackBroker) => string;
  /** Whether the job did what it should, where it ended without an error. */
  readonly isRight: (run: JobRun, broker: LoopbackBroker, mutant: Mutant) => boolean;
}

const READ_APIS: readonly ApiName[] = ['fetch', 'metadata', 'listOffsets', 'fetch', 'apiVersions'];
const GROUP_APIS: readonly ApiName[] = ['offsetFetch', 'findCoordinator', 'offsetCommit'];
const WRITE_APIS: readonly ApiName[] = ['produce', 'initProducerId', 'metadata', 'apiVersions'];
const V2: Shape = { partitions: 2, workers: 2 };

function reading(broker: LoopbackBroker, group: boolean): string {
  const options = {
    ...CONNECT,
    ...(group ? { 'properties.group.id': 'g' } : { 'scan.startup.mode': 'earliest-offset' }),
    'scan.bounded.mode': 'latest-offset',
    fetch: 'columnar',
  };
  return `${kafkaDdl(broker.address, 't', options, 'id BIGINT')} SELECT id FROM t;`;
}

/** Where the range to read is a broker's word, so is a part of it. */
function rowsRight(run: JobRun, _broker: LoopbackBroker, { api }: Mutant): boolean {
  const ids = run.rows().map((row) => Number(row['id']));
  const partly = api === 'listOffsets' || api === 'offsetFetch';
  if (!partly) return String(ids) === String(ALL);
  return ids.every((id, at) => id === (ids[0] ?? 0) + at && id < COUNT);
}

function writing(broker: LoopbackBroker): string {
  const options = {
    ...CONNECT,
    'properties.delivery.timeout.ms': '1500',
    'properties.retry.backoff.ms': '20',
    produce: 'columnar',
  };
  return `CREATE TABLE g (id BIGINT AS i) WITH ('connector' = 'generator', 'rows' = '${COUNT}');
    ${kafkaDdl(broker.address, 't', options, 'id BIGINT', 'o')} INSERT INTO o SELECT id FROM g;`;
}

/** What is sent again may be there twice: this broker does not tell. */
function allWritten(_run: JobRun, broker: LoopbackBroker): boolean {
  const written = new Set(
    broker.written.flatMap((batch) =>
      readRecordSet(batch).records.map(({ value }) => (JSON.parse(value) as { id: number }).id),
    ),
  );
  return written.size === COUNT;
}

const LANES: readonly Lane[] = [
  ...[null, V2].map((shape): Lane => ({
    name: `reading on ${shape === null ? 'V1' : 'V2'}`,
    shape,
    apis: READ_APIS,
    share: shape === null ? 1 : 0.25,
    atOnce: shape === null ? 8 : 3,
    sql: (broker) => reading(broker, false),
    isRight: rowsRight,
  })),
  ...[null, V2].map((shape): Lane => ({
    name: `reading in a group on ${shape === null ? 'V1' : 'V2'}`,
    shape,
    apis: GROUP_APIS,
    share: shape === null ? 0.4 : 0.15,
    atOnce: shape === null ? 8 : 3,
    sql: (broker) => reading(broker, true),
    isRight: rowsRight,
  })),
  ...[null, V2].map((shape): Lane => ({
    name: `writing on ${shape === null ? 'V1' : 'V2'}`,
    shape,
    apis: WRITE_APIS,
    share: shape === null ? 0.4 : 0.15,
    atOnce: shape === null ? 8 : 3,
    sql: writing,
    isRight: allWritten,
  })),
];

/** What became of a mutant: in a word, and what is wrong with it. */
interface Outcome {
  readonly became: string;
  readonly fault: string | null;
}

async function outcomeOf(lane: Lane, mutant: Mutant): Promise<Outcome> {
  const broker = await LoopbackBroker.start({
    logs: [lane.sql === writing ? [] : idBatches(COUNT, 5)],
    committed: 0,
  });
  broker.hook = ({ api, nth }, fields) => {
    if (api !== mutant.api || (mutant.often === 'once' && nth > 1)) return null;
    return { body: mutant.mutate(fields) };
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    const run = await JobRun.start(lane.sql(broker), lane.shape);
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), PATIENCE_MS);
    });
    const ended = await Promise.race([endOf(run), late]);
    return ended === 'late' ? await stopped(run) : judged(ended, lane.isRight(run, broker, mutant));
  } finally {
    clearTimeout(timer);
    await broker.close();
  }
}

interface End {
  readonly error: unknown;
}

async function endOf(run: JobRun): Promise<End> {
  try {
    await run.result;
    return { error: null };
  } catch (error) {
    return { error };
  }
}

function judged({ error }: End, isRight: boolean): Outcome {
  if (error === null) return { became: 'right', fault: isRight ? null : 'other rows, no error' };
  return { became: errorText(error), fault: internalIn(error) };
}

/** A job that waits for what may pass: it says so, and ends when it is told to. */
async function stopped(run: JobRun): Promise<Outcome> {
  const said = run.notices.join(' | ');
  const startedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const ended = await Promise.race([
    Promise.all([run.stop(), endOf(run)]).then(() => true),
    new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), STOP_MS);
    }),
  ]);
  clearTimeout(timer);
  const ms = Math.round(performance.now() - startedMs);
  if (!ended) return { became: 'no end', fault: `it did not stop for ${ms} ms` };
  return { became: `waits: ${said}`, fault: null };
}

function errorText(error: unknown): string {
  return error instanceof VeloError ? error.code : String(error);
}

function internalIn(error: unknown): string | null {
  if (!(error instanceof VeloError)) return `no error of velo's: ${String(error)}`;
  const { code, message, detail, hint } = error;
  const text = [message, detail ?? '', hint ?? ''].join(' ');
  return code === 'VELO_INTERNAL' || INTERNAL.test(text) ? text : null;
}

const lines: string[] = [];

async function runLane(lane: Lane): Promise<readonly string[]> {
  const count = Math.ceil(ROUNDS * lane.share);
  const all = mutants(lane.apis, FIRST + count, SEED).slice(FIRST);
  const faults: string[] = [];
  const counts = new Map<string, number>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next; at < all.length; at = next) {
      next += 1;
      const mutant = all[at];
      if (mutant === undefined) return;
      const { became, fault } = await outcomeOf(lane, mutant);
      const waits = became.startsWith('waits: ') ? 'said what it waits for, and stopped' : became;
      const word = became === 'waits: ' ? 'waited for a broker, and stopped' : waits;
      counts.set(word, (counts.get(word) ?? 0) + 1);
      if (fault !== null) faults.push(`${mutant.number} ${mutant.what}: ${became}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: lane.atOnce }, work));
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  lines.push(`${lane.name}: ${all.length} mutants, seed ${SEED}, ${faults.length} faults`);
  for (const [word, count] of sorted) lines.push(`  ${String(count).padStart(5)}  ${word}`);
  for (const fault of faults) lines.push(`  FAULT ${fault}`);
  return faults;
}

describe('a broker with wrong answers', () => {
  afterAll(() => {
    const memory = Math.round(process.resourceUsage().maxRSS / 1024);
    lines.push(`most memory resident: ${memory} MiB`);
    if (LOG !== undefined) appendFileSync(LOG, `${lines.join('\n')}\n\n`);
  });

  it.each(LANES.map((lane) => [lane.name, lane] as const))(
    '%s: right rows, or a named error in time',
    async (_, lane) => {
      expect(await runLane(lane)).toEqual([]);
      expect(process.resourceUsage().maxRSS * 1024).toBeLessThan(MEMORY_MAX);
    },
    60_000 + ROUNDS * 3_000,
  );
});
