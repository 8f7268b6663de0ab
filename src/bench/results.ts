/**
 * Results of a benchmark as data, the JSON form of the command line's documents: what a lane's
 * trials come to, whether their output was right, and how lanes relate (V2 to V1, more workers to
 * one). Owns no process and no drawing.
 */
import type { DigestSummary } from '../connectors/blackhole/row-digest.js';
import type { Percentiles } from '../metrics/histogram.js';
import type { ProcessingMode } from '../processors/partitioned/job-settings.js';
import { digestFaults } from './scenario/expectation.js';
import type { FetchPath, KafkaCodec, KafkaFixture } from './scenario/kafka-fixture.js';
import { digestsOf, outcomeDifferences } from './reference.js';
import type { BenchOptions, BenchRate, Lane } from './trial-lanes.js';
import type { Interval } from './statistics.js';
import { median, medianInterval95, ratioInterval95 } from './statistics.js';
import type { PartitionRows, TrialOutcome } from './trial.js';

export interface RateSummary {
  readonly median: number;
  readonly samples: readonly number[];
  readonly ci95: Interval;
}

/** What must be the same for two results to be comparable. */
export interface BenchConditions {
  readonly stepMs: number;
  readonly warmups: number;
  readonly repeats: number;
  /** As asked for: 'half' depends on the machine. */
  readonly rate: BenchRate;
  readonly batchRows: number | null;
  readonly mode: ProcessingMode;
  readonly settings: Readonly<Record<string, string>>;
  /** How V2 was set up besides its counts; null on V1. */
  readonly engine: Readonly<Record<string, unknown>> | null;
  /** Only with the source 'kafka'. */
  readonly kafka?: KafkaConditions;
}

/** How the records lay in the topic, and how they were read. */
export interface KafkaConditions {
  readonly brokers: string;
  readonly partitions: number;
  readonly codec: KafkaCodec;
  readonly fetch: FetchPath;
}

/** One row of the report. */
export interface BenchResult {
  readonly scenario: string;
  readonly title: string;
  readonly arch: 'v1' | 'v2';
  readonly partitions: number;
  readonly workers: number;
  /** Where records come from: generated, file, kafka; several joined. */
  readonly source: string;
  readonly groups: number;
  readonly conditions: BenchConditions;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly verified: boolean;
  readonly faults: readonly string[];
  readonly digest: DigestSummary;
  readonly recordsPerSecond: RateSummary;
  /** Records per second of processor time of all threads: what other load hardly changes. */
  readonly recordsPerCpuSecond: RateSummary;
  readonly rowsOutPerSecond: number;
  readonly perCore: number;
  /** Rows per second that the generator released; null: as fast as they were taken. */
  readonly rate: number | null;
  readonly latencyUs: Percentiles & {
    readonly kind: 'service' | 'open-loop';
    readonly hdr: string;
  };
  readonly latencySteps: readonly (readonly [number, number])[];
  /** Records per second in each interval of the median run. */
  readonly rates: readonly number[];
  readonly cpuSeconds: number;
  readonly rssPeakBytes: number;
  /** Of the median run; empty on V1. */
  readonly perPartition: readonly PartitionRows[];
  /** V2 / V1 run by run; of rows out where snapshots hold less on V2. null without a V1 lane. */
  readonly ratioToV1: RatioToV1 | null;
  /** Rate at W workers / rate at one / W. null without a lane of one worker. */
  readonly efficiency: number | null;
  readonly aboveCores: boolean;
}

export interface RatioToV1 {
  readonly of: 'records' | 'rows out';
  readonly median: number;
  readonly ci95: Interval;
}

/** A lane and what its trials gave, in the order of the runs. */
export interface MeasuredLane {
  readonly lane: Lane;
  readonly outcomes: readonly TrialOutcome[];
}

/** Rows of one scenario: its lanes in the order given. */
export function scenarioResults(
  measured: readonly MeasuredLane[],
  options: BenchOptions,
  cores: number,
): readonly BenchResult[] {
  const v1 = measured.find(({ lane }) => lane.engine.partitioned === null) ?? null;
  return measured.map((one) => {
    const { partitioned } = one.lane.engine;
    const result = laneResult(one, options);
    if (partitioned === null) return result;
    const aboveCores = partitioned.workers > cores;
    // Paced lanes take in what the generator gives: neither is faster.
    if (one.lane.task.rate !== null) return { ...result, aboveCores };
    return {
      ...result,
      ratioToV1: v1 === null ? null : ratioToV1(one, v1, options.seed),
      efficiency: efficiencyOf(one, measured),
      aboveCores,
    };
  });
}

function laneResult({ lane, outcomes }: MeasuredLane, options: BenchOptions): BenchResult {
  const { scenario, engine, task } = lane;
  const samples = outcomes.map(fastestRate);
  const middle = median(samples);
  const typical = outcomes.reduce((best, outcome) =>
    Math.abs(fastestRate(outcome) - middle) < Math.abs(fastestRate(best) - middle) ? outcome : best,
  );
  const faults = [...new Set(outcomes.flatMap((outcome) => outcomeFaults(lane, outcome)))];
  const cpuRates = outcomes.map(fastestCpuRate);
  return {
    scenario: scenario.id,
    title: scenario.title,
    arch: engine.partitioned === null ? 'v1' : 'v2',
    partitions: engine.partitioned?.partitions ?? 1,
    workers: engine.partitioned?.workers ?? 1,
    source: sourceOf(lane, options),
    groups: options.groups,
    conditions: conditionsOf(lane, options),
    rowsIn: typical.rowsIn,
    rowsOut: typical.rowsOut,
    verified: faults.length === 0,
    faults,
    digest: typical.digest,
    recordsPerSecond: rateSummary(samples, options.seed),
    recordsPerCpuSecond: rateSummary(cpuRates, options.seed),
    rowsOutPerSecond: (typical.rowsOut / typical.rowsIn) * middle,
    perCore: median(cpuRates),
    rate: task.rate,
    latencyUs: { kind: typical.latencyKind, ...typical.latencyUs, hdr: typical.latencyHdr },
    latencySteps: typical.latencySteps,
    rates: typical.intervalRows.map((rows) => (rows * 1000) / typical.intervalMs),
    cpuSeconds: typical.cpuSeconds,
    rssPeakBytes: Math.max(...outcomes.map((outcome) => outcome.rssPeakBytes)),
    perPartition: engine.partitioned === null ? [] : typical.partitions,
    ratioToV1: null,
    efficiency: null,
    aboveCores: false,
  };
}

function sourceOf({ scenario: { own } }: Lane, { source }: BenchOptions): string {
  return own === null || source !== 'generated' ? source : own.sources.name;
}

function conditionsOf({ engine, kafka, task }: Lane, options: BenchOptions): BenchConditions {
  const { stepMs, warmups, repeats, rate, settings } = options;
  const { batchRows, mode } = task;
  const read = kafka === null ? {} : { kafka: kafkaConditions(kafka) };
  const base = { stepMs, warmups, repeats, rate, batchRows, mode, settings, ...read };
  if (engine.partitioned === null) return { ...base, engine: null };
  const { strategy, ringSlots, affinity, metricsPort } = engine.partitioned;
  return { ...base, engine: { strategy, ringSlots, affinity, metrics: metricsPort !== null } };
}

function kafkaConditions({ brokers, partitions, codec, fetch }: KafkaFixture): KafkaConditions {
  return { brokers, partitions, codec, fetch };
}

function rateSummary(samples: readonly number[], seed: number): RateSummary {
  return { median: median(samples), samples, ci95: medianInterval95(samples, seed) };
}

/** Records per second of the trial's fastest run. */
export function fastestRate(outcome: TrialOutcome): number {
  return outcome.rowsIn / outcome.seconds;
}

/** Records per processor second of the run that took least. */
export function fastestCpuRate({ rowsIn, repeats }: TrialOutcome): number {
  return rowsIn / Math.min(...repeats.map((run) => run.cpuSeconds));
}

function ratioToV1(v2: MeasuredLane, v1: MeasuredLane, seed: number): RatioToV1 {
  const { builtin, own } = v2.lane.scenario;
  const isScenario = builtin === '3b' && v2.lane.fixture.changes === 'snapshot';
  const snapshots = own?.isSnapshot ?? isScenario;
  const rateOf = (outcome: TrialOutcome): number =>
    (snapshots ? outcome.rowsOut : outcome.rowsIn) / outcome.seconds;
  const rounds = commonRuns(v2, v1).map((outcome, run) => ({
    before: [rateOf(v1.outcomes[run] as TrialOutcome)],
    after: [rateOf(outcome)],
  }));
  return {
    of: snapshots ? 'rows out' : 'records',
    median: median(rounds.map(({ before, after }) => (after[0] as number) / (before[0] as number))),
    ci95: ratioInterval95(rounds, seed),
  };
}

/** Runs that the other lane has as well: one that was stopped may have fewer. */
function commonRuns(
  { outcomes }: Pick<MeasuredLane, 'outcomes'>,
  other: Pick<MeasuredLane, 'outcomes'>,
): readonly TrialOutcome[] {
  return outcomes.slice(0, other.outcomes.length);
}

/** Run by run against one worker on as many partitions. */
function efficiencyOf(
  { lane, outcomes }: MeasuredLane,
  measured: readonly MeasuredLane[],
): number | null {
  const { partitions, workers } = lane.engine.partitioned ?? { partitions: 0, workers: 0 };
  const single = measured.find(({ lane: { engine } }) => {
    const other = engine.partitioned;
    return other !== null && other.workers === 1 && other.partitions === partitions;
  });
  if (single === undefined) return null;
  const gains = commonRuns({ outcomes }, single).map(
    (outcome, run) => fastestRate(outcome) / fastestRate(single.outcomes[run] as TrialOutcome),
  );
  return median(gains) / workers;
}

/** What is wrong with a trial's output, in words. */
export function outcomeFaults(lane: Lane, outcome: TrialOutcome): string[] {
  const { expected, reference, scenario, fixture } = lane;
  const faults = expected === null ? [] : digestFaults(expected, outcome.digest);
  if (reference !== null) {
    faults.push(...reference.faults, ...outcomeDifferences(reference.outcome, outcome));
  }
  if (scenario.builtin !== null && outcome.rowsIn !== fixture.records) {
    faults.push(`read ${outcome.rowsIn} records instead of ${fixture.records}`);
  }
  const digested = digestsOf(outcome).reduce((sum, { rows }) => sum + rows, 0);
  if (outcome.rowsOut !== digested) {
    faults.push(`engine counted ${outcome.rowsOut} rows, the sink ${digested}`);
  }
  // A user's file may say that such records are skipped.
  if (scenario.own === null && outcome.rowsFailed > 0) {
    faults.push(`${outcome.rowsFailed} records failed`);
  }
  return faults;
}
