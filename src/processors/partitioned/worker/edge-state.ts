/**
 * Receiving side of one edge of level 1, in one worker: its partitions here, the watermark that has
 * arrived over it, how far partial groups were shipped, and whether it has ended. Owns when a
 * watermark or an end may be passed on; what the partitions do then is partition-host.ts. @hot
 */
import type { BatchHeader } from '../../../columnar/batch.js';
import type { ExchangeEdge } from '../../../plan/fragments/fragment-plan.js';
import { EdgeWatermark } from '../../../runtime/edge-watermark.js';
import type { PartitionStateManager } from './partition-state.js';

export interface EdgeHost {
  /** Does something to each partition that may give rows which answer to no record. */
  readonly close: (act: (manager: PartitionStateManager) => void, state: EdgeState) => void;
  /** A watermark of the partition has risen. */
  readonly risen: (partition: number) => void;
}

/** The state of an edge's watermark in a snapshot, under a name no operator has. */
export function edgeStateName(edge: number): string {
  return `edge-${edge}`;
}

export class EdgeState {
  readonly edge: ExchangeEdge;
  readonly managers: readonly PartitionStateManager[];
  readonly managerOf: ReadonlyMap<number, PartitionStateManager>;
  readonly watermark: EdgeWatermark | null;
  openLanes = 0;
  ended = false;
  /** Partial groups are with the senders until the round that ends the input. */
  waitsForPartials: boolean;
  passedMs = Number.NEGATIVE_INFINITY;
  /** Up to which watermark each sender has shipped its partial groups. */
  private readonly flushedMs: Float64Array;
  private readonly host: EdgeHost;

  constructor(
    edge: ExchangeEdge,
    managers: readonly PartitionStateManager[],
    workers: number,
    host: EdgeHost,
  ) {
    this.edge = edge;
    this.host = host;
    this.managers = managers;
    this.managerOf = new Map(managers.map((manager) => [manager.partition, manager]));
    this.waitsForPartials = edge.partial !== null;
    this.watermark =
      edge.watermark === null
        ? null
        : new EdgeWatermark({ boundMs: edge.watermark.boundMs, flush: edge.flush });
    this.flushedMs = new Float64Array(workers).fill(Number.NEGATIVE_INFINITY);
  }

  flushed(sender: number, watermarkMs: number): void {
    if (watermarkMs > this.flushedMs[sender]!) this.flushedMs[sender] = watermarkMs;
  }

  /** A LIMIT behind the edge is met: what senders still have does not matter. */
  needNoPartials(): void {
    this.flushedMs.fill(Number.POSITIVE_INFINITY);
    this.waitsForPartials = false;
  }

  /** Passes on what the source has reached, no further than partial groups were shipped. */
  advance(): void {
    if (this.watermark === null || this.ended) return;
    let reachedMs = this.watermark.current();
    if (this.edge.partial !== null) {
      for (const flushed of this.flushedMs) reachedMs = Math.min(reachedMs, flushed);
    }
    if (reachedMs <= this.passedMs) return;
    this.passedMs = reachedMs;
    this.host.close((manager) => {
      manager.watermark(this.edge.index, reachedMs);
      this.host.risen(manager.partition);
    }, this);
  }

  end(flush: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.host.close((manager) => manager.end(this.edge.index, flush), this);
  }

  /** The highest event time that the batch's split has reached with it. */
  eventTimeMs(header: BatchHeader): number {
    return header.watermarkAfter + (this.edge.watermark?.boundMs ?? 0);
  }
}
