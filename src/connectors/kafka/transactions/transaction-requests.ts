/**
 * The requests that make a transaction: an identity for a transactional id, partitions and a group's
 * offset that belong to it, and its end. Owns what the brokers' codes mean; asking again is
 * coordinator-link.ts, the order of the requests transaction-slot.ts.
 *
 * All of them may be sent again after a lost answer: the coordinator answers what it did before. A
 * code that says neither yes, nor later, nor that another producer has the id leaves open whether a
 * transaction was committed: the job ends, and the mark tells its next start.
 */
import { ConnectorError } from '../../../base/errors.js';
import { BROKER_ERROR, brokerErrorText } from '../cluster/broker-errors.js';
import { notAuthorized } from '../cluster/cluster-errors.js';
import type { ClusterLink } from '../cluster/cluster-link.js';
import { Again, CoordinatorLink } from '../cluster/coordinator-link.js';
import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from '../cluster/client-parts.js';

/** The transaction before is on its way out: Java's producer waits as long. */
const CONCURRENT_PAUSE_MS = 20;
const NO_GENERATION = -1;
const NO_EPOCH = -1;
/** Another partition of the request is the reason. */
const NOT_ATTEMPTED = 55;

const MOVING: ReadonlySet<number> = new Set([
  BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION,
  BROKER_ERROR.REQUEST_TIMED_OUT,
  BROKER_ERROR.COORDINATOR_LOADING,
  BROKER_ERROR.COORDINATOR_NOT_AVAILABLE,
  BROKER_ERROR.NOT_COORDINATOR,
]);
const FENCED: ReadonlySet<number> = new Set([
  BROKER_ERROR.INVALID_PRODUCER_EPOCH,
  BROKER_ERROR.INVALID_PRODUCER_ID_MAPPING,
  BROKER_ERROR.PRODUCER_FENCED,
]);

/** The number that a broker gave a transactional id; later ones shut it out. */
export interface TransactionIdentity {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly epoch: number;
}

/** By topic. */
export type TopicPartitions = ReadonlyMap<string, ReadonlySet<number>>;

export interface OffsetMark {
  readonly groupId: string;
  readonly topic: string;
  readonly offset: number;
  readonly text: string;
}

export class TransactionRequests {
  private readonly link: ClusterLink;
  private readonly timeoutMs: number;
  private readonly ids: CoordinatorLink;
  private readonly groups: CoordinatorLink;

  /** `timeoutMs`: how long the cluster leaves a transaction open. */
  constructor(link: ClusterLink, timeoutMs: number) {
    this.link = link;
    this.timeoutMs = timeoutMs;
    const require = (key: string, code: number): void => this.require(key, code);
    this.ids = new CoordinatorLink(link, { type: 'transaction', require });
    this.groups = new CoordinatorLink(link, { type: 'group', require });
  }

  /** Shuts out who had the id before, and ends what they left: committed where that was decided. */
  init(transactionalId: string): Promise<TransactionIdentity> {
    const { link, timeoutMs } = this;
    return this.ids.ask(transactionalId, async (connection, turnMs) => {
      const question = [transactionalId, timeoutMs, -1n, NO_EPOCH] as const;
      const answer = await link.ask(connection, turnMs, initProducerIdV4, ...question);
      this.require(transactionalId, answer.errorCode);
      return { transactionalId, producerId: answer.producerId, epoch: answer.producerEpoch };
    });
  }

  addPartitions(
    identity: TransactionIdentity,
    partitions: TopicPartitions,
    patienceMs: () => number,
  ): Promise<void> {
    const { transactionalId, producerId, epoch: producerEpoch } = identity;
    const topics = [...partitions].map(([name, own]) => ({ name, partitions: [...own] }));
    const transaction = { transactionalId, producerId, producerEpoch, verifyOnly: false, topics };
    const ask = async (...[connection, turnMs]: Turn): Promise<void> => {
      const answer = await this.link.ask(connection, turnMs, addPartitionsToTxnV3, [transaction]);
      const codes = answer.resultsByTransaction
        .flatMap(({ topicResults }) => topicResults)
        .flatMap(({ resultsByPartition }) => resultsByPartition)
        .map(({ partitionErrorCode }) => partitionErrorCode)
        .filter((code) => code !== BROKER_ERROR.NONE);
      const code = codes.find((each) => each !== NOT_ATTEMPTED) ?? codes[0];
      if (code !== undefined) this.require(transactionalId, code);
    };
    return this.ids.ask(transactionalId, ask, patienceMs);
  }

  /** The mark becomes part of the transaction. */
  async addMark(
    identity: TransactionIdentity,
    { groupId, topic, offset, text }: OffsetMark,
    patienceMs: () => number,
  ): Promise<void> {
    const { link } = this;
    const { transactionalId, producerId, epoch } = identity;
    const own = [transactionalId, producerId, epoch] as const;
    const join = async (...[connection, turnMs]: Turn): Promise<void> => {
      const answer = await link.ask(connection, turnMs, addOffsetsToTxnV3, ...own, groupId);
      this.require(transactionalId, answer.errorCode);
    };
    await this.ids.ask(transactionalId, join, patienceMs);
    const place = {
      partitionIndex: 0,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: NO_EPOCH,
      committedMetadata: text,
    };
    const topics = [{ name: topic, partitions: [place] }];
    const ids = [transactionalId, groupId, producerId, epoch] as const;
    const commit = async (...[connection, turnMs]: Turn): Promise<void> => {
      const member = [NO_GENERATION, '', null] as const;
      const answer = await link.ask(
        connection,
        turnMs,
        txnOffsetCommitV3,
        ...ids,
        ...member,
        topics,
      );
      const [first] = answer.topics.flatMap(({ partitions }) => partitions);
      if (first === undefined) throw new Again("the broker's answer says nothing of the mark");
      this.require(groupId, first.errorCode);
    };
    await this.groups.ask(groupId, commit, patienceMs);
  }

  end(
    identity: TransactionIdentity,
    outcome: 'commit' | 'abort',
    patienceMs: () => number,
  ): Promise<void> {
    const { transactionalId, producerId, epoch } = identity;
    const question = [transactionalId, producerId, epoch, outcome === 'commit'] as const;
    const ask = async (...[connection, turnMs]: Turn): Promise<void> => {
      const answer = await this.link.ask(connection, turnMs, endTxnV3, ...question);
      this.require(transactionalId, answer.errorCode);
    };
    return this.ids.ask(transactionalId, ask, patienceMs);
  }

  /** `key`: the transactional id, or the group. */
  private require(key: string, code: number): void {
    if (code === BROKER_ERROR.NONE) return;
    const text = brokerErrorText(code);
    if (MOVING.has(code)) throw new Again(text);
    if (code === BROKER_ERROR.CONCURRENT_TRANSACTIONS) {
      throw new Again(text, { pauseMs: CONCURRENT_PAUSE_MS, moved: false });
    }
    if (FENCED.has(code)) throw this.fenced(key, text);
    const { endpoint, settings } = this.link;
    const who = settings.sasl?.who ?? null;
    switch (code) {
      case BROKER_ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        throw notAuthorized(endpoint, who, `transactional id "${key}"`, 'WRITE and DESCRIBE');
      case BROKER_ERROR.GROUP_AUTHORIZATION_FAILED:
        throw notAuthorized(endpoint, who, `group "${key}"`, 'READ');
      case BROKER_ERROR.TOPIC_AUTHORIZATION_FAILED:
        throw notAuthorized(endpoint, who, `topic "${endpoint.topic}"`, 'WRITE and READ');
      case BROKER_ERROR.INVALID_TRANSACTION_TIMEOUT:
        throw new ConnectorError('KAFKA', {
          message: `the brokers of ${endpoint.label} leave no transaction open for ${this.timeoutMs} ms`,
          detail: text,
          hint: "set 'properties.transaction.timeout.ms' to what their 'transaction.max.timeout.ms' allows",
        });
    }
    throw new ConnectorError('KAFKA', {
      message: `the transaction of ${endpoint.label} has failed: ${text}`,
      detail: `its transactional id or group is "${key}", the brokers are ${endpoint.brokers}`,
      hint: 'start the job again: it goes on from what is committed',
    });
  }

  fenced(transactionalId: string, text: string): ConnectorError {
    const { endpoint } = this.link;
    return new ConnectorError('KAFKA_FENCED', {
      message: `${endpoint.label} may not write any more: another job has its transactional id "${transactionalId}", or its transaction was open for too long`,
      detail: `${text}; the cluster leaves a transaction open for ${this.timeoutMs / 1000} s ('properties.transaction.timeout.ms')`,
      hint: "end one of the two jobs, or give each its own 'sink.transactional-id-prefix'; what was not committed is written again by the next start",
    });
  }
}

type Turn = Parameters<Parameters<CoordinatorLink['ask']>[1]>;
