/**
 * A topic without a broker, as columnar fetch would hand it out: blocks come now and then, by the
 * event loop alone. Owns the records, which follow from partition and offset; what is asked of it is
 * in the table's options:
 *
 *   properties.fake.records   records of each partition, '100,50,0'
 *   properties.fake.end       'wait': unbounded; else it ends there
 *   properties.fake.fail      'partition:offset': looking for that record fails
 */
import { MessageBlock } from '../../../../dist/connectors/kafka/blocks/message-block.js';
import { ConnectorError } from '../../../../dist/base/errors.js';

const encoder = new TextEncoder();
/** Blocks in a row that a split has without a look at the event loop. */
const BLOCKS_AT_ONCE = 3;

/** What was committed, by partition; on the main thread. */
export const committed = [];

export async function openBlocks(request) {
  const { options } = request.table;
  const records = options['properties.fake.records'].split(',').map(Number);
  const unbounded = options['properties.fake.end'] === 'wait';
  const partitions = request.partitions ?? [...records.keys()];
  const ranges =
    request.ranges ??
    records.map((count, partition) => ({
      partition,
      start: 0,
      stop: unbounded ? Infinity : count,
    }));
  const splits = partitions.map((partition) => {
    const range = ranges.find((each) => each.partition === partition);
    return new FakeSplit(request, range, records[partition]);
  });
  return {
    bounded: !unbounded,
    topic: options.topic,
    path: 'columnar',
    splits,
    commit: async () => {
      for (const { split, through } of splits) committed[split] = through;
    },
    close: async () => undefined,
    hurry: () => undefined,
  };
}

class FakeSplit {
  constructor(request, range, count) {
    this.request = request;
    this.range = range;
    this.split = range.partition;
    this.count = count;
    this.offset = range.start;
    this.through = range.start;
    this.sequence = 0;
    this.left = BLOCKS_AT_ONCE;
    const { system, batchRowsMax } = request;
    const parts = { keys: system.includes('_key'), headers: false };
    this.block = new MessageBlock(batchRowsMax, parts);
    this.rowsMax = batchRowsMax;
    this.failsAt = -1;
    const [partition, offset] = (request.table.options['properties.fake.fail'] ?? '').split(':');
    if (Number(partition) === this.split) this.failsAt = Number(offset ?? -1);
  }

  next() {
    if (this.offset >= Math.min(this.count, this.range.stop)) {
      return this.offset >= this.range.stop ? 'end' : 'wait';
    }
    if (this.left === 0) return 'wait';
    this.left -= 1;
    const { block } = this;
    block.clear();
    block.ingestTimeMs = Date.now();
    while (block.rowCount < this.rowsMax && this.offset < this.count) {
      if (this.offset === this.failsAt) {
        throw new ConnectorError('OFFSET_OUT_OF_RANGE', { message: 'the fake topic has a hole' });
      }
      const value = encoder.encode(JSON.stringify(recordAt(this.split, this.offset)));
      const { offset, split: partition } = this;
      block.append({ topic: 't', partition, offset, value, key: null, timestamp: offset }, value);
      this.offset += 1;
    }
    this.sequence += 1;
    return { split: this.split, sequence: this.sequence - 1, block, nextOffset: this.offset };
  }

  ready() {
    if (this.offset >= Math.min(this.count, this.range.stop)) return new Promise(() => undefined);
    return new Promise((resolve) => {
      setTimeout(() => {
        this.left = BLOCKS_AT_ONCE;
        resolve();
      }, this.sequence % 3);
    });
  }

  lag() {
    return null;
  }

  position() {
    return String(this.offset);
  }

  seek(position) {
    this.offset = Number(position);
    this.through = this.offset;
  }

  rowsRead() {
    return this.offset - this.range.start;
  }

  finishedThrough(nextOffset) {
    this.through = Math.max(this.through, nextOffset);
  }
}

/** Event times of each partition go up, with some records behind; partitions are apart. */
export function recordAt(partition, offset) {
  const behind = offset % 11 === 0 ? (offset % 30) * 1000 : 0;
  const id = offset * 100 + partition;
  return { id, k: `k${id % 37}`, d: id / 7, ms: 1e12 + offset * 100 + partition * 700 - behind };
}
