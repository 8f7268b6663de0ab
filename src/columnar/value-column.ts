/**
 * Values of a column gathered row by row, in any order: for operators off the hot path (general
 * window calls, sorting, joins). Rows that were not set are NULL. The column itself is made by
 * column-builder; hot operators write typed arrays themselves.
 */
import type { Column } from './column.js';
import { columnFromValues } from './column-builder.js';
import type { SqlType, SqlValue } from './types.js';

export class ValueColumn {
  private readonly type: SqlType;
  private readonly values: SqlValue[];

  /** For rows 0 … rows - 1. */
  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.values = new Array<SqlValue>(rows).fill(null);
  }

  set(row: number, value: SqlValue): void {
    this.values[row] = value;
  }

  /** The column; the next one starts with all rows NULL. */
  take(): Column {
    const column = columnFromValues(this.type, this.values);
    this.values.fill(null);
    return column;
  }
}
