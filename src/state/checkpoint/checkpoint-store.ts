/**
 * The checkpoints of one running job: writes them, so that each is there whole or not at all,
 * whatever fails and whenever the process ends, and removes those that are no longer kept. Owns the
 * folder while it is open (checkpoint-lock.ts) and the order of what reaches the disk:
 *
 *   state files, synced → manifest, synced → folder synced → renamed to its epoch → parent synced
 *
 * only then are older ones removed. Reading is checkpoint-reader.ts; what the bytes of an operator
 * mean is the operators' business. Bytes that are given must not change until a write has settled.
 */
import { createHash, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { ownPlace } from '../../base/process-place.js';
import type { ProcessPlace } from '../../base/process-place.js';
import { systemReason } from '../../base/system-reason.js';
import { packageManifest } from '../../base/package-manifest.js';
import { systemFiles } from './checkpoint-files.js';
import type { CheckpointFiles } from './checkpoint-files.js';
import { folderFailure, writeFailure } from './checkpoint-failures.js';
import { CheckpointLock } from './checkpoint-lock.js';
import { manifestText } from './checkpoint-manifest.js';
import type {
  CheckpointManifest,
  CheckpointTrigger,
  JobLabel,
  OperatorManifest,
  QueryManifest,
  StateFileEntry,
} from './checkpoint-manifest.js';
import { CheckpointReader, MANIFEST, PARTIAL } from './checkpoint-reader.js';
import type { FoundCheckpoint } from './checkpoint-reader.js';
import { entryCuts } from './entry-cuts.js';
import type { EntryCut } from './entry-cuts.js';
import type { JobState, QueryState } from './job-state.js';
import { fileBytes, writeStateFile } from './state-file.js';

/** Checkpoints that stay, unless the job says otherwise. */
export const KEEP = 3;
/** Below that, a digest costs less than asking another thread for it. */
const DIGEST_HERE_BYTES = 64 * 1024;
const NAME_CHARACTERS_MAX = 60;

export interface StoreOptions {
  readonly notice: (line: string) => void;
  readonly clock: Clock;
  /** At least 1. Default: 3. */
  readonly keep?: number;
  readonly files?: CheckpointFiles;
  readonly place?: ProcessPlace;
}

export interface CheckpointContent {
  /** Larger than `newestEpoch`. */
  readonly epoch: number;
  readonly trigger: CheckpointTrigger;
  readonly arch: 'v1' | 'v2';
  readonly partitions: number;
  readonly job: JobLabel;
  readonly state: JobState;
  /** By `operatorKey`; an operator without one has the empty signature. */
  readonly signatures: ReadonlyMap<string, string>;
  /** By query. */
  readonly counters: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Ends the write where it is; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface PublishedCheckpoint {
  readonly epoch: number;
  readonly folder: string;
  readonly manifest: CheckpointManifest;
  /** On disk, the manifest included. */
  readonly bytesWritten: number;
  /** Of files that the checkpoint before has as well. */
  readonly bytesLinked: number;
}

/** Key of an operator's signature: operators of several queries may have one id. */
export function operatorKey(query: string, operator: string): string {
  return `${query}\n${operator}`;
}

/** A state file that is on disk and whole, and the epoch in whose folder it is. */
interface KnownFile {
  readonly epoch: number;
  readonly file: StateFileEntry;
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

interface EpochTarget {
  readonly epoch: number;
  readonly partial: string;
  readonly goesOn: () => void;
  readonly known: ReadonlyMap<string, KnownFile>;
  readonly folderOf: (epoch: number) => string;
}

/** The folder of one epoch before it is published. */
class EpochWriter {
  bytesWritten = 0;
  bytesLinked = 0;
  private readonly files: CheckpointFiles;
  private readonly target: EpochTarget;
  private fileCount = 0;

  constructor(files: CheckpointFiles, target: EpochTarget) {
    this.files = files;
    this.target = target;
  }

  async write(content: CheckpointContent, takenAtMs: number): Promise<CheckpointManifest> {
    const { epoch, partial } = this.target;
    await this.tried(partial, async () => {
      await this.files.removeFolder(partial);
      await this.files.makeFolder(partial);
    });
    const queries: QueryManifest[] = [];
    for (const query of content.state) queries.push(await this.queryOf(query, content));
    const { trigger, arch, partitions, job } = content;
    const manifest: CheckpointManifest = {
      format: 1,
      velo: packageManifest().version,
      epoch,
      takenAtMs,
      trigger,
      arch,
      partitions,
      job,
      queries,
    };
    await this.manifest(manifest);
    await this.tried(partial, () => this.files.syncFolder(partial));
    return manifest;
  }

  private async queryOf(
    { query, ended, splits, sink, operators }: QueryState,
    { signatures, counters }: CheckpointContent,
  ): Promise<QueryManifest> {
    const parts = new Map<string, Uint8Array[]>();
    for (const { operator, bytes } of operators) {
      const found = parts.get(operator);
      if (found === undefined) parts.set(operator, [bytes]);
      else found.push(bytes);
    }
    const written: OperatorManifest[] = [];
    for (const [id, bytes] of parts) {
      const files: StateFileEntry[] = [];
      for (const cut of entryCuts(bytes)) {
        if (cut === null) await setImmediate();
        else files.push(await this.file(id, cut));
      }
      written.push({
        id,
        signature: signatures.get(operatorKey(query, id)) ?? '',
        parts: bytes.map(({ length }) => length),
        files,
      });
    }
    return {
      query,
      ended,
      sink,
      counters: { ...counters.get(query) },
      splits: [...splits],
      operators: written,
    };
  }

  private async file(operator: string, cut: EntryCut): Promise<StateFileEntry> {
    const { content, entries, keyGroups } = cut;
    this.target.goesOn();
    this.fileCount += 1;
    const safe = operator.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, NAME_CHARACTERS_MAX);
    const name = `${String(this.fileCount).padStart(4, '0')}-${safe}.state`;
    const path = join(this.target.partial, name);
    const sha256 = await digestOf(content);
    const known = this.target.known.get(sha256);
    if (known !== undefined && (await this.linked(known, path))) {
      this.bytesLinked += fileBytes(content.length);
      return { ...known.file, name };
    }
    const sum = await this.tried(path, () =>
      writeStateFile(this.files, { path, content, goesOn: this.target.goesOn }),
    );
    this.bytesWritten += fileBytes(content.length);
    return {
      name,
      bytes: content.length,
      crc32c: sum,
      sha256,
      entries,
      keyGroups: keyGroups === null ? null : [...keyGroups],
      since: this.target.epoch,
    };
  }

  /** False where it has to be written: no links here, or the older file is not what it was. */
  private async linked({ epoch, file }: KnownFile, path: string): Promise<boolean> {
    try {
      await this.files.link(join(this.target.folderOf(epoch), file.name), path);
    } catch {
      return false;
    }
    const size = await this.tried(path, () => this.files.size(path));
    if (size === fileBytes(file.bytes)) return true;
    await this.tried(path, () => this.files.remove(path));
    return false;
  }

  private async manifest(manifest: CheckpointManifest): Promise<void> {
    const path = join(this.target.partial, MANIFEST);
    const text = manifestText(manifest);
    await this.tried(path, async () => {
      const file = await this.files.create(path);
      try {
        await file.write(text);
        await file.sync();
      } finally {
        await file.close();
      }
    });
    this.bytesWritten += text.length;
  }

  private async tried<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.target.goesOn();
      throw writeFailure(path, error);
    }
  }
}

/** SHA-256 in hexadecimal; of much, on a thread of its own beside the job. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= DIGEST_HERE_BYTES) return createHash('sha256').update(bytes).digest('hex');
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
}
