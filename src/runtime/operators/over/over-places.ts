/**
 * The calls of OVER that ask where a row stands or for one other row: ROW_NUMBER, RANK, DENSE_RANK,
 * LAG, FIRST_VALUE, LAST_VALUE, NTH_VALUE, and at the end of input PERCENT_RANK, CUME_DIST, NTILE
 * and LEAD. Owns the rank of each partition's last row, and values near the start of a partition
 * whose rows are forgotten: a frame without a start may still ask for them. @hot
 */
import type { SqlValue } from '../../../columnar/types.js';
import type { StateReader, StateWriter } from '../../../state/snapshot.js';
import { UP_TO_PEERS } from './over-calls.js';
import type { OverEvaluator, OverResults, OverRows, PlannedCall } from './over-calls.js';
import type { OverHistory } from './over-history.js';
import { readValue, writeValue } from '../rows/row-values.js';

interface PlaceCall extends PlannedCall {
  /** Column of the argument in the history; -1: none. */
  readonly column: number;
  /** LAG, LEAD: how far; NTH_VALUE and FIRST_VALUE: which row, from 1; NTILE: how many. */
  readonly number: number;
  /** Whether the frame starts with the partition, so that its first rows are asked for for ever. */
  readonly isPinned: boolean;
}

export class OverPlaces implements OverEvaluator {
  private readonly history: OverHistory;
  private readonly calls: readonly PlaceCall[];
  /** By partition: time of the last row, place of the first row of that time, its dense rank. */
  private lastTimes: Float64Array = new Float64Array(0);
  private peerPlaces: Float64Array = new Float64Array(0);
  private denseRanks: Float64Array = new Float64Array(0);
  /** By call, then partition: the row `number` of the partition, once it has so many. */
  private readonly pinned: SqlValue[][];

  constructor(
    history: OverHistory,
    calls: readonly PlannedCall[],
    columnOf: (column: number) => number,
  ) {
    this.history = history;
    this.calls = calls.map((each) => placeCall(each, columnOf));
    this.pinned = calls.map(() => []);
  }

  ensureSlots(count: number): void {
    for (const values of this.pinned) while (values.length < count) values.push(null);
    if (count <= this.lastTimes.length) return;
    const length = Math.max(count, this.lastTimes.length * 2);
    const times = new Float64Array(length).fill(Number.NaN);
    times.set(this.lastTimes);
    this.lastTimes = times;
    this.peerPlaces = longer(this.peerPlaces, length);
    this.denseRanks = longer(this.denseRanks, length);
  }

  prepare({ count, slots, places }: OverRows): void {
    for (let at = 0; at < this.calls.length; at += 1) {
      const { isPinned, number, column } = this.calls[at]!;
      if (!isPinned) continue;
      for (let k = 0; k < count; k += 1) {
        if (places[k] !== number - 1) continue;
        this.pinned[at]![slots[k]!] = this.history.value(column, slots[k]!, places[k]!);
      }
    }
  }

  evaluate({ count, slots, times, places }: OverRows, results: OverResults): void {
    for (let k = 0; k < count; k += 1) {
      const slot = slots[k]!;
      const place = places[k]!;
      if (times[k] !== this.lastTimes[slot]) {
        this.lastTimes[slot] = times[k]!;
        this.peerPlaces[slot] = place;
        this.denseRanks[slot] = this.denseRanks[slot]! + 1;
      }
      for (let at = 0; at < this.calls.length; at += 1) {
        results.set(this.calls[at]!.at, k, this.value(at, slot, place));
      }
    }
  }

  reach(slot: number): number {
    let least = this.history.end(slot);
    for (const { call, frame, number, isPinned } of this.calls) {
      if (call.function === 'LAG') least = Math.min(least, this.history.end(slot) - number);
      else if (VALUES.has(call.function) && !isPinned) {
        least = Math.min(least, this.history.reach(frame, slot));
      }
    }
    return Math.max(0, least);
  }

  private value(at: number, slot: number, place: number): SqlValue {
    const { history } = this;
    const { call, frame, number, column } = this.calls[at]!;
    switch (call.function) {
      case 'ROW_NUMBER':
        return BigInt(place + 1);
      case 'RANK':
        return BigInt(this.peerPlaces[slot]! + 1);
      case 'DENSE_RANK':
        return BigInt(this.denseRanks[slot]!);
      case 'PERCENT_RANK':
        return history.end(slot) === 1 ? 0 : this.peerPlaces[slot]! / (history.end(slot) - 1);
      case 'CUME_DIST':
        history.frame(UP_TO_PEERS, slot, place);
        return history.to / history.end(slot);
      case 'NTILE':
        return ntile(place, history.end(slot), number);
      case 'LAG':
        return this.other(at, slot, place - number);
      case 'LEAD':
        return this.other(at, slot, place + number);
      case 'LAST_VALUE':
        if (history.isScattered(frame, slot)) return this.scattered(at, slot, place);
        history.frame(frame, slot, place);
        if (history.to <= history.from) return null;
        return history.value(column, slot, history.to - 1);
      default:
        return this.nth(at, slot, place);
    }
  }

  /** The argument at another place of the partition, or the call's default. */
  private other(at: number, slot: number, place: number): SqlValue {
    const { call, column } = this.calls[at]!;
    if (place < 0 || place >= this.history.end(slot)) return call.literals[1] ?? null;
    return this.history.value(column, slot, place);
  }

  /** FIRST_VALUE and NTH_VALUE. */
  private nth(at: number, slot: number, place: number): SqlValue {
    const { frame, number, column, isPinned } = this.calls[at]!;
    if (this.history.isScattered(frame, slot)) return this.scattered(at, slot, place);
    this.history.frame(frame, slot, place);
    const wanted = this.history.from + number - 1;
    if (wanted >= this.history.to) return null;
    return isPinned ? this.pinned[at]![slot]! : this.history.value(column, slot, wanted);
  }

  /** FIRST_VALUE, LAST_VALUE and NTH_VALUE of rows that are no run of places. */
  private scattered(at: number, slot: number, place: number): SqlValue {
    const { call, frame, number, column } = this.calls[at]!;
    const ids = this.history.scattered(frame, slot, place);
    const id = call.function === 'LAST_VALUE' ? ids.at(-1) : ids[number - 1];
    return id === undefined ? null : this.history.store.value(column, id);
  }

  writeSlot(writer: StateWriter, slot: number): void {
    writer.writeF64(this.lastTimes[slot]!);
    writer.writeF64(this.peerPlaces[slot]!);
    writer.writeF64(this.denseRanks[slot]!);
    this.calls.forEach(({ call, isPinned }, at) => {
      if (isPinned) writeValue(writer, this.pinned[at]![slot]!, call.type);
    });
  }

  readSlot(reader: StateReader, slot: number): void {
    this.ensureSlots(slot + 1);
    this.lastTimes[slot] = reader.readF64();
    this.peerPlaces[slot] = reader.readF64();
    this.denseRanks[slot] = reader.readF64();
    this.calls.forEach(({ call, isPinned }, at) => {
      if (isPinned) this.pinned[at]![slot] = readValue(reader, call.type);
    });
  }

  byteSize(): number {
    return this.lastTimes.length * (24 + this.calls.length * 8);
  }
}

const VALUES = new Set(['FIRST_VALUE', 'LAST_VALUE', 'NTH_VALUE']);

function placeCall(planned: PlannedCall, columnOf: (column: number) => number): PlaceCall {
  const { call, frame } = planned;
  const literal = call.literals[0];
  const argument = call.args[0];
  return {
    ...planned,
    column: argument === undefined ? -1 : columnOf(argument),
    number: literal === undefined || literal === null ? 1 : Number(literal),
    isPinned: frame.preceding === Infinity && PINNED.has(call.function),
  };
}

const PINNED = new Set(['FIRST_VALUE', 'NTH_VALUE']);

/** The first rows mod tiles tiles have one row more. */
function ntile(place: number, rows: number, tiles: number): bigint {
  const small = Math.floor(rows / tiles);
  const larger = rows % tiles;
  const border = larger * (small + 1);
  if (place < border) return BigInt(Math.floor(place / (small + 1)) + 1);
  return BigInt(larger + Math.floor((place - border) / small) + 1);
}

function longer(cells: Float64Array, length: number): Float64Array {
  const result = new Float64Array(length);
  result.set(cells);
  return result;
}
