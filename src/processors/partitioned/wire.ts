/**
 * Batches as blocks of shared memory: the two ends of an exchange edge. Owns the order of a
 * block's parts and what is shipped; the layout is wire-layout.ts. @hot
 */
import type { BlockMemory } from '../../columnar/arena.js';
import type { Batch } from '../../columnar/batch.js';
import type { SqlType } from '../../columnar/types.js';
import type { RoutedRows } from './hash-router.js';

export interface BatchWriterOptions {
  readonly types: readonly SqlType[];
  /** Ship the raw bytes of the rows, for dead letters. */
  readonly withRaw: boolean;
}

export class BatchWriter {
  constructor(_options: BatchWriterOptions) {
    throw new Error('not written yet');
  }
  size(_batch: Batch, _routed: RoutedRows | null): number {
    return 0;
  }
  write(_batch: Batch, _routed: RoutedRows | null, _memory: BlockMemory, at: number): number {
    return at;
  }
}

export interface BatchReaderOptions {
  readonly types: readonly SqlType[];
  readonly senders: number;
}

export class BatchReader {
  constructor(_options: BatchReaderOptions) {
    throw new Error('not written yet');
  }
  read(_sender: number, _memory: BlockMemory, _at: number, _partitions: readonly number[]): Batch {
    throw new Error('not written yet');
  }
  rowsOf(_partition: number): Int32Array {
    return new Int32Array(0);
  }
}
