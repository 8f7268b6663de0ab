/**
 * Room for what is found by 32-bit numbers: bytes by offsets (texts of a dictionary, of a column),
 * entries by their numbers (groups, rows, values), equal rows by a count, snapshots by lengths. Owns
 * the limits and what happens there: a number that wrapped would silently name something else, so
 * growing beyond is an error. Tests inject small limits; docs/limits.md lists who lives here.
 */
import { DataError } from '../base/errors.js';

/** Bytes that one place may hold, at most 2^31 - 1: what an Int32Array can count. */
export const byteRoom = { bytesMax: 2 ** 31 - 1 };

/**
 * Entries that one place may number. Tables of them have twice as many places or more, a power of
 * two, and their masks must stay positive 32-bit integers.
 */
export const entryRoom = { entriesMax: 2 ** 30 };

/** Equal rows, or partners of a row, that an Int32Array can count. */
export const countRoom = { countMax: 2 ** 31 - 1 };

/** Bytes of one snapshot: its entries have 32-bit lengths. */
export const snapshotRoom = { bytesMax: 2 ** 32 - 1 };

const ENTRIES_HINT = 'keep fewer: use a window, filter before, or more partitions: --partitions 8';

/** Asked where a place grows, not for each entry: whether it may hold so many. */
export function roomForEntries(count: number, what: string): void {
  const { entriesMax } = entryRoom;
  if (count <= entriesMax) return;
  throw new DataError('STATE_TOO_LARGE', {
    message: `${what} are more than ${entriesMax.toLocaleString('en-US')} in one place`,
    hint: ENTRIES_HINT,
  });
}

/** The count itself, where an Int32Array can hold it. */
export function roomForCount(count: number, what: string): number {
  const { countMax } = countRoom;
  if (count <= countMax) return count;
  throw new DataError('STATE_TOO_LARGE', {
    message: `${what} are more than ${countMax.toLocaleString('en-US')}`,
    hint: ENTRIES_HINT,
  });
}

/** So many bytes of a snapshot, or twice as many as there were. */
export function snapshotBytes(before: number, needed: number): number {
  const { bytesMax } = snapshotRoom;
  if (needed <= bytesMax) return Math.min(bytesMax, Math.max(before * 2, needed));
  throw new DataError('STATE_TOO_LARGE', {
    message: `the state of one operator takes more than ${bytesMax.toLocaleString('en-US')} bytes in one snapshot`,
    hint: ENTRIES_HINT,
  });
}

/** `bytes` with room for `needed` of them, the first `used` kept; grows by doubling. */
export function withRoom(
  bytes: Uint8Array,
  place: { readonly used: number; readonly needed: number; readonly what: string },
): Uint8Array {
  const { used, needed, what } = place;
  if (needed <= bytes.length) return bytes;
  const { bytesMax } = byteRoom;
  if (needed > bytesMax) {
    throw new DataError('STATE_TOO_LARGE', {
      message: `${what} take more than ${bytesMax.toLocaleString('en-US')} bytes in one place`,
      hint: 'shorten them (a hash, SUBSTRING), use a window, or more partitions: --partitions 8',
    });
  }
  const grown = new Uint8Array(Math.min(bytesMax, Math.max(bytes.length * 2, needed, 1024)));
  grown.set(bytes.subarray(0, used));
  return grown;
}
