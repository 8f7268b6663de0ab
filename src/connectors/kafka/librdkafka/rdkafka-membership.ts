/**
 * Membership in a consumer group through librdkafka: joins, follows rebalances (eager and
 * cooperative) and commits as a member. Owns the protocol with the group only: the partitions it is
 * given stay paused here, and are read by whoever asked for the membership.
 *
 *   rebalance   assigned   → handler.assigned: reading begins at the group's offsets
 *               revoked    → handler.revoked: reading stops, what was read is finished, its offsets
 *                            are committed, and only then the partitions are given back
 *
 * Giving back waits at most REVOKE_MAX_MS, well within librdkafka's 'max.poll.interval.ms': what is
 * not finished by then is read again by the next owner. After a session was lost the broker refuses
 * the commit, which is said, and the next owner reads those records again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import { leaveBehind } from '../../../base/left-behind.js';
import { isPassing, openMember } from './rdkafka-client.js';
import { HURRIED_MS, RdkafkaCommits } from './rdkafka-commits.js';
import { kafkaError } from '../cluster/cluster-errors.js';
import type { KafkaReadOptions } from '../settings/table-options.js';
import { RD_ERROR, promised } from './rdkafka.js';
import type { RdError, RdMember, TopicPartition } from './rdkafka.js';

const POLL_MS = 100;
const RETRY_PAUSE_MS = 200;
const REVOKE_MAX_MS = 60_000;
const COMMITTED_TIMEOUT_MS = 10_000;
const COMMIT_TRIES_MAX = 25;
/** A group that gives no partitions for so long is told of, and every so often from then on. */
const SILENT_MS = 10_000;
const SILENT_EVERY_MS = 60_000;
/** How long leaving waits for a rebalance. */
const LEAVE_MAX_MS = 15_000;
/** librdkafka's position "at the end": a paused partition looks for nothing there. */
const OFFSET_END = -1;

export interface MembershipHandler {
  /** These partitions are ours now, besides those that were. */
  assigned(partitions: readonly number[]): void;
  /**
   * They are to be given back: resolves when everything that was read of them is finished, with the
   * offsets to commit, or with null when that took too long. Called while they are still ours.
   */
  revoked(partitions: readonly number[]): Promise<ReadonlyMap<number, number> | null>;
  /** Membership ended: the group cannot be followed any more. */
  failed(error: ConnectorError): void;
}

/** Joins the group of the options. Throws as openConsumer does. */
export async function joinGroup(
  options: KafkaReadOptions & { readonly groupId: string },
  handler: MembershipHandler,
  { clock, notice }: { readonly clock: Clock; readonly notice: (line: string) => void },
): Promise<Membership> {
  const events: RebalanceEvents = { take: () => undefined };
  const consumer = await openMember(options, (error, partitions) => {
    events.take(error, partitions);
  });
  return new Membership({ options, consumer, handler, clock, notice, events });
}

interface RebalanceEvents {
  take(error: RdError, partitions: readonly TopicPartition[]): void;
}

interface MembershipParts {
  readonly options: KafkaReadOptions & { readonly groupId: string };
  readonly consumer: RdMember;
  readonly handler: MembershipHandler;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
  readonly events: RebalanceEvents;
}

export class Membership {
  private readonly parts: MembershipParts;
  private readonly owned = new Set<number>();
  private readonly commits: RdkafkaCommits;
  /** Answers do not say to which commit they belong: one at a time. */
  private committing: Promise<unknown> = Promise.resolve();
  /** Rebalances are followed one after the other. */
  private following: Promise<void> = Promise.resolve();
  private polling: Promise<void>;
  private leaving = false;
  /** Since when the group owes an assignment; null: it has given one, if only of nothing. */
  private owedSinceMs: number | null;
  private saidAtMs = Number.NEGATIVE_INFINITY;
  private beginHurry: () => void = () => undefined;
  private readonly hurried: Promise<void>;

  constructor(parts: MembershipParts) {
    this.parts = parts;
    const { consumer, options, events } = parts;
    events.take = (error, partitions) => {
      this.following = this.following.then(() => this.follow(error, partitions));
    };
    this.commits = new RdkafkaCommits(consumer);
    this.hurried = new Promise((resolve) => {
      this.beginHurry = resolve;
    });
    this.owedSinceMs = this.nowMs();
    consumer.setDefaultConsumeTimeout(POLL_MS);
    consumer.subscribe([options.topic]);
    this.polling = this.poll();
  }

  /** Partitions that this member owns, ascending. */
  get partitions(): readonly number[] {
    return [...this.owned].sort((a, b) => a - b);
  }

  /**
   * Commits offsets of owned partitions; others are left out. Refused while the group changes its
   * generation, it is asked again; any other refusal is said, and no error.
   */
  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const error = await this.commitOnce(offsets);
      if (error === null) return;
      if (this.leaving || tries === COMMIT_TRIES_MAX || !ofAnotherGeneration(error)) {
        this.notCommitted(error);
        return;
      }
      await delay(RETRY_PAUSE_MS);
    }
  }

  /** null: the broker agreed. */
  private commitOnce(offsets: ReadonlyMap<number, number>): Promise<Error | null> {
    const answer = this.committing.then(() => this.commitOwned(offsets));
    this.committing = answer;
    return answer;
  }

  private async commitOwned(offsets: ReadonlyMap<number, number>): Promise<Error | null> {
    const { topic } = this.parts.options;
    const owned = [...offsets].filter(([partition]) => this.owned.has(partition));
    if (owned.length === 0) return null;
    try {
      await this.commits.send(owned.map(([partition, offset]) => ({ topic, partition, offset })));
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  private notCommitted({ message }: Error): void {
    const { options, notice } = this.parts;
    notice(
      `offsets of group "${options.groupId}" could not be committed (${message}): ` +
        'their records will be read again',
    );
  }

  /** What the group has committed; partitions without an offset are absent. */
  async committed(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const { consumer, options } = this.parts;
    const { topic } = options;
    const asked = partitions.map((partition) => ({ topic, partition }));
    const found = await promised<readonly { partition: number; offset?: number }[]>((done) =>
      consumer.committed(asked, COMMITTED_TIMEOUT_MS, done),
    );
    const offsets = new Map<number, number>();
    for (const { partition, offset } of found) {
      if (offset !== undefined && offset >= 0) offsets.set(partition, offset);
    }
    return offsets;
  }

  /** The job is stopped: a broker that does not answer is not waited for any longer. */
  hurry(): void {
    this.commits.hurry();
    this.beginHurry();
  }

  /**
   * Leaves the group; what is to be committed was committed before. A rebalance that is being
   * followed comes to its end first, because its commit is answered only while the group is polled.
   */
  async leave(): Promise<void> {
    const ended = delay(LEAVE_MAX_MS, undefined, { ref: false });
    await Promise.race([this.following, ended, this.hurriedEnd()]);
    this.leaving = true;
    await this.polling;
    const closing = this.commits.close();
    const isClosed = await Promise.race([
      closing.then(() => true),
      this.hurriedEnd().then(() => false),
    ]);
    if (!isClosed) leaveBehind(closing);
  }

  /** A while after the job was told to hurry. */
  private async hurriedEnd(): Promise<void> {
    await this.hurried;
    await delay(HURRIED_MS, undefined, { ref: false });
  }

  /** librdkafka answers and tells of rebalances only while it is polled. */
  private async poll(): Promise<void> {
    const { consumer, handler, options } = this.parts;
    while (!this.leaving) {
      const error = await new Promise<RdError | null | undefined>((resolve) => {
        consumer.consume(1, (failure) => {
          resolve(failure);
        });
      });
      this.saySilence();
      if (error === null || error === undefined) continue;
      if (!isPassing(error) && error.code !== RD_ERROR.UNKNOWN_TOPIC_OR_PART) {
        handler.failed(kafkaError(options, 'following the group of', error));
        return;
      }
      await delay(RETRY_PAUSE_MS);
    }
  }

  private async follow(error: RdError, list: readonly TopicPartition[]): Promise<void> {
    const { handler, options } = this.parts;
    try {
      const partitions = this.numbersOf(list);
      if (error.code === RD_ERROR.ASSIGN_PARTITIONS) this.assign(partitions);
      else if (error.code === RD_ERROR.REVOKE_PARTITIONS) await this.revoke(partitions);
      else throw error;
    } catch (cause) {
      if (this.leaving) return;
      handler.failed(
        cause instanceof ConnectorError
          ? cause
          : kafkaError(options, 'following the group of', cause),
      );
    }
  }

  /** librdkafka takes whatever numbers and topics an answer has, and ends the process on some. */
  private numbersOf(list: readonly TopicPartition[]): readonly number[] {
    const { options } = this.parts;
    for (const { topic, partition } of list) {
      if (topic === options.topic && partition >= 0) continue;
      throw new ConnectorError('KAFKA_ANSWER', {
        message: `group "${options.groupId}" gives ${options.label} partition ${partition} of topic "${topic}"`,
        detail: 'that is none of those which this member can have',
        hint: 'look at the log of the broker that coordinates the group',
      });
    }
    return list.map(({ partition }) => partition);
  }

  private assign(partitions: readonly number[]): void {
    const { consumer, handler, options } = this.parts;
    this.sayOver();
    const { topic } = options;
    const positions = partitions.map((partition) => ({ topic, partition, offset: OFFSET_END }));
    if (consumer.rebalanceProtocol() === 'COOPERATIVE') consumer.incrementalAssign(positions);
    else consumer.assign(positions);
    if (positions.length > 0) consumer.pause(positions);
    for (const partition of partitions) this.owned.add(partition);
    handler.assigned(partitions);
  }

  private async revoke(partitions: readonly number[]): Promise<void> {
    const { consumer, handler, notice, options } = this.parts;
    const given = partitions.filter((partition) => this.owned.has(partition));
    // While it leaves, everything was committed, and nobody polls for the answer to a commit.
    const finished = this.leaving
      ? new Map<number, number>()
      : await Promise.race([handler.revoked(given), delay(REVOKE_MAX_MS, null, { ref: false })]);
    if (finished === null) {
      notice(
        `what was read of partitions ${given.join(', ')} could not be finished in time: ` +
          `the next member of group "${options.groupId}" reads it again`,
      );
    } else {
      // The group waits: a generation that is over does not come back.
      const error = await this.commitOnce(finished);
      if (error !== null) this.notCommitted(error);
    }
    for (const partition of given) this.owned.delete(partition);
    // Another assignment follows, of less or of nothing.
    this.owedSinceMs ??= this.nowMs();
    if (consumer.rebalanceProtocol() !== 'COOPERATIVE') consumer.unassign();
    else {
      const { topic } = options;
      consumer.incrementalUnassign(partitions.map((partition) => ({ topic, partition })));
    }
  }

  /** A group that gives nothing may wait for other members, or its coordinator answers nonsense. */
  private saySilence(): void {
    const { owedSinceMs } = this;
    if (owedSinceMs === null) return;
    const nowMs = this.nowMs();
    const lastsMs = nowMs - owedSinceMs;
    if (lastsMs < SILENT_MS || nowMs - this.saidAtMs < SILENT_EVERY_MS) return;
    this.saidAtMs = nowMs;
    const { options, notice } = this.parts;
    notice(
      `group "${options.groupId}" has given no partitions for ${Math.round(lastsMs / 1000)} s: ` +
        'its coordinator does not answer or cannot be understood, or the group waits for ' +
        'another member; waiting …',
    );
  }

  private sayOver(): void {
    this.owedSinceMs = null;
    if (this.saidAtMs === Number.NEGATIVE_INFINITY) return;
    this.saidAtMs = Number.NEGATIVE_INFINITY;
    this.parts.notice(`group "${this.parts.options.groupId}" has given partitions again`);
  }

  private nowMs(): number {
    return this.parts.clock.monotonicNs() / 1e6;
  }
}

/** Its members are joining anew: soon the commit is of the next generation. */
function ofAnotherGeneration(error: Error & { readonly code?: unknown }): boolean {
  return (
    error.code === RD_ERROR.ILLEGAL_GENERATION || error.code === RD_ERROR.REBALANCE_IN_PROGRESS
  );
}
