/**
 * Unpacks zstd (RFC 8878), which Node 20 does not have. Owns frames, blocks, literals and sequences;
 * the tables are zstd-tables.ts. Checksums are not looked at: batches of Kafka have their own.
 * What lies outside the compressed bytes or before the frame is a fault. @hot
 *
 *   frame     u32 magic · descriptor · [window] · [dictionary] · [content size] · block* · [u32 sum]
 *   block     u24 last · type · size, then raw bytes, one repeated byte, or literals · sequences
 *   sequence  literals' length · match length · offset, as codes of three FSE states and extra bits
 *
 * Bit streams are read backwards. A bit's position counts from the beginning of the view, and any
 * number is one unaligned load and a shift: no refilling. Hence four readable bytes behind the data,
 * and positions below 2^31: compressed bytes beyond 128 MiB are refused.
 */
import { CodecFault, copyBack, copyIn } from './growing-bytes.js';
import type { GrowingBytes } from './growing-bytes.js';
import {
  bitsAt,
  buildFseTable,
  buildRleTable,
  corrupt,
  lastBit,
  newFseTable,
  newHuffmanTable,
  readFseTable,
  readHuffmanTable,
} from './zstd-tables.js';
import type { FseTable } from './zstd-tables.js';

const MAGIC = 0xfd2fb528;
/** Sixteen magics, of frames to be skipped: u32 magic · u32 size · bytes. */
const SKIPPED_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 128 << 10;
const SOURCE_BYTES_MAX = 128 << 20;
const READ_AHEAD = 4;

const LITERAL_LENGTHS = { symbolMax: 35, logMax: 9 };
const OFFSETS = { symbolMax: 31, logMax: 8 };
const MATCH_LENGTHS = { symbolMax: 52, logMax: 9 };

/* Base values and extra bits of the codes, and the distributions of the predefined tables. */
/* prettier-ignore */
const LITERAL_BITS = Uint8Array.of(
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12,
  13, 14, 15, 16,
);
/* prettier-ignore */
const MATCH_BITS = Uint8Array.of(
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
);
const LITERAL_BASES = basesOf(LITERAL_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, 3);
/* prettier-ignore */
const LITERAL_COUNTS = [
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
  -1, -1, -1, -1,
];
/* prettier-ignore */
const OFFSET_COUNTS = [
  1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
];
/* prettier-ignore */
const MATCH_COUNTS = [
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];

/** Codes without extra bits stand for themselves; from the first with any, bases add up. */
function basesOf(bits: Uint8Array, least: number): Int32Array {
  const bases = new Int32Array(bits.length);
  let base = least;
  for (let code = 0; code < bits.length; code += 1) {
    bases[code] = base;
    base += 1 << bits[code]!;
  }
  return bases;
}

/** Appends what source[from, to) unpacks to. Throws CodecFault. */
export function unpackZstd(
  source: Uint8Array,
  from: number,
  to: number,
  target: GrowingBytes,
): void {
  if (to - from > SOURCE_BYTES_MAX) throw new CodecFault('too large', 'it is too large for zstd');
  // Positions from the beginning of the data stay small; 8 bytes before it may be looked at.
  if (from >= 8 && to + READ_AHEAD <= source.length) {
    decoder.unpack(source.subarray(from - 8, to + READ_AHEAD), 8, to - from + 8, target);
    return;
  }
  const padded = new Uint8Array(8 + to - from + READ_AHEAD);
  padded.set(source.subarray(from, to), 8);
  decoder.unpack(padded, 8, to - from + 8, target);
}

/** Tables, literals and repeated offsets of a frame; reused from frame to frame. */
class ZstdDecoder {
  private source: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.source.buffer);
  private readonly literalLengths = newFseTable(LITERAL_LENGTHS.logMax);
  private readonly offsets = newFseTable(OFFSETS.logMax);
  private readonly matchLengths = newFseTable(MATCH_LENGTHS.logMax);
  private readonly huffman = newHuffmanTable();
  private readonly literalBuffer = new Uint8Array(BLOCK_BYTES_MAX + READ_AHEAD);
  private readonly literalView = new DataView(this.literalBuffer.buffer);
  /** The literals of the block: in the source or in the buffer. */
  private literals: Uint8Array = this.literalBuffer;
  private literalsView: DataView = this.literalView;
  private literalsAt = 0;
  private literalsEnd = 0;
  private readonly repeats = Int32Array.of(1, 4, 8);
  /** Where the frame's output begins. */
  private base = 0;

  unpack(source: Uint8Array, from: number, to: number, target: GrowingBytes): void {
    this.source = source;
    this.view = new DataView(source.buffer, source.byteOffset, source.length);
    let at = from;
    while (at < to) {
      if (to - at < 8) throw corrupt();
      const magic = this.view.getUint32(at, true);
      if (magic === MAGIC) {
        at = this.frame(at + 4, to, target);
      } else if ((magic & ~15) === SKIPPED_MAGIC) {
        at += 8 + this.view.getUint32(at + 4, true);
        if (at > to) throw corrupt();
      } else {
        throw corrupt();
      }
    }
  }

  private frame(from: number, to: number, target: GrowingBytes): number {
    const { view } = this;
    const descriptor = view.getUint8(from);
    const single = (descriptor & 32) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
    const sizeAt = from + 1 + (single ? 0 : 1) + dictionaryBytes;
    let at = sizeAt + sizeBytes;
    if (at > to || (descriptor & 8) !== 0) throw corrupt();
    for (let byte = sizeAt - dictionaryBytes; byte < sizeAt; byte += 1) {
      if (view.getUint8(byte) !== 0) throw new CodecFault('unknown', 'it needs a zstd dictionary');
    }
    const size = this.contentSize(sizeAt, sizeBytes);
    this.base = target.length;
    this.repeats.set([1, 4, 8]);
    this.huffman.bits = 0;
    this.literalLengths.log = -1;
    this.offsets.log = -1;
    this.matchLengths.log = -1;
    for (let last = false; !last;) {
      if (to - at < 3) throw corrupt();
      const head = view.getUint32(at, true) & 0xffffff;
      last = (head & 1) === 1;
      at = this.block((head >> 1) & 3, at + 3, head >> 3, to, target);
    }
    if ((descriptor & 4) !== 0) at += 4;
    if (at > to || (size !== -1 && size !== target.length - this.base)) throw corrupt();
    return at;
  }

  private contentSize(at: number, bytes: number): number {
    const { view } = this;
    if (bytes === 0) return -1;
    if (bytes === 1) return view.getUint8(at);
    if (bytes === 2) return view.getUint16(at, true) + 256;
    const low = view.getUint32(at, true);
    return bytes === 4 ? low : low + view.getUint32(at + 4, true) * 2 ** 32;
  }

  /** Unpacks one block; returns where it ends. */
  private block(type: number, at: number, size: number, to: number, target: GrowingBytes): number {
    if (size > BLOCK_BYTES_MAX || type === 3) throw corrupt();
    const end = at + (type === 1 ? 1 : size);
    if (end > to) throw corrupt();
    if (type === 0) {
      target.append(this.source, at, end);
    } else if (type === 1) {
      target.reserve(size);
      target.bytes.fill(this.source[at]!, target.length, target.length + size);
      target.length += size;
    } else {
      if (size === 0) throw corrupt();
      target.reserve(BLOCK_BYTES_MAX);
      this.sequences(this.readLiterals(at, end), end, target);
    }
    return end;
  }

  /** Finds or decodes the literals of a block; returns where they end. */
  private readLiterals(at: number, end: number): number {
    const { view, source } = this;
    const head = view.getUint32(at, true);
    const type = head & 3;
    const form = (head >> 2) & 3;
    if (type >= 2) return this.huffmanLiterals(at, end, type === 3, form);
    const headBytes = [1, 2, 1, 3][form]!;
    const size = (head & (headBytes === 3 ? 0xffffff : 0xffff)) >> (headBytes === 1 ? 3 : 4);
    const bytes = headBytes === 1 ? size & 31 : headBytes === 2 ? size & 0xfff : size;
    const from = at + headBytes;
    const stop = from + (type === 1 ? 1 : bytes);
    if (stop > end || bytes > BLOCK_BYTES_MAX) throw corrupt();
    if (type === 1) {
      this.literalBuffer.fill(source[from]!, 0, bytes);
      this.setLiterals(this.literalBuffer, this.literalView, 0, bytes);
    } else {
      this.setLiterals(source, view, from, stop);
    }
    return stop;
  }

  private setLiterals(bytes: Uint8Array, view: DataView, from: number, to: number): void {
    this.literals = bytes;
    this.literalsView = view;
    this.literalsAt = from;
    this.literalsEnd = to;
  }

  private huffmanLiterals(at: number, end: number, again: boolean, form: number): number {
    const { view, huffman } = this;
    const headBytes = [3, 3, 4, 5][form]!;
    const bits = [10, 10, 14, 18][form]!;
    if (at + headBytes > end) throw corrupt();
    const size = bitsAt(view, at * 8 + 4, bits);
    const packed = bitsAt(view, at * 8 + 4 + bits, bits);
    const stop = at + headBytes + packed;
    if (stop > end || size > BLOCK_BYTES_MAX) throw corrupt();
    let from = at + headBytes;
    if (again) {
      if (huffman.bits === 0) throw corrupt();
    } else {
      from = readHuffmanTable(view, from, stop, huffman);
    }
    if (form === 0) {
      this.huffmanStream(from, stop, 0, size);
    } else {
      if (stop - from < 6) throw corrupt();
      const quarter = (size + 3) >> 2;
      let stream = from + 6;
      for (let part = 0; part < 3; part += 1) {
        const next = stream + view.getUint16(from + 2 * part, true);
        if (next > stop || 3 * quarter > size) throw corrupt();
        this.huffmanStream(stream, next, part * quarter, (part + 1) * quarter);
        stream = next;
      }
      this.huffmanStream(stream, stop, 3 * quarter, size);
    }
    this.setLiterals(this.literalBuffer, this.literalView, 0, size);
    return stop;
  }

  /** Decodes source[from, end) to literalBuffer[to, stop); both have to end together. */
  private huffmanStream(from: number, end: number, to: number, stop: number): void {
    if (from >= end) throw corrupt();
    const { view, literalBuffer } = this;
    const { cells, bits } = this.huffman;
    const mask = (1 << bits) - 1;
    const start = from * 8;
    let bit = lastBit(view, end) - bits;
    for (let at = to; at < stop; at += 1) {
      // The data has bytes before it: what is read there is found out below.
      if (bit + bits < start) throw corrupt();
      const cell = cells[(view.getUint32(bit >>> 3, true) >>> (bit & 7)) & mask]!;
      literalBuffer[at] = cell;
      bit -= cell >> 8;
    }
    if (bit + bits !== start) throw corrupt();
  }

  /** Decodes the sequences from `from` to `end` and carries them out. */
  private sequences(from: number, end: number, target: GrowingBytes): void {
    const { view } = this;
    const room = target.length + BLOCK_BYTES_MAX;
    if (from >= end) throw corrupt();
    let at = from + 1;
    let count = view.getUint8(from);
    if (count === 255) {
      count = view.getUint16(at, true) + 0x7f00;
      at += 2;
    } else if (count > 127) {
      count = ((count - 128) << 8) + view.getUint8(at);
      at += 1;
    }
    if (count > 0) {
      if (at >= end) throw corrupt();
      const modes = view.getUint8(at);
      at = this.readTable(modes >> 6, at + 1, end, this.literalLengths, LITERAL_LENGTHS);
      at = this.readTable((modes >> 4) & 3, at, end, this.offsets, OFFSETS);
      at = this.readTable((modes >> 2) & 3, at, end, this.matchLengths, MATCH_LENGTHS);
      if ((modes & 3) !== 0 || at >= end) throw corrupt();
      this.carryOut(count, at, end, target);
    } else if (at !== end) {
      throw corrupt();
    }
    if (this.literalsEnd - this.literalsAt > room - target.length) throw corrupt();
    target.append(this.literals, this.literalsAt, this.literalsEnd);
  }

  private readTable(
    mode: number,
    at: number,
    end: number,
    table: FseTable,
    limits: typeof OFFSETS,
  ): number {
    switch (mode) {
      case 0:
        if (limits === OFFSETS) buildFseTable(OFFSET_COUNTS, OFFSET_COUNTS.length, 5, table);
        else if (limits === MATCH_LENGTHS)
          buildFseTable(MATCH_COUNTS, MATCH_COUNTS.length, 6, table);
        else buildFseTable(LITERAL_COUNTS, LITERAL_COUNTS.length, 6, table);
        return at;
      case 1: {
        const symbol = this.view.getUint8(at);
        if (at >= end || symbol > limits.symbolMax) throw corrupt();
        buildRleTable(symbol, table);
        return at + 1;
      }
      case 2:
        return readFseTable(this.view, at, end, limits, table);
      default:
        if (table.log === -1) throw corrupt();
        return at;
    }
  }

  private carryOut(count: number, from: number, end: number, target: GrowingBytes): void {
    const { view, repeats, base, literals, literalsView, literalsEnd } = this;
    const { cells: literalCells, log: literalLog } = this.literalLengths;
    const { cells: offsetCells, log: offsetLog } = this.offsets;
    const { cells: matchCells, log: matchLog } = this.matchLengths;
    const start = from * 8;
    const room = target.length + BLOCK_BYTES_MAX;
    let literalsAt = this.literalsAt;
    let to = target.length;
    let bit = lastBit(view, end) - literalLog;
    let literalState = bitsAt(view, bit, literalLog);
    bit -= offsetLog;
    let offsetState = bitsAt(view, bit, offsetLog);
    bit -= matchLog;
    let matchState = bitsAt(view, bit, matchLog);
    for (let left = count; left > 0; left -= 1) {
      if (bit < start) throw corrupt();
      const literalCell = literalCells[literalState]!;
      const offsetCell = offsetCells[offsetState]!;
      const matchCell = matchCells[matchState]!;
      const offsetBits = offsetCell & 255;
      if (offsetBits > 24) throw corrupt();
      bit -= offsetBits;
      if (bit < start) throw corrupt();
      const offsetValue = (1 << offsetBits) + bitsAt(view, bit, offsetBits);
      const matchCode = matchCell & 255;
      bit -= MATCH_BITS[matchCode]!;
      if (bit < start) throw corrupt();
      const matchLength = MATCH_BASES[matchCode]! + bitsAt(view, bit, MATCH_BITS[matchCode]!);
      const literalCode = literalCell & 255;
      bit -= LITERAL_BITS[literalCode]!;
      if (bit < start) throw corrupt();
      const length = LITERAL_BASES[literalCode]! + bitsAt(view, bit, LITERAL_BITS[literalCode]!);
      const distance = repeated(repeats, offsetValue, length);
      if (length > literalsEnd - literalsAt || length + matchLength > room - to) throw corrupt();
      copyIn(target, to, literals, literalsView, literalsAt, length);
      literalsAt += length;
      to += length;
      if (distance < 1 || distance > to - base) throw corrupt();
      copyBack(target, to, distance, matchLength);
      to += matchLength;
      if (left === 1) break;
      const literalBits = (literalCell >> 8) & 255;
      bit -= literalBits;
      if (bit < start) throw corrupt();
      literalState = (literalCell >> 16) + bitsAt(view, bit, literalBits);
      const matchMove = (matchCell >> 8) & 255;
      bit -= matchMove;
      if (bit < start) throw corrupt();
      matchState = (matchCell >> 16) + bitsAt(view, bit, matchMove);
      const offsetMove = (offsetCell >> 8) & 255;
      bit -= offsetMove;
      if (bit < start) throw corrupt();
      offsetState = (offsetCell >> 16) + bitsAt(view, bit, offsetMove);
    }
    if (bit !== start) throw corrupt();
    this.literalsAt = literalsAt;
    target.length = to;
  }
}

/** The distance that an offset value means: one of the last three, or a new one. */
function repeated(repeats: Int32Array, value: number, literals: number): number {
  let distance: number;
  if (value > 3) {
    distance = value - 3;
    repeats[2] = repeats[1]!;
    repeats[1] = repeats[0]!;
    repeats[0] = distance;
    return distance;
  }
  const index = value - 1 + (literals === 0 ? 1 : 0);
  if (index === 0) return repeats[0]!;
  distance = index === 3 ? repeats[0]! - 1 : repeats[index]!;
  if (index > 1) repeats[2] = repeats[1]!;
  repeats[1] = repeats[0]!;
  repeats[0] = distance;
  return distance;
}

const decoder = new ZstdDecoder();
