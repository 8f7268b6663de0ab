/**
 * State that is in files of its own on its way between an operator and a checkpoint: which files an
 * operator's snapshot consists of, reading them back, and how long they stay. Owns their life from
 * the snapshot, which gives each a name for that purpose alone, to the moment when all who asked for
 * the state have it; a checkpoint that is restored from keeps its own. Their form is state-file.ts.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { EntryPieces } from '../paging/entry-pieces.js';
import { StateReader } from '../snapshot.js';
import type { EntryFile, StateWriter } from '../snapshot.js';
import { damaged, readFailure } from './checkpoint-failures.js';
import type { JobState, OperatorState } from './job-state.js';
import { fileBytes, HEADER_BYTES, headerOf } from './state-file.js';

const CHUNK_BYTES = 1024 * 1024;
const HEAD_BYTES = 8;

/** What an operator wrote, as parts of its state: the files in front, empty bytes left out. */
export function partsOf(operator: string, writer: StateWriter): OperatorState[] {
  const parts: OperatorState[] = writer.files.map((file) => ({
    operator,
    bytes: new Uint8Array(0),
    file,
  }));
  const bytes = writer.finish();
  if (bytes.length > 0) parts.push({ operator, bytes });
  return parts;
}

/** Gives an operator a part of its state, a file piece by piece. Throws StateError. */
export function restorePart(
  operator: { restore(reader: StateReader): void },
  { bytes, file }: Pick<OperatorState, 'bytes' | 'file'>,
  owns?: (keyGroup: number) => boolean,
  expectedBytes?: number,
): void {
  if (file === undefined) operator.restore(new StateReader(bytes, owns, expectedBytes));
  else for (const chunk of chunksOf(file)) operator.restore(new StateReader(chunk, owns));
}

/** All entries of a part together. */
export function bytesOf({ bytes, file }: Pick<OperatorState, 'bytes' | 'file'>): Uint8Array {
  if (file === undefined) return bytes;
  const whole = new Uint8Array(file.bytes);
  let at = 0;
  for (const chunk of chunksOf(file)) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Whole entries in order; each chunk is valid until the next one. */
function* chunksOf(file: EntryFile): Generator<Uint8Array, void, undefined> {
  let fd = -1;
  try {
    fd = openSync(file.path, 'r');
    requireHeader(fd, file);
    const pieces = new EntryPieces(fd, file.bytes, (what) => damaged(file.path, what));
    let room = new Uint8Array(Math.min(file.bytes, CHUNK_BYTES));
    let held = 0;
    for (let at = 0; at < file.bytes;) {
      if (held === room.length) {
        const grown = new Uint8Array(room.length * 2);
        grown.set(room);
        room = grown;
      }
      const length = Math.min(room.length - held, file.bytes - at);
      pieces.read(at, room.subarray(held, held + length));
      at += length;
      held += length;
      const whole = wholeEntries(room, held);
      if (whole > 0) yield room.subarray(0, whole);
      room.copyWithin(0, whole, held);
      held -= whole;
    }
    if (held > 0) throw damaged(file.path, 'ends in the middle of an entry');
  } catch (error) {
    throw readFailure(file.path, error);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

function requireHeader(fd: number, { path, bytes }: EntryFile): void {
  const header = new Uint8Array(HEADER_BYTES);
  readSync(fd, header, 0, HEADER_BYTES, 0);
  const isSame = Buffer.compare(header, headerOf(bytes)) === 0;
  if (isSame && fstatSync(fd).size === fileBytes(bytes)) return;
  throw damaged(path, 'is another file than the one that its manifest names');
}

/** Bytes of the entries that are there as a whole. */
function wholeEntries(bytes: Uint8Array, length: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = 0;
  while (at + HEAD_BYTES <= length) {
    const end = at + HEAD_BYTES + view.getUint32(at + 4, true);
    if (end > length) break;
    at = end;
  }
  return at;
}

/** How many still need the files of a state. */
const holders = new WeakMap<JobState, number>();

/** Files of a state stay until so many have released it; of none, as long as their folder. */
export function holdFiles(state: JobState, count: number): void {
  if (count > 0 && filesOf(state).length > 0) holders.set(state, count);
}

/** Removes the files of a state when nobody needs them any more: what a snapshot handed over. */
export function releaseFiles(state: JobState): void {
  const count = holders.get(state);
  if (count === undefined) return;
  holders.set(state, count - 1);
  if (count > 1) return;
  // One that stays goes with the folder that it is in, when the job is over.
  for (const { path } of filesOf(state)) rmSync(path, { force: true });
}

function filesOf(state: JobState): EntryFile[] {
  return state.flatMap(({ operators }) =>
    operators.flatMap(({ file }) => (file === undefined ? [] : [file])),
  );
}
