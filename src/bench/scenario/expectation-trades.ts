/**
 * Expected output of the grouped scenarios (2, 3a, 3b): a plain loop over the records keeps each
 * group's count and sums, and an emission adds up the rows that come out. Shares no code with the
 * engine but the hash that digests add up.
 */

import type { GroupPlaces } from './group-places.js';
import { symbolOf, traderOf } from './group-places.js';
import type { FixtureOptions } from './scenario.js';
import { timeBaseMs } from './scenario.js';
import { textHash } from './text-hash.js';

/** Expected sums by column name: bigint = exact mod 2^64, number = to 1e-9 relative. */
export interface Expectation {
  readonly rows: number;
  readonly sums: Readonly<Record<string, bigint | number>>;
}

/** Which rows come out. */
export type EmissionKind =
  /** The changed group, after every record. */
  | { readonly kind: 'changed' }
  /** Every group, when its window is over. */
  | { readonly kind: 'closed' }
  /** After every record all groups that share a partition with it; null: all groups. */
  | { readonly kind: 'snapshot'; readonly places: GroupPlaces | null };

const WINDOW_MS = 60_000;

/** Running state of the groups of one window. */
interface Groups {
  readonly count: Float64Array;
  readonly price: Float64Array;
  readonly quantity: Float64Array;
  readonly value: Float64Array;
}

interface Emission {
  /** After group `group` took a record. */
  changed(groups: Groups, group: number, total: Totals): void;
  /** The window is over. */
  closed(groups: Groups, total: Totals): void;
}

class Totals {
  rows = 0;
  trader = 0n;
  symbol = 0n;
  count = 0n;
  quantity = 0n;
  average = 0;
  value = 0;
  readonly traderHashes: readonly number[];
  readonly symbolHashes: readonly number[];

  constructor(groups: number) {
    const all = Array.from({ length: groups }, (_, group) => group);
    this.traderHashes = all.map((group) => textHash(traderOf(group)));
    this.symbolHashes = all.map((group) => textHash(symbolOf(group, groups)));
  }

  addGroup(groups: Groups, group: number): void {
    const count = groups.count[group] as number;
    this.rows += 1;
    this.trader += BigInt(this.traderHashes[group] as number);
    this.symbol += BigInt(this.symbolHashes[group] as number);
    this.count += BigInt(count);
    this.quantity += BigInt(groups.quantity[group] as number);
    this.average += (groups.price[group] as number) / count;
    this.value += groups.value[group] as number;
  }
}

class ChangedGroup implements Emission {
  changed(groups: Groups, group: number, total: Totals): void {
    total.addGroup(groups, group);
  }
  closed(): void {
    // Closing emits nothing more.
  }
}

class ClosedWindow implements Emission {
  changed(): void {
    // Rows come when the window closes.
  }
  closed(groups: Groups, total: Totals): void {
    groups.count.forEach((count, group) => {
      if (count > 0) total.addGroup(groups, group);
    });
  }
}

/** What the rows of one partition's snapshot add up to. */
interface SnapshotSums {
  present: number;
  trader: bigint;
  symbol: bigint;
  count: number;
  quantity: number;
  value: number;
  average: number;
}

/** Snapshots per partition, by keeping the sums over the groups that are present in each. */
class Snapshot implements Emission {
  private readonly ofGroup: Int32Array;
  private readonly sums: SnapshotSums[];
  /** Each group's state as it is part of the sums. */
  private readonly added: Groups;
  private readonly averages: Float64Array;

  constructor(groupCount: number, places: GroupPlaces | null) {
    this.ofGroup = places?.ofGroup ?? new Int32Array(groupCount);
    this.sums = Array.from({ length: places?.partitions ?? 1 }, emptySums);
    this.added = newGroups(groupCount);
    this.averages = new Float64Array(groupCount);
  }

  changed(groups: Groups, group: number, total: Totals): void {
    const sums = this.sums[this.ofGroup[group] as number] as SnapshotSums;
    if (groups.count[group] === 1) {
      sums.present += 1;
      sums.trader += BigInt(total.traderHashes[group] as number);
      sums.symbol += BigInt(total.symbolHashes[group] as number);
    }
    const { added, averages } = this;
    const average = (groups.price[group] as number) / (groups.count[group] as number);
    sums.average += average - (averages[group] as number);
    averages[group] = average;
    sums.count += takeOver(added.count, groups.count, group);
    sums.quantity += takeOver(added.quantity, groups.quantity, group);
    sums.value += takeOver(added.value, groups.value, group);
    total.rows += sums.present;
    total.trader += sums.trader;
    total.symbol += sums.symbol;
    total.count += BigInt(sums.count);
    total.quantity += BigInt(sums.quantity);
    total.average += sums.average;
    total.value += sums.value;
  }

  closed(): void {
    this.sums.forEach((_, at) => (this.sums[at] = emptySums()));
    for (const cells of Object.values(this.added) as Float64Array[]) cells.fill(0);
    this.averages.fill(0);
  }
}

function emptySums(): SnapshotSums {
  return { present: 0, trader: 0n, symbol: 0n, count: 0, quantity: 0, value: 0, average: 0 };
}

/** Copies one group's cell; what it grew by. */
function takeOver(to: Float64Array, from: Float64Array, group: number): number {
  const grown = (from[group] as number) - (to[group] as number);
  to[group] = from[group] as number;
  return grown;
}

function newGroups(count: number): Groups {
  return {
    count: new Float64Array(count),
    price: new Float64Array(count),
    quantity: new Float64Array(count),
    value: new Float64Array(count),
  };
}

function newEmission(kind: EmissionKind, groupCount: number): Emission {
  switch (kind.kind) {
    case 'changed':
      return new ChangedGroup();
    case 'closed':
      return new ClosedWindow();
    case 'snapshot':
      return new Snapshot(groupCount, kind.places);
  }
}

/** `windowed`: one-minute windows; otherwise one that never ends. */
export function expectTrades(
  { records, groups: groupCount, stepMs }: FixtureOptions,
  kind: EmissionKind,
  windowed: boolean,
): Expectation {
  const emission = newEmission(kind, groupCount);
  const total = new Totals(groupCount);
  const groups = newGroups(groupCount);
  const base = timeBaseMs(stepMs);
  let windowEnd = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < records; i += 1) {
    const time = base + i * stepMs;
    if (time >= windowEnd) {
      if (windowEnd > 0) emission.closed(groups, total);
      for (const cells of Object.values(groups) as Float64Array[]) cells.fill(0);
      windowEnd = windowed ? nextWindowEnd(time) : Number.POSITIVE_INFINITY;
    }
    const group = i % groupCount;
    const price = 100 + (i % 50);
    const quantity = 100 + (i % 1000);
    groups.count[group] = (groups.count[group] as number) + 1;
    groups.price[group] = (groups.price[group] as number) + price;
    groups.quantity[group] = (groups.quantity[group] as number) + quantity;
    groups.value[group] = (groups.value[group] as number) + price * quantity;
    emission.changed(groups, group, total);
  }
  if (records > 0) emission.closed(groups, total);
  return {
    rows: total.rows,
    sums: {
      trader_id: total.trader,
      symbol: total.symbol,
      trade_count: total.count,
      avg_price: total.average,
      total_quantity: total.quantity,
      total_value: total.value,
    },
  };
}

function nextWindowEnd(time: number): number {
  return (Math.floor(time / WINDOW_MS) + 1) * WINDOW_MS;
}
