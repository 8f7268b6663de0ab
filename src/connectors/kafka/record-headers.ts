/**
 * The headers of one record as a map. Owns their text; that their lengths fit was checked when the
 * record was walked (record-set.ts). Used only by queries that read headers, so it allocates.
 */
import type { SqlMap, SqlValue } from '../../columnar/types.js';
import { headersOf } from './message-block.js';
import { RecordCursor } from './record-cursor.js';

const cursor = new RecordCursor();
const textDecoder = new TextDecoder();

/**
 * `count` headers from `at`. A header without a value has the empty text, as librdkafka's binding
 * has it; of a repeated one the last value counts, at the place of the first.
 */
export function readHeaders(bytes: Uint8Array, at: number, count: number): SqlMap {
  const values = new Map<string, SqlValue>();
  cursor.at = at;
  for (let header = 0; header < count; header += 1) {
    const name = readText(bytes);
    values.set(name, readText(bytes));
  }
  return headersOf(values);
}

function readText(bytes: Uint8Array): string {
  const length = cursor.int(bytes, bytes.length);
  const from = cursor.at;
  if (length > 0) cursor.at += length;
  return textDecoder.decode(bytes.subarray(from, cursor.at));
}
