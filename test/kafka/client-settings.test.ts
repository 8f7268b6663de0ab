/** What 'properties.*' say to the clients that speak Kafka's protocol themselves. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientSettings } from '../../src/connectors/kafka/settings/client-settings.js';
import type { ClientSettings } from '../../src/connectors/kafka/settings/client-settings.js';

function settings(
  properties: Readonly<Record<string, string>>,
  brokers = 'localhost:9092',
): ClientSettings {
  const fixed = { label: 'table "t"', topic: 'orders', connectTimeoutMs: 10_000 };
  return clientSettings({ ...fixed, brokers, properties });
}

function faultOf(properties: Readonly<Record<string, string>>, brokers?: string): unknown {
  try {
    settings(properties, brokers);
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

const LOGIN = {
  'security.protocol': 'SASL_PLAINTEXT',
  'sasl.username': 'alice',
  'sasl.password': 'secret',
};

describe('settings of connections', () => {
  it('have defaults for all that is not said', () => {
    expect(settings({})).toEqual({
      bootstrap: [{ host: 'localhost', port: 9092 }],
      clientId: 'velo',
      tls: null,
      sasl: null,
      keepAlive: false,
      requestTimeoutMs: 30_000,
      frameBytesMax: 256 << 20,
      isolation: 'read_committed',
      checkCrcs: true,
      fetch: { minBytes: 1, waitMsMax: 500, partitionBytesMax: null, bytesMax: null, rack: '' },
      unusable: null,
    });
  });

  it.each([
    [
      'a,b:1',
      [
        { host: 'a', port: 9092 },
        { host: 'b', port: 1 },
      ],
    ],
    [
      ' a:1 , b:2 ,',
      [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    ],
    ['[::1]:9093', [{ host: '::1', port: 9093 }]],
    ['PLAINTEXT://a:1', [{ host: 'a', port: 1 }]],
  ])('find the brokers in %j', (brokers, addresses) => {
    expect(settings({}, brokers).bootstrap).toEqual(addresses);
  });

  it.each(['a:b', 'a:0', 'a:70000', 'a:1:2'])('refuse %j as brokers', (brokers) => {
    expect(faultOf({}, brokers)).toMatchObject({
      key: 'SETTING_INVALID',
      message: expect.stringContaining('"properties.bootstrap.servers"'),
    });
  });

  it.each([
    [{ 'isolation.level': 'read_uncommitted' }, { isolation: 'read_uncommitted' }],
    [{ 'check.crcs': 'false' }, { checkCrcs: false }],
    [{ 'client.id': 'me' }, { clientId: 'me' }],
    [{ 'fetch.wait.max.ms': '7' }, { fetch: { waitMsMax: 7 } }],
    [{ 'fetch.max.wait.ms': '7' }, { fetch: { waitMsMax: 7 } }],
    [{ 'fetch.max.wait.ms': '40000' }, { requestTimeoutMs: 80_000 }],
    [{ 'max.partition.fetch.bytes': '100' }, { fetch: { partitionBytesMax: 100 } }],
    [{ 'fetch.max.bytes': '100', 'client.rack': 'a' }, { fetch: { bytesMax: 100, rack: 'a' } }],
  ])('take %j', (properties, expected) => {
    expect(settings(properties)).toMatchObject(expected);
  });

  it.each([
    [{ 'isolation.level': 'dirty' }, "use 'read_committed', 'read_uncommitted'"],
    [{ 'check.crcs': 'maybe' }, "use 'true' or 'false'"],
    [{ 'fetch.min.bytes': '-1' }, 'give a whole number from 1 on'],
    [{ 'security.protocol': 'TLS' }, expect.stringContaining("'SASL_SSL'")],
  ])('refuse %j', (properties, hint) => {
    expect(faultOf(properties)).toMatchObject({ key: 'SETTING_INVALID', hint });
  });

  it('pass over what tunes librdkafka, and are unusable with what nobody here knows', () => {
    expect(settings({ 'queued.min.messages': '5' }).unusable).toBeNull();
    const stranger = 'it does not know the property "plugin.library.paths"';
    expect(settings({ 'plugin.library.paths': 'x' }).unusable).toBe(stranger);
  });
});

describe('settings of logins', () => {
  it.each(['sasl.mechanism', 'sasl.mechanisms'])('name the mechanism with %s', (name) => {
    const { sasl } = settings({ ...LOGIN, [name]: 'scram-sha-256' });
    expect(sasl?.options).toEqual({
      mechanism: 'SCRAM-SHA-256',
      username: 'alice',
      password: 'secret',
    });
    expect(sasl?.who).toBe('user "alice"');
  });

  it.each([
    ['username="bob" password="a\\"b=c; d"', 'a"b=c; d'],
    ["username='bob'\n  password='x y'", 'x y'],
    ['password=plain username=bob', 'plain'],
  ])('come from a line of JAAS: %s', (options, password) => {
    const line = `org.apache.kafka.common.security.plain.PlainLoginModule required ${options};`;
    const properties = { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'PLAIN' };
    const { sasl } = settings({ ...properties, 'sasl.jaas.config': line });
    expect(sasl?.options).toMatchObject({ username: 'bob', password });
  });

  it('of a line that cannot be read are refused without showing it', () => {
    const line = 'PlainLoginModule needed username="bob" password="secret"';
    const error = faultOf({ ...LOGIN, 'sasl.mechanism': 'PLAIN', 'sasl.jaas.config': line });
    expect(error).toMatchObject({
      key: 'SETTING_INVALID',
      message: 'option "properties.sasl.jaas.config" of table "t" cannot be read',
    });
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  it('lack a password, and are asked for it', () => {
    const without = { ...LOGIN, 'sasl.password': '', 'sasl.mechanism': 'PLAIN' };
    expect(faultOf(without)).toMatchObject({
      message: 'table "t" with connector "kafka" lacks the option "properties.sasl.password"',
    });
  });

  it.each([{}, { 'sasl.mechanism': 'GSSAPI' }])('with Kerberos are unusable: %j', (mechanism) => {
    expect(settings({ ...LOGIN, ...mechanism }).unusable).toBe('it has no SASL mechanism GSSAPI');
  });

  it('without a protocol that has logins mean nothing', () => {
    expect(settings({ ...LOGIN, 'security.protocol': 'PLAINTEXT' })).toMatchObject({
      sasl: null,
      unusable: null,
    });
  });

  it('with tokens that somebody else makes are unusable', () => {
    const bearer = { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'OAUTHBEARER' };
    const url = 'https://login.example.com/token';
    expect(settings({ ...bearer, 'sasl.oauthbearer.token.endpoint.url': url }).unusable).toBe(
      'it takes OAUTHBEARER tokens from a property or a file only',
    );
  });
});

describe('settings of TLS', () => {
  it('refuse files that are not there, or are none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'velo-settings-'));
    const file = join(folder, 'store.jks');
    writeFileSync(file, 'no certificate');
    const ssl = { 'security.protocol': 'SSL' };
    expect(faultOf({ ...ssl, 'ssl.ca.location': `${file}x` })).toMatchObject({
      key: 'SETTING_INVALID',
      message: `the file "${file}x" of option "properties.ssl.ca.location" of table "t" cannot be read`,
    });
    expect(faultOf({ ...ssl, 'ssl.truststore.location': file })).toMatchObject({
      key: 'SETTING_INVALID',
      message: 'option "properties.ssl.truststore.location" of table "t" names no PEM file',
    });
    rmSync(folder, { recursive: true });
  });

  it('check names of hosts and certificates unless they are told not to', () => {
    const ssl = { 'security.protocol': 'SSL' };
    expect(settings(ssl).tls).toMatchObject({ rejectUnauthorized: true });
    expect(settings(ssl).tls).not.toHaveProperty('checkServerIdentity');
    const identification = 'ssl.endpoint.identification.algorithm';
    expect(settings({ ...ssl, [identification]: 'none' }).tls).toHaveProperty(
      'checkServerIdentity',
    );
    expect(settings({ ...ssl, [identification]: '' }).tls).toHaveProperty('checkServerIdentity');
    const blind = { ...ssl, 'enable.ssl.certificate.verification': 'false' };
    expect(settings(blind).tls).toMatchObject({ rejectUnauthorized: false });
  });
});
