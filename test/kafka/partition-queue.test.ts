/** Blocks and the queue of a partition: positions, bounds and what is dropped. No broker needed. */
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES_MAX, MessageBlock } from '../../src/connectors/kafka/blocks/message-block.js';
import {
  FetchBudget,
  PartitionQueue,
} from '../../src/connectors/kafka/librdkafka/rdkafka-queue.js';
import type { RdMessage } from '../../src/connectors/kafka/blocks/message-block.js';

const PARTS = { keys: true, headers: true };

function message(offset: number, value: string | null = `{"id":${offset}}`): RdMessage {
  const bytes = value === null ? null : Buffer.from(value);
  return { topic: 't', partition: 0, offset, value: bytes, key: null, timestamp: offset * 10 };
}

function newQueue({ start = 0, stop = Number.POSITIVE_INFINITY, rowsMax = 4 } = {}): {
  queue: PartitionQueue;
  budget: FetchBudget;
} {
  const budget = new FetchBudget();
  const settings = { budget, rowsMax, parts: PARTS };
  return { queue: new PartitionQueue({ partition: 0, start, stop }, settings), budget };
}

function takeOffsets(queue: PartitionQueue): number[] {
  const offsets: number[] = [];
  for (let block = queue.take(); block !== null; block = queue.take()) {
    offsets.push(...block.offsets.subarray(0, block.rowCount));
    queue.release(block);
  }
  return offsets;
}

describe('the queue of a partition', () => {
  it('gives each offset once and in order, whatever comes again', () => {
    const { queue } = newQueue();
    for (const offset of [0, 1, 2, 1, 2, 3, 0, 4, 9]) queue.add(message(offset), 0);
    expect(takeOffsets(queue)).toEqual([0, 1, 2, 3, 4, 9]);
  });

  it('ends in front of its stop, with the record before it or with one behind it', () => {
    const { queue } = newQueue({ stop: 3 });
    queue.add(message(2), 0);
    expect(queue.complete).toBe(true);
    const gap = newQueue({ stop: 3 }).queue;
    gap.add(message(1), 0);
    expect(gap.complete).toBe(false);
    gap.add(message(7), 0);
    expect(gap.complete).toBe(true);
    expect(takeOffsets(gap)).toEqual([1]);
    expect(gap.position).toBe(3);
  });

  it('ends with the end of the log where only control records are left', () => {
    const { queue } = newQueue({ stop: 5 });
    queue.add(message(2), 0);
    queue.reachedEnd(3);
    expect([queue.complete, queue.atEnd]).toEqual([false, true]);
    queue.reachedEnd(6);
    expect(queue.complete).toBe(true);
  });

  it('is complete at once when there is nothing to read', () => {
    expect(newQueue({ start: 4, stop: 4 }).queue.complete).toBe(true);
  });

  it('has the position of what was handed out, not of what is queued', () => {
    const { queue } = newQueue({ rowsMax: 2 });
    for (const offset of [0, 1, 2, 3]) queue.add(message(offset), 0);
    queue.add(message(4, null), 0);
    expect(queue.position).toBe(0);
    queue.take();
    expect(queue.position).toBe(2);
    queue.take();
    expect([queue.position, queue.tombstones]).toEqual([5, 1]);
  });

  it('counts rows and bytes against the budget until they are taken', () => {
    const { queue, budget } = newQueue();
    queue.add(message(0, 'abc'), 0);
    queue.add(message(1, null), 0);
    expect([budget.rows, budget.bytes]).toEqual([1, 3]);
    takeOffsets(queue);
    expect([budget.rows, budget.bytes]).toEqual([0, 0]);
  });

  it('wakes its reader for records that came before or after it asked', async () => {
    const { queue } = newQueue();
    const ready = queue.ready();
    expect(queue.starving).toBe(true);
    queue.add(message(0), 0);
    queue.signal();
    await ready;
    await queue.ready();
    expect(queue.starving).toBe(false);
  });
});

describe('a block of messages', () => {
  it('packs values and keys, and leaves a byte behind the last', () => {
    const block = new MessageBlock(4, PARTS);
    block.append({ ...message(0), key: Buffer.from('k') }, Buffer.from('x'.repeat(65_535)));
    block.append({ ...message(1), key: Buffer.from([0xff]) }, Buffer.from('b'));
    expect(block.bytes.length).toBeGreaterThan(block.byteLength);
    const text = (start: number, end: number): string =>
      Buffer.from(block.bytes.subarray(start, end)).toString('latin1');
    expect(block.rawRecord(1)).toEqual(new Uint8Array([98]));
    expect(
      [0, 1].map((row) =>
        text(block.keyStarts[row]!, block.keyStarts[row]! + block.keyLengths[row]!),
      ),
    ).toEqual(['k', '\xff']);
  });

  it('takes records until it is full, and a large one only when empty', () => {
    const block = new MessageBlock(2, PARTS);
    expect(block.takes(BLOCK_BYTES_MAX * 3)).toBe(true);
    block.append(message(0), Buffer.alloc(10));
    expect([block.takes(10), block.takes(BLOCK_BYTES_MAX)]).toEqual([true, false]);
    block.append(message(1), Buffer.alloc(10));
    expect(block.takes(1)).toBe(false);
  });

  it('gives the memory of a large record back', () => {
    const block = new MessageBlock(2, PARTS);
    block.append(message(0), Buffer.alloc(BLOCK_BYTES_MAX * 4));
    block.clear();
    expect(block.bytes.length).toBeLessThan(BLOCK_BYTES_MAX);
  });
});
