/**
 * A table's 'properties.*' in librdkafka's words: Java's names of logins and PEM stores, which
 * columnar fetch reads as they are, are translated for librdkafka's clients and for membership of
 * groups. Owns the translation; everything else passes unchanged, and librdkafka judges it.
 */
import { ConfigError } from '../../../base/errors.js';
import { ConnectionProperties } from '../settings/connection-properties.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { jaasOptions } from '../settings/security-settings.js';

type Properties = Readonly<Record<string, string>>;

/** Options of a JAAS line, for password logins and for Kerberos. */
const JAAS_NAMES: Properties = {
  username: 'sasl.username',
  password: 'sasl.password',
  keyTab: 'sasl.kerberos.keytab',
  principal: 'sasl.kerberos.principal',
};
const RENAMED: Properties = {
  'fetch.max.wait.ms': 'fetch.wait.max.ms',
  'ssl.keystore.certificate.chain': 'ssl.certificate.pem',
  'ssl.keystore.key': 'ssl.key.pem',
  'ssl.truststore.certificates': 'ssl.ca.pem',
  'ssl.truststore.location': 'ssl.ca.location',
};
/** They say what the translation has looked at. */
const DROPPED = ['sasl.jaas.config', 'ssl.keystore.type', 'ssl.truststore.type'];

/** Throws ConfigError SETTING_INVALID for stores that librdkafka cannot read, and bad JAAS lines. */
export function rdkafkaProperties(endpoint: KafkaEndpoint): Properties {
  const { properties, label } = endpoint;
  const given = new ConnectionProperties(endpoint);
  requirePem(properties, 'ssl.truststore.type', label, 'properties.ssl.ca.location');
  const translated = new Map<string, string>();
  const pemStore = properties['ssl.keystore.type']?.toUpperCase() === 'PEM';
  for (const [name, value] of Object.entries(properties)) {
    if (DROPPED.includes(name)) continue;
    if (pemStore && name === 'ssl.keystore.location') {
      // One file with chain and key.
      translated.set('ssl.certificate.location', value);
      translated.set('ssl.key.location', value);
      continue;
    }
    const pem = name in RENAMED && name.startsWith('ssl.') && !name.endsWith('location');
    translated.set(RENAMED[name] ?? name, pem ? value.replaceAll('\\n', '\n') : value);
  }
  for (const [name, value] of jaasOptions(given) ?? []) {
    const own = JAAS_NAMES[name];
    if (own !== undefined) translated.set(own, value);
  }
  return Object.fromEntries(translated);
}

function requirePem(properties: Properties, name: string, label: string, instead: string): void {
  const type = properties[name];
  if (type === undefined || type.toUpperCase() === 'PEM') return;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "properties.${name}" of ${label} cannot be "${type}"`,
    hint: `librdkafka reads PEM files: convert the store, and name the file with '${instead}'`,
  });
}
