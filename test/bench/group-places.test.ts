/**
 * Where V2 keeps the groups of the trades scenarios, and what a snapshot per partition comes to:
 * the router's own answer for a batch, and the formula Σ_p (g_p n_p − g_p (g_p − 1) / 2).
 */
import { describe, expect, it } from 'vitest';
import { expectBuiltin } from '../../src/bench/scenario/expectation.js';
import { groupPlaces, symbolOf, traderOf } from '../../src/bench/scenario/group-places.js';
import type { FixtureOptions } from '../../src/bench/scenario/scenario.js';
import { fixtureVariables, selectScenarios } from '../../src/bench/scenario/scenario.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Utf8Column } from '../../src/columnar/column.js';
import { compileJob } from '../../src/job.js';
import type { PartitioningStrategy } from '../../src/plan/fragments/fragments.js';
import { planFragments } from '../../src/plan/fragments/fragments.js';
import { HashRouter } from '../../src/processors/partitioned/routing/hash-router.js';

const COUNTS = [1, 2, 3, 8, 64];
const GROUPS = [20, 200] as const;

function textColumn(texts: readonly string[]): Utf8Column {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const lengths = Int32Array.from(encoded, (bytes) => bytes.length);
  const offsets = new Int32Array(texts.length);
  for (let row = 1; row < texts.length; row += 1)
    offsets[row] = offsets[row - 1]! + lengths[row - 1]!;
  const bytes = Uint8Array.from(encoded.flatMap((one) => [...one]));
  return { kind: 'utf8', bytes, offsets, lengths, nulls: null };
}

function routedPlaces(groups: number, partitions: number): number[] {
  const all = Array.from({ length: groups }, (_, group) => group);
  const columns = [
    textColumn(all.map(traderOf)),
    textColumn(all.map((group) => symbolOf(group, groups))),
  ];
  const batch = newBatch(columns, emptyHeader('groups'));
  batch.rowCount = groups;
  batch.selectedCount = groups;
  const types = [{ kind: 'varchar' }, { kind: 'varchar' }] as const;
  const { rows, starts } = new HashRouter({ keys: [0, 1], types, partitions }).route(batch);
  const places = new Array<number>(groups).fill(-1);
  for (let partition = 0; partition < partitions; partition += 1) {
    for (let at = starts[partition]!; at < starts[partition + 1]!; at += 1) {
      places[rows[at]!] = partition;
    }
  }
  return places;
}

describe.each(COUNTS)('on %i partitions', (partitions) => {
  it.each(GROUPS)('%i groups are where the router sends them', (groups) => {
    const { ofGroup } = groupPlaces({ groups, partitions, strategy: null });
    expect([...ofGroup]).toEqual(routedPlaces(groups, partitions));
  });

  it.each(GROUPS)('%i groups give the rows of the formula', (groups) => {
    const fixture: FixtureOptions = { records: 5000, groups, stepMs: 1, changes: 'snapshot' };
    const places = groupPlaces({ groups, partitions, strategy: null });
    let rows = 0;
    for (let partition = 0; partition < partitions; partition += 1) {
      const present = places.ofGroup.filter((place) => place === partition).length;
      // Each group has as many of the 5,000 records as any other.
      const records = present * (5000 / groups);
      rows += present * records - (present * (present - 1)) / 2;
    }
    const expected = expectBuiltin('3b', fixture, places);
    expect(expected.rows).toBeGreaterThan(0);
    // The formula is right where each of the groups is met before any is met again.
    expect(expected.rows).toBe(rows);
  });

  it('a snapshot adds up to what its rows hold, group by group', () => {
    const fixture: FixtureOptions = { records: 300, groups: 20, stepMs: 1000, changes: 'snapshot' };
    const places = groupPlaces({ groups: 20, partitions, strategy: null });
    const { rows, sums } = expectBuiltin('3b', fixture, places);
    const plain = plainSnapshots(fixture, places.ofGroup);
    expect(rows).toBe(plain.rows);
    expect(sums['trade_count']).toBe(BigInt(plain.count));
    expect(sums['total_quantity']).toBe(BigInt(plain.quantity));
    expect(sums['avg_price']).toBeCloseTo(plain.average, 6);
  });
});

/** Row by row, with nothing kept between them. */
function plainSnapshots(
  { records, stepMs }: FixtureOptions,
  ofGroup: Int32Array,
): { rows: number; count: number; quantity: number; average: number } {
  const total = { rows: 0, count: 0, quantity: 0, average: 0 };
  const windowOf = (i: number): number => Math.floor((1_700_000_000_000 + i * stepMs) / 60_000);
  for (let k = 0; k < records; k += 1) {
    for (let group = 0; group < 20; group += 1) {
      if (ofGroup[group] !== ofGroup[k % 20]) continue;
      const mine: number[] = [];
      for (let i = group; i <= k; i += 20) if (windowOf(i) === windowOf(k)) mine.push(i);
      if (mine.length === 0) continue;
      total.rows += 1;
      total.count += mine.length;
      total.quantity += mine.reduce((sum, i) => sum + 100 + (i % 1000), 0);
      total.average += mine.reduce((sum, i) => sum + 100 + (i % 50), 0) / mine.length;
    }
  }
  return total;
}

describe('strategies', () => {
  it.each(['fan-in', 'sticky'] as const)(
    '%s keeps all groups together: 99,810 rows',
    (strategy) => {
      const fixture: FixtureOptions = { records: 5000, groups: 20, stepMs: 1, changes: 'snapshot' };
      const places = groupPlaces({ groups: 20, partitions: 8, strategy });
      expect(expectBuiltin('3b', fixture, places).rows).toBe(99_810);
    },
  );

  it('no partition of eight is idle with 200 groups', () => {
    const { ofGroup } = groupPlaces({ groups: 200, partitions: 8, strategy: null });
    expect(new Set(ofGroup).size).toBe(8);
  });

  it.each([
    [null, 'hash'],
    ['hash', 'hash'],
    ['smart', 'hash'],
    ['fan-in', 'single'],
    ['sticky', 'split'],
  ] as const)('%s routes scenario 3b as assumed here: %s', async (strategy, routing) => {
    expect(await routingOf(strategy)).toBe(routing);
  });
});

async function routingOf(strategy: PartitioningStrategy | null): Promise<string | undefined> {
  const [scenario] = selectScenarios('3b');
  const variables = fixtureVariables({ records: 10, groups: 20, stepMs: 1, changes: 'snapshot' });
  const job = await compileJob({
    source: { name: '3b', text: scenario!.text },
    variables: (name) => variables[name],
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  return planFragments(job.plan.queries[0]!, { strategy }).edges[0]?.routing.kind;
}
