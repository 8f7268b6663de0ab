/**
 * The contract of target columns: where decoders put the values of one output column. Owns the
 * interface and the NULL mask; the kinds are target-plain.ts, target-exact.ts and target-text.ts. A
 * target says whether a value converts; what to tell the user about it is the decoder's business.
 */
import type { Column } from '../../columnar/column.js';
import type { SqlType } from '../../columnar/types.js';

/** One output column while a batch is being decoded. */
export interface TargetColumn {
  readonly type: SqlType;
  /** Replaced when a value needs a wider kind; `nulls` is set once some row of the batch is NULL. */
  column: Column;
  begin(): void;
  setNull(row: number): void;
  /** The number in `bytes[start, end)`; false when it does not convert. */
  number(bytes: Uint8Array, start: number, end: number, row: number): boolean;
  /** Valid UTF-8 text without escapes; false when it does not convert. */
  text(bytes: Uint8Array, start: number, end: number, row: number): boolean;
  boolean(value: boolean, row: number): boolean;
}

/** NULL flags of a target: allocated once, cleared only after a batch that had some. */
export class NullMask {
  private readonly flags: Uint8Array;

  constructor(rows: number) {
    this.flags = new Uint8Array(rows);
  }

  clear(column: Column): void {
    if (column.nulls === null) return;
    this.flags.fill(0);
    column.nulls = null;
  }

  set(column: Column, row: number): void {
    this.flags[row] = 1;
    column.nulls = this.flags;
  }
}
