/** The overheads: every part verifies itself, and a missed target is said and reported. */
import { describe, expect, it } from 'vitest';
import { overheadParts, overheadTable } from '../../src/bench/micro/micro-metrics.js';

describe('overheads', () => {
  it.each(overheadParts())('$name does what it claims, any number of times', async ({ run }) => {
    for (const calls of [1, 2, 63, 64, 65, 200]) await run(calls);
  });

  it('are the five of the targets', () => {
    expect(overheadParts().map(({ targetUs }) => targetUs)).toEqual([10, 1000, 10, 1, 1000]);
  });

  it('a median at or above its target is missed; a bad round alone is not', () => {
    const part = { name: 'part', targetUs: 10 };
    const met = overheadTable([{ ...part, medianUs: 9.99, worstUs: 50 }]);
    expect(met.met).toBe(true);
    expect(met.text).toContain('met');
    const missed = overheadTable([
      { ...part, medianUs: 1, worstUs: 1 },
      { ...part, medianUs: 10, worstUs: 10 },
    ]);
    expect(missed.met).toBe(false);
    expect(missed.text).toContain('MISSED');
  });
});
