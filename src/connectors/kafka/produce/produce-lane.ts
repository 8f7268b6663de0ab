/**
 * The batches of one partition from the first byte to the acknowledgement. Owns their order and
 * sequence numbers, so that the broker can tell a batch that it has from a new one: batches are
 * numbered when they are sealed, sent in that order, and sent again under the same numbers.
 * When to send, and to whom, is columnar-producer.ts.
 *
 *   batches | acked? | sent | sent | waiting | waiting |  + the open batch
 *
 * After a failure that may pass, nothing is sent until every batch under way was answered; then all
 * that is not acknowledged goes out again from the front. At most five batches may be under way
 * (produce-sender.ts sees to that), because a broker remembers the last five of a producer. Until
 * the first is acknowledged, one: from a producer that it does not know a broker takes any number,
 * so a second batch would be stored although the first was refused.
 *
 * A broker that has forgotten the producer gets what it has not under numbers from 0 on, in the
 * next epoch of this partition, once nothing is under way.
 */
import { renumberBatch } from './produce-batch.js';
import type { RecordBatchWriter } from './produce-batch.js';
import type { ProducedBatch } from './produce-wire.js';

export interface LaneBatch extends ProducedBatch {
  /** Holds the records as they were before compression. */
  readonly writer: RecordBatchWriter;
  /** What the batch counts for in the producer's bound. */
  readonly recordBytes: number;
  sequence: number;
  readonly rows: number;
  readonly sealedNs: number;
  state: 'waiting' | 'sent' | 'acknowledged';
}

/** Why a batch has to go again, or cannot go. */
export interface Complaint {
  readonly text: string;
  /** Of the broker's answer; null: there was none. */
  readonly errorCode: number | null;
}

const SEQUENCES = 2 ** 31;
/** A broker forgets a silent producer, by default after a day ('producer.id.expiration.ms'). */
const KNOWN_FOR_MS = 600_000;

export class ProduceLane {
  readonly partition: number;
  /** Node id of the broker to send to. */
  leader = -1;
  /** The batch that takes records, and since when. */
  open: RecordBatchWriter | null = null;
  openedNs = 0;
  /** Nothing is sent before. */
  retryAtNs = 0;
  /** Nothing is sent: how large batches may be is being asked for. */
  held = false;
  /** What the last answer complained about. */
  complaint: Complaint | null = null;
  /** The producer's, as batches of this partition carry it. */
  epoch: number;
  private batches: LaneBatch[] = [];
  private underWay = 0;
  /** The broker that has what is under way. */
  private sentTo = -1;
  private recovering = false;
  /** The broker has a batch of this producer. */
  private known = false;
  private nextSequence = 0;
  private anew = false;
  private acknowledgedNs = Number.NEGATIVE_INFINITY;

  constructor(partition: number, epoch: number) {
    this.partition = partition;
    this.epoch = epoch;
  }

  get idle(): boolean {
    return this.batches.length === 0 && this.open === null;
  }

  /**
   * Since when nothing is acknowledged although records wait, or about so; null: none wait. A broker
   * that takes one batch after the other, however slowly, is not late.
   */
  get waitsSinceNs(): number | null {
    const [first] = this.batches;
    if (first !== undefined) return Math.max(first.sealedNs, this.acknowledgedNs);
    return this.open === null ? null : Math.max(this.openedNs, this.acknowledgedNs);
  }

  /** The number of the first record of the next batch; the one after it follows `rows` later. */
  takeSequence(rows: number): number {
    const sequence = this.nextSequence;
    this.nextSequence = this.sequenceAfter(sequence, rows);
    return sequence;
  }

  sequenceAfter(sequence: number, rows: number): number {
    return (sequence + rows) % SEQUENCES;
  }

  push(batch: LaneBatch): void {
    this.batches.push(batch);
  }

  /** Whether a batch may be sent now, although others are under way. */
  maySend(nowNs: number): boolean {
    if (this.held || nowNs < this.retryAtNs) return false;
    if (this.underWay === 0) {
      if (nowNs > this.acknowledgedNs + KNOWN_FOR_MS * 1e6) this.known = false;
      return true;
    }
    return this.known && !this.recovering && this.sentTo === this.leader;
  }

  /** The first batch that waits, or null; it counts as sent from now on. */
  send(): LaneBatch | null {
    const batch = this.next();
    if (batch === null) return null;
    if (this.anew) this.renumber();
    this.recovering = false;
    batch.state = 'sent';
    this.underWay += 1;
    this.sentTo = this.leader;
    return batch;
  }

  /** The broker has the batch. Gives the batches that are done, oldest first. */
  acknowledge(batch: LaneBatch, nowNs: number): readonly LaneBatch[] {
    this.answered(batch);
    batch.state = 'acknowledged';
    this.acknowledgedNs = nowNs;
    this.known = true;
    this.complaint = null;
    const open = this.batches.findIndex(({ state }) => state !== 'acknowledged');
    return this.batches.splice(0, open < 0 ? this.batches.length : open);
  }

  /** The batch has to go again, and so everything behind it. */
  sendAgain(batch: LaneBatch, complaint: Complaint, retryAtNs: number): void {
    this.answered(batch);
    batch.state = 'waiting';
    this.recovering = true;
    // What followed from another batch's failure explains nothing.
    if (this.batches[0] === batch || this.complaint === null) this.complaint = complaint;
    this.retryAtNs = retryAtNs;
  }

  /** The broker knows nothing of this producer: what follows is numbered from 0 in a new epoch. */
  beginAnew(): void {
    this.anew = true;
  }

  /** The next batch to be sent, which waits; null: there is none. */
  next(): LaneBatch | null {
    return this.batches.find(({ state }) => state === 'waiting') ?? null;
  }

  /** A batch that waits goes as several. They have its sequence numbers between them. */
  replace(batch: LaneBatch, parts: readonly LaneBatch[]): void {
    this.batches.splice(this.batches.indexOf(batch), 1, ...parts);
  }

  isFirst(batch: LaneBatch): boolean {
    return this.batches[0] === batch;
  }

  private renumber(): void {
    this.anew = false;
    this.known = false;
    this.epoch += 1;
    this.nextSequence = 0;
    for (const batch of this.batches) {
      if (batch.state !== 'waiting') continue;
      batch.sequence = this.takeSequence(batch.rows);
      renumberBatch(batch.bytes, this.epoch, batch.sequence);
    }
  }

  private answered(batch: LaneBatch): void {
    if (batch.state === 'sent') this.underWay -= 1;
  }
}
