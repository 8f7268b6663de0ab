/**
 * COUNT, SUM, AVG, MIN and MAX of OVER over frames that rings do not serve: RANGE, long ROWS
 * frames, frames that end before the current row, FILTER, DECIMAL and text. Owns, per partition and
 * call, the aggregate of a frame that only moves on: every row enters once and leaves once. @hot
 *
 *   COUNT, exact SUM   what leaves is subtracted
 *   SUM of DOUBLE      never subtracted: two stacks. Rows leave from sums of the rest, made when the
 *                      front runs empty; the back only grows. Both are double-double.
 *   MIN, MAX           the rows that no later row beats, best first
 *
 *       from … middle │ middle … to
 *       front: suffix sums │ back: one sum
 */
import { DECIMAL_PRECISION_MAX } from '../../../columnar/types.js';
import type { SqlType, SqlValue } from '../../../columnar/types.js';
import { compareValues, scaleOf } from '../../../functions/compare.js';
import { addDouble, addPair } from '../../../state/sums/double-double.js';
import { quotientToDouble, roundedQuotient } from '../../../state/sums/exact-sums.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import type { OverEvaluator, OverResults, OverRows, PlannedCall } from './over-calls.js';
import type { OverHistory } from './over-history.js';
import type { RowStore } from '../rows/row-store.js';
import { readValue, writeValue } from '../rows/row-values.js';

/** Where a call's columns are in the history; -1: none. */
export interface HistoryColumns {
  readonly argument: number;
  readonly filter: number;
}

export class OverSliding implements OverEvaluator {
  private readonly history: OverHistory;
  private readonly calls: readonly PlannedCall[];
  private readonly columns: readonly HistoryColumns[];
  /** By call, then partition. */
  private readonly frames: SlidingFrame[][];

  constructor(
    history: OverHistory,
    calls: readonly PlannedCall[],
    columnsOf: (call: PlannedCall) => HistoryColumns,
  ) {
    this.history = history;
    this.calls = calls;
    this.columns = calls.map(columnsOf);
    this.frames = calls.map(() => []);
  }

  ensureSlots(count: number): void {
    this.frames.forEach((frames, at) => {
      while (frames.length < count) frames.push(new SlidingFrame(this.calls[at]!));
    });
  }

  prepare(): void {
    // The history has the rows.
  }

  evaluate({ count, slots, places }: OverRows, results: OverResults): void {
    for (let at = 0; at < this.calls.length; at += 1) {
      const { at: call, frame } = this.calls[at]!;
      for (let k = 0; k < count; k += 1) {
        const slot = slots[k]!;
        this.history.frame(frame, slot, places[k]!);
        const sliding = this.frames[at]![slot]!;
        sliding.move(this.history, slot, this.columns[at]!);
        const value = this.history.isScattered(frame, slot)
          ? this.scattered(at, slot, places[k]!)
          : sliding.value();
        if (value === undefined)
          results.fail(k, `${this.calls[at]!.call.function} is out of range`);
        else results.set(call, k, value);
      }
    }
  }

  /** The value over rows that are no run of places: made anew. */
  private scattered(at: number, slot: number, place: number): SqlValue | undefined {
    const call = this.calls[at]!;
    const sliding = new SlidingFrame(call);
    for (const id of this.history.scattered(call.frame, slot, place)) {
      sliding.add(this.history, id, this.columns[at]!);
    }
    return sliding.value();
  }

  reach(slot: number): number {
    let least = Infinity;
    for (let at = 0; at < this.frames.length; at += 1) {
      const { frame } = this.calls[at]!;
      least = Math.min(least, this.frames[at]![slot]!.reach());
      // A late row looks further back than the frame that slides.
      if (frame.unit === 'range' && frame.preceding !== Infinity) {
        least = Math.min(least, this.history.reach(frame, slot));
      }
    }
    return least;
  }

  writeSlot(writer: StateWriter, slot: number): void {
    for (const frames of this.frames) frames[slot]!.write(writer);
  }

  readSlot(reader: StateReader, slot: number): void {
    this.ensureSlots(slot + 1);
    for (const frames of this.frames) frames[slot]!.read(reader);
  }

  byteSize(): number {
    return this.frames.reduce((bytes, frames) => bytes + frames.length * 200, 0);
  }
}

/** The aggregate of one call over the frame of one partition. */
class SlidingFrame {
  private readonly kind: 'count' | 'exact' | 'double' | 'extreme';
  private readonly planned: PlannedCall;
  private readonly type: SqlType;
  private from = 0;
  private to = 0;
  /** Values that are there: the argument is not NULL and the filter is true. */
  private present = 0;
  private exact = 0n;
  private middle = 0;
  /** Double-double sum of [middle, to). */
  private readonly back = new Float64Array(2);
  /** Double-double sums of [middle - 1 - i, middle), by i; the last one is that of the front. */
  private front: Float64Array = new Float64Array(0);
  private readonly places: number[] = [];
  private readonly values: SqlValue[] = [];
  private best = 0;

  constructor(planned: PlannedCall) {
    const { function: name, argTypes } = planned.call;
    this.planned = planned;
    this.type = argTypes[0] ?? { kind: 'null' };
    if (name === 'COUNT') this.kind = 'count';
    else if (name === 'MIN' || name === 'MAX') this.kind = 'extreme';
    else this.kind = this.type.kind === 'double' ? 'double' : 'exact';
  }

  /** Moves to the frame that the history was last asked for. */
  move(history: OverHistory, slot: number, columns: HistoryColumns): void {
    const { from, to } = history;
    while (this.to < to) this.add(history, history.id(slot, this.to), columns);
    for (; this.from < from; this.from += 1) this.leave(history, slot, columns);
  }

  /** The value of the frame; undefined when it is out of range. */
  value(): SqlValue | undefined {
    if (this.kind === 'count') return BigInt(this.present);
    if (this.present === 0) return null;
    if (this.kind === 'extreme') return this.values[this.best]!;
    const isAverage = this.planned.call.function === 'AVG';
    if (this.kind === 'exact')
      return isAverage ? this.exactAverage() : inRange(this.exact, this.planned.call.type);
    const sum = this.sum();
    const value = isAverage ? sum / this.present : sum;
    return Number.isFinite(value) ? value : undefined;
  }

  /** Least place that it will read again. */
  reach(): number {
    return this.planned.frame.preceding === Infinity ? this.to : this.from;
  }

  /** Adds a row of the store at the end. */
  add({ store }: OverHistory, id: number, columns: HistoryColumns): void {
    const place = this.to;
    this.to += 1;
    if (!isPresent(store, id, columns)) return;
    this.present += 1;
    if (this.kind === 'count') return;
    const value = store.value(columns.argument, id);
    if (this.kind === 'exact') this.exact += value as bigint;
    else if (this.kind === 'double') addDouble(this.back, 0, value as number);
    else this.compete(value, place);
  }

  private leave(history: OverHistory, slot: number, columns: HistoryColumns): void {
    if (this.kind === 'extreme') {
      if (this.places[this.best] === this.from) this.dropBest();
    } else if (this.kind === 'double' && this.from === this.middle)
      this.turn(history, slot, columns);
    if (!isPresent(history.store, history.id(slot, this.from), columns)) return;
    this.present -= 1;
    if (this.kind === 'exact') {
      this.exact -= history.value(columns.argument, slot, this.from) as bigint;
    }
  }

  /** The back becomes the front: its sums from each place to the end. */
  private turn(history: OverHistory, slot: number, columns: HistoryColumns): void {
    const count = this.to - this.from;
    if (this.front.length < 2 * count) this.front = new Float64Array(2 * count + 64);
    const { front, back } = this;
    back.fill(0);
    for (let at = 0; at < count; at += 1) {
      const place = this.to - 1 - at;
      if (isPresent(history.store, history.id(slot, place), columns)) {
        addDouble(back, 0, history.value(columns.argument, slot, place) as number);
      }
      front[2 * at] = back[0]!;
      front[2 * at + 1] = back[1]!;
    }
    back.fill(0);
    this.middle = this.to;
  }

  private sum(): number {
    const total = scratch;
    total[0] = this.back[0]!;
    total[1] = this.back[1]!;
    if (this.from < this.middle) addPair(total, 0, this.front, 2 * (this.middle - 1 - this.from));
    return total[0]! + total[1]!;
  }

  private compete(value: SqlValue, place: number): void {
    const sign = this.planned.call.function === 'MIN' ? 1 : -1;
    const { places, values } = this;
    while (values.length > this.best) {
      if (sign * compareValues(value, values.at(-1)!, this.type) >= 0) break;
      places.pop();
      values.pop();
    }
    // Of a frame without a start only the best is ever asked for.
    if (this.planned.frame.preceding === Infinity && values.length > this.best) return;
    places.push(place);
    values.push(value);
  }

  private dropBest(): void {
    this.best += 1;
    if (this.best < 64 || this.best * 2 < this.places.length) return;
    this.places.splice(0, this.best);
    this.values.splice(0, this.best);
    this.best = 0;
  }

  private exactAverage(): SqlValue | undefined {
    const { type } = this.planned.call;
    const count = BigInt(this.present);
    if (type.kind !== 'decimal') return quotientToDouble(this.exact, count);
    const zeros = 10n ** BigInt(scaleOf(type) - scaleOf(this.type));
    return inRange(roundedQuotient(this.exact * zeros, count), type);
  }

  write(writer: StateWriter): void {
    for (const place of [this.from, this.to, this.present, this.middle]) writer.writeF64(place);
    writer.writeBigInt(this.exact);
    for (const part of this.back) writer.writeF64(part);
    const fronts = 2 * Math.max(0, this.middle - this.from);
    for (let at = 0; at < fronts; at += 1) writer.writeF64(this.front[at]!);
    writer.writeU32(this.places.length - this.best);
    for (let at = this.best; at < this.places.length; at += 1) {
      writer.writeF64(this.places[at]!);
      writeValue(writer, this.values[at]!, this.type);
    }
  }

  read(reader: StateReader): void {
    this.from = reader.readF64();
    this.to = reader.readF64();
    this.present = reader.readF64();
    this.middle = reader.readF64();
    this.exact = reader.readBigInt();
    this.back[0] = reader.readF64();
    this.back[1] = reader.readF64();
    this.front = new Float64Array(2 * Math.max(0, this.middle - this.from));
    for (let at = 0; at < this.front.length; at += 1) this.front[at] = reader.readF64();
    for (let left = reader.readU32(); left > 0; left -= 1) {
      this.places.push(reader.readF64());
      this.values.push(readValue(reader, this.type));
    }
  }
}

const scratch = new Float64Array(2);

function isPresent(store: RowStore, id: number, { argument, filter }: HistoryColumns): boolean {
  if (argument < 0 && filter < 0) return true;
  if (filter >= 0 && store.value(filter, id) !== true) return false;
  return argument < 0 || !store.isNull(argument, id);
}

const DECIMAL_LIMIT = 10n ** BigInt(DECIMAL_PRECISION_MAX);

function inRange(value: bigint, type: SqlType): bigint | undefined {
  if (type.kind === 'decimal') {
    return value > -DECIMAL_LIMIT && value < DECIMAL_LIMIT ? value : undefined;
  }
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
