/**
 * A broker that lets users do what its ACLs say: which permission is missing is said, for which
 * topic or group and to whom, and soon. The whole command, over velo's own requests: librdkafka does
 * not tell these from what does not exist, or does not answer.
 */
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { createTopics, freePorts, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { velo } from '../support/velo-process.js';
import { ids, produce } from './harness.js';

const USER = 'alice';
const PASSWORD = 'wonder-land';
const MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule';
/** Numbers of Kafka's protocol. */
const TOPIC = 2;
const LITERAL = 3;
const ALLOW = 3;
const READ = 3;
const WRITE = 4;
const DESCRIBE = 8;
const MS_MAX = 12_000;

const SUITE = 'users with few permissions';

describe.runIf(javaSuiteRuns(SUITE))(SUITE, () => {
  let broker: KafkaBroker;
  let login = '';

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    login = `localhost:${port}`;
    const name = 'listener.name.sasl_plaintext';
    broker = await startKafkaBroker({
      listeners: [{ protocol: 'SASL_PLAINTEXT', port }],
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        // Whoever comes by the plain listener, the broker itself too.
        'super.users': 'User:ANONYMOUS',
        [`${name}.sasl.enabled.mechanisms`]: 'PLAIN',
        [`${name}.plain.sasl.jaas.config`]: `${MODULE} required user_${USER}="${PASSWORD}";`,
      },
    });
    await createTopics(broker.brokers, [
      { topic: 'open' },
      { topic: 'seen' },
      { topic: 'dark' },
      { topic: 'mine' },
    ]);
    await produce(broker.brokers, 'open', ids(3));
    const admin = new Admin({ clientId: 'acls', bootstrapBrokers: [broker.brokers] });
    const allow = (resourceName: string, operation: number) => ({
      resourceType: TOPIC,
      resourceName,
      resourcePatternType: LITERAL,
      principal: `User:${USER}`,
      host: '*',
      operation,
      permissionType: ALLOW,
    });
    await admin.createAcls({
      creations: [
        allow('open', READ),
        allow('open', DESCRIBE),
        allow('seen', DESCRIBE),
        allow('mine', WRITE),
      ],
    } as Parameters<Admin['createAcls']>[0]);
    await admin.close();
  }, 120_000);

  afterAll(async () => {
    await broker.stop();
  });

  /** What `velo run` says of a query over this topic. */
  async function said(
    topic: string,
    query: string,
    options: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const all = {
      connector: 'kafka',
      topic,
      format: 'json',
      'connect.timeout': '3s',
      'scan.bounded.mode': 'latest-offset',
      'properties.bootstrap.servers': login,
      'properties.security.protocol': 'SASL_PLAINTEXT',
      'properties.sasl.mechanism': 'PLAIN',
      'properties.sasl.username': USER,
      'properties.sasl.password': PASSWORD,
      ...options,
    };
    const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
    const sql = `CREATE TABLE t (id BIGINT) WITH (${list.join(', ')}); ${query};`;
    const { stdout, stderr, exit, ms } = await velo(['run', '-e', sql], { limitMs: 20_000 });
    expect(stderr).not.toMatch(/^ +at |VELO_INTERNAL|wonder-land/m);
    expect(ms).toBeLessThan(MS_MAX);
    return `${stdout}${stderr}exit ${exit ?? 'none'}`;
  }

  const MISSING = /error\[VELO_KAFKA_AUTHORIZATION\]: user "alice" may not use /;

  it('read what they may read', async () => {
    expect(await said('open', 'SELECT count(*) AS n FROM t')).toMatch(/"n":3[^]*exit 0$/);
  });

  it.each(['dark', 'seen'])('hear that they may not read the topic "%s"', async (topic) => {
    // Records would be asked for: without a bound there is a fetch.
    const text = await said(topic, 'SELECT id FROM t', { 'scan.bounded.mode': 'unbounded' });
    expect(text).toMatch(MISSING);
    expect(text).toMatch(new RegExp(`hint: allow .*READ on topic "${topic}"`));
    expect(text).toMatch(/exit 1$/);
  });

  it('hear that they may not use the group', async () => {
    const options = { 'properties.group.id': 'readers', 'scan.startup.mode': 'group-offsets' };
    const text = await said('open', 'SELECT id FROM t', options);
    expect(text).toMatch(MISSING);
    expect(text).toContain('hint: allow READ on group "readers"');
    expect(text).toMatch(/exit 1$/);
  });

  it('hear that they may not write to the topic', async () => {
    const insert = 'INSERT INTO t SELECT 1 AS id';
    const unbounded = { 'scan.bounded.mode': 'unbounded' };
    // Who may write somewhere may be an idempotent producer.
    expect(await said('mine', insert, unbounded)).toMatch(/exit 0$/);
    const text = await said('open', insert, unbounded);
    expect(text).toMatch(/error\[VELO_/);
    expect(text).toMatch(/topic "open"[^]*WRITE[^]*exit 1$/);
  });
});
