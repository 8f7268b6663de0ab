/**
 * Whether a JSON file holds lines or documents, told by its first one: an array, an object over
 * several lines, or objects behind one another in one line are documents. Anything else is lines, so
 * that a broken first line stays one. Owns that rule; cutting documents is document-lines.ts.
 */
import { decodeText } from '../../../columnar/text-bytes.js';
import { DocumentLines, LINE_MARK } from './document-lines.js';

/** So much of a file is looked at. */
export const LAYOUT_BYTES_MAX = 64 * 1024;

const LINE_FEED = 10;

/**
 * The answer for a file that starts with `bytes[0, length)`; null: more has to be seen. `isAll`: no
 * more can be.
 */
export function holdsDocuments(bytes: Uint8Array, length: number, isAll: boolean): boolean | null {
  const unsure = isAll || length >= LAYOUT_BYTES_MAX ? false : null;
  const start = skipSpace(bytes, bytes[0] === 0xef ? 3 : 0, length);
  if (start >= length) return unsure;
  if (bytes[start] === 91)
    return isArray(bytes, skipSpace(bytes, start + 1, length), length, unsure);
  if (bytes[start] !== 123) return false;
  const lines = new DocumentLines();
  lines.take(bytes, start, length);
  const end = lines.bytes.subarray(0, lines.length).indexOf(LINE_FEED);
  if (end < 0) return unsure === null ? null : breaksLikeOne(bytes, start, length);
  const first = lines.bytes.subarray(0, end);
  if (!isObject(decodeText(first, 0, end))) return false;
  if (first.includes(LINE_MARK)) return true;
  // All that the first document has become is as long as it was.
  let at = start + end;
  while (at < length && isBlank(bytes[at])) at += 1;
  return at < length ? bytes[at] === 123 : unsure;
}

/** An array of objects, or an empty one. */
function isArray(
  bytes: Uint8Array,
  inside: number,
  length: number,
  unsure: false | null,
): boolean | null {
  if (inside >= length) return unsure;
  return bytes[inside] === 123 || bytes[inside] === 93;
}

/** An object that is longer than what is looked at is one over many lines if its first says so. */
function breaksLikeOne(bytes: Uint8Array, start: number, length: number): boolean {
  let at = bytes.indexOf(LINE_FEED, start);
  if (at < 0 || at >= length) return false;
  do at -= 1;
  while (isBlank(bytes[at]));
  return bytes[at] === 123 || bytes[at] === 91 || bytes[at] === 44;
}

function isObject(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 9 || byte === 13;
}

function skipSpace(bytes: Uint8Array, from: number, length: number): number {
  let at = from;
  while (at < length && (isBlank(bytes[at]) || bytes[at] === LINE_FEED)) at += 1;
  return at;
}
