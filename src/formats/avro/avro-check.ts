/**
 * Walks the bytes of an Avro record without making values: every length, count and union branch
 * within bounds. Owns only that check. avsc believes the counts of lists and maps, so that a
 * damaged record could keep it busy or fill the memory; records of schemas that have lists or maps,
 * and those with numbers of more than 52 bits, are walked before avsc gets them. @hot
 */
import { assertNever } from '../../base/assert.js';
import type { AvroNode } from './avro-schema.js';

/** Deeper records are refused: schemas may refer to themselves. */
const DEPTH_MAX = 200;
/** Items that take no bytes (nulls, empty records) in one record. */
const EMPTY_ITEMS_MAX = 100_000;
const VARINT_BYTES_MAX = 10;
const INT_BYTES_MAX = 5;

const BAD = -1;

export class AvroCheck {
  private readonly root: AvroNode;
  private bytes: Uint8Array = new Uint8Array(0);
  private end = 0;
  private at = 0;
  private emptyItems = 0;

  constructor(root: AvroNode) {
    this.root = root;
  }

  /** Whether `bytes[start, end)` is a record and nothing else. O(length). */
  passes(bytes: Uint8Array, start: number, end: number): boolean {
    return this.endOf(bytes, start, end) === end;
  }

  /** Where the record that starts at `start` ends, at most at `end`; negative: nowhere. O(length). */
  endOf(bytes: Uint8Array, start: number, end: number): number {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.emptyItems = 0;
    return this.walk(this.root, 0) && this.at <= end ? this.at : BAD;
  }

  private walk(node: AvroNode, depth: number): boolean {
    if (depth > DEPTH_MAX) return false;
    switch (node.kind) {
      case 'null':
        return true;
      case 'boolean':
        return this.skip(1) && this.bytes[this.at - 1]! <= 1;
      case 'int':
        return this.skipInt();
      case 'long':
        return this.skipVarint(VARINT_BYTES_MAX);
      case 'float':
        return this.skip(4);
      case 'double':
        return this.skip(8);
      case 'bytes':
      case 'string': {
        const length = this.count();
        return length >= 0 && this.skip(length);
      }
      case 'fixed':
        return this.skip(node.size);
      case 'enum': {
        const index = this.count();
        return index >= 0 && index < node.symbols.length;
      }
      case 'union': {
        const index = this.count();
        const branch = node.branches[index];
        return branch !== undefined && this.walk(branch, depth + 1);
      }
      case 'record':
        for (const field of node.fields) {
          if (!this.walk(field.node, depth + 1)) return false;
        }
        return true;
      case 'array':
      case 'map':
        return this.blocks(node, depth);
      default:
        return assertNever(node);
    }
  }

  /** Blocks of items, each with its count; a negative count has the block's size behind it. */
  private blocks(node: Extract<AvroNode, { kind: 'array' | 'map' }>, depth: number): boolean {
    const item = node.kind === 'array' ? node.items : node.values;
    for (;;) {
      let items = this.long();
      if (items === 0) return true;
      let blockEnd = BAD;
      if (items < 0) {
        items = -items;
        const size = this.count();
        if (size < 0 || this.at + size > this.end) return false;
        blockEnd = this.at + size;
      }
      for (; items > 0; items -= 1) {
        const from = this.at;
        if (node.kind === 'map' && !this.text()) return false;
        if (!this.walk(item, depth + 1)) return false;
        if (this.at === from && (this.emptyItems += 1) > EMPTY_ITEMS_MAX) return false;
      }
      // A reader that skips the block goes by its size, one that reads it by its items.
      if (blockEnd !== BAD && blockEnd !== this.at) return false;
    }
  }

  private text(): boolean {
    const length = this.count();
    return length >= 0 && this.skip(length);
  }

  private skip(length: number): boolean {
    this.at += length;
    return this.at <= this.end;
  }

  /** A number of at most so many bytes; the tenth has one bit of 64 left. */
  private skipVarint(bytesMax: number): boolean {
    const { bytes, end, at: from } = this;
    const last = Math.min(from + bytesMax, end);
    while (this.at < last) {
      this.at += 1;
      const byte = bytes[this.at - 1]!;
      if (byte < 128) return this.at - from < VARINT_BYTES_MAX || byte <= 1;
    }
    return false;
  }

  /** The fifth byte has four bits of 32 left. */
  private skipInt(): boolean {
    const from = this.at;
    if (!this.skipVarint(INT_BYTES_MAX)) return false;
    return this.at - from < INT_BYTES_MAX || this.bytes[this.at - 1]! <= 15;
  }

  /** A count or length that is not negative; BAD for others and for a number that does not end. */
  private count(): number {
    const value = this.long();
    return value >= 0 ? value : BAD;
  }

  /** A zigzag number; far out of every bound when it does not end. */
  private long(): number {
    const from = this.at;
    if (!this.skipVarint(VARINT_BYTES_MAX)) return Number.POSITIVE_INFINITY;
    let value = 0;
    let place = 1;
    for (let at = from; at < this.at; at += 1) {
      value += (this.bytes[at]! & 127) * place;
      place *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
