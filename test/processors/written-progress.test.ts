/** Which positions of sources are done with, by what has left the sink. */
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import type { Sink } from '../../src/connectors/sink.js';
import type { SplitReader } from '../../src/connectors/source.js';
import { WrittenProgress } from '../../src/processors/written-progress.js';

class Reader {
  at = 0;
  readonly done: number[] = [];

  position(): string {
    return String(this.at);
  }

  finished(position: string): void {
    this.done.push(Number(position));
  }
}

interface Counts {
  written: number;
  delivered: number | null;
}

function sinkOf(counts: Counts): Sink {
  const sink = { rowsWritten: () => counts.written };
  const counted = { ...sink, rowsDelivered: () => counts.delivered ?? 0 };
  return (counts.delivered === null ? sink : counted) as unknown as Sink;
}

/** Rows of the records at these offsets. */
function batchAt(offsets: readonly number[]): Batch {
  const batch = newBatch([], { ...emptyHeader('t'), firstOffset: 0 });
  batch.selection = Int32Array.from(offsets);
  batch.selectedCount = offsets.length;
  return batch;
}

function pushes(progress: WrittenProgress, reader: Reader, to: number, limited = false): void {
  reader.at = to;
  progress.pushed(reader as unknown as SplitReader, limited);
}

describe('what is done with', () => {
  it('follows the rows that have left, block by block', () => {
    const counts: Counts = { written: 0, delivered: 0 };
    const progress = new WrittenProgress(sinkOf(counts), true);
    const reader = new Reader();
    for (let block = 1; block <= 5; block += 1) {
      counts.written += 10;
      pushes(progress, reader, block * 100);
    }
    expect(reader.done).toEqual([]);
    counts.delivered = 25;
    progress.flushed(false);
    expect(reader.done).toEqual([100, 200]);
    counts.delivered = 50;
    counts.written = 60;
    pushes(progress, reader, 600);
    expect(reader.done).toEqual([100, 200, 300, 400, 500]);
  });

  it('ends behind the record of the last row of a LIMIT', () => {
    const counts: Counts = { written: 3, delivered: null };
    const progress = new WrittenProgress(sinkOf(counts), true);
    const reader = new Reader();
    progress.wrote(batchAt([4, 9, 17]));
    pushes(progress, reader, 100, true);
    progress.flushed(true);
    expect(reader.done).toEqual([18]);
  });

  it('is all or nothing where a row is not of one record, however long it takes', () => {
    for (const delivered of [10_000, 9_999]) {
      const counts: Counts = { written: 10_000, delivered };
      const progress = new WrittenProgress(sinkOf(counts), false);
      const readers = [new Reader(), new Reader()];
      for (let block = 1; block <= 1_000; block += 1) {
        for (const reader of readers) pushes(progress, reader, block);
      }
      progress.flushed(false);
      const done = readers.map((reader) => reader.done);
      expect(done).toEqual(delivered === 10_000 ? [[1_000], [1_000]] : [[], []]);
    }
  });
});
