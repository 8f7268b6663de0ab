/**
 * Lanes that fall silent: a turn says so once their idle timeout is over, once per silence, and a
 * lane that speaks and falls silent again says so again. Time is told, not measured.
 */
import { describe, expect, it } from 'vitest';
import { COMMAND_RUN } from '../../../src/processors/partitioned/control.js';
import type { LaneClaims } from '../../../src/processors/partitioned/turns/turns.js';
import { TurnTable } from '../../../src/processors/partitioned/turns/turns.js';

const IDLE_MS = 100;

class Lanes {
  readonly found: ('block' | 'wait' | 'end')[];
  private readonly turns: TurnTable;
  private readonly claims: readonly LaneClaims[];

  constructor(count: number, idleTimeoutMs: number) {
    this.found = Array.from({ length: count }, () => 'wait');
    this.claims = this.found.map((_, lane) => ({
      claim: () => this.found[lane]!,
      dueInMs: () => Number.POSITIVE_INFINITY,
      idleTimeoutMs,
    }));
    const memory = new SharedArrayBuffer(TurnTable.bytesFor(count, 1));
    this.turns = new TurnTable(memory, {
      lanes: count,
      workers: 1,
      worker: 0,
      dealing: 'any',
      paced: [],
    });
    this.turns.reset();
  }

  /** The turn at that time, and when there may be another. */
  at(ms: number): readonly [string, number] {
    const kind = this.turns.claim(this.claims, { command: COMMAND_RUN, barrier: 0, ms });
    return [kind === 'wait' ? kind : `${kind} ${this.turns.lane}`, this.turns.dueInMs];
  }
}

describe('a silent lane', () => {
  it('goes idle once its timeout is over since it was first asked, and says so once', () => {
    const lanes = new Lanes(1, IDLE_MS);
    expect(lanes.at(1000)).toEqual(['wait', 100]);
    expect(lanes.at(1099)).toEqual(['wait', 1]);
    expect(lanes.at(1100)[0]).toBe('lane-idle 0');
    expect(lanes.at(5000)).toEqual(['wait', Number.POSITIVE_INFINITY]);
  });

  it('goes idle again when it has spoken in between, as long after its last block', () => {
    const lanes = new Lanes(1, IDLE_MS);
    lanes.at(1000);
    expect(lanes.at(1100)[0]).toBe('lane-idle 0');
    for (const spokenMs of [1500, 3000]) {
      lanes.found[0] = 'block';
      expect(lanes.at(spokenMs)[0]).toBe('block 0');
      lanes.found[0] = 'wait';
      expect(lanes.at(spokenMs + 40)).toEqual(['wait', 60]);
      expect(lanes.at(spokenMs + 100)[0]).toBe('lane-idle 0');
      expect(lanes.at(spokenMs + 900)[0]).toBe('wait');
    }
  });

  it('is none of the others, which go on', () => {
    const lanes = new Lanes(2, IDLE_MS);
    lanes.found[1] = 'block';
    expect(lanes.at(1000)[0]).toBe('block 1');
    expect(lanes.at(1100)[0]).toBe('lane-idle 0');
    expect(lanes.at(1100)[0]).toBe('block 1');
    expect(lanes.at(1150)[0]).toBe('block 1');
    lanes.found[1] = 'wait';
    expect(lanes.at(1200)).toEqual(['wait', 50]);
    expect(lanes.at(1250)[0]).toBe('lane-idle 1');
  });

  it('never goes idle without a timeout', () => {
    const lanes = new Lanes(1, 0);
    lanes.at(1000);
    expect(lanes.at(1e9)).toEqual(['wait', Number.POSITIVE_INFINITY]);
  });
});
