/**
 * An open file: synchronous reads at a place, and what the system says when one fails. Knows no
 * lines. @hot
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ConnectorError } from '../base/errors.js';

export class FileBytes {
  /** A regular file: any place can be read, and it has a size. Pipes and devices go forward only. */
  readonly seekable: boolean;
  private readonly path: string;
  private readonly file: number;

  /** Throws ConnectorError DATA_FILE_MISSING. */
  constructor(path: string) {
    this.path = path;
    try {
      this.file = openSync(path, 'r');
    } catch (error) {
      throw openFailure(path, error);
    }
    this.seekable = this.stat().isFile();
  }

  /** Reads up to `length` bytes at `place` of the file to `buffer[at …]`; 0 at its end. */
  read(buffer: Uint8Array, at: number, length: number, place: number): number {
    try {
      return readSync(this.file, buffer, at, length, this.seekable ? place : null);
    } catch (error) {
      throw readFailure(this.path, error);
    }
  }

  /** Bytes of a seekable file. */
  size(): number {
    return this.stat().size;
  }

  close(): void {
    closeSync(this.file);
  }

  private stat(): { readonly size: number; isFile(): boolean } {
    try {
      return fstatSync(this.file);
    } catch (error) {
      throw readFailure(this.path, error);
    }
  }
}

function openFailure(path: string, error: unknown): ConnectorError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new ConnectorError('DATA_FILE_MISSING', {
    message: missing
      ? `data file "${path}" does not exist`
      : `data file "${path}" cannot be opened: ${reasonOf(error)}`,
    hint: missing
      ? 'check the path; relative paths start at the working directory'
      : 'check the permissions of the file',
    cause: error,
  });
}

function readFailure(path: string, error: unknown): ConnectorError {
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
