/**
 * What a scenario must put out, derived from its definition alone: row count and per column the
 * digest sums (connectors/row-digest.ts) for any record count and variant, by plain loops over
 * numbers that share no code with the engine. Also checks a digest against them (law 12).
 */
import type { DigestSummary } from '../connectors/row-digest.js';
import { hashBytes } from '../columnar/hash.js';
import type { BuiltinId, FixtureOptions } from './scenario.js';
import { timeBaseMs } from './scenario.js';

/** Expected sums by column name: bigint = exact mod 2^64, number = to 1e-9 relative. */
export interface Expectation {
  readonly rows: number;
  readonly sums: Readonly<Record<string, bigint | number>>;
}

const WINDOW_MS = 60_000;
const RELATIVE_TOLERANCE = 1e-9;

export function expectBuiltin(id: BuiltinId, options: FixtureOptions): Expectation {
  switch (id) {
    case '0':
      return expectSelect(options.records);
    case '1':
      return expectRowsWindow(options.records);
    case '2':
      return expectTrades(options, new ChangedGroup(), Number.POSITIVE_INFINITY);
    case '3a':
      return expectTrades(options, new ClosedWindow(), WINDOW_MS);
    case '3b': {
      const rows = options.changes === 'delta' ? new ChangedGroup() : new Snapshot();
      return expectTrades(options, rows, WINDOW_MS);
    }
  }
}

/** Scenario 2 under EMIT FINAL: each group's last state, once. */
export function expectFinalGroups(options: FixtureOptions): Expectation {
  return expectTrades(options, new ClosedWindow(), Number.POSITIVE_INFINITY);
}

const encoder = new TextEncoder();

function textHash(text: string): number {
  const bytes = encoder.encode(text);
  return hashBytes(bytes, 0, bytes.length) >>> 0;
}

function expectSelect(records: number): Expectation {
  let amount = 0;
  let customers = 0n;
  for (let i = 0; i < records; i += 1) {
    amount += 50 + (i % 100);
    if (i % 1000 === 0) customers += sumBelow(Math.min(1000, records - i));
  }
  return {
    rows: records,
    sums: {
      order_id: sumBelow(records),
      customer_id: customers,
      order_date: BigInt(textHash('2024-01-15')) * BigInt(records),
      total_amount: amount + 100 * records,
    },
  };
}

/** 0 + 1 + … + (count - 1). */
function sumBelow(count: number): bigint {
  return (BigInt(count) * BigInt(count - 1)) / 2n;
}

function expectRowsWindow(records: number): Expectation {
  const buffers = Array.from({ length: 10 }, () => new Float64Array(100));
  const hashes = buffers.map((_, symbol) => textHash(`SYM${symbol}`));
  const sums = { price: 0, moving_avg: 0, min_price: 0, max_price: 0 };
  let symbols = 0n;
  for (let i = 0; i < records; i += 1) {
    const symbol = i % 10;
    const buffer = buffers[symbol] as Float64Array;
    const seen = Math.floor(i / 10);
    const price = 100 + (i % 50) + Math.sin(i / 100) * 10;
    buffer[seen % 100] = price;
    const count = Math.min(seen + 1, 100);
    let total = 0;
    let least = price;
    let most = price;
    for (let at = 0; at < count; at += 1) {
      const value = buffer[at] as number;
      total += value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    sums.price += price;
    sums.moving_avg += total / count;
    sums.min_price += least;
    sums.max_price += most;
    symbols += BigInt(hashes[symbol] as number);
  }
  return { rows: records, sums: { symbol: symbols, ...sums } };
}

/** Running state of the groups of one window. */
interface Groups {
  readonly count: Float64Array;
  readonly price: Float64Array;
  readonly quantity: Float64Array;
  readonly value: Float64Array;
}

/** Which rows an emission gives; adds them up in `total`. */
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
    this.traderHashes = all.map((group) => textHash(`TRADER${group % 20}`));
    this.symbolHashes = all.map((group) =>
      textHash(`SYM${groups === 200 ? Math.floor(group / 20) % 10 : group % 10}`),
    );
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

/** Every group present after every record, by keeping the sums over the present groups. */
class Snapshot implements Emission {
  private present = 0;
  private trader = 0n;
  private symbol = 0n;
  private count = 0;
  private quantity = 0;
  private value = 0;
  private average = 0;
  private averages: Float64Array = new Float64Array(0);

  changed(groups: Groups, group: number, total: Totals): void {
    if (this.averages.length === 0) this.averages = new Float64Array(groups.count.length);
    if (groups.count[group] === 1) {
      this.present += 1;
      this.trader += BigInt(total.traderHashes[group] as number);
      this.symbol += BigInt(total.symbolHashes[group] as number);
    }
    const average = (groups.price[group] as number) / (groups.count[group] as number);
    this.average += average - (this.averages[group] as number);
    this.averages[group] = average;
    this.count = groups.count.reduce(sum, 0);
    this.quantity = groups.quantity.reduce(sum, 0);
    this.value = groups.value.reduce(sum, 0);
    total.rows += this.present;
    total.trader += this.trader;
    total.symbol += this.symbol;
    total.count += BigInt(this.count);
    total.quantity += BigInt(this.quantity);
    total.average += this.average;
    total.value += this.value;
  }

  closed(): void {
    this.present = 0;
    this.trader = 0n;
    this.symbol = 0n;
    this.average = 0;
    this.averages.fill(0);
  }
}

function sum(total: number, value: number): number {
  return total + value;
}

function expectTrades(
  { records, groups: groupCount, stepMs }: FixtureOptions,
  emission: Emission,
  windowMs: number,
): Expectation {
  const total = new Totals(groupCount);
  const groups: Groups = {
    count: new Float64Array(groupCount),
    price: new Float64Array(groupCount),
    quantity: new Float64Array(groupCount),
    value: new Float64Array(groupCount),
  };
  const base = timeBaseMs(stepMs);
  let windowEnd = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < records; i += 1) {
    const time = base + i * stepMs;
    if (time >= windowEnd) {
      if (windowEnd > 0) emission.closed(groups, total);
      for (const cells of Object.values(groups) as Float64Array[]) cells.fill(0);
      windowEnd = windowMs === Number.POSITIVE_INFINITY ? windowMs : nextWindowEnd(time, windowMs);
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

function nextWindowEnd(time: number, windowMs: number): number {
  return (Math.floor(time / windowMs) + 1) * windowMs;
}

/** What differs, in words; empty when the digest is as expected. */
export function digestFaults(expected: Expectation, got: DigestSummary): string[] {
  const faults: string[] = [];
  if (got.rows !== expected.rows) faults.push(`${got.rows} rows instead of ${expected.rows}`);
  for (const [name, want] of Object.entries(expected.sums)) {
    const column = got.columns.find(
      (candidate) => candidate.name.toLowerCase() === name.toLowerCase(),
    );
    if (column === undefined) {
      faults.push(`no column "${name}"`);
      continue;
    }
    if (column.nulls > 0) faults.push(`${column.nulls} NULLs in "${name}"`);
    if (!sumHolds(want, column.sum))
      faults.push(`sum of "${name}" is ${column.sum} instead of ${want}`);
  }
  return faults;
}

function sumHolds(want: bigint | number, got: string | number): boolean {
  if (typeof want === 'bigint') {
    return typeof got === 'string' && BigInt.asIntN(64, want).toString() === got;
  }
  const scale = Math.max(1, Math.abs(want));
  return Math.abs(Number(got) - want) <= RELATIVE_TOLERANCE * scale;
}
