/**
 * Opens the topics of a table for reading, by columnar fetch or through librdkafka, with all its partitions or
 * those that a group gives. Owns the choices: what the table says ('fetch'), for 'auto' columnar
 * fetch where it can go, with a line that says why where it cannot; and who joins a group: a read
 * without end that starts where its group stopped.
 */
import { ConfigError, ConnectorError } from '../../base/errors.js';
import type { SourceRequest } from '../source.js';
import { blocksRequest, openRdkafkaBlocks } from './block-source.js';
import type { BlocksRequest, KafkaBlocks } from './blocks/blocks.js';
import { clientSettings } from './settings/client-settings.js';
import type { ClientSettings } from './settings/client-settings.js';
import { openColumnarBlocks } from './columnar-blocks.js';
import { openGroupBlocks } from './group-blocks.js';
import type { KafkaReadOptions } from './settings/table-options.js';
import { openTopicSet } from './topic-set.js';
import { withSchemas } from './registry/schema-blocks.js';

/**
 * Blocks of formats with a registry come with their records' schemas. `grows`: the reader takes in
 * splits that are appended later. Throws as openColumnarBlocks
 * and openRdkafkaBlocks do, and ConfigError SETTING_INVALID.
 */
export async function openBlocks(
  request: SourceRequest,
  { grows }: { readonly grows: boolean },
): Promise<KafkaBlocks> {
  return openTopicBlocks(blocksRequest(request, grows));
}

export function openTopicBlocks(request: BlocksRequest): Promise<KafkaBlocks> {
  return openTopicSet(request, openOneTopic);
}

async function openOneTopic(request: BlocksRequest): Promise<KafkaBlocks> {
  return (await joinedBlocks(request)) ?? openPartitions(request);
}

/** Blocks of a group's member; null where nobody joins. */
async function joinedBlocks(request: BlocksRequest): Promise<KafkaBlocks | null> {
  const { options, group, clock, notice } = request;
  const { groupId, start, stop } = options;
  if (group === null || groupId === null) return null;
  if (start.kind !== 'group' || stop.kind !== 'unbounded') return null;
  // New partitions are the group's to find.
  const given = { ...request, options: { ...options, discoveryIntervalMs: 0 } };
  try {
    return await openGroupBlocks({
      options: { ...options, groupId },
      policy: group,
      open: (partitions, ranges) => openPartitions({ ...given, partitions, ranges }),
      clock,
      notice,
    });
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.key !== 'KAFKA_UNAVAILABLE') throw error;
    notice(
      `group "${groupId}" is not joined: membership needs the package "node-rdkafka"; ` +
        `all partitions of topic "${options.topic}" are read here`,
    );
    return null;
  }
}

async function openPartitions(request: BlocksRequest): Promise<KafkaBlocks> {
  const { schema, key } = request.options;
  const blocks = await openFetching(request);
  const valued = withSchemas(blocks, 'value', schema?.registry ?? null, request);
  return withSchemas(valued, 'key', key?.schema?.registry ?? null, request);
}

async function openFetching(request: BlocksRequest): Promise<KafkaBlocks> {
  const { options, notice } = request;
  const choice = choose(options);
  if (choice.path === 'librdkafka') {
    if (choice.why !== null) notice(fallbackLine(options, choice.why));
    return openRdkafkaBlocks(request);
  }
  try {
    return await openColumnarBlocks(request, choice.settings);
  } catch (error) {
    // librdkafka speaks older versions too.
    const old = error instanceof ConnectorError && error.key === 'KAFKA_BROKER_OLD';
    if (options.fetch !== 'auto' || !old) throw error;
    notice(fallbackLine(options, error.message));
    return openRdkafkaBlocks(request);
  }
}

type Choice =
  | { readonly path: 'columnar'; readonly settings: ClientSettings }
  /** `why`: columnar fetch cannot go there; null: the table asks for librdkafka. */
  | { readonly path: 'librdkafka'; readonly why: string | null };

function choose(options: KafkaReadOptions): Choice {
  if (options.fetch === 'librdkafka') return { path: 'librdkafka', why: null };
  const settings = clientSettings(options);
  const { unusable } = settings;
  if (unusable === null) return { path: 'columnar', settings };
  if (options.fetch === 'auto') return { path: 'librdkafka', why: unusable };
  throw new ConfigError('SETTING_INVALID', {
    message: `option "fetch" of ${options.label} cannot be "columnar": ${unusable}`,
    hint: "use 'librdkafka', or leave the choice to 'auto'",
  });
}

function fallbackLine({ topic }: KafkaReadOptions, why: string): string {
  return `topic "${topic}" is read through librdkafka, not by columnar fetch: ${why}`;
}
