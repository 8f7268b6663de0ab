/**
 * Offsets that a consumer group committed of one topic, read and written by a client that is no
 * member. Owns OffsetFetch and OffsetCommit and what their codes mean; finding the coordinator, and
 * asking again, is coordinator-link.ts. Membership is rdkafka-membership.ts: a group with members
 * takes no commits from anybody else.
 */
import { offsetCommitV8, offsetFetchV8 } from './client-parts.js';
import { ConnectorError } from '../../../base/errors.js';
import { BROKER_ERROR, brokerErrorText } from './broker-errors.js';
import { kafkaError, notAuthorized } from './cluster-errors.js';
import type { ClusterLink } from './cluster-link.js';
import { Again, CoordinatorLink } from './coordinator-link.js';

const NO_GENERATION = -1;
const NO_EPOCH = -1;

/** After these the coordinator is asked again, or another one. */
const PASSING: ReadonlySet<number> = new Set([
  BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION,
  BROKER_ERROR.REQUEST_TIMED_OUT,
  BROKER_ERROR.COORDINATOR_LOADING,
  BROKER_ERROR.COORDINATOR_NOT_AVAILABLE,
  BROKER_ERROR.NOT_COORDINATOR,
  BROKER_ERROR.UNSTABLE_OFFSET_COMMIT,
]);
const HAS_MEMBERS: ReadonlySet<number> = new Set([
  BROKER_ERROR.ILLEGAL_GENERATION,
  BROKER_ERROR.UNKNOWN_MEMBER,
  BROKER_ERROR.REBALANCE_IN_PROGRESS,
]);

export interface CommittedPlace {
  readonly offset: number;
  /** What was committed with it. */
  readonly text: string;
}

export class GroupOffsets {
  private readonly link: ClusterLink;
  private readonly coordinators: CoordinatorLink;

  constructor(link: ClusterLink) {
    this.link = link;
    this.coordinators = new CoordinatorLink(link, {
      type: 'group',
      require: (groupId, code) => this.require(groupId, code),
    });
  }

  async committed(groupId: string, partitions: readonly number[]): Promise<Map<number, number>> {
    const stable = this.link.settings.isolation === 'read_committed';
    const places = await this.places(groupId, partitions, stable);
    return new Map([...places].map(([partition, { offset }]) => [partition, offset]));
  }

  /**
   * The same with the text that was committed with each offset. `stable`: an offset that a
   * transaction is about to commit is waited for.
   */
  async places(
    groupId: string,
    partitions: readonly number[],
    stable: boolean,
  ): Promise<Map<number, CommittedPlace>> {
    if (partitions.length === 0) return new Map();
    const { link } = this;
    const topics = [{ name: link.endpoint.topic, partitionIndexes: [...partitions] }];
    return this.coordinators.ask(groupId, async (connection, timeoutMs) => {
      const asked = [{ groupId, memberEpoch: NO_EPOCH, topics }];
      const answer = await link.ask(connection, timeoutMs, offsetFetchV8, asked, stable);
      const offsets = new Map<number, CommittedPlace>();
      const group = answer.groups.find((each) => each.groupId === groupId);
      if (group !== undefined) this.require(groupId, group.errorCode);
      const found = partitionsOf(group?.topics ?? [], link.endpoint.topic);
      for (const partition of partitions) {
        const place = found.get(partition);
        if (place === undefined) throw silentAbout(partition);
        this.require(groupId, place.errorCode);
        const { committedOffset, metadata } = place;
        if (committedOffset < 0n) continue;
        offsets.set(partition, { offset: Number(committedOffset), text: metadata ?? '' });
      }
      return offsets;
    });
  }

  async commit(groupId: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    if (offsets.size === 0) return;
    const { link } = this;
    const partitions = [...offsets].map(([partitionIndex, offset]) => ({
      partitionIndex,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: NO_EPOCH,
      committedMetadata: '',
    }));
    const topics = [{ name: link.endpoint.topic, partitions }];
    await this.coordinators.ask(groupId, async (connection, timeoutMs) => {
      const answer = await link.ask(
        connection,
        timeoutMs,
        offsetCommitV8,
        groupId,
        NO_GENERATION,
        '',
        null,
        topics,
      );
      const found = partitionsOf(answer.topics, link.endpoint.topic);
      for (const partition of offsets.keys()) {
        const place = found.get(partition);
        if (place === undefined) throw silentAbout(partition);
        this.require(groupId, place.errorCode);
      }
    });
  }

  private require(groupId: string, code: number): void {
    if (code === BROKER_ERROR.NONE) return;
    const text = brokerErrorText(code);
    if (PASSING.has(code)) throw new Again(text);
    const { endpoint, settings } = this.link;
    const who = settings.sasl?.who ?? null;
    if (code === BROKER_ERROR.GROUP_AUTHORIZATION_FAILED) {
      throw notAuthorized(endpoint, who, `group "${groupId}"`, 'READ');
    }
    if (code === BROKER_ERROR.TOPIC_AUTHORIZATION_FAILED) {
      throw notAuthorized(endpoint, who, `topic "${endpoint.topic}"`, 'READ');
    }
    if (HAS_MEMBERS.has(code)) {
      throw new ConnectorError('KAFKA', {
        message: `group "${groupId}" of ${endpoint.label} has members that read with it`,
        detail: `the broker takes no offsets from anybody else (${text})`,
        hint: 'use another group id, or stop the other members',
      });
    }
    throw kafkaError(endpoint, `asking for offsets of group "${groupId}" of`, new Error(text));
  }
}

/** The partitions of one topic in an answer. */
function partitionsOf<Place extends { readonly partitionIndex: number }>(
  topics: readonly { readonly name: string; readonly partitions: readonly Place[] }[],
  topic: string,
): ReadonlyMap<number, Place> {
  const own = topics.filter(({ name }) => name === topic).flatMap(({ partitions }) => partitions);
  return new Map(own.map((place) => [place.partitionIndex, place]));
}

function silentAbout(partition: number): Again {
  return new Again(`the broker's answer says nothing of partition ${partition}`);
}
