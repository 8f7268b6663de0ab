/**
 * The loop of a Kafka library that only counts records, in a process of its own: node-rdkafka by
 * consume(n), @platformatic/kafka by its stream. Takes its task as one JSON argument and sends one
 * message to its parent. Deliberately does nothing else with a record.
 */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../base/clock.js';
import { loadRdkafka, promised } from '../../connectors/kafka/librdkafka/rdkafka.js';
import type { RdMessage } from '../../connectors/kafka/blocks/message-block.js';
import type { ReaderMessage, ReaderTask } from './peers-kafka-readers.js';

/** Messages of one consume(): more at a time is not faster. */
const CONSUME_MESSAGES = 10_000;

/** Counts up to what was asked for, and when. */
class Tally {
  records = 0;
  private readonly wanted: number;
  private firstNs = Number.NaN;

  constructor(wanted: number) {
    this.wanted = wanted;
  }

  /** True once there are enough. */
  add(count: number): boolean {
    if (this.records === 0 && count > 0) this.firstNs = systemClock.monotonicNs();
    this.records += count;
    return this.records >= this.wanted;
  }

  send(): void {
    const seconds = (systemClock.monotonicNs() - this.firstNs) / 1e9;
    const rssPeakBytes = process.resourceUsage().maxRSS * 1024;
    send({ kind: 'done', outcome: { records: this.records, seconds, rssPeakBytes } });
  }
}

async function readWithRdkafka(task: ReaderTask): Promise<void> {
  const { brokers, topic, partitions } = task;
  const { KafkaConsumer } = loadRdkafka();
  const consumer = new KafkaConsumer(
    { 'bootstrap.servers': brokers, 'group.id': randomUUID(), 'enable.auto.commit': false },
    {},
  );
  await promised((done) => consumer.connect({ timeout: 10_000 }, done));
  consumer.assign(
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })),
  );
  consumer.setDefaultConsumeTimeout(100);
  const tally = new Tally(task.records);
  for (;;) {
    const messages = await promised<readonly RdMessage[]>((done) =>
      consumer.consume(CONSUME_MESSAGES, done),
    );
    if (tally.add(messages.length)) return tally.send();
  }
}

async function readWithPlatformatic({ brokers, topic, records }: ReaderTask): Promise<void> {
  const { Consumer } = await import('@platformatic/kafka');
  const consumer = new Consumer({
    groupId: randomUUID(),
    clientId: 'peer',
    bootstrapBrokers: brokers.split(','),
  });
  const stream = await consumer.consume({ autocommit: false, topics: [topic], mode: 'earliest' });
  const tally = new Tally(records);
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('data', () => {
      if (tally.add(1)) resolve();
    });
  });
  tally.send();
}

function send(message: ReaderMessage): void {
  process.send?.(message);
}

const task = JSON.parse(process.argv[2] ?? '{}') as ReaderTask;
try {
  if (task.library === 'node-rdkafka') await readWithRdkafka(task);
  else await readWithPlatformatic(task);
} catch (error) {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}
