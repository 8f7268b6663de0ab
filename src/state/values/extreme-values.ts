/**
 * MIN, MAX and DELTA where rows can be taken back: a counted multiset of the group's values and a
 * heap per direction. A heap may hold values that are gone; they leave when they reach the top, or
 * all at once when they are most of it. So a change costs O(log n) amortised, the result O(1). @hot
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { GroupObject } from './group-object.js';
import { FAILED, WIDENED, WRITTEN } from './group-object.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { CellCodec } from './value-cells.js';
import { ValueTable } from './value-table.js';

/** A binary heap of cells; the top is the least under `direction × compare`. */
class CellHeap {
  cells = new Float64Array(8);
  size = 0;
  private readonly codec: CellCodec;
  private readonly direction: number;

  constructor(codec: CellCodec, direction: number) {
    this.codec = codec;
    this.direction = direction;
  }

  push(cell: number): void {
    if (this.size === this.cells.length) {
      const grown = new Float64Array(this.size * 2);
      grown.set(this.cells);
      this.cells = grown;
    }
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.order(this.cells[parent]!, cell) <= 0) break;
      this.cells[at] = this.cells[parent]!;
      at = parent;
    }
    this.cells[at] = cell;
  }

  pop(): void {
    this.size -= 1;
    const cell = this.cells[this.size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      const other = child + 1;
      if (other < this.size && this.order(this.cells[other]!, this.cells[child]!) < 0)
        child = other;
      if (this.order(cell, this.cells[child]!) <= 0) break;
      this.cells[at] = this.cells[child]!;
      at = child;
    }
    this.cells[at] = cell;
  }

  private order(a: number, b: number): number {
    return this.direction * this.codec.compare(a, b);
  }
}

class Extremes {
  live = 0;
  readonly low: CellHeap | null;
  readonly high: CellHeap | null;
  constructor(low: CellHeap | null, high: CellHeap | null) {
    this.low = low;
    this.high = high;
  }
}

export type ExtremeResult = 'min' | 'max' | 'delta';

export class ExtremeValues implements GroupObject {
  private readonly codec: CellCodec;
  private readonly result: ExtremeResult;
  private readonly table: ValueTable;
  private readonly groups: (Extremes | undefined)[] = [];
  /** Result is BIGINT or DECIMAL: the largest magnitude it may have. */
  private readonly limit: bigint;

  constructor(codec: CellCodec, result: ExtremeResult, limit: bigint) {
    this.codec = codec;
    this.result = result;
    this.limit = limit;
    this.table = new ValueTable(codec);
  }

  add(slot: number, cell: number, sign: number, _batch: Batch, _row: number): void {
    this.change(slot, cell, sign);
  }

  write(slot: number, results: ResultRows, column: number, row: number): number {
    const group = this.groups[slot];
    if (group === undefined || group.live === 0) {
      results.setNull(column, row);
      return WRITTEN;
    }
    if (this.result !== 'delta') {
      const cell = this.top(slot, this.result === 'min' ? group.low! : group.high!);
      return this.codec.write(results, column, row, cell) ? WIDENED : WRITTEN;
    }
    const high = this.codec.value(this.top(slot, group.high!));
    const low = this.codec.value(this.top(slot, group.low!));
    if (typeof high === 'bigint') {
      const difference = high - (low as bigint);
      if (difference > this.limit) return FAILED;
      return results.setBigInt(column, row, difference) ? WIDENED : WRITTEN;
    }
    const difference = (high as number) - (low as number);
    const target = results.columns[column]!;
    if (target.kind === 'f64') target.values[row] = difference;
    return Number.isFinite(difference) ? WRITTEN : FAILED;
  }

  merge(other: GroupObject, otherSlot: number, slot: number): void {
    assert(other instanceof ExtremeValues, 'states of one factory have the same objects');
    const { cells, counts } = other.table.entriesOf(otherSlot);
    cells.forEach((cell, at) => {
      this.change(slot, cell, counts[at]!);
    });
  }

  mergeValue(_other: GroupObject, _otherSlot: number, slot: number, cell: number): void {
    this.change(slot, cell, 1);
  }

  clearSlot(slot: number): void {
    this.table.clearSlot(slot);
    if (slot < this.groups.length) this.groups[slot] = undefined;
  }

  clear(): void {
    this.table.clear();
    this.groups.length = 0;
  }

  snapshot(writer: StateWriter, slot: number): void {
    this.table.snapshot(writer, slot);
  }

  restore(reader: StateReader, slot: number): void {
    this.table.restore(reader, slot);
    this.rebuild(slot);
  }

  markIds(marks: Uint8Array): void {
    this.table.markIds(marks);
  }

  remapIds(newIds: Int32Array): void {
    this.table.remapIds(newIds);
    if (this.codec.ids === 'never') return;
    for (let slot = 0; slot < this.groups.length; slot += 1) {
      if (this.groups[slot] !== undefined) this.rebuild(slot);
    }
  }

  byteSize(): number {
    let bytes = this.table.byteSize() + this.groups.length * 8;
    for (const group of this.groups) {
      if (group === undefined) continue;
      bytes += 64 + ((group.low?.cells.length ?? 0) + (group.high?.cells.length ?? 0)) * 8;
    }
    return bytes;
  }

  private change(slot: number, cell: number, count: number): void {
    const change = this.table.add(slot, cell, count);
    if (change === 0) return;
    const group = this.groupOf(slot);
    group.live += change;
    if (change > 0) {
      group.low?.push(cell);
      group.high?.push(cell);
    }
    const size = group.low?.size ?? group.high!.size;
    if (size > 2 * group.live + 16) this.rebuild(slot);
  }

  private top(slot: number, heap: CellHeap): number {
    while (this.table.count(slot, heap.cells[0]!) === 0) heap.pop();
    return heap.cells[0]!;
  }

  private groupOf(slot: number): Extremes {
    let group = this.groups[slot];
    if (group !== undefined) return group;
    while (this.groups.length <= slot) this.groups.push(undefined);
    group = new Extremes(
      this.result === 'max' ? null : new CellHeap(this.codec, 1),
      this.result === 'min' ? null : new CellHeap(this.codec, -1),
    );
    this.groups[slot] = group;
    return group;
  }

  private rebuild(slot: number): void {
    const group = this.groupOf(slot);
    group.live = 0;
    if (group.low !== null) group.low.size = 0;
    if (group.high !== null) group.high.size = 0;
    this.table.forEach(slot, (cell) => {
      group.live += 1;
      group.low?.push(cell);
      group.high?.push(cell);
    });
  }
}
