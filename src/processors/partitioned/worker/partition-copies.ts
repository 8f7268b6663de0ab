/**
 * The state of a query's partitions in one worker at a barrier, copied while they go on and sent to
 * main when all of it is there. Owns the share of the worker's time that this takes; what is copied,
 * and how, is runtime/state-copy's.
 */
import type { Clock } from '../../../base/clock.js';
import type { StateCopy } from '../../../runtime/state-copy.js';
import type { PartitionSnapshot } from '../messages.js';
import type { PartitionStateManager } from './partition-state.js';

/** How long a piece may take, and how long rows come first behind it. */
const PIECE_MS = 2;
const ROWS_MS = 4 * PIECE_MS;

interface Copying {
  readonly copies: readonly { readonly manager: PartitionStateManager; readonly copy: StateCopy }[];
  readonly rest: readonly PartitionSnapshot[];
  readonly send: (parts: readonly PartitionSnapshot[]) => void;
}

export class PartitionCopies {
  private readonly clock: Clock;
  private copying: Copying[] = [];
  private nextNs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** From now on rows may change what these hold; `rest` goes with it as it is. */
  begin(
    managers: readonly PartitionStateManager[],
    rest: readonly PartitionSnapshot[],
    send: (parts: readonly PartitionSnapshot[]) => void,
  ): void {
    const copies = managers.map((manager) => ({ manager, copy: manager.copy() }));
    this.copying.push({ copies, rest, send });
    this.conclude();
  }

  /** The next piece, when its time has come or nothing else is to do. True: there is more. */
  step(isIdle: boolean): boolean {
    if (this.copying.length === 0) return false;
    const { clock } = this;
    const nowNs = clock.monotonicNs();
    if (!isIdle && nowNs < this.nextNs) return true;
    const untilNs = nowNs + PIECE_MS * 1e6;
    this.copy(() => clock.monotonicNs() < untilNs);
    this.nextNs = clock.monotonicNs() + ROWS_MS * 1e6;
    return true;
  }

  /** All the rest, now. */
  finish(): void {
    this.copy(() => true);
  }

  private copy(goesOn: () => boolean): void {
    for (const { copies } of this.copying) {
      for (const { copy } of copies) {
        copy.step(goesOn);
        if (!copy.isWhole) return;
      }
    }
    this.conclude();
  }

  private conclude(): void {
    const whole = this.copying.filter(({ copies }) => copies.every(({ copy }) => copy.isWhole));
    this.copying = this.copying.filter((copying) => !whole.includes(copying));
    for (const { copies, rest, send } of whole) {
      const parts = copies.map(({ manager: { fragment, partition }, copy }) => ({
        fragment: fragment.index,
        partition,
        operators: copy.parts,
      }));
      send([...parts, ...rest]);
    }
  }
}
