/**
 * The state that one query has in one worker: the partitions that the worker owns and, on worker 0,
 * the global fragment. Owns where their rows go and what of them is in a snapshot; what comes to
 * them, and when, is partition-host.ts and query-stage.ts. @hot
 */
import type { OperatorSize } from '../../memory-budget.js';
import { rowOffset } from '../../../columnar/batch.js';
import type { Batch } from '../../../columnar/batch.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { WorkerCounter } from '../../../metrics/partition-metrics.js';
import { isRowwise } from '../../../plan/fragments/group-policy.js';
import type { LimitNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { StatefulFragment } from '../../../plan/fragments/fragment-plan.js';
import type { OperatorCounters } from '../../../runtime/operator.js';
import type { KeyGroupOwners } from '../routing/key-group-owners.js';
import type { PartitionSnapshot } from '../messages.js';
import { PartitionStateManager } from './partition-state.js';
import type { QueryWorkerParts } from './query-wiring.js';
import type { ResultOutput } from './result-output.js';
import type { StreamSender } from '../exchange/stream.js';
import { firstStreamOf, ownerOf, partitionsOf } from '../exchange/topology.js';
import { BatchWriter } from '../wire/wire.js';
import type { QueryTime } from './worker-time.js';

/** The turn of the last result row, and the position behind its record; -1: there was none. */
export interface LastRow {
  seq: number;
  position: number;
}

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
  /** Kept here, where each row is of one record. */
  readonly lastRow: LastRow;
  readonly limitReached: (limit: LimitNode) => void;
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
  private readonly rowwise: boolean;

  constructor(parts: QueryPartitionsParts) {
    this.parts = parts;
    const { task, worker } = parts.query;
    this.rowwise = isRowwise(task.plan);
    const { fragments } = task.fragments;
    this.managers = fragments
      .filter(({ level }) => level === 1)
      .flatMap((fragment) => this.newManagers(fragment));
    const global = worker === 0 ? fragments.find(({ level }) => level === 2) : undefined;
    this.global = global === undefined ? null : this.newManager(global, 0, this.globalRows(), 0);
    this.all = this.global === null ? this.managers : [...this.managers, this.global];
    this.counters = this.all.map((manager) => manager.counters);
  }

  /** State of each operator, over the partitions here. */
  sizes(): OperatorSize[] {
    const byOperator = new Map<string, { operator: string; rows: number; bytes: number }>();
    for (const { operator, rows, bytes } of this.all.flatMap((manager) => manager.sizes())) {
      const sum = byOperator.get(operator) ?? { operator, rows: 0, bytes: 0 };
      sum.rows += rows;
      sum.bytes += bytes;
      byOperator.set(operator, sum);
    }
    return [...byOperator.values()];
  }

  private newManagers(fragment: StatefulFragment): PartitionStateManager[] {
    const { worker, workers, partitions, task } = this.parts.query;
    const first = firstStreamOf(task.fragments, fragment.index, partitions);
    const emit = fragment.target === null ? this.resultRows() : this.rowsToStage(fragment, first);
    const managers: PartitionStateManager[] = [];
    for (let partition = 0; partition < partitionsOf(fragment, partitions); partition += 1) {
      if (ownerOf(partition, workers) !== worker) continue;
      managers.push(this.newManager(fragment, partition, emit, first + partition));
    }
    return managers;
  }

  private newManager(
    fragment: StatefulFragment,
    partition: number,
    emit: Emit,
    stream: number,
  ): PartitionStateManager {
    const { query, cells, limitReached } = this.parts;
    const { task, accounts, worker } = query;
    return new PartitionStateManager({
      partition,
      fragment,
      everyRowWatermark: task.fragments.everyRowWatermark,
      errors: accounts,
      late: accounts,
      limitReached,
      emit,
      cells,
      worker,
      memory: query.stateMemory,
      stream,
      check: query.check,
      // Behind the LIMIT of the query rows do not matter; the global fragment has it.
      isUseless: () => fragment.level === 1 && query.turns.limited(),
    });
  }

  private resultRows(): Emit {
    const { output, place } = this.parts;
    return (partition, batch) => {
      const { seq, part } = place();
      output.rows(seq, part, partition, batch);
      if (this.rowwise) this.noteLast(seq, batch);
    };
  }

  private globalRows(): Emit {
    const { output, globalSeq } = this.parts;
    return (_partition, batch) => {
      const seq = globalSeq();
      output.rows(seq, 0, 0, batch);
      if (this.rowwise) this.noteLast(seq, batch);
    };
  }

  private noteLast(seq: number, { header, selection, selectedCount }: Batch): void {
    if (selectedCount === 0) return;
    const row = selection === null ? selectedCount - 1 : selection[selectedCount - 1]!;
    const { lastRow } = this.parts;
    lastRow.seq = seq;
    lastRow.position = rowOffset(header, row) + 1;
  }

  /** `first`: the stream of the fragment's first partition. */
  private rowsToStage(fragment: StatefulFragment, first: number): Emit {
    const { query, time, place, stageSender } = this.parts;
    const { fragments } = query.task;
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

  /** Takes in the key groups that fall to these partitions, whoever held them before. */
  restore(snapshots: readonly PartitionSnapshot[], owners: KeyGroupOwners): void {
    const { partitions } = this.parts.query;
    for (const { fragment, operators } of snapshots) {
      for (const manager of this.managers) {
        if (manager.fragment.index !== fragment) continue;
        const count = partitionsOf(manager.fragment, partitions);
        manager.restore(
          operators,
          (keyGroup) => count === 1 || owners[keyGroup] === manager.partition,
          count,
        );
      }
      if (this.global?.fragment.index === fragment) this.global.restore(operators, () => true, 1);
    }
  }
}
