/**
 * The values of a flat column in one row group, in order: pages are unpacked when they are come to,
 * one at a time, and those that lie before the first record that is wanted are not unpacked at all.
 * Owns the walk from page to page, what of their headers can be true, and NULLs; values are
 * page-values.ts. @hot
 *
 *   chunk    := [dictionary page] · data page*
 *   data     := [u32 length · runs of definition levels] · values          packed as a whole
 *   data v2  := runs of definition levels · values                         only values are packed
 *
 * A flat column has no repetition levels, and definition levels of one bit if it may be NULL.
 */
import { GrowingBytes } from '../../codecs/growing-bytes.js';
import type { DenseValues } from './dense-values.js';
import { unpackPage } from './page-bytes.js';
import { PageFault } from './page-fault.js';
import { DATA_PAGE, DATA_PAGE_V2, DICTIONARY_PAGE, PageHeader } from './page-header.js';
import { PageValues } from './page-values.js';
import type { ValueForm } from './page-values.js';
import { RunValues } from './run-values.js';

/** The encoding of levels. */
const RLE = 3;

export interface FlatChunkParts {
  /** The chunk as it is in the file. */
  readonly bytes: Uint8Array;
  readonly codec: string;
  readonly form: ValueForm;
  readonly isOptional: boolean;
  readonly records: number;
}

export class FlatChunk {
  private readonly parts: FlatChunkParts;
  private readonly header = new PageHeader();
  private readonly page = new GrowingBytes();
  private readonly values: PageValues;
  private readonly levels = new RunValues();
  private flags = new Int32Array(0);
  private at = 0;
  /** Records that pages before the next one hold, and of those the ones of the page that are left. */
  private before = 0;
  private left = 0;

  constructor(parts: FlatChunkParts) {
    this.parts = parts;
    this.values = new PageValues(parts.form);
  }

  /**
   * Reads on, at most `count` records and no further than to the end of a page, into dense, as rows
   * from `row` on; returns how many. Throws PageFault.
   */
  read(dense: DenseValues, row: number, count: number): number {
    if (this.left === 0) this.nextPage(0);
    const here = Math.min(this.left, count);
    this.left -= here;
    this.values.read(dense, this.present(dense, row, here));
    return here;
  }

  /** Steps over records. Throws PageFault. */
  skip(dense: DenseValues, count: number): void {
    let toSkip = count;
    while (toSkip > 0) {
      if (this.left === 0) toSkip -= this.nextPage(toSkip);
      if (toSkip > 0) toSkip -= this.read(dense, 0, Math.min(toSkip, dense.rows.length));
    }
  }

  /** Lends its memory to others; nothing is read any more. */
  close(): void {
    this.page.release();
  }

  /** Which of the next records are not NULL; returns how many. */
  private present(dense: DenseValues, row: number, count: number): number {
    const { rows, nullRows } = dense;
    dense.nullCount = 0;
    const level = this.parts.isOptional ? this.levels.repeated(count) : 1;
    if (level === 1) {
      for (let n = 0; n < count; n += 1) rows[n] = row + n;
      return count;
    }
    if (level === 0) {
      for (let n = 0; n < count; n += 1) nullRows[n] = row + n;
      dense.nullCount = count;
      return 0;
    }
    if (this.flags.length < count) this.flags = new Int32Array(rows.length);
    const { flags } = this;
    this.levels.read(flags, count);
    let there = 0;
    let nulls = 0;
    for (let n = 0; n < count; n += 1) {
      const flag = flags[n]! & 1;
      rows[there] = row + n;
      nullRows[nulls] = row + n;
      there += flag;
      nulls += 1 - flag;
    }
    dense.nullCount = nulls;
    return there;
  }

  /**
   * Steps over pages that hold nothing but records to skip, and opens the one behind them, unless
   * they were just as many; returns how many they were.
   */
  private nextPage(toSkip: number): number {
    const { header, parts } = this;
    const { bytes } = parts;
    let skipped = 0;
    for (;;) {
      if (this.at === bytes.length) {
        throw new PageFault(`it has ${this.before} values for ${parts.records} rows`);
      }
      const from = header.read(bytes, this.at);
      const { packedBytes } = header;
      if (packedBytes < 0 || packedBytes > bytes.length - from) {
        throw new PageFault(`a page of ${packedBytes} bytes reaches beyond its column`);
      }
      this.at = from + packedBytes;
      const packed = bytes.subarray(from, this.at);
      if (header.kind === DICTIONARY_PAGE) {
        this.readDictionary(packed);
        continue;
      }
      if (header.kind !== DATA_PAGE && header.kind !== DATA_PAGE_V2) continue;
      const { values } = header;
      if (values < 0 || values > parts.records - this.before) {
        throw new PageFault(`a page claims ${values} of ${parts.records} values`);
      }
      this.before += values;
      if (values <= toSkip - skipped) {
        skipped += values;
        if (values > 0 && skipped === toSkip) return skipped;
        continue;
      }
      if (header.kind === DATA_PAGE) this.openFirst(packed);
      else this.openSecond(packed);
      this.left = values;
      return skipped;
    }
  }

  private readDictionary(packed: Uint8Array): void {
    const { header, page, parts } = this;
    page.length = 0;
    unpackPage(parts.codec, packed, header.unpackedBytes, page);
    this.values.dictionary(page, header.values);
  }

  private openFirst(packed: Uint8Array): void {
    const { header, page, parts } = this;
    page.length = 0;
    unpackPage(parts.codec, packed, header.unpackedBytes, page);
    let from = 0;
    if (parts.isOptional) {
      if (header.levelEncoding !== RLE) {
        throw new PageFault(`its definition levels have the encoding ${header.levelEncoding}`);
      }
      const length = page.length < 4 ? -1 : page.view.getUint32(0, true);
      if (length < 0 || length > page.length - 4) throw levelsBroken();
      from = 4 + length;
      this.levels.begin(page, 4, from, 1);
    }
    this.values.begin(header.encoding, page, from);
  }

  private openSecond(packed: Uint8Array): void {
    const { header, page, parts } = this;
    const { definitionBytes, repetitionBytes, unpackedBytes } = header;
    const levelBytes = definitionBytes + repetitionBytes;
    if (definitionBytes < 0 || repetitionBytes < 0 || levelBytes > packed.length) {
      throw levelsBroken();
    }
    page.length = 0;
    page.limitTo(levelBytes);
    page.append(packed, 0, levelBytes);
    const rest = packed.subarray(levelBytes);
    // Values without a byte are not even packed.
    const codec = header.isPacked && rest.length > 0 ? parts.codec : 'UNCOMPRESSED';
    unpackPage(codec, rest, unpackedBytes - levelBytes, page);
    if (parts.isOptional) this.levels.begin(page, repetitionBytes, levelBytes, 1);
    this.values.begin(header.encoding, page, levelBytes);
  }
}

function levelsBroken(): PageFault {
  return new PageFault('its definition levels reach beyond their page');
}
