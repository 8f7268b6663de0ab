/** How large a job's state may become: what is counted, when it is looked at and what is said. */
import { describe, expect, it } from 'vitest';
import type { QueryMetrics } from '../../src/processors/job-processor.js';
import { StateLimit } from '../../src/processors/state-limit.js';

const query = (name: string, stateRows: number, stateBytes: number): QueryMetrics =>
  ({ query: name, stateRows, stateBytes }) as QueryMetrics;

class Seconds {
  now = 0;
  nowMs = (): number => this.now * 1e3;
  monotonicNs = (): number => this.now * 1e9;
}

describe('a limit of state', () => {
  it('is one of all queries together, and names the largest', () => {
    const limit = new StateLimit({ rows: 100, bytes: null }, new Seconds());
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
    const limit = new StateLimit({ rows: 101, bytes: 1999 }, new Seconds());
    expect(() => limit.check(() => [query('query-1', 101, 2000)])).toThrow('state.max_bytes');
    const other = new StateLimit({ rows: 101, bytes: 2000 }, new Seconds());
    expect(() => other.check(() => [query('query-1', 101, 2000)])).not.toThrow();
  });

  it('is looked at once a second, and never where there is none', () => {
    const clock = new Seconds();
    let looks = 0;
    const look = (): QueryMetrics[] => {
      looks += 1;
      return [query('query-1', 1, 1)];
    };
    const limit = new StateLimit({ rows: 5, bytes: null }, clock);
    for (let tenth = 0; tenth < 30; tenth += 1) {
      clock.now = tenth / 10;
      limit.check(look);
    }
    expect(looks).toBe(3);
    new StateLimit(null, clock).check(look);
    expect(looks).toBe(3);
  });
});
