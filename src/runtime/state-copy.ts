/**
 * The state of a pipeline's operators at one moment, copied while they go on. Owns what is copied at
 * once (operators that hold little, or cannot go on meanwhile) and what piece by piece, and how the
 * pieces lie in memory: in parts that are never grown, because copying gigabytes again would be the
 * pause that this avoids. What entries are is state/snapshot's; who asks for pieces, and when, the
 * processors'.
 */
import { partsOf } from '../state/checkpoint/entry-files.js';
import type { OperatorState } from '../state/checkpoint/job-state.js';
import { StateWriter } from '../state/snapshot.js';
import type { FrozenState, Operator } from './operator.js';

/** A part is handed over when it has so many bytes. */
const PART_BYTES = 4 * 1024 * 1024;
/** Room behind that for the entries of one look at the clock. */
const PART_ROOM_BYTES = PART_BYTES + 256 * 1024;

interface Copying {
  readonly operator: string;
  readonly frozen: FrozenState;
}

export class StateCopy {
  /** Of operators in the pipeline's order; several of one operator are its parts. */
  readonly parts: OperatorState[] = [];
  private readonly waiting: Copying[] = [];
  private writer: StateWriter | null = null;

  /** Of operators that have no work left: what they hold now. */
  constructor(operators: readonly Operator[]) {
    for (const operator of operators) {
      const frozen = operator.freeze?.() ?? null;
      if (frozen !== null) {
        this.waiting.push({ operator: operator.id, frozen });
        continue;
      }
      const writer = new StateWriter();
      operator.snapshot(writer);
      this.parts.push(...partsOf(operator.id, writer));
    }
  }

  get isWhole(): boolean {
    return this.waiting.length === 0;
  }

  /** Goes on copying while `goesOn`, which is asked every few hundred entries. */
  step(goesOn: () => boolean): void {
    for (let [next] = this.waiting; next !== undefined; [next] = this.waiting) {
      const { operator, frozen } = next;
      this.writer ??= new StateWriter(PART_ROOM_BYTES);
      const { writer } = this;
      const hasMore = frozen.step(writer, () => writer.byteCount < PART_BYTES && goesOn());
      if (!hasMore) {
        this.add(operator, writer.finish());
        writer.clear();
        this.waiting.shift();
      } else if (writer.byteCount >= PART_BYTES) this.add(operator, writer.handOver());
      if (!goesOn()) return;
    }
    this.writer = null;
  }

  private add(operator: string, bytes: Uint8Array): void {
    if (bytes.length > 0) this.parts.push({ operator, bytes });
  }
}
