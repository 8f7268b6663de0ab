/**
 * A copy of a batch that its producer may not overwrite, for who has to keep one beyond the call
 * that brought it. Only what the batch's rows use is copied; dictionaries and list values are
 * shared, since they are only ever added to. @hot
 */
import { assertNever } from '../base/assert.js';
import type { Batch } from './batch.js';
import type { Column, Utf8Column } from './column.js';

export function copyBatch(batch: Batch): Batch {
  const { rowCount } = batch;
  return {
    rowCount,
    columns: batch.columns.map((column) => copyColumn(column, batch)),
    selection: batch.selection?.slice(0, batch.selectedCount) ?? null,
    selectedCount: batch.selectedCount,
    ops: batch.ops?.slice(0, rowCount) ?? null,
    failed: batch.failed?.slice(0, rowCount) ?? null,
    rowWatermarks: batch.rowWatermarks?.slice(0, rowCount) ?? null,
    origins: batch.origins?.slice(0, rowCount) ?? null,
    header: { ...batch.header },
  };
}

function copyColumn(column: Column, batch: Batch): Column {
  const rows = batch.rowCount;
  const nulls = column.nulls?.slice(0, rows) ?? null;
  switch (column.kind) {
    case 'f64':
      return { kind: 'f64', values: column.values.slice(0, rows), nulls };
    case 'i64':
      return { kind: 'i64', values: column.values.slice(0, rows), nulls };
    case 'i128':
      return {
        kind: 'i128',
        high: column.high.slice(0, rows),
        low: column.low.slice(0, rows),
        nulls,
      };
    case 'bool':
      return { kind: 'bool', values: column.values.slice(0, rows), nulls };
    case 'utf8':
      return copyTexts(column, batch, nulls);
    case 'dict':
      return {
        kind: 'dict',
        codes: column.codes.slice(0, rows),
        dictionary: column.dictionary,
        nulls,
      };
    case 'list':
      return { kind: 'list', values: column.values.slice(0, rows), nulls };
    default:
      return assertNever(column);
  }
}

/** The texts of rows that exist, one behind the other; the others are empty. */
function copyTexts(column: Utf8Column, batch: Batch, nulls: Uint8Array | null): Utf8Column {
  const { rowCount, selection, selectedCount } = batch;
  const lengths = new Int32Array(rowCount);
  const offsets = new Int32Array(rowCount);
  let total = 0;
  for (let k = 0; k < selectedCount; k += 1) {
    const row = selection === null ? k : selection[k]!;
    if (nulls !== null && nulls[row] === 1) continue;
    offsets[row] = total;
    lengths[row] = column.lengths[row]!;
    total += lengths[row]!;
  }
  const bytes = new Uint8Array(total);
  for (let k = 0; k < selectedCount; k += 1) {
    const row = selection === null ? k : selection[k]!;
    const from = column.offsets[row]!;
    bytes.set(column.bytes.subarray(from, from + lengths[row]!), offsets[row]!);
  }
  return { kind: 'utf8', bytes, offsets, lengths, nulls };
}
