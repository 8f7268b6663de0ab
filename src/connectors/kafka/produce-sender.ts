/**
 * Produce requests: takes sealed batches from the lanes to their leaders and the answers back. Owns
 * a connection for each leader with a few requests under way, what each answer means, sending again
 * in order, leader moves, and the end of patience. What is in a batch, and when one is sealed, is
 * columnar-producer.ts.
 *
 * A lost connection, a leader that moved and a broker that is not ready are failures that pass: the
 * batches go again under their numbers until 'delivery.timeout.ms' is over. A batch that came to
 * the broker before is answered like a new one. Anything else is final and named.
 */
import { systemClock } from '../../base/clock.js';
import { protocolErrorsCodesById } from './client-parts.js';
import { splitRecords } from './batch-split.js';
import type { Cluster } from './cluster.js';
import type { KafkaEndpoint } from './options.js';
import type { LaneBatch, ProduceLane } from './produce-lane.js';
import type { ProduceSettings } from './produce-settings.js';
import { PRODUCE, parseProduceResponse, produceRequest } from './produce-wire.js';
import type { ProduceAnswer, ProducerIdentity } from './produce-wire.js';
import { brokerErrorHint } from './record-delivery.js';
import type { DeliveryFailure } from './record-delivery.js';
import type { WireConnection } from './wire-connection.js';

/** What one request carries at most, beside a single batch that is larger. */
const REQUEST_BYTES_MAX = 4 << 20;
const BUFFER_STEP_BYTES = 256 * 1024;
const NO_BUFFER = Buffer.alloc(0);
const REFRESH_PAUSE_MS = 100;
const RECONNECT_PAUSE_MS = 100;

const ERROR = {
  NONE: 0,
  MESSAGE_TOO_LARGE: 10,
  RECORD_LIST_TOO_LARGE: 18,
  OUT_OF_ORDER_SEQUENCE: 45,
  DUPLICATE_SEQUENCE: 46,
} as const;

/**
 * Errors that pass: corrupt on the way, unknown topic (while it is created), no or another leader,
 * timed out, replica not available, network, too few replicas (before and after the append), disk,
 * fenced or unknown leader epoch, throttled.
 */
const PASSING: ReadonlySet<number> = new Set([2, 3, 5, 6, 7, 9, 13, 19, 20, 56, 74, 75, 89]);
/** Of those, the ones after which the leaders are asked for. */
const LEADER_MOVED: ReadonlySet<number> = new Set([3, 5, 6, 9, 13, 56, 74, 75]);

export interface ProduceSenderParts {
  readonly endpoint: KafkaEndpoint;
  readonly cluster: Cluster;
  readonly identity: ProducerIdentity;
  readonly settings: ProduceSettings;
  readonly lanes: readonly ProduceLane[];
  readonly notice: (line: string) => void;
}

export type LaneFailure = Omit<DeliveryFailure, 'endpoint' | 'acknowledged' | 'sent'>;

export interface ProduceEvents {
  /** A request has room: seal the lane's open batch if it should go. */
  readonly seal: (lane: ProduceLane) => void;
  /** Batches that are done for good; their writers may be used again. */
  readonly acknowledged: (batches: readonly LaneBatch[]) => void;
  /** The broker refused a batch as too large; it goes in halves. */
  readonly split: (batch: LaneBatch) => void;
  readonly failed: (failure: LaneFailure) => void;
}

/** A broker that leads partitions, and how many requests it has not answered. */
interface Leader {
  readonly nodeId: number;
  connection: WireConnection | null;
  connecting: boolean;
  retryAtNs: number;
  asked: number;
}

export class ProduceSender {
  private readonly parts: ProduceSenderParts;
  private readonly events: ProduceEvents;
  private readonly laneOf: ReadonlyMap<number, ProduceLane>;
  private readonly leaders = new Map<number, Leader>();
  /** Of requests that were answered: at most as many as were ever under way. */
  private readonly spare: Buffer[] = [];
  private refreshing = false;
  private refreshWanted = false;
  private refreshedNs = Number.NEGATIVE_INFINITY;
  private away = false;
  private closed = false;

  constructor(parts: ProduceSenderParts, events: ProduceEvents) {
    this.parts = parts;
    this.events = events;
    this.laneOf = new Map(parts.lanes.map((lane) => [lane.partition, lane]));
    this.findLeaders();
  }

  /** Sends what may be sent and gives up what took too long. Called when any of it may change. */
  pump(): void {
    if (this.closed) return;
    const nowNs = systemClock.monotonicNs();
    if (this.refreshWanted) this.refresh(nowNs);
    for (const leader of this.leaders.values()) this.sendTo(leader, nowNs);
    this.giveUpLate(nowNs);
  }

  close(): void {
    this.closed = true;
    for (const { connection } of this.leaders.values()) connection?.close();
  }

  private findLeaders(): void {
    for (const { partition, leader } of this.parts.cluster.topic().partitions) {
      const lane = this.laneOf.get(partition);
      // A partition that was added later takes no records: keys keep their partitions.
      if (lane === undefined) continue;
      lane.leader = leader;
      if (leader < 0) {
        this.refreshWanted = true;
      } else if (!this.leaders.has(leader)) {
        const idle = { connection: null, connecting: false, retryAtNs: 0, asked: 0 };
        this.leaders.set(leader, { nodeId: leader, ...idle });
      }
    }
  }

  private sendTo(leader: Leader, nowNs: number): void {
    this.renew(leader);
    while (leader.asked < this.parts.settings.inFlightMax) {
      if (leader.connection?.expiring === true) return;
      if (leader.connection === null) {
        if (this.wants(leader)) this.connect(leader, nowNs);
        return;
      }
      const batches = this.takeBatches(leader, nowNs);
      if (batches.length === 0) return;
      this.request(leader, leader.connection, batches);
    }
  }

  /** A login that ends soon: the next request goes over a new connection. */
  private renew(leader: Leader): void {
    const { connection } = leader;
    if (connection === null || !connection.expiring || leader.asked > 0) return;
    leader.connection = null;
    connection.close();
  }

  private wants({ nodeId }: Leader): boolean {
    return this.parts.lanes.some((lane) => lane.leader === nodeId && !lane.idle);
  }

  /** At most one batch of each of the leader's partitions. */
  private takeBatches({ nodeId }: Leader, nowNs: number): LaneBatch[] {
    const batches: LaneBatch[] = [];
    let bytes = 0;
    for (const lane of this.parts.lanes) {
      if (lane.leader !== nodeId || !lane.maySend(nowNs)) continue;
      let batch = lane.send();
      if (batch === null) {
        this.events.seal(lane);
        batch = lane.send();
      }
      if (batch === null) continue;
      batches.push(batch);
      bytes += batch.bytes.length;
      if (bytes >= REQUEST_BYTES_MAX) break;
    }
    return batches;
  }

  private request(leader: Leader, connection: WireConnection, batches: LaneBatch[]): void {
    const { endpoint, settings } = this.parts;
    leader.asked += 1;
    const head = { topic: endpoint.topic, timeoutMs: settings.requestTimeoutMs };
    let buffer: Buffer = NO_BUFFER;
    const body = produceRequest(head, batches, (byteLength) => {
      buffer = this.takeBuffer(byteLength);
      return buffer;
    });
    connection.request(PRODUCE.key, PRODUCE.version, body, false).then(
      (frame) => {
        leader.asked -= 1;
        this.spare.push(buffer);
        try {
          const { answers } = parseProduceResponse(frame.bytes, frame.from, frame.to);
          this.answered(batches, answers);
        } finally {
          frame.release();
        }
        this.pump();
      },
      (error: unknown) => {
        leader.asked -= 1;
        this.spare.push(buffer);
        this.lost(leader, connection);
        for (const batch of batches) this.again(batch, textOf(error));
        this.pump();
      },
    );
  }

  /** Requests are of like size: a buffer whose answer came serves the next. */
  private takeBuffer(byteLength: number): Buffer {
    const found = this.spare.pop();
    if (found !== undefined && found.length >= byteLength) return found;
    return Buffer.allocUnsafeSlow(Math.ceil(byteLength / BUFFER_STEP_BYTES) * BUFFER_STEP_BYTES);
  }

  private answered(batches: readonly LaneBatch[], answers: readonly ProduceAnswer[]): void {
    if (this.closed) return;
    this.isBack();
    for (const batch of batches) {
      const answer = answers.find(({ partition }) => partition === batch.partition);
      if (answer === undefined) this.again(batch, 'the broker did not answer for the partition');
      else this.take(batch, answer);
    }
  }

  private take(batch: LaneBatch, { errorCode, errorText }: ProduceAnswer): void {
    const lane = this.lane(batch);
    if (errorCode === ERROR.NONE || errorCode === ERROR.DUPLICATE_SEQUENCE) {
      const done = lane.acknowledge(batch);
      if (done.length > 0) this.events.acknowledged(done);
      return;
    }
    const name = protocolErrorsCodesById[errorCode] ?? `ERROR_${errorCode}`;
    const reason = errorText === null ? name : `${name}: ${errorText}`;
    const behind = errorCode === ERROR.OUT_OF_ORDER_SEQUENCE && !lane.isFirst(batch);
    if (PASSING.has(errorCode) || behind) {
      if (LEADER_MOVED.has(errorCode)) this.refreshWanted = true;
      this.again(batch, reason);
    } else if (isTooLarge(errorCode) && batch.rows > 1) {
      this.split(lane, batch);
    } else {
      const size = isTooLarge(errorCode) ? ` (a record of ${batch.recordBytes} bytes)` : '';
      const hint = brokerErrorHint(errorCode);
      this.events.failed({ partition: batch.partition, reason: `${reason}${size}`, hint });
    }
  }

  private again(batch: LaneBatch, complaint: string): void {
    const retryAtNs = systemClock.monotonicNs() + this.parts.settings.retryBackoffMs * 1e6;
    this.lane(batch).sendAgain(batch, complaint, retryAtNs);
  }

  private split(lane: ProduceLane, batch: LaneBatch): void {
    const { identity, settings } = this.parts;
    const { partition, sealedNs } = batch;
    let { sequence } = batch;
    let recordBytes = batch.recordBytes >> 1;
    const halves = splitRecords(batch.writer).map((writer): LaneBatch => {
      const { rows } = writer;
      const bytes = writer.seal({ ...identity, sequence }, settings.compressor);
      const half = { partition, bytes, writer, recordBytes, sequence, rows, sealedNs };
      sequence = lane.sequenceAfter(sequence, rows);
      recordBytes = batch.recordBytes - recordBytes;
      return { ...half, state: 'waiting' };
    });
    lane.replace(batch, halves);
    this.events.split(batch);
  }

  private connect(leader: Leader, nowNs: number): void {
    if (leader.connecting || nowNs < leader.retryAtNs) return;
    leader.connecting = true;
    this.parts.cluster.fetchConnection(leader.nodeId).then(
      (connection) => {
        leader.connecting = false;
        if (this.closed) {
          connection.close();
          return;
        }
        leader.connection = connection;
        void connection.closed.then(() => {
          this.lost(leader, connection);
        });
        this.pump();
      },
      (error: unknown) => {
        leader.connecting = false;
        leader.retryAtNs = systemClock.monotonicNs() + RECONNECT_PAUSE_MS * 1e6;
        this.refreshWanted = true;
        this.isAway();
        for (const lane of this.parts.lanes) {
          if (lane.leader === leader.nodeId) lane.complaint = textOf(error);
        }
      },
    );
  }

  private lost(leader: Leader, connection: WireConnection): void {
    if (leader.connection !== connection) return;
    leader.connection = null;
    this.refreshWanted = true;
    connection.close();
  }

  /** Asks for the leaders, at most every REFRESH_PAUSE_MS; a failure is tried again by pump(). */
  private refresh(nowNs: number): void {
    if (this.refreshing || nowNs < this.refreshedNs + REFRESH_PAUSE_MS * 1e6) return;
    this.refreshing = true;
    this.refreshWanted = false;
    this.parts.cluster.refresh().then(
      () => {
        this.refreshed();
        this.findLeaders();
        this.pump();
      },
      () => {
        this.refreshed();
        this.refreshWanted = true;
      },
    );
  }

  private refreshed(): void {
    this.refreshing = false;
    this.refreshedNs = systemClock.monotonicNs();
  }

  /** A batch that is not acknowledged in time ends the job; a mute connection ends by itself. */
  private giveUpLate(nowNs: number): void {
    const { lanes, settings } = this.parts;
    const patienceNs = settings.deliveryTimeoutMs * 1e6;
    for (const { waitsSinceNs, partition, complaint } of lanes) {
      if (waitsSinceNs === null || nowNs <= waitsSinceNs + patienceNs) continue;
      const seconds = settings.deliveryTimeoutMs / 1000;
      const why = complaint === null ? '' : `, last: ${complaint}`;
      this.events.failed({ partition, reason: `not acknowledged for ${seconds} s${why}` });
      return;
    }
  }

  private isAway(): void {
    if (this.away || this.closed) return;
    this.away = true;
    this.parts.notice(`broker ${this.parts.endpoint.brokers} went away, retrying …`);
  }

  private isBack(): void {
    if (!this.away) return;
    this.away = false;
    this.parts.notice(`broker ${this.parts.endpoint.brokers} is back`);
  }

  private lane({ partition }: LaneBatch): ProduceLane {
    // Checked boundary: batches come from the lanes.
    return this.laneOf.get(partition) as ProduceLane;
  }
}

function isTooLarge(errorCode: number): boolean {
  return errorCode === ERROR.MESSAGE_TOO_LARGE || errorCode === ERROR.RECORD_LIST_TOO_LARGE;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
