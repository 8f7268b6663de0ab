/**
 * Runs benchmarks: every trial in its own process, the scenarios interleaved over the runs so that
 * a machine that drifts drifts for all of them; every digest verified. Owns the schedule and the
 * results as data; drawing is report.ts.
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VeloError } from '../base/errors.js';
import type { DigestSummary } from '../connectors/row-digest.js';
import type { Percentiles } from '../metrics/histogram.js';
import { digestFaults, expectBuiltin } from './expectation.js';
import type { Expectation } from './expectation.js';
import { fileExpectation, writeFixture } from './fixture.js';
import { fixtureVariables } from './scenario.js';
import type { FixtureOptions, Scenario } from './scenario.js';
import { median, medianInterval95 } from './statistics.js';
import type { TrialMessage, TrialOutcome, TrialTask } from './trial.js';

export type BenchSource = 'generated' | 'file';

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  /** null: each scenario's own default. */
  readonly records: number | null;
  readonly groups: 20 | 200;
  readonly stepMs: number;
  readonly source: BenchSource;
  readonly runs: number;
  readonly warmups: number;
  readonly batchRows: number | null;
  readonly settings: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly onProgress: (line: string) => void;
}

/** One row of the report; the JSON form of cli.md. */
export interface BenchResult {
  readonly scenario: string;
  readonly title: string;
  readonly arch: 'v1' | 'v2';
  readonly partitions: number;
  readonly workers: number;
  readonly source: BenchSource;
  readonly groups: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly verified: boolean;
  readonly faults: readonly string[];
  readonly digest: DigestSummary;
  readonly recordsPerSecond: {
    readonly median: number;
    readonly samples: readonly number[];
    readonly ci95: readonly [number, number];
  };
  readonly rowsOutPerSecond: number;
  readonly perCore: number;
  readonly latencyUs: Percentiles & { readonly kind: 'service'; readonly hdr: string };
  readonly latencySteps: readonly (readonly [number, number])[];
  /** Records per second in each interval of the median run. */
  readonly rates: readonly number[];
  readonly cpuSeconds: number;
  readonly rssPeakBytes: number;
}

/** No trial may take longer; a hang becomes an error. */
const TRIAL_LIMIT_MS = 600_000;
/** Records of a warm-up: enough for every kernel to be optimised. */
const WARMUP_RECORDS_MAX = 1_000_000;

interface Lane {
  readonly scenario: Scenario;
  readonly fixture: FixtureOptions;
  readonly expected: Expectation | null;
  readonly task: TrialTask;
  readonly outcomes: TrialOutcome[];
}

export async function runBench(options: BenchOptions): Promise<readonly BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'velo-bench-'));
  try {
    const lanes: Lane[] = [];
    for (const scenario of options.scenarios) lanes.push(await makeLane(scenario, options, folder));
    for (let run = 0; run < options.runs; run += 1) {
      for (const lane of lanes) {
        options.onProgress(`scenario ${lane.scenario.id}, run ${run + 1} of ${options.runs}`);
        lane.outcomes.push(await runTrial(lane.task));
      }
    }
    return lanes.map((lane) => laneResult(lane, options));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeLane(scenario: Scenario, options: BenchOptions, folder: string): Promise<Lane> {
  const changes = options.settings['emit.changes'] === 'delta' ? 'delta' : 'snapshot';
  const records = options.records ?? scenario.records;
  const fixture: FixtureOptions = {
    records,
    groups: options.groups,
    stepMs: options.stepMs,
    changes,
  };
  options.onProgress(`scenario ${scenario.id}: what must come out of ${records} records`);
  const expected =
    scenario.builtin === null
      ? fileExpectation(scenario)
      : expectBuiltin(scenario.builtin, fixture);
  const redirects =
    options.source === 'file'
      ? await writeFixture(scenario, fixture, folder, options.onProgress)
      : [];
  const warmupRecords = Math.min(records, WARMUP_RECORDS_MAX);
  const task: TrialTask = {
    sourceName: scenario.file,
    text: scenario.text,
    variables: fixtureVariables(fixture),
    warmupVariables: fixtureVariables({ ...fixture, records: warmupRecords }),
    warmups: options.warmups,
    settings: options.settings,
    redirects,
    batchRows: options.batchRows,
  };
  return { scenario, fixture, expected, task, outcomes: [] };
}

export function runTrial(task: TrialTask): Promise<TrialOutcome> {
  return new Promise((resolve, reject) => {
    const entry = fileURLToPath(new URL('./trial.js', import.meta.url));
    const child = fork(entry, [JSON.stringify(task)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), TRIAL_LIMIT_MS);
    let message: TrialMessage | null = null;
    child.on('message', (received) => {
      message = received as TrialMessage;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (message?.kind === 'done') resolve(message.outcome);
      else reject(trialError(message, code, signal));
    });
  });
}

function trialError(
  message: TrialMessage | null,
  code: number | null,
  signal: NodeJS.Signals | null,
): VeloError {
  const reason = message?.kind === 'failed' ? message.message : `exit ${code ?? signal}`;
  return new VeloError('WORKER_DIED', { message: `a benchmark trial failed: ${reason}` });
}

function laneResult(lane: Lane, options: BenchOptions): BenchResult {
  const samples = lane.outcomes.map((outcome) => outcome.rowsIn / outcome.seconds);
  const middle = median(samples);
  const typical = lane.outcomes.reduce((best, outcome) =>
    Math.abs(outcome.rowsIn / outcome.seconds - middle) <
    Math.abs(best.rowsIn / best.seconds - middle)
      ? outcome
      : best,
  );
  const faults = lane.outcomes.flatMap((outcome) => outcomeFaults(lane, outcome));
  const rates = typical.intervalRows.map((rows) => (rows * 1000) / typical.intervalMs);
  return {
    scenario: lane.scenario.id,
    title: lane.scenario.title,
    arch: 'v1',
    partitions: 1,
    workers: 1,
    source: options.source,
    groups: options.groups,
    rowsIn: typical.rowsIn,
    rowsOut: typical.rowsOut,
    verified: faults.length === 0,
    faults: [...new Set(faults)],
    digest: typical.digest,
    recordsPerSecond: { median: middle, samples, ci95: medianInterval95(samples, options.seed) },
    rowsOutPerSecond: (typical.rowsOut / typical.rowsIn) * middle,
    perCore: median(lane.outcomes.map((outcome) => outcome.rowsIn / outcome.cpuSeconds)),
    latencyUs: { kind: 'service', ...typical.latencyUs, hdr: typical.latencyHdr },
    latencySteps: typical.latencySteps,
    rates,
    cpuSeconds: typical.cpuSeconds,
    rssPeakBytes: Math.max(...lane.outcomes.map((outcome) => outcome.rssPeakBytes)),
  };
}

function outcomeFaults(lane: Lane, outcome: TrialOutcome): string[] {
  const faults = lane.expected === null ? [] : digestFaults(lane.expected, outcome.digest);
  if (lane.expected === null && lane.scenario.builtin === null) {
    faults.push('the file has no @expect annotations to verify against');
  }
  if (lane.scenario.builtin !== null && outcome.rowsIn !== lane.fixture.records) {
    faults.push(`read ${outcome.rowsIn} records instead of ${lane.fixture.records}`);
  }
  if (outcome.rowsOut !== outcome.digest.rows) {
    faults.push(`engine counted ${outcome.rowsOut} rows, the sink ${outcome.digest.rows}`);
  }
  if (outcome.rowsFailed > 0) faults.push(`${outcome.rowsFailed} records failed`);
  return faults;
}
