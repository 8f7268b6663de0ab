/**
 * The headers of one record as a map. Owns their text; that their lengths fit was checked when the
 * record was walked (record-set.ts). Used only by queries that read headers, so it allocates.
 */
import type { SqlMap, SqlValue } from '../../../columnar/types.js';
import { headerText, headersOf } from '../blocks/message-block.js';
import { RecordCursor } from './record-cursor.js';

const cursor = new RecordCursor();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/**
 * `count` headers from `at`. A header without a value is NULL; of a repeated one the last value
 * counts, at the place of the first.
 */
export function readHeaders(bytes: Uint8Array, at: number, count: number): SqlMap {
  const values = new Map<string, SqlValue>();
  cursor.at = at;
  for (let header = 0; header < count; header += 1) {
    const name = readBytes(bytes);
    const value = readBytes(bytes);
    values.set(textDecoder.decode(name ?? NO_BYTES), value === null ? null : headerText(value));
  }
  return headersOf(values);
}

function readBytes(bytes: Uint8Array): Uint8Array | null {
  const length = cursor.int(bytes, bytes.length);
  if (length < 0) return null;
  const from = cursor.at;
  cursor.at += length;
  return bytes.subarray(from, cursor.at);
}
