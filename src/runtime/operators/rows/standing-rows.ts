/**
 * Rows of a changing input that stand: those that came and were not taken back since, by arrival.
 * What is taken back is noted by its values and settled later, many at once. Owns the match of a −
 * row with a row before it; what becomes of the rows is the operator's business. @hot
 */
import { DataError } from '../../../base/errors.js';
import type { Batch } from '../../../columnar/batch.js';
import { OP_DELETE, OP_INSERT, OP_UPDATE_BEFORE } from '../../../columnar/batch.js';
import type { SqlType } from '../../../columnar/types.js';
import type { OperatorFlow, Work } from '../../flow.js';
import { RowNumbers } from './row-numbers.js';
import { RowStore } from './row-store.js';

/** What one operator keeps to list it. */
const ROWS_MAX = 100_000_000;
/** Rows taken back are settled when there are more than so many, and half as many as rows. */
const TAKEN_BACK_MIN = 4096;

export function isTakenBack(op: number): boolean {
  return op === OP_UPDATE_BEFORE || op === OP_DELETE;
}

export class StandingRows {
  readonly store: RowStore;
  /** Numbers of the rows, by arrival; until settle() with some that were taken back. */
  rows = new RowNumbers();
  private readonly columns: number;
  private readonly rowsMax: number;
  /** Rows that a later −U or −D took back, with how often. */
  private takenBack = new Map<string, number>();
  private takenBackCount = 0;

  /** `rowsMax` is for tests. */
  constructor(types: readonly SqlType[], rowsMax = ROWS_MAX) {
    this.rowsMax = rowsMax;
    this.store = new RowStore(types);
    this.columns = types.length;
  }

  /** How many rows stand. */
  get count(): number {
    return this.rows.length - this.takenBackCount;
  }

  /** Takes in rows of a batch, one after the other, until `enough` of them stand; how many. */
  take(batch: Batch, enough = Number.POSITIVE_INFINITY): number {
    const { selection, selectedCount, ops } = batch;
    if (this.rows.length + selectedCount > this.rowsMax) throw tooMany(this.rowsMax);
    const places = this.store.addRows(batch, selection, selectedCount);
    let taken = 0;
    for (; taken < selectedCount && this.count < enough; taken += 1) {
      const row = selection === null ? taken : selection[taken]!;
      if (isTakenBack(ops === null ? OP_INSERT : ops[row]!)) this.takeBack(places[taken]!);
      else this.rows.push(places[taken]!);
    }
    for (let k = taken; k < selectedCount; k += 1) this.store.release(places[k]!);
    return taken;
  }

  /** So much was taken back that settling pays. */
  get isUnsettled(): boolean {
    return this.takenBackCount > TAKEN_BACK_MIN + this.rows.length / 2;
  }

  private takeBack(row: number): void {
    const text = this.rowText(row);
    this.takenBack.set(text, (this.takenBack.get(text) ?? 0) + 1);
    this.takenBackCount += 1;
    this.store.release(row);
  }

  /** Drops the rows that were taken back. */
  *settle(flow: OperatorFlow): Work {
    if (this.takenBackCount === 0) return;
    const kept = new RowNumbers();
    for (const row of this.rows.all()) {
      const text = this.rowText(row);
      const left = this.takenBack.get(text) ?? 0;
      if (left === 0) kept.push(row);
      else {
        this.takenBack.set(text, left - 1);
        this.store.release(row);
      }
      flow.spend(1);
      if (flow.suspended) yield;
    }
    this.rows = kept;
    this.takenBack = new Map();
    this.takenBackCount = 0;
  }

  /** Equal rows have equal texts; NULL, text and numbers do not meet. */
  private rowText(row: number): string {
    const values = Array.from({ length: this.columns }, (_, column) =>
      this.store.value(column, row),
    );
    return JSON.stringify(values, (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
  }

  byteSize(): number {
    return this.store.byteSize() + this.rows.byteSize();
  }
}

function tooMany(rowsMax: number): DataError {
  return new DataError('STATE_TOO_LARGE', {
    message: `more than ${rowsMax.toLocaleString('en-US')} rows would have to be kept to sort them, or to know which of them stand`,
    hint: 'sort over a window, filter the rows, or give ORDER BY a LIMIT',
  });
}
