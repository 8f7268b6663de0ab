/** The pace of scrapes: some at once, then one a pause; a flood shares texts and is bounded. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScrapePace } from '../../src/metrics/scrape-pace.js';

const PAUSE_MS = 10;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Asks `count` times; how each ended so far. */
function ask(pace: ScrapePace, count: number): (boolean | 'waits')[] {
  const ends: (boolean | 'waits')[] = new Array<boolean | 'waits'>(count).fill('waits');
  for (let at = 0; at < count; at += 1) void pace.turn().then((turn) => (ends[at] = turn));
  return ends;
}

const countOf = (ends: readonly (boolean | 'waits')[], what: boolean | 'waits'): number =>
  ends.filter((end) => end === what).length;

describe('scrapes', () => {
  it('of a few are answered at once, again after a moment', async () => {
    const pace = new ScrapePace();
    for (let round = 0; round < 3; round += 1) {
      const ends = ask(pace, 8);
      await vi.advanceTimersByTimeAsync(0);
      expect(ends).toEqual(new Array(8).fill(true));
      await vi.advanceTimersByTimeAsync(8 * PAUSE_MS);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of many are answered one a pause, in order, and beyond what may wait refused', async () => {
    const pace = new ScrapePace();
    const ends = ask(pace, 100);
    await vi.advanceTimersByTimeAsync(0);
    expect([countOf(ends, true), countOf(ends, 'waits'), countOf(ends, false)]).toEqual([
      8, 64, 28,
    ]);
    await vi.advanceTimersByTimeAsync(5 * PAUSE_MS);
    expect(ends.slice(0, 13)).toEqual(new Array(13).fill(true));
    expect(countOf(ends, 'waits')).toBe(59);
    await vi.advanceTimersByTimeAsync(59 * PAUSE_MS);
    expect(countOf(ends, 'waits')).toBe(0);
  });

  it('of a flood share a text for a tenth of a second; others have their own', async () => {
    const pace = new ScrapePace();
    let made = 0;
    const text = (): Promise<string> => Promise.resolve(`text ${(made += 1)}`);
    const scrape = async (): Promise<string> => {
      await pace.turn();
      return pace.textOf(text);
    };
    expect(await scrape()).toBe('text 1');
    expect(await scrape()).toBe('text 2');
    const flood = Array.from({ length: 60 }, scrape);
    await vi.advanceTimersByTimeAsync(60 * PAUSE_MS);
    const texts = new Set(await Promise.all(flood));
    expect(texts.size).toBeGreaterThan(3);
    expect(texts.size).toBeLessThan(12);
    await vi.advanceTimersByTimeAsync(20 * PAUSE_MS);
    const before = made;
    expect(await scrape()).toBe(`text ${before + 1}`);
  });

  it('that come while a text is made get that one: no two are made at a time', async () => {
    const pace = new ScrapePace();
    let making = 0;
    let most = 0;
    const text = async (): Promise<string> => {
      making += 1;
      most = Math.max(most, making);
      await Promise.resolve();
      making -= 1;
      return 'text';
    };
    await Promise.all(Array.from({ length: 5 }, () => pace.textOf(text)));
    expect(most).toBe(1);
  });
});
