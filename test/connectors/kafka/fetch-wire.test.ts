/** Fetch requests and responses as bytes: what a leader says about a log that was cut. */
import { describe, expect, it } from 'vitest';
import {
  fetchRequest,
  parseFetchResponse,
} from '../../../src/connectors/kafka/fetch/fetch-wire.js';
import type { FetchedPartition } from '../../../src/connectors/kafka/fetch/fetch-wire.js';

/** A response with one partition, 3, that has no records, and these tagged fields. */
function response(...tagged: readonly (readonly number[])[]): Uint8Array {
  const head = Buffer.alloc(43);
  head.writeInt32BE(0, 0);
  // Error and session.
  head[10] = 2;
  head[11] = 2;
  head.write('t', 12);
  head[13] = 2;
  head.writeInt32BE(3, 14);
  head.writeBigInt64BE(70n, 20);
  head.writeBigInt64BE(70n, 28);
  // Log start, then no aborted transactions.
  const tail = Buffer.alloc(6);
  tail.writeInt32BE(-1, 1);
  tail[5] = 1;
  const tags = Buffer.from([tagged.length, ...tagged.flat()]);
  return Buffer.concat([head.subarray(0, 36), Buffer.alloc(8), tail, tags, Buffer.alloc(2)]);
}

function partitionOf(bytes: Uint8Array): FetchedPartition {
  const [partition] = parseFetchResponse(bytes, 0, bytes.length, 't').partitions;
  if (partition === undefined) throw new Error('the response has no partition');
  return partition;
}

/** Tag 0: epoch 4, of which the leader's log has offsets up to `end`. */
function diverging(end: number): readonly number[] {
  return [0, 13, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, end, 0];
}

/** Tag 1: the leader and its epoch. */
const LEADER = [1, 9, 0, 0, 0, 2, 0, 0, 0, 6, 0];

describe('a fetch request', () => {
  it('names the epoch of what was read before, for the leader to check', () => {
    const bytes = fetchRequest({
      topic: 't',
      waitMs: 500,
      minBytes: 1,
      maxBytes: 1 << 20,
      readCommitted: true,
      rack: '',
      partitions: [{ partition: 3, leaderEpoch: 6, offset: 100, lastEpoch: 5, maxBytes: 1024 }],
    });
    const view = new DataView(bytes.buffer, bytes.byteOffset + 29);
    expect(view.getInt32(0)).toBe(3);
    expect(view.getInt32(4)).toBe(6);
    expect(view.getBigInt64(8)).toBe(100n);
    expect(view.getInt32(16)).toBe(5);
  });
});

describe('a fetch response', () => {
  it('says where the log diverges from what was read', () => {
    expect(partitionOf(response(diverging(60)))).toMatchObject({ partition: 3, divergesAt: 60 });
    expect(partitionOf(response(diverging(0), LEADER)).divergesAt).toBe(0);
  });

  it('without that says that the log is the one that was read', () => {
    expect(partitionOf(response())).toMatchObject({ highWatermark: 70, divergesAt: -1 });
    expect(partitionOf(response(LEADER)).divergesAt).toBe(-1);
  });

  it('that ends within that field is an error, wherever it ends', () => {
    const whole = response(diverging(60));
    for (let length = whole.length - 1; length > 0; length -= 1) {
      expect(() => parseFetchResponse(whole, 0, length, 't')).toThrow(/shorter than it says/);
    }
  });

  it('with a field that is shorter than its parts is no divergence', () => {
    expect(partitionOf(response([0, 2, 0, 0])).divergesAt).toBe(-1);
  });
});
