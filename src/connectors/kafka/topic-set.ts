/**
 * Which topics a table reads, and all of them opened as one source. Owns asking the cluster where
 * the table has a pattern, the errors when that matches none or too many, and what of memory each
 * topic may hold. How one topic is opened is open-blocks.ts, how they are one is
 * blocks/joined-topics.ts.
 */
import { ConnectorError } from '../../base/errors.js';
import { closeAll, JoinedTopics, saidOnce, topicShares } from './blocks/joined-topics.js';
import type { TopicDiscovery, TopicShare } from './blocks/joined-topics.js';
import type { BlocksRequest, KafkaBlocks } from './blocks/blocks.js';
import { clusterTopics } from './cluster/cluster-topics.js';
import { topicListed } from './cluster/cluster-errors.js';
import { rdkafkaTopics } from './librdkafka/rdkafka-client.js';
import { clientSettings } from './settings/client-settings.js';
import type { KafkaReadOptions } from './settings/table-options.js';
import { TOPICS_MAX } from './settings/topic-choice.js';
import type { TopicPattern } from './settings/topic-choice.js';

/** Topics that are opened at the same time. */
const OPENED_AT_ONCE = 8;
/** What librdkafka may hold of all topics, and of each at least. */
const RDKAFKA_KBYTES = 32 * 1024;
const RDKAFKA_KBYTES_MIN = 1024;

type OpenTopic = (request: BlocksRequest) => Promise<KafkaBlocks>;

/** Opens every topic of the table. Throws as opening one does, and TOPIC_NOT_FOUND. */
export async function openTopicSet(
  request: BlocksRequest,
  openOne: OpenTopic,
): Promise<KafkaBlocks> {
  const { options, clock, partitions, ranges, found } = request;
  const { topics } = options;
  if (topics.kind === 'one') return openOne(request);
  // Workers read what main has found.
  const names = found ?? (await topicsOf(request));
  const shares = topicShares(names, partitions, ranges);
  const notice = saidOnce(request.notice, clock);
  const open = (share: TopicShare): Promise<KafkaBlocks> =>
    openOne(requestOf({ ...request, notice }, share, names.length));
  const parts = await openAll(shares, open);
  const isBounded = options.stop.kind !== 'unbounded';
  const seeks = topics.kind === 'pattern' && !isBounded && partitions === null;
  const joined = parts.some(({ blocks }) => blocks.settleWith !== undefined);
  const discovery: TopicDiscovery | null =
    seeks && options.discoveryIntervalMs > 0
      ? {
          intervalMs: options.discoveryIntervalMs,
          topics: names,
          names: () => topicsOf(request),
          // In a group others may have them, and V2's lanes are those of the beginning.
          open: request.grows && !joined ? (topic) => openNew(request, topic, openOne) : null,
          notice,
          label: labelOf(topics.pattern),
        }
      : null;
  return new JoinedTopics(parts, { bounded: isBounded, label: options.topic, discovery });
}

/** By name; throws TOPIC_NOT_FOUND where there is none. */
async function topicsOf({ options, clock }: BlocksRequest): Promise<readonly string[]> {
  const { topics } = options;
  if (topics.kind === 'one') return [topics.name];
  if (topics.kind === 'list') return topics.names;
  const { pattern } = topics;
  const all = await (isRdkafka(options)
    ? rdkafkaTopics(options)
    : clusterTopics(options, clientSettings(options), clock));
  const names = all.filter((topic) => pattern.matches(topic)).map(({ name }) => name);
  if (names.length === 0)
    throw noMatch(
      options,
      pattern,
      all.map(({ name }) => name),
    );
  if (names.length > TOPICS_MAX) throw tooMany(options, pattern, names.length);
  return names.sort((a, b) => (a < b ? -1 : 1));
}

function isRdkafka(options: KafkaReadOptions): boolean {
  if (options.fetch === 'librdkafka') return true;
  return options.fetch === 'auto' && clientSettings(options).unusable !== null;
}

function requestOf(
  request: BlocksRequest,
  { topic, partitions, ranges }: TopicShare,
  share: number,
): BlocksRequest {
  const { options } = request;
  const kbytes = Math.max(RDKAFKA_KBYTES_MIN, Math.floor(RDKAFKA_KBYTES / share));
  const properties = { 'queued.max.messages.kbytes': String(kbytes), ...options.properties };
  return {
    ...request,
    options: { ...options, topic, topics: { kind: 'one', name: topic }, properties },
    partitions,
    ranges,
    share,
  };
}

/** A topic that came into being while others were read: nothing of it was read before. */
function openNew(request: BlocksRequest, topic: string, openOne: OpenTopic): Promise<KafkaBlocks> {
  const one = { topic, index: 0, partitions: null, ranges: null };
  const { options, ...rest } = requestOf(request, one, request.share);
  return openOne({ ...rest, options: { ...options, start: { kind: 'earliest' } } });
}

async function openAll(
  shares: readonly TopicShare[],
  open: (share: TopicShare) => Promise<KafkaBlocks>,
): Promise<readonly { index: number; blocks: KafkaBlocks }[]> {
  const parts: { index: number; blocks: KafkaBlocks }[] = [];
  for (let from = 0; from < shares.length; from += OPENED_AT_ONCE) {
    const some = shares.slice(from, from + OPENED_AT_ONCE);
    const opened = await Promise.allSettled(some.map((share) => open(share)));
    opened.forEach((outcome, at) => {
      const { index = 0 } = some[at] ?? {};
      if (outcome.status === 'fulfilled') parts.push({ index, blocks: outcome.value });
    });
    const failed = opened.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) continue;
    await closeAll(parts.map(({ blocks }) => blocks));
    throw failed.reason;
  }
  return parts;
}

function labelOf(pattern: TopicPattern): string {
  return `topic pattern "${pattern.text}"`;
}

function noMatch(
  { label, brokers }: KafkaReadOptions,
  pattern: TopicPattern,
  names: readonly string[],
): ConnectorError {
  return new ConnectorError('TOPIC_NOT_FOUND', {
    message: `no topic matches the pattern "${pattern.text}" of ${label}`,
    detail: `the broker at ${brokers} has ${topicListed(names)}`,
    hint: 'a pattern matches whole names, and no topic of the cluster itself (__…)',
  });
}

function tooMany(
  { label }: KafkaReadOptions,
  pattern: TopicPattern,
  count: number,
): ConnectorError {
  return new ConnectorError('KAFKA', {
    message: `the pattern "${pattern.text}" of ${label} matches ${count} topics, more than ${TOPICS_MAX}`,
    hint: 'read them in several queries, with narrower patterns',
  });
}
