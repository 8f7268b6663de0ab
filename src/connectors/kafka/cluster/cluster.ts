/**
 * One topic of a Kafka cluster, as clients see it that speak the protocol themselves: where its
 * partitions are led, what offsets they hold, what a group committed. Owns opening within
 * 'connect.timeout', metadata, and what their failures mean; single requests are cluster-link.ts,
 * offsets partition-offsets.ts and group-offsets.ts.
 *
 * Questions go over connections of their own: on those that fetch, they would wait behind a poll.
 *
 * All that waits is bounded: opening by 'connect.timeout' in all, any later question by ten seconds.
 * After opening, a failure of brokers is BROKER_UNREACHABLE and passes; a login or a certificate
 * that is refused is final at any time.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.js';
import type { ConnectorError } from '../../../base/errors.js';
import {
  brokerTooOld,
  brokerUnreachable,
  kafkaError,
  notAuthorized,
  topicNotFound,
} from './cluster-errors.js';
import { BROKER_ERROR, brokerErrorText } from './broker-errors.js';
import { AnswerFault } from './answer-reader.js';
import { apiVersionsV3, metadataV12 } from './client-parts.js';
import { ClusterLink, LinkFailure, LinkFailures, unreachable } from './cluster-link.js';
import type { BrokerAddress, ClientSettings, IsolationLevel } from '../settings/client-settings.js';
import { closedUnanswered } from './connection-failure.js';
import type { ConnectionFailure } from './connection-failure.js';
import { GroupOffsets } from './group-offsets.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { PartitionOffsets } from './partition-offsets.js';
import { isTopicCompacted } from './topic-settings.js';
import { noKafka } from './wire-connection.js';
import type { WireConnection } from './wire-connection.js';
import type { OffsetQuestion, PartitionState, TopicState } from './partition-offsets.js';

export interface ClusterOptions {
  /** A topic that does not exist is created where the cluster does so on demand. Default: no. */
  readonly mayCreateTopic?: boolean;
}

const RETRY_PAUSE_MS = 200;
/** What looks like a wrong setting may be a broker that starts: so often it is one. */
const SUSPICIONS_MAX = 3;

/** Requests that are used, and the versions: Kafka 3.0 is the first that has them all. */
const NEEDED: readonly { readonly key: number; readonly version: number }[] = [
  { key: 1, version: 12 },
  { key: 2, version: 6 },
  { key: 3, version: 12 },
  { key: 8, version: 8 },
  { key: 9, version: 8 },
  { key: 10, version: 4 },
];

type MetadataAnswer = ReturnType<typeof metadataV12.parseResponse>;

export class Cluster {
  /** For questions about more than the topic. */
  readonly link: ClusterLink;
  private readonly mayCreateTopic: boolean;
  private readonly partitionOffsets: PartitionOffsets;
  private readonly groupOffsets: GroupOffsets;
  private state: TopicState | null = null;
  private refreshing: Promise<TopicState> | null = null;

  /**
   * Finds the topic. Throws BROKER_UNREACHABLE, KAFKA_AUTHENTICATION, KAFKA_TLS, KAFKA_AUTHORIZATION
   * or TOPIC_NOT_FOUND, after 'connect.timeout' at the latest.
   */
  static async connect(
    endpoint: KafkaEndpoint,
    settings: ClientSettings,
    notice: (line: string) => void,
    clock: Clock,
    options: ClusterOptions = {},
  ): Promise<Cluster> {
    const cluster = new Cluster(new ClusterLink(endpoint, settings, clock), options);
    try {
      await cluster.open(notice);
      return cluster;
    } catch (error) {
      cluster.link.close();
      throw error;
    }
  }

  private constructor(link: ClusterLink, { mayCreateTopic = false }: ClusterOptions) {
    this.link = link;
    this.mayCreateTopic = mayCreateTopic;
    this.partitionOffsets = new PartitionOffsets(link, this);
    this.groupOffsets = new GroupOffsets(link);
  }

  /** The table is open: 'connect.timeout' has done its work. */
  opened(): void {
    this.link.isOpen();
  }

  /** The job is stopped: questions from now on have a moment. */
  hurry(): void {
    this.link.hurry();
  }

  /** The topic as it was last seen. */
  topic(): TopicState {
    // Checked boundary: only open() runs before there is a state.
    return this.state as TopicState;
  }

  /** Looks again. Throws BROKER_UNREACHABLE, and TOPIC_NOT_FOUND when the topic was deleted. */
  refresh(): Promise<TopicState> {
    this.refreshing ??= this.look().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  /** Throws BROKER_UNREACHABLE for a node that the cluster has not. */
  brokerOf(nodeId: number): BrokerAddress {
    return this.link.addressOf(nodeId);
  }

  /**
   * Offsets of partitions, one question for each; latest is the last stable offset under
   * read_committed. A partition without a record at or after the time asked for is absent.
   */
  listOffsets(
    questions: readonly OffsetQuestion[],
    isolation: IsolationLevel,
  ): Promise<Map<number, number>> {
    return this.partitionOffsets.list(questions, isolation);
  }

  /** What the group committed; partitions without an offset are absent. */
  committed(groupId: string, partitions: readonly number[]): Promise<Map<number, number>> {
    return this.groupOffsets.committed(groupId, partitions);
  }

  /** What a transaction committed with the group's offset of that partition; null: nothing. */
  async committedText(groupId: string, partition: number): Promise<string | null> {
    const places = await this.groupOffsets.places(groupId, [partition], true);
    return places.get(partition)?.text ?? null;
  }

  /** Whether the topic's log may have gaps; null: nobody says. */
  async isCompacted(): Promise<boolean | null> {
    const { link } = this;
    const { topic, connectTimeoutMs } = link.endpoint;
    try {
      return await link.anywhere(
        (connection, timeoutMs) =>
          link.within(connection, timeoutMs, () => isTopicCompacted(connection, topic)),
        connectTimeoutMs,
      );
    } catch {
      return null;
    }
  }

  /** Commits as a client that is no member. Throws KAFKA when the group has members. */
  commit(groupId: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    return this.groupOffsets.commit(groupId, offsets);
  }

  /**
   * A new connection to a broker, which the caller closes; close() does too. Throws
   * BROKER_UNREACHABLE, and what is final about a login or a certificate.
   */
  async fetchConnection(nodeId: number): Promise<WireConnection> {
    const { link } = this;
    const { endpoint } = link;
    try {
      const timeoutMs = Math.min(endpoint.connectTimeoutMs, link.patienceMs);
      return await link.open(link.addressOf(nodeId), timeoutMs);
    } catch (error) {
      throw unreachable(endpoint, error);
    }
  }

  /** How long a question may take now, with all that it takes to ask it again. */
  get patienceMs(): number {
    return this.link.patienceMs;
  }

  /** Asks a broker one thing over a connection of its own. Throws as fetchConnection() does. */
  async askOnce<T>(nodeId: number, ask: (connection: WireConnection) => Promise<T>): Promise<T> {
    const { link } = this;
    const connection = await this.fetchConnection(nodeId);
    try {
      return await link.within(connection, link.patienceMs, () => ask(connection));
    } catch (error) {
      if (error instanceof AnswerFault) throw noKafka(connection.address, error.message, error);
      throw unreachable(link.endpoint, error);
    } finally {
      connection.close();
    }
  }

  close(): Promise<void> {
    this.link.close();
    return Promise.resolve();
  }

  private async open(notice: (line: string) => void): Promise<void> {
    const { endpoint, clock } = this.link;
    const deadlineNs = clock.monotonicNs() + this.link.patienceMs * 1e6;
    let last: ConnectorError | null = null;
    for (let suspicions = 0; ;) {
      const leftMs = (deadlineNs - clock.monotonicNs()) / 1e6;
      const failures: ConnectionFailure[] = [];
      try {
        const found = await this.link.anywhere(
          (connection, timeoutMs) => this.firstLook(connection, timeoutMs),
          Math.max(1, leftMs),
          (failure) => failures.push(failure),
        );
        if (found !== 'pending') {
          this.state = found;
          for (const { reason } of failures) notice(`${reason}; another broker answered`);
          return;
        }
        last = topicNotFound(endpoint, []);
      } catch (error) {
        if (!(error instanceof LinkFailures)) throw error;
        const final = failures.find(({ kind }) => kind === 'final');
        if (final !== undefined) throw final.error;
        const suspected = failures.find(({ kind }) => kind === 'suspected');
        suspicions += suspected === undefined ? 0 : 1;
        if (suspected !== undefined && suspicions === SUSPICIONS_MAX) throw suspected.error;
        last = brokerUnreachable(endpoint, error.message, failures[0]?.error);
      }
      if (clock.monotonicNs() + RETRY_PAUSE_MS * 1e6 >= deadlineNs) throw last;
      await delay(RETRY_PAUSE_MS);
    }
  }

  private async firstLook(
    connection: WireConnection,
    timeoutMs: number,
  ): Promise<TopicState | 'pending'> {
    const { link } = this;
    const versions = await link.ask(connection, timeoutMs, apiVersionsV3, 'velo', '1');
    this.requireVersions(connection, versions);
    try {
      return await this.lookThrough(connection, timeoutMs);
    } catch (error) {
      if (!(error instanceof LinkFailure) || !error.hungUp) throw error;
      if (error.failure.kind !== 'passing') throw error;
      const { endpoint, settings } = link;
      const { address } = connection;
      throw new LinkFailure(closedUnanswered({ endpoint, settings, address }, error));
    }
  }

  private requireVersions(
    { address }: WireConnection,
    { apiKeys }: ReturnType<typeof apiVersionsV3.parseResponse>,
  ): void {
    const { endpoint } = this.link;
    for (const { key, version } of NEEDED) {
      const offered = apiKeys.find(({ apiKey }) => apiKey === key);
      const { minVersion = 0, maxVersion = -1 } = offered ?? {};
      if (version >= minVersion && version <= maxVersion) continue;
      throw brokerTooOld(endpoint, address, `the request ${key} in version ${version}`);
    }
  }

  private async look(): Promise<TopicState> {
    const { endpoint, clock } = this.link;
    const deadlineNs = clock.monotonicNs() + this.link.patienceMs * 1e6;
    for (;;) {
      const leftMs = Math.max(1, (deadlineNs - clock.monotonicNs()) / 1e6);
      try {
        const found = await this.link.anywhere(
          (connection, shareMs) => this.lookThrough(connection, shareMs),
          leftMs,
        );
        if (found !== 'pending') {
          this.state = found;
          return found;
        }
      } catch (error) {
        throw unreachable(endpoint, error);
      }
      if (clock.monotonicNs() >= deadlineNs) throw topicNotFound(endpoint, []);
      await delay(RETRY_PAUSE_MS);
    }
  }

  private async lookThrough(
    connection: WireConnection,
    timeoutMs: number,
  ): Promise<TopicState | 'pending'> {
    const { endpoint } = this.link;
    const name = endpoint.topic;
    // Once only: a topic that is deleted later is missed, not made anew behind its writer's back.
    const mayCreateTopic = this.mayCreateTopic && this.state === null;
    const answer = await this.link.ask(connection, timeoutMs, metadataV12, [name], mayCreateTopic);
    this.know(answer);
    const topic = answer.topics.find((candidate) => candidate.name === name);
    if (topic?.errorCode === BROKER_ERROR.NONE) {
      // A topic has partitions; one that seems to have none is just being made, or taken away.
      return topic.partitions.length === 0 ? 'pending' : this.merged(topic);
    }
    const code = topic?.errorCode ?? BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION;
    switch (code) {
      case BROKER_ERROR.LEADER_NOT_AVAILABLE:
        return 'pending';
      case BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION:
      case BROKER_ERROR.INVALID_TOPIC:
        if (mayCreateTopic && code !== BROKER_ERROR.INVALID_TOPIC) return 'pending';
        throw topicNotFound(endpoint, await this.topicNames(connection, timeoutMs));
      case BROKER_ERROR.TOPIC_AUTHORIZATION_FAILED:
        throw this.notAuthorized(`topic "${name}"`, 'DESCRIBE and READ');
      default:
        throw kafkaError(endpoint, 'looking up', new Error(brokerErrorText(code)));
    }
  }

  private async topicNames(connection: WireConnection, timeoutMs: number): Promise<string[]> {
    const answer = await this.link.ask(connection, timeoutMs, metadataV12, null, false);
    return answer.topics
      .filter(({ isInternal, name }) => !isInternal && name?.startsWith('__') === false)
      .map(({ name }) => name ?? '');
  }

  private know({ brokers }: MetadataAnswer): void {
    this.link.know(new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])));
  }

  /** Brokers learn of a new leader one after the other: an older epoch is yesterday's news. */
  private merged({ topicId, partitions }: MetadataAnswer['topics'][number]): TopicState {
    const known = this.state?.topicId === topicId ? this.state.partitions : [];
    const before = new Map(known.map((state) => [state.partition, state]));
    // One that is named twice is one.
    const found = new Map<number, PartitionState>();
    for (const { partitionIndex: partition, leaderId: leader, leaderEpoch } of partitions) {
      const older = found.get(partition) ?? before.get(partition);
      const newer = older === undefined || older.leaderEpoch <= leaderEpoch;
      found.set(partition, newer ? { partition, leader, leaderEpoch } : older);
    }
    const sorted = [...found.values()].sort((a, b) => a.partition - b.partition);
    return { topic: this.link.endpoint.topic, topicId, partitions: sorted };
  }

  private notAuthorized(resource: string, operations: string): ConnectorError {
    const { endpoint, settings } = this.link;
    return notAuthorized(endpoint, settings.sasl?.who ?? null, resource, operations);
  }
}
