/**
 * MEDIAN and PERCENTILE_CONT/DISC: all values of a group, sorted when a result is asked for. Owns
 * one run of cells per group, of which a front part is sorted; rows go to the tail, and a result
 * sorts the tail and merges it (one row: a binary search and a move). @hot
 *
 *   cells: [ sorted … | tail … | free … ]
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { GroupObject } from './group-object.js';
import { FAILED, WIDENED, WRITTEN } from './group-object.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { CellCodec } from './value-cells.js';
import { markCell, remapCell } from './value-table.js';

export interface PercentileOptions {
  readonly fraction: number;
  readonly descending: boolean;
  /** Interpolate between neighbours (cells are doubles), or pick a value. */
  readonly continuous: boolean;
  /** Cells are ordered as numbers. */
  readonly numeric: boolean;
}

class Run {
  cells = new Float64Array(8);
  sorted = 0;
  count = 0;
}

export class SortedValues implements GroupObject {
  private readonly codec: CellCodec;
  private readonly options: PercentileOptions;
  private readonly runs: (Run | undefined)[] = [];

  constructor(codec: CellCodec, options: PercentileOptions) {
    this.codec = codec;
    this.options = options;
  }

  add(slot: number, cell: number, sign: number, _batch: Batch, _row: number): void {
    if (sign > 0) this.append(slot, cell);
    else this.remove(this.runOf(slot), cell);
  }

  write(slot: number, results: ResultRows, column: number, row: number): number {
    const run = this.runs[slot];
    if (run === undefined || run.count === 0) {
      results.setNull(column, row);
      return WRITTEN;
    }
    this.sort(run);
    if (!this.options.continuous) {
      return this.codec.write(results, column, row, this.discrete(run)) ? WIDENED : WRITTEN;
    }
    const value = this.interpolated(run);
    this.writeDouble(results, column, row, value);
    return Number.isFinite(value) ? WRITTEN : FAILED;
  }

  merge(other: GroupObject, otherSlot: number, slot: number): void {
    assert(other instanceof SortedValues, 'states of one factory have the same objects');
    const run = other.runs[otherSlot];
    if (run === undefined) return;
    // The list is read before it is written: a state may merge a group of its own.
    for (const cell of run.cells.slice(0, run.count)) this.append(slot, cell);
  }

  mergeValue(_other: GroupObject, _otherSlot: number, slot: number, cell: number): void {
    this.append(slot, cell);
  }

  clearSlot(slot: number): void {
    if (slot < this.runs.length) this.runs[slot] = undefined;
  }

  clear(): void {
    this.runs.length = 0;
  }

  snapshot(writer: StateWriter, slot: number): void {
    const run = this.runs[slot];
    const count = run === undefined ? 0 : run.count;
    writer.writeU32(count);
    for (let at = 0; at < count; at += 1) this.codec.store(writer, run!.cells[at]!);
  }

  restore(reader: StateReader, slot: number): void {
    for (let left = reader.readU32(); left > 0; left -= 1) {
      this.append(slot, this.codec.load(reader));
    }
  }

  markIds(marks: Uint8Array): void {
    if (this.codec.ids === 'never') return;
    for (const run of this.runs) {
      if (run === undefined) continue;
      for (let at = 0; at < run.count; at += 1) markCell(this.codec, run.cells[at]!, marks);
    }
  }

  remapIds(newIds: Int32Array): void {
    if (this.codec.ids === 'never') return;
    for (const run of this.runs) {
      if (run === undefined) continue;
      for (let at = 0; at < run.count; at += 1) {
        run.cells[at] = remapCell(this.codec, run.cells[at]!, newIds);
      }
    }
  }

  byteSize(): number {
    let bytes = this.runs.length * 8;
    for (const run of this.runs) if (run !== undefined) bytes += run.cells.length * 8 + 64;
    return bytes;
  }

  private runOf(slot: number): Run {
    let run = this.runs[slot];
    if (run !== undefined) return run;
    while (this.runs.length <= slot) this.runs.push(undefined);
    run = new Run();
    this.runs[slot] = run;
    return run;
  }

  private append(slot: number, cell: number): void {
    const run = this.runOf(slot);
    reserve(run, 1);
    run.cells[run.count] = cell;
    run.count += 1;
  }

  private discrete(run: Run): number {
    const { fraction, descending } = this.options;
    const place = Math.max(Math.ceil(fraction * run.count), 1) - 1;
    return run.cells[descending ? run.count - 1 - place : place]!;
  }

  private interpolated(run: Run): number {
    const { fraction, descending } = this.options;
    const last = run.count - 1;
    const place = fraction * last;
    const below = Math.floor(place);
    const above = Math.ceil(place);
    const low = run.cells[descending ? last - below : below]!;
    const high = run.cells[descending ? last - above : above]!;
    const difference = high - low;
    const weight = place - below;
    if (Number.isFinite(difference)) return low + difference * weight;
    return low * (1 - weight) + high * weight;
  }

  private writeDouble(results: ResultRows, column: number, row: number, value: number): void {
    const target = results.columns[column]!;
    if (target.kind === 'f64') target.values[row] = value;
  }

  private remove(run: Run, cell: number): void {
    this.sort(run);
    const at = this.lowerBound(run, cell);
    if (at === run.count || run.cells[at] !== cell) return;
    run.cells.copyWithin(at, at + 1, run.count);
    run.count -= 1;
    run.sorted = run.count;
  }

  private sort(run: Run): void {
    const tail = run.count - run.sorted;
    if (tail === 0) return;
    if (tail === 1) this.insertLast(run);
    else this.mergeTail(run);
    run.sorted = run.count;
  }

  private insertLast(run: Run): void {
    const cell = run.cells[run.count - 1]!;
    run.count -= 1;
    const at = this.lowerBound(run, cell);
    run.cells.copyWithin(at + 1, at, run.count);
    run.cells[at] = cell;
    run.count += 1;
  }

  private mergeTail(run: Run): void {
    const { cells, sorted, count } = run;
    const tail = cells.slice(sorted, count);
    const { codec } = this;
    if (this.options.numeric) tail.sort();
    else tail.sort((a, b) => codec.compare(a, b));
    let front = sorted - 1;
    let back = tail.length - 1;
    for (let at = count - 1; back >= 0; at -= 1) {
      const takesFront = front >= 0 && codec.compare(cells[front]!, tail[back]!) > 0;
      cells[at] = takesFront ? cells[front]! : tail[back]!;
      if (takesFront) front -= 1;
      else back -= 1;
    }
  }

  /** First place in the sorted part whose cell is not below. */
  private lowerBound(run: Run, cell: number): number {
    let low = 0;
    let high = Math.min(run.sorted, run.count);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.codec.compare(run.cells[middle]!, cell) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function reserve(run: Run, more: number): void {
  if (run.count + more <= run.cells.length) return;
  const grown = new Float64Array(run.cells.length * 2);
  grown.set(run.cells.subarray(0, run.count));
  run.cells = grown;
}
