/**
 * What is measured side by side: each scenario on each engine is a lane. Owns how a lane's fixture,
 * task and expected output follow from the options, also where a rate must be found first; running
 * and judging is runner.ts.
 */
import { ConfigError } from '../base/errors.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import { engineName } from './bench-engine.js';
import type { BenchEngine } from './bench-engine.js';
import { References } from './reference.js';
import type { Reference } from './reference.js';
import { expectBuiltin } from './scenario/expectation.js';
import type { Expectation } from './scenario/expectation-trades.js';
import { fileExpectation, writeFixture } from './scenario/fixture.js';
import { groupPlaces } from './scenario/group-places.js';
import { kafkaFixture } from './scenario/kafka-fixture.js';
import type { KafkaBench, KafkaFixture } from './scenario/kafka-fixture.js';
import type { FixtureOptions, Scenario } from './scenario/scenario.js';
import { runTrial, trialTask } from './trial-process.js';
import type { TrialTask } from './trial.js';

/** 'generated': as declared, which the scenarios' tables are. */
export type BenchSource = 'generated' | 'file' | 'kafka';

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
  /** Aborted: nothing more is run. */
  readonly signal: AbortSignal;
}

export interface Lane {
  readonly scenario: Scenario;
  readonly engine: BenchEngine;
  readonly fixture: FixtureOptions;
  /** What its definition or its @expect annotations say; null: nothing. */
  readonly expected: Expectation | null;
  /** What V1 and V2 put out, of a user's file without such annotations. */
  readonly reference: Reference | null;
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

/** The lanes of one scenario, which take turns. The fixture file, if any, goes to `folder`. */
export async function makeLanes(
  scenario: Scenario,
  options: BenchOptions,
  folder: string,
): Promise<readonly Lane[]> {
  refuseRate(scenario, options);
  const records = recordsOf(scenario, options);
  const written = fixtureOf(options, records);
  const kafka =
    options.kafka === null ? null : await kafkaFixture(scenario, written, options.kafka, options);
  const redirects =
    options.source === 'file'
      ? await writeFixture(scenario, written, folder, options.onProgress)
      : (kafka?.redirects ?? []);
  const lanes: Lane[] = [];
  const references = new References(
    (task) => runTrial(task, { signal: options.signal }),
    scenario.own?.isSnapshot ?? false,
  );
  for (const engine of scenario.engines ?? options.engines) {
    const base = { repeats: options.repeats, warmups: options.warmups, redirects };
    const engineTask = { ...base, settings: options.settings, ...engine };
    const rate = await laneRate(scenario, options, engineTask);
    const paced = rate === null ? records : Math.ceil(rate * PACED_SECONDS);
    const fixture = fixtureOf(options, options.records ?? paced);
    options.onProgress(`scenario ${scenario.id}, ${engineName(engine)}: what must come out`);
    const expected = laneExpectation(scenario, fixture, engine);
    const task = trialTask(scenario, fixture, { ...engineTask, rate });
    const reference = expected === null ? await references.of(task) : null;
    lanes.push({ scenario, engine, fixture, expected, reference, kafka, task });
  }
  return lanes;
}

function refuseRate({ own }: Scenario, { source, rate }: BenchOptions): void {
  if (rate === 'max') return;
  const isMade = own === null || own.sources.generators.length > 0;
  if (source === 'generated' && isMade) return;
  const read = { file: 'a file', kafka: 'a topic', generated: own?.sources.name }[source];
  throw new ConfigError('FLAG_INVALID', {
    message: `--rate paces generated records, not ${read}`,
    hint: source === 'generated' ? 'leave --rate away' : 'leave --source or --rate away',
  });
}

/** All lanes of a scenario that are as fast as they go read as many records. */
function recordsOf(scenario: Scenario, options: BenchOptions): number {
  const { records, source, kafka, engines } = options;
  if (records !== null) return records;
  if (kafka !== null) return Math.min(scenario.records, KAFKA_RECORDS_MAX[kafka.fetch]);
  if (scenario.own !== null) return scenario.records;
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
  const { rowsIn, seconds } = await runTrial(trialTask(scenario, fixture, engineTask), {
    signal: options.signal,
  });
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
