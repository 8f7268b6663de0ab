/**
 * A broker that leads partitions which are written to. Owns the connection to it, connecting again,
 * how many requests it has not answered, and the rest that its quota asks for. What is sent, and
 * what answers mean, is produce-sender.ts.
 *
 * A broker whose quota is used up answers, and then reads nothing more from the connection for a
 * while that the answer names. Requests that were sent before lie there all the while: so to a
 * broker that throttled its last answer goes one request at a time.
 */
import { systemClock } from '../../../base/clock.js';
import type { Cluster } from '../cluster/cluster.js';
import type { WireConnection } from '../cluster/wire-connection.js';

const RECONNECT_PAUSE_MS = 100;
/** A rest that is longer is told to the user, and excuses no delay. */
export const LONG_THROTTLE_MS = 30_000;

export type ProduceConnection = Pick<
  WireConnection,
  'address' | 'request' | 'closed' | 'close' | 'expiring'
>;

/** What producing needs of a cluster. */
export interface ProduceCluster extends Pick<Cluster, 'topic' | 'refresh' | 'close'> {
  fetchConnection(nodeId: number): Promise<ProduceConnection>;
}

export interface LeaderEvents {
  /** There is a connection. */
  readonly connected: () => void;
  /** There is none any more, or none now: somebody else may lead. */
  readonly lost: () => void;
  readonly refused: (leader: ProduceLeader, error: unknown) => void;
}

export class ProduceLeader {
  readonly nodeId: number;
  connection: ProduceConnection | null = null;
  /** Requests without an answer. */
  asked = 0;
  /** Nothing is sent before: its quota is used up. */
  restsUntilNs = Number.NEGATIVE_INFINITY;
  /** Until then nobody is late: the broker took records, and asked for a short rest. */
  excusedUntilNs = Number.NEGATIVE_INFINITY;
  private throttles = false;
  private connecting = false;
  private closed = false;
  private retryAtNs = 0;
  private readonly cluster: ProduceCluster;
  private readonly events: LeaderEvents;

  constructor(nodeId: number, cluster: ProduceCluster, events: LeaderEvents) {
    this.nodeId = nodeId;
    this.cluster = cluster;
    this.events = events;
  }

  /** Whether another request may be sent, where a connection has room for so many. */
  hasRoom(inFlightMax: number, nowNs: number): boolean {
    return nowNs >= this.restsUntilNs && this.asked < (this.throttles ? 1 : inFlightMax);
  }

  /** Every answer says how long the producer has to rest; `tookSome`: and that records are stored. */
  rest(throttleMs: number, tookSome: boolean): void {
    this.throttles = throttleMs > 0;
    if (!this.throttles) return;
    this.restsUntilNs = systemClock.monotonicNs() + throttleMs * 1e6;
    if (tookSome && throttleMs <= LONG_THROTTLE_MS) this.excusedUntilNs = this.restsUntilNs;
  }

  /** A login that ends soon: the next request goes over a new connection. */
  renew(): void {
    const { connection } = this;
    if (connection === null || !connection.expiring || this.asked > 0) return;
    this.connection = null;
    connection.close();
  }

  connect(nowNs: number): void {
    if (this.connecting || nowNs < this.retryAtNs) return;
    this.connecting = true;
    this.cluster.fetchConnection(this.nodeId).then(
      (connection) => {
        this.connecting = false;
        if (this.closed) {
          connection.close();
          return;
        }
        this.connection = connection;
        void connection.closed.then(() => {
          this.lose(connection);
        });
        this.events.connected();
      },
      (error: unknown) => {
        this.connecting = false;
        this.retryAtNs = systemClock.monotonicNs() + RECONNECT_PAUSE_MS * 1e6;
        if (!this.closed) this.events.refused(this, error);
      },
    );
  }

  lose(connection: ProduceConnection): void {
    if (this.connection !== connection) return;
    this.connection = null;
    connection.close();
    if (!this.closed) this.events.lost();
  }

  close(): void {
    this.closed = true;
    this.connection?.close();
  }
}
