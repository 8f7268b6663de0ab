/**
 * When a state is kept: at the interval while rows move, once a day of a job that rests and whose
 * rows wait for it, and whenever somebody asks for one; one at a time, with those who ask told when
 * it is there, or why it is not. Time is a number here.
 */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { CheckpointPace } from '../../src/processors/checkpoint-pace.js';
import type { CheckpointTarget, TakenState } from '../../src/processors/checkpoint-pace.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const INTERVAL_MS = 10_000;

class Kept {
  readonly taken: TakenState['trigger'][] = [];
  readonly failed: unknown[] = [];
  readonly pace: CheckpointPace;
  wakes = 0;
  nowMs = 0;
  /** Ends the write that is under way. */
  end: (error?: Error) => void = () => undefined;

  constructor(target: Pick<CheckpointTarget, 'restMs' | 'isVital'>) {
    const clock: Clock = { nowMs: () => this.nowMs, monotonicNs: () => this.nowMs * 1e6 };
    const take = ({ trigger }: TakenState) => {
      this.taken.push(trigger);
      return (): Promise<void> =>
        new Promise((resolve, reject) => {
          this.end = (error) => (error === undefined ? resolve() : reject(error));
        });
    };
    const failed = (error: unknown): unknown => this.failed.push(error);
    this.pace = new CheckpointPace(
      { intervalMs: INTERVAL_MS, ...target, take, failed },
      clock,
      () => (this.wakes += 1),
    );
  }

  /** What is due after so many rows; a state is taken where it is. */
  step(rowsMoved: number): string | null {
    const trigger = this.pace.due(() => rowsMoved);
    if (trigger !== null)
      this.pace.publish(Promise.resolve([]), trigger, { rowsMoved, sinceNs: 0 });
    return trigger;
  }

  async written(error?: Error): Promise<void> {
    await soon();
    this.end(error);
    await soon();
  }
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('when a state is kept', () => {
  it('is at the interval while rows move, and never while none do', async () => {
    const kept = new Kept({ isVital: false });
    kept.nowMs = INTERVAL_MS;
    expect(kept.step(5)).toBe('interval');
    await kept.written();
    kept.nowMs = 400 * DAY_MS;
    expect(kept.pace.dueInMs(5)).toBe(Number.POSITIVE_INFINITY);
    expect(kept.step(5)).toBe(null);
    expect(kept.step(6)).toBe('interval');
  });

  it('is once a day of a job that rests where that is asked for', async () => {
    const kept = new Kept({ isVital: true, restMs: DAY_MS });
    kept.nowMs = INTERVAL_MS;
    expect(kept.step(5)).toBe('interval');
    await kept.written();
    for (let day = 1; day <= 8; day += 1) {
      kept.nowMs += DAY_MS - 1;
      expect(kept.pace.dueInMs(5)).toBe(1);
      expect(kept.step(5)).toBe(null);
      kept.nowMs += 1;
      expect(kept.pace.dueInMs(5)).toBe(0);
      expect(kept.step(5)).toBe('interval');
      await kept.written();
    }
    expect(kept.taken).toHaveLength(9);
  });

  it('is when somebody asks, who hears when it is there', async () => {
    const kept = new Kept({ isVital: false });
    let heard = 'nothing';
    void kept.pace.keep().then(() => (heard = 'kept'));
    expect(kept.pace.dueInMs(0)).toBe(0);
    expect(kept.step(0)).toBe('interval');
    await soon();
    expect(heard).toBe('nothing');
    await kept.written();
    expect([heard, kept.taken]).toEqual(['kept', ['asked']]);
  });

  it('waits for the one that is being written, and is due then', async () => {
    const kept = new Kept({ isVital: false });
    kept.nowMs = INTERVAL_MS;
    kept.step(5);
    const asked = kept.pace.keep();
    expect(kept.step(5)).toBe(null);
    await kept.written();
    expect(kept.wakes).toBe(1);
    expect(kept.step(5)).toBe('interval');
    await kept.written();
    await asked;
    expect(kept.taken).toEqual(['interval', 'asked']);
  });

  it('says to who asked why there is none', async () => {
    const full = new Error('the disk is full');
    const kept = new Kept({ isVital: false });
    const asked = kept.pace.keep();
    const heard = expect(asked).rejects.toBe(full);
    kept.step(0);
    await kept.written(full);
    await heard;
    expect(kept.failed).toEqual([full]);
    const late = kept.pace.keep();
    kept.pace.jobEnded();
    await expect(late).rejects.toMatchObject({ code: 'VELO_JOB_ENDED' });
  });

  it('ends a job whose rows wait for it where it cannot be', async () => {
    const full = new Error('the disk is full');
    const kept = new Kept({ isVital: true, restMs: DAY_MS });
    const heard = expect(kept.pace.keep()).rejects.toBe(full);
    kept.step(0);
    await kept.written(full);
    await heard;
    expect(kept.wakes).toBe(1);
    expect(() => kept.step(1)).toThrow(full);
  });
});
