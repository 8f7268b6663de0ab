/**
 * One transactional id and the transaction that is open under it. Owns which partitions belong to
 * the transaction, and the order of its requests: partitions as their first records come, the mark,
 * the end. Two slots take turns (job-transactions.ts); requests are transaction-requests.ts.
 *
 *   open ──seal()──▶ sealed ──publish(): mark, commit──▶ open, without partitions
 *
 * Records that come to a sealed slot wait in their producer until its transaction has ended.
 */
import type { ConnectorError } from '../../../base/errors.js';
import { assert } from '../../../base/assert.js';
import { BROKER_ERROR, brokerErrorText } from '../cluster/broker-errors.js';
import type { ProduceVerdict } from '../produce/produce-errors.js';
import type { ProduceTransaction } from '../produce/produce-transaction.js';
import type {
  OffsetMark,
  TopicPartitions,
  TransactionIdentity,
  TransactionRequests,
} from './transaction-requests.js';

/** Who writes in the transaction. */
export interface SlotWriter {
  /** Partitions are in that were not. */
  pump(): void;
  giveUp(failure: ConnectorError): void;
}

export interface SlotParts {
  readonly requests: TransactionRequests;
  readonly identity: TransactionIdentity;
  readonly patienceMs: () => number;
  /** No request will bring the transaction further. */
  readonly failed: (error: unknown) => void;
}

export class TransactionSlot implements ProduceTransaction {
  readonly id: string;
  readonly identity: TransactionIdentity;
  readonly writers = new Set<SlotWriter>();
  private readonly parts: SlotParts;
  private readonly admitted = new Map<string, Set<number>>();
  private wanted = new Map<string, Set<number>>();
  /** Of the request that is under way. */
  private asked: TopicPartitions = NONE;
  private sealed = false;
  /** The cluster may know of a transaction. */
  private begun = false;
  /** Its commit may have been asked for. */
  private ending = false;

  constructor(parts: SlotParts) {
    this.parts = parts;
    this.identity = parts.identity;
    this.id = parts.identity.transactionalId;
  }

  admits(topic: string, partition: number): boolean {
    if (this.admitted.get(topic)?.has(partition) === true) return !this.sealed;
    if (this.asked.get(topic)?.has(partition) === true) return false;
    addTo(this.wanted, topic, partition);
    void this.ask();
    return false;
  }

  verdict(errorCode: number): ProduceVerdict | null {
    // A leader learns of a partition that joined the transaction from its coordinator.
    if (errorCode === BROKER_ERROR.CONCURRENT_TRANSACTIONS) return 'again';
    if (errorCode === UNKNOWN_PRODUCER) return 'final';
    return null;
  }

  failureOf(errorCode: number): ConnectorError | null {
    if (!ENDED_BY_OTHERS.has(errorCode)) return null;
    return this.parts.requests.fenced(this.id, brokerErrorText(errorCode));
  }

  /** The rows so far are all of this transaction. */
  seal(): void {
    this.sealed = true;
  }

  /** Ends the transaction with the mark in it. What comes then is of the next one. */
  async publish(mark: OffsetMark): Promise<void> {
    assert(this.sealed, 'what is published takes no more rows');
    const { requests, identity, patienceMs } = this.parts;
    this.begun = true;
    await requests.addMark(identity, mark, patienceMs);
    this.ending = true;
    await requests.end(identity, 'commit', patienceMs);
    this.begun = false;
    this.ending = false;
    this.sealed = false;
    this.admitted.clear();
    for (const writer of this.writers) writer.pump();
    void this.ask();
  }

  /** Takes back what is open; a commit that may have come through is left to the next start. */
  async abort(patienceMs: () => number): Promise<void> {
    if (!this.begun || this.ending) return;
    await this.parts.requests.end(this.identity, 'abort', patienceMs);
  }

  private async ask(): Promise<void> {
    if (this.asked.size > 0 || this.sealed || this.wanted.size === 0) return;
    this.begun = true;
    const { requests, identity, patienceMs, failed } = this.parts;
    const asked = this.wanted;
    this.asked = asked;
    this.wanted = new Map();
    try {
      await requests.addPartitions(identity, asked, patienceMs);
      for (const [topic, partitions] of asked) {
        for (const partition of partitions) addTo(this.admitted, topic, partition);
      }
    } catch (error) {
      failed(error);
      return;
    } finally {
      this.asked = NONE;
    }
    for (const writer of this.writers) writer.pump();
    void this.ask();
  }
}

const NONE: TopicPartitions = new Map();
const UNKNOWN_PRODUCER = 59;
const ENDED_BY_OTHERS: ReadonlySet<number> = new Set([
  BROKER_ERROR.INVALID_PRODUCER_EPOCH,
  BROKER_ERROR.INVALID_TXN_STATE,
  BROKER_ERROR.INVALID_PRODUCER_ID_MAPPING,
  BROKER_ERROR.PRODUCER_FENCED,
]);

function addTo(topics: Map<string, Set<number>>, topic: string, partition: number): void {
  const partitions = topics.get(topic);
  if (partitions === undefined) topics.set(topic, new Set([partition]));
  else partitions.add(partition);
}
