/** Window aggregation against the record-at-a-time oracle, in every cut into batches. */
import { describe, expect, it } from 'vitest';
import type { WindowSpec } from '../../src/plan/window-spec.js';
import { seededRandom } from './stream-support.js';
import { run } from './window-harness.js';
import type { RunOptions } from './window-harness.js';
import { WindowOracle } from './window-oracle.js';
import type { StreamRecord } from './window-oracle.js';

const WINDOWS: Record<string, WindowSpec> = {
  tumbling: { kind: 'tumbling', sizeMs: 1000 },
  hopping: { kind: 'hopping', sizeMs: 1500, advanceMs: 500 },
  'hopping with a remainder': { kind: 'hopping', sizeMs: 1000, advanceMs: 300 },
  'hopping with gaps': { kind: 'hopping', sizeMs: 300, advanceMs: 1000 },
  cumulate: { kind: 'cumulate', sizeMs: 1500, stepMs: 500 },
  'cumulate with a remainder': { kind: 'cumulate', sizeMs: 1000, stepMs: 300 },
  session: { kind: 'session', gapMs: 200 },
};
/** Bursts of one split among several are short, so their batches are. */
const CUTS: { splits: number[]; batchRows: number; unitMs?: number }[] = [
  { splits: [0], batchRows: 100 },
  { splits: [0], batchRows: 4096 },
  { splits: [0], batchRows: 50, unitMs: 100 },
  { splits: [0, 1, 2], batchRows: 1 },
  { splits: [0, 1, 2], batchRows: 7 },
];

/**
 * Out of order, from before 1970, splits in bursts with their own pace. A coarse unit puts many
 * records and watermarks exactly on the edges of windows.
 */
function randomStream(
  seed: number,
  count: number,
  splits: number,
  unitMs = splits === 1 ? 1 : 100,
): StreamRecord[] {
  const random = seededRandom(seed);
  const records: StreamRecord[] = [];
  const clocks = Array.from({ length: splits }, (_, split) => -3000 - split * 700);
  while (records.length < count) {
    const split = Math.floor(random() * splits);
    const burst = 1 + Math.floor(random() * 20);
    for (let at = 0; at < burst; at += 1) {
      clocks[split] = (clocks[split] as number) + Math.floor(random() * 60);
      if (random() < 0.01) clocks[split] += 2500;
      const disorder = random() < 0.3 ? Math.floor(random() * 3000) : 0;
      records.push({
        split,
        time: Math.round(((clocks[split] as number) - disorder) / unitMs) * unitMs + 0,
        key: `k${Math.floor(random() * 5)}`,
        value: records.length + 1,
      });
    }
  }
  return records;
}

function optionsOf(changes: Partial<RunOptions>): RunOptions {
  return {
    window: { kind: 'tumbling', sizeMs: 1000 },
    emission: 'final',
    strategy: 'drop',
    latenessMs: 0,
    boundMs: 400,
    splits: [0],
    flush: true,
    batchRows: 100,
    ...changes,
  };
}

/** Rows of each record in order, but groups within a snapshot or window in any order. */
function sorted(rows: readonly (readonly unknown[])[]): string[] {
  return rows.map((row) => row.map(String).join()).sort();
}

describe.each(Object.entries(WINDOWS))('%s', (name, window) => {
  describe.each(['final', 'snapshot', 'delta'] as const)('%s', (emission) => {
    it.each([
      ['drop', 0],
      ['dead-letter', 300],
      ['process-all', 800],
      ['process-with-warning', 5000],
    ] as const)('gives the rows of one record at a time under %s', (strategy, latenessMs) => {
      for (const { splits, batchRows, unitMs } of CUTS) {
        const seed = name.length * 31 + splits.length;
        const records = randomStream(seed, 220, splits.length, unitMs);
        const options = optionsOf({ window, emission, strategy, latenessMs, splits, batchRows });
        const oracle = new WindowOracle(options).run(records);
        const result = run(records, options);
        expect(oracle.late).toBeGreaterThan(10);
        expect(result.rows, `batches of ${batchRows}`).toEqual(oracle.rows);
        expect(result.late).toBe(oracle.late);
        expect(result.dropped + result.expired).toBe(oracle.rejected);
        expect(result.expired === 0 || strategy.startsWith('process')).toBe(true);
        expect(result.deadLetters).toBe(strategy === 'drop' ? 0 : oracle.rejected);
        expect(result.stateRows).toBe(0);
      }
    });

    it('goes on after a restore as if it had never stopped, in more partitions too', () => {
      const splits = [0, 1];
      const records = randomStream(77, 250, 2);
      for (const [strategy, latenessMs] of [
        ['drop', 0],
        ['process-all', 800],
      ] as const) {
        const options = optionsOf({ window, emission, strategy, latenessMs, splits });
        const oracle = new WindowOracle(options).run(records);
        for (const [batchRows, restoreAfter] of [
          [1, 70],
          [7, 40],
        ] as const) {
          const stopped = { ...options, batchRows, restoreAfter };
          const result = run(records, stopped);
          expect(result.restored).toBe(true);
          expect(sorted(result.rows)).toEqual(sorted(oracle.rows));
          if (emission === 'snapshot') continue;
          const spread = run(records, { ...stopped, partitionsAfter: 3 });
          expect(sorted(spread.rows)).toEqual(sorted(oracle.rows));
          expect(spread.dropped + spread.expired).toBe(oracle.rejected);
        }
      }
    });
  });

  it('emits nothing for open windows when it does not flush', () => {
    const records = randomStream(5, 300, 1);
    const options = optionsOf({ window, flush: false });
    const oracle = new WindowOracle(options).run(records);
    const result = run(records, options);
    expect(result.rows).toEqual(oracle.rows);
    expect(result.stateRows).toBeGreaterThan(0);
  });
});
