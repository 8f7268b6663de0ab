/**
 * A broker whose answers to a member of a group are wrong: each run of a job that has joined meets
 * one mutant (broker-mutants.ts), on V1 and V2, by columnar fetch and through librdkafka. What holds
 * is what hostile-broker.test.ts says: right rows, or a named error in time, or it waits and ends
 * when it is stopped; no text of velo's inside, no memory without bound.
 *
 * Membership is librdkafka's, and that ends its process on some answers: so jobs run in processes
 * of their own (job-host.ts), and a death is a fault unless KNOWN_DEATHS has it. Settings are those
 * of fuzz.ts; VELO_FUZZ counts the mutants of all answers together.
 */
import { appendFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kafkaDdl } from '../kafka/job-run.js';
import type { Shape } from '../kafka/job-run.js';
import { LoopbackBroker, idBatches } from '../kafka/loopback-broker.js';
import type { ApiName } from '../kafka/loopback-broker.js';
import { JobHost } from '../support/job-host.js';
import type { Died, Ended, HostedJob } from '../support/job-host.js';
import { mutants } from './broker-mutants.js';
import type { Mutant } from './broker-mutants.js';
import { FIRST, LOG, SEED, inputsOf } from './fuzz.js';

const APIS: readonly ApiName[] = [
  'findCoordinator',
  'joinGroup',
  'syncGroup',
  'heartbeat',
  'offsetFetch',
  'offsetCommit',
  'leaveGroup',
];
const COUNT = inputsOf(28);
const HOSTS = 8;
/** Jobs of one process, before another takes its place. */
const BLOCK = 40;
const PATIENCE = { jobMs: 4_000, stopMs: 60_000 };
const MEMORY_MAX = 1 << 30;
const INTERNAL = /DataView|RangeError|TypeError|undefined|NaN|\[object|out of bounds|Cannot read/;

/** Rows of a partition; those of the second begin at SECOND. */
const ROWS = 12;
const SECOND = 100;
const EACH = 4;
/** A number of 32 bits, and a length: none. */
const MINUS_ONE = Buffer.alloc(4, 0xff);
/** Between two batches where heartbeats are to come in between. */
const PACE_MS = 120;

interface Lane {
  readonly name: string;
  readonly shape: Shape | null;
  readonly fetch: 'columnar' | 'librdkafka';
  /** A LIMIT counts over all partitions: such a query needs them all. */
  readonly shares: boolean;
}

const V2: Shape = { partitions: 2, workers: 2 };
const LANES: readonly Lane[] = [true, false].flatMap((shares) =>
  [null, V2].flatMap((shape) =>
    (['columnar', 'librdkafka'] as const).map((fetch) => {
      const query = shares ? 'shared' : 'whole topic';
      return { name: `${shape === null ? 'V1' : 'V2'}, ${fetch}, ${query}`, shape, fetch, shares };
    }),
  ),
);

/** Answers on which librdkafka ends its process (docs/limits.md), and how that is known. */
interface KnownDeath {
  readonly api: ApiName;
  readonly field: string;
  readonly how: 'SIGSEGV' | 'SIGABRT';
  /** What it asserts; a crash says nothing: then the field must be what was changed. */
  readonly asserts: string | null;
  readonly why: string;
}

const KNOWN_DEATHS: readonly KnownDeath[] = [
  {
    api: 'joinGroup',
    field: 'leader length',
    how: 'SIGSEGV',
    asserts: null,
    why: 'it compares the null name of the leader',
  },
  {
    api: 'joinGroup',
    field: 'member length',
    how: 'SIGSEGV',
    asserts: null,
    why: 'it copies the null name of the member',
  },
  {
    api: 'joinGroup',
    field: 'members',
    how: 'SIGABRT',
    asserts: 'rd_calloc',
    why: 'it makes room for a negative number of members',
  },
  {
    api: 'joinGroup',
    field: 'subscription length',
    how: 'SIGABRT',
    asserts: 'rd_slice_init_full',
    why: 'it reads the subscription of null bytes',
  },
];

function jobOf({ fetch, shape, shares }: Lane, broker: LoopbackBroker): HostedJob {
  const options = {
    fetch,
    'connect.timeout': '1s',
    'properties.group.id': 'g',
    'properties.request.timeout.ms': '500',
    'properties.heartbeat.interval.ms': '100',
    'properties.session.timeout.ms': '3000',
  };
  const table = kafkaDdl(broker.address, 't', options, 'id BIGINT');
  const all = 2 * ROWS;
  const query = `SELECT id FROM t${shares ? '' : ` LIMIT ${all}`};`;
  return { sql: `${table} ${query}`, shape, rowsMax: shares ? all : null };
}

interface Outcome {
  readonly became: string;
  readonly fault: string | null;
}

async function brokerWith(mutant: Mutant, touched: Set<string>): Promise<LoopbackBroker> {
  const logs = [idBatches(ROWS, EACH), idBatches(ROWS, EACH, SECOND).map(fromZero)];
  const broker = await LoopbackBroker.start({ logs, committed: 0 });
  const paced = mutant.api === 'heartbeat';
  if (paced) {
    broker.setFrom = (partition, offset) =>
      logs[partition]?.find((_, at) => (at + 1) * EACH > offset) ?? Buffer.alloc(0);
  }
  broker.hook = ({ api, nth }, fields) => {
    if (api === 'fetch' && paced) {
      return { body: Buffer.concat(fields.map(({ bytes }) => bytes)), delayMs: PACE_MS };
    }
    if (api !== mutant.api || (mutant.often === 'once' && nth > 1)) return null;
    for (const name of mutant.touched(fields)) touched.add(name);
    return { body: mutant.mutate(fields) };
  };
  return broker;
}

/** A log begins at offset 0, whatever its ids. */
function fromZero(batch: Buffer, index: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(index * EACH), 0);
  return copy;
}

/** A process for jobs: another one after a block of them, and when it is gone. */
class Seat {
  memoryMax = 0;
  private host: JobHost | null = null;

  async run(lane: Lane, mutant: Mutant): Promise<Outcome> {
    const used = this.host !== null;
    const first = await this.tried(lane, mutant);
    if (!('died' in first)) return first;
    const outcome = deathOf(mutant, first);
    if (!used || outcome.fault === null) return outcome;
    // The job before may have left what killed this one: alone it shows.
    const again = await this.tried(lane, mutant);
    if ('died' in again) return deathOf(mutant, again);
    await this.close();
    return { became: 'died once', fault: `not alone: ${outcome.fault}` };
  }

  async close(): Promise<void> {
    await this.host?.close();
    this.host = null;
  }

  private async tried(lane: Lane, mutant: Mutant): Promise<Outcome | Death> {
    const touched = new Set<string>();
    const broker = await brokerWith(mutant, touched);
    const host = (this.host ??= new JobHost());
    try {
      const end = await host.run(jobOf(lane, broker), PATIENCE);
      if (end.kind === 'died') {
        await this.close();
        return { died: end, touched };
      }
      if (end.kind === 'stuck') {
        await this.close();
        return { became: 'no end', fault: `it did not stop for ${PATIENCE.stopMs} ms` };
      }
      this.memoryMax = Math.max(this.memoryMax, end.memoryMax);
      if (host.jobs >= BLOCK) await this.close();
      return judged(end, mutant);
    } finally {
      await broker.close();
    }
  }
}

interface Death {
  readonly died: Died;
  readonly touched: ReadonlySet<string>;
}

function deathOf({ api }: Mutant, { died: { how, stderr }, touched }: Death): Outcome {
  const known = KNOWN_DEATHS.find(({ asserts, field, ...each }) => {
    const isIt = asserts === null ? touched.has(field) : stderr.includes(`${asserts}: Assertion`);
    return each.api === api && each.how === how && isIt;
  });
  if (known !== undefined) {
    return { became: `librdkafka ended the process: ${known.why}`, fault: null };
  }
  const last = stderr.trim().split('\n').slice(-3).join(' | ');
  return { became: 'died', fault: `${how} (${[...touched].join(', ')}) ${last}` };
}

function judged({ error, text, notices, wasStopped }: Ended, mutant: Mutant): Outcome {
  const inside = [error?.text ?? '', ...notices].find((each) => INTERNAL.test(each));
  const wrong = wrongIn(text, mutant);
  const fault = inside ?? wrong;
  if (error !== null) {
    const { code } = error;
    const unnamed = code === null || code === 'VELO_INTERNAL' ? error.text : null;
    return { became: code ?? 'no error of velo', fault: unnamed ?? fault };
  }
  if (!wasStopped) return { became: 'right', fault };
  const said = notices.length > 0 ? 'said what it waits for' : 'waited for the group';
  return { became: `${said}, and stopped`, fault };
}

/**
 * Records come again behind the last commit, and none is passed over. What an answer says of offsets
 * is the broker's word: there only records that there are may come.
 */
function wrongIn(text: string, { api }: Mutant): string | null {
  const lines = text.split('\n').filter((line) => line !== '');
  const ids = lines.map((line) => (JSON.parse(line) as { id: number }).id);
  const next = [0, SECOND];
  for (const id of ids) {
    const partition = id < SECOND ? 0 : 1;
    const from = partition * SECOND;
    const expected = next[partition] ?? from;
    const most = api === 'offsetFetch' ? from + ROWS - 1 : expected;
    if (id < from || id > most) return `row ${id} behind ${expected}: ${ids.join(' ')}`;
    next[partition] = Math.max(expected, id + 1);
  }
  return null;
}

class Tally {
  readonly faults: string[] = [];
  private readonly counts = new Map<string, Map<string, number>>();

  take(lane: Lane, mutant: Mutant, { became, fault }: Outcome): void {
    const counts = this.counts.get(mutant.api) ?? new Map<string, number>();
    this.counts.set(mutant.api, counts);
    counts.set(became, (counts.get(became) ?? 0) + 1);
    if (fault === null) return;
    this.faults.push(`${mutant.number} ${lane.name}: ${mutant.what}: ${became}: ${fault}`);
  }

  lines(): readonly string[] {
    const lines = [`seed ${SEED}, mutants ${FIRST} to ${FIRST + COUNT - 1}`];
    for (const [api, counts] of this.counts) {
      const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
      lines.push(`${api}: ${all} mutants`);
      const sorted = [...counts].sort((a, b) => b[1] - a[1]);
      for (const [word, count] of sorted) lines.push(`  ${String(count).padStart(5)}  ${word}`);
    }
    return [...lines, ...this.faults.map((fault) => `FAULT ${fault}`)];
  }
}

describe('a broker with wrong answers to a member of a group', () => {
  it(
    'right rows, or a named error in time',
    async () => {
      const all = mutants(APIS, FIRST + COUNT, SEED).slice(FIRST);
      const tally = new Tally();
      const seats = Array.from({ length: HOSTS }, () => new Seat());
      let next = 0;
      const work = async (seat: Seat): Promise<void> => {
        for (let at = next; at < all.length; at = next) {
          next += 1;
          const mutant = all[at];
          if (mutant === undefined) return;
          // Every answer in every lane.
          const lane = LANES[Math.floor(mutant.number / APIS.length) % LANES.length];
          if (lane !== undefined) tally.take(lane, mutant, await seat.run(lane, mutant));
        }
      };
      try {
        await Promise.all(seats.map(work));
      } finally {
        await Promise.all(seats.map((seat) => seat.close()));
      }
      const memoryMax = Math.max(...seats.map((seat) => seat.memoryMax));
      const memory = `most memory resident of a process: ${Math.round(memoryMax / (1 << 20))} MiB`;
      if (LOG !== undefined) appendFileSync(LOG, `${[...tally.lines(), memory].join('\n')}\n\n`);
      expect(tally.faults).toEqual([]);
      expect(memoryMax).toBeLessThan(MEMORY_MAX);
    },
    120_000 + COUNT * 3_000,
  );

  // Where librdkafka has mended one of these, it leaves the list and docs/limits.md.
  it.each(KNOWN_DEATHS.filter(({ asserts }) => asserts !== null))(
    'ends the process with its $field: $why',
    async ({ api, field, how }) => {
      const broker = await LoopbackBroker.start({ logs: [[], []] });
      broker.hook = (request, fields) => {
        if (request.api !== api) return null;
        const all = fields.map(({ name, bytes }) => (name === field ? MINUS_ONE : bytes));
        return { body: Buffer.concat(all) };
      };
      const host = new JobHost();
      const lane = LANES[0];
      if (lane === undefined) throw new Error('there are lanes');
      const end = await host.run(jobOf(lane, broker), PATIENCE);
      await host.close();
      await broker.close();
      expect(end).toMatchObject({ kind: 'died', how });
    },
    120_000,
  );
});
