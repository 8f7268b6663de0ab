/**
 * Logins and certificates against a real broker that asks for them: every mechanism gets in, and
 * what is wrong is said at once, with the property to look at and without the password.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { Cluster } from '../../src/connectors/kafka/cluster/cluster.js';
import { clientSettings } from '../../src/connectors/kafka/settings/client-settings.js';
import type { KafkaEndpoint } from '../../src/connectors/kafka/settings/table-options.js';
import { createTopics, freePorts, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { secureListeners } from '../support/kafka-secure.mjs';
import type { SecureListeners } from '../support/kafka-secure.mjs';
import { writeTlsFiles } from '../support/tls-files.mjs';
import type { TlsFiles } from '../support/tls-files.mjs';
import { velo } from '../support/velo-process.js';
import { failureOf } from './harness.js';
import { atThisPace } from '../support/machine-pace.js';

const TOPIC = 'secured';
const USER = 'alice';
const PASSWORD = 'wonder-land';
const JAAS = 'org.apache.kafka.common.security';
const SESSION_MS = 2_000;

let broker: KafkaBroker;
let listeners: SecureListeners;
let tls: TlsFiles;
let folder: string;
let plainLogin: string;
let tokens: string;
const opened: Cluster[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'velo-secured-'));
  tls = await writeTlsFiles(folder);
  listeners = await secureListeners({ tls, user: USER, password: PASSWORD });
  const [port = 0] = await freePorts(1);
  plainLogin = `localhost:${port}`;
  tokens = plainLogin;
  const name = 'listener.name.sasl_plaintext';
  broker = await startKafkaBroker({
    ...listeners,
    listeners: [...(listeners.listeners ?? []), { protocol: 'SASL_PLAINTEXT', port }],
    properties: {
      ...listeners.properties,
      [`${name}.sasl.enabled.mechanisms`]: 'SCRAM-SHA-256,OAUTHBEARER',
      [`${name}.scram-sha-256.sasl.jaas.config`]: `${JAAS}.scram.ScramLoginModule required;`,
      [`${name}.oauthbearer.sasl.jaas.config`]: `${JAAS}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="velo";`,
      [`${name}.scram-sha-256.connections.max.reauth.ms`]: SESSION_MS,
    },
  });
  await createTopics(broker.brokers, [{ topic: TOPIC, partitions: 2 }]);
}, 120_000);

afterAll(async () => {
  await Promise.all(opened.map((cluster) => cluster.close()));
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function connect(
  brokers: string,
  properties: Readonly<Record<string, string>>,
): Promise<Cluster> {
  const fixed = { label: 'table "t"', topic: TOPIC, connectTimeoutMs: 10_000 };
  const endpoint: KafkaEndpoint = { ...fixed, brokers, properties };
  const settings = clientSettings(endpoint);
  expect(settings.unusable).toBeNull();
  const cluster = await Cluster.connect(endpoint, settings, () => undefined, systemClock);
  opened.push(cluster);
  return cluster;
}

function login(mechanism: string, password = PASSWORD): Record<string, string> {
  return {
    'security.protocol': 'SASL_SSL',
    'ssl.ca.location': tls.authority,
    'sasl.mechanism': mechanism,
    'sasl.username': USER,
    'sasl.password': password,
  };
}

/** A token without a signature, as brokers take them that are set up for tests. */
function token(seconds = 600): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(systemClock.nowMs() / 1000);
  return `${part({ alg: 'none' })}.${part({ sub: 'velo', iat, exp: iat + seconds })}.`;
}

describe('a login', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'with %s over TLS gets in',
    async (name) => {
      const cluster = await connect(listeners.sasl, login(name));
      expect(cluster.topic().partitions.length).toBe(2);
      const latest = await cluster.listOffsets([{ partition: 0, at: 'latest' }], 'read_committed');
      expect(latest).toEqual(new Map([[0, 0]]));
    },
    30_000,
  );

  it('in the words of Java gets in', async () => {
    const cluster = await connect(listeners.sasl, {
      'security.protocol': 'SASL_SSL',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': tls.authority,
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.jaas.config': `${JAAS}.scram.ScramLoginModule required username="${USER}" password="${PASSWORD}";`,
    });
    expect(cluster.topic().partitions.length).toBe(2);
  }, 30_000);

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'with %s and a wrong password is refused at once, and nobody reads the password',
    async (name) => {
      const wrong = login(name, 'a-wrong-password');
      const { error, ms } = await failureOf(() => connect(listeners.sasl, wrong));
      expect(error).toMatchObject({
        key: 'KAFKA_AUTHENTICATION',
        message: `the Kafka broker at ${listeners.sasl} refuses user "alice" of table "t" (${name})`,
        hint: "check 'properties.sasl.username' and 'properties.sasl.password'",
      });
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('a-wrong');
      expect(ms).toBeLessThan(atThisPace(5_000));
    },
    30_000,
  );

  it('is tried by velo doctor, which says who got in and never with what', async () => {
    const options = new URLSearchParams(
      Object.entries(login('SCRAM-SHA-512')).map(([name, text]): [string, string] => [
        `properties.${name}`,
        text,
      ]),
    );
    const brokers = `${listeners.sasl}?${options.toString()}`;
    const right = await velo(['doctor', '--brokers', brokers]);
    expect(right.stdout).toContain(`${listeners.sasl}: 1 broker, TLS, user "alice" logged in`);
    const wrong = brokers.replace(PASSWORD, 'a-wrong-password');
    const { exit, stdout, stderr } = await velo(['doctor', '--brokers', wrong, '--json']);
    expect(exit).toBe(1);
    const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
    expect(checks.filter(({ name }) => name === 'brokers')).toMatchObject([
      {
        status: 'broken',
        text: `the Kafka broker at ${listeners.sasl} refuses user "alice" of --brokers (SCRAM-SHA-512)`,
      },
    ]);
    expect(stdout + stderr).not.toContain('a-wrong-password');
  }, 60_000);

  it('with a mechanism that the broker lacks names those that it has', async () => {
    const properties = { ...login('PLAIN'), 'security.protocol': 'SASL_PLAINTEXT' };
    const { error } = await failureOf(() => connect(plainLogin, properties));
    expect(error).toMatchObject({
      key: 'KAFKA_AUTHENTICATION',
      message: `the Kafka broker at ${plainLogin} does not take logins with PLAIN`,
      hint: expect.stringContaining("'SCRAM-SHA-256'"),
    });
  }, 30_000);

  it('that is missing is asked for', async () => {
    const { error } = await failureOf(() => connect(plainLogin, {}));
    expect(error).toMatchObject({
      key: 'KAFKA_AUTHENTICATION',
      hint: expect.stringContaining("'properties.security.protocol'"),
    });
  }, 30_000);

  it('with a token, or the token of a file, gets in', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${token()}\n`);
    const bearer = { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'OAUTHBEARER' };
    const text = { ...bearer, 'sasl.oauthbearer.token': token() };
    expect((await connect(tokens, text)).topic().partitions.length).toBe(2);
    const named = { ...bearer, 'sasl.oauthbearer.token.file': file };
    expect((await connect(tokens, named)).topic().partitions.length).toBe(2);
  }, 30_000);

  it.each([
    ['that is over is refused', () => token(-600), 'refuses the token'],
    ['that is none is refused', () => 'e30.e30.', 'closes the connection while the token'],
  ])(
    'with a token %s',
    async (_, make, told) => {
      const { error, ms } = await failureOf(() =>
        connect(tokens, {
          'security.protocol': 'SASL_PLAINTEXT',
          'sasl.mechanism': 'OAUTHBEARER',
          'sasl.oauthbearer.token': make(),
        }),
      );
      expect(error).toMatchObject({
        key: 'KAFKA_AUTHENTICATION',
        message: expect.stringContaining(told),
        hint: expect.stringContaining("check 'properties.sasl.oauthbearer.token'"),
      });
      expect(ms).toBeLessThan(atThisPace(5_000));
    },
    30_000,
  );

  it('whose session ends is said to expire before, and a new connection works', async () => {
    const properties = { ...login('SCRAM-SHA-256'), 'security.protocol': 'SASL_PLAINTEXT' };
    const cluster = await connect(plainLogin, properties);
    const connection = await cluster.fetchConnection(1);
    expect(connection.expiring).toBe(false);
    await expect.poll(() => connection.expiring, { timeout: SESSION_MS }).toBe(true);
    connection.close();
    const next = await cluster.fetchConnection(1);
    expect(next.expiring).toBe(false);
    expect((await cluster.refresh()).partitions.length).toBe(2);
  }, 30_000);
});

describe('a certificate', () => {
  it('of an authority that is not trusted is refused, with the property to set', async () => {
    const properties = { ...login('SCRAM-SHA-512'), 'ssl.ca.location': tls.otherAuthority };
    const { error, ms } = await failureOf(() => connect(listeners.sasl, properties));
    expect(error).toMatchObject({
      key: 'KAFKA_TLS',
      message: `the certificate of the Kafka broker at ${listeners.sasl} is not trusted`,
      hint: expect.stringContaining("'properties.ssl.ca.location'"),
    });
    expect(ms).toBeLessThan(atThisPace(5_000));
  }, 30_000);

  it('for another host is refused, unless any host will do', async () => {
    const byAddress = listeners.sasl.replace('localhost', '127.0.0.1');
    const properties = login('SCRAM-SHA-512');
    const { error } = await failureOf(() => connect(byAddress, properties));
    expect(error).toMatchObject({
      key: 'KAFKA_TLS',
      message: `the certificate of the Kafka broker at ${byAddress} is for another host`,
      hint: expect.stringContaining("'properties.ssl.endpoint.identification.algorithm'"),
    });
    const anyHost = { ...properties, 'ssl.endpoint.identification.algorithm': 'none' };
    expect((await connect(byAddress, anyHost)).topic().partitions.length).toBe(2);
  }, 30_000);

  it('of the client is sent, and asked for where it is missing', async () => {
    const without = { 'security.protocol': 'SSL', 'ssl.ca.location': tls.authority };
    const { error } = await failureOf(() => connect(listeners.certificates, without));
    expect(error).toMatchObject({
      key: 'KAFKA_TLS',
      hint: expect.stringContaining("'properties.ssl.certificate.location'"),
    });
    const cluster = await connect(listeners.certificates, {
      ...without,
      'ssl.certificate.location': tls.clientCertificate,
      'ssl.key.location': tls.clientKey,
    });
    expect(cluster.topic().partitions.length).toBe(2);
  }, 30_000);

  it('is not asked for in plain text: the port speaks TLS', async () => {
    const { error } = await failureOf(() => connect(listeners.certificates, {}));
    expect(error).toMatchObject({
      key: 'KAFKA_TLS',
      message: expect.stringContaining('speaks TLS'),
    });
    const properties = { ...login('PLAIN'), 'security.protocol': 'SASL_PLAINTEXT' };
    const refused = await failureOf(() => connect(listeners.sasl, properties));
    expect(refused.error).toMatchObject({ key: 'KAFKA_TLS' });
  }, 30_000);
});
