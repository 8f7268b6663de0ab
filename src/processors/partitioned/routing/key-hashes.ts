/**
 * Hashes of keys, column by column: what GroupedState computes from a key's cells, computed from
 * the columns. Owns one loop per column kind and the way from a hash to a partition; the hash
 * functions are columnar/hash.ts. @hot
 *
 * The running hash of a key starts at 0 and takes in its columns in order; the caller finalises it.
 */
import type { Batch } from '../../../columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { Column, I128Column, ListColumn, Utf8Column } from '../../../columnar/column.js';
import {
  combineHash,
  finaliseHash,
  hashBytes,
  hashWords,
  NULL_HASH,
} from '../../../columnar/hash.js';
import { isExact } from '../../../columnar/types.js';
import type { SqlType } from '../../../columnar/types.js';
import { KEY_GROUPS, keyGroupOf } from '../../../state/key-groups.js';
import { encodeValueText } from '../../../state/values/nested-text.js';

const KEY_GROUP_BITS = 31 - Math.clz32(KEY_GROUPS);

const encoder = new TextEncoder();

/** Contiguous ranges of the key groups: floor(keyGroup × partitions / KEY_GROUPS). */
export function partitionOfKeyGroup(keyGroup: number, partitions: number): number {
  return Math.imul(keyGroup, partitions) >>> KEY_GROUP_BITS;
}

/** Partition of the running hash of all columns of a key, of equal ranges. */
export function partitionOfRange(running: number, partitions: number): number {
  return partitionOfKeyGroup(keyGroupOf(finaliseHash(running)), partitions);
}

/** As partitionOfRange, of key groups that were moved; `owners` by key group. */
export function partitionOfKey(running: number, owners: Uint16Array): number {
  return owners[keyGroupOf(finaliseHash(running))]!;
}

export class KeyHashes {
  private readonly keys: readonly number[];
  private readonly types: readonly SqlType[];
  /** Value hashes of one column, by position. */
  private values: Int32Array = new Int32Array(BATCH_ROWS_MAX);

  constructor(keys: readonly number[], types: readonly SqlType[]) {
    this.keys = keys;
    this.types = types;
  }

  /** Writes the hash of each row's key, not yet finalised, by position. */
  hash(batch: Batch, rows: Int32Array, count: number, hashes: Int32Array): void {
    if (this.keys.length === 0) hashes.fill(0, 0, count);
    for (let at = 0; at < this.keys.length; at += 1) {
      const key = this.keys[at]!;
      // The hash of the first column is the running hash: combineHash(0, hash) is hash.
      if (at > 0 && this.values.length < count) this.values = new Int32Array(count);
      const values = at === 0 ? hashes : this.values;
      hashColumn(batch.columns[key]!, this.types[key]!, rows, count, values);
      if (at > 0) combine(hashes, values, count);
    }
  }
}

function hashColumn(
  column: Column,
  type: SqlType,
  rows: Int32Array,
  count: number,
  hashes: Int32Array,
): void {
  switch (column.kind) {
    case 'f64':
      if (type.kind === 'null') hashes.fill(NULL_HASH, 0, count);
      else if (isExact(type)) hashIntegers(column.values, rows, count, hashes);
      else hashDoubles(wordsOf(column.values), rows, count, hashes);
      break;
    case 'i64':
      hashI64(wordsOf(column.values), rows, count, hashes);
      break;
    case 'i128':
      hashI128(column, rows, count, hashes);
      break;
    case 'bool':
      hashBooleans(column.values, rows, count, hashes);
      break;
    case 'utf8':
      hashTexts(column, rows, count, hashes);
      break;
    case 'dict':
      hashCodes(column.codes, column.dictionary.hashes, rows, count, hashes);
      break;
    case 'list':
      hashLists(column, type, rows, count, hashes);
      break;
  }
  if (column.nulls !== null) hashNulls(column.nulls, rows, count, hashes);
}

function wordsOf(values: Float64Array | BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

function combine(running: Int32Array, hashes: Int32Array, count: number): void {
  for (let k = 0; k < count; k += 1) running[k] = combineHash(running[k]!, hashes[k]!);
}

function hashNulls(nulls: Uint8Array, rows: Int32Array, count: number, hashes: Int32Array): void {
  for (let k = 0; k < count; k += 1) {
    if (nulls[rows[k]!] === 1) hashes[k] = NULL_HASH;
  }
}

/** hashSafeInteger, with the words of a 32-bit integer at hand. */
function hashIntegers(
  values: Float64Array,
  rows: Int32Array,
  count: number,
  hashes: Int32Array,
): void {
  for (let k = 0; k < count; k += 1) {
    const value = values[rows[k]!]!;
    const low = value | 0;
    const high = low === value ? low >> 31 : Math.floor(value / 4294967296) | 0;
    hashes[k] = hashWords(low, high);
  }
}

/** hashDouble, over the words of the IEEE bits: -0.0 has a high word of its own. */
function hashDoubles(words: Int32Array, rows: Int32Array, count: number, hashes: Int32Array): void {
  for (let k = 0; k < count; k += 1) {
    const at = rows[k]! * 2;
    const low = words[at]!;
    const high = words[at + 1]!;
    hashes[k] = hashWords(low, low === 0 && high === -0x80000000 ? 0 : high);
  }
}

function hashI64(words: Int32Array, rows: Int32Array, count: number, hashes: Int32Array): void {
  for (let k = 0; k < count; k += 1) {
    const at = rows[k]! * 2;
    hashes[k] = hashWords(words[at]!, words[at + 1]!);
  }
}

/** hashBigInt: the low 64 bits, and the high ones where they are more than a sign. */
function hashI128(column: I128Column, rows: Int32Array, count: number, hashes: Int32Array): void {
  const low = wordsOf(column.low);
  const high = wordsOf(column.high);
  for (let k = 0; k < count; k += 1) {
    const at = rows[k]! * 2;
    const base = hashWords(low[at]!, low[at + 1]!);
    const beyond = high[at]!;
    const top = high[at + 1]!;
    const isSign = (beyond === 0 && top === 0) || (beyond === -1 && top === -1);
    hashes[k] = isSign ? base : combineHash(base, hashWords(beyond, top));
  }
}

function hashBooleans(
  values: Uint8Array,
  rows: Int32Array,
  count: number,
  hashes: Int32Array,
): void {
  for (let k = 0; k < count; k += 1) hashes[k] = hashWords(values[rows[k]!]!, 0);
}

function hashTexts(column: Utf8Column, rows: Int32Array, count: number, hashes: Int32Array): void {
  const { bytes, offsets, lengths, nulls } = column;
  for (let k = 0; k < count; k += 1) {
    const row = rows[k]!;
    // What a NULL row's view says is unspecified: it may be any length.
    if (nulls !== null && nulls[row] === 1) continue;
    hashes[k] = hashBytes(bytes, offsets[row]!, lengths[row]!);
  }
}

function hashCodes(
  codes: Int32Array,
  entries: Int32Array,
  rows: Int32Array,
  count: number,
  hashes: Int32Array,
): void {
  for (let k = 0; k < count; k += 1) hashes[k] = entries[codes[rows[k]!]!]!;
}

/** As state keeps them: by their canonical text. */
function hashLists(
  column: ListColumn,
  type: SqlType,
  rows: Int32Array,
  count: number,
  hashes: Int32Array,
): void {
  const { values, nulls } = column;
  for (let k = 0; k < count; k += 1) {
    const row = rows[k]!;
    const value = nulls !== null && nulls[row] === 1 ? null : (values[row] ?? null);
    const text = value === null ? null : encoder.encode(encodeValueText(value, type));
    hashes[k] = text === null ? NULL_HASH : hashBytes(text, 0, text.length);
  }
}
