/**
 * The Kafka source on topics as they are in the world, written by Kafka's own Java clients on a
 * real broker, and on that broker's secured listeners. One broker serves all of it; the groups are
 * read-transactions.ts, read-record-forms.ts and read-secured.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { startJavaClient } from '../support/java-client.mjs';
import type { JavaClient } from '../support/java-client.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { secureListeners } from '../support/kafka-secure.mjs';
import type { SecureListeners } from '../support/kafka-secure.mjs';
import { writeTlsFiles } from '../support/tls-files.mjs';
import type { TlsFiles } from '../support/tls-files.mjs';
import { newTopic, produce } from './harness.js';
import type { JavaFixture } from './java-records.js';
import { testRecordForms } from './read-record-forms.js';
import { PASSWORD, USER, testSecured } from './read-secured.js';
import { testTransactions } from './read-transactions.js';

const SUITE = 'reading what Java wrote, and secured brokers';

describe.runIf(javaSuiteRuns(SUITE, ['javac', 'openssl']))(SUITE, () => {
  const folder = mkdtempSync(join(tmpdir(), 'velo-java-topics-'));
  let broker: KafkaBroker;
  let java: JavaClient;
  let secure: SecureListeners;
  let tls: TlsFiles;

  beforeAll(async () => {
    tls = await writeTlsFiles(folder);
    secure = await secureListeners({ tls, user: USER, password: PASSWORD });
    broker = await startKafkaBroker({
      ...secure,
      properties: {
        ...secure.properties,
        // The cleaner looks often.
        'log.cleaner.backoff.ms': 200,
        'log.initial.task.delay.ms': 100,
      },
    });
    java = await startJavaClient(broker.brokers);
  });

  afterAll(async () => {
    await java.close();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const fixture: JavaFixture = {
    brokers: () => broker.brokers,
    java: () => java,
    secure: () => secure,
    tls: () => tls,
    topicWith: async (messages, { partitions = 1 } = {}) => {
      const topic = newTopic('secured');
      await createTopics(broker.brokers, [{ topic, partitions }]);
      await produce(broker.brokers, topic, messages);
      return topic;
    },
  };

  describe('transactions', () => {
    testTransactions(fixture);
  });

  describe('records', () => {
    testRecordForms(fixture);
  });

  describe('security', () => {
    testSecured(fixture);
  });
});
