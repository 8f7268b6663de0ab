/**
 * What is measured side by side: each scenario on each engine is a lane. Owns how a lane's fixture,
 * task and expected output follow from the options, also where a rate must be found first; running
 * and judging is runner.ts.
 */
import { ConfigError } from '../base/errors.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import type { PartitionedSettings, ProcessingMode } from '../processors/partitioned/settings.js';
import { expectBuiltin } from './expectation.js';
import type { Expectation } from './expectation.js';
import { fileExpectation, writeFixture } from './fixture.js';
import { groupPlaces } from './group-places.js';
import { kafkaFixture } from './kafka-fixture.js';
import type { KafkaBench, KafkaFixture } from './kafka-fixture.js';
import type { FixtureOptions, Scenario } from './scenario.js';
import { runTrial, trialTask } from './trial-process.js';
import type { TrialTask } from './trial.js';

export type BenchSource = 'generated' | 'file' | 'kafka';

/** One way to run a job. */
export interface BenchEngine {
  /** null: V1. */
  readonly partitioned: PartitionedSettings | null;
  /** Physical rows per batch at most, on V1; null: the default. */
  readonly batchRows: number | null;
  readonly mode: ProcessingMode;
}

/** Rows per second the generator releases; 'half' of what the lane sustains; 'max': no limit. */
export type BenchRate = number | 'half' | 'max';

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly engines: readonly BenchEngine[];
  /** null: each scenario's own default. */
  readonly records: number | null;
  readonly groups: 20 | 200;
  readonly stepMs: number;
  readonly source: BenchSource;
  /** Where and how records are read with the source 'kafka'; otherwise null. */
  readonly kafka: KafkaBench | null;
  readonly rate: BenchRate;
  readonly runs: number;
  readonly warmups: number;
  /** Measured runs in each trial; the fastest counts. */
  readonly repeats: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
  /** A line that stays. */
  readonly onNote: (line: string) => void;
  /** Takes the partitions of the running trial every second; null: nobody looks. */
  readonly onObserved: ((observed: JobMetricsForExport) => void) | null;
}

export interface Lane {
  readonly scenario: Scenario;
  readonly engine: BenchEngine;
  readonly fixture: FixtureOptions;
  /** null: nothing known to compare with. */
  readonly expected: Expectation | null;
  /** The topic that is read; null: no topic. */
  readonly kafka: KafkaFixture | null;
  readonly task: TrialTask;
}

/** Records of a topic unless --records says otherwise; node-rdkafka reads a fifth as fast. */
const KAFKA_RECORDS_MAX = { columnar: 5_000_000, librdkafka: 1_000_000 } as const;
/** With workers, generated runs are so much longer: each job's kernels are compiled in each of them. */
const WORKERS_FACTOR = 4;
/** A paced run lasts so long unless --records says otherwise: enough for 99.9 % of a latency. */
const PACED_SECONDS = 3;

export function engineName({ partitioned }: BenchEngine): string {
  if (partitioned === null) return 'v1';
  return `v2 ${partitioned.partitions}×${partitioned.workers}`;
}

/** The lanes of one scenario, which take turns. The fixture file, if any, goes to `folder`. */
export async function makeLanes(
  scenario: Scenario,
  options: BenchOptions,
  folder: string,
): Promise<readonly Lane[]> {
  if (options.source !== 'generated' && options.rate !== 'max') {
    const source = options.source === 'file' ? 'a file' : 'a topic';
    throw new ConfigError('FLAG_INVALID', {
      message: `--rate paces generated records, not ${source}`,
      hint: 'leave --source or --rate away',
    });
  }
  const records = recordsOf(scenario, options);
  const written = fixtureOf(options, records);
  const kafka =
    options.kafka === null ? null : await kafkaFixture(scenario, written, options.kafka, options);
  const redirects =
    options.source === 'file'
      ? await writeFixture(scenario, written, folder, options.onProgress)
      : (kafka?.redirects ?? []);
  const lanes: Lane[] = [];
  for (const engine of options.engines) {
    const base = { repeats: options.repeats, warmups: options.warmups, redirects };
    const engineTask = { ...base, settings: options.settings, ...engine };
    const rate = await laneRate(scenario, options, engineTask);
    const paced = rate === null ? records : Math.ceil(rate * PACED_SECONDS);
    const fixture = fixtureOf(options, options.records ?? paced);
    options.onProgress(
      `scenario ${scenario.id}, ${engineName(engine)}: what must come out of ${fixture.records} records`,
    );
    const expected = laneExpectation(scenario, fixture, engine);
    const task = trialTask(scenario, fixture, { ...engineTask, rate });
    lanes.push({ scenario, engine, fixture, expected, kafka, task });
  }
  return lanes;
}

/** All lanes of a scenario that are as fast as they go read as many records. */
function recordsOf(scenario: Scenario, options: BenchOptions): number {
  const { records, source, kafka, engines } = options;
  if (records !== null) return records;
  if (kafka !== null) return Math.min(scenario.records, KAFKA_RECORDS_MAX[kafka.fetch]);
  const workers = engines.some(({ partitioned }) => partitioned !== null);
  return scenario.records * (workers && source === 'generated' ? WORKERS_FACTOR : 1);
}

export function fixtureOf(
  options: Pick<BenchOptions, 'groups' | 'stepMs' | 'settings'>,
  records: number,
): FixtureOptions {
  const changes = options.settings['emit.changes'] === 'delta' ? 'delta' : 'snapshot';
  return { records, groups: options.groups, stepMs: options.stepMs, changes };
}

/**
 * With 'half', one trial finds out what the lane sustains: what it takes in without a rate in the
 * same mode. At any lower rate it catches up, for rows that have piled up are taken together.
 */
async function laneRate(
  scenario: Scenario,
  options: BenchOptions,
  engineTask: Partial<TrialTask>,
): Promise<number | null> {
  if (options.rate === 'max') return null;
  if (options.rate !== 'half') return options.rate;
  options.onProgress(`scenario ${scenario.id}: what rate is sustained`);
  const fixture = fixtureOf(options, recordsOf(scenario, options));
  const { rowsIn, seconds } = await runTrial(trialTask(scenario, fixture, engineTask));
  return Math.max(1, Math.floor(rowsIn / seconds / 2));
}

export function laneExpectation(
  scenario: Scenario,
  fixture: FixtureOptions,
  { partitioned }: BenchEngine,
): Expectation | null {
  if (scenario.builtin === null) return fileExpectation(scenario);
  const places =
    partitioned === null ? null : groupPlaces({ ...partitioned, groups: fixture.groups });
  return expectBuiltin(scenario.builtin, fixture, places);
}
