/**
 * A topic as numbered blocks of undecoded records, over either way to fetch them. Owns what V1 and
 * V2 ask of a split (next block, waiting, positions) and which offsets are committed: on V2 those
 * that all receivers have finished with, which may lie behind what was handed out. Fetching is
 * rdkafka-reader.ts or fetch-reader.ts, decoding is block-decoder.ts, the bytes between threads are
 * message-wire.ts.
 */
import { ConnectorError } from '../../base/errors.js';
import type { PartitionRange, SourceRequest } from '../source.js';
import { partsOf } from './block-decoder.js';
import type {
  BlocksRequest,
  KafkaBlocks,
  KafkaSplitBlocks,
  RecordFetcher,
  RecordQueue,
} from './blocks/blocks.js';
import { follow } from './blocks/growing-splits.js';
import type { MessageBlock } from './blocks/message-block.js';
import type { MessageBlockView } from './blocks/message-wire.js';
import { readOptions } from './settings/table-options.js';
import { openTopicReader } from './librdkafka/rdkafka-reader.js';

/**
 * Through librdkafka: connects, finds the partitions and resolves their first and last offsets.
 * Throws ConfigError SETTING_INVALID, ConnectorError KAFKA_UNAVAILABLE, BROKER_UNREACHABLE,
 * TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE or KAFKA, each within the table's 'connect.timeout' or so.
 */
export async function openRdkafkaBlocks(request: BlocksRequest): Promise<KafkaBlockReader> {
  const { options, notice } = request;
  const reader = await openTopicReader(request);
  return new KafkaBlockReader(reader, {
    path: 'librdkafka',
    bounded: options.stop.kind !== 'unbounded',
    topic: options.topic,
    notice,
  });
}

/** Throws ConfigError SETTING_INVALID for bad options. */
export function blocksRequest(request: SourceRequest, grows: boolean): BlocksRequest {
  const options = readOptions(request.table);
  return {
    options,
    parts: partsOf(request, options),
    rowsMax: request.batchRowsMax,
    clock: request.clock,
    notice: request.notice,
    partitions: request.partitions ?? null,
    ranges: request.ranges ?? null,
    grows,
    group: request.group ?? null,
    found: request.splitNames === undefined ? null : [...new Set(request.splitNames)],
    share: 1,
  };
}

export interface ReaderFacts {
  readonly path: KafkaBlocks['path'];
  readonly bounded: boolean;
  readonly topic: string;
  readonly notice: (line: string) => void;
}

export class KafkaBlockReader implements KafkaBlocks {
  readonly path: KafkaBlocks['path'];
  readonly bounded: boolean;
  readonly topic: string;
  private readonly known: KafkaBlockSplit[] = [];
  private readonly reader: RecordFetcher;
  private readonly facts: ReaderFacts;

  constructor(reader: RecordFetcher, facts: ReaderFacts) {
    this.path = facts.path;
    this.bounded = facts.bounded;
    this.topic = facts.topic;
    this.reader = reader;
    this.facts = facts;
  }

  /** One per partition that is read, in their order. */
  get splits(): readonly KafkaBlockSplit[] {
    const { reader, topic, known } = this;
    return follow(reader.queues, known, (queue) => new KafkaBlockSplit(reader, queue, topic));
  }

  /** All receivers have finished every record of the split before `nextOffset`. */
  commitThrough(split: number, nextOffset: number): void {
    this.splits.find((each) => each.split === split)?.finishedThrough(nextOffset);
  }

  /** With a group id: commits what is finished; resolves when the broker agreed. */
  async commit(): Promise<void> {
    await this.reader.commit((partition) => this.finished(partition));
  }

  hurry(): void {
    this.reader.hurry();
  }

  async close(): Promise<void> {
    await this.reader.close();
    const { tombstones } = this.reader;
    if (tombstones === 0) return;
    const { topic, notice } = this.facts;
    notice(`topic "${topic}": ${tombstones} records without a value gave no row`);
  }

  private finished(partition: number): number {
    const split = this.splits.find((each) => each.split === partition);
    return split === undefined ? 0 : split.finishedTo();
  }
}

export class KafkaBlockSplit implements KafkaSplitBlocks {
  readonly split: number;
  readonly topic: string;
  readonly range: PartitionRange;
  private readonly reader: RecordFetcher;
  private readonly queue: RecordQueue;
  private block: MessageBlock | null = null;
  private sequence = 0;
  private rows = 0;
  /** Receivers have finished the records before this offset. */
  private through: number;

  constructor(reader: RecordFetcher, queue: RecordQueue, topic: string) {
    this.split = queue.partition;
    this.range = queue.range;
    this.reader = reader;
    this.queue = queue;
    this.topic = topic;
    this.through = queue.position;
  }

  /** The next block, valid until the next call; the first call of any split begins to fetch. */
  next(): MessageBlockView | 'wait' | 'end' {
    const { reader, queue } = this;
    if (reader.failure !== null) throw reader.failure;
    reader.start();
    if (this.block !== null) queue.release(this.block);
    this.block = queue.take();
    if (this.block === null) return queue.complete ? 'end' : 'wait';
    reader.drained();
    const view = {
      split: this.split,
      sequence: this.sequence,
      block: this.block,
      nextOffset: queue.handedTo,
    };
    this.sequence += 1;
    this.rows += this.block.rowCount;
    return view;
  }

  /** Resolves when next() may give something else than 'wait'. */
  ready(): Promise<void> {
    const { reader } = this;
    if (reader.failure !== null) return Promise.resolve();
    const ready = this.queue.ready();
    reader.drained();
    return ready;
  }

  /** Offset of the next record that was not handed out. */
  position(): string {
    return String(this.queue.position);
  }

  /** Before the first next(): start at a position() of an earlier run. */
  seek(position: string): void {
    const offset = Number(position);
    if (!/^\d+$/.test(position) || !Number.isSafeInteger(offset)) {
      throw new ConnectorError('OFFSET_OUT_OF_RANGE', {
        message: `"${position}" is no offset of topic "${this.topic}" partition ${this.split}`,
      });
    }
    this.queue.startAt(offset);
    this.through = offset;
  }

  /** Records handed out so far. */
  rowsRead(): number {
    return this.rows;
  }

  lag(): number | null {
    const { logEnd, position } = this.queue;
    return logEnd < 0 ? null : Math.max(0, logEnd - position);
  }

  finishedThrough(nextOffset: number): void {
    this.through = Math.max(this.through, nextOffset);
  }

  /**
   * Where a restart would go on. When everything handed out is finished, that is also behind
   * offsets that hold no record: control records, tombstones, what compaction left out. Where others
   * fetch the records, nothing is handed out here.
   */
  finishedTo(): number {
    const { queue } = this;
    return this.through >= queue.handedTo ? Math.max(this.through, queue.position) : this.through;
  }
}
