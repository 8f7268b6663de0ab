/**
 * The fetch loop of one broker: asks it for the partitions that it leads, again and again, and the
 * next records as soon as it is known where they begin, while those that came are decoded. Owns
 * which partitions are asked for and in which order, how long the broker may wait, its throttling,
 * and the connection; what its errors mean for a partition is fetch-reader.ts. @hot
 *
 * Bounds: a partition whose reader lags is left out, and all of them when the responses that are
 * held fill the budget, but for a partition whose reader waits while others hold it. Who is left
 * out may not wait for a long poll of the others: polls are short while somebody is.
 */
import type { Clock } from '../../../base/clock.js';
import { ConnectorError } from '../../../base/errors.js';
import type { BrokerAddress, ClientSettings } from '../settings/client-settings.js';
import type { Cluster } from '../cluster/cluster.js';
import { FETCH_KEY, FETCH_VERSION, fetchRequest, parseFetchResponse } from './fetch-wire.js';
import type { SilenceKind } from './fetch-silence.js';
import type { FetchResponse, FetchedFrom, FetchedPartition } from './fetch-wire.js';
import { HeldFrame } from './partition-fetch.js';
import type { FrameBudget, PartitionFetch } from './partition-fetch.js';
import { corruptBatch, scanRecordSet } from '../batch/record-batch.js';
import type { RecordSetScan } from '../batch/record-batch.js';
import type { Frame, WireConnection } from '../cluster/wire-connection.js';

/** How long the broker may wait while a partition is left out. */
const SHORT_WAIT_MS = 20;
/** After a loss of the connection, doubled up to the most while it lasts. */
const RECONNECT_MS = 100;
const RECONNECT_MS_MAX = 1_000;
/** A throttle that is longer is told to the user. */
const THROTTLE_SAID_MS = 30_000;

/** What the loops of all brokers share. */
export interface FetchShared {
  readonly topic: string;
  readonly cluster: Cluster;
  readonly settings: ClientSettings;
  readonly responseBytesMax: number;
  readonly budget: FrameBudget;
  readonly clock: Clock;
  /** Of a partition, for errors. */
  readonly labelOf: (partition: number) => string;
  /** A broker answered. */
  readonly answered: () => void;
  /** The connection to a broker was lost, or could not be made. */
  readonly lost: (error: unknown) => void;
  /** A broker refused a partition, alone or with its whole request. */
  readonly refused: (queue: PartitionFetch, errorCode: number) => void;
  /** A leader's log is not the one that was read: from an offset on it holds other records. */
  readonly diverged: (queue: PartitionFetch, offset: number) => void;
  /** Nothing came of a partition, and nothing explains it; `end` is where its log is said to end. */
  readonly silent: (queue: PartitionFetch, kind: SilenceKind, end: number) => void;
  /** A batch reaches beyond the end of the log as the same answer has it. */
  readonly beyond: (queue: PartitionFetch, batch: BatchPlace) => void;
  /** A broker asks for a long pause. */
  readonly throttled: (address: BrokerAddress, throttleMs: number) => void;
  /** A broker names a closer replica. */
  readonly redirected: (queue: PartitionFetch, node: number) => void;
  /** What no retry mends. */
  readonly failed: (error: unknown) => void;
}

/** A batch: where it begins and where it ends. */
export interface BatchPlace {
  readonly baseOffset: number;
  readonly nextOffset: number;
}

/** What a request asks for. */
interface Turn {
  readonly queues: readonly PartitionFetch[];
  readonly from: readonly FetchedFrom[];
  readonly waitMs: number;
  /** Of the whole answer: at least what the first partition may have. */
  readonly bytesMax: number;
  readonly askedMs: number;
}

/** One partition's place in a request, and what it has in the answer. */
interface Answered {
  readonly queue: PartitionFetch;
  readonly from: FetchedFrom;
  readonly part: FetchedPartition;
  /** It was asked for before the others: the broker gives a whole batch of it, however large. */
  readonly first: boolean;
  readonly held: HeldFrame;
  readonly arrivedMs: number;
}

/** Brokers that do not answer come back; nothing else passes by waiting. */
export function isPassing(error: unknown): boolean {
  return error instanceof ConnectorError && error.key === 'BROKER_UNREACHABLE';
}

export class LeaderFetch {
  readonly node: number;
  /** The partitions that this broker is asked for; fetch-reader.ts keeps it. */
  queues: readonly PartitionFetch[] = [];
  /** Resolves when the loop has ended. */
  readonly done: Promise<void>;
  private readonly shared: FetchShared;
  private connection: WireConnection | null = null;
  private stopped = false;
  private responses = 0;
  private reconnectMs = RECONNECT_MS;
  private resume: (() => void) | null = null;

  constructor(node: number, shared: FetchShared) {
    this.node = node;
    this.shared = shared;
    this.done = this.run();
  }

  /** Something changed: there is room, a partition more, or the end. */
  wake(): void {
    this.resume?.();
  }

  stop(): void {
    this.stopped = true;
    this.connection?.close();
    this.wake();
  }

  private async run(): Promise<void> {
    // The first turn is taken when everything is in place.
    await Promise.resolve();
    while (!this.stopped) {
      const nowMs = this.monotonicMs();
      const turn = this.plan(nowMs);
      if (turn === null) {
        await this.idle(nowMs);
        continue;
      }
      let pauseMs = 0;
      try {
        pauseMs = this.received(turn, await this.ask(turn));
      } catch (error) {
        pauseMs = this.failed(error);
      }
      if (pauseMs > 0) await this.pause(pauseMs);
    }
    this.connection?.close();
  }

  private plan(nowMs: number): Turn | null {
    const { budget, settings } = this.shared;
    const full = budget.bytes >= budget.bytesMax;
    const open = this.queues.filter((queue) => !queue.complete);
    const queues = open.filter(
      (queue) =>
        queue.notBeforeMs <= nowMs && !queue.inspected && (full ? queue.starving : queue.hasRoom),
    );
    if (queues.length === 0) return null;
    queues.sort((a, b) => a.servedAt - b.servedAt);
    const from = queues.map((queue) => ({
      partition: queue.partition,
      leaderEpoch: queue.leaderEpoch,
      offset: queue.askedOffset,
      lastEpoch: queue.probeAt >= 0 ? -1 : queue.lastEpoch,
      maxBytes: queue.bytesMax,
    }));
    const { waitMsMax } = settings.fetch;
    const waitMs = queues.length < open.length ? Math.min(SHORT_WAIT_MS, waitMsMax) : waitMsMax;
    const bytesMax = Math.max(this.shared.responseBytesMax, from[0]!.maxBytes);
    return { queues, from, waitMs, bytesMax, askedMs: nowMs };
  }

  private async ask({ from, waitMs, bytesMax }: Turn): Promise<Frame> {
    const { topic, cluster, settings } = this.shared;
    if (this.connection?.expiring === true) this.disconnect();
    this.connection ??= await this.connect(cluster);
    const body = fetchRequest({
      topic,
      waitMs,
      minBytes: settings.fetch.minBytes,
      maxBytes: bytesMax,
      readCommitted: settings.isolation === 'read_committed',
      rack: settings.fetch.rack,
      partitions: from,
    });
    return this.connection.request(FETCH_KEY, FETCH_VERSION, body, true);
  }

  private async connect(cluster: Cluster): Promise<WireConnection> {
    const connection = await cluster.fetchConnection(this.node);
    void connection.closed.then(() => {
      if (this.connection === connection) this.connection = null;
    });
    if (this.stopped) connection.close();
    return connection;
  }

  /** Hands the parts of a response to their queues; ms to wait before the next request. */
  private received(turn: Turn, frame: Frame): number {
    const { shared } = this;
    const held = new HeldFrame(frame, shared.budget);
    try {
      if (this.stopped) return 0;
      const response = parseFetchResponse(frame.bytes, frame.from, frame.to, shared.topic);
      shared.answered();
      this.responses += 1;
      this.reconnectMs = RECONNECT_MS;
      if (response.errorCode !== 0) {
        for (const queue of turn.queues) shared.refused(queue, response.errorCode);
        return 0;
      }
      this.takeParts(turn, response, held);
      return this.throttle(response.throttleMs);
    } finally {
      held.release();
    }
  }

  private throttle(throttleMs: number): number {
    const { connection, shared } = this;
    if (throttleMs > THROTTLE_SAID_MS && connection !== null) {
      shared.throttled(connection.address, throttleMs);
    }
    return Math.max(0, throttleMs);
  }

  private takeParts(turn: Turn, response: FetchResponse, held: HeldFrame): void {
    const { shared } = this;
    const { partitions: parts, throttleMs } = response;
    const arrivedMs = shared.clock.nowMs();
    const absent = new Set(turn.queues);
    let progressed = false;
    for (const part of parts) {
      const at = turn.from.findIndex(({ partition }) => partition === part.partition);
      const queue = turn.queues[at];
      if (queue === undefined || !absent.delete(queue)) continue;
      const from = turn.from[at]!;
      // Asked for elsewhere meanwhile: what comes first counts.
      if (queue.askedOffset !== from.offset) continue;
      const first = at === 0 && throttleMs <= 0;
      this.take({ queue, from, part, first, held, arrivedMs });
      if (queue.askedOffset !== from.offset || queue.bytesMax !== from.maxBytes) progressed = true;
    }
    // A broker whose quota is used up answers at once, with nothing: that is what its pause is for.
    const kind = throttleMs > 0 ? 'held' : 'absent';
    for (const queue of absent) shared.silent(queue, kind, -1);
    if (throttleMs >= SHORT_WAIT_MS) return;
    if (!progressed) this.slowDown(turn);
  }

  /** A broker that has nothing takes its time to say so; one that does not is asked less often. */
  private slowDown({ queues, waitMs, askedMs }: Turn): void {
    const nowMs = this.monotonicMs();
    const hasty = nowMs - askedMs < waitMs / 2;
    for (const queue of queues) {
      const pauseMs = hasty ? queue.silence.nextPauseMs() : queue.silence.leastPauseMs();
      queue.notBeforeMs = Math.max(queue.notBeforeMs, nowMs + pauseMs);
    }
  }

  private take(answered: Answered): void {
    const { shared } = this;
    const { queue, part, held } = answered;
    if (part.errorCode !== 0) {
      queue.probeAt = -1;
      shared.refused(queue, part.errorCode);
      return;
    }
    queue.logEnd = this.endOf(part);
    if (part.divergesAt >= 0) {
      shared.diverged(queue, part.divergesAt);
      return;
    }
    const label = shared.labelOf(queue.partition);
    const scan = scanRecordSet(held.bytes, part.from, part.to, label);
    if (scan.batches > 0) this.takeBatches(answered, scan, label);
    else if (scan.partialBytes > 0) this.takePiece(answered, scan.partialBytes, label);
    else if (part.preferredReplica >= 0) shared.redirected(queue, part.preferredReplica);
    else this.foundNothing(answered);
  }

  /** Whole batches: they are handed on where nothing speaks against the offsets they name. */
  private takeBatches(answered: Answered, scan: RecordSetScan, label: string): void {
    const { queue, part, held, arrivedMs } = answered;
    const { shared } = this;
    const { fetchedTo, probeAt } = queue;
    const { baseOffset, nextOffset } = scan;
    if (nextOffset <= queue.askedOffset) {
      shared.silent(queue, 'behind', nextOffset);
      return;
    }
    // A broker looks at the end before it reads: records that follow the last ones may lie beyond.
    const follows = scan.dense && baseOffset === queue.askedOffset;
    if (!follows && nextOffset > Math.max(part.highWatermark, queue.endKnown)) {
      shared.beyond(queue, { baseOffset: scan.lastBaseOffset, nextOffset });
      return;
    }
    if (probeAt >= 0 && baseOffset !== probeAt + 1) {
      throw corruptBatch(label, probeAt + 1, `there is one at offset ${baseOffset} too`);
    }
    if (probeAt < 0 && scan.batches === 1 && baseOffset > fetchedTo) {
      queue.probeAt = baseOffset - 1;
      queue.servedAt = -1;
      return;
    }
    const { from, aborted } = part;
    const cut = scan.batches > 1 && scan.lastBaseOffset > scan.previousOffset;
    const to = cut ? scan.lastAt : part.to;
    const end = cut ? scan.previousOffset : nextOffset;
    if (end <= fetchedTo) {
      queue.probeAt = scan.lastBaseOffset - 1;
      return;
    }
    queue.servedAt = this.responses;
    held.hold();
    const set = { frame: held, from, to, firstOffset: fetchedTo, aborted, arrivedMs };
    queue.add(set, end, cut ? scan.previousEpoch : scan.leaderEpoch);
  }

  /**
   * A batch that did not come whole: the broker had no room for it, or its length is wrong, which
   * no checksum covers.
   */
  private takePiece({ queue, from, part, first }: Answered, bytes: number, label: string): void {
    const came = part.to - part.from;
    if (bytes > this.shared.settings.frameBytesMax) {
      throw corruptBatch(label, queue.askedOffset, `it says that it has ${bytes} bytes`);
    }
    if (first && from.maxBytes >= bytes) {
      const why = `it says that it has ${bytes} bytes, and comes with ${came}`;
      throw corruptBatch(label, queue.askedOffset, why);
    }
    queue.bytesMax = Math.max(queue.bytesMax, bytes);
    queue.servedAt = -1;
  }

  private endOf({ lastStableOffset, highWatermark }: FetchedPartition): number {
    return this.shared.settings.isolation === 'read_committed' ? lastStableOffset : highWatermark;
  }

  /**
   * Nothing came: because the log ends here, because the others filled the response, or because the
   * broker has nothing just now. Who was first in the response knows.
   */
  private foundNothing({ queue, part, first }: Answered): void {
    const end = this.endOf(part);
    queue.probeAt = -1;
    if (end > queue.fetchedTo) {
      // It goes first in the next request.
      queue.servedAt = -1;
      if (first) this.shared.silent(queue, 'nothing', end);
    } else {
      this.shared.silent(queue, 'short', end);
    }
  }

  /** ms to wait before the next attempt. */
  private failed(error: unknown): number {
    if (this.stopped) return 0;
    const { shared } = this;
    this.disconnect();
    if (!isPassing(error)) {
      shared.failed(error);
      return 0;
    }
    const pauseMs = this.reconnectMs;
    this.reconnectMs = Math.min(pauseMs * 2, RECONNECT_MS_MAX);
    shared.lost(error);
    return pauseMs;
  }

  private disconnect(): void {
    this.connection?.close();
    this.connection = null;
  }

  /**
   * Until something changes, or a partition may be asked for again. By the clock of the plan that
   * found nothing: a pause that ends between two looks at it would be waited for without end.
   */
  private idle(nowMs: number): Promise<void> {
    const later = this.queues
      .filter((queue) => !queue.complete && queue.notBeforeMs > nowMs)
      .map((queue) => queue.notBeforeMs - nowMs);
    return this.sleep(later.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...later), true);
  }

  private pause(ms: number): Promise<void> {
    return this.sleep(ms, false);
  }

  private sleep(ms: number, whatever: boolean): Promise<void> {
    if (this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.resume = null;
        resolve();
      };
      const timer = Number.isFinite(ms) ? setTimeout(finish, Math.ceil(ms)) : undefined;
      // A pause ends early only for the end of the loop.
      this.resume = () => {
        if (whatever || this.stopped) finish();
      };
    });
  }

  private monotonicMs(): number {
    return this.shared.clock.monotonicNs() / 1e6;
  }
}
