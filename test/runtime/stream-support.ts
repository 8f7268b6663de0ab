/**
 * What the tests of runtime operators share: a context that records what an operator does, batches
 * from plain records, snapshots as bytes, and a seeded random source.
 */
import type { Batch, BatchHeader } from '../../src/columnar/batch.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import { columnValue } from '../../src/columnar/column.js';
import { Dictionary } from '../../src/columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import type {
  Operator,
  OperatorContext,
  OperatorCounters,
  RecordFailure,
} from '../../src/runtime/operator.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

export class RecordingContext implements OperatorContext {
  readonly rows: SqlValue[][] = [];
  readonly ops: number[] = [];
  readonly watermarks: number[] = [];
  readonly failures: { row: number; failure: RecordFailure }[] = [];
  readonly lateRecords: { row: number; time: number }[] = [];
  readonly counters: OperatorCounters = { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 };
  readonly types: readonly SqlType[];
  /** Called with each emitted batch before its rows are recorded. */
  onBatch: (batch: Batch) => void = () => undefined;
  readonly output = {
    emit: (batch: Batch): void => {
      this.onBatch(batch);
      for (let at = 0; at < batch.selectedCount; at += 1) {
        const row = batch.selection === null ? at : (batch.selection[at] as number);
        this.ops.push(batch.ops === null ? 0 : (batch.ops[row] as number));
        this.rows.push(
          this.types.map((type, index) => columnValue(batch.columns[index] as Column, type, row)),
        );
      }
    },
    watermark: (watermarkMs: number): void => {
      this.watermarks.push(watermarkMs);
    },
  };
  readonly errors = {
    recordFailed: (_header: BatchHeader, row: number, failure: RecordFailure): void => {
      this.failures.push({ row, failure });
    },
  };
  readonly late = {
    lateRecord: (_header: BatchHeader, row: number, time: number): void => {
      this.lateRecords.push({ row, time });
    },
  };
  readonly flow = AT_ONCE;
  readonly limitReached = (): void => undefined;

  constructor(types: readonly SqlType[]) {
    this.types = types;
  }
}

/** A batch over columns of plain numbers (BIGINT, TIMESTAMP, DOUBLE) and texts. */
export function batchOf(columns: readonly (readonly (number | string | null)[])[]): Batch {
  const batch = newBatch(columns.map(columnOf), emptyHeader('test'));
  batch.rowCount = columns[0]?.length ?? 0;
  batch.selectedCount = batch.rowCount;
  return batch;
}

function columnOf(values: readonly (number | string | null)[]): Column {
  const nulls = values.includes(null)
    ? Uint8Array.from(values, (value) => (value === null ? 1 : 0))
    : null;
  if (values.some((value) => typeof value === 'string')) {
    const dictionary = new Dictionary();
    const codes = Int32Array.from(values, (value) => dictionary.internText(String(value ?? '')));
    return { kind: 'dict', codes, dictionary, nulls };
  }
  return { kind: 'f64', values: Float64Array.from(values, (value) => Number(value ?? 0)), nulls };
}

export function select(batch: Batch, rows: readonly number[]): Batch {
  batch.selection = Int32Array.from(rows);
  batch.selectedCount = rows.length;
  return batch;
}

export function snapshotOf(operator: Operator): Uint8Array {
  const writer = new StateWriter();
  operator.snapshot(writer);
  return writer.finish();
}

export function restoreInto(
  operator: Operator,
  bytes: Uint8Array,
  owns: (keyGroup: number) => boolean = () => true,
): void {
  operator.restore(new StateReader(bytes, owns));
}

/** mulberry32: small, seeded, good enough to shuffle test data. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
