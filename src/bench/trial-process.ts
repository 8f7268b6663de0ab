/**
 * Starts a trial in a process of its own and waits for its outcome. Owns the process, its time
 * limit and what its failure is called; the trial itself is trial.ts, of this build or another.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { VeloError } from '../base/errors.js';
import { TRIAL_ENTRY } from '../base/program-files.js';
import type { JobMetricsForExport } from '../metrics/prometheus.js';
import { PARTITIONED_DEFAULTS } from '../processors/partitioned/job-settings.js';
import { scenarioVariables } from './scenario/scenario.js';
import type { FixtureOptions, Scenario } from './scenario/scenario.js';
import { changesFor } from './scenario/own-sources.js';
import type { SourceChanges } from './scenario/source-changes.js';
import type { TrialMessage, TrialOutcome, TrialTask } from './trial.js';

/** No trial may take longer; a hang becomes an error. */
const TRIAL_LIMIT_MS = 600_000;
/**
 * Records of a warm-up: as many as a run has, up to this, because kernels are optimised again when
 * sums and counters outgrow small integers: after 1 M records two workers still ran at half speed.
 */
const WARMUP_RECORDS_MAX = 20_000_000;
/**
 * How long warm-ups take at least. One thread is up to speed after 0.2 s, with the compiler on the
 * other core. Workers use all cores, the compiler takes its time from them, and each thread has code
 * of its own: two of them lose 0.9 s to it in their first 2 s, and some more until the fourth.
 */
const WARMUP_MS = 1_000;
const WARMUP_PARTITIONED_MS = 4_000;
/** At a rate the warm-ups are paced as well, because few rows at a time take other ways. */
const PACED_WARMUP_SECONDS = 0.5;

/** The trials of this build. */
export const OWN_ENTRY = fileURLToPath(TRIAL_ENTRY);

/** A trial of the scenario on V1 as fast as it goes, warmed up, except for what is given. */
export function trialTask(
  scenario: Scenario,
  fixture: FixtureOptions,
  more: Partial<TrialTask> = {},
): TrialTask {
  const { rate = null, warmups = 2, partitioned = null } = more;
  const most = rate === null ? WARMUP_RECORDS_MAX : Math.ceil(rate * PACED_WARMUP_SECONDS);
  const warmup = { ...fixture, records: Math.min(fixture.records, most) };
  return {
    sourceName: scenario.file,
    text: scenario.text,
    variables: scenarioVariables(scenario, fixture),
    warmupVariables: scenarioVariables(scenario, warmup),
    warmups,
    warmupMs: warmupMs(warmups, partitioned !== null),
    repeats: 1,
    settings: {},
    redirects: [],
    batchRows: null,
    mode: PARTITIONED_DEFAULTS.mode,
    partitioned: null,
    rate: null,
    slowdown: 0,
    observed: false,
    ...ownTask(scenario, { fixture, warmup }, more),
    ...more,
  };
}

/** What only a user's file needs. */
function ownTask(
  { own }: Scenario,
  sizes: { readonly fixture: FixtureOptions; readonly warmup: FixtureOptions },
  { rate = null, redirects = [] }: Partial<TrialTask>,
): Pick<TrialTask, 'own'> {
  if (own === null) return { own: null };
  const { defaults, onError, deadLetter, sources, records } = own;
  const isSized = redirects.length === 0 && (records !== null || rate !== null);
  const changes = ({ records: rows }: FixtureOptions): SourceChanges =>
    changesFor(sources, isSized ? rows : null);
  return {
    own: {
      ...{ defaults, onError, deadLetter },
      changes: changes(sizes.fixture),
      warmupChanges: changes(sizes.warmup),
    },
  };
}

function warmupMs(warmups: number, isPartitioned: boolean): number {
  if (warmups === 0) return 0;
  return isPartitioned ? WARMUP_PARTITIONED_MS : WARMUP_MS;
}

export interface TrialRun {
  /** The compiled trial.js of the build to measure. Default: this one's. */
  readonly entry?: string;
  /** Given the partitions every second, if the task says that they are observed. */
  readonly show?: (observed: JobMetricsForExport) => void;
  /** Aborted: the trial is killed, and what it would have said is lost. Default: never. */
  readonly signal?: AbortSignal | null;
}

/** Throws WORKER_DIED when the trial fails, and the signal's reason when it was aborted. */
export function runTrial(task: TrialTask, run: TrialRun = {}): Promise<TrialOutcome> {
  const { entry = OWN_ENTRY, show = () => undefined, signal: aborting = null } = run;
  aborting?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = fork(entry, [JSON.stringify(task)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const kill = (): boolean => child.kill('SIGKILL');
    const timer = setTimeout(kill, TRIAL_LIMIT_MS);
    aborting?.addEventListener('abort', kill);
    const ended = (): void => {
      clearTimeout(timer);
      aborting?.removeEventListener('abort', kill);
    };
    let message: TrialMessage | null = null;
    child.on('message', (received) => {
      const arrived = received as TrialMessage;
      if (arrived.kind === 'observed') show(arrived.observed);
      else message = arrived;
    });
    child.on('error', (error) => {
      ended();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      ended();
      if (message?.kind === 'done') resolve(message.outcome);
      else if (aborting?.aborted === true) reject(aborting.reason as Error);
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
