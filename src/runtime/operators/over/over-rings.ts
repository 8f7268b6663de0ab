/**
 * Calls of OVER over ROWS n PRECEDING … CURRENT ROW on the rings of ROWS WINDOW BUFFER: the rows
 * come in order of time, so the frame is the last n + 1 rows of the partition. Owns one set of
 * rings per n and their result columns, which need no values one by one. @hot
 */
import type { Column } from '../../../columnar/column.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { OverRows, PlannedCall } from './over-calls.js';
import { RowsWindowRings } from '../rows-window/rows-window-rings.js';

interface RingSet {
  readonly calls: readonly PlannedCall[];
  readonly rings: RowsWindowRings;
}

export class OverRings {
  private readonly sets: readonly RingSet[];

  constructor(calls: readonly PlannedCall[]) {
    const lengths = [...new Set(calls.map(({ frame }) => frame.preceding))];
    this.sets = lengths.map((preceding) => {
      const members = calls.filter(({ frame }) => frame.preceding === preceding);
      const ringCalls = members.map(({ call }) => ({ ...call, frame: null }));
      return { calls: members, rings: new RowsWindowRings(preceding + 1, ringCalls) };
    });
  }

  ensureSlots(count: number): void {
    for (const { rings } of this.sets) rings.ensureSlots(count);
  }

  /** Fills in the columns of its calls, by number of the call; valid until the next evaluation. */
  evaluate(
    { batch, count, slots }: OverRows,
    columns: (Column | null)[],
    fail: (row: number, message: string) => void,
  ): void {
    for (const { calls, rings } of this.sets) {
      rings.update(batch, null, slots, count);
      const results = rings.columns(null, count, fail);
      for (let at = 0; at < calls.length; at += 1) columns[calls[at]!.at] = results[at]!;
    }
  }

  writeSlot(writer: StateWriter, slot: number): void {
    for (const { rings } of this.sets) rings.writeSlot(writer, slot);
  }

  readSlot(reader: StateReader, slot: number): void {
    for (const { rings } of this.sets) rings.readSlot(reader, slot);
  }

  byteSize(): number {
    return this.sets.reduce((bytes, { rings }) => bytes + rings.byteSize(), 0);
  }
}
