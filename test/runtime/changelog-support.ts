/**
 * What tests of operators with kept rows share: batches of SQL values with row kinds, and a record
 * of what an operator emitted, as a list of changes and as the rows that they leave (law 5).
 */
import type { Batch } from '../../src/columnar/batch.js';
import {
  emptyHeader,
  newBatch,
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
  ROW_OPS,
} from '../../src/columnar/batch.js';
import type { Column } from '../../src/columnar/column.js';
import { columnValue } from '../../src/columnar/column.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { ValueColumn } from '../../src/columnar/value-column.js';
import type {
  Operator,
  OperatorContext,
  OperatorCounters,
  RecordFailure,
} from '../../src/runtime/operator.js';
import { restoreInto, snapshotOf } from './stream-support.js';
import { AT_ONCE } from '../../src/runtime/flow.js';

export type Row = readonly SqlValue[];
export interface Change {
  readonly op: number;
  readonly row: Row;
}
export type SchemaColumns = readonly { readonly name: string; readonly type: SqlType }[];

export const insert = (...row: SqlValue[]): Change => ({ op: OP_INSERT, row });
export const remove = (...row: SqlValue[]): Change => ({ op: OP_DELETE, row });
export const before = (...row: SqlValue[]): Change => ({ op: OP_UPDATE_BEFORE, row });
export const after = (...row: SqlValue[]): Change => ({ op: OP_UPDATE_AFTER, row });

/** A batch of changes; without ops when all are +I. `gaps`: each row behind an unselected one. */
export function changeBatch(
  schema: SchemaColumns,
  changes: readonly Change[],
  gaps = false,
): Batch {
  const stride = gaps ? 2 : 1;
  const rows = changes.length * stride;
  const columns = schema.map(({ type }, at) => {
    const column = new ValueColumn(type, rows);
    changes.forEach(({ row }, index) => column.set(index * stride + stride - 1, row[at] ?? null));
    return column.take();
  });
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = rows;
  batch.selectedCount = changes.length;
  if (gaps) batch.selection = Int32Array.from(changes, (_, index) => index * 2 + 1);
  if (changes.some(({ op }) => op !== OP_INSERT)) {
    batch.ops = new Uint8Array(rows);
    changes.forEach(({ op }, index) => {
      (batch.ops as Uint8Array)[index * stride + stride - 1] = op;
    });
  }
  return batch;
}

export function rowText(row: Row): string {
  return row.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(' ');
}

export class ChangeRecorder implements OperatorContext {
  readonly changes: Change[] = [];
  readonly watermarks: number[] = [];
  readonly failures: { readonly row: number; readonly failure: RecordFailure }[] = [];
  readonly lateRecords: { readonly row: number; readonly time: number }[] = [];
  readonly batches: { readonly rows: number; readonly origins: readonly number[] | null }[] = [];
  readonly counters: OperatorCounters = { late: 0, lateDropped: 0, lateExpired: 0, rejected: 0 };
  private readonly schema: SchemaColumns;
  readonly output = {
    emit: (batch: Batch): void => this.take(batch),
    watermark: (watermarkMs: number): void => void this.watermarks.push(watermarkMs),
  };
  readonly errors = {
    recordFailed: (_header: unknown, row: number, failure: RecordFailure): void =>
      void this.failures.push({ row, failure }),
  };
  readonly late = {
    lateRecord: (_header: unknown, row: number, time: number): void =>
      void this.lateRecords.push({ row, time }),
  };
  readonly flow = AT_ONCE;
  readonly limitReached = (): void => undefined;

  constructor(schema: SchemaColumns) {
    this.schema = schema;
  }

  get rows(): readonly Row[] {
    return this.changes.map(({ row }) => row);
  }

  texts(): string[] {
    return this.changes.map(({ op, row }) => `${ROW_OPS[op] ?? '?'} ${rowText(row)}`);
  }

  /** The rows that are left, sorted as texts. Throws when a −row matches no earlier +row. */
  net(): string[] {
    const counts = new Map<string, number>();
    for (const { op, row } of this.changes) {
      const text = rowText(row);
      const sign = op === OP_INSERT || op === OP_UPDATE_AFTER ? 1 : -1;
      const count = (counts.get(text) ?? 0) + sign;
      if (count < 0) throw new Error(`${ROW_OPS[op] ?? '?'} ${text} takes back no row`);
      counts.set(text, count);
    }
    return [...counts].flatMap(([text, count]) => new Array<string>(count).fill(text)).sort();
  }

  private take(batch: Batch): void {
    const { selectedCount, selection, origins } = batch;
    const rows = Array.from({ length: selectedCount }, (_, k) => selection?.[k] ?? k);
    for (const row of rows) {
      const values = this.schema.map(({ type }, at) =>
        columnValue(batch.columns[at] as Column, type, row),
      );
      this.changes.push({ op: batch.ops?.[row] ?? OP_INSERT, row: values });
    }
    this.batches.push({
      rows: selectedCount,
      origins: origins === null ? null : rows.map((row) => origins[row] as number),
    });
  }
}

/** A copy of an operator's state in a new one. */
export function restored<O extends Operator>(from: O, to: O): O {
  restoreInto(to, snapshotOf(from));
  return to;
}

/** Parts of at most `size`, in order. */
export function parts<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < list.length; at += size) result.push(list.slice(at, at + size));
  return result;
}

/** A node that only has a schema and a mode: what stands below an operator under test. */
export function inputNode<N>(schema: SchemaColumns, mode: 'append' | 'retract' = 'append'): N {
  return { kind: 'scan', id: 'scan', schema, mode } as N;
}
