/**
 * Reads a topic with Fetch requests of our own, from each partition's leader. Owns who is asked for
 * which partition and what goes wrong on the way: leaders that move, brokers that go and come back,
 * offsets that are gone, topics that are deleted, partitions that are added. A loop per broker is
 * leader-fetch.ts, a partition's records are partition-fetch.ts, who takes them block-source.ts.
 *
 * Whatever a broker refuses for a reason that passes is looked at in the cluster's metadata and
 * asked for again; nobody gives up while it may pass. What does not pass ends the read.
 */
import { ConnectorError } from '../../../base/errors.js';
import type { PartitionRange } from '../../source.js';
import type { BlocksRequest, RecordFetcher } from '../blocks/blocks.js';
import { BROKER_ERROR, brokerErrorText } from '../cluster/broker-errors.js';
import { AwayLines } from '../cluster/away-lines.js';
import type { BrokerAddress, ClientSettings } from '../settings/client-settings.js';
import { kafkaError, notAuthorized } from '../cluster/cluster-errors.js';
import { ClusterOffsets } from '../cluster/cluster-offsets.js';
import type { Cluster } from '../cluster/cluster.js';
import type { TopicState } from '../cluster/partition-offsets.js';
import { FetchEvidence, RETRY_MS } from './fetch-evidence.js';
import { addedLine } from '../blocks/growing-splits.js';
import { LeaderFetch, isPassing } from './leader-fetch.js';
import { logTruncated, notCommitted } from '../settings/offset-choice.js';
import { FrameBudget, PartitionFetch } from './partition-fetch.js';
import { RecordSetReader } from '../batch/record-set.js';

/** Bytes of responses that are held at a time, beyond one that is on its way. */
const HELD_BYTES_MAX = 32 << 20;
/** Of one response, unless a batch alone is larger: half a batch of blocks, still in a cache. */
const RESPONSE_BYTES_MAX = 4 << 20;
const PARTITION_BYTES_MAX = 1 << 20;
/** Each of them of one of several topics; a batch that is larger comes whole. */
const SHARED_BYTES_MIN = 256 << 10;
/** Metadata is not asked for more often. */
const METADATA_PAUSE_MS = 300;
/** A pause that a broker asks for again and again is told so often. */
const THROTTLE_SAID_AGAIN_MS = 60_000;
/** A topic is gone when two looks so far apart did not find it. */
const GONE_AFTER_MS = 1_000;

/** What a broker answers while leaders move, it starts, or a topic is deleted: metadata tells. */
const PASSING_CODES: ReadonlySet<number> = new Set([
  // An unexpected error of the server, of which the broker's log knows more.
  -1,
  BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION,
  BROKER_ERROR.LEADER_NOT_AVAILABLE,
  BROKER_ERROR.NOT_LEADER,
  BROKER_ERROR.REQUEST_TIMED_OUT,
  BROKER_ERROR.REPLICA_NOT_AVAILABLE,
  BROKER_ERROR.KAFKA_STORAGE,
  BROKER_ERROR.FENCED_LEADER_EPOCH,
  BROKER_ERROR.UNKNOWN_LEADER_EPOCH,
  BROKER_ERROR.OFFSET_NOT_AVAILABLE,
  BROKER_ERROR.UNKNOWN_TOPIC_ID,
]);

export class FetchReader implements RecordFetcher {
  readonly queues: PartitionFetch[];
  failure: Error | null = null;
  private readonly request: BlocksRequest;
  private readonly settings: ClientSettings;
  private readonly cluster: Cluster;
  private readonly away: AwayLines;
  private readonly budget: FrameBudget;
  private readonly leaders = new Map<number, LeaderFetch>();
  private readonly committed = new Map<number, number>();
  /** Partitions that are read, or of which it was said that they are not. */
  private readonly known: Set<number>;
  /** The beginning of new partitions is being asked for. */
  private joining = false;
  private readonly topicId: string;
  private started = false;
  private closing = false;
  private committing = false;
  private looking: Promise<void> | null = null;
  private lookAgain = false;
  private endRest: () => void = () => undefined;
  private missingSinceMs = Number.NaN;
  private readonly evidence: FetchEvidence;
  private throttleSaidMs = Number.NEGATIVE_INFINITY;
  private discovery: NodeJS.Timeout | undefined;

  constructor(
    request: BlocksRequest,
    settings: ClientSettings,
    cluster: Cluster,
    ranges: readonly PartitionRange[],
  ) {
    this.request = request;
    this.budget = new FrameBudget(this.shareOf(HELD_BYTES_MAX));
    this.settings = settings;
    this.cluster = cluster;
    this.away = new AwayLines(request.options, request.notice);
    const { topicId, partitions } = cluster.topic();
    this.topicId = topicId;
    this.known = new Set(partitions.map(({ partition }) => partition));
    this.queues = ranges.map((range) => this.newQueue(range));
    this.evidence = this.newEvidence();
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    this.adopt(this.cluster.topic());
    const { discoveryIntervalMs } = this.request.options;
    if (discoveryIntervalMs === 0) return;
    this.discovery = setInterval(() => {
      this.look();
    }, discoveryIntervalMs);
  }

  drained(): void {
    for (const leader of this.leaders.values()) leader.wake();
  }

  get tombstones(): number {
    return this.queues.reduce((total, queue) => total + queue.tombstones, 0);
  }

  async commit(positionOf: (partition: number) => number): Promise<void> {
    const { options, notice } = this.request;
    if (options.groupId === null || this.committing) return;
    const positions = this.queues.map(
      ({ partition }) => [partition, positionOf(partition)] as const,
    );
    const moved = positions.filter(([at, offset]) => this.committed.get(at) !== offset);
    if (moved.length === 0) return;
    this.committing = true;
    try {
      await this.cluster.commit(options.groupId, new Map(moved));
      for (const [partition, offset] of moved) this.committed.set(partition, offset);
    } catch (error) {
      notice(notCommitted(options.groupId, error));
    } finally {
      this.committing = false;
    }
  }

  hurry(): void {
    this.cluster.hurry();
  }

  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.discovery);
    this.endRest();
    for (const leader of this.leaders.values()) leader.stop();
    await this.cluster.close();
    await Promise.all([...this.leaders.values()].map(({ done }) => done));
    await this.looking;
    for (const queue of this.queues) queue.close();
  }

  private newQueue(range: PartitionRange): PartitionFetch {
    const { parts, rowsMax } = this.request;
    const { checkCrcs, isolation, fetch } = this.settings;
    const label = this.labelOf(range.partition);
    return new PartitionFetch(range, {
      rowsMax,
      parts,
      reader: new RecordSetReader({ parts, checkCrcs, isolation, label }),
      bytesMax: fetch.partitionBytesMax ?? this.shareOf(PARTITION_BYTES_MAX),
      onRoom: () => {
        this.drained();
      },
    });
  }

  /** Topics that are read together have the memory of one between them. */
  private shareOf(bytes: number): number {
    return Math.max(SHARED_BYTES_MIN, Math.floor(bytes / this.request.share));
  }

  private labelOf(partition: number): string {
    return `topic "${this.request.options.topic}" partition ${partition}`;
  }

  private newEvidence(): FetchEvidence {
    const { request, settings, cluster } = this;
    return new FetchEvidence({
      request,
      settings,
      cluster,
      labelOf: (partition) => this.labelOf(partition),
      look: () => {
        this.look();
      },
      drained: () => {
        this.drained();
      },
      failed: (error) => {
        this.fail(error);
      },
      isClosing: () => this.closing,
    });
  }

  private newLeader(node: number): LeaderFetch {
    return new LeaderFetch(node, {
      topic: this.request.options.topic,
      cluster: this.cluster,
      settings: this.settings,
      responseBytesMax: this.settings.fetch.bytesMax ?? this.shareOf(RESPONSE_BYTES_MAX),
      budget: this.budget,
      clock: this.request.clock,
      labelOf: (partition) => this.labelOf(partition),
      answered: () => {
        this.away.alive();
      },
      lost: () => {
        this.look();
      },
      refused: (queue, errorCode) => {
        this.refused(queue, errorCode);
      },
      diverged: (queue, offset) => {
        this.diverged(queue, offset);
      },
      silent: (queue, kind, end) => {
        this.evidence.silent(queue, kind, end);
      },
      beyond: (queue, batch) => {
        this.evidence.beyond(queue, batch);
      },
      throttled: (address, throttleMs) => {
        this.throttled(address, throttleMs);
      },
      redirected: (queue, to) => {
        this.redirected(queue, to);
      },
      failed: (error) => {
        this.fail(error);
      },
    });
  }

  /** Sends every partition to its leader's loop. */
  private adopt(topic: TopicState): void {
    if (this.closing) return;
    if (topic.topicId !== this.topicId) {
      this.fail(createdAgain(this.request));
      return;
    }
    const states = new Map(topic.partitions.map((state) => [state.partition, state]));
    for (const queue of this.queues) {
      const state = states.get(queue.partition);
      queue.node = state?.leader ?? -1;
      queue.leaderEpoch = state?.leaderEpoch ?? -1;
    }
    this.route();
    this.takeNews(topic);
    // A leader is being chosen.
    if (this.queues.some((queue) => queue.node < 0 && !queue.complete)) this.look();
  }

  private route(): void {
    for (const { node, complete } of this.queues) {
      if (node < 0 || complete || this.leaders.has(node)) continue;
      this.leaders.set(node, this.newLeader(node));
    }
    for (const leader of this.leaders.values()) {
      leader.queues = this.queues.filter((queue) => queue.node === leader.node);
      leader.wake();
    }
  }

  /** What a bounded read reads is settled; in a group others than this find new partitions. */
  private takeNews({ topic, partitions }: TopicState): void {
    const { options, grows, notice } = this.request;
    if (options.stop.kind !== 'unbounded' || options.discoveryIntervalMs === 0) return;
    const found = partitions.map(({ partition }) => partition);
    const added = found.filter((partition) => !this.known.has(partition));
    if (added.length === 0 || this.joining) return;
    if (grows) {
      void this.join(added);
      return;
    }
    for (const partition of added) this.known.add(partition);
    // One of the readers that share a topic says it: the one of its first partition.
    const speaks = this.queues.some(({ partition }) => partition === found[0]);
    if (speaks) notice(addedLine(topic, added, false));
  }

  /** Reads new partitions from their beginning: nothing of them was read before. */
  private async join(added: readonly number[]): Promise<void> {
    const { options, notice } = this.request;
    const offsets = new ClusterOffsets(this.cluster, this.settings.isolation, options.groupId);
    this.joining = true;
    try {
      const held = await offsets.held(added);
      if (this.closing || this.failure !== null) return;
      for (const [partition, { lowOffset }] of held) {
        this.known.add(partition);
        this.queues.push(
          this.newQueue({ partition, start: lowOffset, stop: Number.POSITIVE_INFINITY }),
        );
      }
      notice(addedLine(options.topic, [...held.keys()], true));
      for (const queue of this.queues) queue.signal();
    } catch (error) {
      if (!isPassing(error)) this.fail(error);
    } finally {
      this.joining = false;
      // Finds their leaders, or asks once more.
      this.look();
    }
  }

  private refused(queue: PartitionFetch, code: number): void {
    queue.notBeforeMs = this.monotonicMs() + RETRY_MS;
    if (code === BROKER_ERROR.OFFSET_OUT_OF_RANGE) {
      this.evidence.outOfRange(queue);
    } else if (PASSING_CODES.has(code)) {
      this.evidence.refused(queue, code);
      this.look();
    } else if (code === BROKER_ERROR.TOPIC_AUTHORIZATION_FAILED) {
      const { options } = this.request;
      const who = this.settings.sasl?.who ?? null;
      this.fail(notAuthorized(options, who, `topic "${options.topic}"`, 'READ'));
    } else {
      this.fail(new Error(brokerErrorText(code)));
    }
  }

  private throttled({ host, port }: BrokerAddress, throttleMs: number): void {
    const nowMs = this.monotonicMs();
    if (nowMs - this.throttleSaidMs < THROTTLE_SAID_AGAIN_MS) return;
    this.throttleSaidMs = nowMs;
    const { options, notice } = this.request;
    const seconds = Math.ceil(throttleMs / 1000);
    notice(
      `the broker ${host}:${port} holds reading of topic "${options.topic}" back for ${seconds} s (a quota)`,
    );
  }

  private redirected(queue: PartitionFetch, node: number): void {
    queue.node = node;
    this.route();
  }

  /** The leader's word counts: a closer replica may just be behind. */
  private diverged(queue: PartitionFetch, offset: number): void {
    const { partition, node, fetchedTo } = queue;
    const state = this.cluster.topic().partitions.find((each) => each.partition === partition);
    if (state?.leader === node) {
      this.fail(logTruncated(this.request.options, { partition, offset }, fetchedTo));
      return;
    }
    queue.notBeforeMs = this.monotonicMs() + RETRY_MS;
    this.look();
  }

  /** Asks for the metadata again, soon; once for all who want it. */
  private look(): void {
    this.lookAgain = true;
    if (this.looking !== null || this.closing) return;
    this.looking = this.lookUntilDone().finally(() => {
      this.looking = null;
    });
  }

  private async lookUntilDone(): Promise<void> {
    while (this.lookAgain && !this.closing && this.failure === null) {
      this.lookAgain = false;
      try {
        const topic = await this.cluster.refresh();
        this.missingSinceMs = Number.NaN;
        this.away.alive();
        this.adopt(topic);
      } catch (error) {
        this.missed(error);
      }
      await this.rest();
    }
  }

  /** Between two looks; not longer than it takes to close. */
  private rest(): Promise<void> {
    if (this.closing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, METADATA_PAUSE_MS);
      this.endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A broker that has just started may not know the topic yet: hence the second look. */
  private missed(error: unknown): void {
    if (this.closing) return;
    this.lookAgain = true;
    if (error instanceof ConnectorError && error.key === 'TOPIC_NOT_FOUND') {
      const nowMs = this.monotonicMs();
      if (Number.isNaN(this.missingSinceMs)) this.missingSinceMs = nowMs;
      if (nowMs - this.missingSinceMs >= GONE_AFTER_MS) this.fail(error);
    } else if (isPassing(error)) {
      this.away.missed();
    } else {
      this.fail(error);
    }
  }

  private fail(cause: unknown): void {
    if (this.closing || this.failure !== null) return;
    const { options } = this.request;
    this.failure = cause instanceof ConnectorError ? cause : kafkaError(options, 'reading', cause);
    for (const leader of this.leaders.values()) leader.stop();
    for (const queue of this.queues) queue.signal();
  }

  private monotonicMs(): number {
    return this.request.clock.monotonicNs() / 1e6;
  }
}

function createdAgain({ options }: BlocksRequest): ConnectorError {
  return new ConnectorError('TOPIC_NOT_FOUND', {
    message: `topic "${options.topic}" of ${options.label} was deleted and created again`,
    detail: 'its records are others than those that were read before',
    hint: 'start the job again to read the new topic',
  });
}
