/**
 * Rows that an operator keeps, column by column, with numbers that are used again: for joins,
 * Top-N and OVER. Owns which numbers are taken; the cells are row-lanes.ts. Row 0 is never given
 * out: it is free to mean "no row", or a row of NULLs for outer joins. @hot
 */
import { assert } from '../../../base/assert.js';
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import { roomForEntries } from '../../../columnar/byte-room.js';
import type { Column } from '../../../columnar/column.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import type { SortKey } from '../../../plan/pipeline/pipeline-plan.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { newLane } from './row-lanes.js';
import type { RowLane } from './row-lanes.js';
import { readValue, writeValue } from './row-values.js';

/** No row; its values are NULL once `padNullRow` was called. */
export const NULL_ROW = 0;

const FIRST_CAPACITY = 64;

export class RowStore {
  /** Rows kept. */
  size = 0;
  /** Row numbers are below this. */
  capacity = FIRST_CAPACITY;
  private readonly types: readonly SqlType[];
  private readonly lanes: readonly RowLane[];
  private used = 1;
  private free: Int32Array = new Int32Array(FIRST_CAPACITY);
  private freeCount = 0;
  private places: Int32Array = new Int32Array(BATCH_ROWS_MAX);
  private readonly one = new Int32Array(1);

  constructor(types: readonly SqlType[]) {
    this.types = types;
    this.lanes = types.map(newLane);
    for (const lane of this.lanes) lane.grow(FIRST_CAPACITY);
  }

  /** From now on NULL_ROW can be gathered. */
  padNullRow(): void {
    for (const lane of this.lanes) lane.put(NULL_ROW, null);
  }

  /** Copies rows of a batch (null: 0 … count - 1); their numbers by position, until the next call. */
  addRows(batch: Batch, rows: Int32Array | null, count: number): Int32Array {
    if (this.places.length < count) this.places = new Int32Array(count);
    for (let k = 0; k < count; k += 1) this.places[k] = this.take();
    for (let at = 0; at < this.lanes.length; at += 1) {
      this.lanes[at]!.copy(batch.columns[at]!, rows, count, this.places);
    }
    return this.places;
  }

  addRow(batch: Batch, row: number): number {
    this.one[0] = row;
    return this.addRows(batch, this.one, 1)[0]!;
  }

  /** Gives a row's number back; its values are gone. */
  release(at: number): void {
    assert(at !== NULL_ROW, 'NULL_ROW is no row');
    for (const lane of this.lanes) lane.clear(at);
    if (this.freeCount === this.free.length) this.free = grown(this.free, this.freeCount * 2);
    this.free[this.freeCount] = at;
    this.freeCount += 1;
    this.size -= 1;
  }

  value(column: number, at: number): SqlValue {
    return this.lanes[column]!.value(at);
  }

  isNull(column: number, at: number): boolean {
    return this.lanes[column]!.isNull(at);
  }

  /** Negative when row `a` comes first under the keys; 0 for peers. */
  compare(a: number, b: number, keys: readonly SortKey[]): number {
    for (let at = 0; at < keys.length; at += 1) {
      const { column, descending, nullsFirst } = keys[at]!;
      const lane = this.lanes[column]!;
      const isNull = lane.isNull(a);
      if (isNull || lane.isNull(b)) {
        if (isNull === lane.isNull(b)) continue;
        return isNull === nullsFirst ? -1 : 1;
      }
      const order = lane.compare(a, b);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  }

  /** The rows `places` as columns, valid until the next gather. */
  gather(places: Int32Array, count: number, columns: Column[]): void {
    for (const lane of this.lanes) columns.push(lane.gather(places, count));
  }

  /** One column of the rows `places`, valid until the next gather. */
  gatherColumn(column: number, places: Int32Array, count: number): Column {
    return this.lanes[column]!.gather(places, count);
  }

  /** Writes a row's values as fields of the current snapshot entry. */
  writeRow(writer: StateWriter, at: number): void {
    this.lanes.forEach((lane, column) => {
      writeValue(writer, lane.value(at), this.types[column]!);
    });
  }

  /** Takes in a row that writeRow wrote; its number. */
  readRow(reader: StateReader): number {
    const at = this.take();
    this.lanes.forEach((lane, column) => {
      lane.put(at, readValue(reader, this.types[column]!));
    });
    return at;
  }

  byteSize(): number {
    return this.lanes.reduce((bytes, lane) => bytes + lane.byteSize(), this.free.byteLength);
  }

  private take(): number {
    if (this.freeCount > 0) {
      this.size += 1;
      this.freeCount -= 1;
      return this.free[this.freeCount]!;
    }
    if (this.used === this.capacity) {
      roomForEntries(this.used + 1, 'kept rows');
      this.capacity *= 2;
      for (const lane of this.lanes) lane.grow(this.capacity);
    }
    this.size += 1;
    this.used += 1;
    return this.used - 1;
  }
}

/** The numbers in a longer array; for what operators keep beside the rows of a store. */
export function grown(cells: Int32Array, length: number): Int32Array {
  const longer = new Int32Array(length);
  longer.set(cells);
  return longer;
}
