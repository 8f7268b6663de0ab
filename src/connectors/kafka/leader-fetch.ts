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
import type { Clock } from '../../base/clock.js';
import { ConnectorError } from '../../base/errors.js';
import type { ClientSettings } from './client-settings.js';
import type { Cluster } from './cluster.js';
import { FETCH_KEY, FETCH_VERSION, fetchRequest, parseFetchResponse } from './fetch-wire.js';
import type { FetchedFrom, FetchedPartition } from './fetch-wire.js';
import { HeldFrame } from './partition-fetch.js';
import type { FrameBudget, PartitionFetch } from './partition-fetch.js';
import { scanRecordSet } from './record-set.js';
import type { Frame, WireConnection } from './wire-connection.js';

/** How long the broker may wait while a partition is left out. */
const SHORT_WAIT_MS = 20;
/** After a loss of the connection, doubled up to the most while it lasts. */
const RECONNECT_MS = 100;
const RECONNECT_MS_MAX = 1_000;
/** A broker that says the log goes on, and gives nothing of it for so long, has a gap there. */
const GAP_SETTLED_MS = 500;
const GAP_PAUSE_MS = 100;

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
  /** A broker names a closer replica. */
  readonly redirected: (queue: PartitionFetch, node: number) => void;
  /** What no retry mends. */
  readonly failed: (error: unknown) => void;
}

/** What a request asks for. */
interface Turn {
  readonly queues: readonly PartitionFetch[];
  readonly from: readonly FetchedFrom[];
  readonly waitMs: number;
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
      const turn = this.plan();
      if (turn === null) {
        await this.idle();
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

  private plan(): Turn | null {
    const { budget, settings } = this.shared;
    const nowMs = this.monotonicMs();
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
      offset: queue.fetchedTo,
      lastEpoch: queue.lastEpoch,
      maxBytes: queue.bytesMax,
    }));
    const { waitMsMax } = settings.fetch;
    const waitMs = queues.length < open.length ? Math.min(SHORT_WAIT_MS, waitMsMax) : waitMsMax;
    return { queues, from, waitMs };
  }

  private async ask({ from, waitMs }: Turn): Promise<Frame> {
    const { topic, cluster, settings, responseBytesMax } = this.shared;
    if (this.connection?.expiring === true) this.disconnect();
    this.connection ??= await this.connect(cluster);
    const body = fetchRequest({
      topic,
      waitMs,
      minBytes: settings.fetch.minBytes,
      maxBytes: responseBytesMax,
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
      const arrivedMs = shared.clock.nowMs();
      for (const part of response.partitions) {
        const at = turn.from.findIndex(({ partition }) => partition === part.partition);
        const queue = turn.queues[at];
        // Asked for elsewhere meanwhile: what comes first counts.
        if (queue === undefined || queue.fetchedTo !== turn.from[at]!.offset) continue;
        const conclusive = at === 0 && response.throttleMs === 0;
        this.take(queue, part, { held, arrivedMs, conclusive });
      }
      return response.throttleMs;
    } finally {
      held.release();
    }
  }

  private take(
    queue: PartitionFetch,
    part: FetchedPartition,
    response: {
      readonly held: HeldFrame;
      readonly arrivedMs: number;
      readonly conclusive: boolean;
    },
  ): void {
    const { shared } = this;
    if (part.errorCode !== 0) {
      shared.refused(queue, part.errorCode);
      return;
    }
    const { held, arrivedMs } = response;
    const { from, to, aborted } = part;
    const { fetchedTo } = queue;
    if (part.divergesAt >= 0) {
      shared.diverged(queue, part.divergesAt);
      return;
    }
    const { nextOffset, leaderEpoch, partialBytes } = scanRecordSet(
      held.bytes,
      from,
      to,
      shared.labelOf(queue.partition),
    );
    if (nextOffset > fetchedTo) {
      queue.servedAt = this.responses;
      held.hold();
      const set = { frame: held, from, to, firstOffset: fetchedTo, aborted, arrivedMs };
      queue.add(set, nextOffset, leaderEpoch);
      return;
    }
    if (partialBytes > queue.bytesMax) queue.bytesMax = partialBytes;
    else if (part.preferredReplica >= 0) shared.redirected(queue, part.preferredReplica);
    else this.foundNothing(queue, part, response.conclusive);
  }

  /**
   * Nothing came: because the log ends here, because the others filled the response, or because
   * what lies before its end was removed: a stop in such a gap must still be reached. Who was first
   * in the response knows; twice, because a broker that has just started is not sure of its end.
   */
  private foundNothing(queue: PartitionFetch, part: FetchedPartition, conclusive: boolean): void {
    const committed = this.shared.settings.isolation === 'read_committed';
    const end = committed ? part.lastStableOffset : part.highWatermark;
    if (end <= queue.fetchedTo) {
      queue.emptySinceMs = Number.NaN;
      return;
    }
    // It goes first in the next request.
    queue.servedAt = -1;
    if (!conclusive) return;
    const nowMs = this.monotonicMs();
    if (Number.isNaN(queue.emptySinceMs)) queue.emptySinceMs = nowMs;
    if (nowMs - queue.emptySinceMs >= GAP_SETTLED_MS) {
      queue.emptySinceMs = Number.NaN;
      queue.moveTo(end);
    } else {
      queue.notBeforeMs = nowMs + GAP_PAUSE_MS;
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

  /** Until something changes, or a partition may be asked for again. */
  private idle(): Promise<void> {
    const nowMs = this.monotonicMs();
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
