/**
 * A digest of rows that reads every value and depends on no order: row count; per column the
 * number of NULLs and a sum (law 12). Integers: Σ mod 2^64. DOUBLE: double-double Σ (Knuth's
 * TwoSum). Text: Σ of 32-bit value hashes, mod 2^64. Digests of shards merge by adding. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import type { Column, F64Column } from '../../columnar/column.js';
import { int128, NARROW_MAX } from '../../columnar/column.js';
import { hashBytes } from '../../columnar/hash.js';
import type { SqlType } from '../../columnar/types.js';
import { isExact } from '../../columnar/types.js';

/** What one column's values add up to, as plain data for messages between processes. */
export interface ColumnDigest {
  readonly name: string;
  readonly nulls: number;
  /** Whole sums as decimal text of the value mod 2^64 in [-2^63, 2^63); DOUBLE as a number. */
  readonly sum: string | number;
}
export interface DigestSummary {
  readonly rows: number;
  readonly columns: readonly ColumnDigest[];
}

interface ColumnSums {
  nulls: number;
  /** Exact part: Σ = whole + carry; carry is folded into `whole` once per batch. */
  whole: bigint;
  high: number;
  low: number;
}

export class RowDigest {
  rows = 0;
  private readonly names: readonly string[];
  private readonly types: readonly SqlType[];
  private readonly sums: ColumnSums[];

  constructor(schema: readonly { readonly name: string; readonly type: SqlType }[]) {
    this.names = schema.map((column) => column.name);
    this.types = schema.map((column) => column.type);
    this.sums = schema.map(() => ({ nulls: 0, whole: 0n, high: 0, low: 0 }));
  }

  add(batch: Batch): void {
    this.rows += batch.selectedCount;
    for (let at = 0; at < this.sums.length; at += 1) {
      const sums = this.sums[at] as ColumnSums;
      const column = batch.columns[at] as Column;
      if (column.nulls === null) this.addColumn(sums, column, at, batch);
      else this.addNullable(sums, column, at, batch);
    }
  }

  summary(): DigestSummary {
    return {
      rows: this.rows,
      columns: this.names.map((name, at) => {
        const { nulls, whole, high, low } = this.sums[at] as ColumnSums;
        const exact = !usesDoubleSum(this.types[at] as SqlType);
        return { name, nulls, sum: exact ? BigInt.asIntN(64, whole).toString() : high + low };
      }),
    };
  }

  private addColumn(sums: ColumnSums, column: Column, at: number, batch: Batch): void {
    if (column.kind === 'f64') {
      if (usesDoubleSum(this.types[at] as SqlType)) {
        if (batch.selection === null) addDoubles(sums, column.values, batch.rowCount);
        else addSelectedDoubles(sums, column, batch.selection, batch.selectedCount);
        return;
      }
      if (batch.selection === null && addSmallIntegers(sums, column.values, batch.rowCount)) return;
    }
    if (column.kind === 'dict' && batch.selection === null) {
      addHashes(sums, column.codes, column.dictionary.hashes, batch.rowCount);
      return;
    }
    addRows(sums, column, batch);
  }

  private addNullable(sums: ColumnSums, column: Column, at: number, batch: Batch): void {
    if (column.kind === 'f64' && usesDoubleSum(this.types[at] as SqlType)) {
      const { values } = column;
      const nulls = column.nulls!;
      for (let k = 0; k < batch.selectedCount; k += 1) {
        const row = batch.selection === null ? k : batch.selection[k]!;
        if (nulls[row] === 1) sums.nulls += 1;
        else addDouble(sums, values[row]!);
      }
      return;
    }
    addRows(sums, column, batch);
  }
}

/** The digest of the rows of several digests together; null of none. */
export function mergeDigests(digests: readonly DigestSummary[]): DigestSummary | null {
  return digests.reduce<DigestSummary | null>(
    (merged, digest) => (merged === null ? digest : addDigests(merged, digest)),
    null,
  );
}

function addDigests(a: DigestSummary, b: DigestSummary): DigestSummary {
  return {
    rows: a.rows + b.rows,
    columns: a.columns.map((column, at) => {
      const other = b.columns[at] as ColumnDigest;
      const sum =
        typeof column.sum === 'number'
          ? column.sum + Number(other.sum)
          : BigInt.asIntN(64, BigInt(column.sum) + BigInt(other.sum)).toString();
      return { name: column.name, nulls: column.nulls + other.nulls, sum };
    }),
  };
}

/** DOUBLE and the time types are summed as doubles; everything else exactly. */
function usesDoubleSum(type: SqlType): boolean {
  return type.kind === 'double' || (!isExact(type) && isTime(type));
}

function isTime(type: SqlType): boolean {
  return type.kind === 'timestamp' || type.kind === 'date' || type.kind === 'interval';
}

/** Halves of the hashes are added as 32-bit integers: at most 4,096 rows times 65,535 each. */
function addHashes(
  sums: ColumnSums,
  codes: Int32Array,
  hashes: Int32Array,
  rowCount: number,
): void {
  let low = 0;
  let high = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const hash = hashes[codes[row]!]!;
    low = (low + (hash & 0xffff)) | 0;
    high = (high + (hash >>> 16)) | 0;
  }
  sums.whole += BigInt(high * 65536 + low);
}

/** True when every partial sum was exact; else nothing was added. */
function addSmallIntegers(sums: ColumnSums, values: Float64Array, rowCount: number): boolean {
  let a = 0;
  let b = 0;
  let sizeA = 0;
  let sizeB = 0;
  const even = rowCount & ~1;
  for (let row = 0; row < even; row += 2) {
    const x = values[row]!;
    const y = values[row + 1]!;
    a += x;
    b += y;
    sizeA += Math.abs(x);
    sizeB += Math.abs(y);
  }
  if (even < rowCount) {
    a += values[even]!;
    sizeA += Math.abs(values[even]!);
  }
  if (sizeA + sizeB > NARROW_MAX) return false;
  sums.whole += BigInt(a + b);
  return true;
}

function addDouble(sums: ColumnSums, value: number): void {
  const sum = sums.high + value;
  const back = sum - sums.high;
  sums.low += sums.high - (sum - back) + (value - back);
  sums.high = sum;
}

/**
 * Two sums side by side, put together at the end. Nothing is called there: a function that is
 * called once a batch has no type feedback yet when this one is compiled, so that V8 would throw
 * the code away at every end of the loop and add up the next batch in its interpreter.
 */
function addDoubles(sums: ColumnSums, values: Float64Array, rowCount: number): void {
  const odd = rowCount & 1;
  let highA = sums.high;
  let lowA = sums.low;
  let highB = odd === 1 ? values[0]! : 0;
  let lowB = 0;
  for (let row = odd; row < rowCount; row += 2) {
    const x = values[row]!;
    const sumA = highA + x;
    const backA = sumA - highA;
    lowA += highA - (sumA - backA) + (x - backA);
    highA = sumA;
    const y = values[row + 1]!;
    const sumB = highB + y;
    const backB = sumB - highB;
    lowB += highB - (sumB - backB) + (y - backB);
    highB = sumB;
  }
  const sum = highA + highB;
  const back = sum - highA;
  sums.low = lowA + lowB + (highA - (sum - back) + (highB - back));
  sums.high = sum;
}

function addSelectedDoubles(
  sums: ColumnSums,
  column: F64Column,
  selection: Int32Array,
  count: number,
): void {
  const { values } = column;
  let high = sums.high;
  let low = sums.low;
  for (let k = 0; k < count; k += 1) {
    const value = values[selection[k]!]!;
    const sum = high + value;
    const back = sum - high;
    low += high - (sum - back) + (value - back);
    high = sum;
  }
  sums.high = high;
  sums.low = low;
}

/** Any kind, any selection, NULLs or none: exact and slower. */
function addRows(sums: ColumnSums, column: Column, batch: Batch): void {
  const { selection, selectedCount } = batch;
  const { nulls } = column;
  let pending = 0;
  for (let k = 0; k < selectedCount; k += 1) {
    const row = selection === null ? k : selection[k]!;
    if (nulls !== null && nulls[row] === 1) {
      sums.nulls += 1;
      continue;
    }
    const value = wholeValue(column, row);
    if (typeof value === 'bigint') {
      sums.whole += value;
    } else if (Math.abs(pending + value) > NARROW_MAX) {
      sums.whole += BigInt(pending) + BigInt(value);
      pending = 0;
    } else {
      pending += value;
    }
  }
  sums.whole = BigInt.asIntN(64, sums.whole + BigInt(pending));
}

function wholeValue(column: Column, row: number): number | bigint {
  switch (column.kind) {
    case 'f64':
      return column.values[row]!;
    case 'i64':
      return column.values[row]!;
    case 'i128':
      return int128(column.high[row]!, column.low[row]!);
    case 'bool':
      return column.values[row]!;
    case 'dict':
      return column.dictionary.hashes[column.codes[row]!]! >>> 0;
    case 'utf8':
      return hashBytes(column.bytes, column.offsets[row]!, column.lengths[row]!) >>> 0;
    case 'list':
      return hashText(JSON.stringify(column.values[row], bigintAsText));
  }
}

const encoder = new TextEncoder();

function hashText(text: string): number {
  const bytes = encoder.encode(text);
  return hashBytes(bytes, 0, bytes.length) >>> 0;
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
