/**
 * The end of memory is an error that names the operator: for real processes with a small heap and a
 * small budget, each kind of state, on V1 and V2; nothing ends in a dump of V8's.
 */
import { describe, expect, it } from 'vitest';
import {
  MemoryBudget,
  V8_HEAP,
  defaultMaxMemoryBytes,
  memoryError,
} from '../../src/processors/memory-budget.js';
import { velo } from '../support/velo-process.js';

const LIMIT_MS = 240_000;

class ManualClock {
  ns = 0;
  monotonicNs(): number {
    return this.ns;
  }
}

class CountedHeap {
  readonly maxBytes = 100;
  collections = 0;
  used = 0;
  live = 0;
  private readonly clock: ManualClock;

  constructor(clock: ManualClock) {
    this.clock = clock;
  }
  usedBytes(): number {
    return this.used;
  }
  collect(): void {
    this.collections += 1;
    this.used = this.live;
    this.clock.ns += 1e7;
  }
}

const SIZES = () => [
  { operator: 'q/small-1', rows: 1, bytes: 10 },
  { operator: 'q/aggregate-1', rows: 5_000_000, bytes: 600 * 2 ** 20 },
];

describe('a memory budget', () => {
  it('names the operator with the largest state, and looks ten times a second at most', () => {
    const budget = new MemoryBudget(2 ** 20);
    const clock = new ManualClock();
    const look = (): void => budget.check(clock, SIZES);
    expect(look).toThrow(
      expect.objectContaining({
        code: 'VELO_MEMORY_EXHAUSTED',
        message: expect.stringMatching(
          /^the job takes \d+ MiB of memory and may take 1 MiB$/,
        ) as string,
        detail: 'the state of "q/aggregate-1" is the largest: 5,000,000 rows or keys, 600 MiB',
      }) as Error,
    );
    clock.ns = 5e7;
    look();
    clock.ns = 1e8;
    expect(look).toThrow();
  });

  it('leaves a job that takes less alone', () => {
    const budget = new MemoryBudget(null);
    budget.check(new ManualClock(), SIZES);
    expect(defaultMaxMemoryBytes()).toBeGreaterThan(2 ** 28);
  });

  it('collects a heap that looks full, and ends the job if what is left is live', () => {
    const clock = new ManualClock();
    const heap = new CountedHeap(clock);
    const budget = new MemoryBudget(null, heap);
    const look = (ns: number, used: number, live: number): void => {
      clock.ns = ns;
      heap.used = used;
      heap.live = live;
      budget.check(clock, SIZES);
    };
    look(0, 69, 69);
    expect(heap.collections).toBe(0);
    look(1e9, 75, 20);
    expect(heap.collections).toBe(1);
    // A collection took 10 ms: the next one is 200 ms behind it, or 33 where it is soon full.
    look(1.03e9, 75, 20);
    expect(heap.collections).toBe(1);
    look(1.12e9, 90, 20);
    expect(heap.collections).toBe(2);
    // It grew by 45 since it was looked at: as much again, and it would be full.
    expect(() => look(1.9e9, 65, 65)).toThrow(/objects are live/);
    expect(() => look(2e9, 90, 71)).toThrow(
      expect.objectContaining({
        code: 'VELO_MEMORY_EXHAUSTED',
        detail: 'the state of "q/aggregate-1" is the largest: 5,000,000 rows or keys, 600 MiB',
      }) as Error,
    );
  });

  it('knows what is live in the heap of this thread', () => {
    const budget = new MemoryBudget(2 ** 50);
    budget.check(new ManualClock(), SIZES);
    const tiny = new MemoryBudget(2 ** 50, { ...V8_HEAP, maxBytes: 2 ** 20 });
    expect(() => tiny.check(new ManualClock(), SIZES)).toThrow(
      /MiB of JavaScript objects are live/,
    );
  });

  it.each([() => new Uint8Array(2 ** 53), () => 'x'.repeat(2 ** 30), () => new Array(-1)])(
    'takes what V8 says of a size for what it is: %s',
    (fails) => {
      let caught: unknown;
      try {
        fails();
      } catch (error) {
        caught = memoryError(error, SIZES);
      }
      expect(caught).toMatchObject({ code: 'VELO_MEMORY_EXHAUSTED' });
    },
  );

  it('leaves other errors as they are', () => {
    const error = new RangeError('precision out of range');
    expect(memoryError(error, SIZES)).toBe(error);
  });
});

const ROWS = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '40000000');`;
const QUERIES: readonly (readonly [string, string])[] = [
  ['groups', 'SELECT i, COUNT(*) AS n FROM g GROUP BY i EMIT FINAL'],
  [
    'texts',
    `SELECT i || 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' AS k, COUNT(*) AS n FROM g GROUP BY i || 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' EMIT FINAL`,
  ],
  ['lists', 'SELECT ARRAY_AGG(i) AS a FROM g EMIT FINAL'],
  ['joined rows', 'SELECT a.i FROM g AS a JOIN g AS b ON a.i = b.i + 50000000'],
];
const PLACES = [[], ['--partitions', '2']];

describe('a job beyond its budget', () => {
  it.each(QUERIES.flatMap(([name, sql]) => PLACES.map((place) => [name, place, sql] as const)))(
    '%s %j ends with an error that says so',
    { timeout: LIMIT_MS },
    async (_name, place, sql) => {
      const args = ['run', '-q', '--max-memory', '330m', ...place, '-e', `${ROWS} ${sql}`];
      const { exit, stderr } = await velo(args, {
        limitMs: LIMIT_MS,
        env: { NODE_OPTIONS: '--max-old-space-size=256' },
      });
      expect(stderr).toMatch(/error\[VELO_(MEMORY_EXHAUSTED|VALUE_INVALID|STATE_TOO_LARGE)\]/);
      expect(stderr).not.toMatch(/FATAL|VELO_INTERNAL|    at /);
      expect(exit).toBe(1);
    },
  );
});
