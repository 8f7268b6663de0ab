/**
 * Checkpoints in a folder, as anybody may read them beside a running job: which there are, what
 * their manifests say, whether they are whole, and the state in them. Owns the names below the
 * folder; holds no lock and changes nothing (checkpoint-store.ts does).
 *
 *   DIR/lock                              checkpoint-lock.ts
 *   DIR/epoch-0000000042/manifest         checkpoint-manifest.ts
 *   DIR/epoch-0000000042/0001-….state     state-file.ts
 *   DIR/epoch-0000000043.partial/         under way, or left by a process that died
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { StateError } from '../../base/errors.js';
import { systemCode } from '../../base/system-reason.js';
import { systemFiles } from './checkpoint-files.js';
import type { CheckpointFiles, ReadFile } from './checkpoint-files.js';
import { damaged, folderFailure, readFailure, tooShort } from './checkpoint-failures.js';
import { readManifest } from './checkpoint-manifest.js';
import type {
  CheckpointManifest,
  OperatorManifest,
  StateFileEntry,
} from './checkpoint-manifest.js';
import { KEY_GROUPS } from '../key-groups.js';
import type { JobState, OperatorState } from './job-state.js';
import { readStateFile } from './state-file.js';

export const MANIFEST = 'manifest';
export const PARTIAL = '.partial';
const EPOCH_DIGITS = 10;
const EPOCH_FOLDER = /^epoch-(\d{10,16})$/;
/** Some 200,000 splits; a file that claims more is no manifest. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;
const HEAD_BYTES = 8;

export interface FoundCheckpoint {
  readonly epoch: number;
  readonly manifest: CheckpointManifest;
  readonly state: JobState;
  /** A line for each newer one that is damaged: which, and what is wrong with it. */
  readonly passedOver: readonly string[];
}

/** What is known of a checkpoint without its state files. */
export interface ListedCheckpoint {
  readonly epoch: number;
  readonly folder: string;
  /** null: it cannot be read; `problem` says why. */
  readonly manifest: CheckpointManifest | null;
  readonly problem: StateError | null;
}

export interface VerifiedCheckpoint {
  readonly epoch: number;
  readonly folder: string;
  /** Everything that is wrong; empty: it is whole. */
  readonly problems: readonly StateError[];
}

export function epochFolder(epoch: number): string {
  return `epoch-${String(epoch).padStart(EPOCH_DIGITS, '0')}`;
}

export class CheckpointReader {
  readonly dir: string;
  protected readonly files: CheckpointFiles;
  /** Those that `latest` passed over. */
  protected readonly damagedEpochs = new Set<number>();

  constructor(dir: string, files: CheckpointFiles = systemFiles) {
    this.dir = dir;
    this.files = files;
  }

  /** Epochs of the published checkpoints, newest first, whole or not. Rejects with StateError. */
  async epochs(): Promise<number[]> {
    let names: readonly string[];
    try {
      names = await this.files.list(this.dir);
    } catch (error) {
      throw folderFailure(this.dir, error);
    }
    return names
      .map((name) => Number(EPOCH_FOLDER.exec(name)?.[1] ?? Number.NaN))
      .filter((epoch) => Number.isSafeInteger(epoch))
      .sort((a, b) => b - a);
  }

  /** Newest first. */
  async list(): Promise<ListedCheckpoint[]> {
    const found: ListedCheckpoint[] = [];
    for (const epoch of await this.epochs()) {
      const folder = this.folderOf(epoch);
      try {
        found.push({ epoch, folder, manifest: await this.manifestOf(epoch), problem: null });
      } catch (error) {
        if (!(error instanceof StateError)) throw error;
        // One that was removed meanwhile is none.
        if (await this.exists(folder))
          found.push({ epoch, folder, manifest: null, problem: error });
      }
    }
    return found;
  }

  /** Rejects with CHECKPOINT_NOT_FOUND, or with what is wrong with the manifest. */
  async inspect(epoch: number): Promise<CheckpointManifest> {
    await this.require(epoch);
    return this.manifestOf(epoch);
  }

  /**
   * The state of one checkpoint, verified. Rejects with StateError: CHECKPOINT_NOT_FOUND,
   * CHECKPOINT_DAMAGED, CHECKPOINT_VERSION or CHECKPOINT_READ.
   */
  async read(
    epoch: number,
  ): Promise<{ readonly manifest: CheckpointManifest; readonly state: JobState }> {
    await this.require(epoch);
    const manifest = await this.manifestOf(epoch);
    const state: JobState[number][] = [];
    for (const { query, ended, splits, sink, operators: listed } of manifest.queries) {
      const operators: OperatorState[] = [];
      for (const operator of listed) operators.push(...(await this.partsOf(epoch, operator)));
      state.push({ query, ended, splits, operators, sink });
    }
    return { manifest, state };
  }

  /**
   * The newest checkpoint that is whole; null where there is none at all. Rejects with StateError
   * when there are some and none is whole, and when one cannot be read for a reason that says
   * nothing about it (permissions; a newer velo): going on from an older one would be wrong then.
   */
  async latest(): Promise<FoundCheckpoint | null> {
    const passedOver: string[] = [];
    for (const epoch of await this.epochs()) {
      try {
        return { epoch, ...(await this.read(epoch)), passedOver };
      } catch (error) {
        if (!isDamage(error)) throw error;
        this.damagedEpochs.add(epoch);
        passedOver.push(`checkpoint epoch ${epoch} is passed over: ${error.message}`);
      }
    }
    if (passedOver.length === 0) return null;
    throw new StateError('CHECKPOINT_DAMAGED', {
      message: `no checkpoint in "${this.dir}" is whole`,
      detail: passedOver.join('; '),
      hint: 'bring the folder back from a backup, or start anew: --restore none',
    });
  }

  /** Of the manifest: tells the checkpoint from another one of that epoch. Rejects as inspect(). */
  async sumOf(epoch: number): Promise<string> {
    await this.require(epoch);
    const bytes = await this.wholeFile(join(this.folderOf(epoch), MANIFEST), MANIFEST_BYTES_MAX);
    return createHash('sha256').update(bytes).digest('hex');
  }

  /** Everything that is wrong with one checkpoint, all its files looked at. */
  async verify(epoch: number): Promise<VerifiedCheckpoint> {
    await this.require(epoch);
    const folder = this.folderOf(epoch);
    const problems: StateError[] = [];
    const tried = async <T>(work: Promise<T>): Promise<T | null> => {
      try {
        return await work;
      } catch (error) {
        if (!(error instanceof StateError)) throw error;
        problems.push(error);
        return null;
      }
    };
    const manifest = await tried(this.manifestOf(epoch));
    for (const { operators } of manifest?.queries ?? []) {
      for (const { files } of operators) {
        for (const { name, bytes, crc32c } of files) {
          const path = join(folder, name);
          await tried(readStateFile(this.files, { path, bytes, crc32c, take: () => undefined }));
        }
      }
    }
    return { epoch, folder, problems };
  }

  folderOf(epoch: number): string {
    return join(this.dir, epochFolder(epoch));
  }

  private async require(epoch: number): Promise<void> {
    const epochs = await this.epochs();
    if (epochs.includes(epoch)) return;
    throw new StateError('CHECKPOINT_NOT_FOUND', {
      message:
        epochs.length === 0
          ? `checkpoint folder "${this.dir}" has no checkpoints`
          : `checkpoint folder "${this.dir}" has no epoch ${epoch}`,
      hint:
        epochs.length === 0
          ? 'a job takes them with --checkpoint-dir'
          : `it has ${epochs.slice(0, 10).join(', ')}`,
    });
  }

  private async exists(path: string): Promise<boolean> {
    try {
      await this.files.size(path);
      return true;
    } catch (error) {
      return systemCode(error) !== 'ENOENT';
    }
  }

  private async manifestOf(epoch: number): Promise<CheckpointManifest> {
    const path = join(this.folderOf(epoch), MANIFEST);
    return readManifest(await this.wholeFile(path, MANIFEST_BYTES_MAX), { path, epoch });
  }

  private async wholeFile(path: string, bytesMax: number): Promise<Uint8Array> {
    let file: ReadFile | null = null;
    try {
      file = await this.files.open(path);
      if (file.size > bytesMax) throw damaged(path, `has ${file.size} bytes, which is too many`);
      const bytes = new Uint8Array(file.size);
      return bytes.subarray(0, await file.read(bytes, 0));
    } catch (error) {
      throw readFailure(path, error);
    } finally {
      await file?.close().catch(() => undefined);
    }
  }

  /** The parts of an operator as they were given, each a memory of its own. */
  private async partsOf(epoch: number, operator: OperatorManifest): Promise<OperatorState[]> {
    const folder = this.folderOf(epoch);
    // Nothing is allocated for bytes that are not there.
    for (const { name, bytes } of operator.files) {
      const path = join(folder, name);
      const size = await this.files.size(path).catch((error: unknown) => {
        throw readFailure(path, error);
      });
      if (size < bytes) throw tooShort(path, size, bytes);
    }
    const runs = runsOf(operator);
    const parts = operator.parts.map((bytes, at) =>
      runs.has(at) ? NO_BYTES : roomFor(bytes, operator.id),
    );
    const fill = new PartFill(parts.filter((_, at) => !runs.has(at)));
    for (const { name, bytes, crc32c, run } of operator.files) {
      const path = join(folder, name);
      // A run stays where it is; it is whole now.
      const take = run === true ? () => undefined : (piece: Uint8Array) => fill.put(piece);
      await readStateFile(this.files, { path, bytes, crc32c, take });
    }
    const plain = operator.files.filter(({ run }) => run !== true);
    const entries = plain.reduce((sum, file) => sum + file.entries, 0);
    const found = parts.reduce((sum, part) => sum + entriesIn(part), 0);
    if (found !== entries) {
      const path = join(folder, MANIFEST);
      throw damaged(path, `names ${entries} entries of operator "${operator.id}", not ${found}`);
    }
    return parts.map((bytes, at) => {
      const run = runs.get(at);
      if (run === undefined) return { operator: operator.id, bytes };
      const { name, keyGroups, ...content } = run;
      const file = { ...content, path: join(folder, name), keyGroups: keyGroups ?? ALL_GROUPS };
      return { operator: operator.id, bytes, file };
    });
  }
}

const NO_BYTES = new Uint8Array(0);
const ALL_GROUPS = [0, KEY_GROUPS - 1] as const;

/** The parts, by number, that are one file each. */
function runsOf({ parts, files }: OperatorManifest): Map<number, StateFileEntry> {
  const runs = new Map<number, StateFileEntry>();
  let part = 0;
  let left = parts[0] ?? 0;
  for (const file of files) {
    for (let bytes = file.bytes; bytes > 0;) {
      // The manifest's sums of parts and of files are the same.
      while (left === 0 && part < parts.length) {
        part += 1;
        left = parts[part] ?? 0;
      }
      if (file.run === true) runs.set(part, file);
      const taken = Math.min(bytes, left);
      if (taken === 0) return runs;
      bytes -= taken;
      left -= taken;
    }
  }
  return runs;
}

export function isDamage(error: unknown): error is StateError {
  return error instanceof StateError && error.key === 'CHECKPOINT_DAMAGED';
}

/** Files of so many bytes are there, and memory may be short of them. */
function roomFor(bytes: number, operator: string): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw new StateError('MEMORY_EXHAUSTED', {
      message: `no memory for ${bytes} bytes of state of operator "${operator}"`,
      hint: 'restore it where there is more memory',
      cause: error,
    });
  }
}

/** Bytes in order into parts in order. */
class PartFill {
  private readonly parts: readonly Uint8Array[];
  private part = 0;
  private used = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.parts = parts;
  }

  put(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = this.parts[this.part];
      // The manifest's sums of parts and of files are the same.
      if (part === undefined) return;
      const length = Math.min(part.length - this.used, bytes.length - at);
      part.set(bytes.subarray(at, at + length), this.used);
      at += length;
      this.used += length;
      if (this.used === part.length) {
        this.part += 1;
        this.used = 0;
      }
    }
  }
}

/** Entries (state/snapshot.ts) of a part; NaN where they are not whole. */
function entriesIn(part: Uint8Array): number {
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  let entries = 0;
  let at = 0;
  while (at + HEAD_BYTES <= part.length) {
    at += HEAD_BYTES + view.getUint32(at + 4, true);
    entries += 1;
  }
  return at === part.length ? entries : Number.NaN;
}
