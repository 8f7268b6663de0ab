/**
 * Which checkpoint a job goes on from whose rows are seen with their state: the one that the mark in
 * its sinks names, and no other. Owns this choice, the errors where folder and mark do not belong
 * together, and that a checkpoint that a mark names is kept; the mark is connectors/sink-commits.ts.
 *
 *   mark    folder       goes on from
 *   none    empty        the beginning; a mark says so before the first row
 *   none    epochs       refused: the mark was lost, or the job wrote otherwise before
 *   begin   epochs       the beginning: no row of theirs is seen
 *   N       N, newer     N; newer ones are thrown away, their rows were taken back
 *   N       no such N    the savepoint that is N, if it was asked for; else refused
 */
import { StateError } from '../base/errors.js';
import type { SinkCommits, SinkMark } from '../connectors/sink-commits.js';
import { CheckpointReader } from '../state/checkpoint/checkpoint-reader.js';
import type { FoundCheckpoint } from '../state/checkpoint/checkpoint-reader.js';
import type { CheckpointStore } from '../state/checkpoint/checkpoint-store.js';
import type { RestoreChoice } from './job-options.js';

interface Talk {
  readonly notice: (line: string) => void;
  readonly warn: (line: string) => void;
}

const BEGIN: SinkMark = { epoch: null, sum: '' };

/** What a job goes on with, and the folder that it is in: null is its own. */
export interface RestoredState {
  readonly found: FoundCheckpoint;
  readonly from: string | null;
}

export class PublishedStates {
  /** The state whose rows are seen; null: none. */
  epoch: number | null = null;
  private readonly store: CheckpointStore;
  private readonly commits: SinkCommits;

  constructor(store: CheckpointStore, commits: SinkCommits) {
    this.store = store;
    this.commits = commits;
  }

  /**
   * null: the job begins, with a savepoint's state if `restoreFrom` names one. Rejects with
   * StateError where that would lose rows or double them.
   */
  async restored(
    restore: RestoreChoice,
    restoreFrom: string | null,
    talk: Talk,
  ): Promise<RestoredState | null> {
    const { mark, label } = this.commits;
    if (restore === 'none') return null;
    if (restore !== 'latest') return { found: await this.asked(restore, talk), from: null };
    if (mark === null) {
      if (this.store.newestEpoch < 0) return null;
      throw this.withoutMark();
    }
    if (mark.epoch !== null && restoreFrom !== null && this.store.newestEpoch < 0) {
      const found = await this.savepoint(mark.epoch, mark.sum, restoreFrom);
      return { found, from: restoreFrom };
    }
    const found = mark.epoch === null ? null : await this.marked(mark.epoch, mark.sum);
    for (const epoch of await this.store.discardNewer(mark.epoch ?? -1)) {
      talk.notice(`checkpoint epoch ${epoch} is thrown away: its rows are not in ${label}`);
    }
    return found === null ? null : { found, from: null };
  }

  /** Before the first row: the mark says where the job goes on. */
  async begin({ found, from }: RestoredState | { found: null; from: null }): Promise<void> {
    const { mark } = this.commits;
    const epoch = found?.epoch ?? null;
    // A savepoint is what the mark names by now.
    if (from !== null) {
      this.epoch = epoch;
      return;
    }
    const next = epoch === null ? BEGIN : await this.markOf(epoch);
    if (mark?.epoch !== next.epoch || mark.sum !== next.sum) await this.commits.begin(next);
    this.stands(epoch);
  }

  /** The rows so far are those of the next checkpoint. Gives what shows them once it is on disk. */
  seal(): (epoch: number) => Promise<void> {
    const publish = this.commits.seal();
    return async (epoch) => {
      await publish(await this.markOf(epoch));
      this.stands(epoch);
    };
  }

  private stands(epoch: number | null): void {
    this.epoch = epoch;
    this.store.pinned.clear();
    if (epoch !== null) this.store.pinned.add(epoch);
  }

  private async markOf(epoch: number): Promise<SinkMark> {
    return { epoch, sum: await this.store.sumOf(epoch) };
  }

  /** The state that the mark names, in a folder that was copied from the job's. */
  private async savepoint(epoch: number, sum: string, dir: string): Promise<FoundCheckpoint> {
    const { label } = this.commits;
    const reader = new CheckpointReader(dir);
    const isIt = (await reader.epochs()).includes(epoch) && (await reader.sumOf(epoch)) === sum;
    if (isIt) return { epoch, passedOver: [], ...(await reader.read(epoch)) };
    throw new StateError('STATE_INVALID', {
      message: `${label} has the rows of checkpoint epoch ${epoch}, and the savepoint in "${dir}" is another state`,
      detail: 'rows of the time between the two would be missing, or come twice',
      hint: "go on with the folder that has it, or give the job that begins here a topic or a 'sink.transactional-id-prefix' of its own",
    });
  }

  private async marked(epoch: number, sum: string): Promise<FoundCheckpoint> {
    const { label } = this.commits;
    const { dir } = this.store;
    if (!(await this.store.epochs()).includes(epoch)) {
      throw new StateError('CHECKPOINT_NOT_FOUND', {
        message: `${label} has the rows of checkpoint epoch ${epoch}, which folder "${dir}" has not`,
        hint: 'bring the folder back, or begin anew, with rows written again: --restore none',
      });
    }
    if ((await this.store.sumOf(epoch)) !== sum) {
      throw new StateError('STATE_INVALID', {
        message: `checkpoint epoch ${epoch} in folder "${dir}" is not the one whose rows ${label} has`,
        detail: 'the folder is of another job, or of another time',
        hint: "name the job's own folder, or begin anew, with rows written again: --restore none",
      });
    }
    return { epoch, passedOver: [], ...(await this.store.read(epoch)) };
  }

  /** The user's word counts, as far as it loses no rows. */
  private async asked(epoch: number, { warn }: Talk): Promise<FoundCheckpoint> {
    const { mark, label } = this.commits;
    const seen = mark === null ? null : (mark.epoch ?? -1);
    if (seen !== null && epoch > seen) {
      throw new StateError('STATE_INVALID', {
        message: `the rows of checkpoint epoch ${epoch} are not in ${label}`,
        detail: seen < 0 ? 'no rows of the job are' : `it has those up to epoch ${seen}`,
        hint: 'leave --restore away: the job goes on behind the rows that are there',
      });
    }
    const read = await this.store.read(epoch);
    if (seen === null) {
      warn(`${label} may have rows of later checkpoints than epoch ${epoch}: they come again`);
    } else if (epoch < seen) {
      warn(`${label} has the rows of checkpoints up to epoch ${seen}: they come again`);
    }
    return { epoch, passedOver: [], ...read };
  }

  private withoutMark(): StateError {
    const { label } = this.commits;
    const { dir, newestEpoch } = this.store;
    return new StateError('STATE_INVALID', {
      message: `nothing in ${label} says which checkpoint of folder "${dir}" its rows belong to`,
      detail:
        'the job wrote it otherwise before, or has another file name, topic or transactional id ' +
        'now, or did not run for longer than the cluster keeps offsets (7 days)',
      hint: `where epoch ${newestEpoch} is the last one, and its rows are there: --restore ${newestEpoch}; to begin anew: --restore none`,
    });
  }
}
