/**
 * The few calls to a file system that checkpoints are made of, as an interface, so that tests make
 * each of them fail, or the machine lose its power behind it; and the system's own. Owns no names
 * and no errors: what a failed call means is its caller's business.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCode } from '../../base/system-reason.js';

export interface WrittenFile {
  /** All of `bytes`, behind what was written before. */
  write(bytes: Uint8Array): Promise<void>;
  /** What was written is there after a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadFile {
  /** Bytes that the file had when it was opened. */
  readonly size: number;
  /** Fills `bytes` from `place` on; how many there were, fewer only at the end of the file. */
  read(bytes: Uint8Array, place: number): Promise<number>;
  close(): Promise<void>;
}

/** Calls reject with the system's own errors, which have a `code`. */
export interface CheckpointFiles {
  /** A folder for the owner alone and those above it, unless they are there; for good. */
  makeFolders(path: string): Promise<void>;
  /** A new folder for the owner alone. */
  makeFolder(path: string): Promise<void>;
  /** Names of what is in a folder. */
  list(path: string): Promise<readonly string[]>;
  /** A new file for the owner alone; rejects with EEXIST. */
  create(path: string): Promise<WrittenFile>;
  open(path: string): Promise<ReadFile>;
  size(path: string): Promise<number>;
  /** A second name for a file; rejects with EEXIST. */
  link(path: string, name: string): Promise<void>;
  /** What a file holds is there after a loss of power. */
  sync(path: string): Promise<void>;
  rename(path: string, name: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** A folder and all that is in it; nothing where there is none. */
  removeFolder(path: string): Promise<void>;
  /** The names in a folder are there after a loss of power. */
  syncFolder(path: string): Promise<void>;
}

export const systemFiles: CheckpointFiles = {
  makeFolders: (path) => makeFolders(resolve(path)),
  makeFolder: (path) => mkdir(path, { mode: 0o700 }),
  list: (path) => readdir(path),
  async create(path) {
    // 'wx' follows no link that somebody has laid there.
    return new SystemWrittenFile(await open(path, 'wx', 0o600));
  },
  async open(path) {
    // Not waiting for whoever writes to a pipe of that name.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      return new SystemReadFile(file, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  },
  size: async (path) => (await stat(path)).size,
  link,
  sync: syncFolder,
  rename,
  remove: unlink,
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
  syncFolder,
};

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

class SystemWrittenFile implements WrittenFile {
  private readonly file: FileHandle;

  constructor(file: FileHandle) {
    this.file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let put = 0; put < bytes.length;) {
      put += (await this.file.write(bytes, put, bytes.length - put)).bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.file.sync();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

class SystemReadFile implements ReadFile {
  readonly size: number;
  private readonly file: FileHandle;

  constructor(file: FileHandle, size: number) {
    this.file = file;
    this.size = size;
  }

  async read(bytes: Uint8Array, place: number): Promise<number> {
    let got = 0;
    while (got < bytes.length) {
      const left = bytes.length - got;
      const { bytesRead } = await this.file.read(bytes, got, left, place + got);
      if (bytesRead === 0) break;
      got += bytesRead;
    }
    return got;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

/**
 * One by one: where the system refuses a name in a folder that is there (/proc), Node's own
 * recursion never ends.
 */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || (await isFolder(dirname(path)))) throw error;
    await makeFolders(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
  await syncFolder(dirname(path));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
