/**
 * `npm run bench:peers`: velo beside DuckDB (same data, one thread) and a plain row-at-a-time
 * JavaScript loop, interleaved in one run, as ratios. Owns the rounds and the table.
 * velo's answers are checked column by column, DuckDB's by row count and exact sums, the loop's by
 * the records it saw. DuckDB is a development dependency.
 *
 *   npm run bench:peers -- [--rounds 3] [--records 20000000] [--json FILE]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { systemClock } from '../base/clock.js';
import { benchEnvironment } from './environment.js';
import { digestFaults, expectBuiltin, expectFinalGroups } from './expectation.js';
import type { Expectation } from './expectation.js';
import { writeFixture } from './fixture.js';
import { openDuckDb } from './peers-duckdb.js';
import type { DuckDbPeer } from './peers-duckdb.js';
import { loopPeer } from './peers-loop.js';
import { environmentLine } from './report.js';
import { selectScenarios } from './scenario.js';
import type { BuiltinId, FixtureOptions, Scenario } from './scenario.js';
import { median } from './statistics.js';
import { runTrial, trialTask } from './trial-process.js';

/** Velostream's best path that loses nothing, records per second at 100,000 records (targets.md). */
const VELOSTREAM: Readonly<Record<BuiltinId, number>> = {
  '0': 350_000,
  '1': 23_600,
  '2': 119_000,
  '3a': 107_000,
  '3b': 4_200,
};

interface Work {
  readonly name: string;
  readonly scenario: BuiltinId;
  readonly source: 'generated' | 'file';
  /** Scenario 2 with EMIT FINAL, which DuckDB can be compared with. */
  readonly final: boolean;
  readonly share: number;
}

const WORKS: readonly Work[] = [
  { name: 'generated S0', scenario: '0', source: 'generated', final: false, share: 1 },
  { name: 'generated S1', scenario: '1', source: 'generated', final: false, share: 0.2 },
  { name: 'generated S2', scenario: '2', source: 'generated', final: false, share: 0.5 },
  { name: 'generated S2 EMIT FINAL', scenario: '2', source: 'generated', final: true, share: 1 },
  { name: 'generated S3a', scenario: '3a', source: 'generated', final: false, share: 1 },
  { name: 'generated S3b', scenario: '3b', source: 'generated', final: false, share: 0.1 },
  { name: 'JSON file S0', scenario: '0', source: 'file', final: false, share: 0.2 },
  { name: 'JSON file S2 EMIT FINAL', scenario: '2', source: 'file', final: true, share: 0.2 },
  { name: 'JSON file S3a', scenario: '3a', source: 'file', final: false, share: 0.2 },
];

interface Lane {
  readonly work: Work;
  readonly records: number;
  /** Records per second by contender. */
  readonly rates: Readonly<Record<'velo' | 'duckdb' | 'loop', number[]>>;
  readonly faults: string[];
}

export interface PeerContext {
  readonly work: Work;
  readonly scenario: Scenario;
  readonly fixture: FixtureOptions;
  /** The fixture as JSON lines, for works on files. */
  readonly path: string | null;
  /** What must come out, from the definitions. */
  readonly expected: Expectation;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      records: { type: 'string', default: '20000000' },
      json: { type: 'string' },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'velo-peers-'));
  const environment = benchEnvironment(1);
  process.stdout.write(`${environmentLine(environment)}\n`);
  try {
    const duckdb = await openDuckDb();
    const lanes: Lane[] = [];
    for (const work of WORKS) {
      const records = Math.round(Number(values.records) * work.share);
      process.stderr.write(`${work.name}, ${records} records\n`);
      lanes.push(await runLane(work, records, Number(values.rounds), { folder, duckdb }));
    }
    process.stdout.write(`${peersTable(lanes)}\n`);
    const faults = lanes.flatMap((lane) =>
      lane.faults.map((fault) => `${lane.work.name}: ${fault}`),
    );
    for (const fault of faults) process.stderr.write(`does not verify: ${fault}\n`);
    if (values.json !== undefined) {
      await writeFile(values.json, JSON.stringify({ schema: 1, environment, lanes }, null, 2));
    }
    process.exitCode = faults.length === 0 ? 0 : 3;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Tools {
  readonly folder: string;
  readonly duckdb: DuckDbPeer;
}

async function runLane(work: Work, records: number, rounds: number, tools: Tools): Promise<Lane> {
  const lane: Lane = { work, records, rates: { velo: [], duckdb: [], loop: [] }, faults: [] };
  const scenario = selectScenarios(work.scenario)[0] as Scenario;
  const fixture: FixtureOptions = { records, groups: 20, stepMs: 1, changes: 'snapshot' };
  const redirects =
    work.source === 'file'
      ? await writeFixture(scenario, fixture, tools.folder, () => undefined)
      : [];
  const expected = work.final ? expectFinalGroups(fixture) : expectBuiltin(work.scenario, fixture);
  const path = redirects[0]?.[1] ?? null;
  const context: PeerContext = { work, scenario, fixture, path, expected };
  const duckdb = await tools.duckdb.prepare(context);
  for (let round = 0; round < rounds; round += 1) {
    lane.rates.velo.push(await veloRate(context, redirects, lane.faults));
    if (duckdb !== null)
      lane.rates.duckdb.push(await timed(records, () => duckdb.run(lane.faults)));
    lane.rates.loop.push(await timed(records, () => loopPeer(context, lane.faults)));
  }
  await duckdb?.close();
  return lane;
}

async function timed(records: number, run: () => Promise<void>): Promise<number> {
  const startNs = systemClock.monotonicNs();
  await run();
  return (records * 1e9) / (systemClock.monotonicNs() - startNs);
}

async function veloRate(
  { work, scenario, fixture, expected }: PeerContext,
  redirects: readonly (readonly [string, string])[],
  faults: string[],
): Promise<number> {
  const text = work.final ? scenario.text.replace(/;\s*$/, ' EMIT FINAL;') : scenario.text;
  const outcome = await runTrial(trialTask(scenario, fixture, { text, redirects }));
  faults.push(...digestFaults(expected, outcome.digest));
  return outcome.rowsIn / outcome.seconds;
}

function peersTable(lanes: readonly Lane[]): string {
  const table = new Table({
    head: [
      'work',
      'records',
      'velo rec/s',
      'DuckDB',
      'velo ÷ DuckDB',
      'JS loop',
      'velo ÷ loop',
      '÷ Velostream',
    ],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { work, records, rates } of lanes) {
    const velo = median(rates.velo);
    table.push([
      work.name,
      records.toLocaleString('en-US'),
      millions(velo),
      rates.duckdb.length === 0 ? '–' : millions(median(rates.duckdb)),
      rates.duckdb.length === 0 ? '–' : ratio(rates.velo, rates.duckdb),
      millions(median(rates.loop)),
      ratio(rates.velo, rates.loop),
      work.source === 'generated' ? `${(velo / VELOSTREAM[work.scenario]).toFixed(0)} ×` : '–',
    ]);
  }
  return table.toString();
}

/** Median of the ratios of each round: what drifts between rounds cancels. */
function ratio(a: readonly number[], b: readonly number[]): string {
  return `${median(a.map((rate, at) => rate / (b[at] as number))).toFixed(2)} ×`;
}

function millions(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(2)} M`;
}

await main();
