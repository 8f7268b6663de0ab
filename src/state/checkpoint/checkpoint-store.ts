/**
 * The checkpoints of one running job: writes them, so that each is there whole or not at all,
 * whatever fails and whenever the process ends, and removes those that are no longer kept. Owns the
 * folder while it is open (checkpoint-lock.ts) and the order of what reaches the disk:
 *
 *   state files, synced → manifest, synced → folder synced → renamed to its epoch → parent synced
 *
 * only then are older ones removed. What goes into an epoch's folder is epoch-writer.ts, reading is
 * checkpoint-reader.ts; what the bytes of an operator
 * mean is the operators' business. Bytes that are given must not change until a write has settled.
 */
import { join } from 'node:path';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { ownPlace } from '../../base/process-place.js';
import type { ProcessPlace } from '../../base/process-place.js';
import { systemReason } from '../../base/system-reason.js';
import { systemFiles } from './checkpoint-files.js';
import type { CheckpointFiles } from './checkpoint-files.js';
import { folderFailure, writeFailure } from './checkpoint-failures.js';
import { CheckpointLock } from './checkpoint-lock.js';
import type { CheckpointManifest, PublishedCheckpoint } from './checkpoint-manifest.js';
import { CheckpointReader, PARTIAL } from './checkpoint-reader.js';
import type { FoundCheckpoint } from './checkpoint-reader.js';
import { EpochWriter } from './epoch-writer.js';
import type { CheckpointContent, KnownFile } from './epoch-writer.js';
import type { JobState } from './job-state.js';

/** Checkpoints that stay, unless the job says otherwise. */
export const KEEP = 3;

export interface StoreOptions {
  readonly notice: (line: string) => void;
  readonly clock: Clock;
  /** At least 1. Default: 3. */
  readonly keep?: number;
  readonly files?: CheckpointFiles;
  readonly place?: ProcessPlace;
}

export class CheckpointStore extends CheckpointReader {
  /** Epochs that are never removed; for what a sink's marker names. */
  readonly pinned = new Set<number>();
  private readonly notice: (line: string) => void;
  private readonly clock: Clock;
  private readonly keep: number;
  private readonly lock: CheckpointLock;
  /** Files of the newest checkpoint, by digest. */
  private known = new Map<string, KnownFile>();
  private newest = -1;
  private saidOfRetention = '';
  private writing: Promise<unknown> | null = null;

  private constructor(dir: string, options: StoreOptions, lock: CheckpointLock) {
    super(dir, options.files ?? systemFiles);
    this.notice = options.notice;
    this.clock = options.clock;
    this.keep = options.keep ?? KEEP;
    this.lock = lock;
    assert(this.keep >= 1, 'the newest checkpoint is kept');
  }

  /**
   * Takes the folder, which is created if it is missing, and clears what dead processes left in it.
   * Rejects with CHECKPOINT_LOCKED while another job has it, and CHECKPOINT_WRITE.
   */
  static async open(dir: string, options: StoreOptions): Promise<CheckpointStore> {
    const files = options.files ?? systemFiles;
    try {
      await files.makeFolders(dir);
    } catch (error) {
      throw writeFailure(dir, error);
    }
    const { notice, clock, place = ownPlace() } = options;
    const lock = await CheckpointLock.take(dir, files, {
      place,
      startedMs: clock.nowMs(),
      notice,
    });
    const store = new CheckpointStore(dir, options, lock);
    try {
      await store.clearPartial();
      store.newest = (await store.epochs())[0] ?? -1;
    } catch (error) {
      await lock.release().catch(() => undefined);
      throw error;
    }
    return store;
  }

  /** Of any checkpoint that is in the folder, damaged ones too; -1: there is none. */
  get newestEpoch(): number {
    return this.newest;
  }

  override async latest(): Promise<FoundCheckpoint | null> {
    const found = await super.latest();
    if (found !== null) this.learn(found.manifest);
    return found;
  }

  override async read(
    epoch: number,
  ): Promise<{ readonly manifest: CheckpointManifest; readonly state: JobState }> {
    const read = await super.read(epoch);
    this.learn(read.manifest);
    return read;
  }

  /**
   * Removes all checkpoints behind `epoch`: rows that a sink has taken back were theirs. Rejects
   * with CHECKPOINT_WRITE; those that are left then are the older ones.
   */
  async discardNewer(epoch: number): Promise<readonly number[]> {
    const newer = (await this.epochs()).filter((each) => each > epoch);
    for (const each of newer) {
      try {
        await this.remove(each);
      } catch (error) {
        throw writeFailure(this.folderOf(each), error);
      }
    }
    return newer;
  }

  /**
   * Writes and publishes a checkpoint. Rejects with CHECKPOINT_WRITE when the disk does not take
   * it, CHECKPOINT_LOCKED when the folder is another job's by now, and the reason of
   * `content.signal`. Those before it are as they were then. One write at a time.
   */
  async write(content: CheckpointContent): Promise<PublishedCheckpoint> {
    assert(this.writing === null, 'checkpoints are written one after another');
    assert(content.epoch > this.newest, 'epochs go up');
    const work = this.publish(content);
    this.writing = work.catch(() => undefined);
    try {
      return await work;
    } finally {
      this.writing = null;
    }
  }

  /** Gives the folder up, when a write that is under way has settled. */
  async close(): Promise<void> {
    await this.writing;
    try {
      await this.lock.release();
    } catch (error) {
      throw writeFailure(this.dir, error);
    }
  }

  private async publish(content: CheckpointContent): Promise<PublishedCheckpoint> {
    const { epoch } = content;
    const partial = `${this.folderOf(epoch)}${PARTIAL}`;
    const writer = new EpochWriter(this.files, {
      epoch,
      partial,
      goesOn: () => content.signal?.throwIfAborted(),
      known: this.known,
      folderOf: (each) => this.folderOf(each),
    });
    let manifest: CheckpointManifest;
    try {
      manifest = await writer.write(content, this.clock.nowMs());
      await this.lock.requireHeld();
      content.signal?.throwIfAborted();
      await this.rename(partial, this.folderOf(epoch), epoch);
    } catch (error) {
      await this.files.removeFolder(partial).catch(() => undefined);
      throw error;
    }
    try {
      await this.files.syncFolder(this.dir);
    } catch (error) {
      throw writeFailure(this.dir, error);
    }
    this.learn(manifest);
    await this.retain(epoch);
    const { bytesWritten, bytesLinked } = writer;
    return { epoch, folder: this.folderOf(epoch), manifest, bytesWritten, bytesLinked };
  }

  private async rename(partial: string, folder: string, epoch: number): Promise<void> {
    try {
      await this.files.rename(partial, folder);
    } catch (error) {
      throw writeFailure(folder, error);
    }
    this.newest = epoch;
  }

  /** What a checkpoint that is whole has on disk need not be written again. */
  private learn({ epoch, queries }: CheckpointManifest): void {
    this.known = new Map();
    for (const { operators } of queries) {
      for (const { files } of operators) {
        for (const file of files) this.known.set(file.sha256, { epoch, file });
      }
    }
  }

  /** The newest ones stay, not counting those that were found damaged. What fails is only said. */
  private async retain(written: number): Promise<void> {
    try {
      const whole = (await this.epochs()).filter((epoch) => !this.damagedEpochs.has(epoch));
      const oldest = whole[this.keep - 1];
      if (oldest === undefined) return;
      for (const epoch of await this.epochs()) {
        if (epoch < oldest && epoch !== written && !this.pinned.has(epoch)) {
          await this.remove(epoch);
        }
      }
    } catch (error) {
      const line = `an old checkpoint in "${this.dir}" stays: ${systemReason(error)}`;
      if (line !== this.saidOfRetention) this.notice(line);
      this.saidOfRetention = line;
    }
  }

  /** Of one that is half removed nothing is left that looks like a checkpoint. */
  private async remove(epoch: number): Promise<void> {
    const folder = this.folderOf(epoch);
    const aside = `${folder}.old${PARTIAL}`;
    await this.files.removeFolder(aside);
    await this.files.rename(folder, aside);
    await this.files.syncFolder(this.dir);
    this.damagedEpochs.delete(epoch);
    if (epoch === this.newest) this.newest = (await this.epochs())[0] ?? -1;
    await this.files.removeFolder(aside);
  }

  private async clearPartial(): Promise<void> {
    let names: readonly string[];
    try {
      names = await this.files.list(this.dir);
    } catch (error) {
      throw folderFailure(this.dir, error);
    }
    for (const name of names) {
      // A lock that is just being taken is its owner's.
      if (!name.startsWith('epoch-') || !name.endsWith(PARTIAL)) continue;
      try {
        await this.files.removeFolder(join(this.dir, name));
      } catch (error) {
        throw writeFailure(join(this.dir, name), error);
      }
    }
  }
}
