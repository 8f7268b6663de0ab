/**
 * Records on their way to a topic through Produce requests of our own: values are encoded straight
 * into record batches, one open batch per partition, and a full or waiting batch goes to its
 * partition's leader. Owns which partition a record goes to, when a batch is sealed, backpressure,
 * the first failure and the flush; requests, answers and retries are produce-sender.ts, the order
 * of a partition's batches is produce-lane.ts. @hot
 *
 * Always idempotent: acks=all, an identity from the cluster and sequence numbers per partition, so
 * that a batch that is sent again is stored once and in its place.
 *
 * Bounded by the bytes of records that are not acknowledged: past the bound pressure() says wait,
 * and what one step writes beyond it is the most that is held.
 */
import { systemClock } from '../../../base/clock.js';
import type { ConnectorError } from '../../../base/errors.js';
import type { SqlMap } from '../../../columnar/types.js';
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { keyPartition } from '../record/key-partition.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { BatchLimit } from './batch-limit.js';
import { carryRecord } from './batch-split.js';
import { RecordBatchWriter, appendVarint } from './produce-batch.js';
import type { ProducerIdentity } from './produce-wire.js';
import { ProduceLane } from './produce-lane.js';
import type { LaneBatch } from './produce-lane.js';
import type { ProduceCluster } from './produce-leader.js';
import { ProduceSender } from './produce-sender.js';
import type { ProduceSettings } from './produce-settings.js';
import type { ProduceTransaction } from './produce-transaction.js';
import { BATCH_HEADER_BYTES } from '../batch/record-batch.js';
import { deliveryError, RecordTooLarge } from '../record/record-delivery.js';
import type { DeliveryFailure, RecordDelivery } from '../record/record-delivery.js';

/** Bytes of a new open batch; it grows to what is written, and batches are used again. */
const BATCH_INITIAL_BYTES = 16 * 1024;
/** Empty batches that are kept. */
const SPARE_BATCHES_MAX = 64;
const TICK_MS = 50;
const NO_KEY = new Uint8Array(0);

export interface ColumnarProducerParts {
  readonly endpoint: KafkaEndpoint;
  readonly cluster: ProduceCluster;
  readonly identity: ProducerIdentity;
  readonly settings: ProduceSettings;
  /** The topic's 'max.message.bytes'; null: it is not told. */
  readonly batchBytesMax: number | null;
  /** What its records belong to. Absent: they are seen as they come. */
  readonly transaction?: ProduceTransaction;
  readonly notice: (line: string) => void;
}

export class ColumnarProducer implements RecordDelivery {
  readonly path = 'columnar';
  acknowledged = 0;
  private sent = 0;
  private bytesUnderWay = 0;
  private failure: ConnectorError | null = null;
  private readonly parts: ColumnarProducerParts;
  private readonly settings: ProduceSettings;
  private readonly lanes: readonly ProduceLane[];
  private readonly sender: ProduceSender;
  private readonly spare: RecordBatchWriter[] = [];
  private readonly headerBytes = new ByteBuffer(256);
  private readonly tick: NodeJS.Timeout;
  private linger: NodeJS.Timeout | null = null;
  private flushing = false;
  private relief: Signal | null = null;
  private done: Signal | null = null;
  /** The lane of records without a key, until its batch is full or sent. */
  private keyless = 0;
  private lane: ProduceLane;
  private batch: RecordBatchWriter;
  private recordFrom = 0;
  private readonly limit: BatchLimit;

  constructor(parts: ColumnarProducerParts) {
    const { cluster, identity, settings, batchBytesMax } = parts;
    this.parts = parts;
    this.settings = settings;
    this.limit = new BatchLimit(batchBytesMax, settings.compressor);
    this.lanes = cluster
      .topic()
      .partitions.map(({ partition }) => new ProduceLane(partition, identity.epoch));
    this.lane = this.lanes[0]!;
    this.batch = new RecordBatchWriter(BATCH_INITIAL_BYTES);
    this.sender = new ProduceSender(
      { ...parts, lanes: this.lanes, limit: this.limit },
      {
        seal: (lane) => this.sealIfDue(lane),
        acknowledged: (batches) => {
          this.batchesDone(batches);
        },
        failed: (failure) => {
          this.fail(failure);
        },
        ended: (failure) => {
          this.giveUp(failure);
        },
      },
    );
    this.tick = setInterval(() => {
      this.sender.pump();
    }, TICK_MS);
  }

  begin(key: ByteBuffer | null, timestampMs: number): ByteBuffer {
    if (this.failure !== null) throw this.failure;
    const lane = key === null ? this.keylessLane() : this.keyedLane(key);
    const batch = lane.open ?? this.openBatch(lane);
    this.lane = lane;
    this.batch = batch;
    this.recordFrom = batch.byteLength;
    if (key === null) batch.beginRecord(NO_KEY, -1, timestampMs);
    else batch.beginRecord(key.bytes, key.length, timestampMs);
    return batch.out;
  }

  end(headers: SqlMap | null): void {
    this.batch.endRecord(this.encoded(headers));
    this.recordDone();
  }

  endWithoutValue(headers: SqlMap | null): void {
    this.batch.endWithoutValue(this.encoded(headers));
    this.recordDone();
  }

  drop(): void {
    const { batch, lane } = this;
    batch.dropRecord();
    if (batch.rows > 0) return;
    // An open batch is waited for, and an empty one is never sent.
    lane.open = null;
    batch.clear();
    this.spare.push(batch);
  }

  pressure(): Promise<void> | null {
    if (this.failure !== null) throw this.failure;
    if (!this.crowded()) return null;
    this.sender.pump();
    this.relief ??= new Signal();
    return this.relief.promise;
  }

  hurry(patienceMs: number): void {
    this.sender.hurry(patienceMs);
  }

  async flush(): Promise<void> {
    this.flushing = true;
    try {
      this.sender.pump();
      // The sender gives up where nothing is acknowledged for 'delivery.timeout.ms': this ends.
      while (this.failure === null && !this.lanes.every(({ idle }) => idle)) {
        this.done ??= new Signal();
        await this.done.promise;
      }
    } finally {
      this.flushing = false;
    }
    if (this.failure !== null) throw this.failure;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.release();
    }
  }

  /** Disconnects; what was not sent is given up. */
  async release(): Promise<void> {
    clearInterval(this.tick);
    if (this.linger !== null) clearTimeout(this.linger);
    this.sender.close();
    await this.parts.cluster.close();
  }

  /** Its transaction takes partitions that it did not take before. */
  pump(): void {
    this.sender.pump();
  }

  /** Its transaction has failed. */
  giveUp(failure: ConnectorError): void {
    this.failure ??= failure;
    this.sender.close();
    this.settle();
  }

  private keyedLane(key: ByteBuffer): ProduceLane {
    const { lanes } = this;
    if (this.settings.onePartition) return lanes[0]!;
    return lanes[keyPartition(key.bytes, key.length, lanes.length)]!;
  }

  /** Records without a key fill one partition's batch, then the next one's. */
  private keylessLane(): ProduceLane {
    const { lanes } = this;
    if (this.settings.onePartition) return lanes[0]!;
    const lane = lanes[this.keyless]!;
    if (lane.open !== null) return lane;
    this.keyless = (this.keyless + 1) % lanes.length;
    return lanes[this.keyless]!;
  }

  private openBatch(lane: ProduceLane): RecordBatchWriter {
    const batch = this.spare.pop() ?? new RecordBatchWriter(BATCH_INITIAL_BYTES);
    lane.open = batch;
    lane.openedNs = systemClock.monotonicNs();
    this.linger ??= setTimeout(this.lingered, this.settings.lingerMs);
    return batch;
  }

  private recordDone(): void {
    const { batch, lane, limit } = this;
    const recordBytes = batch.byteLength - this.recordFrom;
    const { recordBytesMax, batchBytes } = this.settings;
    const records = (): Uint8Array => batch.out.bytes.subarray(this.recordFrom, batch.byteLength);
    if (recordBytes > recordBytesMax) this.refuse(recordBytes, String(recordBytesMax));
    if (limit.bytesMax !== null && limit.excludes(recordBytes, records)) {
      this.refuse(recordBytes, `the topic's 'max.message.bytes', ${limit.bytesMax}`);
    }
    this.sent += 1;
    this.bytesUnderWay += recordBytes;
    if (batch.byteLength > limit.plainBytesMax && batch.rows > 1) this.carry(recordBytes);
    else if (batch.byteLength < Math.min(batchBytes, limit.plainBytesMax)) return;
    else this.seal(lane, batch);
    this.sender.pump();
  }

  /** The last record is one too many for the topic: it is the next batch's first. */
  private carry(recordBytes: number): void {
    const { batch, lane } = this;
    const next = this.openBatch(lane);
    carryRecord(batch, this.recordFrom, next);
    this.bytesUnderWay += next.byteLength - BATCH_HEADER_BYTES - recordBytes;
    this.seal(lane, batch);
    lane.open = next;
    if (next.byteLength >= this.limit.plainBytesMax) this.seal(lane, next);
  }

  private refuse(recordBytes: number, bound: string): never {
    const { partition } = this.lane;
    const reason = `a record of ${recordBytes} bytes is larger than ${bound}`;
    const hint =
      "raise 'properties.message.max.bytes', and the topic's 'max.message.bytes' with it";
    this.sent += 1;
    this.fail({ partition, reason, hint });
    throw new RecordTooLarge(reason, this.failure as ConnectorError);
  }

  private encoded(headers: SqlMap | null): ByteBuffer | null {
    if (headers === null || headers.keys.length === 0) return null;
    const { headerBytes } = this;
    headerBytes.clear();
    appendVarint(headerBytes, headers.keys.length);
    for (let at = 0; at < headers.keys.length; at += 1) {
      appendHeaderText(headerBytes, String(headers.keys[at]));
      const value = headers.values[at] ?? null;
      if (value === null) appendVarint(headerBytes, -1);
      else appendHeaderText(headerBytes, String(value));
    }
    return headerBytes;
  }

  /** Records that wait long enough, or that are waited for, go as soon as a request is free. */
  private sealIfDue(lane: ProduceLane): void {
    const { open } = lane;
    if (open === null || open.rows === 0) return;
    const waitedNs = systemClock.monotonicNs() - lane.openedNs;
    const due = this.flushing || this.crowded() || waitedNs >= this.settings.lingerMs * 1e6;
    if (due) this.seal(lane, open);
  }

  private seal(lane: ProduceLane, writer: RecordBatchWriter): void {
    const { rows } = writer;
    const { producerId } = this.parts.identity;
    const { epoch } = lane;
    const recordBytes = writer.byteLength - BATCH_HEADER_BYTES;
    const sequence = lane.takeSequence(rows);
    const transactional = this.parts.transaction !== undefined;
    const stamp = { producerId, epoch, sequence, transactional };
    const bytes = writer.seal(stamp, this.settings.compressor);
    const sealedNs = systemClock.monotonicNs();
    const { partition } = lane;
    const batch = { partition, bytes, writer, recordBytes, sequence, rows, sealedNs };
    lane.open = null;
    lane.push({ ...batch, state: 'waiting' });
  }

  private readonly lingered = (): void => {
    this.linger = null;
    this.sender.pump();
    // Batches that were opened after the one that set the timer.
    if (this.failure === null && this.lanes.some(({ open }) => open !== null)) {
      this.linger = setTimeout(this.lingered, this.settings.lingerMs);
    }
  };

  private batchesDone(batches: readonly LaneBatch[]): void {
    for (const { writer, rows, recordBytes } of batches) {
      this.acknowledged += rows;
      this.bytesUnderWay -= recordBytes;
      writer.clear();
      if (this.spare.length < SPARE_BATCHES_MAX) this.spare.push(writer);
    }
    this.settle();
  }

  private crowded(): boolean {
    return this.bytesUnderWay >= this.settings.underWayBytesMax;
  }

  private settle(): void {
    if (this.relief !== null && (this.failure !== null || !this.crowded())) {
      this.relief.resolve();
      this.relief = null;
    }
    this.done?.resolve();
    this.done = null;
  }

  private fail(failure: Omit<DeliveryFailure, 'endpoint' | 'acknowledged' | 'sent'>): void {
    const { acknowledged, sent } = this;
    const { endpoint } = this.parts;
    this.failure ??= deliveryError({ ...failure, endpoint, acknowledged, sent });
    this.sender.close();
    this.settle();
  }
}

/** A promise that somebody else resolves. */
class Signal {
  readonly promise: Promise<void>;
  resolve: () => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }
}

/** A text behind its length in bytes. */
function appendHeaderText(out: ByteBuffer, text: string): void {
  const length = Buffer.byteLength(text);
  appendVarint(out, length);
  out.appendText(text);
}
