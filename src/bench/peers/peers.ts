/**
 * `npm run bench:peers`: velo on one thread and on two workers with eight partitions, beside DuckDB
 * (same data, one thread and two) and a plain row-at-a-time JavaScript loop, interleaved in one run,
 * as ratios. Owns the rounds; the table is peers-table.ts.
 * velo's answers are checked column by column, DuckDB's by row count and exact sums, the loop's by
 * the records it saw. DuckDB is a development dependency.
 *
 *   npm run bench:peers -- [--rounds 3] [--records 20000000] [--work NAME] [--json FILE]
 *
 * With --kafka it is peers-kafka.ts that runs (test/peers/run.mjs).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../base/clock.js';
import { PARTITIONED_DEFAULTS } from '../../processors/partitioned/job-settings.js';
import type { PartitionedSettings } from '../../processors/partitioned/job-settings.js';
import { benchEnvironment } from '../environment.js';
import { digestFaults, expectBuiltin, expectFinalGroups } from '../scenario/expectation.js';
import { writeFixture } from '../scenario/fixture.js';
import { groupPlaces } from '../scenario/group-places.js';
import { openDuckDb } from './peers-duckdb.js';
import type { DuckDbPeer } from './peers-duckdb.js';
import { loopPeer } from './peers-loop.js';
import { peersTable } from './peers-table.js';
import { environmentLine } from '../report.js';
import { selectScenarios } from '../scenario/scenario.js';
import type { FixtureOptions, Scenario } from '../scenario/scenario.js';
import { runTrial, trialTask } from '../trial-process.js';
import type { TrialOutcome, TrialTask } from '../trial.js';
import type { PeerLane } from './peer-lanes.js';
import type { PeerContext } from './peer-lanes.js';
import type { Work } from './peer-lanes.js';

const WORKS: readonly Work[] = [
  { name: 'generated S0', scenario: '0', source: 'generated', final: false, share: 3 },
  { name: 'generated S1', scenario: '1', source: 'generated', final: false, share: 0.5 },
  { name: 'generated S2', scenario: '2', source: 'generated', final: false, share: 3 },
  { name: 'generated S2 EMIT FINAL', scenario: '2', source: 'generated', final: true, share: 3 },
  { name: 'generated S3a', scenario: '3a', source: 'generated', final: false, share: 3 },
  { name: 'generated S3b', scenario: '3b', source: 'generated', final: false, share: 0.3 },
  { name: 'JSON file S0', scenario: '0', source: 'file', final: false, share: 0.4 },
  { name: 'JSON file S2 EMIT FINAL', scenario: '2', source: 'file', final: true, share: 0.4 },
  { name: 'JSON file S3a', scenario: '3a', source: 'file', final: false, share: 0.4 },
  { name: 'Parquet S2 EMIT FINAL', scenario: '2', source: 'parquet', final: true, share: 0.5 },
];

/** What targets.md asks of V2. */
const V2: PartitionedSettings = { ...PARTITIONED_DEFAULTS, partitions: 8, workers: 2 };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      records: { type: 'string', default: '20000000' },
      work: { type: 'string', default: '' },
      json: { type: 'string' },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'velo-peers-'));
  const environment = benchEnvironment(1);
  process.stdout.write(`${environmentLine(environment)}\n`);
  try {
    const duckdb = await openDuckDb();
    const lanes: PeerLane[] = [];
    for (const work of WORKS.filter(({ name }) => name.includes(values.work))) {
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

async function runLane(
  work: Work,
  records: number,
  rounds: number,
  tools: Tools,
): Promise<PeerLane> {
  const rates = { v1: [], v2: [], v1Out: [], v2Out: [], duckdb: [], duckdbOnTwo: [], loop: [] };
  const lane: PeerLane = { work, records, rates, faults: [] };
  const { faults } = lane;
  const scenario = selectScenarios(work.scenario)[0] as Scenario;
  const fixture: FixtureOptions = { records, groups: 20, stepMs: 1, changes: 'snapshot' };
  const redirects = await writtenFixture(work, { scenario, fixture }, tools);
  const expected = work.final ? expectFinalGroups(fixture) : expectBuiltin(work.scenario, fixture);
  const path = redirects[0]?.[1] ?? null;
  const context: PeerContext = { work, scenario, fixture, path, expected };
  const onV2 = contextOnV2(context);
  const duckdb = await tools.duckdb.prepare(context);
  for (let round = 0; round < rounds; round += 1) {
    const v1 = await veloTrial(context, { redirects }, faults);
    const v2 = await veloTrial(onV2, { redirects, partitioned: V2 }, faults);
    lane.rates.v1.push(v1.rowsIn / v1.seconds);
    lane.rates.v2.push(v2.rowsIn / v2.seconds);
    lane.rates.v1Out.push(v1.rowsOut / v1.seconds);
    lane.rates.v2Out.push(v2.rowsOut / v2.seconds);
    if (duckdb !== null) {
      lane.rates.duckdb.push(await timed(records, () => duckdb.run(1, faults)));
      lane.rates.duckdbOnTwo.push(await timed(records, () => duckdb.run(2, faults)));
    }
    if (work.source !== 'parquet') {
      lane.rates.loop.push(await timed(records, () => loopPeer(context, faults)));
    }
  }
  await duckdb?.close();
  return lane;
}

/** Files in place of the scenario's tables; none where rows are generated. */
async function writtenFixture(
  work: Work,
  { scenario, fixture }: Pick<PeerContext, 'scenario' | 'fixture'>,
  { folder, duckdb }: Tools,
): Promise<TrialTask['redirects']> {
  if (work.source === 'generated') return [];
  const written = await writeFixture(scenario, fixture, folder, () => undefined);
  if (work.source === 'file') return written;
  const packed: [string, string][] = [];
  for (const [table, path] of written) {
    packed.push([table, await duckdb.packed(work.scenario, path)]);
  }
  return packed;
}

/** Snapshots of 20 groups in eight partitions would be small: V2 gets the stream of 200 groups. */
function contextOnV2(context: PeerContext): PeerContext {
  if (context.work.scenario !== '3b') return context;
  const fixture: FixtureOptions = { ...context.fixture, groups: 200 };
  const places = groupPlaces({ ...V2, groups: fixture.groups });
  return { ...context, fixture, expected: expectBuiltin('3b', fixture, places) };
}

async function timed(records: number, run: () => Promise<void>): Promise<number> {
  const startNs = systemClock.monotonicNs();
  await run();
  return (records * 1e9) / (systemClock.monotonicNs() - startNs);
}

async function veloTrial(
  { work, scenario, fixture, expected }: PeerContext,
  more: Partial<TrialTask>,
  faults: string[],
): Promise<TrialOutcome> {
  const text = work.final ? scenario.text.replace(/;\s*$/, ' EMIT FINAL;') : scenario.text;
  const outcome = await runTrial(trialTask(scenario, fixture, { text, ...more }));
  faults.push(...digestFaults(expected, outcome.digest));
  return outcome;
}

await main();
