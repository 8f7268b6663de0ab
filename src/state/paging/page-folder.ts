/**
 * The place of runs (page-run.ts) on disk: scratch of one job, worth nothing without a checkpoint
 * that has links to it. Owns names and what is said when the disk takes no more. Where checkpoints
 * are taken the files have names, in a folder that is the job's own and is emptied before the job
 * starts. Elsewhere a file loses its name as soon as it is open: when the process is gone, however
 * it ended, so are its files.
 */
import { closeSync, existsSync, linkSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { StateError } from '../../base/errors.js';
import { systemCode, systemReason } from '../../base/system-reason.js';

/** What an operator may hold in memory, and where the rest goes; plain data. */
export interface StateMemory {
  /** Of the operators of one query on one partition that can do with less, each; above 0. */
  readonly shareBytes: number;
  readonly dir: string;
  /** Files have names, which checkpoints link to. */
  readonly isNamed: boolean;
}

/** An open file; `path` is null where it has no name. */
export interface PageFile {
  readonly fd: number;
  readonly path: string | null;
}

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC:
    'free space on its disk, or choose another folder: state.memory_dir; the last checkpoint is as it was',
  EDQUOT: 'free space within the quota of its user, or choose another folder: state.memory_dir',
  EMFILE: 'raise the number of files that the process may open: ulimit -n',
  ENOENT: 'the folder was removed under the job: leave it to the job while it runs',
};
const HINT =
  'check the permissions of the folder, choose another one (state.memory_dir), or allow more memory: state.memory';

/** Of the names of runs; what is handed over has another. */
export const RUN_ENDING = '.run';
const TAKEN_ENDING = '.taken';

let files = 0;

export class PageFolder {
  readonly isNamed: boolean;
  private readonly dir: string;

  constructor({ dir, isNamed }: Pick<StateMemory, 'dir' | 'isNamed'>) {
    this.dir = dir;
    this.isNamed = isNamed;
  }

  /** A new file for the owner alone. Throws StateError. */
  create(): PageFile {
    const path = this.newPath(RUN_ENDING);
    return this.tried('written', () => {
      makeFolders(this.dir);
      const fd = openSync(path, 'wx+', 0o600);
      if (this.isNamed) return { fd, path };
      unlinkSync(path);
      return { fd, path: null };
    });
  }

  /** Another name for a file, for whoever takes it from here. Throws StateError. */
  link(path: string): string {
    const name = this.newPath(TAKEN_ENDING);
    this.tried('written', () => linkSync(path, name));
    return name;
  }

  remove({ fd, path }: PageFile): void {
    closeSync(fd);
    if (path !== null) this.tried('written', () => unlinkSync(path));
  }

  /** `work` with the words for what fails in it. */
  tried<T>(done: 'written' | 'read', work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof StateError) throw error;
      throw new StateError('STATE_PAGES', {
        message: `state in "${this.dir}" cannot be ${done}: ${systemReason(error)}`,
        hint: HINTS[systemCode(error) ?? ''] ?? HINT,
        cause: error,
      });
    }
  }

  private newPath(ending: string): string {
    files += 1;
    return join(this.dir, `${process.pid}-${threadId}-${files}${ending}`);
  }
}

/** One by one, as state/checkpoint/checkpoint-files does: Node's own recursion may never end. */
function makeFolders(dir: string): void {
  if (existsSync(dir)) return;
  const parent = dirname(dir);
  if (parent !== dir) makeFolders(parent);
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    // Another thread of the job was first.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}
