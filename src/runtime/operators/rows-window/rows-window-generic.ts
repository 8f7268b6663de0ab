/**
 * The general calls of ROWS WINDOW BUFFER: ranks, LAG and LEAD, frames, FILTER, DISTINCT and every
 * other aggregate. Keeps the rows of each buffer as values, by arrival and in ORDER BY order, and
 * evaluates a call over its frame: O(n) a row. Calls that need none of this run on rings.
 */
import type { SqlValue } from '../../../columnar/types.js';
import type { SortKey, WindowCall } from '../../../plan/pipeline/pipeline-plan.js';
import type { FrameSpec } from '../../../plan/window-spec.js';
import { compareRows } from '../rows/row-order.js';
import { evaluateAggregate, OVERFLOW } from '../../../state/naive-aggregates.js';

/** One row of a buffer: the values of the input columns that the calls need, by column number. */
export type BufferRow = readonly SqlValue[];

export const RESULT_OVERFLOW = OVERFLOW;

/** The last n rows of one partition. */
export class RowBuffer {
  readonly arrival: BufferRow[] = [];
  private readonly sorted: BufferRow[] = [];
  private readonly limit: number;
  private readonly keys: readonly SortKey[];

  constructor(limit: number, keys: readonly SortKey[]) {
    this.limit = limit;
    this.keys = keys;
  }

  /** Rows in ORDER BY order, ties by arrival; by arrival without ORDER BY. */
  get ordered(): readonly BufferRow[] {
    return this.keys.length === 0 ? this.arrival : this.sorted;
  }

  push(row: BufferRow): void {
    if (this.arrival.length === this.limit) this.drop();
    this.arrival.push(row);
    if (this.keys.length > 0) this.sorted.splice(this.upperBound(row), 0, row);
  }

  clear(): void {
    this.arrival.length = 0;
    this.sorted.length = 0;
  }

  /** First place whose row sorts behind `row`. */
  upperBound(row: BufferRow): number {
    return this.bound((other) => compareRows(other, row, this.keys) > 0);
  }

  /** First place whose row does not sort before `row`. */
  lowerBound(row: BufferRow): number {
    return this.bound((other) => compareRows(other, row, this.keys) >= 0);
  }

  private bound(stop: (row: BufferRow) => boolean): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (stop(this.sorted[middle] as BufferRow)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private drop(): void {
    const oldest = this.arrival.shift() as BufferRow;
    if (this.keys.length === 0) return;
    const at = this.sorted.indexOf(oldest, this.lowerBound(oldest));
    this.sorted.splice(at, 1);
  }
}

/** The value of a call for the newest row of a buffer. */
export function evaluateCall(
  call: WindowCall,
  buffer: RowBuffer,
  keys: readonly SortKey[],
): SqlValue | typeof OVERFLOW {
  const { ordered, arrival } = buffer;
  const current = arrival.at(-1) as BufferRow;
  const place = keys.length === 0 ? arrival.length - 1 : ordered.lastIndexOf(current);
  const count = ordered.length;
  switch (call.function) {
    case 'ROW_NUMBER':
      return BigInt(place + 1);
    case 'RANK':
      return keys.length === 0 ? 1n : BigInt(buffer.lowerBound(current) + 1);
    case 'DENSE_RANK':
      return denseRank(buffer, current, keys);
    case 'PERCENT_RANK':
      return keys.length === 0 || count === 1 ? 0 : buffer.lowerBound(current) / (count - 1);
    case 'CUME_DIST':
      return keys.length === 0 ? 1 : buffer.upperBound(current) / count;
    case 'NTILE':
      return ntile(place, count, Number(call.literals[0] as bigint));
    case 'LAG':
      return shifted(call, ordered, place, -1);
    case 'LEAD':
      return shifted(call, ordered, place, 1);
    default:
      return framed(call, framedRows(call.frame, buffer, place, keys));
  }
}

function denseRank(buffer: RowBuffer, current: BufferRow, keys: readonly SortKey[]): bigint {
  if (keys.length === 0) return 1n;
  const end = buffer.lowerBound(current);
  let rank = 1n;
  for (let at = 0; at < end; at += 1) {
    const next = at + 1 === end ? current : (buffer.ordered[at + 1] as BufferRow);
    if (compareRows(buffer.ordered[at] as BufferRow, next, keys) !== 0) rank += 1n;
  }
  return rank;
}

/** The first count mod tiles tiles have one row more (SQL:2003). */
function ntile(place: number, count: number, tiles: number): bigint {
  const small = Math.floor(count / tiles);
  const larger = count % tiles;
  const border = larger * (small + 1);
  if (place < border) return BigInt(Math.floor(place / (small + 1)) + 1);
  return BigInt(larger + Math.floor((place - border) / Math.max(1, small)) + 1);
}

function shifted(
  call: WindowCall,
  ordered: readonly BufferRow[],
  place: number,
  direction: 1 | -1,
): SqlValue {
  const distance = call.literals[0] === undefined ? 1 : Number(call.literals[0] as bigint);
  const row = ordered[place + direction * distance];
  if (row === undefined) return call.literals[1] ?? null;
  return row[call.args[0] as number] as SqlValue;
}

function framed(call: WindowCall, rows: readonly BufferRow[]): SqlValue | typeof OVERFLOW {
  const column = call.args[0] as number;
  switch (call.function) {
    case 'FIRST_VALUE':
      return (rows[0]?.[column] ?? null) as SqlValue;
    case 'LAST_VALUE':
      return (rows.at(-1)?.[column] ?? null) as SqlValue;
    case 'NTH_VALUE':
      return (rows[Number(call.literals[0] as bigint) - 1]?.[column] ?? null) as SqlValue;
    default:
      return evaluateAggregate(call, rows);
  }
}

function framedRows(
  frame: FrameSpec | null,
  buffer: RowBuffer,
  place: number,
  keys: readonly SortKey[],
): readonly BufferRow[] {
  const { ordered } = buffer;
  if (frame === null) return ordered;
  if (frame.unit === 'range') return rangeRows(frame, buffer, ordered[place] as BufferRow, keys);
  const from = Math.max(0, place - frame.preceding);
  const to = Math.min(ordered.length, place + frame.following + 1);
  return from >= to ? [] : ordered.slice(from, to);
}

/** RANGE: the rows between the current row's peers, or within distances of its value. */
function rangeRows(
  frame: FrameSpec,
  buffer: RowBuffer,
  current: BufferRow,
  keys: readonly SortKey[],
): readonly BufferRow[] {
  const { ordered } = buffer;
  const [key] = keys;
  if (key === undefined) return ordered;
  const from = frame.preceding === Infinity ? 0 : buffer.lowerBound(current);
  const to = frame.following === Infinity ? ordered.length : buffer.upperBound(current);
  const hasDistance = isDistance(frame.preceding) || isDistance(frame.following);
  if (!hasDistance || current[key.column] === null) return ordered.slice(from, to);
  return ordered.filter((row) => isWithin(frame, key, row, current));
}

function isDistance(bound: number): boolean {
  return bound !== 0 && Number.isFinite(bound);
}

/** NULLs are infinitely far from every value, on the side where they are sorted. */
function isWithin(
  { preceding, following, exact }: FrameSpec,
  { column, descending, nullsFirst }: SortKey,
  row: BufferRow,
  current: BufferRow,
): boolean {
  const value = row[column] as SqlValue;
  const at = current[column] as SqlValue;
  if (value === null) return (nullsFirst ? preceding : following) === Infinity;
  if (exact !== null) {
    const ahead = (value as bigint) - (at as bigint);
    const distance = descending ? -ahead : ahead;
    if (preceding !== Infinity && distance < -exact.preceding) return false;
    return following === Infinity || distance <= exact.following;
  }
  const place = descending ? -(value as number) : (value as number);
  const centre = descending ? -(at as number) : (at as number);
  return place >= centre - preceding && place <= centre + following;
}
