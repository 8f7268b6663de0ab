/**
 * Records on their way to a topic: hands them to librdkafka's idempotent producer and counts what
 * the broker acknowledged. Owns backpressure (so many records and bytes may be under way), the
 * first failure, and a flush that ends: every record is acknowledged or the flush throws. What is
 * in a record is sink.ts and line-writer.ts.
 */
import { systemClock } from '../../base/clock.js';
import { ConnectorError } from '../../base/errors.js';
import { BrokerWatch } from './broker-watch.js';
import { closeProducer, deliveryTimeoutMs, openProducer, writablePartitions } from './client.js';
import type { KafkaEndpoint } from './options.js';
import { RD_ERROR, promised } from './rdkafka.js';
import type { RdError, RdProducer } from './rdkafka.js';

const UNDER_WAY_ROWS_MAX = 50_000;
const UNDER_WAY_BYTES_MAX = 32 << 20;
/** Rows that one step may send beyond what librdkafka takes; more is an error, not a leak. */
const HELD_ROWS_MAX = 1_000_000;
const POLL_INTERVAL_MS = 10;
const FLUSH_SLICE_MS = 200;
/** librdkafka gives a record up after 'delivery.timeout.ms'; a flush waits a little longer. */
const FLUSH_GRACE_MS = 5_000;

interface HeldRecord {
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
}

/**
 * Connects and looks the topic up (a cluster that creates topics on demand creates it here).
 * Throws as openKafkaSource does.
 */
export async function openDeliveryQueue(
  endpoint: KafkaEndpoint,
  notice: (line: string) => void,
): Promise<DeliveryQueue> {
  const producer = await openProducer(endpoint);
  try {
    await writablePartitions(endpoint, producer);
  } catch (error) {
    await closeProducer(producer);
    throw error;
  }
  return new DeliveryQueue(endpoint, producer, notice);
}

export class DeliveryQueue {
  /** Records that the broker acknowledged. */
  acknowledged = 0;
  private sent = 0;
  private bytesUnderWay = 0;
  private failed = 0;
  private failure: ConnectorError | null = null;
  /** Records that librdkafka's queue had no room for, in order. */
  private held: HeldRecord[] = [];
  private relief: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;
  private readonly endpoint: KafkaEndpoint;
  private readonly producer: RdProducer;
  private readonly watch: BrokerWatch;
  private readonly timer: NodeJS.Timeout;

  constructor(endpoint: KafkaEndpoint, producer: RdProducer, notice: (line: string) => void) {
    this.endpoint = endpoint;
    this.producer = producer;
    this.watch = new BrokerWatch(endpoint, producer, notice);
    producer.on('delivery-report', (error, report) => {
      this.reported(error, report.size);
    });
    this.timer = setInterval(() => {
      this.poll();
    }, POLL_INTERVAL_MS);
  }

  /** Takes a record; its bytes may be reused afterwards. A null value is a tombstone. */
  send(value: Uint8Array | null, key: Uint8Array | null): void {
    if (this.failure !== null) throw this.failure;
    if (this.held.length > 0 || !this.produce(value, key)) {
      if (this.held.length >= HELD_ROWS_MAX) throw this.fail('the queue is full', undefined);
      this.held.push({ value: value?.slice() ?? null, key: key?.slice() ?? null });
    }
  }

  /** null: send on. A promise: enough is under way, wait for it. */
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

  /** Resolves when the broker has acknowledged every record. Throws SINK_WRITE. */
  async flush(): Promise<void> {
    const timeoutMs = deliveryTimeoutMs(this.endpoint);
    const deadlineNs = systemClock.monotonicNs() + (timeoutMs + FLUSH_GRACE_MS) * 1e6;
    while (this.failure === null && this.underWay() > 0) {
      if (systemClock.monotonicNs() > deadlineNs)
        this.fail(`no answer for ${timeoutMs / 1000} s`, undefined);
      // A slice that times out is no failure: the loop decides by what was reported.
      await promised((done) => this.producer.flush(FLUSH_SLICE_MS, done)).catch(() => undefined);
      this.poll();
    }
    if (this.failure !== null) throw this.failure;
  }

  /** Flushes and disconnects. After a failure nothing more is waited for. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      clearInterval(this.timer);
      this.watch.close();
      await closeProducer(this.producer);
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

  private produce(value: Uint8Array | null, key: Uint8Array | null): boolean {
    try {
      this.producer.produce(this.endpoint.topic, null, value, key);
    } catch (error) {
      // Checked boundary: produce() throws librdkafka's errors only.
      const cause = error as RdError;
      if (cause.code === RD_ERROR.QUEUE_FULL) return false;
      this.failed += 1;
      this.sent += 1;
      throw this.fail(cause.message, cause);
    }
    this.sent += 1;
    this.bytesUnderWay += value?.length ?? 0;
    return true;
  }

  private poll(): void {
    this.producer.poll();
    let at = 0;
    while (at < this.held.length && this.failure === null) {
      const record = this.held[at] as HeldRecord;
      if (!this.produce(record.value, record.key)) break;
      at += 1;
    }
    if (at > 0) this.held = this.held.slice(at);
    this.relieve();
  }

  private reported(error: RdError | null | undefined, valueBytes: number): void {
    this.bytesUnderWay -= valueBytes;
    if (error === null || error === undefined) {
      this.acknowledged += 1;
      this.watch.alive();
    } else {
      this.failed += 1;
      this.fail(error.message, error);
    }
    this.relieve();
  }

  private relieve(): void {
    if (this.relief === null || (this.failure === null && this.crowded())) return;
    this.relief.resolve();
    this.relief = null;
  }

  private fail(why: string, cause: RdError | undefined): ConnectorError {
    this.failure ??= new ConnectorError('SINK_WRITE', {
      message: `topic "${this.endpoint.topic}" of ${this.endpoint.label} cannot take more rows: ${why}`,
      detail: `the broker acknowledged ${this.acknowledged} of ${this.sent} records`,
      hint: `check the broker at ${this.endpoint.brokers} and the topic's limits`,
      cause,
    });
    return this.failure;
  }
}
