/**
 * APPROX_COUNT_DISTINCT: HyperLogLog with 2^14 registers (standard error 0.81 %) over the value
 * hash. P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, "HyperLogLog: the analysis of a near-optimal
 * cardinality estimation algorithm", 2007, with its correction for collisions of 32-bit hashes. @hot
 *
 * A group starts as a set of hashes, exact but for their collisions, and becomes registers when the
 * set has SPARSE_MAX of them. That depends on the set alone, so neither the order of rows nor of
 * merges changes a result.
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import { hashBytes } from '../../columnar/hash.js';
import type { GroupObject } from './group-object.js';
import { WRITTEN } from './group-object.js';
import type { ResultRows } from '../result-rows.js';
import type { StateReader, StateWriter } from '../snapshot.js';
import type { CellCodec } from './value-cells.js';

const PRECISION = 14;
const REGISTERS = 1 << PRECISION;
const SPARSE_MAX = 2048;
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);
const HASHES = 4294967296;

class Sketch {
  /** Open addressing over hashes; 0 is free, the hash 0 is `hasZero`. */
  hashes: Int32Array | null = new Int32Array(16);
  count = 0;
  hasZero = false;
  registers: Uint8Array | null = null;
  /** Σ 2^-register, exact: a multiple of 2^-19 below 2^15. */
  sum = REGISTERS;
  /** Registers that are 0. */
  empty = REGISTERS;
}

export class DistinctSketches implements GroupObject {
  private readonly codec: CellCodec;
  private readonly column: number;
  private readonly sketches: (Sketch | undefined)[] = [];

  /** `column` is the input column: hashes come from it, so that no text need be interned. */
  constructor(codec: CellCodec, column: number) {
    this.codec = codec;
    this.column = column;
  }

  add(slot: number, _cell: number, _sign: number, batch: Batch, row: number): void {
    addHash(this.sketchOf(slot), this.hashOfRow(batch.columns[this.column]!, row));
  }

  write(slot: number, results: ResultRows, column: number, row: number): number {
    const sketch = this.sketches[slot];
    const target = results.columns[column]!;
    const estimated = sketch === undefined ? 0 : estimate(sketch);
    if (target.kind === 'f64') target.values[row] = estimated;
    return WRITTEN;
  }

  merge(other: GroupObject, otherSlot: number, slot: number): void {
    assert(other instanceof DistinctSketches, 'states of one factory have the same objects');
    const from = other.sketches[otherSlot];
    if (from === undefined) return;
    const sketch = this.sketchOf(slot);
    if (from.registers === null) forEachHash(from, (hash) => addHash(sketch, hash));
    else {
      toRegisters(sketch);
      for (let at = 0; at < REGISTERS; at += 1) raise(sketch, at, from.registers[at]!);
    }
  }

  mergeValue(other: GroupObject, otherSlot: number, slot: number, _cell: number): void {
    // Values of a sketch cannot be told apart; adding one twice changes nothing.
    this.merge(other, otherSlot, slot);
  }

  clearSlot(slot: number): void {
    if (slot < this.sketches.length) this.sketches[slot] = undefined;
  }

  clear(): void {
    this.sketches.length = 0;
  }

  snapshot(writer: StateWriter, slot: number): void {
    const sketch = this.sketches[slot] ?? new Sketch();
    writer.writeBoolean(sketch.registers !== null);
    if (sketch.registers !== null) {
      writer.writeBytes(sketch.registers, 0, REGISTERS);
      return;
    }
    writer.writeU32(sketch.count);
    forEachHash(sketch, (hash) => {
      writer.writeU32(hash >>> 0);
    });
  }

  restore(reader: StateReader, slot: number): void {
    const sketch = this.sketchOf(slot);
    if (reader.readBoolean()) {
      toRegisters(sketch);
      const bytes = reader.readBytes();
      for (let at = 0; at < REGISTERS; at += 1) raise(sketch, at, bytes[at]!);
      return;
    }
    for (let left = reader.readU32(); left > 0; left -= 1) addHash(sketch, reader.readU32() | 0);
  }

  markIds(_marks: Uint8Array): void {
    // Hashes are no ids.
  }

  remapIds(_newIds: Int32Array): void {
    // Hashes are no ids.
  }

  byteSize(): number {
    let bytes = this.sketches.length * 8;
    for (const sketch of this.sketches) {
      if (sketch === undefined) continue;
      bytes += 64 + (sketch.hashes?.length ?? 0) * 4 + (sketch.registers?.length ?? 0);
    }
    return bytes;
  }

  private sketchOf(slot: number): Sketch {
    let sketch = this.sketches[slot];
    if (sketch !== undefined) return sketch;
    while (this.sketches.length <= slot) this.sketches.push(undefined);
    sketch = new Sketch();
    this.sketches[slot] = sketch;
    return sketch;
  }

  private hashOfRow(column: Column, row: number): number {
    if (column.kind === 'dict') return column.dictionary.hashes[column.codes[row]!]!;
    if (column.kind === 'utf8') {
      return hashBytes(column.bytes, column.offsets[row]!, column.lengths[row]!);
    }
    return this.codec.hash(this.codec.read(column, row));
  }
}

function addHash(sketch: Sketch, hash: number): void {
  if (sketch.registers !== null) {
    addToRegisters(sketch, hash);
    return;
  }
  if (!insert(sketch, hash)) return;
  sketch.count += 1;
  if (sketch.count > SPARSE_MAX) toRegisters(sketch);
}

function insert(sketch: Sketch, hash: number): boolean {
  if (hash === 0) {
    const isNew = !sketch.hasZero;
    sketch.hasZero = true;
    return isNew;
  }
  if (sketch.count * 2 >= sketch.hashes!.length) growHashes(sketch);
  return place(sketch.hashes!, hash);
}

function place(hashes: Int32Array, hash: number): boolean {
  const mask = hashes.length - 1;
  let at = hash & mask;
  while (hashes[at] !== 0) {
    if (hashes[at] === hash) return false;
    at = (at + 1) & mask;
  }
  hashes[at] = hash;
  return true;
}

function growHashes(sketch: Sketch): void {
  const grown = new Int32Array(sketch.hashes!.length * 2);
  for (const hash of sketch.hashes!) if (hash !== 0) place(grown, hash);
  sketch.hashes = grown;
}

function forEachHash(sketch: Sketch, visit: (hash: number) => void): void {
  if (sketch.hasZero) visit(0);
  for (const hash of sketch.hashes ?? []) if (hash !== 0) visit(hash);
}

function toRegisters(sketch: Sketch): void {
  if (sketch.registers !== null) return;
  sketch.registers = new Uint8Array(REGISTERS);
  forEachHash(sketch, (hash) => {
    addToRegisters(sketch, hash);
  });
  sketch.hashes = null;
}

function addToRegisters(sketch: Sketch, hash: number): void {
  const rank = Math.clz32((hash << PRECISION) | (1 << (PRECISION - 1))) + 1;
  raise(sketch, hash >>> (32 - PRECISION), rank);
}

function raise(sketch: Sketch, at: number, rank: number): void {
  const registers = sketch.registers!;
  const before = registers[at]!;
  if (rank <= before) return;
  if (before === 0) sketch.empty -= 1;
  sketch.sum += 2 ** -rank - 2 ** -before;
  registers[at] = rank;
}

function estimate(sketch: Sketch): number {
  if (sketch.registers === null) return sketch.count;
  const raw = (ALPHA * REGISTERS * REGISTERS) / sketch.sum;
  if (raw <= 2.5 * REGISTERS && sketch.empty > 0) {
    return Math.round(REGISTERS * Math.log(REGISTERS / sketch.empty));
  }
  if (raw <= HASHES / 30) return Math.round(raw);
  // Beyond all hashes there is nothing to tell: the most that the correction can say.
  const share = Math.min(raw / HASHES, 1 - 1 / HASHES);
  return Math.round(-HASHES * Math.log(1 - share));
}
