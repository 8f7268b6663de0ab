/**
 * The 'properties.*' of a table, checked without a connection: every value that its clients could
 * not use, names that look like a slip, and what leaves a connection less safe than it looks. Owns
 * the gathering; values are client-settings.ts, security-settings.ts and produce-settings.ts.
 */
import { ConfigError } from '../../../base/errors.js';
import { didYouMean } from '../../../plan/faults.js';
import { clientSettings, knownProperties } from './client-settings.js';
import type { KafkaEndpoint } from './table-options.js';
import type { TopicReader } from './topic-schema.js';

const PREFIX = 'properties.';
/** No table has so many faulty properties that one by one takes long. */
const ROUNDS_MAX = 40;
const VERIFICATION = 'enable.ssl.certificate.verification';
const IDENTIFICATION = 'ssl.endpoint.identification.algorithm';

/** What reads an endpoint's properties and throws for the first that nobody could use. */
export type PropertyReading = (endpoint: KafkaEndpoint) => unknown;

export function checkProperties(
  reader: TopicReader,
  endpoint: KafkaEndpoint,
  readings: readonly PropertyReading[],
): void {
  for (const reading of [clientSettings, ...readings]) gatherFaults(reader, endpoint, reading);
  warnOfSlips(reader, endpoint);
  warnOfOpenDoors(reader, endpoint);
}

/** One fault hides the next: what was found is left out and the rest is read again. */
function gatherFaults(
  reader: TopicReader,
  endpoint: KafkaEndpoint,
  reading: PropertyReading,
): void {
  let properties = endpoint.properties;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    try {
      reading({ ...endpoint, properties });
      return;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { message, hint } = error;
      const option = /option "(properties\.[^"]*)"/.exec(message)?.[1];
      const name = option?.slice(PREFIX.length) ?? '';
      const isWritten = Object.hasOwn(properties, name);
      const isKnown = option !== undefined && reader.written(option) !== undefined;
      reader.fault({ key: isKnown ? option : null, part: 'value', message, hint });
      if (!isWritten) return;
      const rest = Object.entries(properties).filter(([other]) => other !== name);
      properties = Object.fromEntries(rest);
    }
  }
}

/** librdkafka may know what velo does not; a name next to a known one is mostly a slip. */
function warnOfSlips(reader: TopicReader, { label, properties }: KafkaEndpoint): void {
  const known = knownProperties();
  for (const name of Object.keys(properties)) {
    if (known.includes(name)) continue;
    const hint = didYouMean(name, known);
    if (hint === undefined) continue;
    const option = `${PREFIX}${name}`;
    reader.warn(option, `option "${option}" of ${label} is not known to velo`, hint);
  }
}

function warnOfOpenDoors(reader: TopicReader, { label, properties }: KafkaEndpoint): void {
  const protocol = (properties['security.protocol'] ?? '').toUpperCase();
  const sasl = Object.keys(properties).find((name) => name.startsWith('sasl.'));
  if (sasl !== undefined && !protocol.startsWith('SASL')) {
    const text = `option "${PREFIX}${sasl}" of ${label} has no effect: nobody logs in`;
    const hint = "add 'properties.security.protocol' = 'SASL_SSL'";
    reader.warn(`${PREFIX}${sasl}`, text, hint);
  }
  const isUnverified = properties[VERIFICATION]?.trim().toLowerCase() === 'false';
  const isAnyHost = ['', 'none'].includes(properties[IDENTIFICATION]?.trim().toLowerCase() ?? '-');
  const off = isUnverified ? VERIFICATION : isAnyHost ? IDENTIFICATION : null;
  if (off !== null) {
    const text = `option "${PREFIX}${off}" of ${label}: anybody can pass for the broker`;
    reader.warn(
      `${PREFIX}${off}`,
      text,
      "leave it away, and name the CA in 'properties.ssl.ca.location'",
    );
  }
}
