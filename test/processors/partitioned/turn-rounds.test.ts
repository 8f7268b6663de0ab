/**
 * Rounds among workers that are overtaken at any step: each looks at what main wants, then claims
 * with what it saw, however long ago that was. Owns random schedules of these steps on one turn
 * table; whatever the schedule, a barrier is one round, in which every worker takes one pseudo-turn
 * and after which the lanes are noted once. And the token: while one thread takes a turn, whatever
 * turn it is, the others get none.
 */
import { expect, it, vi } from 'vitest';
import { COMMAND_RUN, COMMAND_STOP } from '../../../src/processors/partitioned/control.js';
import {
  ROUND_BARRIER,
  ROUND_STOP,
  TurnTable,
} from '../../../src/processors/partitioned/turns/turns.js';
import type { Dealing } from '../../../src/processors/partitioned/turns/turns.js';
import { Random } from '../../oracle/random-data.js';

const SEED = 20261129;
const SCHEDULES = 1000;

interface Seen {
  readonly command: number;
  readonly barrier: number;
}

/** A job of one endless lane, step by step on one thread. */
class Schedule {
  command = COMMAND_RUN;
  barrier = 0;
  /** What happened, in sequence. */
  readonly log: string[] = [];
  private readonly tables: readonly TurnTable[];
  private readonly seen: (Seen | null)[];
  private readonly done = new Set<number>();

  constructor(workers: number, dealing: Dealing) {
    const memory = new SharedArrayBuffer(TurnTable.bytesFor(1, workers));
    this.tables = Array.from(
      { length: workers },
      (_, worker) => new TurnTable(memory, { lanes: 1, workers, worker, dealing, paced: [] }),
    );
    this.tables[0]?.reset();
    this.seen = this.tables.map(() => null);
  }

  get isOver(): boolean {
    return this.done.size === this.tables.length;
  }

  /** How often the lanes were noted. */
  get noted(): number {
    return this.log.filter((entry) => entry === 'noted').length;
  }

  /** The next step of a worker: a look, or the claim with what it saw. */
  step(worker: number): void {
    if (this.done.has(worker)) return;
    const seen = this.seen[worker] ?? null;
    if (seen === null) {
      this.seen[worker] = { command: this.command, barrier: this.barrier };
      return;
    }
    this.seen[worker] = null;
    const turns = this.tables[worker] as TurnTable;
    const lane = { claim: () => 'block' as const, dueInMs: () => 0, idleTimeoutMs: 0 };
    switch (turns.claim([lane], { ...seen, ms: 0 })) {
      case 'round':
        this.log.push(`${nameOf(turns.round)} ${worker}`);
        return;
      case 'held':
        this.log.push('noted');
        turns.releaseBarrier();
        return;
      case 'block':
        this.log.push('block');
        return;
      case 'done':
        this.done.add(worker);
        return;
      case 'busy':
      case 'wait':
      case 'lane-end':
      case 'lane-idle':
        return;
    }
  }
}

function nameOf(round: number): string {
  if (round === ROUND_BARRIER) return 'barrier';
  return round === ROUND_STOP ? 'stop' : 'end';
}

/** Some workers are slow: between their look and their claim others take many steps. */
function play(seed: number): { readonly log: readonly string[]; readonly workers: number } {
  const random = new Random(seed);
  const workers = 1 + random.below(4);
  const schedule = new Schedule(workers, random.pick(['any', 'in-turn', 'first'] as const));
  const slow = random.below(workers);
  const stepOfAny = (): void => {
    const worker = random.below(workers);
    if (worker !== slow || random.chance(20)) schedule.step(worker);
  };
  const barriers = 1 + random.below(3);
  for (let barrier = 1; barrier <= barriers; barrier += 1) {
    for (let steps = random.below(20); steps > 0; steps -= 1) stepOfAny();
    schedule.barrier = barrier;
    // One barrier at a time: main asks for the next one when this one's lanes are noted.
    for (let steps = 0; schedule.noted < barrier && steps < 10_000; steps += 1) stepOfAny();
  }
  for (let steps = random.below(40); steps > 0; steps -= 1) stepOfAny();
  schedule.command = COMMAND_STOP;
  for (let steps = 0; !schedule.isOver && steps < 10_000; steps += 1) stepOfAny();
  expect(schedule.isOver).toBe(true);
  const { log } = schedule;
  const seen = `seed ${seed}, ${workers} workers: ${log.join(', ')}`;
  expect(log.filter((entry) => entry === 'noted').length, seen).toBe(barriers);
  for (let worker = 0; worker < workers; worker += 1) {
    expect(log.filter((entry) => entry === `barrier ${worker}`).length, seen).toBe(barriers);
    expect(log.filter((entry) => entry === `stop ${worker}`).length, seen).toBe(1);
  }
  return { log, workers };
}

it(`a barrier is one round, whoever is late with what it saw, from seed ${SEED}`, () => {
  for (let at = 0; at < SCHEDULES; at += 1) {
    const { log, workers } = play(SEED + at);
    // Nobody reads from a round's first pseudo-turn until its lanes are noted.
    let taken = 0;
    for (const entry of log) {
      if (entry === 'noted') taken = 0;
      else if (entry.startsWith('barrier')) taken += 1;
      if (entry === 'block') expect(taken).toBe(0);
      expect(taken).toBeLessThanOrEqual(workers);
    }
  }
});

it.each([
  ['a block', 'block'],
  ['a notice', 'notice'],
  ['a look between two turns', 'look'],
] as const)('%s keeps everybody else out while it is taken', (_, kind) => {
  const memory = new SharedArrayBuffer(TurnTable.bytesFor(1, 2));
  const [own, other] = [0, 1].map(
    (worker) => new TurnTable(memory, { lanes: 1, workers: 2, worker, dealing: 'any', paced: [] }),
  ) as [TurnTable, TurnTable];
  own.reset();
  const lane = { claim: () => 'block' as const, dueInMs: () => 0, idleTimeoutMs: 0 };
  const now = { command: COMMAND_RUN, barrier: 0, ms: 0 };
  const triesOfAll = (): unknown[] => [
    other.claim([lane], now),
    other.claimNotice(COMMAND_RUN),
    other.look(() => undefined),
  ];
  const seen: unknown[][] = [];
  // What the holder does under the token, it does by atomic loads: others come in between.
  const atomics = Atomics as { load(words: Int32Array, at: number): number };
  const { load } = atomics;
  const spy = vi.spyOn(atomics, 'load').mockImplementation((words, at) => {
    spy.mockRestore();
    seen.push(triesOfAll());
    return load(words, at);
  });
  try {
    if (kind === 'block') own.claim([lane], now);
    else if (kind === 'notice') expect(own.claimNotice(COMMAND_RUN)).toBe(true);
    else own.look(() => void seen.push(triesOfAll()));
  } finally {
    spy.mockRestore();
  }
  expect(seen).toEqual([['busy', false, false]]);
  // Afterwards the token is free again.
  expect(triesOfAll()).toEqual(['block', true, true]);
});
