/**
 * Reads a topic through node-rdkafka: assigns the partitions at absolute offsets and moves messages
 * into their queues. Owns the fetch loop, its bounds (a budget, and pausing partitions whose reader
 * lags while another's waits), recovery and commits. Who takes them is block-source.ts.
 *
 * The loop calls consume(n, callback), never the flowing consume(), which exhausts memory. While
 * messages wait in librdkafka it takes them without waiting; otherwise it waits for one, so that a
 * lone message is handed on at once. librdkafka reconnects and resumes by itself; what it cannot
 * resume, because it gave up a position, is looked at in `recover`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorError } from '../../../base/errors.js';
import type { PartitionRange } from '../../source.js';
import type { BlocksRequest, RecordFetcher } from '../blocks/blocks.js';
import { BrokerWatch } from './broker-watch.js';
import { closeConsumer, isPassing, openConsumer, topicPartitions } from './rdkafka-client.js';
import { kafkaError } from '../cluster/cluster-errors.js';
import {
  logTruncated,
  notCommitted,
  resetPosition,
  resolveRanges,
} from '../settings/offset-choice.js';
import type { KafkaReadOptions } from '../settings/table-options.js';
import { RdkafkaCommits } from './rdkafka-commits.js';
import { FetchBudget, PartitionQueue } from './rdkafka-queue.js';
import { PartitionDiscovery } from './rdkafka-discovery.js';
import { RdkafkaOffsets, queryWatermarks } from './rdkafka-offsets.js';
import { RD_ERROR, promised } from './rdkafka.js';
import type { RdConsumer, RdError, TopicPartitionOffset } from './rdkafka.js';
import type { RdMessage } from '../blocks/message-block.js';

/** Messages per call: enough to pay for the call, few enough to keep the event loop alive. */
const MESSAGES_MAX = 1_000;
/** Bytes per call, judged by the size of the messages before: each is a buffer of its own. */
const MESSAGE_BYTES_MAX = 4 << 20;
const IDLE_WAIT_MS = 50;
/** A partition that is behind and gets nothing for so long is looked at. */
const STALLED_MS = 2_000;
/** How long a position may lie beyond the end: a restarted broker catches up. */
const BEYOND_END_MS = 30_000;
/** A topic that gives nothing at all for so long is looked at: it may have been deleted. */
const SILENT_MS = 10_000;
/** A topic is gone when two looks so far apart did not find it. */
const GONE_AFTER_MS = 1_000;
const RETRY_PAUSE_MS = 200;

/** Connects and resolves where to start and stop. Fetching begins with start(). */
export async function openTopicReader(request: BlocksRequest): Promise<TopicReader> {
  const { options } = request;
  const consumer = await openConsumer(options, options.groupId);
  try {
    return new TopicReader(request, consumer, await rangesOf(request, consumer));
  } catch (error) {
    await closeConsumer(consumer);
    if (error instanceof ConnectorError) throw error;
    throw kafkaError(options, 'looking up', error);
  }
}

async function rangesOf(
  { options, partitions, ranges, notice }: BlocksRequest,
  consumer: RdConsumer,
): Promise<readonly PartitionRange[]> {
  const found = await topicPartitions(options, consumer);
  const shared = found.filter((partition) => partitions?.includes(partition) ?? true);
  if (ranges !== null) return ranges.filter(({ partition }) => shared.includes(partition));
  return resolveRanges(options, new RdkafkaOffsets(options, consumer), shared, notice);
}

export class TopicReader implements RecordFetcher {
  readonly queues: PartitionQueue[];
  /** What ended reading; the readers throw it. */
  failure: ConnectorError | null = null;
  private readonly request: BlocksRequest;
  private readonly options: KafkaReadOptions;
  private readonly consumer: RdConsumer;
  private readonly watch: BrokerWatch;
  private readonly budget: FetchBudget;
  private readonly byPartition: (PartitionQueue | undefined)[] = [];
  private readonly ends: TopicPartitionOffset[] = [];
  private readonly committed = new Map<number, number>();
  private readonly commits: RdkafkaCommits;
  private started = false;
  private closing = false;
  /** A consume() call or a recovery is under way. */
  private busy = false;
  private hot = false;
  private messagesMax = MESSAGES_MAX;
  private progressAtMs = 0;
  private beyondEndSinceMs = Number.NaN;
  /** Positions that the broker holds and librdkafka refused, by partition. */
  private readonly refused = new Map<number, { offset: number; sinceMs: number }>();
  private idleDone: (() => void) | null = null;
  private readonly discovery: PartitionDiscovery;

  constructor(request: BlocksRequest, consumer: RdConsumer, ranges: readonly PartitionRange[]) {
    this.request = request;
    this.options = request.options;
    this.consumer = consumer;
    this.budget = new FetchBudget(request.share);
    this.commits = new RdkafkaCommits(consumer);
    this.watch = new BrokerWatch(request.options, consumer, request.notice);
    this.queues = ranges.map((range) => this.newQueue(range));
    const known = ranges.map(({ partition }) => partition);
    this.discovery = new PartitionDiscovery(request, consumer, known, (added) => {
      this.join(added);
    });
    consumer.on('partition.eof', (end) => {
      this.ends.push(end);
    });
  }

  /** Begins to fetch, once. Positions are final from here on. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.progressAtMs = this.monotonicMs();
    const { topic } = this.options;
    const open = this.queues.filter((queue) => !queue.complete);
    if (open.length === 0) return;
    this.consumer.assign(
      open.map(({ partition, fetchedTo }) => ({ topic, partition, offset: fetchedTo })),
    );
    this.fetch();
    this.discovery.start();
  }

  /** A reader took a block or waits for one. */
  drained(): void {
    if (this.started && !this.busy) this.fetch();
  }

  get tombstones(): number {
    return this.queues.reduce((total, queue) => total + queue.tombstones, 0);
  }

  /**
   * Commits the partitions' positions to the group, those that moved; resolves when the broker
   * agreed.
   */
  async commit(positionOf: (partition: number) => number): Promise<void> {
    if (this.options.groupId === null || this.commits.waiting) return;
    const { topic } = this.options;
    const moved = this.queues
      .map(({ partition }) => ({ topic, partition, offset: positionOf(partition) }))
      .filter(({ partition, offset }) => this.committed.get(partition) !== offset);
    if (moved.length === 0) return;
    try {
      const answer = this.commits.send(moved);
      if (!this.busy) this.fetch();
      await answer;
      for (const { partition, offset } of moved) this.committed.set(partition, offset);
    } catch (error) {
      this.request.notice(notCommitted(this.options.groupId, error));
      this.watch.suspect();
    }
  }

  hurry(): void {
    this.commits.hurry();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.discovery.close();
    this.watch.close();
    if (this.busy) {
      await new Promise<void>((resolve) => {
        this.idleDone = resolve;
      });
    }
    if (this.commits.isOwed) {
      this.setPaused(
        this.queues.filter(({ paused }) => !paused),
        true,
      );
    }
    await this.commits.close();
  }

  private newQueue(range: PartitionRange): PartitionQueue {
    const { rowsMax, parts } = this.request;
    const queue = new PartitionQueue(range, { budget: this.budget, rowsMax, parts });
    this.byPartition[queue.partition] = queue;
    return queue;
  }

  private join(added: readonly PartitionRange[]): void {
    if (this.failure !== null) return;
    const { topic } = this.options;
    this.consumer.incrementalAssign(
      added.map(({ partition, start }) => ({ topic, partition, offset: start })),
    );
    this.queues.push(...added.map((range) => this.newQueue(range)));
    for (const queue of this.queues) queue.signal();
    this.drained();
  }

  /** One turn of the loop; the callback takes the next one. */
  private fetch(): void {
    // librdkafka answers a commit only within consume(): there is something to do until it did.
    const answerDue = this.commits.waiting;
    if (this.closing || this.failure !== null || (!answerDue && !this.mayFetch())) {
      this.busy = false;
      this.idleDone?.();
      return;
    }
    this.busy = true;
    this.consumer.setDefaultConsumeTimeout(this.hot ? 0 : IDLE_WAIT_MS);
    this.consumer.consume(this.hot ? this.messagesMax : 1, (error, messages) => {
      if (error === null || error === undefined) this.received(messages);
      else this.failed(error);
    });
  }

  /**
   * Within the budget, yes. Beyond it only for a partition whose reader waits while the others
   * hold the budget: those are paused, so that theirs stay where they are.
   */
  private mayFetch(): boolean {
    if (this.queues.every((queue) => queue.complete)) return false;
    if (!this.budget.full) {
      this.setPaused(
        this.queues.filter(
          (queue) => queue.paused && !queue.complete && (this.budget.low || queue.starving),
        ),
        false,
      );
      return true;
    }
    const starving = this.queues.filter((queue) => queue.starving);
    if (starving.length === 0) return false;
    this.setPaused(
      starving.filter((queue) => queue.paused),
      false,
    );
    this.setPaused(
      this.queues.filter((queue) => !queue.empty && !queue.paused),
      true,
    );
    return true;
  }

  private setPaused(queues: readonly PartitionQueue[], paused: boolean): void {
    if (queues.length === 0) return;
    const { topic } = this.options;
    const partitions = queues.map(({ partition }) => ({ topic, partition }));
    if (paused) this.consumer.pause(partitions);
    else this.consumer.resume(partitions);
    for (const queue of queues) queue.paused = paused;
  }

  private received(messages: readonly RdMessage[]): void {
    const ends = this.ends.splice(0);
    const nowMs = messages.length > 0 ? this.request.clock.nowMs() : 0;
    const bytesBefore = this.budget.bytes;
    for (const message of messages) this.byPartition[message.partition]?.add(message, nowMs);
    const messageBytes = (this.budget.bytes - bytesBefore) / Math.max(1, messages.length);
    const affordable = Math.ceil(MESSAGE_BYTES_MAX / Math.max(1, messageBytes));
    this.messagesMax = Math.min(MESSAGES_MAX, affordable);
    for (const { partition, offset } of ends) this.byPartition[partition]?.reachedEnd(offset);
    if (messages.length > 0) this.watch.alive();
    for (const queue of this.queues) {
      if (!queue.empty || queue.complete) queue.signal();
    }
    this.setPaused(
      this.queues.filter((queue) => queue.complete && !queue.paused),
      true,
    );
    this.hot = messages.length > 0;
    if (messages.length > 0 || ends.length > 0) {
      this.progressAtMs = this.monotonicMs();
      this.beyondEndSinceMs = Number.NaN;
    } else if (this.looksStuck()) {
      this.recover(null);
      return;
    }
    this.fetch();
  }

  private looksStuck(): boolean {
    if (this.watch.away) return false;
    const silentMs = this.monotonicMs() - this.progressAtMs;
    return silentMs > SILENT_MS || (silentMs > STALLED_MS && this.behind().length > 0);
  }

  /** Partitions that librdkafka should have messages of. */
  private behind(): readonly PartitionQueue[] {
    return this.queues.filter((queue) => !queue.complete && !queue.paused && !queue.atEnd);
  }

  private failed(error: RdError): void {
    this.hot = false;
    if (isPassing(error)) {
      this.watch.suspect();
      this.fetchAfterPause();
      return;
    }
    switch (error.code) {
      case RD_ERROR.AUTO_OFFSET_RESET:
      case RD_ERROR.OFFSET_OUT_OF_RANGE:
      case RD_ERROR.UNKNOWN_TOPIC_OR_PART:
      case RD_ERROR.UNKNOWN_TOPIC:
      case RD_ERROR.UNKNOWN_PARTITION:
        this.recover(error);
        return;
      default:
        this.fail(kafkaError(this.options, 'reading', error));
    }
  }

  /**
   * Looks at the partitions that are behind and get nothing. librdkafka stops a partition whose
   * position the broker refuses, and node-rdkafka drops that error when messages of others came
   * with it: hence the look after a silence too. A position that the broker holds is resumed; one
   * that it does not hold any more would lose records, which is an error.
   */
  private recover(cause: RdError | null): void {
    this.progressAtMs = this.monotonicMs();
    this.inspect(cause).then(
      () => {
        this.fetchAfterPause();
      },
      (error: unknown) => {
        this.fail(
          error instanceof ConnectorError ? error : kafkaError(this.options, 'reading', error),
        );
      },
    );
  }

  private async inspect(cause: RdError | null): Promise<void> {
    const { topic } = this.options;
    try {
      await this.requireTopic();
      for (const queue of this.behind()) {
        const { partition, fetchedTo } = queue;
        const held = await queryWatermarks(this.consumer, topic, partition);
        if (fetchedTo < held.lowOffset || this.tooLongBeyond(fetchedTo > held.highOffset)) {
          const position = { partition, offset: fetchedTo };
          queue.fetchedTo = resetPosition(this.options, position, held, this.request.notice);
        } else if (cause === null && fetchedTo >= held.highOffset) continue;
        else if (this.tooLongRefused(queue, cause)) {
          throw logTruncated(this.options, { partition, offset: null }, fetchedTo);
        }
        const target = { topic, partition, offset: queue.fetchedTo };
        await promised((done) => this.consumer.seek(target, 1_000, done));
      }
    } catch (error) {
      if (error instanceof ConnectorError) throw error;
      // Nobody answers, or not yet: the next look will tell.
      this.watch.suspect();
    }
  }

  /** A broker that has just started may not know the topic yet: hence the second look. */
  private async requireTopic(): Promise<void> {
    try {
      await topicPartitions(this.options, this.consumer);
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      await delay(GONE_AFTER_MS);
      if (!this.closing) await topicPartitions(this.options, this.consumer);
    }
  }

  private tooLongBeyond(beyond: boolean): boolean {
    if (!beyond) return false;
    const nowMs = this.monotonicMs();
    if (Number.isNaN(this.beyondEndSinceMs)) this.beyondEndSinceMs = nowMs;
    return nowMs - this.beyondEndSinceMs > BEYOND_END_MS;
  }

  /**
   * librdkafka does not tell a log that was truncated from an offset that is gone: it refuses the
   * position and no seek helps, although the broker holds it and records behind it.
   */
  private tooLongRefused({ partition, fetchedTo }: PartitionQueue, cause: RdError | null): boolean {
    const nowMs = this.monotonicMs();
    const before = this.refused.get(partition);
    if (before?.offset === fetchedTo) return nowMs - before.sinceMs > BEYOND_END_MS;
    if (cause !== null) this.refused.set(partition, { offset: fetchedTo, sinceMs: nowMs });
    return false;
  }

  private monotonicMs(): number {
    return this.request.clock.monotonicNs() / 1e6;
  }

  private fetchAfterPause(): void {
    setTimeout(() => {
      this.fetch();
    }, RETRY_PAUSE_MS);
  }

  private fail(error: ConnectorError): void {
    this.failure = error;
    this.fetch();
    for (const queue of this.queues) queue.signal();
  }
}
