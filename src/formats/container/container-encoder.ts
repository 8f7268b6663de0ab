/**
 * What the encoders of container files share: which rows of a batch are written, and the column `op`
 * of a changelog in front of them. Owns the formats' options, too; the layouts are avro-file-encoder.ts
 * and parquet-file-encoder.ts, which are loaded when a file of theirs is written. @hot
 */
import { assertNever } from '../../base/assert.js';
import { OP_DELETE, OP_UPDATE_BEFORE, ROW_OPS } from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { SqlValue } from '../../columnar/types.js';
import { VARCHAR } from '../../columnar/types.js';
import { CHANGELOG_COLUMN } from '../../plan/output-names.js';
import type { Schema } from '../../plan/schema.js';
import type { BatchEncoder } from '../encoder.js';

export const AVRO_CODECS = ['snappy', 'deflate', 'null'] as const;
export type AvroCodec = (typeof AVRO_CODECS)[number];
export const PARQUET_CODECS = ['SNAPPY', 'GZIP', 'UNCOMPRESSED'] as const;
export type ParquetCodec = (typeof PARQUET_CODECS)[number];

/** How rows are written, as plain data. */
export type ContainerWriting = (
  | { readonly format: 'avro'; readonly codec: AvroCodec }
  | { readonly format: 'parquet'; readonly codec: ParquetCodec }
) & {
  /** Write −U and −D rows too, and each row's `op` first; otherwise those rows are left out. */
  readonly changelog: boolean;
};

/** Throws ConfigError SETTING_INVALID for columns that the format does not hold. */
export async function openContainerEncoder(
  schema: Schema,
  writing: ContainerWriting,
): Promise<BatchEncoder> {
  const columns = writing.changelog
    ? [{ name: CHANGELOG_COLUMN, type: VARCHAR }, ...schema]
    : schema;
  switch (writing.format) {
    case 'avro': {
      const { AvroFileEncoder } = await import('../avro/avro-file-encoder.js');
      return new AvroFileEncoder(columns, writing);
    }
    case 'parquet': {
      const { ParquetFileEncoder } = await import('../parquet/parquet-file-encoder.js');
      return new ParquetFileEncoder(columns, writing);
    }
    default:
      return assertNever(writing);
  }
}

/** The batch with the column `op` in front. */
export function withOps(batch: Batch): Batch {
  const { ops, rowCount } = batch;
  const values: SqlValue[] = [];
  for (let row = 0; row < rowCount; row += 1) values.push(ROW_OPS[ops === null ? 0 : ops[row]!]!);
  return { ...batch, columns: [{ kind: 'list', values, nulls: null }, ...batch.columns] };
}

/** Calls `write` for each selected row that stands in a file; how many. */
export function eachWritten(
  { selection, selectedCount, ops }: Batch,
  changelog: boolean,
  write: (row: number) => void,
): number {
  let written = 0;
  for (let index = 0; index < selectedCount; index += 1) {
    const row = selection === null ? index : selection[index]!;
    const op = ops === null ? 0 : ops[row]!;
    if (!changelog && (op === OP_UPDATE_BEFORE || op === OP_DELETE)) continue;
    write(row);
    written += 1;
  }
  return written;
}
