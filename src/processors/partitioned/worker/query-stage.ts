/**
 * The end of a query that needs all rows in one place, on worker 0: takes in what the partitions of
 * all workers have put out and runs the global fragment. Owns its pace and its last turn; order is
 * stream-merge.ts, the fragment's edges global-stage.ts. @hot
 */
import { WorkerCounter } from '../../../metrics/partition-metrics.js';
import { GlobalStage } from './global-stage.js';
import type { PartitionStateManager } from './partition-state.js';
import { newStageMerge } from './query-wiring.js';
import type { QueryWorkerParts } from './query-wiring.js';
import type { StreamMerge } from '../exchange/stream-merge.js';
import { stageShape } from '../exchange/topology.js';
import { ROUND_BARRIER } from '../turns/turns.js';
import type { QueryTime } from './worker-time.js';

export interface QueryStageParts {
  readonly query: QueryWorkerParts;
  readonly manager: PartitionStateManager;
  readonly time: QueryTime;
  readonly blocksPerPoll: number;
  /** All results of a turn are out. */
  readonly turnDone: (seq: number, isBarrier: boolean) => void;
  /** A barrier: all rows before it are in the fragment's state. */
  readonly snapshot: () => void;
}

export class QueryStage {
  /** The turn whose rows are taken next. */
  seq = 0;
  /** Its work is under way: a result waits for room. */
  busy = false;
  private lastSeq = Number.POSITIVE_INFINITY;
  private readonly merge: StreamMerge;
  private readonly parts: QueryStageParts;

  constructor(parts: QueryStageParts) {
    this.parts = parts;
    const { query, manager } = parts;
    const { workers, partitions, task } = query;
    const consumer = new GlobalStage({
      manager,
      edges: task.fragments.edges.filter((edge) => edge.level === 2),
      streamEdges: stageShape(task.fragments, { partitions, workers }).streamEdges,
      turnDone: (seq, isBarrier) => {
        parts.turnDone(seq, isBarrier);
        this.seq = seq + 1;
      },
      snapshot: parts.snapshot,
      barrier: ROUND_BARRIER,
    });
    this.merge = newStageMerge(query, consumer);
  }

  /** No turn follows this one. */
  endsWith(seq: number): void {
    this.lastSeq = seq;
  }

  get done(): boolean {
    return this.seq > this.lastSeq;
  }

  /** Takes in some of what has arrived. True: something had. Throws what the fragment throws. */
  poll(): boolean {
    if (this.busy) return false;
    const { time, blocksPerPoll } = this.parts;
    this.busy = true;
    const before = time.enter(WorkerCounter.operatorsUs);
    try {
      return this.merge.poll(blocksPerPoll);
    } finally {
      this.busy = false;
      time.back(before);
    }
  }
}
