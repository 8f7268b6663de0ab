/**
 * Offsets that a consumer group committed of one topic, read and written by a client that is no
 * member. Owns FindCoordinator, OffsetFetch and OffsetCommit, asked again while a coordinator moves
 * or is away, for as long as cluster-link.ts has patience. Membership is rdkafka-membership.ts: a group with members takes
 * no commits from anybody else.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { findCoordinatorV4, offsetCommitV8, offsetFetchV8 } from './client-parts.js';
import { ConnectorError } from '../../../base/errors.js';
import { BROKER_ERROR, brokerErrorText } from './broker-errors.js';
import type { BrokerAddress } from '../settings/client-settings.js';
import { brokerUnreachable, kafkaError, notAuthorized } from './cluster-errors.js';
import { LinkFailure, LinkFailures, unreachable } from './cluster-link.js';
import type { ClusterLink } from './cluster-link.js';
import type { WireConnection } from './wire-connection.js';

const RETRY_PAUSE_MS = 100;
const KEY_IS_GROUP = 0;
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

/** Something that passes: the question is to be asked again. */
class Again extends Error {
  override readonly name = 'Again';
}

type Ask<T> = (connection: WireConnection, timeoutMs: number) => Promise<T>;

export class GroupOffsets {
  private readonly link: ClusterLink;
  private readonly coordinators = new Map<string, BrokerAddress>();

  constructor(link: ClusterLink) {
    this.link = link;
  }

  async committed(groupId: string, partitions: readonly number[]): Promise<Map<number, number>> {
    if (partitions.length === 0) return new Map();
    const { link } = this;
    const topics = [{ name: link.endpoint.topic, partitionIndexes: [...partitions] }];
    // An offset that a transaction is about to commit is waited for.
    const stable = link.settings.isolation === 'read_committed';
    return this.ofCoordinator(groupId, async (connection, timeoutMs) => {
      const asked = [{ groupId, memberEpoch: NO_EPOCH, topics }];
      const answer = await link.ask(connection, timeoutMs, offsetFetchV8, asked, stable);
      const offsets = new Map<number, number>();
      const group = answer.groups.find((each) => each.groupId === groupId);
      if (group !== undefined) this.require(groupId, group.errorCode);
      const found = partitionsOf(group?.topics ?? [], link.endpoint.topic);
      for (const partition of partitions) {
        const place = found.get(partition);
        if (place === undefined) throw silentAbout(partition);
        this.require(groupId, place.errorCode);
        if (place.committedOffset >= 0n) offsets.set(partition, Number(place.committedOffset));
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
    await this.ofCoordinator(groupId, async (connection, timeoutMs) => {
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

  private async ofCoordinator<T>(groupId: string, ask: Ask<T>): Promise<T> {
    const { clock, endpoint, patienceMs } = this.link;
    const deadlineNs = clock.monotonicNs() + patienceMs * 1e6;
    for (;;) {
      const leftMs = this.link.leftMs(deadlineNs);
      try {
        const address = this.coordinators.get(groupId) ?? (await this.find(groupId, leftMs));
        return await ask(await this.link.to(address, leftMs), leftMs);
      } catch (error) {
        this.coordinators.delete(groupId);
        const passing = passingText(error);
        if (passing === null) throw unreachable(endpoint, error);
        if (this.link.leftMs(deadlineNs) <= RETRY_PAUSE_MS) {
          if (!(error instanceof Again)) throw unreachable(endpoint, error);
          throw brokerUnreachable(endpoint, passing, error);
        }
      }
      await delay(RETRY_PAUSE_MS);
    }
  }

  private async find(groupId: string, timeoutMs: number): Promise<BrokerAddress> {
    const { link } = this;
    const answer = await link.anywhere(
      (connection, shareMs) =>
        link.ask(connection, shareMs, findCoordinatorV4, KEY_IS_GROUP, [groupId]),
      timeoutMs,
    );
    const [coordinator] = answer.coordinators;
    if (coordinator === undefined) throw new Again('no broker coordinates the group');
    this.require(groupId, coordinator.errorCode);
    const { host, port } = coordinator;
    this.coordinators.set(groupId, { host, port });
    return { host, port };
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

/** Why a question is to be asked again; null: it is not. */
function passingText(error: unknown): string | null {
  if (error instanceof Again) return error.message;
  const failures =
    error instanceof LinkFailures
      ? error.failures
      : error instanceof LinkFailure
        ? [error.failure]
        : [];
  if (failures.length === 0 || failures.some(({ kind }) => kind === 'final')) return null;
  return failures.map(({ reason }) => reason).join('; ');
}
