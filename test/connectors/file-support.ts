/** Helpers of the file connector's tests: temporary files, tables, reading a source to its end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Batch, BatchHeader } from '../../src/columnar/batch.js';
import { rowOffset } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { BIGINT } from '../../src/columnar/types.js';
import { openFileSource } from '../../src/connectors/file/file.js';
import type { Source, SourceRequest } from '../../src/connectors/source.js';
import type { PhysicalColumn, SystemColumn, TableDefinition } from '../../src/plan/schema.js';
import type { RecordFailure } from '../../src/runtime/operator.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export const pathOf = (name: string): string => join(folder, name);

export function writeInput(name: string, content: string | Uint8Array): string {
  const path = pathOf(name);
  writeFileSync(path, content);
  return path;
}

export function fileTable(
  options: Readonly<Record<string, string>>,
  physical: readonly PhysicalColumn[],
): TableDefinition {
  return {
    name: 't',
    connector: 'file',
    options,
    physical,
    columns: physical.map((column, index) => ({ kind: 'physical', ...column, index })),
    watermark: null,
    primaryKey: [],
    bounded: true,
  };
}

export interface SeenFailure extends RecordFailure {
  readonly offset: number;
  readonly line: number;
  readonly raw: string;
}

export interface ReadOptions {
  readonly physical?: readonly PhysicalColumn[];
  readonly needed?: readonly number[];
  readonly system?: readonly SystemColumn[];
  readonly batchRowsMax?: number;
  /** A clock that stands still, in milliseconds. */
  readonly nowMs?: number;
}

export const ID: readonly PhysicalColumn[] = [{ name: 'id', type: BIGINT }];

/** A source with everything that it reports; `rows` reads what is there now. */
export class OpenFile {
  readonly source: Source;
  readonly failures: SeenFailure[] = [];
  readonly notices: string[] = [];
  readonly sequences: number[] = [];
  readonly lines: number[] = [];
  readonly offsets: number[] = [];
  private readonly physical: readonly PhysicalColumn[];
  private readonly needed: readonly number[];

  constructor(options: Readonly<Record<string, string>>, read: ReadOptions = {}) {
    this.physical = read.physical ?? ID;
    this.needed = read.needed ?? this.physical.map((_, index) => index);
    const request: SourceRequest = {
      table: fileTable(options, this.physical),
      physical: this.needed,
      system: read.system ?? [],
      batchRowsMax: read.batchRowsMax ?? 4096,
      errors: { recordFailed: (header, row, failure) => this.fail(header, row, failure) },
      clock: { nowMs: () => read.nowMs ?? 1_700_000_000_000, monotonicNs: () => 0 },
      notice: (line) => this.notices.push(line),
    };
    this.source = openFileSource(request);
  }

  /** Rows up to the end, or up to where a followed file has no more. */
  rows(batchesMax = Number.POSITIVE_INFINITY): SqlValue[][] {
    const rows: SqlValue[][] = [];
    for (let count = 0; count < batchesMax; count += 1) {
      const batch = this.source.splits[0]!.next();
      if (typeof batch === 'string') break;
      this.sequences.push(batch.header.sequence);
      for (let k = 0; k < batch.selectedCount; k += 1) {
        const row = batch.selection === null ? k : batch.selection[k]!;
        this.lines.push(batch.header.lineNumbers![row]!);
        this.offsets.push(rowOffset(batch.header, row));
        rows.push(this.values(batch, row));
      }
    }
    return rows;
  }

  private values(batch: Batch, row: number): SqlValue[] {
    return this.needed.map((index, column) =>
      columnValue(batch.columns[column]!, this.physical[index]!.type, row),
    );
  }

  private fail(header: BatchHeader, row: number, failure: RecordFailure): void {
    this.failures.push({
      ...failure,
      offset: rowOffset(header, row),
      line: header.lineNumbers![row]!,
      raw: new TextDecoder().decode(header.rawRecord!(row)),
    });
  }
}
