/**
 * One job for a checkpoint folder: a file that names the process which has it. Owns taking it,
 * telling a process that is no more from one that runs, and noticing that somebody took it away;
 * who is where is base/process-place.ts. There is no sign of life in it: what a lock guards is the
 * moment a checkpoint becomes the newest one, and then it is looked at again (`requireHeld`).
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { StateError } from '../../base/errors.js';
import { ownPlace, presenceOf } from '../../base/process-place.js';
import type { Presence, ProcessPlace } from '../../base/process-place.js';
import { systemCode } from '../../base/system-reason.js';
import { systemFiles } from './checkpoint-files.js';
import type { CheckpointFiles } from './checkpoint-files.js';
import { folderFailure, writeFailure } from './checkpoint-failures.js';

const LOCK = 'lock';
/** A lock has some 300 bytes; what is larger is none of velo's. */
const LOCK_BYTES_MAX = 4096;
/** Jobs that start together may take a dead one's lock from each other so often. */
const ATTEMPTS_MAX = 10;

const lockSchema = z.looseObject({
  pid: z.int().positive(),
  host: z.string(),
  machine: z.string(),
  boot: z.string(),
  pidNamespace: z.string(),
  began: z.string(),
  startedMs: z.number(),
  /** Tells two locks of one process apart. */
  token: z.string(),
});

type Lock = z.output<typeof lockSchema>;

export interface LockOptions {
  readonly place: ProcessPlace;
  readonly startedMs: number;
  readonly notice: (line: string) => void;
}

export class CheckpointLock {
  private readonly dir: string;
  private readonly files: CheckpointFiles;
  private readonly text: string;

  private constructor(dir: string, files: CheckpointFiles, text: string) {
    this.dir = dir;
    this.files = files;
    this.text = text;
  }

  /** Rejects with CHECKPOINT_LOCKED, or CHECKPOINT_WRITE where it cannot be written. */
  static async take(
    dir: string,
    files: CheckpointFiles,
    { place, startedMs, notice }: LockOptions,
  ): Promise<CheckpointLock> {
    const token = randomBytes(8).toString('hex');
    const lock: Lock = { ...place, startedMs, token };
    const own = new CheckpointLock(dir, files, `${JSON.stringify(lock)}\n`);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (await own.create(token)) return own;
      const text = await own.read();
      // It was given up this moment.
      if (text === null) continue;
      requireGone(parsedLock(text), dir, place);
      if (await own.putAside(text, token)) {
        notice(`checkpoint folder "${dir}" is taken over from ${holder(text)}, which is no more`);
      }
    }
    throw inUse(dir, 'by jobs that start together', 'start one of them');
  }

  /** Rejects with CHECKPOINT_LOCKED when another job has taken the folder meanwhile. */
  async requireHeld(): Promise<void> {
    const text = await this.read();
    if (text === this.text) return;
    const by = text === null ? 'its lock was removed' : `by ${holder(text)}`;
    throw inUse(this.dir, by, 'end one of the two jobs; this one takes no more checkpoints');
  }

  /** Leaves a lock alone that is another job's by now. */
  async release(): Promise<void> {
    const text = await this.read();
    if (text === this.text) await this.files.remove(join(this.dir, LOCK));
  }

  /** Whole from the first moment on, also for one who looks now and after a loss of power. */
  private async create(token: string): Promise<boolean> {
    const path = join(this.dir, LOCK);
    const staged = join(this.dir, `${LOCK}-${token}.partial`);
    try {
      await this.write(staged);
      try {
        await this.files.link(staged, path);
      } catch (error) {
        if (systemCode(error) === 'EEXIST') return false;
        // A file system without links.
        return await this.createInPlace(path);
      } finally {
        await this.files.remove(staged).catch(() => undefined);
      }
      await this.files.syncFolder(this.dir);
      return true;
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  private async createInPlace(path: string): Promise<boolean> {
    try {
      await this.write(path);
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  private async write(path: string): Promise<void> {
    const file = await this.files.create(path);
    try {
      await file.write(new TextEncoder().encode(this.text));
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /**
   * Takes away the lock that says `text`. Of two who do so at once the second has moved the first
   * one's new lock, which is given back.
   */
  private async putAside(text: string, token: string): Promise<boolean> {
    const aside = join(this.dir, `${LOCK}-${token}.stale`);
    try {
      await this.files.rename(join(this.dir, LOCK), aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw writeFailure(join(this.dir, LOCK), error);
    }
    const moved = await this.read(aside);
    if (moved !== text) {
      await this.files.link(aside, join(this.dir, LOCK)).catch(() => undefined);
    }
    await this.files.remove(aside).catch(() => undefined);
    return moved === text;
  }

  private async read(path = join(this.dir, LOCK)): Promise<string | null> {
    try {
      return await readLock(path, this.files);
    } catch (error) {
      throw folderFailure(this.dir, error);
    }
  }
}

export interface FolderHolder {
  readonly place: ProcessPlace;
  readonly presence: Presence;
}

/** Who has the folder, or had it when it died; null: nobody, or it cannot be told. */
export async function holderOf(
  dir: string,
  own: ProcessPlace = ownPlace(),
): Promise<FolderHolder | null> {
  const text = await readLock(join(dir, LOCK), systemFiles);
  const lock = text === null ? null : parsedLock(text);
  return lock === null ? null : { place: lock, presence: presenceOf(lock, own) };
}

async function readLock(path: string, files: CheckpointFiles): Promise<string | null> {
  try {
    const file = await files.open(path);
    try {
      const bytes = new Uint8Array(Math.min(file.size, LOCK_BYTES_MAX));
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        bytes.subarray(0, await file.read(bytes, 0)),
      );
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** null: no lock of velo's, or torn. */
function parsedLock(text: string): Lock | null {
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function holder(text: string): string {
  const lock = parsedLock(text);
  return lock === null ? 'somebody' : `process ${lock.pid} on "${lock.host}"`;
}

function requireGone(lock: Lock | null, dir: string, own: ProcessPlace): void {
  const remove = `remove "${join(dir, LOCK)}"`;
  if (lock === null) {
    throw inUse(dir, 'but its lock cannot be read', `if no job runs there, ${remove}`);
  }
  const by = `by process ${lock.pid} on "${lock.host}"`;
  const presence = presenceOf(lock, own);
  if (presence === 'elsewhere') {
    throw inUse(dir, by, `if no job runs there any more, ${remove}`);
  }
  if (presence === 'here') {
    throw inUse(dir, by, 'give each job a folder of its own: --checkpoint-dir');
  }
}

function inUse(dir: string, by: string, hint: string): StateError {
  return new StateError('CHECKPOINT_LOCKED', {
    message: `checkpoint folder "${dir}" is in use, ${by}`,
    hint,
  });
}
