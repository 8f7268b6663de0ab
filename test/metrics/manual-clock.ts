/** A clock that stands still until it is told. */
import type { Clock } from '../../src/base/clock.js';

export class ManualClock implements Clock {
  private ns = 5e9;

  nowMs(): number {
    return this.ns / 1e6;
  }

  monotonicNs(): number {
    return this.ns;
  }

  passMs(ms: number): void {
    this.ns += ms * 1e6;
  }
}
