/**
 * A job's checkpoints: the folder that keeps them, which one it goes on from, and whether that one
 * fits the queries as they are now. Owns this choice and what the user hears of it; the folder is
 * state/checkpoint's, when a state is taken the processors'.
 */
import type { Clock } from '../base/clock.js';
import { StateError } from '../base/errors.js';
import { sourceKey } from '../connectors/registry.js';
import { signatureDifference, stateSignatures } from '../plan/state-meaning.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import type { CheckpointManifest } from '../state/checkpoint/checkpoint-manifest.js';
import { CheckpointStore, operatorKey } from '../state/checkpoint/checkpoint-store.js';
import type { FoundCheckpoint } from '../state/checkpoint/checkpoint-reader.js';
import type { JobState } from '../state/checkpoint/job-state.js';
import type { CheckpointTarget, CheckpointTrigger } from '../processors/checkpoint-pace.js';
import type { JobCheckpointing } from './job-options.js';

/** Which checkpoint a job goes on from: the newest whole one, that of an epoch, or none. */
export type RestoreChoice = 'latest' | 'none' | number;

export interface CheckpointChoice {
  readonly dir: string;
  readonly intervalMs: number;
  readonly restore: RestoreChoice;
  /** Checkpoints that stay. */
  readonly keep: number;
}

export interface CheckpointedJob {
  /** For whoever looks at the folder: its file. */
  readonly name: string;
  readonly queries: readonly QueryPlan[];
  readonly arch: 'v1' | 'v2';
  readonly partitions: number;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
  readonly warn: (line: string) => void;
}

/** Rejects with StateError where the folder, or its state, is not to be used. */
export async function openCheckpoints(
  job: CheckpointedJob,
  choice: CheckpointChoice,
): Promise<OpenCheckpoints> {
  const { clock, notice } = job;
  const store = await CheckpointStore.open(choice.dir, { notice, clock, keep: choice.keep });
  try {
    const checkpoints = new OpenCheckpoints(job, choice, store);
    checkpoints.goOnWith(await foundIn(store, choice.restore, notice));
    return checkpoints;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Of a job from its start to its end, whatever it goes on after between the two. */
export class OpenCheckpoints implements JobCheckpointing {
  readonly target: CheckpointTarget;
  restore: JobState | null = null;
  /** What was restored, for the first line of a run; null: the job begins. */
  restored: string | null = null;
  /** Checkpoints written by this run. */
  written = 0;
  private readonly job: CheckpointedJob;
  private readonly store: CheckpointStore;
  private readonly signatures: ReadonlyMap<string, string>;
  private epoch: number;
  /** A write at a time, whoever asks for it. */
  private writing: Promise<unknown> = Promise.resolve();

  constructor(job: CheckpointedJob, { intervalMs }: CheckpointChoice, store: CheckpointStore) {
    this.job = job;
    this.store = store;
    this.signatures = signaturesOf(job.queries);
    this.epoch = store.newestEpoch;
    this.target = {
      intervalMs,
      write: (state, trigger) => this.write(state, trigger),
      failed: (error) => job.warn(failureLine(error, this.epoch)),
    };
  }

  /** All queries had ended: there is nothing to go on with. */
  get isOver(): boolean {
    return this.restore !== null && this.restore.every(({ ended }) => ended);
  }

  goOnWith(found: FoundCheckpoint | null): void {
    const { queries, clock } = this.job;
    this.restore = found === null ? null : fitting(found, queries, this.signatures);
    this.restored = found === null ? null : restoredLine(found, clock.nowMs());
    this.epoch = this.store.newestEpoch;
  }

  /** After a crash: the last checkpoint that this run wrote, else what it began with. */
  async again(): Promise<void> {
    await this.writing;
    if (this.written === 0) return;
    this.goOnWith(await foundIn(this.store, 'latest', this.job.notice));
  }

  /** Gives the folder up. */
  close(): Promise<void> {
    return this.store.close();
  }

  private write(state: JobState, trigger: CheckpointTrigger): Promise<void> {
    const written = this.writing.then(async () => {
      const { name, arch, partitions } = this.job;
      const { signatures } = this;
      this.epoch += 1;
      await this.store.write({
        epoch: this.epoch,
        trigger,
        arch,
        partitions,
        job: { name, signatures: Object.fromEntries(signatures) },
        state: withEnded(state, this.restore),
        signatures,
        counters: new Map(),
      });
      this.written += 1;
    });
    this.writing = written.catch(() => undefined);
    return written;
  }
}

async function foundIn(
  store: CheckpointStore,
  restore: RestoreChoice,
  notice: (line: string) => void,
): Promise<FoundCheckpoint | null> {
  if (restore === 'none') return null;
  if (restore !== 'latest') {
    const read = await store.read(restore);
    // What came behind it is not this job's any more.
    await store.discardNewer(restore);
    return { epoch: restore, passedOver: [], ...read };
  }
  const found = await store.latest();
  for (const line of found?.passedOver ?? []) notice(line);
  return found;
}

/** By `operatorKey`: what the state of each operator means now. */
function signaturesOf(queries: readonly QueryPlan[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { id, root } of queries) {
    for (const [operator, text] of stateSignatures(root, ({ table }) => sourceKey(table))) {
      found.set(operatorKey(id, operator), text);
    }
  }
  return found;
}

/** The state, which must mean what the queries do. */
function fitting(
  { manifest, state, epoch }: FoundCheckpoint,
  queries: readonly QueryPlan[],
  signatures: ReadonlyMap<string, string>,
): JobState {
  const before = signaturesOfManifest(manifest);
  for (const query of state) {
    if (!queries.some(({ id }) => id === query.query)) {
      throw misfit(epoch, `it holds ${query.query}, which the file has not`);
    }
    if (query.ended) continue;
    const used = new Set([
      ...query.operators.map(({ operator }) => operator),
      ...query.splits.map(({ scan }) => scan),
    ]);
    for (const operator of used) {
      const key = operatorKey(query.query, operator);
      const now = signatures.get(key);
      if (now === undefined) throw misfit(epoch, `the query has no "${operator}" any more`);
      const then = before.get(key);
      if (then === now) continue;
      const difference = then === undefined ? 'it is new' : signatureDifference(now, then);
      throw misfit(epoch, `"${operator}" is another one now: ${difference}`);
    }
  }
  return state;
}

function signaturesOfManifest({ job }: CheckpointManifest): Map<string, string> {
  const { signatures } = job;
  if (typeof signatures !== 'object' || signatures === null) return new Map();
  return new Map(
    Object.entries(signatures).flatMap(([key, text]) =>
      typeof text === 'string' ? [[key, text] as const] : [],
    ),
  );
}

function misfit(epoch: number, why: string): StateError {
  return new StateError('STATE_INVALID', {
    message: `checkpoint epoch ${epoch} does not fit this job: ${why}`,
    hint: 'run the query that it was taken of, or begin without state: --restore none',
  });
}

/** Queries that had ended before this run began stay so. */
function withEnded(state: JobState, restored: JobState | null): JobState {
  const running = new Set(state.map(({ query }) => query));
  const ended = restored?.filter((query) => query.ended && !running.has(query.query)) ?? [];
  return [...state, ...ended];
}

function restoredLine({ epoch, manifest, state }: FoundCheckpoint, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - manifest.takenAtMs) / 1000));
  const places = state.flatMap(({ splits }) =>
    splits.map(({ sourceName, position }) => `${sourceName} at ${position}`),
  );
  const shown = places.slice(0, PLACES_SHOWN).join(', ');
  const more = places.length > PLACES_SHOWN ? ` and ${places.length - PLACES_SHOWN} more` : '';
  return `restored from epoch ${epoch}, ${seconds} s old${shown === '' ? '' : `: ${shown}${more}`}`;
}

const PLACES_SHOWN = 4;

function failureLine(error: unknown, epoch: number): string {
  const message = error instanceof Error ? error.message : String(error);
  const rest = epoch < 0 ? 'there is none yet' : 'the one before it stands';
  return `no checkpoint: ${message} (${rest})`;
}
