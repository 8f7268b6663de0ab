/**
 * One file of operator state on disk: whole entries, in pieces with a sum each, so that memory is
 * bounded while it is written and read. Owns the bytes of the form; which files there are and what
 * is in them says the manifest (checkpoint-manifest.ts).
 *
 *   file   := header piece*
 *   header := "velostat" form:u32 pieceBytes:u32 contentBytes:u64 crc32c:u32     of what is before
 *   piece  := length:u32 crc32c:u32 bytes                        all but the last of pieceBytes
 *
 * Numbers are little-endian. A file's own sum, which the manifest holds, covers the header and the
 * heads of the pieces, and through those everything.
 */
import { crc32c } from '../../base/crc32c.js';
import type { CheckpointFiles, ReadFile } from './checkpoint-files.js';
import { damaged, newerForm, readFailure, tooShort } from './checkpoint-failures.js';

const MAGIC = new TextEncoder().encode('velostat');
const FORM = 1;
/** Between two of them the job goes on. */
export const PIECE_BYTES = 1024 * 1024;
/** Of any file that is read, whoever wrote it. */
const PIECE_BYTES_MAX = 8 * 1024 * 1024;
export const HEADER_BYTES = 28;
const SUMMED_BYTES = HEADER_BYTES - 4;
export const HEAD_BYTES = 8;

/** Bytes that a file of so much content has on disk. */
export function fileBytes(contentBytes: number, pieceBytes = PIECE_BYTES): number {
  return HEADER_BYTES + contentBytes + Math.ceil(contentBytes / pieceBytes) * HEAD_BYTES;
}

/** Header and heads, whose sum is that of the file. */
class Heads {
  readonly bytes: Uint8Array;
  private used = 0;

  constructor(pieces: number) {
    this.bytes = new Uint8Array(HEADER_BYTES + pieces * HEAD_BYTES);
  }

  add(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.used);
    this.used += bytes.length;
  }

  sum(): number {
    return crc32c(this.bytes, 0, this.used);
  }
}

export interface StateFileWrite {
  readonly path: string;
  readonly content: Uint8Array;
  /** Throws when there is no more use in it; asked before each piece. */
  readonly goesOn: () => void;
}

/** Writes a new file to the disk for good. Resolves to its sum. Rejects with the system's errors. */
export async function writeStateFile(
  files: CheckpointFiles,
  { path, content, goesOn }: StateFileWrite,
): Promise<number> {
  const heads = new Heads(Math.ceil(content.length / PIECE_BYTES));
  const room = new Uint8Array(HEADER_BYTES + HEAD_BYTES + Math.min(content.length, PIECE_BYTES));
  room.set(headerOf(content.length));
  heads.add(room.subarray(0, HEADER_BYTES));
  const file = await files.create(path);
  try {
    let used = HEADER_BYTES;
    for (let at = 0; at < content.length; at += PIECE_BYTES) {
      goesOn();
      const stop = Math.min(content.length, at + PIECE_BYTES);
      const view = new DataView(room.buffer, used);
      view.setUint32(0, stop - at, true);
      view.setUint32(4, crc32c(content, at, stop), true);
      heads.add(room.subarray(used, used + HEAD_BYTES));
      room.set(content.subarray(at, stop), used + HEAD_BYTES);
      await file.write(room.subarray(0, used + HEAD_BYTES + stop - at));
      used = 0;
    }
    if (used > 0) await file.write(room.subarray(0, used));
    await file.sync();
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await file.close();
  return heads.sum();
}

/** Of a file of so much content, in pieces of PIECE_BYTES. */
export function headerOf(contentBytes: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(MAGIC);
  view.setUint32(8, FORM, true);
  view.setUint32(12, PIECE_BYTES, true);
  view.setBigUint64(16, BigInt(contentBytes), true);
  view.setUint32(SUMMED_BYTES, crc32c(header, 0, SUMMED_BYTES), true);
  return header;
}

export interface StateFileRead {
  readonly path: string;
  /** As the manifest says. */
  readonly bytes: number;
  readonly crc32c: number;
  /** Takes a piece, which is overwritten afterwards. */
  readonly take: (piece: Uint8Array) => void;
}

/** Reads a file piece by piece. Rejects with StateError, CHECKPOINT_DAMAGED if it is not whole. */
export async function readStateFile(
  files: CheckpointFiles,
  expected: StateFileRead,
): Promise<void> {
  const { path } = expected;
  let file: ReadFile;
  try {
    file = await files.open(path);
  } catch (error) {
    throw readFailure(path, error);
  }
  try {
    await readPieces(file, expected);
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    await file.close().catch(() => undefined);
  }
}

async function readPieces(file: ReadFile, expected: StateFileRead): Promise<void> {
  const { path, bytes, take } = expected;
  if (file.size < bytes) throw tooShort(path, file.size, bytes);
  const header = new Uint8Array(HEADER_BYTES);
  await filled(file, header, 0, path);
  const pieceBytes = pieceBytesOf(header, expected);
  const size = fileBytes(bytes, pieceBytes);
  if (file.size !== size) {
    const word = file.size < size ? 'shorter' : 'longer';
    throw damaged(path, `is ${word} than it was written: ${file.size} of ${size} bytes`);
  }
  const heads = new Heads(Math.ceil(bytes / pieceBytes));
  heads.add(header);
  const room = new Uint8Array(HEAD_BYTES + Math.min(bytes, pieceBytes));
  const view = new DataView(room.buffer);
  let place = HEADER_BYTES;
  for (let at = 0; at < bytes; at += pieceBytes) {
    const length = Math.min(bytes - at, pieceBytes);
    const framed = room.subarray(0, HEAD_BYTES + length);
    await filled(file, framed, place, path);
    const isWhole =
      view.getUint32(0, true) === length &&
      view.getUint32(4, true) === crc32c(framed, HEAD_BYTES, framed.length);
    if (!isWhole) throw damaged(path, `has another sum at byte ${place} than was written`);
    heads.add(framed.subarray(0, HEAD_BYTES));
    take(framed.subarray(HEAD_BYTES));
    place += framed.length;
  }
  if (heads.sum() !== expected.crc32c) {
    throw damaged(path, 'is another file than the one that its manifest names');
  }
}

async function filled(
  file: ReadFile,
  bytes: Uint8Array,
  place: number,
  path: string,
): Promise<void> {
  const got = await file.read(bytes, place);
  if (got < bytes.length) {
    throw damaged(path, `ends at byte ${place + got}, in the middle of a piece`);
  }
}

/** Checks the header before any of its numbers is believed. */
function pieceBytesOf(header: Uint8Array, { path, bytes }: StateFileRead): number {
  const view = new DataView(header.buffer);
  if (MAGIC.some((byte, at) => header[at] !== byte)) {
    throw damaged(path, 'does not start as a state file of velo');
  }
  if (view.getUint32(SUMMED_BYTES, true) !== crc32c(header, 0, SUMMED_BYTES)) {
    throw damaged(path, 'has a damaged header');
  }
  const form = view.getUint32(8, true);
  if (form > FORM) throw newerForm({ path, form, known: FORM });
  const pieceBytes = view.getUint32(12, true);
  if (form !== FORM || pieceBytes === 0 || pieceBytes > PIECE_BYTES_MAX) {
    throw damaged(path, 'has a header that no velo writes');
  }
  if (view.getBigUint64(16, true) !== BigInt(bytes)) {
    throw damaged(path, 'is another file than the one that its manifest names');
  }
  return pieceBytes;
}
