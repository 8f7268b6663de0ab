/**
 * The connector 'kafka'. Owns what there is to say of it; options are settings/topic-schema.ts.
 * What talks to brokers is loaded when a topic is opened, so that a missing node-rdkafka, and the
 * time to load it, cost only those who use it.
 */
import { ConfigError } from '../../base/errors.js';
import { openMessageDecoder } from '../../formats/decoder-registry.js';
import type { PhysicalColumn, TableDefinition } from '../../plan/schema.js';
import type { OptionFault, TableUse } from '../../plan/connector-facts.js';
import type { Connector } from '../connector.js';
import { decoderFaults } from '../verify-format.js';
import { produceSettings } from './produce/produce-settings.js';
import { clientSettings } from './settings/client-settings.js';
import { checkProperties } from './settings/property-check.js';
import { TOPIC_OPTIONS } from './settings/topic-schema.js';
import type { TopicReader } from './settings/topic-schema.js';
import {
  gatherReadOptions,
  gatherWriteOptions,
  readOptions,
  topicReader,
} from './settings/table-options.js';
import type { KafkaWriteTarget } from './settings/table-options.js';
import { topicAddress } from './topic-address.js';
import { checkTransaction } from './transactions/transaction-tables.js';

function check(table: TableDefinition, use: TableUse): readonly OptionFault[] {
  const reader = topicReader(table);
  const read = reader.whenUsed('read', () => gatherReadOptions(reader, table));
  checkProperties(reader, read, []);
  if (use === 'read') return reader.faultsFor(use);
  const writer = topicReader(table);
  const written = gatherWriteOptions(writer, table);
  const options = { onePartition: false };
  checkProperties(writer, written, [(endpoint) => produceSettings(endpoint, options).connection]);
  if (written.exactlyOnce !== null) checkExactlyOnce(writer, written);
  return [...(use === 'declared' ? reader.faultsFor(use) : []), ...writer.faultsFor(use)];
}

/** What keeps columnar producing from being used; properties with bad values are faults by now. */
function checkExactlyOnce(writer: TopicReader, written: KafkaWriteTarget): void {
  try {
    const { unusable, connection } = produceSettings(written, written);
    const why = unusable ?? clientSettings(connection).unusable;
    if (why !== null)
      writer.invalid('sink.delivery-guarantee', `velo's own producer is needed: ${why}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
}

/** A schema that a registry gives is known when records are read. */
function verify(
  table: TableDefinition,
  columns: readonly PhysicalColumn[],
): Promise<OptionFault[]> {
  return decoderFaults(table, () => {
    const { format, schema = null, csv } = readOptions(table);
    return openMessageDecoder(format, columns, { csv, schema });
  });
}

export const kafkaConnector: Connector = Object.freeze<Connector>({
  name: 'kafka',
  aliases: [],
  options: TOPIC_OPTIONS,
  check,
  verify,
  address: {
    parse: topicAddress,
    isRemote: true,
    infer: async (table) => {
      const { inferKafkaSchema } = await import('./infer-topic.js');
      return { columns: await inferKafkaSchema(table.name, table), options: table.options };
    },
  },
  source: {
    columns: null,
    generates: null,
    endHint: `'scan.bounded.mode' = 'latest-offset'`,
    isBounded: (options) => (options['scan.bounded.mode'] ?? 'unbounded') !== 'unbounded',
    hasOneSplit: () => false,
    // Brokers have other names from day to day; a topic has its records.
    identities: {
      of: async (table) => (await import('./topic-identities.js')).topicIdentities(table),
      // Who reads a topic ends when it becomes another one.
      mayChange: () => false,
    },
    origin: ({ name, options }) => options['topic'] ?? options['topic-pattern'] ?? name,
    open: async (request) => (await import('./topic-source.js')).openKafkaSource(request),
    prepare: async (request) => (await import('./prepare-topic.js')).prepareTopic(request),
    openOwned: async (request) => (await import('./owned-topic.js')).openOwnedKafkaSource(request),
    openFed: async (request) =>
      (await import('./block-decoder.js')).KafkaBlockDecoder.open(request),
  },
  sink: {
    publishesAtEnd: false,
    place: 'main',
    wantsTombstones: true,
    metadata: ['timestamp', 'headers'],
    commits: {
      wants: ({ options }) => options['sink.delivery-guarantee'] === 'exactly-once',
      readers: 'read_committed readers',
      check: checkTransaction,
      open: async (tables, job) =>
        (await import('./transactions/job-transactions.js')).JobTransactions.open(tables, job),
    },
    open: async (request) => (await import('./topic-sink.js')).openKafkaSink(request),
    openLines: async (table) => {
      const { openKafkaLineWriter } = await import('./line-writer.js');
      return openKafkaLineWriter({ uri: table.name, table });
    },
  },
});
