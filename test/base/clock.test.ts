/** Processing time: what a clock that is set back makes of it, alone and among workers. */
import { describe, expect, it } from 'vitest';
import { forwardClock } from '../../src/base/clock.js';
import type { LaneClaims } from '../../src/processors/partitioned/turns/turns.js';
import { TurnTable } from '../../src/processors/partitioned/turns/turns.js';
import { COMMAND_RUN } from '../../src/processors/partitioned/control.js';
import { runSql } from '../support/run-sql.js';

const HOUR_MS = 3_600_000;

class SteppedClock {
  wallMs = 1_700_000_000_000;
  elapsedMs = 0;

  nowMs(): number {
    return this.wallMs;
  }

  monotonicNs(): number {
    return this.elapsedMs * 1e6;
  }

  pass(ms: number): void {
    this.wallMs += ms;
    this.elapsedMs += ms;
  }
}

describe('forwardClock', () => {
  it('shows wall time as long as that goes forward', () => {
    const wall = new SteppedClock();
    const clock = forwardClock(wall);
    for (const step of [0, 1, 250, HOUR_MS]) {
      wall.pass(step);
      expect(clock.nowMs()).toBe(wall.wallMs);
    }
  });

  it('goes on at half the pace while the wall clock is behind, until they meet', () => {
    const wall = new SteppedClock();
    const clock = forwardClock(wall);
    const before = clock.nowMs();
    wall.wallMs -= HOUR_MS;
    expect(clock.nowMs()).toBe(before);
    wall.pass(1000);
    expect(clock.nowMs()).toBe(before + 500);
    wall.pass(HOUR_MS);
    expect(clock.nowMs()).toBe(before + 500 + HOUR_MS / 2);
    wall.pass(HOUR_MS);
    expect(clock.nowMs()).toBe(wall.wallMs);
    wall.pass(7);
    expect(clock.nowMs()).toBe(wall.wallMs);
  });
});

describe('turns of workers whose clocks differ', () => {
  it('have the processing time of the latest so far', () => {
    const shape = { lanes: 1, workers: 2, dealing: 'any', paced: [] } as const;
    const memory = new SharedArrayBuffer(TurnTable.bytesFor(1, 2));
    const tables = [0, 1].map((worker) => new TurnTable(memory, { ...shape, worker }));
    tables[0]!.reset();
    const lane: LaneClaims = { claim: () => 'block', dueInMs: () => 0, idleTimeoutMs: 0 };
    const timesMs = [5000, 4000, 6000, 6000 - HOUR_MS, 7000];
    const claimed = timesMs.map((ms, at) => {
      const table = tables[at % 2]!;
      expect(table.claim([lane], { command: COMMAND_RUN, barrier: 0, ms })).toBe('block');
      return table.claimedMs;
    });
    expect(claimed).toEqual([5000, 5000, 6000, 6000, 7000]);
  });
});

describe('a job whose clock is set back', () => {
  it('counts no record as late and loses none', async () => {
    const wall = new SteppedClock();
    let looks = 0;
    const clock = {
      nowMs: () => {
        looks += 1;
        wall.pass(100);
        if (looks === 40) wall.wallMs -= HOUR_MS;
        return wall.nowMs();
      },
      monotonicNs: () => wall.monotonicNs(),
    };
    const sql = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '8000');
      SELECT _WINDOW_START AS ws, COUNT(*) AS n FROM g GROUP BY i >= 0
      WINDOW TUMBLING(_TIMESTAMP, INTERVAL '500' MILLISECOND) EMIT FINAL;`;
    const { exit, lines, result } = await runSql(sql, { batchRows: 100, clock });
    expect(exit).toBe(0);
    const counts = lines.map((line) => (JSON.parse(line) as { n: number }).n);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(8000);
    expect(looks).toBeGreaterThan(40);
    expect(result?.rowsLate).toBe(0);
  });
});
