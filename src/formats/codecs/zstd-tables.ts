/**
 * The two kinds of decoding tables of zstd (RFC 8878): finite state entropy for sequences, Huffman
 * for literals. Owns reading their descriptions and building them; zstd-codec.ts decodes with
 * them. Descriptions that do not add up are faults. @hot
 *
 *   FSE cell      symbol · bits << 8 · next state's base << 16
 *   Huffman cell  symbol · bits << 8
 */
import { CodecFault } from './growing-bytes.js';

export const HUFFMAN_BITS_MAX = 11;
const SYMBOLS_MAX = 256;
const WEIGHTS_LOG_MAX = 6;

/** Tables of one kind, built again for each block that describes one. */
export interface FseTable {
  readonly cells: Int32Array;
  /** Bits of a state; -1 before the first table. */
  log: number;
}

export function newFseTable(logMax: number): FseTable {
  return { cells: new Int32Array(1 << logMax), log: -1 };
}

const counts = new Int16Array(SYMBOLS_MAX);
const nextStates = new Int32Array(SYMBOLS_MAX);
const weights = new Uint8Array(SYMBOLS_MAX + 1);
const rankStarts = new Int32Array(HUFFMAN_BITS_MAX + 3);
const weightsTable = newFseTable(WEIGHTS_LOG_MAX);

/**
 * Reads the description at `from` into `table`; returns where it ends. `symbolMax` is the largest
 * symbol, `logMax` what the table was made for. Needs readable bytes behind `end`.
 */
export function readFseTable(
  view: DataView,
  from: number,
  end: number,
  limits: { readonly symbolMax: number; readonly logMax: number },
  table: FseTable,
): number {
  if (from >= end) throw corrupt();
  const log = (view.getUint8(from) & 15) + 5;
  if (log > limits.logMax) throw corrupt();
  let bit = from * 8 + 4;
  let remaining = 1 << log;
  let symbol = 0;
  while (remaining > 0) {
    if (symbol > limits.symbolMax || bit > end * 8) throw corrupt();
    const bits = 32 - Math.clz32(remaining + 1);
    const raw = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << bits) - 1);
    const lowMask = (1 << (bits - 1)) - 1;
    const threshold = (1 << bits) - 1 - (remaining + 1);
    const low = raw & lowMask;
    let value = raw;
    bit += bits;
    if (low < threshold) {
      value = low;
      bit -= 1;
    } else if (raw > lowMask) {
      value = raw - threshold;
    }
    const count = value - 1;
    counts[symbol] = count;
    symbol += 1;
    remaining -= Math.abs(count);
    if (count !== 0) continue;
    for (let repeat = 3; repeat === 3;) {
      if (bit > end * 8) throw corrupt();
      repeat = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & 3;
      bit += 2;
      if (symbol + repeat > limits.symbolMax + 1) throw corrupt();
      counts.fill(0, symbol, symbol + repeat);
      symbol += repeat;
    }
  }
  const at = (bit + 7) >>> 3;
  if (remaining !== 0 || at > end) throw corrupt();
  buildFseTable(counts, symbol, log, table);
  return at;
}

/** A table that gives one symbol and reads no bits. */
export function buildRleTable(symbol: number, table: FseTable): void {
  table.cells[0] = symbol;
  table.log = 0;
}

export function buildFseTable(
  distribution: ArrayLike<number>,
  symbols: number,
  log: number,
  table: FseTable,
): void {
  const { cells } = table;
  const size = 1 << log;
  const mask = size - 1;
  const step = (size >> 1) + (size >> 3) + 3;
  let high = size;
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    const count = distribution[symbol]!;
    nextStates[symbol] = count === -1 ? 1 : count;
    if (count === -1) {
      high -= 1;
      cells[high] = symbol;
    }
  }
  let at = 0;
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    for (let left = distribution[symbol]!; left > 0; left -= 1) {
      cells[at] = symbol;
      do at = (at + step) & mask;
      while (at >= high);
    }
  }
  if (at !== 0) throw corrupt();
  for (let state = 0; state < size; state += 1) {
    const symbol = cells[state]!;
    const next = nextStates[symbol]!;
    nextStates[symbol] = next + 1;
    const bits = log - (31 - Math.clz32(next));
    cells[state] = symbol | (bits << 8) | (((next << bits) - size) << 16);
  }
  table.log = log;
}

export interface HuffmanTable {
  readonly cells: Uint16Array;
  /** Bits of the longest code; 0 before the first table. */
  bits: number;
}

export function newHuffmanTable(): HuffmanTable {
  return { cells: new Uint16Array(1 << HUFFMAN_BITS_MAX), bits: 0 };
}

/** Reads the description at `from` into `table`; returns where it ends. */
export function readHuffmanTable(
  view: DataView,
  from: number,
  end: number,
  table: HuffmanTable,
): number {
  if (from >= end) throw corrupt();
  const head = view.getUint8(from);
  let at = from + 1;
  let symbols: number;
  if (head < 128) {
    if (head > end - at) throw corrupt();
    symbols = readWeights(view, at, at + head);
    at += head;
  } else {
    symbols = head - 127;
    const bytes = (symbols + 1) >> 1;
    if (bytes > end - at) throw corrupt();
    for (let symbol = 0; symbol < symbols; symbol += 1) {
      const pair = view.getUint8(at + (symbol >> 1));
      weights[symbol] = (symbol & 1) === 0 ? pair >> 4 : pair & 15;
    }
    at += bytes;
  }
  buildHuffmanTable(symbols, table);
  return at;
}

/** Weights in two interleaved FSE states, read backwards; how many they are. */
function readWeights(view: DataView, from: number, end: number): number {
  const limits = { symbolMax: HUFFMAN_BITS_MAX + 1, logMax: WEIGHTS_LOG_MAX };
  const start = readFseTable(view, from, end, limits, weightsTable);
  const { cells, log } = weightsTable;
  if (start >= end) throw corrupt();
  let bit = lastBit(view, end) - 2 * log;
  if (bit < start * 8) throw corrupt();
  let even = bitsAt(view, bit + log, log);
  let odd = bitsAt(view, bit, log);
  let symbols = 0;
  // Each turn decodes a symbol of one state and moves it; the states take turns. Where the bits for
  // a move are not there, the other state's symbol is the last one.
  for (;;) {
    if (symbols > SYMBOLS_MAX - 3) throw corrupt();
    const cell = cells[even]!;
    const bits = (cell >> 8) & 255;
    weights[symbols] = cell & 255;
    symbols += 1;
    if (bit - bits < start * 8) {
      weights[symbols] = cells[odd]! & 255;
      return symbols + 1;
    }
    bit -= bits;
    even = odd;
    odd = (cell >> 16) + bitsAt(view, bit, bits);
  }
}

/** From `symbols` weights; the last symbol's is what is missing to a power of two. */
function buildHuffmanTable(symbols: number, table: HuffmanTable): void {
  let total = 0;
  rankStarts.fill(0);
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    const weight = weights[symbol]!;
    if (weight > HUFFMAN_BITS_MAX) throw corrupt();
    if (weight > 0) total += 1 << (weight - 1);
    rankStarts[weight + 1]! += 1;
  }
  if (total === 0) throw corrupt();
  const bits = 32 - Math.clz32(total);
  const missing = (1 << bits) - total;
  if (bits > HUFFMAN_BITS_MAX || (missing & (missing - 1)) !== 0) throw corrupt();
  const lastWeight = 32 - Math.clz32(missing);
  weights[symbols] = lastWeight;
  rankStarts[lastWeight + 1]! += 1;
  // From how many symbols have a weight to where their cells begin: light ones first.
  let start = 0;
  for (let weight = 1; weight <= bits; weight += 1) {
    const count = rankStarts[weight + 1]!;
    rankStarts[weight] = start;
    start += count << (weight - 1);
  }
  for (let symbol = 0; symbol <= symbols; symbol += 1) {
    const weight = weights[symbol]!;
    if (weight === 0) continue;
    const from = rankStarts[weight]!;
    const to = from + (1 << (weight - 1));
    table.cells.fill(symbol | ((bits + 1 - weight) << 8), from, to);
    rankStarts[weight] = to;
  }
  table.bits = bits;
}

/** Position behind the last bit of a stream that is read backwards: below its final mark. */
export function lastBit(view: DataView, end: number): number {
  const last = view.getUint8(end - 1);
  if (last === 0) throw corrupt();
  return end * 8 - 8 + (31 - Math.clz32(last));
}

/** Up to 25 bits from position `bit` on. */
export function bitsAt(view: DataView, bit: number, bits: number): number {
  return (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << bits) - 1);
}

export function corrupt(): CodecFault {
  return new CodecFault('corrupt', 'its zstd data is broken');
}
