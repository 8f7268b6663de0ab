/**
 * Where a record stands in its source, in the words of errors and dead letters. Owns the wording, and
 * how the partition of a topic is told from a split's number; what is done about a record that fails
 * is processors/query-accounts.ts.
 */
import { rowOffset, rowSplit } from './batch.js';
import type { Batch, BatchHeader } from './batch.js';

/**
 * Splits of one source that reads several topics are numbered topic by topic, each in a span of its
 * own: split = topic × SPLIT_SPAN + partition. Of other sources the number is the partition's.
 */
export const SPLIT_SPAN = 65_536;

export function partitionOfSplit(split: number): number {
  return split % SPLIT_SPAN;
}

/** Partition, as users know it, of a physical row. */
export function rowPartition(header: BatchHeader, row: number): number {
  return partitionOfSplit(rowSplit(header, row));
}

/** How users call some of a source's splits: of several topics each goes with its topic. */
export function splitTexts<Split extends { readonly split: number; readonly sourceName?: string }>(
  splits: readonly Split[],
  isWanted: (split: Split, index: number) => boolean,
): string[] {
  const several = splits.some(({ split }) => split >= SPLIT_SPAN);
  return splits.filter(isWanted).map(({ split, sourceName }) => {
    const partition = String(partitionOfSplit(split));
    return several && sourceName !== undefined ? `${partition} of "${sourceName}"` : partition;
  });
}

/** Physical line of a file record, from 1; null for sources without lines. */
export function lineOf(header: BatchHeader, row: number): number | null {
  return row < 0 || header.lineNumbers === null ? null : (header.lineNumbers[row] as number);
}

/** `file:line` for files, `name, partition p, offset n` for everything else; row -1: of no one record. */
export function recordPlace(header: BatchHeader, row: number): string {
  if (row < 0) return `a result row of ${header.sourceName}`;
  const line = lineOf(header, row);
  if (line !== null) return `${header.sourceName}:${line}`;
  return `${header.sourceName}, partition ${rowPartition(header, row)}, offset ${rowOffset(header, row)}`;
}

/** The same of the record that a row of a batch answers to; null where it answers to no one record. */
export function originPlace({ header, origins }: Batch, row: number): string | null {
  const origin = origins === null ? row : (origins[row] as number);
  if (origin < 0 || header.isResult || header.sourceName === '') return null;
  return recordPlace(header, origin);
}
