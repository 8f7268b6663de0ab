/**
 * The check-up of what a job talks to: the brokers, topics and schema registries of the flags or of
 * a SQL file, each asked once within its time. Owns what is asked and how it is named; the asking is
 * the connector's. Texts may hold addresses and names of users: whoever prints them redacts.
 */
import { systemClock } from '../../base/clock.js';
import type { Clock } from '../../base/clock.js';
import { learnSetting } from '../../base/redact.js';
import { Cluster } from '../../connectors/kafka/cluster/cluster.js';
import { probeCluster } from '../../connectors/kafka/cluster/cluster-probe.js';
import { probeRegistry } from '../../connectors/kafka/registry/registry-probe.js';
import { clientSettings } from '../../connectors/kafka/settings/client-settings.js';
import type { RegistryEndpoint } from '../../connectors/kafka/settings/schema-options.js';
import { clusterTopics } from '../../connectors/kafka/cluster/cluster-topics.js';
import { readOptions, writeOptions } from '../../connectors/kafka/settings/table-options.js';
import type {
  KafkaEndpoint,
  KafkaReadOptions,
} from '../../connectors/kafka/settings/table-options.js';
import type { TableDefinition } from '../../plan/schema.js';
import type { LibrdkafkaState } from './features.js';
import { findingOf } from './finding.js';
import type { Finding } from './finding.js';

export interface OutsideOptions {
  /** Instead of each table's 'connect.timeout'; null: that one counts. */
  readonly timeoutMs: number | null;
  readonly librdkafka: LibrdkafkaState;
  readonly clock?: Clock;
}

/** `brokers`: `host:port[,host:port][?option=value&…]`, the options of WITH. */
export async function brokersFindings(
  brokers: string,
  options: OutsideOptions,
): Promise<Finding[]> {
  const [addresses = '', parameters = ''] = brokers.split(/\?(.*)/s);
  const given = Object.fromEntries(new URLSearchParams(parameters));
  const table = flagTable('--brokers', { 'properties.bootstrap.servers': addresses, ...given });
  return clusterFindings(() => ({ ...readOptions(table), label: '--brokers' }), null, options);
}

export async function registryFindings(url: string, options: OutsideOptions): Promise<Finding[]> {
  const table = flagTable('--registry', {
    'properties.bootstrap.servers': 'unused:9092',
    format: 'avro-confluent',
    'avro-confluent.url': url,
  });
  return registryAnswers(() => readOptions(table).schema?.registry ?? null, options);
}

/** Of a Kafka table that a query reads or writes. */
export async function tableFindings(
  table: TableDefinition,
  use: 'read' | 'written',
  options: OutsideOptions,
): Promise<Finding[]> {
  for (const [name, value] of Object.entries(table.options)) learnSetting(name, value);
  const settingsOf = () => (use === 'read' ? readOptions(table) : writeOptions(table));
  return [
    ...(await clusterFindings(settingsOf, use, options)),
    ...(await registryAnswers(() => settingsOf().schema?.registry ?? null, options)),
  ];
}

function flagTable(name: string, given: Readonly<Record<string, string>>): TableDefinition {
  const options = { topic: 'none', ...given };
  for (const [key, value] of Object.entries(options)) learnSetting(key, value);
  const empty = { physical: [], columns: [], watermark: null, primaryKey: [] };
  return { name, connector: 'kafka', options, bounded: false, ...empty };
}

/** `use`: the topic is looked for, too, where it is read; a written one may be made by the job. */
async function clusterFindings(
  read: () => KafkaEndpoint,
  use: 'read' | 'written' | null,
  options: OutsideOptions,
): Promise<Finding[]> {
  const name = 'brokers';
  const { timeoutMs, clock = systemClock } = options;
  try {
    const given = read();
    const endpoint = { ...given, connectTimeoutMs: timeoutMs ?? given.connectTimeoutMs };
    const settings = clientSettings(endpoint);
    const { brokers } = endpoint;
    if (settings.unusable !== null) return [librdkafkaOnly(brokers, settings.unusable, options)];
    const beganNs = clock.monotonicNs();
    const found = await probeCluster(endpoint, settings, clock);
    const ms = Math.round((clock.monotonicNs() - beganNs) / 1e6);
    const login = settings.sasl === null ? '' : `, ${settings.sasl.who} logged in`;
    const kind = `${settings.tls === null ? '' : ', TLS'}${login}`;
    const count = `${found.brokers} ${found.brokers === 1 ? 'broker' : 'brokers'}`;
    const text = `${brokers}: ${count}${kind}, answered in ${ms} ms`;
    const findings: Finding[] = [{ name, status: 'ok', text }];
    findings.push(...found.unreachable.map((error) => findingOf(name, error)));
    if (use !== 'read') return findings;
    return [...findings, ...(await topicFindings(endpoint, clock))];
  } catch (error) {
    return [findingOf(name, error)];
  }
}

/** Of several topics each; which a pattern matches is seen when it is read. */
async function topicFindings(
  endpoint: KafkaEndpoint & Partial<Pick<KafkaReadOptions, 'topics'>>,
  clock: Clock,
): Promise<Finding[]> {
  const { topics } = endpoint;
  if (topics?.kind !== 'list' && topics?.kind !== 'pattern') {
    return [await topicFinding(endpoint, clock)];
  }
  if (topics.kind === 'list') {
    return Promise.all(topics.names.map((topic) => topicFinding({ ...endpoint, topic }, clock)));
  }
  const { pattern } = topics;
  const name = 'topic';
  try {
    const all = await clusterTopics(endpoint, clientSettings(endpoint), clock);
    const count = all.filter((topic) => pattern.matches(topic)).length;
    const text = `pattern "${pattern.text}" of ${endpoint.label} matches ${count} ${count === 1 ? 'topic' : 'topics'}`;
    return [{ name, status: count === 0 ? 'broken' : 'ok', text }];
  } catch (error) {
    return [findingOf(name, error)];
  }
}

async function topicFinding(endpoint: KafkaEndpoint, clock: Clock): Promise<Finding> {
  const name = 'topic';
  try {
    const settings = clientSettings(endpoint);
    const cluster = await Cluster.connect(endpoint, settings, () => undefined, clock);
    const { length } = cluster.topic().partitions;
    await cluster.close();
    const count = `${length} ${length === 1 ? 'partition' : 'partitions'}`;
    return { name, status: 'ok', text: `"${endpoint.topic}" of ${endpoint.label}: ${count}` };
  } catch (error) {
    return findingOf(name, error);
  }
}

/** What only librdkafka can talk to is not tried: its clients take seconds to give up. */
function librdkafkaOnly(
  brokers: string,
  unusable: string,
  { librdkafka: { absence } }: OutsideOptions,
): Finding {
  const text = `${brokers}: columnar fetch cannot be used: ${unusable}`;
  if (absence === null) {
    return { name: 'brokers', status: 'note', text, detail: 'librdkafka reads it; not asked here' };
  }
  return { name: 'brokers', status: 'broken', text, detail: absence.detail, hint: absence.hint };
}

async function registryAnswers(
  read: () => RegistryEndpoint | null,
  { timeoutMs, clock = systemClock }: OutsideOptions,
): Promise<Finding[]> {
  const name = 'registry';
  try {
    const given = read();
    if (given === null) return [];
    const beganNs = clock.monotonicNs();
    const wait = Math.min(given.timeoutMs, timeoutMs ?? REGISTRY_TIMEOUT_MS);
    const subjects = await probeRegistry({ ...given, timeoutMs: wait });
    const ms = Math.round((clock.monotonicNs() - beganNs) / 1e6);
    const count = `${subjects} ${subjects === 1 ? 'subject' : 'subjects'}`;
    return [
      { name, status: 'ok', text: `${given.urls.join(', ')}: ${count}, answered in ${ms} ms` },
    ];
  } catch (error) {
    return [findingOf(name, error)];
  }
}

/** One that is asked by hand has no 30 seconds. */
const REGISTRY_TIMEOUT_MS = 10_000;
