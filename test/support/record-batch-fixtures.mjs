/**
 * Writes test/connectors/kafka/batches/*.bin: record batches as a real broker stores them, for the
 * tests of the record walk. Run by hand (`node test/support/record-batch-fixtures.mjs`); what the
 * records hold is repeated in record-set-fixtures.test.ts. The broker's log files are record sets.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import kafka from 'node-rdkafka';
import { createTopics, startKafkaBroker } from './kafka-broker.mjs';

const TARGET = fileURLToPath(new URL('../connectors/kafka/batches/', import.meta.url));
const RECORDS = 120;
const T0 = 1_700_000_000_000;

/** Topic → what the producer (librdkafka) compresses with, and what the broker (Java) makes of it. */
const TOPICS = {
  plain: { codec: 'none', config: {} },
  gzip: { codec: 'gzip', config: {} },
  'snappy-raw': { codec: 'snappy', config: {} },
  'snappy-framed': { codec: 'none', config: { 'compression.type': 'snappy' } },
  lz4: { codec: 'lz4', config: {} },
  'lz4-java': { codec: 'none', config: { 'compression.type': 'lz4' } },
  zstd: { codec: 'none', config: { 'compression.type': 'zstd' } },
  'log-append': { codec: 'lz4', config: { 'message.timestamp.type': 'LogAppendTime' } },
};

function record(at) {
  return {
    key: at % 5 === 0 ? null : Buffer.from(`k${at % 7}`),
    value: at % 11 === 3 ? null : Buffer.from(JSON.stringify({ id: at, name: `name ${at % 9}` })),
    headers: at % 4 === 0 ? [{ trace: `t${at}` }, { trace: 'last' }, { empty: '' }] : [],
    timeMs: T0 + at * 10,
  };
}

async function producer(brokers, settings) {
  const made = new kafka.Producer({ 'bootstrap.servers': brokers, 'linger.ms': 50, ...settings });
  await new Promise((resolve, reject) => {
    made.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
  });
  return made;
}

function call(made, method, ...args) {
  return new Promise((resolve, reject) => {
    made[method](...args, (error) => (error ? reject(error) : resolve()));
  });
}

function produce(made, topic, from, to) {
  for (let at = from; at < to; at += 1) {
    const { key, value, headers, timeMs } = record(at);
    made.produce(topic, 0, value, key, timeMs, undefined, headers);
  }
}

const broker = await startKafkaBroker();
try {
  const topics = [...Object.entries(TOPICS), ['transactions', { config: {} }]];
  await createTopics(
    broker.brokers,
    topics.map(([topic, { config }]) => ({ topic, config })),
  );
  for (const [topic, { codec }] of Object.entries(TOPICS)) {
    const made = await producer(broker.brokers, { 'compression.codec': codec });
    produce(made, topic, 0, RECORDS / 2);
    await call(made, 'flush', 10_000);
    produce(made, topic, RECORDS / 2, RECORDS);
    await call(made, 'flush', 10_000);
    await call(made, 'disconnect');
  }
  const [a, b] = await Promise.all(
    ['a', 'b'].map((id) => producer(broker.brokers, { 'transactional.id': id })),
  );
  await call(a, 'initTransactions', 10_000);
  await call(b, 'initTransactions', 10_000);
  // a: 0–9 committed, 10–19 aborted, 30–39 committed; b: 20–29 aborted around a's last.
  for (const [made, from, end] of [
    [a, 0, 'commitTransaction'],
    [a, 10, 'abortTransaction'],
    [b, 20, null],
    [a, 30, 'commitTransaction'],
    [b, null, 'abortTransaction'],
  ]) {
    if (from !== null) {
      await call(made, 'beginTransaction');
      produce(made, 'transactions', from, from + 10);
      await call(made, 'flush', 10_000);
    }
    if (end !== null) await call(made, end, 10_000);
  }
  await Promise.all([call(a, 'disconnect'), call(b, 'disconnect')]);
  await broker.kill('SIGTERM');
  for (const [topic] of topics) {
    const folder = join(broker.folder, 'data', `${topic}-0`);
    const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
    const segments = logs.sort().map((name) => readFileSync(join(folder, name)));
    writeFileSync(join(TARGET, `${topic}.bin`), Buffer.concat(segments));
  }
} finally {
  await broker.stop();
}
