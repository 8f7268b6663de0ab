/**
 * A piece of a flat column on its way from a page to a column of a batch: the values that are there,
 * one behind the other without NULLs, and which rows of the batch they belong to. Owns the memory,
 * which the columns of a file share: a piece is used up before the next one is read.
 *
 *   numbers   words of 4 or 8 bytes, little-endian; booleans as words of 0 and 1
 *   texts     where they lie in bytes
 *   or both   places in a dictionary
 *
 * @hot
 */
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';

/** The values of a dictionary page: one object per page. */
export interface NumberEntries {
  /** One word each, or two. */
  readonly words: Int32Array;
  readonly wordsEach: number;
  readonly size: number;
}

export interface TextEntries {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly size: number;
}

export class DenseValues {
  /** Values, and rows that are NULL; their rows' numbers in the batch. */
  count = 0;
  nullCount = 0;
  readonly rows = new Int32Array(BATCH_ROWS_MAX);
  readonly nullRows = new Int32Array(BATCH_ROWS_MAX);
  /** Numbers, by any of these views of one memory; where there are `numbers`, after spread(). */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  /** Places in a dictionary. */
  readonly places = new Int32Array(BATCH_ROWS_MAX);
  numbers: NumberEntries | null = null;
  /** Texts: places in `texts`; where there are none, `starts` and `ends` in `source`. */
  texts: TextEntries | null = null;
  source: Uint8Array = new Uint8Array(0);
  readonly starts = new Int32Array(BATCH_ROWS_MAX);
  readonly ends = new Int32Array(BATCH_ROWS_MAX);

  constructor() {
    const memory = new ArrayBuffer(BATCH_ROWS_MAX * 8);
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.longs = new BigInt64Array(memory);
    this.floats = new Float32Array(memory);
    this.doubles = new Float64Array(memory);
  }
  /** Numbers of a dictionary, each in its place. */
  spread(): void {
    const { numbers, places, words, count } = this;
    if (numbers === null) return;
    const entries = numbers.words;
    if (numbers.wordsEach === 1) {
      for (let k = 0; k < count; k += 1) words[k] = entries[places[k]!]!;
    } else {
      for (let k = 0; k < count; k += 1) {
        const from = 2 * places[k]!;
        words[2 * k] = entries[from]!;
        words[2 * k + 1] = entries[from + 1]!;
      }
    }
    this.numbers = null;
  }
}
