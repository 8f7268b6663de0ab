/**
 * `npm run bench:gate`: does the regression gate do what it is for on this machine? Compares a
 * build with itself (an alarm is a false one) and with itself made 15 % slower (no alarm is a
 * miss), with the product's own schedule and verdicts, and prints the counts. Exit 3 when more than
 * one of 20 is a false alarm or fewer than nine of ten slowdowns are caught.
 *
 *   npm run bench:gate -- [--equal 20] [--slowed 10] [--rounds N] [--scenario 0,1,2,3a,3b]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../../base/clock.js';
import { PARTITIONED_DEFAULTS } from '../../processors/partitioned/job-settings.js';
import { compareBuilds, installedBuild, REPEATS, ROUNDS } from './build-comparison.js';
import type { Build } from './build-comparison.js';
import { MAX_REGRESSION } from './comparison.js';
import { benchEnvironment } from '../environment.js';
import type { BenchEngine } from '../bench-engine.js';
import { environmentLine } from '../report.js';
import type { LaneComparison } from './result-file.js';
import { selectScenarios } from '../scenario/scenario.js';
import type { Scenario } from '../scenario/scenario.js';

/** The work takes so much longer. */
const SLOWDOWN = 0.15;
const FALSE_ALARMS_MAX = 1 / 20;
const CAUGHT_MIN = 9 / 10;

const V1: BenchEngine = { partitioned: null, batchRows: null, mode: PARTITIONED_DEFAULTS.mode };

interface Check {
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      equal: { type: 'string', default: '20' },
      slowed: { type: 'string', default: '10' },
      rounds: { type: 'string', default: String(ROUNDS) },
      scenario: { type: 'string', default: 'all' },
    },
  });
  const build = installedBuild(fileURLToPath(new URL('../../..', import.meta.url)));
  const slowed: Build = { ...build, slowdown: SLOWDOWN };
  const check = { scenarios: selectScenarios(values.scenario), rounds: Number(values.rounds) };
  const equal = Number(values.equal);
  const planted = Number(values.slowed);
  process.stdout.write(`${environmentLine(benchEnvironment(1))}\n`);
  const alarms = await alarmsOf(check, { before: build, after: build, comparisons: equal });
  const caught = await alarmsOf(check, { before: build, after: slowed, comparisons: planted });
  process.stdout.write(
    `equal builds: ${alarms} of ${equal} comparisons raised an alarm\n` +
      `15 % slower: ${caught} of ${planted} caught\n`,
  );
  const holds = alarms <= equal * FALSE_ALARMS_MAX && caught >= planted * CAUGHT_MIN;
  process.exitCode = holds ? 0 : 3;
}

interface Contest {
  readonly before: Build;
  readonly after: Build;
  readonly comparisons: number;
}

/** Each comparison is of one scenario, in turn. */
async function alarmsOf(check: Check, { before, after, comparisons }: Contest): Promise<number> {
  let alarms = 0;
  for (let at = 0; at < comparisons; at += 1) {
    const scenario = check.scenarios[at % check.scenarios.length] as Scenario;
    const startNs = systemClock.monotonicNs();
    const lanes = await compareBuilds(before, after, {
      signal: null,
      scenarios: [scenario],
      engines: [V1],
      records: null,
      groups: 20,
      stepMs: 1,
      rounds: check.rounds,
      repeats: REPEATS,
      settings: {},
      maxRegression: MAX_REGRESSION,
      seed: at + 1,
      onProgress: () => undefined,
    });
    const seconds = (systemClock.monotonicNs() - startNs) / 1e9;
    const alarm = lanes.some((lane) => lane.comparison.verdict === 'slower');
    if (alarm) alarms += 1;
    const name = after.slowdown > 0 ? 'slowed' : 'equal';
    process.stdout.write(
      `${name} ${at + 1}, scenario ${scenario.id}: ${alarm ? 'slower' : 'no alarm'} ` +
        `(${lanes.map(laneText).join('; ')}; ${seconds.toFixed(1)} s)\n`,
    );
  }
  return alarms;
}

function laneText({ measure, comparison: { ratio, ci95, p } }: LaneComparison): string {
  const interval = ci95.map((end) => end.toFixed(2)).join('–');
  return `${measure} × ${ratio.toFixed(3)} [${interval}] p ${p.toPrecision(2)}`;
}

await main();
