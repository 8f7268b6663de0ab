/** Java's names of logins and PEM stores, for librdkafka. */
import { describe, expect, it } from 'vitest';
import { rdkafkaProperties } from '../../src/connectors/kafka/librdkafka/rdkafka-properties.js';

function translated(properties: Readonly<Record<string, string>>): object {
  const fixed = { label: 'table "t"', topic: 't', brokers: 'b:1', connectTimeoutMs: 1_000 };
  return rdkafkaProperties({ ...fixed, properties });
}

const JAAS = 'org.apache.kafka.common.security';

describe('properties for librdkafka', () => {
  it('have the user and password of a JAAS line', () => {
    expect(
      translated({
        'sasl.mechanism': 'SCRAM-SHA-512',
        'sasl.jaas.config': `${JAAS}.scram.ScramLoginModule required username="al" password="a\\"b";`,
      }),
    ).toEqual({
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.username': 'al',
      'sasl.password': 'a"b',
    });
  });

  it('have PEM stores as what they are', () => {
    expect(
      translated({ 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': '/ca.pem' }),
    ).toEqual({ 'ssl.ca.location': '/ca.pem' });
    expect(
      translated({
        'ssl.truststore.certificates': 'A\\nB',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': '/me.pem',
      }),
    ).toEqual({
      'ssl.ca.pem': 'A\nB',
      'ssl.certificate.location': '/me.pem',
      'ssl.key.location': '/me.pem',
    });
  });

  it('pass unchanged where nothing is Java', () => {
    const own = { 'client.id': 'x', 'ssl.keystore.location': '/me.p12', 'fetch.min.bytes': '1' };
    expect(translated(own)).toEqual(own);
  });

  it('name the option to use instead of a store that cannot be read', () => {
    const jks = { 'ssl.truststore.type': 'JKS', 'ssl.truststore.location': '/ca.jks' };
    expect(() => translated(jks)).toThrow(
      expect.objectContaining({
        code: 'VELO_SETTING_INVALID',
        hint: expect.stringContaining("'properties.ssl.ca.location'") as string,
      }) as Error,
    );
  });

  it('do not repeat a password of a JAAS line that cannot be read', () => {
    expect(() => translated({ 'sasl.jaas.config': 'nonsense hunter2' })).toThrow(/cannot be read$/);
  });
});
