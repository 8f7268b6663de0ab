/**
 * A job's checkpoints: the folder that keeps them, and which one it goes on from. Owns this choice
 * and what the user hears of it; how that one fits the queries as they are now is job/restore's, the
 * folder state/checkpoint's, and when a state is taken the processors'.
 */
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { StateError } from '../base/errors.js';
import type { CheckpointFigures, TransactionFigures } from '../metrics/checkpoint-figures.js';
import { commitsOf, openCommits } from '../connectors/registry.js';
import type { SinkCommits } from '../connectors/sink-commits.js';
import { stateSignature } from '../plan/state-meaning.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import { CheckpointStore } from '../state/checkpoint/checkpoint-store.js';
import type { PublishedCheckpoint } from '../state/checkpoint/checkpoint-manifest.js';
import { copyCheckpoint } from '../state/checkpoint/checkpoint-copy.js';
import { operatorKey } from '../state/checkpoint/epoch-writer.js';
import type { CheckpointContent } from '../state/checkpoint/epoch-writer.js';
import { CheckpointReader } from '../state/checkpoint/checkpoint-reader.js';
import type { FoundCheckpoint } from '../state/checkpoint/checkpoint-reader.js';
import { releaseFiles } from '../state/checkpoint/entry-files.js';
import type { JobState } from '../state/checkpoint/job-state.js';
import type { CheckpointTarget, TakenState } from '../processors/checkpoint-pace.js';
import type { JobCheckpointing, RestoreChoice } from './job-options.js';
import { PublishedStates } from './published-states.js';
import type { RestoredState } from './published-states.js';
import { checkAllowed, restoredJob } from './restore/restored-job.js';
import { changedSource, identitiesOf, mayChange, otherSource } from './restore/same-sources.js';
import type { SourceIdentities } from './restore/same-sources.js';
import { meaningOf, ofQuery, savedMeaning } from './restore/saved-meaning.js';
import type { QueryMeaning } from './restore/saved-meaning.js';
import { figuresOf, writtenState } from './written-state.js';
import type { WrittenState } from './written-state.js';

export interface CheckpointChoice {
  readonly dir: string;
  readonly intervalMs: number;
  readonly restore: RestoreChoice;
  /** A folder whose newest checkpoint a job begins with that has none of its own. Default: none. */
  readonly restoreFrom?: string | null;
  /** Checkpoints that stay. */
  readonly keep: number;
  /** Operators that may begin empty where their state does not fit. */
  readonly allowStateLoss: readonly string[];
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
  checkAllowed(job.queries, choice.allowStateLoss);
  const store = await CheckpointStore.open(choice.dir, { notice, clock, keep: choice.keep });
  const checkpoints = new OpenCheckpoints(job, choice, store);
  try {
    await checkpoints.begin(choice.restore);
    return checkpoints;
  } catch (error) {
    await checkpoints.close();
    throw error;
  }
}

/** Of a job from its start to its end, whatever it goes on after between the two. */
export class OpenCheckpoints implements JobCheckpointing {
  readonly dir: string;
  readonly target: CheckpointTarget;
  restore: JobState | null = null;
  /** Those of the job, whose aggregates know since when they count. */
  queries: readonly QueryPlan[];
  /** What was restored, for the first line of a run; null: the job begins. */
  restored: string | null = null;
  /** What rows are written through that are seen with the job's state; null: none are. */
  commits: SinkCommits | null = null;
  /** Checkpoints written by this run, and those that it could not take or write. */
  written = 0;
  /** Of the life that runs, for whoever reads the folder. */
  partitions: number;
  private failed = 0;
  private longestPauseMs: number | null = null;
  private transactions: TransactionFigures = { committed: 0, failed: 0, lastMs: null };
  private last: CheckpointFigures['last'] = null;
  private newest: WrittenState | null = null;
  private readonly job: CheckpointedJob;
  private readonly store: CheckpointStore;
  private readonly allowed: readonly string[];
  private readonly restoreFrom: string | null;
  private meanings: readonly QueryMeaning[];
  private sources: SourceIdentities = {};
  private readonly sourcesChange: boolean;
  private epoch: number;
  /** Newer ones are of the queries as they are. */
  private epochBefore: number;
  private published: PublishedStates | null = null;
  /** A write at a time, whoever asks for it. */
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    job: CheckpointedJob,
    { intervalMs, allowStateLoss, restoreFrom = null }: CheckpointChoice,
    store: CheckpointStore,
  ) {
    this.job = job;
    this.partitions = job.partitions;
    this.dir = store.dir;
    this.store = store;
    this.allowed = allowStateLoss;
    this.restoreFrom = restoreFrom;
    this.queries = job.queries;
    this.meanings = job.queries.map(meaningOf);
    this.sourcesChange = mayChange(job.queries);
    this.epoch = store.newestEpoch;
    this.epochBefore = this.epoch;
    const isVital = job.queries.some(({ sink }) => commitsOf(sink.table) !== null);
    this.target = {
      intervalMs,
      isVital,
      // The outside world forgets a mark that nobody sets again.
      restMs: isVital ? MARK_MS : null,
      take: (taken) => {
        this.longestPauseMs = Math.max(this.longestPauseMs ?? 0, taken.pauseMs);
        const publish = this.published?.seal() ?? null;
        return async () => {
          const state = await taken.state;
          await this.write({ ...taken, state }, publish);
        };
      },
      failed: (error) => {
        this.failed += 1;
        job.warn(failureLine(error, this.epoch));
      },
    };
  }

  /** All queries had ended: there is nothing to go on with. */
  get isOver(): boolean {
    const { restore } = this;
    const isOver = (id: string): boolean | undefined =>
      restore?.find(({ query }) => query === id)?.ended;
    return this.queries.every(({ id }) => isOver(id) === true);
  }

  /** The newest state whose rows are seen, of a job that keeps them back; null: none, or no such job. */
  get publishedEpoch(): number | null {
    return this.published?.epoch ?? null;
  }

  /** Shuts out who wrote before, where rows are kept back, and finds what to go on with. */
  async begin(restore: RestoreChoice): Promise<void> {
    const { job, store, restoreFrom } = this;
    const { name, notice } = job;
    this.sources = await identitiesOf(job.queries);
    const tables = job.queries.map(({ sink }) => sink.table);
    const { intervalMs } = this.target;
    this.commits = await openCommits(tables, { name, intervalMs, notice });
    const published = this.commits === null ? null : new PublishedStates(store, this.commits);
    this.published = published;
    const { found, from } =
      (published === null
        ? await foundIn(store, restore, notice)
        : await published.restored(restore, restoreFrom, job)) ?? NOTHING;
    const isOwn = found !== null || restoreFrom === null;
    const goesOnWith = isOwn ? found : await savepointIn(restoreFrom, notice);
    this.requireSources(goesOnWith, typeof restore === 'number');
    this.goOnWith(goesOnWith, isOwn ? from : restoreFrom);
    // What came behind it is not this job's any more.
    if (typeof restore === 'number') await store.discardNewer(restore);
    await published?.begin(found === null ? NOTHING : { found, from });
    this.epoch = Math.max(store.newestEpoch, from === null ? -1 : (found?.epoch ?? -1));
    if (this.written === 0) this.epochBefore = this.epoch;
  }

  /** Throws StateError where positions are none any more; `asked`: the user names the epoch. */
  private requireSources(found: FoundCheckpoint | null, asked: boolean): void {
    const changed = found === null ? null : changedSource(found, this.sources);
    if (found === null || changed === null) return;
    const error = otherSource(changed, found);
    if (!asked) throw error;
    this.job.warn(error.message);
  }

  /** Throws StateError where it does not fit the queries. `from`: the folder, where it is another. */
  private goOnWith(found: FoundCheckpoint | null, from: string | null = null): void {
    const { queries, clock, notice } = this.job;
    const isOwn = found !== null && from === null && found.epoch > this.epochBefore;
    const allowed = isOwn ? [] : this.allowed;
    const restored = found === null ? null : restoredJob(queries, found, new Set(allowed));
    for (const line of restored?.lines ?? []) notice(line);
    this.queries = restored?.queries ?? queries;
    this.meanings = this.queries.map(meaningOf);
    this.restore = restored?.state ?? null;
    this.restored = found === null ? null : restoredLine(found, clock.nowMs(), from);
    this.epoch = this.store.newestEpoch;
  }

  /**
   * After a crash: the last checkpoint that this run wrote, else what it began with; where rows are
   * kept back, the one whose rows are seen.
   */
  async again(): Promise<void> {
    await this.writing;
    if (this.commits !== null) {
      await this.commits.close();
      await this.begin('latest');
      return;
    }
    if (this.written === 0) return;
    const again = await foundIn(this.store, 'latest', this.job.notice);
    this.sources = await identitiesOf(this.job.queries);
    this.requireSources(again?.found ?? null, false);
    this.goOnWith(again?.found ?? null);
  }

  /**
   * Another life goes on with this state, which no crash came between. Keeps it beside that life;
   * the epoch, null where that was not possible.
   */
  async handedOver(state: JobState): Promise<number | null> {
    const whole = withEnded(state, this.restore);
    this.restore = whole;
    try {
      const { epoch } = await this.keep(state);
      // From here on the folder has it: so much memory would be held for nothing.
      if (this.restore === whole) this.restore = whole.filter(({ ended }) => ended);
      return epoch;
    } catch (error) {
      this.target.failed(error);
      return null;
    }
  }

  /** Gives the folder up. */
  async close(): Promise<void> {
    await this.commits?.close();
    await this.store.close();
  }

  /** Keeps a state beside a life that has it in memory. */
  private async keep(state: JobState): Promise<WrittenState> {
    await this.write({ state, trigger: 'asked', pauseMs: 0 }, null);
    return this.lastWritten();
  }

  /** Of a run that has written one. */
  lastWritten(): WrittenState {
    assert(this.newest !== null, 'a checkpoint was written');
    return this.newest;
  }

  /** A folder for one state that needs nothing beside it; close() it. Rejects with StateError. */
  async openSavepoint(dir: string): Promise<Savepoint> {
    const { clock, notice } = this.job;
    const store = await CheckpointStore.open(dir, { notice, clock });
    const close = (): Promise<void> => store.close();
    if (store.newestEpoch >= 0) {
      await close();
      throw new StateError('SAVEPOINT_FOLDER', {
        message: `"${dir}" holds checkpoints already`,
        hint: 'give each savepoint a folder of its own',
      });
    }
    const write = async (state: JobState): Promise<WrittenState> => {
      try {
        return writtenState(await store.write(this.contentOf(state, 'savepoint', this.epoch + 1)));
      } finally {
        releaseFiles(state);
      }
    };
    const copySeen = async (): Promise<WrittenState> => writtenState(await this.copySeen(dir));
    return { write: this.published === null ? write : null, copySeen, close };
  }

  /** The state whose rows are seen; none is written, and removed, meanwhile. */
  private copySeen(dir: string): Promise<PublishedCheckpoint> {
    const copying = this.writing.then(() => {
      const epoch = this.published?.epoch ?? null;
      assert(epoch !== null, 'a state was kept before it is copied');
      return copyCheckpoint(this.store, epoch, dir);
    });
    this.writing = copying.catch(() => undefined);
    return copying;
  }

  figures(): CheckpointFigures {
    const { written, failed, longestPauseMs, last } = this;
    const { intervalMs, isVital } = this.target;
    const transactions = isVital ? this.transactions : null;
    return { intervalMs, written, failed, longestPauseMs, transactions, last };
  }

  /** One after another, whoever asks for it. */
  private write(
    { state, trigger, pauseMs }: StateToKeep,
    publish: ((epoch: number) => Promise<void>) | null,
  ): Promise<void> {
    const { clock } = this.job;
    const writing = this.writing.then(async () => {
      this.epoch += 1;
      if (this.sourcesChange) this.sources = await identitiesOf(this.job.queries);
      const sinceNs = clock.monotonicNs();
      const published = await this.store.write(this.contentOf(state, trigger, this.epoch));
      const writeMs = (clock.monotonicNs() - sinceNs) / 1e6;
      if (publish !== null) await this.publish(publish);
      this.written += 1;
      this.last = { ...figuresOf(published), writeMs, pauseMs };
      this.newest = writtenState(published);
    });
    this.writing = writing.catch(() => undefined).then(() => releaseFiles(state));
    return writing;
  }

  private async publish(publish: (epoch: number) => Promise<void>): Promise<void> {
    const { clock } = this.job;
    const sinceNs = clock.monotonicNs();
    const { committed, failed } = this.transactions;
    try {
      await publish(this.epoch);
    } catch (error) {
      this.transactions = { ...this.transactions, failed: failed + 1 };
      throw error;
    }
    const lastMs = (clock.monotonicNs() - sinceNs) / 1e6;
    this.transactions = { committed: committed + 1, failed, lastMs };
  }

  private contentOf(
    state: JobState,
    trigger: CheckpointContent['trigger'],
    epoch: number,
  ): CheckpointContent {
    const { name, arch } = this.job;
    const { meanings, partitions } = this;
    return {
      epoch,
      trigger,
      arch,
      partitions,
      job: { name, meaning: savedMeaning(meanings), sources: this.sources },
      state: withEnded(state, this.restore),
      signatures: signaturesOf(meanings),
      counters: new Map(),
    };
  }
}

interface StateToKeep extends Omit<TakenState, 'state'> {
  readonly state: JobState;
}

export interface Savepoint {
  /** null: rows of the job are seen with its own states only, of which one is copied. */
  readonly write: ((state: JobState) => Promise<WrittenState>) | null;
  /** Of a job that has kept a state. */
  copySeen(): Promise<WrittenState>;
  close(): Promise<void>;
}

async function foundIn(
  store: CheckpointStore,
  restore: RestoreChoice,
  notice: (line: string) => void,
): Promise<RestoredState | null> {
  if (restore === 'none') return null;
  if (restore !== 'latest') {
    return {
      found: { epoch: restore, passedOver: [], ...(await store.read(restore)) },
      from: null,
    };
  }
  const found = await store.latest();
  for (const line of found?.passedOver ?? []) notice(line);
  return found === null ? null : { found, from: null };
}

/** A savepoint, or a copy of a checkpoint, of a job that has none of its own. */
async function savepointIn(dir: string, notice: (line: string) => void): Promise<FoundCheckpoint> {
  const found = await new CheckpointReader(dir).latest();
  if (found === null) {
    throw new StateError('CHECKPOINT_NOT_FOUND', {
      message: `there is no checkpoint in "${dir}"`,
      hint: 'name the folder of a savepoint: velo checkpoints list shows what is in it',
    });
  }
  for (const line of found.passedOver) notice(line);
  return found;
}

/** By `operatorKey`: tells whether the state of an operator means the same. */
function signaturesOf(meanings: readonly QueryMeaning[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { query, operators } of meanings) {
    for (const [within, meaning] of operators) {
      found.set(operatorKey(query, ofQuery(query, within)), stateSignature(meaning));
    }
  }
  return found;
}

/** Queries that had ended before this run began stay so. */
function withEnded(state: JobState, restored: JobState | null): JobState {
  const running = new Set(state.map(({ query }) => query));
  const ended = restored?.filter((query) => query.ended && !running.has(query.query)) ?? [];
  return [...state, ...ended];
}

function restoredLine(
  { epoch, manifest, state }: FoundCheckpoint,
  nowMs: number,
  from: string | null,
): string {
  const seconds = Math.max(0, Math.round((nowMs - manifest.takenAtMs) / 1000));
  const places = state.flatMap(({ splits }) =>
    splits.map(({ sourceName, position }) => `${sourceName} at ${position}`),
  );
  const shown = places.slice(0, PLACES_SHOWN).join(', ');
  const more = places.length > PLACES_SHOWN ? ` and ${places.length - PLACES_SHOWN} more` : '';
  const place = from === null ? '' : ` of "${from}"`;
  return `restored from epoch ${epoch}${place}, ${seconds} s old${shown === '' ? '' : `: ${shown}${more}`}`;
}

const NOTHING = { found: null, from: null } as const;
const PLACES_SHOWN = 4;
/** How old the mark of a job that rests becomes: clusters keep one for seven days at least. */
const MARK_MS = 24 * 60 * 60 * 1000;

function failureLine(error: unknown, epoch: number): string {
  const message = error instanceof Error ? error.message : String(error);
  const rest = epoch < 0 ? 'there is none yet' : 'the one before it stands';
  return `no checkpoint: ${message} (${rest})`;
}
