/**
 * The table of bench:peers: each work's rates by contender and their ratios. Owns layout only.
 */
import Table from 'cli-table3';
import type { PeerLane } from './peer-lanes.js';
import type { BuiltinId } from '../scenario/scenario.js';
import { median } from '../statistics.js';

/** Velostream's best path that loses nothing, records per second at 100,000 records (targets.md). */
const VELOSTREAM: Readonly<Record<BuiltinId, number>> = {
  '0': 350_000,
  '1': 23_600,
  '2': 119_000,
  '3a': 107_000,
  '3b': 4_200,
};

const COLUMNS = [
  'work',
  'records',
  'V1 rec/s',
  'V2 8×2',
  'V2 ÷ V1',
  'DuckDB',
  'V1 ÷ DuckDB',
  'DuckDB on 2',
  'V2 ÷ DuckDB on 2',
  'JS loop',
  'V1 ÷ loop',
  'V1 ÷ Velostream',
] as const;

export function peersTable(lanes: readonly PeerLane[]): string {
  const table = new Table({
    head: [...COLUMNS],
    colAligns: COLUMNS.map((column) => (column === 'work' ? 'left' : 'right')),
    style: { head: [], border: [] },
  });
  for (const { work, records, rates } of lanes) {
    const { v1, v2, duckdb, duckdbOnTwo, loop } = rates;
    const snapshots = work.scenario === '3b';
    table.push([
      work.name,
      records.toLocaleString('en-US'),
      millions(v1),
      millions(v2),
      snapshots ? `${ratio(rates.v2Out, rates.v1Out)} rows out` : ratio(v2, v1),
      millions(duckdb),
      ratio(v1, duckdb),
      millions(duckdbOnTwo),
      ratio(v2, duckdbOnTwo),
      millions(loop),
      ratio(v1, loop),
      work.source === 'generated'
        ? `${(median(v1) / VELOSTREAM[work.scenario]).toFixed(0)} ×`
        : '–',
    ]);
  }
  return table.toString();
}

/** Median of the ratios of each round: what drifts between rounds cancels. */
function ratio(a: readonly number[], b: readonly number[]): string {
  if (b.length === 0) return '–';
  return `${median(a.map((rate, at) => rate / (b[at] as number))).toFixed(2)} ×`;
}

function millions(rates: readonly number[]): string {
  return rates.length === 0 ? '–' : `${(median(rates) / 1e6).toFixed(2)} M`;
}
