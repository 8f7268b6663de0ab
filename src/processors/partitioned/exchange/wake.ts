/**
 * Wake cells: how a thread sleeps until another has something for it, without spinning. Owns the
 * protocol of one cell; who wakes whom, and for what, is the exchange's business. @hot
 *
 *   byte 0     | wakes | sleeping |   a line of 64 bytes
 *   wakes      counts wake() calls and wraps        any thread: add
 *   sleeping   1 = the owner sleeps or is about to  owner: store
 *
 *   owner                                    any other thread
 *   ticket = load wakes                      publish work (a store that the owner will load)
 *   look for work; some: do it, begin again  add 1 to wakes                 W1
 *   store sleeping = 1                S1     load sleeping; 0: done         W2
 *   wait while wakes = ticket         S2     notify                         W3
 *   store sleeping = 0                S3
 *
 * No wake-up is lost. All of these are sequentially consistent: they happen in one order. When W1
 * comes before the ticket was read, the work was published before the owner looked: it is found.
 * When W1 comes after that and before the comparison of S2, S2 sees another count and does not
 * sleep. When it comes after the comparison, S1 < S2 < W1 < W2, and only S3 clears the flag: W2
 * reads 1, or the sleep is over. The engine compares and enlists the sleeper under the lock that
 * notify takes, so W3 finds it enlisted.
 *
 * A W3 that comes late ends the next sleep: 'woken' means look again, no more. Do not let W2 take
 * the flag (exchange it for 0) to spare a second notify: a late one takes the flag of the next
 * sleep and notifies before that has begun, and then the wake after it sees 0 and the owner sleeps
 * on.
 *
 * Why sleepAsync brings its own timeout: in Node 20 one of Atomics.waitAsync below 0.5 ms ends at
 * once and the others take whole milliseconds, they keep a timer each after a wake-up, and none
 * keeps the thread alive. So the wait has no timeout, and a timer, which also keeps the thread
 * alive, ends it by a notification. Below 1 ms it blocks, too short a time for sockets to starve,
 * and lets the event loop turn once.
 */
/// <reference lib="es2024.sharedmemory" />
import { assert } from '../../../base/assert.js';

const WAKES = 0;
const SLEEPING = 1;
const TIMER_MS_MAX = 0x7fffffff;

export type WakeReason = 'woken' | 'timeout';

export class WakeCell {
  /** A cell has a line of its own. */
  static readonly bytes = 64;
  private readonly words: Int32Array;

  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    assert(byteOffset % WakeCell.bytes === 0, 'a wake cell has a line of its own');
    this.words = new Int32Array(buffer, byteOffset, 2);
  }

  /** Any thread, after publishing work: no system call while the owner is awake. */
  wake(): void {
    Atomics.add(this.words, WAKES, 1);
    if (Atomics.load(this.words, SLEEPING) !== 0) Atomics.notify(this.words, WAKES);
  }

  /** Owner, before looking for work: a sleep with this ticket ends at once if a wake came since. */
  ticket(): number {
    return Atomics.load(this.words, WAKES);
  }

  /** Owner: blocks the thread. The timeout may be a fraction or Infinity. */
  sleep(ticket: number, timeoutMs: number): WakeReason {
    Atomics.store(this.words, SLEEPING, 1);
    const outcome = Atomics.wait(this.words, WAKES, ticket, timeoutMs);
    Atomics.store(this.words, SLEEPING, 0);
    return outcome === 'timed-out' ? 'timeout' : 'woken';
  }

  /**
   * Owner: lets the event loop run meanwhile, and keeps it alive. One sleep at a time. A timeout of
   * 1 ms or more is kept to within a millisecond.
   */
  async sleepAsync(ticket: number, timeoutMs: number): Promise<WakeReason> {
    if (timeoutMs < 1) {
      const outcome = this.sleep(ticket, timeoutMs);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      return outcome;
    }
    Atomics.store(this.words, SLEEPING, 1);
    const wait = Atomics.waitAsync(this.words, WAKES, ticket);
    let timedOut = false;
    if (wait.async) {
      const timer = setTimeout(
        () => {
          timedOut = true;
          Atomics.notify(this.words, WAKES);
        },
        Math.min(Math.ceil(timeoutMs), TIMER_MS_MAX),
      );
      await wait.value;
      clearTimeout(timer);
    }
    Atomics.store(this.words, SLEEPING, 0);
    return timedOut && this.ticket() === ticket ? 'timeout' : 'woken';
  }
}
