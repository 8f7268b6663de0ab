/**
 * The Kafka source: each partition of the topic is a split. Owns decoding the blocks that
 * topic-reader.ts fetches, the batch header of every block, and positions as text (the offset of
 * the next record). The splits share one decoder, so that all of them write the same dictionaries:
 * a batch is valid until the next call of next() on any split of the source. @hot
 *
 * A record without a value (a tombstone) is no row, as in Flink; how many there were is said when
 * the source closes. With a group id, commit() commits what the splits have handed out.
 */
import { ConnectorError } from '../../base/errors.js';
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../columnar/batch.js';
import { REFUSED } from '../../formats/decoder.js';
import type { RecordDecoder } from '../../formats/decoder.js';
import { createDecoder } from '../../formats/decoder-registry.js';
import type { NextBatch, Source, SourceRequest, SplitReader } from '../source.js';
import { RECORD_BYTES_MAX, TOO_LARGE } from './message-block.js';
import type { MessageBlock } from './message-block.js';
import { readOptions } from './options.js';
import type { PartitionQueue } from './partition-queue.js';
import { RecordColumns } from './record-columns.js';
import { openTopicReader } from './topic-reader.js';
import type { TopicReader } from './topic-reader.js';

/**
 * Connects, finds the partitions and resolves their first and last offsets.
 * Throws ConfigError SETTING_INVALID, ConnectorError KAFKA_UNAVAILABLE, BROKER_UNREACHABLE,
 * TOPIC_NOT_FOUND, OFFSET_OUT_OF_RANGE or KAFKA, each within the table's 'connect.timeout' or so.
 */
export async function openKafkaSource(request: SourceRequest): Promise<Source> {
  const options = readOptions(request.table);
  const columns = request.physical.map((at) => request.table.physical[at]!);
  const decoder = createDecoder(options.format, columns, {
    fields: request.table.physical.map((column) => column.name),
    delimiter: options.csvDelimiter,
  });
  const reader = await openTopicReader({
    options,
    parts: {
      keys: request.system.includes('_key'),
      headers: request.system.includes('_headers'),
    },
    rowsMax: request.batchRowsMax,
    clock: request.clock,
    notice: request.notice,
  });
  const shared = { request, decoder, reader, topic: options.topic };
  const system = new RecordColumns(request.system, options.topic, request.batchRowsMax);
  return {
    bounded: options.stop.kind !== 'unbounded',
    splits: reader.queues.map((queue) => new KafkaSplit({ ...shared, system }, queue)),
    rowsTotal: null,
    commit: () => reader.commit(),
    close: async () => {
      await reader.close();
      if (reader.tombstones === 0) return;
      request.notice(
        `topic "${options.topic}": ${reader.tombstones} records without a value gave no row`,
      );
    },
  };
}

interface SharedParts {
  readonly request: SourceRequest;
  readonly decoder: RecordDecoder;
  readonly reader: TopicReader;
  readonly system: RecordColumns;
  readonly topic: string;
}

class KafkaSplit implements SplitReader {
  readonly split: number;
  private readonly shared: SharedParts;
  private readonly queue: PartitionQueue;
  private readonly header: BatchHeader;
  private readonly batch: Batch;
  private readonly failedRows: Uint8Array;
  private readonly selection: Int32Array;
  private block: MessageBlock | null = null;
  private sequence = 0;
  private rows = 0;

  constructor(shared: SharedParts, queue: PartitionQueue) {
    this.shared = shared;
    this.queue = queue;
    this.split = queue.partition;
    this.header = emptyHeader(shared.topic);
    this.header.split = queue.partition;
    this.header.rawRecord = (row) => this.block?.rawRecord(row) ?? new Uint8Array(0);
    this.batch = newBatch([], this.header);
    this.failedRows = new Uint8Array(shared.request.batchRowsMax);
    this.selection = new Int32Array(shared.request.batchRowsMax);
  }

  next(): NextBatch {
    const { reader } = this.shared;
    if (reader.failure !== null) throw reader.failure;
    reader.start();
    if (this.block !== null) this.queue.release(this.block);
    this.block = this.queue.take();
    if (this.block === null) return this.queue.complete ? 'end' : 'wait';
    reader.drained();
    return this.decoded(this.block);
  }

  ready(): Promise<void> {
    const { reader } = this.shared;
    if (reader.failure !== null) return Promise.resolve();
    const ready = this.queue.ready();
    reader.drained();
    return ready;
  }

  position(): string {
    return String(this.queue.position);
  }

  seek(position: string): void {
    const offset = Number(position);
    if (/^\d+$/.test(position) && Number.isSafeInteger(offset)) {
      this.queue.startAt(offset);
      return;
    }
    throw new ConnectorError('OFFSET_OUT_OF_RANGE', {
      message: `"${position}" is no offset of topic "${this.shared.topic}" partition ${this.split}`,
    });
  }

  rowsRead(): number {
    return this.rows;
  }

  private decoded(block: MessageBlock): Batch {
    const { decoder, system } = this.shared;
    const { batch, header } = this;
    const { rowCount, offsets } = block;
    const firstOffset = offsets[0]!;
    header.sequence = this.sequence;
    header.firstOffset = firstOffset;
    header.offsets = offsets[rowCount - 1]! - firstOffset === rowCount - 1 ? null : offsets;
    header.ingestTimeMs = block.ingestTimeMs;
    this.sequence += 1;
    this.rows += rowCount;
    const failures = this.decodeRows(block, decoder);
    const columns = decoder.columns.slice();
    system.appendTo(columns, block, this.split);
    batch.columns = columns;
    batch.rowCount = rowCount;
    batch.rowWatermarks = null;
    if (failures === 0) {
      batch.failed = null;
      batch.selection = null;
      batch.selectedCount = rowCount;
    } else {
      batch.failed = this.failedRows;
      batch.selection = this.selection;
      batch.selectedCount = selectPassed(this.failedRows, rowCount, this.selection);
    }
    return batch;
  }

  /** Decodes every record of the block; how many were refused. */
  private decodeRows(block: MessageBlock, decoder: RecordDecoder): number {
    const { bytes, starts, ends, rowCount } = block;
    const { failedRows } = this;
    let failures = 0;
    decoder.begin();
    for (let row = 0; row < rowCount; row += 1) {
      const end = ends[row]!;
      const oversized = end === TOO_LARGE;
      const start = starts[row]!;
      // A record that is too large was not kept: its cells still need valid dictionary codes.
      if (decoder.decode(bytes, start, oversized ? start : end, row) !== REFUSED && !oversized)
        continue;
      if (failures === 0) failedRows.fill(0, 0, rowCount);
      failures += 1;
      failedRows[row] = 1;
      this.shared.request.errors.recordFailed(
        this.header,
        row,
        oversized ? tooLarge(block) : decoder.failure(),
      );
    }
    return failures;
  }
}

function tooLarge(block: MessageBlock): {
  readonly key: 'RECORD_TOO_LARGE';
  readonly message: string;
} {
  const message = `the record has ${block.tooLargeBytes} bytes, more than ${RECORD_BYTES_MAX}`;
  return { key: 'RECORD_TOO_LARGE', message };
}

function selectPassed(failed: Uint8Array, rowCount: number, selection: Int32Array): number {
  let count = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if (failed[row] === 1) continue;
    selection[count] = row;
    count += 1;
  }
  return count;
}
