/**
 * What a scenario must put out, derived from its definition alone: row count and per column the
 * digest sums (connectors/blackhole/row-digest.ts) for any record count and variant, by plain loops over
 * numbers that share no code with the engine. Also checks a digest against them (law 12).
 */
import type { DigestSummary } from '../../connectors/blackhole/row-digest.js';
import { expectTrades } from './expectation-trades.js';
import type { GroupPlaces } from './group-places.js';
import type { BuiltinId, FixtureOptions } from './scenario.js';
import { textHash } from './text-hash.js';
import type { Expectation } from './expectation-trades.js';

const RELATIVE_TOLERANCE = 1e-9;

/** `places` is where V2 keeps each group: a snapshot holds the groups of one partition. */
export function expectBuiltin(
  id: BuiltinId,
  options: FixtureOptions,
  places: GroupPlaces | null = null,
): Expectation {
  switch (id) {
    case '0':
      return expectSelect(options.records);
    case '1':
      return expectRowsWindow(options.records);
    case '2':
      return expectTrades(options, { kind: 'changed' }, false);
    case '3a':
      return expectTrades(options, { kind: 'closed' }, true);
    case '3b': {
      const changed = options.changes === 'delta';
      return expectTrades(
        options,
        changed ? { kind: 'changed' } : { kind: 'snapshot', places },
        true,
      );
    }
  }
}

/** Scenario 2 under EMIT FINAL: each group's last state, once. */
export function expectFinalGroups(options: FixtureOptions): Expectation {
  return expectTrades(options, { kind: 'closed' }, false);
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

export function sumHolds(want: bigint | number, got: string | number): boolean {
  if (typeof want === 'bigint') {
    return typeof got === 'string' && BigInt.asIntN(64, want).toString() === got;
  }
  const scale = Math.max(1, Math.abs(want));
  return Math.abs(Number(got) - want) <= RELATIVE_TOLERANCE * scale;
}
