/**
 * Cuts an operator's entries (state/snapshot.ts) into the contents of files. Where a cut falls
 * follows from the entries beside it and from nothing in front of them (content-defined chunks, as
 * in LBFS, SOSP 2001), so that what was added or taken away changes the file it lies in and leaves
 * the others as they were: those need not be written again. Owns the cuts; files are state-file.ts.
 */
import { assert } from '../../base/assert.js';
import { GLOBAL_ENTRY } from '../snapshot.js';

/** No file ends before it has so much, but the last one of an operator. */
const CUT_BYTES_MIN = 2 * 1024 * 1024;
/** Bytes behind that until a cut is to be expected. */
const CUT_BYTES_MEAN = 2 * 1024 * 1024;
/** A file ends here wherever it is; one entry alone may be larger. */
const CUT_BYTES_MAX = 8 * 1024 * 1024;
/** Of an entry, what its cut is decided by: its key, as far as possible, and not its values. */
const DECIDING_BYTES = 32;
const HEAD_BYTES = 8;
/** Looked at in one go: one to three milliseconds. */
const WALK_BYTES = 1024 * 1024;

export interface EntryCut {
  /** Whole entries: a view of the operator's bytes where they lie together. */
  readonly content: Uint8Array;
  readonly entries: number;
  /** Lowest and highest key group; null: only entries of the operator as a whole. */
  readonly keyGroups: readonly [number, number] | null;
}

/**
 * The cuts of `parts`, one behind the other, in order; each is made when it is asked for. null:
 * there is more, and whoever asks may let others work first.
 */
export function* entryCuts(
  parts: readonly Uint8Array[],
): Generator<EntryCut | null, void, undefined> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  let range = new KeyGroupRange();
  const take = (piece: Uint8Array): void => {
    if (piece.length > 0) pieces.push(piece);
    bytes += piece.length;
  };
  const taken = (): EntryCut => {
    const cut = { content: joined(pieces, bytes), entries: range.entries, keyGroups: range.ends() };
    pieces = [];
    bytes = 0;
    range = new KeyGroupRange();
    return cut;
  };
  for (const part of parts) {
    const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
    let start = 0;
    for (let at = 0; at < part.length;) {
      const walked = walk({ part, view, from: at, before: bytes + at - start, range });
      at = walked.at;
      if (walked.isCut) {
        take(part.subarray(start, at));
        start = at;
        yield taken();
      } else if (at < part.length) yield null;
    }
    take(part.subarray(start));
  }
  if (bytes > 0) yield taken();
}

interface Walk {
  readonly part: Uint8Array;
  /** Of the part. */
  readonly view: DataView;
  readonly from: number;
  /** Bytes of the file in front of `from`. */
  readonly before: number;
  readonly range: KeyGroupRange;
}

/** Over entries to a cut, to the end of the part, or until others should work. */
function walk({ part, view, from, before, range }: Walk): { at: number; isCut: boolean } {
  const end = part.length;
  let at = from;
  while (at < end && at - from < WALK_BYTES) {
    assert(at + HEAD_BYTES <= end, 'a snapshot is whole entries');
    const size = HEAD_BYTES + view.getUint32(at + 4, true);
    assert(at + size <= end, 'a snapshot is whole entries');
    const bytes = before + at - from;
    // A huge entry stands alone, so that what is small does not go with it.
    if (bytes > 0 && bytes + size > CUT_BYTES_MAX) return { at, isCut: true };
    range.add(view.getUint32(at, true));
    const isCut = bytes + size >= CUT_BYTES_MIN && endsFile(view, at, size);
    at += size;
    if (isCut) return { at, isCut };
  }
  return { at, isCut: false };
}

/** One of so many that files have their mean, whatever the size of entries. */
function endsFile(view: DataView, at: number, size: number): boolean {
  let mixed = 0;
  const stop = at + Math.min(size, HEAD_BYTES + DECIDING_BYTES);
  let place = at;
  for (; place + 4 <= stop; place += 4) {
    mixed = Math.imul(mixed ^ view.getUint32(place, true), 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  for (; place < stop; place += 1) {
    mixed = Math.imul(mixed ^ view.getUint8(place), 0x01000193);
  }
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0x297a2d39);
  return (mixed ^ (mixed >>> 16)) >>> 0 < (size / CUT_BYTES_MEAN) * 2 ** 32;
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

class KeyGroupRange {
  entries = 0;
  private first = GLOBAL_ENTRY;
  private last = -1;

  add(keyGroup: number): void {
    this.entries += 1;
    if (keyGroup === GLOBAL_ENTRY) return;
    if (keyGroup < this.first) this.first = keyGroup;
    if (keyGroup > this.last) this.last = keyGroup;
  }

  ends(): readonly [number, number] | null {
    return this.last < 0 ? null : [this.first, this.last];
  }
}
