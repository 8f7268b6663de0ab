/**
 * Records on their way to a topic through librdkafka's idempotent producer. Owns backpressure (so
 * many records and bytes may be under way), the first failure, and a flush that ends: every record
 * is acknowledged or the flush throws. What is in a record is topic-sink.ts and line-writer.ts; the way
 * without librdkafka is columnar-producer.ts.
 */
import { systemClock } from '../../../base/clock.js';
import type { ConnectorError } from '../../../base/errors.js';
import type { SqlMap } from '../../../columnar/types.js';
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { BrokerWatch } from './broker-watch.js';
import {
  closeProducer,
  deliveryTimeoutMs,
  openProducer,
  writablePartitions,
} from './rdkafka-client.js';
import type { KafkaWriteTarget } from '../settings/table-options.js';
import { RD_ERROR, promised } from './rdkafka.js';
import type { RdError, RdProducer } from './rdkafka.js';
import type { RdHeader } from '../blocks/message-block.js';
import { brokerErrorHint, deliveryError } from '../record/record-delivery.js';
import type { RecordDelivery } from '../record/record-delivery.js';

const UNDER_WAY_ROWS_MAX = 50_000;
const UNDER_WAY_BYTES_MAX = 32 << 20;
/** Rows that one step may send beyond what librdkafka takes; more is an error, not a leak. */
const HELD_ROWS_MAX = 1_000_000;
const POLL_INTERVAL_MS = 10;
const FLUSH_SLICE_MS = 200;
/** librdkafka gives a record up after 'delivery.timeout.ms'; a flush waits a little longer. */
const FLUSH_GRACE_MS = 5_000;

const NO_HEADERS: readonly RdHeader[] = [];

interface HeldRecord {
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  readonly timestampMs: number;
  readonly headers: readonly RdHeader[];
}

/**
 * Connects and looks the topic up (a cluster that creates topics on demand creates it here).
 * Throws as openKafkaSink does.
 */
export async function openDeliveryQueue(
  target: KafkaWriteTarget,
  notice: (line: string) => void,
): Promise<DeliveryQueue> {
  const producer = await openProducer(target, target);
  try {
    const [first] = await writablePartitions(target, producer);
    const partition = target.onePartition ? (first ?? 0) : null;
    return new DeliveryQueue(target, { producer, partition }, notice);
  } catch (error) {
    await closeProducer(producer);
    throw error;
  }
}

export class DeliveryQueue implements RecordDelivery {
  readonly path = 'librdkafka';
  acknowledged = 0;
  private sent = 0;
  private bytesUnderWay = 0;
  private failed = 0;
  private failure: ConnectorError | null = null;
  private acknowledgedNs = Number.NEGATIVE_INFINITY;
  /** Since the job is stopped. */
  private hurried: { readonly sinceNs: number; readonly patienceMs: number } | null = null;
  /** Records that librdkafka's queue had no room for, in order. */
  private held: HeldRecord[] = [];
  private relief: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;
  private readonly target: KafkaWriteTarget;
  private readonly producer: RdProducer;
  /** Every record's, or null: the key's. */
  private readonly partition: number | null;
  private readonly watch: BrokerWatch;
  private readonly timer: NodeJS.Timeout;
  /** The record that was begun. */
  private readonly value = new ByteBuffer(4096);
  private key: Uint8Array | null = null;
  private timestampMs = 0;

  constructor(
    target: KafkaWriteTarget,
    parts: { readonly producer: RdProducer; readonly partition: number | null },
    notice: (line: string) => void,
  ) {
    const { producer, partition } = parts;
    this.target = target;
    this.producer = producer;
    this.partition = partition;
    this.watch = new BrokerWatch(target, producer, notice);
    producer.on('delivery-report', (error, report) => {
      this.reported(error, report);
    });
    this.timer = setInterval(() => {
      this.poll();
    }, POLL_INTERVAL_MS);
  }

  begin(key: ByteBuffer | null, timestampMs: number): ByteBuffer {
    if (this.failure !== null) throw this.failure;
    this.key = key === null ? null : key.view();
    this.timestampMs = timestampMs;
    this.value.clear();
    return this.value;
  }

  end(headers: SqlMap | null): void {
    this.send(this.value.view(), headers);
  }

  endWithoutValue(headers: SqlMap | null): void {
    this.send(null, headers);
  }

  drop(): void {
    this.value.clear();
  }

  pressure(): Promise<void> | null {
    if (this.failure !== null) throw this.failure;
    if (!this.crowded()) return null;
    if (this.relief === null) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.relief = { promise, resolve };
    }
    return this.relief.promise;
  }

  hurry(patienceMs: number): void {
    this.hurried ??= { sinceNs: systemClock.monotonicNs(), patienceMs };
  }

  async flush(): Promise<void> {
    const timeoutMs = deliveryTimeoutMs(this.target);
    const deadlineNs = systemClock.monotonicNs() + (timeoutMs + FLUSH_GRACE_MS) * 1e6;
    while (this.failure === null && this.underWay() > 0) {
      if (systemClock.monotonicNs() > deadlineNs) {
        this.fail(`no answer for ${timeoutMs / 1000} s`, null, undefined);
      }
      // A slice that times out is no failure: the loop decides by what was reported.
      await promised((done) => this.producer.flush(FLUSH_SLICE_MS, done)).catch(() => undefined);
      this.poll();
    }
    if (this.failure !== null) throw this.failure;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      clearInterval(this.timer);
      this.watch.close();
      await closeProducer(this.producer);
    }
  }

  /** Takes the record that was begun; its bytes may be reused afterwards. */
  private send(value: Uint8Array | null, map: SqlMap | null): void {
    const { key, timestampMs } = this;
    const headers = map === null ? NO_HEADERS : rdHeaders(map);
    const record = { value, key, timestampMs, headers };
    if (this.held.length > 0 || !this.produce(record)) {
      if (this.held.length >= HELD_ROWS_MAX) throw this.fail('the queue is full', null, undefined);
      this.held.push({ ...record, value: value?.slice() ?? null, key: key?.slice() ?? null });
    }
  }

  private underWay(): number {
    return this.sent - this.acknowledged - this.failed + this.held.length;
  }

  private crowded(): boolean {
    return (
      this.held.length > 0 ||
      this.underWay() >= UNDER_WAY_ROWS_MAX ||
      this.bytesUnderWay >= UNDER_WAY_BYTES_MAX
    );
  }

  private produce({ value, key, timestampMs, headers }: HeldRecord): boolean {
    const { topic } = this.target;
    try {
      this.producer.produce(topic, this.partition, value, key, timestampMs, undefined, headers);
    } catch (error) {
      // Checked boundary: produce() throws librdkafka's errors only.
      const cause = error as RdError;
      if (cause.code === RD_ERROR.QUEUE_FULL) return false;
      this.failed += 1;
      this.sent += 1;
      const size = `a record of ${(value?.length ?? 0) + (key?.length ?? 0)} bytes`;
      throw this.fail(`${cause.message} (${size})`, this.partition, cause);
    }
    this.sent += 1;
    this.bytesUnderWay += value?.length ?? 0;
    return true;
  }

  private poll(): void {
    this.producer.poll();
    let at = 0;
    while (at < this.held.length && this.failure === null) {
      if (!this.produce(this.held[at] as HeldRecord)) break;
      at += 1;
    }
    if (at > 0) this.held = this.held.slice(at);
    if (this.hurried !== null && this.underWay() > 0) this.giveUpLate(this.hurried);
    this.relieve();
  }

  private giveUpLate({ sinceNs, patienceMs }: { sinceNs: number; patienceMs: number }): void {
    const lateNs = Math.max(sinceNs, this.acknowledgedNs) + patienceMs * 1e6;
    if (this.failure !== null || systemClock.monotonicNs() <= lateNs) return;
    const seconds = patienceMs / 1000;
    this.fail(
      `the job was stopped, and they are not acknowledged for ${seconds} s`,
      null,
      undefined,
    );
  }

  private reported(
    error: RdError | null | undefined,
    report: { readonly size: number; readonly partition: number },
  ): void {
    this.bytesUnderWay -= report.size;
    if (error === null || error === undefined) {
      this.acknowledged += 1;
      this.acknowledgedNs = systemClock.monotonicNs();
      this.watch.alive();
    } else {
      this.failed += 1;
      this.fail(error.message, report.partition, error);
    }
    this.relieve();
  }

  private relieve(): void {
    if (this.relief === null || (this.failure === null && this.crowded())) return;
    this.relief.resolve();
    this.relief = null;
  }

  private fail(
    reason: string,
    partition: number | null,
    cause: RdError | undefined,
  ): ConnectorError {
    const { target: endpoint, acknowledged, sent } = this;
    const hint = cause === undefined ? undefined : brokerErrorHint(cause.code);
    const place = partition === null || partition < 0 ? null : partition;
    const failure = { endpoint, partition: place, reason, hint, acknowledged, sent, cause };
    this.failure ??= deliveryError(failure);
    return this.failure;
  }
}

/** node-rdkafka knows no header without a value: it gets the empty text. */
function rdHeaders({ keys, values }: SqlMap): RdHeader[] {
  return keys.map((key, at) => ({ [String(key)]: String(values[at] ?? '') }));
}
