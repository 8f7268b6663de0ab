/**
 * The state that one query has in one worker: the partitions that the worker owns and, on worker 0,
 * the global fragment. Owns where their rows go and what of them is in a snapshot; what comes to
 * them, and when, is partition-host.ts and query-stage.ts. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import type { PartitionCells } from '../../metrics/partition-metrics.js';
import { WorkerCounter } from '../../metrics/partition-metrics.js';
import type { StatefulFragment } from '../../plan/fragment-plan.js';
import type { OperatorCounters } from '../../runtime/operator.js';
import { partitionOfKeyGroup } from './key-hashes.js';
import type { PartitionSnapshot } from './messages.js';
import { PartitionStateManager } from './partition-state.js';
import type { QueryWorkerParts } from './query-wiring.js';
import type { ResultOutput } from './result-output.js';
import type { StreamSender } from './stream.js';
import { firstStreamOf, ownerOf, partitionsOf } from './topology.js';
import { BatchWriter } from './wire.js';
import type { QueryTime } from './worker-time.js';

export interface QueryPartitionsParts {
  readonly query: QueryWorkerParts;
  readonly cells: PartitionCells;
  readonly time: QueryTime;
  readonly output: ResultOutput;
  /** The way to the global fragment; null without one. */
  readonly stageSender: StreamSender | null;
  /** The turn at hand, and its part, of the partitions here and of the global fragment. */
  readonly place: () => { readonly seq: number; readonly part: number };
  readonly globalSeq: () => number;
  /** A LIMIT is reached. */
  readonly requestStop: () => void;
}

/** Takes rows of a partition; the batch may be reused after return. */
type Emit = (partition: number, batch: Batch) => void;

export class QueryPartitions {
  /** Of the partitions owned here, fragment by fragment. */
  readonly managers: readonly PartitionStateManager[];
  /** Of the global fragment; null where there is none. */
  readonly global: PartitionStateManager | null;
  readonly all: readonly PartitionStateManager[];
  readonly counters: readonly OperatorCounters[];
  private readonly parts: QueryPartitionsParts;

  constructor(parts: QueryPartitionsParts) {
    this.parts = parts;
    const { task, worker } = parts.query;
    const { fragments } = task.fragments;
    this.managers = fragments
      .filter(({ level }) => level === 1)
      .flatMap((fragment) => this.newManagers(fragment));
    const global = worker === 0 ? fragments.find(({ level }) => level === 2) : undefined;
    this.global = global === undefined ? null : this.newManager(global, 0, this.globalRows());
    this.all = this.global === null ? this.managers : [...this.managers, this.global];
    this.counters = this.all.map((manager) => manager.counters);
  }

  private newManagers(fragment: StatefulFragment): PartitionStateManager[] {
    const { worker, workers, partitions } = this.parts.query;
    const emit = fragment.target === null ? this.resultRows() : this.rowsToStage(fragment);
    const managers: PartitionStateManager[] = [];
    for (let partition = 0; partition < partitionsOf(fragment, partitions); partition += 1) {
      if (ownerOf(partition, workers) !== worker) continue;
      managers.push(this.newManager(fragment, partition, emit));
    }
    return managers;
  }

  private newManager(
    fragment: StatefulFragment,
    partition: number,
    emit: Emit,
  ): PartitionStateManager {
    const { query, cells, requestStop } = this.parts;
    const { task, accounts, worker } = query;
    return new PartitionStateManager({
      partition,
      fragment,
      everyRowWatermark: task.fragments.everyRowWatermark,
      errors: accounts,
      late: accounts,
      requestStop,
      emit,
      cells,
      worker,
    });
  }

  private resultRows(): Emit {
    const { output, place } = this.parts;
    return (partition, batch) => {
      const { seq, part } = place();
      output.rows(seq, part, partition, batch);
    };
  }

  private globalRows(): Emit {
    const { output, globalSeq } = this.parts;
    return (_partition, batch) => output.rows(globalSeq(), 0, 0, batch);
  }

  private rowsToStage(fragment: StatefulFragment): Emit {
    const { query, time, place, stageSender } = this.parts;
    const { fragments } = query.task;
    const first = firstStreamOf(fragments, fragment.index, query.partitions);
    const types = fragments.edges[fragment.target!]!.schema.map(({ type }) => type);
    const writers = Array.from(
      { length: partitionsOf(fragment, query.partitions) },
      () => new BatchWriter({ types, withRaw: false }),
    );
    return (partition, batch) => {
      const before = time.enter(WorkerCounter.exchangeUs);
      const { seq, part } = place();
      stageSender!.rows(seq, part, first + partition, writers[partition]!, batch);
      time.back(before);
    };
  }

  /** The state of the partitions owned here. */
  snapshot(): PartitionSnapshot[] {
    return this.managers.map(snapshotOf);
  }

  globalSnapshot(): PartitionSnapshot {
    return snapshotOf(this.global!);
  }

  /** Takes in the key groups that fall to these partitions, whoever held them before. */
  restore(snapshots: readonly PartitionSnapshot[]): void {
    const { partitions } = this.parts.query;
    for (const { fragment, operators } of snapshots) {
      for (const manager of this.managers) {
        if (manager.fragment.index !== fragment) continue;
        const count = partitionsOf(manager.fragment, partitions);
        manager.restore(
          operators,
          (keyGroup) => partitionOfKeyGroup(keyGroup, count) === manager.partition,
        );
      }
      if (this.global?.fragment.index === fragment) this.global.restore(operators, () => true);
    }
  }
}

function snapshotOf(manager: PartitionStateManager): PartitionSnapshot {
  const { fragment, partition } = manager;
  return { fragment: fragment.index, partition, operators: manager.snapshot() };
}
