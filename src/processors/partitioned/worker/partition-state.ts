/**
 * One partition of one stateful fragment: its operators with their state, its watermark, its late
 * records and its counters. Nothing here is shared with another partition. Owns no window, no key
 * and no thread: operators do the work, partition-host brings the rows in sequence.
 */
import type { OperatorSize } from '../../memory-budget.js';
import type { Batch } from '../../../columnar/batch.js';
import type { PartitionCells } from '../../../metrics/partition-metrics.js';
import { PartitionCounter } from '../../../metrics/partition-metrics.js';
import type { LimitNode } from '../../../plan/pipeline/pipeline-plan.js';
import type { StatefulFragment } from '../../../plan/fragments/fragment-plan.js';
import type {
  LateRecords,
  Operator,
  OperatorCounters,
  RecordErrors,
  StateSize,
} from '../../../runtime/operator.js';
import { sizeOf } from '../../../runtime/operator.js';
import type { Flow } from '../../../runtime/flow.js';
import { buildPipeline } from '../../../runtime/pipeline.js';
import type { ExchangePort } from '../../../runtime/pipeline.js';
import { sizesOf } from '../../run-state.js';
import { StateCopy } from '../../../runtime/state-copy.js';
import { restorePart } from '../../../state/checkpoint/entry-files.js';
import type { OperatorState } from '../../../state/checkpoint/job-state.js';
import type { StateMemory } from '../../../state/paging/page-folder.js';

/** The state of one operator of one partition, or a part of it. */
export type OperatorSnapshot = OperatorState;

export interface PartitionStateParts {
  readonly partition: number;
  readonly fragment: StatefulFragment;
  readonly everyRowWatermark: boolean;
  readonly errors: RecordErrors;
  readonly late: LateRecords;
  readonly limitReached: (limit: LimitNode) => void;
  /** Takes the partition's result rows; the batch may be reused after return. */
  readonly emit: (partition: number, batch: Batch) => void;
  readonly cells: PartitionCells;
  readonly worker: number;
  /** What each operator may hold that can put the rest on disk; null: all. */
  readonly memory: StateMemory | null;
  /** Number of its rows' stream, among those that go to the same place. */
  readonly stream: number;
  /** Between two pieces of a long answer; may throw. */
  readonly check: () => void;
  /** Whether rows of this fragment are of no use any more. */
  readonly isUseless: () => boolean;
}

/** Of a partition that has put out no row of a part. */
export const NO_KEY = -1;

/** The source row that the last row of a batch answers to. */
function lastKey({ origins, selection, selectedCount }: Batch): number {
  if (origins === null) return Number.POSITIVE_INFINITY;
  const last = selectedCount - 1;
  if (last < 0) return NO_KEY;
  return origins[selection === null ? last : (selection[last] as number)] as number;
}

export class PartitionStateManager {
  readonly partition: number;
  readonly fragment: StatefulFragment;
  readonly counters: OperatorCounters = { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 };
  /** Source row of the last row that left, of the part at hand; Infinity: it was of none. */
  key = NO_KEY;
  /** What leaves now answers to no record, whatever it was made of. */
  closing = false;
  /** Rows that have left since who drives the partition set it to 0. */
  rowsLeft = 0;
  readonly stream: number;
  /** Watermark of the rows that left. */
  watermarkMs = Number.NEGATIVE_INFINITY;
  /** Watermark of the rows that arrived: the least of the edges that end here. */
  arrivedMs = Number.NEGATIVE_INFINITY;
  /** Rows of the global fragment came through partitions, and were counted there. */
  private readonly counts: boolean;
  private readonly watermarksMs = new Map<number, number>();
  private readonly parts: PartitionStateParts;
  private readonly operators: readonly Operator[];
  private readonly flow: Flow;
  private readonly ports = new Map<number, ExchangePort>();

  constructor(parts: PartitionStateParts) {
    this.parts = parts;
    this.partition = parts.partition;
    this.fragment = parts.fragment;
    this.stream = parts.stream;
    this.counts = parts.fragment.level === 1;
    const pipeline = buildPipeline(
      parts.fragment.root,
      {
        sink: {
          emit: (batch) => this.emit(batch),
          watermark: (watermarkMs) => {
            this.watermarkMs = watermarkMs;
          },
        },
        errors: {
          recordFailed: (header, row, failure) => {
            this.count(PartitionCounter.rowsFailed, 1);
            parts.errors.recordFailed(header, row, failure);
          },
        },
        late: parts.late,
        counters: this.counters,
        memory: parts.memory,
        limitReached: parts.limitReached,
      },
      {
        everyRowWatermark: parts.everyRowWatermark,
        between: parts.check,
        // The host of partitions brings their rows into one order; nobody else asks for any.
        suspends: this.counts,
      },
    );
    this.flow = pipeline.flow;
    this.operators = pipeline.operators;
    for (const port of pipeline.exchanges) {
      this.ports.set(port.edge, port);
      this.watermarksMs.set(port.edge, Number.NEGATIVE_INFINITY);
    }
  }

  process(edge: number, batch: Batch): void {
    if (this.counts) {
      this.count(PartitionCounter.rowsTaken, batch.selectedCount);
      this.count(PartitionCounter.rowsIn, batch.selectedCount);
      this.count(PartitionCounter.batches, 1);
    }
    this.port(edge).process(batch);
  }

  /** Some of what came is not answered yet: resume() comes before anything else. */
  get suspended(): boolean {
    return this.flow.suspended;
  }

  /** One more piece of the answer. */
  resume(): void {
    const { check, isUseless } = this.parts;
    check();
    if (isUseless()) this.flow.close();
    else this.flow.resume();
  }

  /** A block without rows for this partition, for the time at which it was read. */
  heard(edge: number, noRows: Batch): void {
    this.port(edge).process(noRows);
  }

  mergePartials(edge: number, bytes: Uint8Array): void {
    // Whoever formed the groups has counted their rows for this partition.
    this.port(edge).mergePartials(bytes);
  }

  watermark(edge: number, watermarkMs: number): void {
    this.watermarksMs.set(edge, watermarkMs);
    this.arrivedMs = Math.min(...this.watermarksMs.values());
    this.port(edge).watermark(watermarkMs);
  }

  /** An event time up to which records have arrived. */
  reached(eventTimeMs: number): void {
    const { cells, worker } = this.parts;
    if (eventTimeMs <= cells.get(worker, this.partition, PartitionCounter.eventTimeMsMax)) return;
    cells.set(worker, this.partition, PartitionCounter.eventTimeMsMax, eventTimeMs);
  }

  end(edge: number, flush: boolean): void {
    this.watermarksMs.delete(edge);
    this.port(edge).end(flush);
  }

  /** State of each operator. */
  sizes(): OperatorSize[] {
    return this.operators.map((operator) => ({ operator: operator.id, ...operator.stateSize() }));
  }

  stateSize(): Required<StateSize> {
    return sizeOf(this.operators);
  }

  /** Its state as it is now, to be copied while it goes on. */
  copy(): StateCopy {
    return new StateCopy(this.operators);
  }

  /**
   * Takes in the key groups that belong to this partition, one of so many, whoever held them
   * before.
   */
  restore(
    snapshots: readonly OperatorSnapshot[],
    owns: (keyGroup: number) => boolean,
    partitions: number,
  ): void {
    const operators = new Map(this.operators.map((operator) => [operator.id, operator]));
    const sizes = sizesOf(snapshots);
    for (const part of snapshots) {
      const expected = (sizes.get(part.operator) ?? 0) / partitions;
      const operator = operators.get(part.operator);
      if (operator !== undefined) restorePart(operator, part, owns, expected);
    }
  }

  private emit(given: Batch): void {
    const batch = this.closing && given.origins !== null ? { ...given, origins: null } : given;
    this.rowsLeft += batch.selectedCount;
    if (this.counts) {
      this.count(PartitionCounter.rowsOut, batch.selectedCount);
      this.key = Math.max(this.key, lastKey(batch));
    }
    this.parts.emit(this.partition, batch);
  }

  private count(counter: PartitionCounter, amount: number): void {
    this.parts.cells.add(this.parts.worker, this.partition, counter, amount);
  }

  private port(edge: number): ExchangePort {
    const port = this.ports.get(edge);
    if (port === undefined) throw new Error(`edge ${edge} does not end in this fragment`);
    return port;
  }
}
