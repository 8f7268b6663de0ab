/**
 * Two installed builds, or two SQL files, side by side: every lane is run by one and the other in
 * turn, A B B A …, each trial in a process of its own, and judged round by round. Owns the schedule and the sizes;
 * when a lane counts as slower is comparison.ts.
 *
 * The trials are the builds' own (dist/start/measured.js): what they have in common is TrialTask and
 * TrialOutcome, whose fields are only ever added. Every output is verified by this build.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, VeloError } from '../../base/errors.js';
import type { ComparisonOptions } from './comparison.js';
import { engineName } from '../bench-engine.js';
import type { BenchEngine } from '../bench-engine.js';
import { outcomeDifferences, References } from '../reference.js';
import { fixtureOf, laneExpectation } from '../trial-lanes.js';
import type { Lane } from '../trial-lanes.js';
import { compareMeasure } from './result-file.js';
import type { LaneComparison } from './result-file.js';
import { fastestCpuRate, fastestRate, outcomeFaults } from '../results.js';
import type { BuiltinId, Scenario } from '../scenario/scenario.js';
import type { Round } from '../statistics.js';
import { OWN_ENTRY, runTrial, trialTask } from '../trial-process.js';
import type { TrialOutcome } from '../trial.js';

export interface Build {
  readonly name: string;
  readonly trialEntry: string;
  /** Planted, to see that it is noticed (bench:gate); 0 otherwise. */
  readonly slowdown: number;
}

export interface BuildComparisonOptions extends ComparisonOptions {
  readonly scenarios: readonly Scenario[];
  readonly engines: readonly BenchEngine[];
  /** null: small enough for many rounds. */
  readonly records: number | null;
  readonly groups: 20 | 200;
  readonly stepMs: number;
  readonly rounds: number;
  /** Measured runs in each trial; the fastest counts. */
  readonly repeats: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly onProgress: (line: string) => void;
  /** Aborted: the rounds so far are the result. null: never. */
  readonly signal: AbortSignal | null;
}

/** With ten rounds a difference in every round gives p = 0.002. */
export const ROUNDS = 10;
/** What other load does to a moment it does not do to the best of five. */
export const REPEATS = 5;

/** About 50 ms of V1: many short runs tell more than few long ones when the machine drifts. */
const RECORDS: Readonly<Record<BuiltinId, number>> = {
  '0': 3_000_000,
  '1': 600_000,
  '2': 1_000_000,
  '3a': 1_500_000,
  '3b': 150_000,
};
const FILE_RECORDS = 500_000;
/** Several threads share the work; the first and the last block of each weigh too much otherwise. */
const V2_FACTOR = 3;
/** Warm-ups before the measured runs, the first of which are a warm-up as well. */
const WARMUPS = 1;

/** Where builds start their trials; those before 0.2 have no bundle. */
const TRIAL_FILES = ['dist/start/measured.js', 'dist/bench/trial.js'] as const;

/** The build in a folder with bin/velo.js, compiled. */
export function installedBuild(folder: string): Build {
  const trialEntry = TRIAL_FILES.map((file) => resolve(folder, file)).find(existsSync);
  if (trialEntry !== undefined && existsSync(resolve(folder, 'bin/velo.js'))) {
    return { name: folder, trialEntry, slowdown: 0 };
  }
  throw new ConfigError('FLAG_INVALID', {
    message: `"${folder}" is no build of velo: it has no bin/velo.js and ${TRIAL_FILES[0]}`,
    hint: 'give two result files, or two folders in which "npm install" was run',
  });
}

/** What one build runs of a lane. */
interface Side {
  readonly build: Build;
  readonly lane: Lane;
}

interface ComparedLane {
  readonly name: string;
  readonly before: Side;
  readonly after: Side;
  readonly speed: Round[];
  readonly cost: Round[];
}

/** When `options.signal` is aborted, whole rounds by then are the result; it may be empty. */
export async function compareBuilds(
  before: Build,
  after: Build,
  options: BuildComparisonOptions,
): Promise<readonly LaneComparison[]> {
  return compareInTurn(async (lanes) => {
    const repeats = (await bothRepeat(before, after, options)) ? options.repeats : 1;
    for (const scenario of options.scenarios) {
      for (const lane of await lanesOf(scenario, options, repeats)) {
        const name = `${scenario.id} ${engineName(lane.engine)}`;
        const sides = { before: { build: before, lane }, after: { build: after, lane } };
        lanes.push({ name, ...sides, speed: [], cost: [] });
      }
    }
  }, options);
}

/**
 * Two SQL files in this build, as compareBuilds. `onDifference` hears of it when they do not put out
 * the same. Throws ConfigError FLAG_INVALID when they choose different engines.
 */
export async function compareQueries(
  [before, after]: readonly [Scenario, Scenario],
  options: BuildComparisonOptions,
  onDifference: (line: string) => void,
): Promise<readonly LaneComparison[]> {
  const build: Build = { name: 'this', trialEntry: OWN_ENTRY, slowdown: 0 };
  return compareInTurn(async (lanes) => {
    const olds = await lanesOf(before, options, options.repeats);
    const news = await lanesOf(after, options, options.repeats);
    const engines = [olds, news].map((side) =>
      side.map(({ engine }) => engineName(engine)).join(', '),
    );
    if (engines[0] !== engines[1]) {
      throw new ConfigError('FLAG_INVALID', {
        message: `the files choose different engines: ${engines[0]} and ${engines[1]}`,
        hint: 'say which one for both: --arch v1, v2 or both',
      });
    }
    olds.forEach((old, at) => {
      const lane = news[at] as Lane;
      const name = `${before.id} → ${after.id} ${engineName(old.engine)}`;
      const differences =
        old.reference === null || lane.reference === null
          ? []
          : outcomeDifferences(old.reference.outcome, lane.reference.outcome);
      if (differences.length > 0) {
        onDifference(`${name}: other output: ${differences.join(', ')}`);
      }
      const sides = { before: { build, lane: old }, after: { build, lane } };
      lanes.push({ name, ...sides, speed: [], cost: [] });
    });
  }, options);
}

async function compareInTurn(
  addLanes: (lanes: ComparedLane[]) => Promise<void>,
  options: BuildComparisonOptions,
): Promise<readonly LaneComparison[]> {
  const lanes: ComparedLane[] = [];
  try {
    await addLanes(lanes);
    await runRounds(lanes, options);
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
  }
  return lanes
    .filter(({ speed }) => speed.length > 0)
    .flatMap(({ name, speed, cost }) => [
      compareMeasure({ lane: name, measure: 'rec/s' }, speed, options),
      compareMeasure({ lane: name, measure: 'rec/cpu s' }, cost, options),
    ]);
}

/** The lanes of a scenario with what must come out of each. */
async function lanesOf(
  scenario: Scenario,
  options: BuildComparisonOptions,
  repeats: number,
): Promise<readonly Lane[]> {
  const { signal } = options;
  const references = new References(
    (task) => runTrial(task, { signal }),
    scenario.own?.isSnapshot ?? false,
  );
  const lanes: Lane[] = [];
  for (const engine of scenario.engines ?? options.engines) {
    const lane = comparedLane(scenario, engine, options, repeats);
    const reference = lane.expected === null ? await references.of(lane.task) : null;
    lanes.push({ ...lane, reference });
  }
  return lanes;
}

async function runRounds(
  lanes: readonly ComparedLane[],
  options: BuildComparisonOptions,
): Promise<void> {
  const { signal } = options;
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { name, before, after, speed, cost } of lanes) {
      options.onProgress(`scenario ${name}, round ${round + 1} of ${options.rounds}`);
      const [first, second] = round % 2 === 0 ? [before, after] : [after, before];
      const outcomes = [await measured(first, signal), await measured(second, signal)] as const;
      const [a, b] = round % 2 === 0 ? outcomes : [outcomes[1], outcomes[0]];
      speed.push({ before: [fastestRate(a)], after: [fastestRate(b)] });
      cost.push({ before: [fastestCpuRate(a)], after: [fastestCpuRate(b)] });
    }
  }
}

function comparedLane(
  scenario: Scenario,
  engine: BenchEngine,
  options: BuildComparisonOptions,
  repeats: number,
): Lane {
  const usual = scenario.builtin === null ? FILE_RECORDS : RECORDS[scenario.builtin];
  const factor = engine.partitioned === null ? 1 : V2_FACTOR;
  const fixture = fixtureOf(options, options.records ?? usual * factor);
  const { settings } = options;
  const warmup = { warmups: WARMUPS, warmupMs: 0 };
  const task = trialTask(scenario, fixture, { ...engine, settings, repeats, ...warmup });
  const expected = laneExpectation(scenario, fixture, engine);
  return { scenario, engine, fixture, expected, reference: null, kafka: null, task };
}

/** An outcome whose output is right. */
async function measured({ build, lane }: Side, signal: AbortSignal | null): Promise<TrialOutcome> {
  const task = { ...lane.task, slowdown: build.slowdown };
  const found: AnyOutcome = await runTrial(task, { entry: build.trialEntry, signal });
  // Builds older than V2 ignore how the task wants to be partitioned.
  if (lane.engine.partitioned !== null && found.partitions === undefined) {
    throw new ConfigError('FLAG_INVALID', { message: `build "${build.name}" knows no v2` });
  }
  const { seconds, cpuSeconds, repeats = [{ seconds, cpuSeconds }], partitions = [] } = found;
  const outcome: TrialOutcome = { ...found, repeats, partitions };
  const faults = outcomeFaults(lane, outcome);
  if (faults.length === 0) return outcome;
  throw new VeloError('VERIFICATION_FAILED', {
    message: `scenario ${lane.scenario.id} of build "${build.name}" does not verify: ${faults.join(', ')}`,
  });
}

/** An older build's outcome has no repeats and no partitions. */
type AnyOutcome = Omit<TrialOutcome, 'repeats' | 'partitions'> &
  Partial<Pick<TrialOutcome, 'repeats' | 'partitions'>>;

/** The best of five of one build and the best of one of the other would not be a comparison. */
async function bothRepeat(
  before: Build,
  after: Build,
  options: BuildComparisonOptions,
): Promise<boolean> {
  const [scenario] = options.scenarios;
  if (scenario === undefined || options.repeats === 1) return false;
  const task = trialTask(scenario, fixtureOf(options, 1000), { warmups: 0 });
  for (const build of [before, after]) {
    const outcome: AnyOutcome = await runTrial(task, {
      entry: build.trialEntry,
      signal: options.signal,
    });
    if (outcome.repeats === undefined) return false;
  }
  return true;
}
