/**
 * The values of a page without its NULLs, piece by piece. Owns the encodings; runs and differences
 * are run-values.ts and delta-values.ts. @hot
 *
 *   PLAIN                    numbers as they are, booleans as bits, texts as u32 length · bytes
 *   RLE_DICTIONARY           u8 bits of a place · runs of places in the dictionary page
 *   RLE                      booleans: u32 length · runs
 *   DELTA_BINARY_PACKED      differences
 *   DELTA_LENGTH_BYTE_ARRAY  lengths as differences · the bytes of all texts
 *   BYTE_STREAM_SPLIT        the first bytes of all numbers · the second ones · …
 */
import type { GrowingBytes } from '../../codecs/growing-bytes.js';
import type { DenseValues, NumberEntries, TextEntries } from './dense-values.js';
import { DeltaValues } from './delta-values.js';
import { PageFault } from './page-fault.js';
import { RunValues } from './run-values.js';

const PLAIN = 0;
const PLAIN_DICTIONARY = 2;
const RLE = 3;
const DELTA_BINARY_PACKED = 5;
const DELTA_LENGTH_BYTE_ARRAY = 6;
const RLE_DICTIONARY = 8;
const BYTE_STREAM_SPLIT = 9;

/** As files name those that are read here, and that of levels. */
export const FLAT_ENCODINGS: ReadonlySet<string> = new Set([
  'PLAIN',
  'PLAIN_DICTIONARY',
  'RLE',
  'BIT_PACKED',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'RLE_DICTIONARY',
  'BYTE_STREAM_SPLIT',
]);

/** What a column's values are: bits, numbers of a width, or texts, of one length or of any. */
export interface ValueForm {
  readonly kind: 'bits' | 'numbers' | 'texts';
  /** Bytes of a number, or of each text; 0: texts have their own lengths. */
  readonly width: number;
}

const NO_NUMBERS: NumberEntries = { words: new Int32Array(0), wordsEach: 1, size: 0 };
const NO_TEXTS: TextEntries = {
  bytes: new Uint8Array(0),
  starts: new Int32Array(0),
  ends: new Int32Array(0),
  size: 0,
};

export class PageValues {
  private readonly form: ValueForm;
  private numbers = NO_NUMBERS;
  private texts = NO_TEXTS;
  private encoding = PLAIN;
  private page: Uint8Array = NO_TEXTS.bytes;
  private at = 0;
  private to = 0;
  private readonly runs = new RunValues();
  private readonly deltas = new DeltaValues();
  /** Of split bytes: bytes of a stream, and the next number. */
  private stride = 0;
  private next = 0;

  constructor(form: ValueForm) {
    this.form = form;
  }

  /** The dictionary page: `size` values; what it holds is copied. Throws PageFault. */
  dictionary(page: GrowingBytes, size: number): void {
    const { kind, width } = this.form;
    if (size < 0 || size * Math.max(width, kind === 'texts' && width === 0 ? 4 : 1) > page.length) {
      throw new PageFault(`its dictionary claims ${size} values`);
    }
    const bytes = page.bytes.slice(0, page.length);
    if (kind === 'bits') throw new PageFault('booleans have no dictionary');
    if (kind === 'numbers') {
      // The copy begins at the start of its memory, as words must.
      const wordsEach = width / 4;
      this.numbers = { words: new Int32Array(bytes.buffer, 0, size * wordsEach), wordsEach, size };
      return;
    }
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    this.locateTexts({ bytes, from: 0, to: bytes.length, count: size }, starts, ends);
    this.texts = { bytes, starts, ends, size };
  }

  /** A page's values in page.bytes[from, page.length), in an encoding. Throws PageFault. */
  begin(encoding: number, page: GrowingBytes, from: number): void {
    const { kind, width } = this.form;
    this.encoding = encoding === PLAIN_DICTIONARY ? RLE_DICTIONARY : encoding;
    this.page = page.bytes;
    this.at = from;
    this.to = page.length;
    switch (this.encoding) {
      case PLAIN:
        if (kind === 'bits') this.runs.beginPacked(page, from, this.to, 1);
        return;
      case RLE_DICTIONARY:
        // A page of NULLs alone may have no bytes at all.
        if (from < this.to) this.runs.begin(page, from + 1, this.to, page.bytes[from]!);
        else this.runs.begin(page, from, from, 0);
        return;
      case RLE: {
        if (kind !== 'bits') break;
        if (this.to - from < 4) throw ended();
        const length = page.view.getUint32(from, true);
        if (length > this.to - from - 4) throw ended();
        this.runs.begin(page, from + 4, from + 4 + length, 1);
        return;
      }
      case DELTA_BINARY_PACKED:
        if (kind !== 'numbers') break;
        this.deltas.begin(page, from, this.to);
        return;
      case DELTA_LENGTH_BYTE_ARRAY:
        if (kind !== 'texts' || width !== 0) break;
        this.beginLengths(page, from);
        return;
      case BYTE_STREAM_SPLIT:
        if (kind !== 'numbers') break;
        this.stride = Math.floor((this.to - from) / width);
        this.next = 0;
        return;
    }
    throw new PageFault(`a page has the encoding ${encoding}, which its values cannot have`);
  }

  /** The next `count` values into dense, which says what it holds then. Throws PageFault. */
  read(dense: DenseValues, count: number): void {
    dense.count = count;
    dense.numbers = null;
    dense.texts = null;
    switch (this.encoding) {
      case PLAIN:
        this.readPlain(dense, count);
        return;
      case RLE_DICTIONARY:
        this.readPlaces(dense, count);
        return;
      case RLE:
        this.runs.read(dense.words, count);
        return;
      case DELTA_BINARY_PACKED:
        this.deltas.read(dense.words, count, this.form.width === 8);
        return;
      case DELTA_LENGTH_BYTE_ARRAY:
        this.readLengths(dense, count);
        return;
      default:
        this.readSplit(dense, count);
    }
  }

  private readPlain(dense: DenseValues, count: number): void {
    const { kind, width } = this.form;
    const { page: bytes, at: from, to } = this;
    if (kind === 'bits') {
      this.runs.read(dense.words, count);
    } else if (kind === 'numbers') {
      const end = from + count * width;
      if (end > to) throw ended();
      dense.bytes.set(bytes.subarray(from, end));
      this.at = end;
    } else {
      dense.source = bytes;
      this.at = this.locateTexts({ bytes, from, to, count }, dense.starts, dense.ends);
    }
  }

  /** Where plain texts begin and end; returns where the last one ends. */
  private locateTexts(
    {
      bytes,
      from,
      to,
      count,
    }: {
      readonly bytes: Uint8Array;
      readonly from: number;
      readonly to: number;
      readonly count: number;
    },
    starts: Int32Array,
    ends: Int32Array,
  ): number {
    const { width } = this.form;
    let at = from;
    for (let k = 0; k < count; k += 1) {
      let length = width;
      if (width === 0) {
        if (to - at < 4) throw ended();
        length = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
        length += bytes[at + 3]! * 16_777_216;
        at += 4;
      }
      if (length > to - at) throw ended();
      starts[k] = at;
      at += length;
      ends[k] = at;
    }
    return at;
  }

  private readPlaces(dense: DenseValues, count: number): void {
    const { places } = dense;
    this.runs.read(places, count);
    const isText = this.form.kind === 'texts';
    const { size } = isText ? this.texts : this.numbers;
    let largest = 0;
    for (let k = 0; k < count; k += 1) {
      const place = places[k]! >>> 0;
      if (place > largest) largest = place;
    }
    if (count > 0 && largest >= size) {
      throw new PageFault(`place ${largest} is beyond its dictionary of ${size} values`);
    }
    if (isText) dense.texts = this.texts;
    else dense.numbers = this.numbers;
  }

  /** The texts lie behind all lengths, which are looked through once to find them. */
  private beginLengths(page: GrowingBytes, from: number): void {
    const { deltas } = this;
    const some = new Int32Array(1024);
    deltas.begin(page, from, this.to);
    while (deltas.left > 0) deltas.read(some, Math.min(deltas.left, some.length), false);
    this.at = deltas.end();
    deltas.begin(page, from, this.to);
  }

  private readLengths(dense: DenseValues, count: number): void {
    const { starts, ends } = dense;
    this.deltas.read(ends, count, false);
    let { at } = this;
    for (let k = 0; k < count; k += 1) {
      const length = ends[k]!;
      if (length < 0 || length > this.to - at) throw ended();
      starts[k] = at;
      at += length;
      ends[k] = at;
    }
    this.at = at;
    dense.source = this.page;
  }

  private readSplit(dense: DenseValues, count: number): void {
    const { page, at, stride, next } = this;
    const { width } = this.form;
    const { bytes } = dense;
    if (count > stride - next) throw ended();
    for (let stream = 0; stream < width; stream += 1) {
      const from = at + stream * stride + next;
      for (let k = 0; k < count; k += 1) bytes[k * width + stream] = page[from + k]!;
    }
    this.next = next + count;
  }
}

function ended(): PageFault {
  return new PageFault('a page has fewer values than it says');
}
