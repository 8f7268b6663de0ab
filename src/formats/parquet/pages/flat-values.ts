/**
 * Single values of a flat column, by the number of their row: for messages and dead letters. Owns a
 * second walk through the pages of a row group, which begins when the first value is asked for. Rows
 * are asked for in order, or again: going back costs a walk from the start.
 */
import { storedValue } from './cell-sinks.js';
import type { StoredType } from './cell-sinks.js';
import type { DenseValues } from './dense-values.js';
import { FlatChunk } from './flat-chunk.js';
import type { FlatChunkParts } from './flat-chunk.js';

export class FlatValues {
  private readonly stored: StoredType;
  private readonly parts: FlatChunkParts;
  /** Whatever it holds is overwritten. */
  private readonly dense: DenseValues;
  private chunk: FlatChunk | null = null;
  /** The row behind the one that `value` is of. */
  private next = 0;
  private value: unknown = null;

  constructor(stored: StoredType, parts: FlatChunkParts, dense: DenseValues) {
    this.stored = stored;
    this.parts = parts;
    this.dense = dense;
  }

  /** As hyparquet would give it; null for NULL. Throws PageFault. */
  at(row: number): unknown {
    if (this.chunk !== null && row === this.next - 1) return this.value;
    if (this.chunk === null || row < this.next) {
      this.chunk = new FlatChunk(this.parts);
      this.next = 0;
    }
    const { chunk, dense, stored } = this;
    chunk.skip(dense, row - this.next);
    chunk.read(dense, 0, 1);
    this.next = row + 1;
    const value = dense.nullCount > 0 ? null : storedValue(stored, dense, 0);
    // Its page may be gone when it is looked at.
    this.value = value instanceof Uint8Array ? value.slice() : value;
    return this.value;
  }
}
