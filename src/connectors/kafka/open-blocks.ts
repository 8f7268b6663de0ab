/**
 * Opens a topic for reading, by columnar fetch or through librdkafka. Owns the choice: what the
 * table says ('fetch'), and for 'auto' columnar fetch where it can go, with a line that says why
 * where it cannot.
 */
import { ConfigError, ConnectorError } from '../../base/errors.js';
import type { SourceRequest } from '../source.js';
import { blocksRequest, openRdkafkaBlocks } from './block-source.js';
import type { KafkaBlockReader } from './block-source.js';
import type { BlocksRequest } from './blocks.js';
import { clientSettings } from './client-settings.js';
import type { ClientSettings } from './client-settings.js';
import { openColumnarBlocks } from './columnar-blocks.js';
import type { KafkaReadOptions } from './options.js';

/** Throws as openColumnarBlocks and openRdkafkaBlocks do, and ConfigError SETTING_INVALID. */
export function openBlocks(request: SourceRequest): Promise<KafkaBlockReader> {
  return openTopicBlocks(blocksRequest(request));
}

/** Which way a table is read; connects to nothing. Throws ConfigError SETTING_INVALID. */
export function fetchPath(options: KafkaReadOptions): 'columnar' | 'librdkafka' {
  return choose(options).path;
}

export async function openTopicBlocks(request: BlocksRequest): Promise<KafkaBlockReader> {
  const { options, notice } = request;
  const choice = choose(options);
  if (choice.path === 'librdkafka') {
    if (choice.why !== null) notice(fallbackLine(options, choice.why));
    return openRdkafkaBlocks(request);
  }
  try {
    return await openColumnarBlocks(request, choice.settings);
  } catch (error) {
    // Brokers that are too old; librdkafka speaks older versions, or says what is wrong.
    const refused = error instanceof ConnectorError && error.key === 'KAFKA';
    if (options.fetch !== 'auto' || !refused) throw error;
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
