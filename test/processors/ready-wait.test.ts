/** Waits for many promises: each gets one reaction, whoever settles first ends the wait. */
import { describe, expect, it, vi } from 'vitest';
import { ReadyWait } from '../../src/processors/ready-wait.js';

function held(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

describe('waiting for the first of many', () => {
  it('leaves one reaction on a promise that stays pending', async () => {
    const silent = held();
    const then = vi.spyOn(silent.promise, 'then');
    const wait = new ReadyWait();
    for (let turn = 0; turn < 1_000; turn += 1) {
      const busy = held();
      const first = wait.any([silent.promise, busy.promise]);
      busy.resolve();
      await first;
    }
    expect(then).toHaveBeenCalledTimes(1);
    const last = wait.any([silent.promise]);
    silent.resolve();
    await last;
  });

  it('ends at wake()', async () => {
    const wait = new ReadyWait();
    const waiting = wait.any([held().promise]);
    wait.wake();
    await waiting;
  });

  it('tells a failure, also one that came between two waits', async () => {
    const failing = held();
    const wait = new ReadyWait();
    const first = wait.any([failing.promise]);
    failing.reject(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    const between = held();
    wait.wake();
    await wait.any([between.promise, Promise.resolve()]);
    between.reject(new Error('later'));
    await Promise.allSettled([between.promise]);
    await expect(wait.any([between.promise])).rejects.toThrow('later');
  });
});
