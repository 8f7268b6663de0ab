/**
 * The direct table of groups whose keys are all codes of small dictionaries: combination of codes
 * → slot. Owns whether and how the codes of a batch fit into one number. Belongs to one state,
 * since slots do; a change of a dictionary or of its size class empties it. @hot
 *
 *   slots[((code0 << shift1) | code1) << shift2 | code2 …] = slot + 1, 0 = not yet known
 */
import type { Batch } from '../../columnar/batch.js';
import type { Dictionary } from '../../columnar/dictionary.js';

/** More combinations than this are looked up by hash. */
const BITS_MAX = 14;

export class CodeCombinations {
  slots = new Int32Array(0);
  /** Bits that a key's code takes. */
  readonly shifts: Int32Array;
  /** The code that stands for NULL: one no dictionary entry can have within its bits. */
  readonly nullCodes: Int32Array;
  private readonly keys: readonly number[];
  private readonly dictionaries: (Dictionary | null)[];

  constructor(keys: readonly number[]) {
    this.keys = keys;
    this.shifts = new Int32Array(keys.length);
    this.nullCodes = new Int32Array(keys.length);
    this.dictionaries = keys.map(() => null);
  }

  /** Whether the batch's keys fit; prepares the table for them if they do. */
  fits(batch: Batch): boolean {
    let bits = 0;
    let changed = false;
    for (let at = 0; at < this.keys.length; at += 1) {
      const column = batch.columns[this.keys[at]!]!;
      if (column.kind !== 'dict') return false;
      const shift = 32 - Math.clz32(column.dictionary.size);
      bits += shift;
      if (bits > BITS_MAX) return false;
      if (this.dictionaries[at] !== column.dictionary || this.shifts[at] !== shift) changed = true;
    }
    if (changed) this.prepare(batch, bits);
    return this.keys.length > 0;
  }

  /** Forgets all slots. */
  clear(): void {
    this.slots.fill(0);
  }

  private prepare(batch: Batch, bits: number): void {
    for (let at = 0; at < this.keys.length; at += 1) {
      const column = batch.columns[this.keys[at]!]!;
      if (column.kind !== 'dict') return;
      const shift = 32 - Math.clz32(column.dictionary.size);
      this.dictionaries[at] = column.dictionary;
      this.shifts[at] = shift;
      this.nullCodes[at] = 2 ** shift - 1;
    }
    if (this.slots.length === 2 ** bits) this.slots.fill(0);
    else this.slots = new Int32Array(2 ** bits);
  }
}
