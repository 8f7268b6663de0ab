/**
 * Aggregates of OVER from the first row of the partition on: each partition is a group of GROUP BY
 * that gives its state after every row. Owns the results of the rows at work: under RANGE a row
 * has the result of the last row of its time. O(1) a row, whatever the aggregate. @hot
 */
import type { Batch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import { columnValue } from '../../../columnar/column.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import type { OverNode } from '../../../plan/pipeline/pipeline-plan.js';
import { GroupedStateFactory } from '../../../state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../../state/groups/grouped-state.js';
import type { ResultRows } from '../../../state/result-rows.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { OverResults, OverRows, PlannedCall } from './over-calls.js';

export class OverRunning {
  private readonly calls: readonly PlannedCall[];
  private readonly keyCount: number;
  private readonly types: readonly SqlType[];
  private readonly state: GroupedState;
  private readonly results: ResultRows;
  /** Results by call, then by row of all parts. */
  private readonly values: SqlValue[][];
  private readonly faults = new Map<number, string>();
  /** Under RANGE: by row of all parts the last row of its partition and time. */
  private lastPeers: Int32Array = new Int32Array(0);
  private readonly slots: number[] = [];
  private readonly times: number[] = [];
  private base = 0;

  constructor(node: OverNode, calls: readonly PlannedCall[]) {
    this.calls = calls;
    this.keyCount = node.partitionBy.length;
    this.types = calls.map(({ call }) => call.type);
    this.values = calls.map(() => []);
    const factory = new GroupedStateFactory({
      id: `${node.id}-running`,
      inputTypes: node.input.schema.map((column) => column.type),
      keys: node.partitionBy,
      aggregates: calls.map(({ call }) => call),
      windowColumns: false,
    });
    this.state = factory.create();
    this.results = factory.results(
      { emit: (batch) => this.take(batch) },
      {
        recordFailed: (_header, row, { message }) => this.faults.set(this.base + row, message),
      },
    );
  }

  prepare({ batch, count, slots, times, base }: OverRows): void {
    this.base = base;
    for (const values of this.values) for (let k = 0; k < count; k += 1) values.push(null);
    this.state.updateEmitChanged(batch, null, count, this.results);
    this.results.flush();
    for (let k = 0; k < count; k += 1) {
      this.slots.push(slots[k]!);
      this.times.push(times[k]!);
    }
  }

  evaluate({ count, base }: OverRows, results: OverResults): void {
    if (this.lastPeers.length === 0) this.lastPeers = lastPeers(this.slots, this.times);
    for (let at = 0; at < this.calls.length; at += 1) {
      const { at: call, frame } = this.calls[at]!;
      const values = this.values[at]!;
      for (let k = 0; k < count; k += 1) {
        const row = frame.unit === 'range' ? this.lastPeers[base + k]! : base + k;
        results.set(call, k, values[row]!);
        if (this.faults.size === 0) continue;
        const message = this.faults.get(row);
        if (message !== undefined) results.fail(k, message);
      }
    }
  }

  /** All parts have been evaluated. */
  finish(): void {
    for (const values of this.values) values.length = 0;
    this.faults.clear();
    this.slots.length = 0;
    this.times.length = 0;
    this.lastPeers = new Int32Array(0);
  }

  private take(batch: Batch): void {
    const origins = batch.origins!;
    for (let at = 0; at < this.types.length; at += 1) {
      const column: Column = batch.columns[this.keyCount + at]!;
      const values = this.values[at]!;
      for (let k = 0; k < batch.selectedCount; k += 1) {
        const row = batch.selection === null ? k : batch.selection[k]!;
        values[this.base + origins[row]!] = columnValue(column, this.types[at]!, row);
      }
    }
  }

  /** One entry per partition; `before` writes fields in front. */
  snapshot(writer: StateWriter, before: (writer: StateWriter) => void): void {
    this.state.snapshot(writer, before);
  }

  restoreEntry(reader: StateReader): void {
    this.state.restoreGroup(reader);
  }

  byteSize(): number {
    return this.state.byteSize();
  }
}

/** By row the last row with its slot and time; rows of a slot are in order of time. */
function lastPeers(slots: readonly number[], times: readonly number[]): Int32Array {
  const result = new Int32Array(slots.length);
  const latest = new Map<number, number>();
  for (let row = slots.length - 1; row >= 0; row -= 1) {
    const slot = slots[row]!;
    const next = latest.get(slot);
    const isPeer = next !== undefined && times[next] === times[row];
    result[row] = isPeer ? result[next]! : row;
    latest.set(slot, row);
  }
  return result;
}
