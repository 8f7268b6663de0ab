/**
 * A file that rows are added to ('sink.append'): they lie in a staged file until they are to be
 * seen, as those that replace a file do, and are then put behind what is there. Owns that there are
 * whole lines only: what an earlier run left torn is mended first, said, and a header is written
 * once; what compressed files hold is read to its end before another member follows on it.
 */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ConnectorError } from '../../base/errors.js';
import { openContent } from './compressed/content.js';
import { NOTHING_NOW } from './file-bytes.js';
import { removeStaged } from './staging.js';
import type { StagedFile } from './staging.js';

const LINE_FEED = 10;
const QUOTE = '"';
const COPY_BYTES = 1024 * 1024;
/** How far back the start of an unfinished line is looked for. */
const TAIL_BYTES = 1024 * 1024;

export interface AppendForm {
  /** As the user wrote it. */
  readonly name: string;
  readonly path: string;
  readonly format: string;
  /** What a new file begins with. */
  readonly header: Uint8Array;
  readonly delimiter: string;
  readonly isPacked: boolean;
}

/** Whether there are rows to go behind. Throws ConnectorError where none can. */
export async function hasRowsBefore(form: AppendForm): Promise<boolean> {
  const stats = await stat(form.path).catch(() => null);
  if (stats === null || stats.size === 0) return false;
  const start = form.isPacked ? await startOfPacked(form) : await startOfFile(form);
  const { header } = form;
  if (Buffer.compare(start, header) === 0) return true;
  const [found, wanted] = [start, header].map((bytes) => Buffer.from(bytes).toString().trimEnd());
  throw new ConnectorError('SINK_WRITE', {
    message: `file "${form.name}" cannot be appended to: its first line is "${found}", not "${wanted}"`,
    hint: 'write the same columns in the same order, or to another file',
  });
}

async function startOfFile({ path, header }: AppendForm): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(header.length);
    const { bytesRead } = await file.read(bytes, 0, header.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Reads all of it: a member behind a damaged one could never be read. */
async function startOfPacked({ path, header }: AppendForm): Promise<Uint8Array> {
  const source = openContent(path);
  const start = Buffer.alloc(header.length);
  const piece = new Uint8Array(COPY_BYTES);
  let place = 0;
  try {
    for (;;) {
      const count = source.read(piece, 0, COPY_BYTES, place);
      if (count === 0) return start.subarray(0, Math.min(place, start.length));
      if (count === NOTHING_NOW) await source.readable();
      else {
        if (place < start.length)
          start.set(piece.subarray(0, Math.min(count, start.length - place)), place);
        place += count;
      }
    }
  } finally {
    source.close();
  }
}

/**
 * Puts what is staged, from `from` on, behind the rows that are there, all of it or nothing; resolves
 * to the target, open for more.
 */
export async function appendStaged(
  staged: StagedFile,
  form: AppendForm,
  { from, notice }: { readonly from: number; readonly notice: (line: string) => void },
): Promise<FileHandle> {
  const file = await open(form.path, 'a+');
  let end = -1;
  try {
    if (!form.isPacked) await mendLastLine(file, form, notice);
    end = (await file.stat()).size;
    await copyBehind(staged, file, from);
    await file.datasync();
  } catch (error) {
    if (end >= 0) await file.truncate(end);
    await file.close();
    throw error;
  }
  await staged.file.close();
  removeStaged(staged.path);
  return file;
}

async function copyBehind(staged: StagedFile, file: FileHandle, from: number): Promise<void> {
  const source = await open(staged.path, 'r');
  try {
    const buffer = Buffer.alloc(COPY_BYTES);
    for (let at = from; ;) {
      const { bytesRead } = await source.read(buffer, 0, COPY_BYTES, at);
      if (bytesRead === 0) return;
      for (let put = 0; put < bytesRead;) {
        put += (await file.write(buffer, put, bytesRead - put)).bytesWritten;
      }
      at += bytesRead;
    }
  } finally {
    await source.close();
  }
}

/** A last line without an end is cut off where it is torn, and else gets its line feed. */
async function mendLastLine(
  file: FileHandle,
  form: AppendForm,
  notice: (line: string) => void,
): Promise<void> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  await file.read(tail, 0, tail.length, size - tail.length);
  if (tail.length === 0 || tail.at(-1) === LINE_FEED) return;
  const start = tail.lastIndexOf(LINE_FEED) + 1;
  const torn = tail.length - start;
  const isKnown = start > 0 || tail.length === size;
  if (!isKnown || !isTorn(tail, start, form)) {
    await file.write('\n');
    return;
  }
  await file.truncate(size - torn);
  notice(
    `file "${form.name}" ended in a torn line of ${torn} ${torn === 1 ? 'byte' : 'bytes'}, which was cut off`,
  );
}

function isTorn(
  tail: Buffer,
  start: number,
  { name, format, header, delimiter }: AppendForm,
): boolean {
  const line = tail.toString('utf8', start);
  if (format !== 'csv') return line.startsWith('{') && !isJson(line);
  if ((tail.toString('latin1').split(QUOTE).length - 1) % 2 !== 0) {
    throw new ConnectorError('SINK_WRITE', {
      message: `file "${name}" cannot be appended to: its last record ends in the middle of a quoted field`,
      hint: 'mend or remove that record',
    });
  }
  const fields = (text: string): number => text.split(delimiter).length;
  return line !== '' && header.length > 0 && fields(line) < fields(Buffer.from(header).toString());
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
