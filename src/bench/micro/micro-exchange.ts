/**
 * The exchange between worker threads, measured: velo's blocks in sequence beside rows copied into
 * queues per pair, one owner per group beside a table that all threads share, and the lowest
 * addresses of an arena beside all of them. Owns the threads, the rounds and the checks of every
 * result; what the threads do is micro-exchange-worker.ts. Part of `npm run bench:micro`.
 *
 *   node dist/bench/micro/micro-exchange.js [--rounds 7] [--rows 8000000]   ratios with their spread
 *   node dist/bench/micro/micro-exchange.js --items 100m                    items through one ring
 */
/* eslint no-restricted-globals: off -- makes the memory for the threads it measures */
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import Table from 'cli-table3';
import { assert } from '../../base/assert.js';
import { systemClock } from '../../base/clock.js';
import { BlockArena } from '../../columnar/arena.js';
import { Ring } from '../../processors/partitioned/exchange/ring.js';
import { WakeCell } from '../../processors/partitioned/exchange/wake.js';
import { RING_SLOTS, ROW_SLOT_BYTES, ROW_SLOTS } from './micro-exchange-task.js';
import type { Answer, Shared, Task, Way } from './micro-exchange-task.js';
import { expectedSums, SUMS } from './micro-rows.js';
import { SharedMap } from './micro-shared-map.js';
import { median } from '../statistics.js';

const THREADS = 2;
const ARENA_BYTES = 64 << 20;
const ITEM_SLOTS = 1024;

/** Two ways to the same result; each call resolves when the result was checked. */
export interface ThreadedPart {
  readonly name: string;
  readonly velo: () => Promise<void>;
  readonly other: string;
  readonly alternative: () => Promise<void>;
  readonly rows: number;
}

/** Worker threads that stay, so that rounds measure compiled code. */
export class ExchangeThreads {
  private readonly workers: readonly Worker[];
  private readonly expected = new Map<string, Float64Array>();
  private readonly maps = new Map<number, SharedMap>();

  constructor(ringSlots: number) {
    const list = Array.from({ length: THREADS }, (_, at) => at);
    const pairs = (bytes: number): SharedArrayBuffer[][] =>
      list.map(() => list.map(() => new SharedArrayBuffer(bytes)));
    const shared = {
      arenas: list.map(() => new SharedArrayBuffer(BlockArena.bytesFor(ARENA_BYTES))),
      rings: pairs(Ring.bytesFor(ringSlots)),
      slots: pairs(ROW_SLOTS * ROW_SLOT_BYTES),
      cells: new SharedArrayBuffer(THREADS * WakeCell.bytes),
    };
    this.workers = list.map((me) => {
      const script = new URL('./micro-exchange-worker.js', import.meta.url);
      return new Worker(script, { workerData: { me, ...shared } satisfies Shared });
    });
  }

  /** Sums by group, checked against a plain loop's. */
  async sums(way: Way, rows: number, groups: number): Promise<void> {
    const shares = way === 'locked' || way === 'adding';
    const map = shares ? this.map(groups) : null;
    const table = map?.buffer ?? null;
    const answers = await this.all({ kind: 'sums', way, rows, groups, table });
    const all = new Float64Array(groups * SUMS);
    for (const answer of answers) {
      assert('sums' in answer, 'a task for sums answers with sums');
      answer.sums.forEach((sum, at) => {
        all[at] = (all[at] ?? 0) + sum;
      });
    }
    map?.addTo(all, way === 'adding');
    const expected = this.expectedFor(rows, groups);
    const modulo = way === 'adding' ? 2 ** 32 : Number.MAX_SAFE_INTEGER;
    assert(
      all.every((sum, at) => sum === (expected[at] ?? 0) % modulo),
      'every group has its sums',
    );
  }

  /** Items from one thread to the other, checked in order. */
  async items(items: number): Promise<void> {
    const [sent, received] = await this.all({ kind: 'items', items });
    assert(sent !== undefined && 'checksum' in sent, 'the producer has a checksum');
    assert(received !== undefined && 'checksum' in received, 'the consumer has a checksum');
    assert(sent.checksum === received.checksum, 'all items arrive in order');
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private all(task: Task): Promise<Answer[]> {
    return Promise.all(
      this.workers.map(
        (worker) =>
          new Promise<Answer>((resolve, reject) => {
            worker.once('error', reject);
            worker.once('message', (answer: Answer) => {
              worker.off('error', reject);
              resolve(answer);
            });
            worker.postMessage(task);
          }),
      ),
    );
  }

  private map(groups: number): SharedMap {
    let map = this.maps.get(groups);
    if (map === undefined) {
      map = new SharedMap(new SharedArrayBuffer(SharedMap.bytesFor(groups)));
      this.maps.set(groups, map);
    }
    map.clear();
    return map;
  }

  private expectedFor(rows: number, groups: number): Float64Array {
    const key = `${rows} ${groups}`;
    let sums = this.expected.get(key);
    if (sums === undefined) this.expected.set(key, (sums = expectedSums(rows, groups)));
    return sums;
  }
}

export function exchangeParts(threads: ExchangeThreads, rows: number): readonly ThreadedPart[] {
  const part = (
    name: string,
    velo: Way,
    other: string,
    way: Way,
    groups: number,
  ): ThreadedPart => ({
    name: `${name}, ${groups.toLocaleString('en')} groups`,
    velo: () => threads.sums(velo, rows, groups),
    other,
    alternative: () => threads.sums(way, rows, groups),
    rows,
  });
  const shared = [20, 200, 20_000];
  return [
    part('exchange of blocks', 'blocks', 'copies per pair', 'rows', 200),
    part('exchange of blocks', 'blocks', 'columns made in the block', 'in place', 200),
    ...shared.map((groups) => part('one owner', 'blocks', 'lock per group', 'locked', groups)),
    ...shared.map((groups) => part('one owner', 'blocks', 'atomic integers', 'adding', groups)),
  ];
}

/** Writes and reads a block with `inFlight` others held, through the arena's addresses. */
export function arenaRounds(inFlight: number): () => void {
  const bytes = 100 << 10;
  const arena = new BlockArena(new SharedArrayBuffer(BlockArena.bytesFor(ARENA_BYTES)));
  const { f64 } = arena.memory;
  const payload = new Float64Array(bytes >> 3).fill(1.5);
  const held: number[] = [];
  let at = 0;
  return () => {
    for (let block = 0; block < 64; block += 1) {
      const offset = arena.allocate(bytes);
      f64.set(payload, offset >> 3);
      arena.commit(offset, bytes, 1);
      let sum = 0;
      for (let i = offset >> 3; i < (offset + bytes) >> 3; i += 1) sum += f64[i] ?? 0;
      assert(sum === 1.5 * payload.length, 'the block is read as it was written');
      const oldest = held[at];
      if (oldest !== undefined) arena.release(oldest);
      held[at] = offset;
      at = (at + 1) % inFlight;
    }
  };
}

async function rate(run: () => Promise<void>, rows: number): Promise<number> {
  const startNs = systemClock.monotonicNs();
  await run();
  return (rows * 1e3) / (systemClock.monotonicNs() - startNs);
}

export interface ThreadedRates {
  readonly velo: readonly number[];
  readonly other: readonly number[];
}

/** Million rows per second of both ways, in turn; the first round of each is not counted. */
export async function measureThreaded(part: ThreadedPart, rounds: number): Promise<ThreadedRates> {
  const velo: number[] = [];
  const other: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    velo.push(await rate(part.velo, part.rows));
    other.push(await rate(part.alternative, part.rows));
  }
  return { velo: velo.slice(1), other: other.slice(1) };
}

async function printRatios(rounds: number, rows: number): Promise<void> {
  const threads = new ExchangeThreads(RING_SLOTS);
  const table = new Table({
    head: ['part', 'velo M rows/s', 'beside', 'M rows/s', 'ratio', 'from', 'to'],
    colAligns: ['left', 'right', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const part of exchangeParts(threads, rows)) {
    const { velo, other } = await measureThreaded(part, rounds);
    const ratios = velo.map((value, at) => value / (other[at] ?? Number.NaN));
    const shown = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
    table.push([
      part.name,
      median(velo).toFixed(1),
      part.other,
      median(other).toFixed(1),
      ...shown.map((ratio) => `${ratio.toFixed(2)} ×`),
    ]);
  }
  await threads.close();
  const load = loadavg()[0] ?? 0;
  process.stdout.write(`${table.toString()}\n${rounds} rounds in turn, load ${load.toFixed(1)}\n`);
}

async function printItems(items: number): Promise<void> {
  const threads = new ExchangeThreads(ITEM_SLOTS);
  const startNs = systemClock.monotonicNs();
  await threads.items(items);
  const seconds = (systemClock.monotonicNs() - startNs) / 1e9;
  await threads.close();
  const perSecond = (items / seconds / 1e6).toFixed(1);
  process.stdout.write(
    `${items} items, checksums equal: ${seconds.toFixed(1)} s, ${perSecond} M items/s\n`,
  );
}

function countOf(text: string): number {
  const match = /^(\d+)(m?)$/.exec(text);
  assert(match !== null, 'a count is digits, with m for millions');
  return Number(match[1]) * (match[2] === 'm' ? 1e6 : 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '7' },
      rows: { type: 'string', default: '8m' },
      items: { type: 'string' },
    },
  });
  if (values.items === undefined) await printRatios(Number(values.rounds), countOf(values.rows));
  else await printItems(countOf(values.items));
}
