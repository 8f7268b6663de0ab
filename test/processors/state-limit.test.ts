/** How large a job's state may become: what is counted, when it is looked at and what is said. */
import { describe, expect, it } from 'vitest';
import type { QueryMetrics } from '../../src/processors/job-processor.js';
import { StateLimit } from '../../src/processors/state-limit.js';

const query = (name: string, stateRows: number, stateBytes: number): QueryMetrics =>
  ({ query: name, stateRows, stateBytes }) as QueryMetrics;

const quiet = (): void => undefined;

class Seconds {
  now = 0;
  nowMs = (): number => this.now * 1e3;
  monotonicNs = (): number => this.now * 1e9;
}

describe('a limit of state', () => {
  it('is one of all queries together, and names the largest', () => {
    const limit = new StateLimit({ rows: 100, bytes: null }, new Seconds(), quiet);
    const queries = [query('query-1', 60, 900), query('query-2', 41, 2000)];
    expect(() => limit.check(() => queries)).toThrow(
      expect.objectContaining({
        key: 'STATE_LIMIT',
        message: 'the state of the job has 101 rows and may have 100: state.max_rows',
        detail: 'query-2 has most of it: 41 rows, 2,000 bytes',
      }),
    );
  });

  it('may be reached, and is one of bytes as well', () => {
    const limit = new StateLimit({ rows: 101, bytes: 1999 }, new Seconds(), quiet);
    expect(() => limit.check(() => [query('query-1', 101, 2000)])).toThrow('state.max_bytes');
    const other = new StateLimit({ rows: 101, bytes: 2000 }, new Seconds(), quiet);
    expect(() => other.check(() => [query('query-1', 101, 2000)])).not.toThrow();
  });

  it('is looked at once a second, and never where there is none', () => {
    const clock = new Seconds();
    let looks = 0;
    const look = (): QueryMetrics[] => {
      looks += 1;
      return [query('query-1', 1, 1)];
    };
    const limit = new StateLimit({ rows: 5, bytes: null }, clock, quiet);
    for (let tenth = 0; tenth < 30; tenth += 1) {
      clock.now = tenth / 10;
      limit.check(look);
    }
    expect(looks).toBe(3);
    new StateLimit(null, clock, quiet).check(look);
    expect(looks).toBe(3);
  });

  it('is told of when it comes close, once on the way', () => {
    const clock = new Seconds();
    const told: string[] = [];
    const limit = new StateLimit({ rows: 1000, bytes: 1e6 }, clock, (line) => told.push(line));
    const shares: (number | null)[] = [limit.share];
    for (const rows of [700, 800, 810, 949, 960, 750, 990, 600, 999]) {
      clock.now += 1;
      limit.check(() => [query('query-1', rows, 500_000)]);
      shares.push(limit.share);
    }
    expect(told).toEqual([
      'state is at 80 % of its limit: 800 rows of state.max_rows = 1,000',
      'state is at 96 % of its limit: 960 rows of state.max_rows = 1,000',
      'state is at 99 % of its limit: 999 rows of state.max_rows = 1,000',
    ]);
    expect(shares).toEqual([null, 0.7, 0.8, 0.81, 0.949, 0.96, 0.75, 0.99, 0.6, 0.999]);
    clock.now += 1;
    limit.check(() => [query('query-1', 1, 850_000)]);
    expect(told.at(-1)).toContain('999 rows');
    clock.now += 1;
    limit.check(() => [query('query-1', 1, 100)]);
    clock.now += 1;
    limit.check(() => [query('query-1', 1, 850_000)]);
    expect(told.at(-1)).toBe(
      'state is at 85 % of its limit: 850,000 bytes of state.max_bytes = 1,000,000',
    );
  });
});
