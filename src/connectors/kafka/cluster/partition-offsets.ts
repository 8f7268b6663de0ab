/**
 * Which offsets the partitions of a topic hold: earliest, latest, or the first at or after a time.
 * Owns ListOffsets, each question asked of the partition's leader, and again, after a look at the
 * metadata, when leaders move or a broker is away; for as long as cluster-link.ts has patience.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { listOffsetsV6 } from './client-parts.js';
import type { ConnectorError } from '../../../base/errors.js';
import { BROKER_ERROR, brokerErrorText } from './broker-errors.js';
import type { IsolationLevel } from '../settings/client-settings.js';
import { kafkaError, notAuthorized, offsetsUnknown } from './cluster-errors.js';
import { LinkFailure, unreachable } from './cluster-link.js';
import type { ClusterLink } from './cluster-link.js';

export interface PartitionState {
  readonly partition: number;
  /** Node id; -1: it has none now. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface TopicState {
  readonly topic: string;
  readonly topicId: string;
  /** Ascending. */
  readonly partitions: readonly PartitionState[];
}

export interface OffsetQuestion {
  readonly partition: number;
  /** A number is a time in milliseconds since the epoch. */
  readonly at: 'earliest' | 'latest' | number;
}

/** Where the leaders are. */
export interface TopicLeaders {
  topic(): TopicState;
  refresh(): Promise<TopicState>;
}

const RETRY_PAUSE_MS = 100;
const NO_REPLICA = -1;
const LATEST = -1n;
const EARLIEST = -2n;

const PASSING: ReadonlySet<number> = new Set([
  BROKER_ERROR.UNKNOWN_TOPIC_OR_PARTITION,
  BROKER_ERROR.LEADER_NOT_AVAILABLE,
  BROKER_ERROR.NOT_LEADER,
  BROKER_ERROR.REQUEST_TIMED_OUT,
  BROKER_ERROR.REPLICA_NOT_AVAILABLE,
  BROKER_ERROR.KAFKA_STORAGE,
  BROKER_ERROR.FENCED_LEADER_EPOCH,
  BROKER_ERROR.UNKNOWN_LEADER_EPOCH,
  BROKER_ERROR.OFFSET_NOT_AVAILABLE,
]);

/** A question with the leader that it goes to. */
interface Addressed extends OffsetQuestion {
  readonly leader: number;
  readonly leaderEpoch: number;
}

type AnsweredPartition = ReturnType<
  typeof listOffsetsV6.parseResponse
>['topics'][number]['partitions'][number];

/** What one round of questions brought. */
interface Round {
  readonly found: Map<number, number>;
  readonly answered: Set<number>;
  /** Why some are not answered, and the failure to reach a leader that it came from. */
  complaint: string | null;
  failure: LinkFailure | null;
}

export class PartitionOffsets {
  private readonly link: ClusterLink;
  private readonly leaders: TopicLeaders;

  constructor(link: ClusterLink, leaders: TopicLeaders) {
    this.link = link;
    this.leaders = leaders;
  }

  /** One question per partition. Throws BROKER_UNREACHABLE, KAFKA_AUTHORIZATION or KAFKA. */
  async list(
    questions: readonly OffsetQuestion[],
    isolation: IsolationLevel,
  ): Promise<Map<number, number>> {
    const { clock, endpoint, patienceMs } = this.link;
    const deadlineNs = clock.monotonicNs() + patienceMs * 1e6;
    const round: Round = { found: new Map(), answered: new Set(), complaint: null, failure: null };
    let open = questions;
    for (;;) {
      await this.ask(open, isolation, round);
      open = questions.filter(({ partition }) => !round.answered.has(partition));
      if (open.length === 0) return round.found;
      if (this.link.leftMs(deadlineNs) <= RETRY_PAUSE_MS) {
        if (round.failure !== null) throw unreachable(endpoint, round.failure);
        const waitedMs = Math.max(patienceMs, RETRY_PAUSE_MS);
        throw offsetsUnknown(endpoint, waitedMs, round.complaint ?? 'they answer nothing');
      }
      await delay(RETRY_PAUSE_MS);
      await this.refresh();
    }
  }

  private async ask(
    questions: readonly OffsetQuestion[],
    isolation: IsolationLevel,
    round: Round,
  ): Promise<void> {
    const states = new Map(
      this.leaders.topic().partitions.map((state) => [state.partition, state]),
    );
    const byLeader = new Map<number, Addressed[]>();
    for (const question of questions) {
      const { leader, leaderEpoch } = states.get(question.partition) ?? NO_LEADER;
      if (leader < 0) {
        round.complaint = `partition ${question.partition} has no leader`;
        continue;
      }
      const group = byLeader.get(leader) ?? [];
      group.push({ ...question, leader, leaderEpoch });
      byLeader.set(leader, group);
    }
    await Promise.all(
      [...byLeader.values()].map((group) => this.askLeader(group, isolation, round)),
    );
  }

  private async askLeader(
    questions: readonly Addressed[],
    isolation: IsolationLevel,
    round: Round,
  ): Promise<void> {
    const { link } = this;
    const { topic } = link.endpoint;
    const partitions = questions.map(({ partition, leaderEpoch, at }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: leaderEpoch,
      timestamp: timestampOf(at),
    }));
    const level = isolation === 'read_committed' ? 1 : 0;
    const timeoutMs = link.patienceMs;
    try {
      const connection = await link.to(link.addressOf(questions[0]?.leader ?? -1), timeoutMs);
      const named = [{ name: topic, partitions }];
      const answer = await link.ask(connection, timeoutMs, listOffsetsV6, NO_REPLICA, level, named);
      const own = answer.topics.filter(({ name }) => name === topic);
      const answers = own.flatMap((one) => one.partitions);
      for (const question of questions) this.take(question, answers, round);
      round.failure = null;
    } catch (error) {
      if (!(error instanceof LinkFailure)) throw error;
      if (error.failure.kind === 'final') throw error.failure.error;
      round.complaint = error.failure.reason;
      round.failure = error;
    }
  }

  private take(
    { partition, at }: Addressed,
    answers: readonly AnsweredPartition[],
    round: Round,
  ): void {
    const answered = answers.find(({ partitionIndex }) => partitionIndex === partition);
    if (answered === undefined) {
      round.complaint = `the broker's answer says nothing of partition ${partition}`;
    } else if (answered.errorCode !== BROKER_ERROR.NONE) {
      round.complaint = this.refusal(partition, answered.errorCode);
    } else if (answered.offset >= 0n) {
      round.answered.add(partition);
      round.found.set(partition, Number(answered.offset));
    } else if (typeof at === 'number') {
      round.answered.add(partition);
    } else {
      round.complaint = `partition ${partition} has no offset that is the ${at}`;
    }
  }

  /** What passes, as text; what does not is thrown. */
  private refusal(partition: number, code: number): string {
    const text = `partition ${partition}: ${brokerErrorText(code)}`;
    if (PASSING.has(code)) return text;
    const { endpoint, settings } = this.link;
    if (code === BROKER_ERROR.TOPIC_AUTHORIZATION_FAILED) {
      const who = settings.sasl?.who ?? null;
      throw notAuthorized(endpoint, who, `topic "${endpoint.topic}"`, 'DESCRIBE and READ');
    }
    throw kafkaError(endpoint, 'asking for offsets of', new Error(text));
  }

  /** Whoever is away may be back for the next round. */
  private async refresh(): Promise<void> {
    try {
      await this.leaders.refresh();
    } catch (error) {
      const known = unreachable(this.link.endpoint, error) as ConnectorError;
      if (known.key !== 'BROKER_UNREACHABLE') throw known;
    }
  }
}

const NO_LEADER = { leader: -1, leaderEpoch: -1 };

function timestampOf(at: OffsetQuestion['at']): bigint {
  if (at === 'latest') return LATEST;
  return at === 'earliest' ? EARLIEST : BigInt(at);
}
