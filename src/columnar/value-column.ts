/**
 * A column made value by value: for operators off the hot path (generic window calls, sorting,
 * joins). Owns the choice of kind, f64 until a whole number needs more; rows may be set in any
 * order. Hot operators write typed arrays themselves.
 */
import type { Column } from './column.js';
import { NARROW_MAX } from './column.js';
import { Dictionary, DICTIONARY_ENTRIES_MAX } from './dictionary.js';
import type { SqlType, SqlValue } from './types.js';

export class ValueColumn {
  private readonly type: SqlType;
  private readonly values: SqlValue[];
  private dictionary = new Dictionary();

  /** For rows 0 … rows - 1. */
  constructor(type: SqlType, rows: number) {
    this.type = type;
    this.values = new Array<SqlValue>(rows).fill(null);
  }

  set(row: number, value: SqlValue): void {
    this.values[row] = value;
  }

  /** The column; rows that were not set are NULL. The next column starts with all rows NULL. */
  take(): Column {
    const nulls = this.nullMask();
    const column = this.column(nulls);
    this.values.fill(null);
    return column;
  }

  private nullMask(): Uint8Array | null {
    let mask: Uint8Array | null = null;
    this.values.forEach((value, row) => {
      if (value !== null) return;
      mask ??= new Uint8Array(this.values.length);
      mask[row] = 1;
    });
    return mask;
  }

  private column(nulls: Uint8Array | null): Column {
    switch (this.type.kind) {
      case 'boolean':
        return {
          kind: 'bool',
          values: Uint8Array.from(this.values, (v) => (v === true ? 1 : 0)),
          nulls,
        };
      case 'varchar':
        return this.textColumn(nulls);
      case 'bigint':
      case 'decimal':
        return this.wholeColumn(nulls);
      case 'array':
      case 'map':
      case 'row':
        return { kind: 'list', values: [...this.values], nulls };
      default:
        return {
          kind: 'f64',
          values: Float64Array.from(this.values, (v) => (v ?? 0) as number),
          nulls,
        };
    }
  }

  private textColumn(nulls: Uint8Array | null): Column {
    if (this.dictionary.size > DICTIONARY_ENTRIES_MAX) this.dictionary = new Dictionary();
    const { dictionary } = this;
    const codes = Int32Array.from(this.values, (v) => dictionary.internText((v ?? '') as string));
    return { kind: 'dict', codes, dictionary, nulls };
  }

  private wholeColumn(nulls: Uint8Array | null): Column {
    const limit = BigInt(NARROW_MAX);
    let widest = 0;
    for (const value of this.values) {
      if (value === null) continue;
      const whole = value as bigint;
      if (BigInt.asIntN(64, whole) !== whole) widest = 2;
      else if (widest === 0 && (whole > limit || whole < -limit)) widest = 1;
    }
    if (widest === 0) {
      return { kind: 'f64', values: Float64Array.from(this.values, (v) => Number(v ?? 0n)), nulls };
    }
    if (widest === 1) {
      return {
        kind: 'i64',
        values: BigInt64Array.from(this.values, (v) => (v ?? 0n) as bigint),
        nulls,
      };
    }
    const high = BigInt64Array.from(this.values, (v) => ((v ?? 0n) as bigint) >> 64n);
    const low = BigUint64Array.from(this.values, (v) => BigInt.asUintN(64, (v ?? 0n) as bigint));
    return { kind: 'i128', high, low, nulls };
  }
}
