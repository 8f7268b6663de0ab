/**
 * Produce requests: takes sealed batches from the lanes to their leaders and the answers back. Owns
 * what is sent to whom and when, what follows from an answer, sending again in order, leader moves,
 * and the end of patience. What an error code means is produce-errors.ts, connections are
 * produce-leader.ts; what is in a batch, and when one is sealed, is columnar-producer.ts.
 *
 * A lost connection, a leader that moved and a broker that is not ready are failures that pass: the
 * batches go again under their numbers until nothing was acknowledged for 'delivery.timeout.ms'. A
 * batch that came to the broker before is answered like a new one. Anything else is final and named.
 */
import { systemClock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import { protocolErrorsCodesById } from '../cluster/client-parts.js';
import { BATCH_HEADER_BYTES } from '../batch/record-batch.js';
import type { BatchLimit } from './batch-limit.js';
import { splitRecords } from './batch-split.js';
import type { KafkaEndpoint } from '../settings/table-options.js';
import { isRefusal, lacksReplicas, produceVerdict } from './produce-errors.js';
import type { Complaint, LaneBatch, ProduceLane } from './produce-lane.js';
import { ProduceLeader } from './produce-leader.js';
import type { LeaderEvents, ProduceCluster, ProduceConnection } from './produce-leader.js';
import { topicByteLimit } from '../cluster/topic-settings.js';
import { ProduceNotices } from './produce-notices.js';
import type { ProduceSettings } from './produce-settings.js';
import type { ProduceTransaction } from './produce-transaction.js';
import { PRODUCE, parseProduceResponse, produceRequest } from './produce-wire.js';
import type { ProduceAnswer, ProducerIdentity } from './produce-wire.js';
import { brokerErrorHint } from '../record/record-delivery.js';
import type { DeliveryFailure } from '../record/record-delivery.js';

/** What one request carries at most, beside a single batch that is larger. */
const REQUEST_BYTES_MAX = 4 << 20;
const BUFFER_STEP_BYTES = 256 * 1024;
const NO_BUFFER = Buffer.alloc(0);
const REFRESH_PAUSE_MS = 100;
/** A topic that just came into being is not known to every broker at once. */
const GONE_AFTER_MS = 2_000;
/** An epoch has 16 bits. */
const EPOCH_MAX = 32_767;
const MESSAGE_TOO_LARGE = 10;
const NO_LEADER: Complaint = { text: 'it has no leader', errorCode: null };

export interface ProduceSenderParts {
  readonly endpoint: KafkaEndpoint;
  readonly cluster: ProduceCluster;
  readonly identity: ProducerIdentity;
  readonly settings: ProduceSettings;
  readonly lanes: readonly ProduceLane[];
  readonly limit: BatchLimit;
  /** Absent: batches are seen as they come. */
  readonly transaction?: ProduceTransaction | undefined;
  readonly notice: (line: string) => void;
}

export type LaneFailure = Omit<DeliveryFailure, 'endpoint' | 'acknowledged' | 'sent'>;

export interface ProduceEvents {
  /** A request has room: seal the lane's open batch if it should go. */
  readonly seal: (lane: ProduceLane) => void;
  /** Batches that are done for good; their writers may be used again. */
  readonly acknowledged: (batches: readonly LaneBatch[]) => void;
  readonly failed: (failure: LaneFailure) => void;
  /** The transaction has. */
  readonly ended: (failure: ConnectorError) => void;
}

export class ProduceSender {
  private readonly parts: ProduceSenderParts;
  private readonly events: ProduceEvents;
  private readonly notices: ProduceNotices;
  private readonly topicId: string;
  private readonly laneOf: ReadonlyMap<number, ProduceLane>;
  private readonly leaders = new Map<number, ProduceLeader>();
  /** Of requests that were answered: at most as many as were ever under way. */
  private readonly spare: Buffer[] = [];
  private refreshing = false;
  private refreshWanted = false;
  private refreshedNs = Number.NEGATIVE_INFINITY;
  /** Since when the cluster does not know the topic. */
  private missingSinceNs: number | null = null;
  private patienceMs: number;
  /** When the job was stopped. */
  private hurriedNs: number | null = null;
  private closed = false;
  /** How large a batch may be. */
  private asking: Promise<number | null> | null = null;

  constructor(parts: ProduceSenderParts, events: ProduceEvents) {
    this.parts = parts;
    this.events = events;
    this.notices = new ProduceNotices(parts.endpoint, parts.notice);
    this.topicId = parts.cluster.topic().topicId;
    this.laneOf = new Map(parts.lanes.map((lane) => [lane.partition, lane]));
    this.patienceMs = parts.settings.deliveryTimeoutMs;
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

  /** The job is stopped: patience ends sooner, and no quota is waited for. */
  hurry(patienceMs: number): void {
    this.hurriedNs ??= systemClock.monotonicNs();
    this.patienceMs = Math.min(this.patienceMs, patienceMs);
  }

  close(): void {
    this.closed = true;
    for (const leader of this.leaders.values()) leader.close();
  }

  private findLeaders(): void {
    const { cluster } = this.parts;
    for (const { partition, leader } of cluster.topic().partitions) {
      const lane = this.laneOf.get(partition);
      // A partition that was added later takes no records: keys keep their partitions.
      if (lane === undefined) continue;
      lane.leader = leader;
      if (leader < 0) {
        lane.complaint = NO_LEADER;
        this.refreshWanted = true;
      } else if (!this.leaders.has(leader)) {
        this.leaders.set(leader, new ProduceLeader(leader, cluster, this.leaderEvents));
      }
    }
  }

  private readonly leaderEvents: LeaderEvents = {
    connected: () => {
      this.pump();
    },
    lost: () => {
      this.refreshWanted = true;
    },
    refused: ({ nodeId }, error) => {
      this.refreshWanted = true;
      if (isRefusal(error)) {
        this.refused(error);
        return;
      }
      this.notices.away();
      for (const lane of this.parts.lanes) {
        if (lane.leader === nodeId) lane.complaint = complaintOf(error);
      }
    },
  };

  private sendTo(leader: ProduceLeader, nowNs: number): void {
    leader.renew();
    while (leader.hasRoom(this.parts.settings.inFlightMax, nowNs)) {
      if (leader.connection?.expiring === true) return;
      if (leader.connection === null) {
        if (this.wants(leader)) leader.connect(nowNs);
        return;
      }
      const batches = this.takeBatches(leader, nowNs);
      if (batches.length === 0) return;
      this.request(leader, leader.connection, batches);
    }
  }

  private wants({ nodeId }: ProduceLeader): boolean {
    return this.parts.lanes.some((lane) => lane.leader === nodeId && !lane.idle);
  }

  /** At most one batch of each of the leader's partitions. */
  private takeBatches({ nodeId }: ProduceLeader, nowNs: number): LaneBatch[] {
    const { transaction } = this.parts;
    const { topic } = this.parts.endpoint;
    const batches: LaneBatch[] = [];
    let bytes = 0;
    for (const lane of this.parts.lanes) {
      if (lane.leader !== nodeId || !lane.maySend(nowNs)) continue;
      if (lane.next() === null) this.events.seal(lane);
      if (lane.next() !== null && transaction?.admits(topic, lane.partition) === false) continue;
      this.fit(lane);
      const batch = lane.send();
      if (batch === null) continue;
      batches.push(batch);
      bytes += batch.bytes.length;
      if (bytes >= REQUEST_BYTES_MAX) break;
    }
    return batches;
  }

  private request(
    leader: ProduceLeader,
    connection: ProduceConnection,
    batches: LaneBatch[],
  ): void {
    const { endpoint, settings, transaction } = this.parts;
    leader.asked += 1;
    const head = {
      topic: endpoint.topic,
      timeoutMs: settings.requestTimeoutMs,
      transactionalId: transaction?.id ?? null,
    };
    let buffer: Buffer = NO_BUFFER;
    const body = produceRequest(head, batches, (byteLength) => {
      buffer = this.takeBuffer(byteLength);
      return buffer;
    });
    const answered = connection.request(PRODUCE.key, PRODUCE.version, body, false);
    answered
      .then((frame) => {
        try {
          return parseProduceResponse(frame.bytes, frame.from, frame.to, endpoint.topic);
        } finally {
          frame.release();
        }
      })
      .then(
        ({ answers, throttleMs }) => {
          if (throttleMs > 0) this.notices.throttled(connection.address, throttleMs);
          this.answered(connection, batches, answers);
          const tookSome = batches.some(({ state }) => state === 'acknowledged');
          leader.rest(throttleMs, tookSome);
        },
        (error: unknown) => {
          // Also of a response that is none: what comes behind it cannot be trusted.
          leader.lose(connection);
          for (const batch of batches) this.again(batch, complaintOf(error));
        },
      )
      .finally(() => {
        leader.asked -= 1;
        this.spare.push(buffer);
        this.pump();
      });
  }

  /** Requests are of like size: a buffer whose answer came serves the next. */
  private takeBuffer(byteLength: number): Buffer {
    const found = this.spare.pop();
    if (found !== undefined && found.length >= byteLength) return found;
    return Buffer.allocUnsafeSlow(Math.ceil(byteLength / BUFFER_STEP_BYTES) * BUFFER_STEP_BYTES);
  }

  private answered(
    connection: ProduceConnection,
    batches: readonly LaneBatch[],
    answers: readonly ProduceAnswer[],
  ): void {
    if (this.closed) return;
    this.notices.alive();
    for (const batch of batches) {
      const answer = answers.find(({ partition }) => partition === batch.partition);
      if (answer === undefined) this.again(batch, complaintOf('the broker says nothing of it'));
      else this.take(connection, batch, answer);
    }
  }

  private take(connection: ProduceConnection, batch: LaneBatch, answer: ProduceAnswer): void {
    const lane = this.lane(batch);
    const { errorCode } = answer;
    const complaint = { text: textOf(answer), errorCode };
    const told = this.parts.transaction?.verdict(errorCode) ?? null;
    const verdict = told ?? produceVerdict(errorCode, lane.isFirst(batch));
    switch (verdict) {
      case 'done':
        this.notices.takes(batch.partition);
        this.acknowledge(lane, batch);
        break;
      case 'behind':
        // What is in front of it says when to go on.
        lane.sendAgain(batch, complaint, lane.retryAtNs);
        break;
      case 'again':
        if (lacksReplicas(errorCode)) this.notices.takesNothing(batch.partition, complaint.text);
        this.again(batch, complaint);
        break;
      case 'elsewhere':
        this.refreshWanted = true;
        this.again(batch, complaint);
        break;
      case 'begin-anew':
        this.beginAnew(lane, batch, complaint);
        break;
      case 'too-large':
        lane.sendAgain(batch, complaint, lane.retryAtNs);
        void this.tooLarge(connection, lane, batch);
        break;
      case 'final':
        this.fail(batch.partition, complaint);
    }
  }

  private acknowledge(lane: ProduceLane, batch: LaneBatch): void {
    const done = lane.acknowledge(batch, systemClock.monotonicNs());
    if (done.length > 0) this.events.acknowledged(done);
  }

  private again(batch: LaneBatch, complaint: Complaint): void {
    const retryAtNs = systemClock.monotonicNs() + this.parts.settings.retryBackoffMs * 1e6;
    this.lane(batch).sendAgain(batch, complaint, retryAtNs);
  }

  private beginAnew(lane: ProduceLane, batch: LaneBatch, complaint: Complaint): void {
    if (lane.epoch >= EPOCH_MAX) {
      this.fail(batch.partition, complaint);
      return;
    }
    this.again(batch, complaint);
    lane.beginAnew();
    this.notices.forgotten(batch.partition, complaint.text);
  }

  /** Learns how large batches may be, and goes on; a record alone cannot be cut. */
  private async tooLarge(
    connection: ProduceConnection,
    lane: ProduceLane,
    batch: LaneBatch,
  ): Promise<void> {
    const { limit, endpoint } = this.parts;
    if (limit.isNews(batch)) {
      lane.held = true;
      this.asking ??= topicByteLimit(connection, endpoint.topic);
      limit.learn(await this.asking);
      this.asking = null;
      lane.held = false;
    }
    limit.refused(batch);
    if (batch.rows === 1) this.refuseRecord(batch, lane.complaint?.text ?? '');
    else this.pump();
  }

  /** Names the topic's limit, where the broker tells. */
  private refuseRecord({ partition, recordBytes }: LaneBatch, reason: string): void {
    const { bytesMax } = this.parts.limit;
    const bound = bytesMax === null ? '' : `; the topic's 'max.message.bytes' is ${bytesMax}`;
    const text = `${reason} (a record of ${recordBytes} bytes${bound})`;
    this.fail(partition, { text, errorCode: MESSAGE_TOO_LARGE });
  }

  /** A batch that is larger than the topic takes goes in parts. */
  private fit(lane: ProduceLane): void {
    const { plainBytesMax } = this.parts.limit;
    const batch = lane.next();
    if (batch === null || batch.rows === 1 || batch.writer.byteLength <= plainBytesMax) return;
    const { identity, settings } = this.parts;
    const transactional = this.parts.transaction !== undefined;
    const { partition, sealedNs } = batch;
    const { epoch } = lane;
    let { sequence, recordBytes: left } = batch;
    const parts = splitRecords(batch.writer, plainBytesMax);
    const batches = parts.map((writer, at): LaneBatch => {
      const { rows } = writer;
      const bytes = writer.seal(
        { ...identity, epoch, sequence, transactional },
        settings.compressor,
      );
      // What they count for is together what the batch did.
      const isLast = at === parts.length - 1;
      const recordBytes = isLast ? left : Math.min(left, writer.byteLength - BATCH_HEADER_BYTES);
      const part = { partition, bytes, writer, recordBytes, sequence, rows, sealedNs };
      sequence = lane.sequenceAfter(sequence, rows);
      left -= recordBytes;
      return { ...part, state: 'waiting' };
    });
    lane.replace(batch, batches);
  }

  /** Asks for the leaders, at most every REFRESH_PAUSE_MS; a failure is tried again by pump(). */
  private refresh(nowNs: number): void {
    if (this.refreshing || nowNs < this.refreshedNs + REFRESH_PAUSE_MS * 1e6) return;
    this.refreshing = true;
    this.refreshWanted = false;
    this.parts.cluster.refresh().then(
      ({ topicId }) => {
        this.refreshed();
        this.missingSinceNs = null;
        if (topicId === this.topicId) this.findLeaders();
        else this.failTopic('it was deleted and created again');
        this.pump();
      },
      (error: unknown) => {
        this.refreshed();
        this.refreshWanted = true;
        this.missed(error);
      },
    );
  }

  private refreshed(): void {
    this.refreshing = false;
    this.refreshedNs = systemClock.monotonicNs();
  }

  private missed(error: unknown): void {
    if (isRefusal(error)) this.refused(error);
    if (!(error instanceof ConnectorError) || error.key !== 'TOPIC_NOT_FOUND') return;
    this.missingSinceNs ??= this.refreshedNs;
    if (this.refreshedNs - this.missingSinceNs < GONE_AFTER_MS * 1e6) return;
    this.failTopic('it was deleted');
  }

  /** Where nothing is acknowledged for too long the job ends; a mute connection ends by itself. */
  private giveUpLate(nowNs: number): void {
    const { hurriedNs, patienceMs } = this;
    for (const lane of this.parts.lanes) {
      const { waitsSinceNs, partition, complaint } = lane;
      if (waitsSinceNs === null) continue;
      const leader = this.leaders.get(lane.leader);
      const sinceNs = Math.max(waitsSinceNs, hurriedNs ?? leader?.excusedUntilNs ?? waitsSinceNs);
      if (nowNs <= sinceNs + patienceMs * 1e6) continue;
      const stopped = hurriedNs === null ? '' : 'the job was stopped, and they are ';
      const rests = leader !== undefined && leader.restsUntilNs > nowNs;
      const last = rests ? 'the broker holds the producer back (a quota)' : complaint?.text;
      const why = last === undefined ? '' : `, last: ${last}`;
      const text = `${stopped}not acknowledged for ${patienceMs / 1000} s${why}`;
      this.fail(partition, { text, errorCode: complaint?.errorCode ?? null });
      return;
    }
  }

  private fail(partition: number, { text, errorCode }: Complaint): void {
    const hint = errorCode === null ? undefined : brokerErrorHint(errorCode);
    const { transaction } = this.parts;
    const own = errorCode === null ? null : (transaction?.failureOf(errorCode) ?? null);
    if (own === null) this.failed({ partition, reason: text, hint });
    else if (!this.closed) this.events.ended(own);
  }

  private failTopic(reason: string): void {
    this.failed({ partition: null, reason, hint: 'start the job again to write all of its rows' });
  }

  private refused(cause: ConnectorError): void {
    const { message, hint } = cause;
    this.failed({ partition: null, reason: message, hint: hint ?? undefined, cause });
  }

  private failed(failure: LaneFailure): void {
    if (!this.closed) this.events.failed(failure);
  }

  private lane({ partition }: LaneBatch): ProduceLane {
    // Checked boundary: batches come from the lanes.
    return this.laneOf.get(partition) as ProduceLane;
  }
}

/** `NOT_ENOUGH_REPLICAS`, with what the broker says about it. */
function textOf({ errorCode, errorText }: ProduceAnswer): string {
  const name = protocolErrorsCodesById[errorCode] ?? `ERROR_${errorCode}`;
  return errorText === null ? name : `${name}: ${errorText}`;
}

function complaintOf(error: unknown): Complaint {
  return { text: error instanceof Error ? error.message : String(error), errorCode: null };
}
