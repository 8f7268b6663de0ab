/**
 * Texts of one operator: every text that state keeps (keys, MIN, FIRST, DISTINCT values, lists) is
 * an id of one dictionary that the operator owns, found by bytes. Owns the cached code → id remap
 * per source dictionary and the compaction that forgets texts no state refers to. Ids never leave
 * the operator but as codes of `dictionary` in result batches. @hot
 *
 * Compaction replaces `dictionary` and counts up `generation`: result rows still on their way keep
 * the old one. Entry 0 is the empty text, so that code 0 is always valid.
 */
import type { Utf8Column } from '../../columnar/column.js';
import { Dictionary } from '../../columnar/dictionary.js';
import { compareUtf8 } from '../../columnar/text-bytes.js';

/** Codes of one source dictionary as ids: -1 where not yet known. */
interface Remap {
  ids: Int32Array;
  generation: number;
}

/** Below these nothing is compacted: a handful of megabytes. */
const ENTRIES_MIN = 1 << 16;
const BYTES_MIN = 1 << 23;

/** State that holds ids: marks those it needs, then takes their new numbers. */
export interface IdHolder {
  markIds(marks: Uint8Array): void;
  remapIds(newIds: Int32Array): void;
}

export class Interner {
  dictionary = new Dictionary();
  generation = 0;
  private remaps = new WeakMap<Dictionary, Remap>();
  private entriesMax = ENTRIES_MIN;
  private bytesMax = BYTES_MIN;

  constructor() {
    this.dictionary.internText('');
  }

  /** Ids by code for every code the dictionary has now; look at `internCode` for those below 0. */
  idsOf(source: Dictionary): Int32Array {
    let remap = this.remaps.get(source);
    if (remap === undefined || remap.generation !== this.generation) {
      remap = { ids: new Int32Array(source.size).fill(-1), generation: this.generation };
      this.remaps.set(source, remap);
    }
    if (remap.ids.length < source.size) {
      const grown = new Int32Array(Math.max(source.size, remap.ids.length * 2)).fill(-1);
      grown.set(remap.ids);
      remap.ids = grown;
    }
    return remap.ids;
  }

  /** Fills in the id of one code. */
  internCode(source: Dictionary, ids: Int32Array, code: number): number {
    const start = source.offsets[code]!;
    const hash = source.hashes[code]!;
    const id = this.dictionary.internHashed(source.bytes, start, source.lengths[code]!, hash);
    ids[code] = id;
    return id;
  }

  internRow(column: Utf8Column, row: number): number {
    return this.dictionary.intern(column.bytes, column.offsets[row]!, column.lengths[row]!);
  }

  /** Byte order of two ids' texts. */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    const { bytes, offsets, lengths } = this.dictionary;
    return compareUtf8(bytes, offsets[a]!, lengths[a]!, bytes, offsets[b]!, lengths[b]!);
  }

  /** Byte order of a row's text against an id's, without interning it. */
  compareRow(column: Utf8Column, row: number, id: number): number {
    const { bytes, offsets, lengths } = this.dictionary;
    const start = column.offsets[row]!;
    return compareUtf8(
      column.bytes,
      start,
      column.lengths[row]!,
      bytes,
      offsets[id]!,
      lengths[id]!,
    );
  }

  /** Approximate bytes held: the texts, their entries and places. */
  byteSize(): number {
    return this.dictionary.bytes.length + this.dictionary.offsets.length * 28;
  }

  /** Whether compaction may pay; asked once per batch. */
  isFull(): boolean {
    const { dictionary } = this;
    return dictionary.size > this.entriesMax || dictionary.bytes.length > this.bytesMax;
  }

  /**
   * Keeps the texts that the holders mark, if that at least halves the entries or the bytes;
   * otherwise waits until twice as many are there. Amortised constant work per interned text.
   */
  compact(holders: Iterable<IdHolder>): void {
    const from = this.dictionary;
    const marks = new Uint8Array(from.size);
    marks[0] = 1;
    const all = [...holders];
    for (const holder of all) holder.markIds(marks);
    let entries = 0;
    let bytes = 0;
    for (let id = 0; id < marks.length; id += 1) {
      entries += marks[id]!;
      if (marks[id] === 1) bytes += from.lengths[id]!;
    }
    this.entriesMax = Math.max(ENTRIES_MIN, entries * 3);
    this.bytesMax = Math.max(BYTES_MIN, bytes * 4);
    if (entries * 2 > from.size && bytes * 4 > from.bytes.length) {
      this.bytesMax = Math.max(this.bytesMax, from.bytes.length * 2);
      return;
    }
    const newIds = this.copyMarked(from, marks);
    for (const holder of all) holder.remapIds(newIds);
  }

  private copyMarked(from: Dictionary, marks: Uint8Array): Int32Array {
    const to = new Dictionary();
    const newIds = new Int32Array(from.size).fill(-1);
    for (let id = 0; id < marks.length; id += 1) {
      if (marks[id] === 0) continue;
      const hash = from.hashes[id]!;
      newIds[id] = to.internHashed(from.bytes, from.offsets[id]!, from.lengths[id]!, hash);
    }
    this.dictionary = to;
    this.generation += 1;
    return newIds;
  }
}
