/**
 * Lines added to the end of a file, each written before write() returns: dead letters. Owns that
 * there are whole lines only: what an earlier run left torn is mended first, and a line that a full
 * disk takes half of is taken back.
 */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { systemOutput, visibleStats } from './file-bytes.js';
import { writeFailure } from './write-failure.js';

const LINE_FEED = 10;
/** How far back the start of an unfinished line is looked for. */
const TAIL_BYTES = 64 * 1024;
/** How a line of ours begins. */
const LETTER_START = '{"code":';

export class AppendingFile {
  private readonly path: string;
  private readonly file: number;
  private readonly isFile: boolean;

  constructor(path: string) {
    this.path = path;
    try {
      this.file = openForAppending(systemOutput(path));
      this.isFile = fstatSync(this.file).isFile();
      if (this.isFile) this.mendLastLine();
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  /** Appends the line, with a line feed if it has none. */
  write(line: Uint8Array): void {
    const ended = line.length > 0 && line[line.length - 1] === LINE_FEED;
    const bytes = ended ? line : new Uint8Array(line.length + 1);
    if (!ended) {
      bytes.set(line);
      bytes[line.length] = LINE_FEED;
    }
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.file, bytes, at);
    } catch (error) {
      if (this.isFile && at > 0) ftruncateSync(this.file, fstatSync(this.file).size - at);
      throw writeFailure(this.path, error);
    }
  }

  close(): Promise<void> {
    try {
      if (this.isFile) fdatasyncSync(this.file);
      closeSync(this.file);
    } catch (error) {
      return Promise.reject(writeFailure(this.path, error));
    }
    return Promise.resolve();
  }

  /** Half a dead letter is cut off; any other text without a line feed gets one. */
  private mendLastLine(): void {
    const { size } = fstatSync(this.file);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(this.file, tail, 0, tail.length, size - tail.length);
    const start = tail.lastIndexOf(LINE_FEED) + 1;
    const torn = tail.subarray(start).toString('utf8');
    if (torn === '') return;
    const whole = start > 0 || tail.length === size;
    const half = whole && (torn.startsWith(LETTER_START) || LETTER_START.startsWith(torn));
    if (half && !isJson(torn)) ftruncateSync(this.file, size - (tail.length - start));
    else writeSync(this.file, '\n');
  }
}

/** A device has no end to read back. */
function openForAppending(path: string): number {
  const isFile = visibleStats(path)?.isFile() ?? true;
  return isFile ? openSync(path, 'a+') : openSync(path, 'a');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
