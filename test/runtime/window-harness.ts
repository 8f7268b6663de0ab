/**
 * Runs a stream of records through a watermark operator and a window operator in batches, with
 * stops, restores and more than one window partition if asked for.
 */
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import type {
  AggregateCall,
  LatePolicy,
  WatermarkNode,
  WindowAggregateNode,
} from '../../src/plan/pipeline/pipeline-plan.js';
import { WatermarkOperator } from '../../src/runtime/operators/watermark.js';
import { WindowAggregateOperator } from '../../src/runtime/operators/window/window-aggregate.js';
import { GroupedStateFactory } from '../../src/state/groups/grouped-state-factory.js';
import type { GroupedState } from '../../src/state/groups/grouped-state.js';
import { batchOf, RecordingContext, restoreInto, select, snapshotOf } from './stream-support.js';
import type { OracleOptions, StreamRecord } from './window-oracle.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

const INPUT = [
  { name: 'ts', type: TIMESTAMP },
  { name: 'k', type: VARCHAR },
  { name: 'v', type: BIGINT },
];

export function call(name: string, column: number | null, type: SqlType = BIGINT): AggregateCall {
  return {
    function: name,
    args: column === null ? [] : [column],
    argTypes: column === null ? [] : [(INPUT[column] as { type: SqlType }).type],
    literals: [],
    filter: null,
    distinct: false,
    orderBy: [],
    type,
  };
}

export interface RunOptions extends OracleOptions {
  readonly strategy: LatePolicy['strategy'];
  readonly batchRows: number;
  /** Stop, snapshot and restore after so many batches. */
  readonly restoreAfter?: number;
  /** Window partitions after the restore; keys go to one by their key group. */
  readonly partitionsAfter?: number;
  /** Default: grouped by k with COUNT(*), SUM(v), FIRST_VALUE(v). */
  readonly keys?: readonly number[];
  readonly aggregates?: readonly AggregateCall[];
}

export interface RunResult {
  readonly rows: SqlValue[][];
  readonly ops: number[];
  readonly late: number;
  readonly dropped: number;
  readonly expired: number;
  readonly deadLetters: number;
  readonly stateRows: number;
  readonly restored: boolean;
}

export function watermarkNode(boundMs: number): WatermarkNode {
  return {
    kind: 'watermark',
    id: 'watermark',
    schema: INPUT,
    mode: 'append',
    input: { kind: 'scan' } as never,
    column: 0,
    boundMs,
    idleTimeoutMs: 0,
    assumed: false,
  };
}

export function windowNode(options: RunOptions): WindowAggregateNode {
  const aggregates = options.aggregates ?? [
    call('COUNT', null),
    call('SUM', 2),
    call('FIRST_VALUE', 2),
  ];
  const keys = options.keys ?? [1];
  return {
    kind: 'window-aggregate',
    id: 'window',
    mode: options.emission === 'final' ? 'append' : 'upsert',
    schema: [
      ...keys.map((key) => INPUT[key] as { name: string; type: SqlType }),
      { name: 'window_start', type: TIMESTAMP },
      { name: 'window_end', type: TIMESTAMP },
      ...aggregates.map(({ type }, at) => ({ name: `a${at}`, type })),
    ],
    input: watermarkNode(options.boundMs),
    window: options.window,
    timeColumn: 0,
    keys,
    aggregates,
    emission: options.emission,
    late: { strategy: options.strategy, allowedLatenessMs: options.latenessMs },
    flush: options.flush,
    signature: '',
  };
}

/** Consecutive records of one split, at most `batchRows` at a time. */
export function batchesOf(records: readonly StreamRecord[], batchRows: number): StreamRecord[][] {
  const batches: StreamRecord[][] = [];
  for (const record of records) {
    const last = batches.at(-1);
    const fits = last !== undefined && last[0]?.split === record.split && last.length < batchRows;
    if (fits) last.push(record);
    else batches.push([record]);
  }
  return batches;
}

export function recordBatch(records: readonly StreamRecord[]): Batch {
  const batch = batchOf([
    records.map((record) => record.time),
    records.map((record) => record.key),
    records.map((record) => record.value),
  ]);
  batch.header.split = records[0]?.split ?? 0;
  return batch;
}

class Job {
  readonly source: WatermarkOperator;
  readonly windows: WindowAggregateOperator[];
  /** Finds the key group of each row, as a hash router would. */
  private readonly keys: GroupedState;

  constructor(options: RunOptions, partitions: number, context: RecordingContext) {
    this.keys = new GroupedStateFactory({
      id: 'router',
      inputTypes: INPUT.map(({ type }) => type),
      keys: options.keys ?? [1],
      aggregates: [],
      windowColumns: false,
    }).create();
    const node = windowNode(options);
    this.windows = Array.from(
      { length: partitions },
      () => new WindowAggregateOperator(node, context),
    );
    const exchange = {
      emit: (batch: Batch): void => this.route(batch),
      watermark: (watermarkMs: number): void => {
        for (const window of this.windows) window.watermark(0, watermarkMs);
      },
    };
    const everyRow = options.window.kind === 'session';
    this.source = new WatermarkOperator(
      watermarkNode(options.boundMs),
      { ...contextOf(context), output: exchange },
      { everyRow },
    );
    this.source.setSplits(options.splits);
  }

  private route(batch: Batch): void {
    if (this.windows.length === 1) {
      this.windows[0]?.process(0, batch);
      return;
    }
    const { keys } = this;
    const slots = [...keys.resolve(batch, null, batch.rowCount).subarray(0, batch.rowCount)];
    this.windows.forEach((window, partition) => {
      const rows = slots.flatMap((slot, row) =>
        keys.keyGroup(slot) % this.windows.length === partition ? [row] : [],
      );
      window.process(0, select(batch, rows));
    });
  }
}

function contextOf(context: RecordingContext) {
  const { output, errors, late, counters, limitReached } = context;
  return { output, errors, late, counters, flow: AT_ONCE, limitReached };
}

export function run(records: readonly StreamRecord[], options: RunOptions): RunResult {
  const context = new RecordingContext(windowNode(options).schema.map(({ type }) => type));
  let job = new Job(options, 1, context);
  let batches = 0;
  let restored = false;
  for (const rows of batchesOf(records, options.batchRows)) {
    if (batches === options.restoreAfter) {
      const next = new Job(options, options.partitionsAfter ?? 1, context);
      restoreInto(next.source, snapshotOf(job.source));
      next.source.setSplits(options.splits);
      const state = snapshotOf(job.windows[0] as WindowAggregateOperator);
      next.windows.forEach((window, partition) => {
        restoreInto(window, state, (group) => group % next.windows.length === partition);
      });
      job = next;
      restored = true;
    }
    job.source.process(0, recordBatch(rows));
    batches += 1;
  }
  for (const window of job.windows) window.end(0, true);
  const { lateDropped, lateExpired, late } = context.counters;
  return {
    rows: context.rows,
    ops: context.ops,
    late,
    dropped: lateDropped,
    expired: lateExpired,
    deadLetters: context.lateRecords.length,
    stateRows: job.windows.reduce((sum, window) => sum + window.stateSize().rows, 0),
    restored,
  };
}
