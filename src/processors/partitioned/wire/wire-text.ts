/**
 * Texts of rows in a block: of utf8 columns, of dict columns whose dictionary is not yet shipped,
 * and raw records. Owns the compaction: only bytes of shipped rows are copied, and their offsets
 * count from the block's own bytes. The layout is wire-layout.ts. @hot
 */
import type { BlockMemory } from '../../../columnar/arena.js';
import type { DictColumn, Nulls, Utf8Column } from '../../../columnar/column.js';
import { aligned } from './wire-layout.js';

const LENGTH_BYTES = 8;

/** Copying longer texts is quicker by one call than byte by byte. */
const SHORT_TEXT_BYTES = 48;

/** The texts behind rows: bytes found by entry, where an entry is a row or a row's code. */
export interface TextSource {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  /** Entry of each row; null: the row itself. */
  readonly codes: Int32Array | null;
  readonly nulls: Nulls;
}

export function textSource(column: Utf8Column | DictColumn): TextSource {
  if (column.kind === 'utf8') {
    const { bytes, offsets, lengths, nulls } = column;
    return { bytes, offsets, lengths, codes: null, nulls };
  }
  const { bytes, offsets, lengths } = column.dictionary;
  return { bytes, offsets, lengths, codes: column.codes, nulls: column.nulls };
}

/** Bytes of a block's texts. */
export function sizeOfTexts(rowCount: number, textBytes: number): number {
  return LENGTH_BYTES + 2 * aligned(rowCount * 4) + aligned(textBytes);
}

/** Sum of the rows' lengths; a NULL row has no text. */
export function textBytes(source: TextSource, rows: Int32Array, count: number): number {
  const { lengths, codes, nulls } = source;
  let bytes = 0;
  for (let k = 0; k < count; k += 1) {
    const row = rows[k]!;
    if (nulls !== null && nulls[row] === 1) continue;
    bytes += lengths[codes === null ? row : codes[row]!]!;
  }
  return bytes;
}

/** Writes the texts of the rows; gives the place behind them. */
export function putTexts(
  memory: BlockMemory,
  at: number,
  source: TextSource,
  rows: Int32Array,
  count: number,
  rowCount: number,
): number {
  const offsetsAt = at + LENGTH_BYTES;
  const lengthsAt = offsetsAt + aligned(rowCount * 4);
  const bytesAt = lengthsAt + aligned(rowCount * 4);
  const { i32 } = memory;
  // Whoever looks at a row that does not exist finds no text rather than someone else's bytes.
  if (count < rowCount) i32.fill(0, offsetsAt >> 2, bytesAt >> 2);
  const used = copyTexts(memory, source, rows, count, offsetsAt >> 2, lengthsAt >> 2, bytesAt);
  i32[at >> 2] = used;
  return bytesAt + aligned(used);
}

function copyTexts(
  memory: BlockMemory,
  source: TextSource,
  rows: Int32Array,
  count: number,
  offsetsAt: number,
  lengthsAt: number,
  bytesAt: number,
): number {
  const { bytes, offsets, lengths, codes, nulls } = source;
  const { i32, u8 } = memory;
  let used = 0;
  for (let k = 0; k < count; k += 1) {
    const row = rows[k]!;
    const entry = codes === null ? row : codes[row]!;
    const length = nulls !== null && nulls[row] === 1 ? 0 : lengths[entry]!;
    i32[offsetsAt + row] = used;
    i32[lengthsAt + row] = length;
    if (length === 0) continue;
    const from = offsets[entry]!;
    const to = bytesAt + used;
    if (length <= SHORT_TEXT_BYTES) {
      for (let each = 0; each < length; each += 1) u8[to + each] = bytes[from + each]!;
    } else {
      u8.set(bytes.subarray(from, from + length), to);
    }
    used += length;
  }
  return used;
}

/** Points a utf8 column at the texts of a block; gives the place behind them. */
export function takeTexts(
  memory: BlockMemory,
  at: number,
  rowCount: number,
  column: Pick<Utf8Column, 'bytes' | 'offsets' | 'lengths'>,
): number {
  const length = memory.i32[at >> 2]!;
  const offsetsAt = at + LENGTH_BYTES;
  const lengthsAt = offsetsAt + aligned(rowCount * 4);
  const bytesAt = lengthsAt + aligned(rowCount * 4);
  column.offsets = new Int32Array(memory.buffer, offsetsAt, rowCount);
  column.lengths = new Int32Array(memory.buffer, lengthsAt, rowCount);
  column.bytes = new Uint8Array(memory.buffer, bytesAt, length);
  return bytesAt + aligned(length);
}
