/**
 * Brokers that want to know who asks: SASL over TLS and client certificates, and what is said, and
 * how soon, when a password, a certificate or an address is wrong. Run by java-topics.test.ts.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTopics, freePorts } from '../support/kafka-broker.mjs';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';
import * as kafka from './harness.js';
import { FETCH_PATHS } from './java-records.js';
import type { JavaFixture } from './java-records.js';
import { JobRun, kafkaDdl } from './job-run.js';

export const USER = 'alice';
export const PASSWORD = 'correct horse';

/** What a table allows for the first connection, and what may pass until the error is there. */
const CONNECT_TIMEOUT = '2s';
const ERROR_MS_MAX = 5_000;
const RECORDS = 200;
const PARTITIONS = 2;

type Options = Readonly<Record<string, string>>;

export function testSecured(fixture: JavaFixture): void {
  const { secure, tls, topicWith } = fixture;
  let topic = '';

  beforeAll(async () => {
    topic = await topicWith(kafka.ids(RECORDS, PARTITIONS), { partitions: PARTITIONS });
  });

  describe.each(FETCH_PATHS)("with 'fetch' = '%s'", (fetch) => {
    const common: Options = { ...kafka.ALL, fetch, 'connect.timeout': CONNECT_TIMEOUT };
    const overTls = (): Options => ({ ...common, 'properties.ssl.ca.location': tls().authority });
    const sasl = (options: Options = {}): Options => ({
      ...overTls(),
      'properties.security.protocol': 'SASL_SSL',
      'properties.sasl.mechanism': 'SCRAM-SHA-512',
      'properties.sasl.username': USER,
      'properties.sasl.password': PASSWORD,
      ...options,
    });
    const certificate = (): Options => ({
      ...overTls(),
      'properties.security.protocol': 'SSL',
      'properties.ssl.certificate.location': tls().clientCertificate,
      'properties.ssl.key.location': tls().clientKey,
    });

    it.each(['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'])('%s over TLS reads', async (mechanism) => {
      const options = sasl({ 'properties.sasl.mechanism': mechanism });
      const table = kafka.kafkaTable(secure().sasl, topic, options);
      expect(await kafka.readIds(table)).toEqual(kafka.range(RECORDS));
    });

    it('a login and a store in the words of Java read', async () => {
      const module = 'org.apache.kafka.common.security.scram.ScramLoginModule';
      const table = kafka.kafkaTable(secure().sasl, topic, {
        ...common,
        'properties.security.protocol': 'SASL_SSL',
        'properties.ssl.truststore.type': 'PEM',
        'properties.ssl.truststore.location': tls().authority,
        'properties.sasl.mechanism': 'SCRAM-SHA-512',
        'properties.sasl.jaas.config': `${module} required username="${USER}" password="${PASSWORD}";`,
      });
      expect(await kafka.readIds(table)).toEqual(kafka.range(RECORDS));
    });

    it('SCRAM over TLS reads on V2', async () => {
      const sql = `${kafkaDdl(secure().sasl, topic, sasl(), 'id BIGINT')} SELECT id FROM t;`;
      const rows = await JobRun.rowsOf(sql, { partitions: 2, workers: 2 });
      const ids = rows.map((row) => Number(row['id'])).sort((a, b) => a - b);
      expect(ids).toEqual(kafka.range(RECORDS));
    });

    /** A copy of the topic, written with this password. */
    const copied = async (
      copy: string,
      { password = PASSWORD, arch = 'v1' } = {},
    ): Promise<VeloRun> => {
      const own = Object.entries(sasl({ 'properties.sasl.password': password }));
      const to = Object.fromEntries(own.filter(([name]) => name.startsWith('properties.')));
      const tables = [
        kafkaDdl(secure().sasl, topic, sasl(), 'id BIGINT'),
        kafkaDdl(
          secure().sasl,
          copy,
          { ...to, produce: fetch, 'connect.timeout': CONNECT_TIMEOUT },
          'id BIGINT',
          'copy',
        ),
      ];
      const sql = `${tables.join(' ')} INSERT INTO copy SELECT id FROM t;`;
      return velo(['run', '--arch', arch, '-e', sql], { limitMs: 200_000 });
    };

    it.each(['v1', 'v2'])('a sink with a wrong password ends %s', async (arch) => {
      const copy = `${topic}-${fetch}-${arch}-not`;
      const { exit, stderr } = await copied(copy, { password: 'wrong', arch });
      expect(stderr).toContain('error[VELO_KAFKA_AUTHENTICATION]');
      expect(exit).toBe(1);
    });

    it.each(['v1', 'v2'])('SCRAM over TLS writes on %s', async (arch) => {
      const copy = `${topic}-${fetch}-${arch}`;
      await createTopics(fixture.brokers(), [{ topic: copy, partitions: 1 }]);
      const { exit, stderr } = await copied(copy, { arch });
      expect(exit, stderr).toBe(0);
      const table = kafka.kafkaTable(secure().sasl, copy, sasl());
      expect(await kafka.readIds(table)).toEqual(kafka.range(RECORDS));
    });

    it('a client certificate reads', async () => {
      const table = kafka.kafkaTable(secure().certificates, topic, certificate());
      expect(await kafka.readIds(table)).toEqual(kafka.range(RECORDS));
    });

    /** The read fails in time, with this code and words that help. */
    const refused = async (brokers: string, options: Options, code: string): Promise<void> => {
      const table = kafka.kafkaTable(brokers, topic, options);
      const { error, ms } = await kafka.failureOf(() => kafka.openSource(table));
      expect(error).toMatchObject({ code, hint: expect.stringMatching(/\w/) as string });
      expect((error as Error).message).toMatch(/Kafka broker/);
      expect((error as Error).message).not.toContain(PASSWORD);
      expect(ms).toBeLessThan(ERROR_MS_MAX);
    };

    it.each(['SCRAM-SHA-512', 'PLAIN'])('a wrong password of %s is said', async (mechanism) => {
      const wrong = { 'properties.sasl.password': 'wrong', 'properties.sasl.mechanism': mechanism };
      await refused(secure().sasl, sasl(wrong), 'VELO_KAFKA_AUTHENTICATION');
    });

    it('a user that does not exist is said', async () => {
      const wrong = { 'properties.sasl.username': 'nobody' };
      await refused(secure().sasl, sasl(wrong), 'VELO_KAFKA_AUTHENTICATION');
    });

    it('a certificate of an authority that is not trusted is said', async () => {
      const wrong = { 'properties.ssl.ca.location': tls().otherAuthority };
      await refused(secure().sasl, sasl(wrong), 'VELO_KAFKA_TLS');
    });

    it('a certificate for another host is said', async () => {
      const brokers = secure().sasl.replace('localhost', '127.0.0.1');
      await refused(brokers, sasl(), 'VELO_KAFKA_TLS');
    });

    it('TLS on one side only is said', async () => {
      // librdkafka's code for it is that of any broken connection.
      const code = fetch === 'columnar' ? 'VELO_KAFKA_TLS' : 'VELO_BROKER_UNREACHABLE';
      await refused(fixture.brokers(), sasl(), code);
      await refused(secure().sasl, common, code);
    });

    it('an address where nobody listens is said', async () => {
      const [port = 0] = await freePorts(1);
      await refused(`localhost:${port}`, sasl(), 'VELO_BROKER_UNREACHABLE');
    });

    it('a server that never answers is said', async () => {
      const silent = createServer();
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as AddressInfo;
      try {
        await refused(`localhost:${port}`, common, 'VELO_BROKER_UNREACHABLE');
        await refused(`localhost:${port}`, sasl(), 'VELO_BROKER_UNREACHABLE');
      } finally {
        silent.close();
      }
    });
  });
}
