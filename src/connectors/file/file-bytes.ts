/**
 * An open file: synchronous reads at a place, and what the system says when one fails. Knows no
 * lines. Files that can be opened again at any place are open late and few at a time, so that their
 * number is not bounded by that of open files. Pipes are pipes.ts. @hot
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { ConnectorError } from '../../base/errors.js';

/** Open at the same time in one thread; opening one again takes some 10 µs for each window of it. */
const OPEN_FILES_MAX = 16;

/** Nothing can be read now, but may be later. */
export const NOTHING_NOW = -1;

/** Bytes in order, of a file or a pipe. */
export interface ByteSource {
  /** Any place can be read, and there is a size. Pipes and devices go forward only. */
  readonly seekable: boolean;
  /** A pipe: bytes come when they come. */
  readonly arrives: boolean;
  /** Reads up to `length` bytes at `place` to `buffer[at …]`; 0 at the end, or NOTHING_NOW. */
  read(buffer: Uint8Array, at: number, length: number, place: number): number;
  /** After NOTHING_NOW: resolves when there is something, or the end. */
  readable(): Promise<void>;
  /** Bytes of a seekable one when it was opened; null of another. */
  readonly openedBytes: number | null;
  /** Of `openedBytes`, those that all up to `place` was made of. */
  usedBytes(place: number): number;
  /** Bytes of a seekable one by now. */
  size(): number;
  /** Whether its path names another file by now. */
  replaced(): boolean;
  close(): void;
}

/** What the path names; undefined also where one may not look: opening it says why. */
export function visibleStats(path: string): Stats | undefined {
  try {
    return statSync(systemPath(path), { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The path that the system knows what a user calls `path` by. */
export function systemPath(path: string): string {
  return path === '-' ? '/dev/stdin' : path;
}

/** The same for a path that is written to. */
export function systemOutput(path: string): string {
  return path === '-' ? '/dev/stdout' : path;
}

/** Those that may be closed for others, the one that was read longest ago first. */
const openFiles = new Set<FileBytes>();

export class FileBytes implements ByteSource {
  readonly seekable: boolean;
  readonly arrives = false;
  readonly openedBytes: number | null;
  private readonly path: string;
  /** null: closed for others. */
  private file: number | null = null;
  private readonly identity: string;
  private readonly staysOpen: boolean;

  /** Throws ConnectorError DATA_FILE_MISSING. `staysOpen`: whatever its path names later. */
  constructor(path: string, staysOpen = false) {
    this.path = path;
    const file = openForReading(path);
    const stats = this.stat(file);
    this.seekable = stats.isFile();
    this.openedBytes = this.seekable ? stats.size : null;
    this.identity = identityOf(stats);
    this.staysOpen = staysOpen || !this.seekable;
    this.opened(file);
  }

  read(buffer: Uint8Array, at: number, length: number, place: number): number {
    try {
      return readSync(this.handle(), buffer, at, length, this.seekable ? place : null);
    } catch (error) {
      throw error instanceof ConnectorError ? error : readFailure(this.path, error);
    }
  }

  readable(): Promise<void> {
    return Promise.resolve();
  }

  usedBytes(place: number): number {
    return place;
  }

  size(): number {
    return this.stat(this.handle()).size;
  }

  replaced(): boolean {
    const stats = visibleStats(this.path);
    return stats !== undefined && identityOf(stats) !== this.identity;
  }

  close(): void {
    openFiles.delete(this);
    if (this.file !== null) closeSync(this.file);
    this.file = null;
  }

  private handle(): number {
    if (this.staysOpen && this.file !== null) return this.file;
    openFiles.delete(this);
    if (this.file === null) {
      const file = openForReading(this.path);
      if (identityOf(this.stat(file)) !== this.identity) {
        closeSync(file);
        throw new ConnectorError('FILE_READ', {
          message: `data file "${this.path}" was replaced while it was read`,
          hint: 'start the job again',
        });
      }
      this.opened(file);
    } else {
      openFiles.add(this);
    }
    return this.file as number;
  }

  private opened(file: number): void {
    this.file = file;
    if (this.staysOpen) return;
    openFiles.add(this);
    if (openFiles.size <= OPEN_FILES_MAX) return;
    for (const oldest of openFiles) {
      oldest.close();
      break;
    }
  }

  private stat(file: number): Stats {
    try {
      return fstatSync(file);
    } catch (error) {
      throw readFailure(this.path, error);
    }
  }
}

export function identityOf({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`;
}

/** Without waiting for whoever writes to a pipe of that name. */
export function openForReading(path: string): number {
  try {
    return openSync(systemPath(path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw openFailure(path, error);
  }
}

export function openFailure(path: string, error: unknown): ConnectorError {
  const { code } = error as NodeJS.ErrnoException;
  const missing = code === 'ENOENT';
  const hints: Readonly<Record<string, string>> = {
    ENOENT: 'check the path; relative paths start at the working directory',
    EMFILE: 'raise the number of files that the process may open: ulimit -n',
  };
  return new ConnectorError('DATA_FILE_MISSING', {
    message: missing
      ? `data file "${path}" does not exist`
      : `data file "${path}" cannot be opened: ${reasonOf(error)}`,
    hint: hints[code ?? ''] ?? 'check the permissions of the file',
    cause: error,
  });
}

export function readFailure(path: string, error: unknown): ConnectorError {
  return new ConnectorError('FILE_READ', {
    message: `data file "${path}" cannot be read: ${reasonOf(error)}`,
    hint: 'check that the path names a file, not a folder, and that its disk is healthy',
    cause: error,
  });
}

/** The system's own words, without the call and path that Node adds. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return /^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? error.message;
}
