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
 *   N       no such N    refused
 */
import { StateError } from '../base/errors.js';
import type { SinkCommits, SinkMark } from '../connectors/sink-commits.js';
import type { FoundCheckpoint } from '../state/checkpoint/checkpoint-reader.js';
import type { CheckpointStore } from '../state/checkpoint/checkpoint-store.js';
import type { RestoreChoice } from './job-options.js';

interface Talk {
  readonly notice: (line: string) => void;
  readonly warn: (line: string) => void;
}

const BEGIN: SinkMark = { epoch: null, sum: '' };

export class PublishedStates {
  /** The state whose rows are seen; null: none. */
  epoch: number | null = null;
  private readonly store: CheckpointStore;
  private readonly commits: SinkCommits;

  constructor(store: CheckpointStore, commits: SinkCommits) {
    this.store = store;
    this.commits = commits;
  }

  /** null: the job begins. Rejects with StateError where that would lose rows or double them. */
  async restored(restore: RestoreChoice, talk: Talk): Promise<FoundCheckpoint | null> {
    const { mark, label } = this.commits;
    if (restore === 'none') return null;
    if (restore !== 'latest') return this.asked(restore, talk);
    if (mark === null) {
      if (this.store.newestEpoch < 0) return null;
      throw this.withoutMark();
    }
    const found = mark.epoch === null ? null : await this.marked(mark.epoch, mark.sum);
    for (const epoch of await this.store.discardNewer(mark.epoch ?? -1)) {
      talk.notice(`checkpoint epoch ${epoch} is thrown away: its rows are not in ${label}`);
    }
    return found;
  }

  /** Before the first row: the mark says where the job goes on. */
  async begin(epoch: number | null): Promise<void> {
    const { mark } = this.commits;
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
