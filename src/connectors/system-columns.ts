/**
 * System columns as every source delivers them: constant within a block (_TIMESTAMP, _PARTITION,
 * _TOPIC) or counted (_OFFSET). Owns reusable column arrays; Kafka fills keys, headers and record
 * times itself. @hot
 */
import { BATCH_ROWS_MAX } from '../columnar/batch.js';
import type { BatchHeader } from '../columnar/batch.js';
import type { Column, DictColumn, F64Column, ListColumn } from '../columnar/column.js';
import { Dictionary } from '../columnar/dictionary.js';
import type { SqlMap, SqlValue } from '../columnar/types.js';
import { assertNever } from '../base/assert.js';
import type { SystemColumn } from '../plan/schema.js';

const NO_HEADERS: SqlMap = { keys: [], values: [] };

/** Columns for sources without topic, key or headers: files and generators. */
export class SystemColumns {
  private readonly hasFiles: boolean;
  private readonly names: readonly SystemColumn[];
  private readonly columns: Column[];
  private filledTimeMs = Number.NaN;

  /** `hasFiles`: the header's name of the source is that of a file. */
  constructor(names: readonly SystemColumn[], { hasFiles = false } = {}) {
    this.hasFiles = hasFiles;
    this.names = names;
    this.columns = names.map(newSystemColumn);
  }

  /** Appends the columns for one block to `target`; they are valid until the next call. */
  appendTo(target: Column[], header: BatchHeader, rowCount: number): void {
    for (let at = 0; at < this.names.length; at += 1) {
      const column = this.columns[at] as Column;
      this.fill(this.names[at] as SystemColumn, column, header, rowCount);
      target.push(column);
    }
    this.filledTimeMs = header.ingestTimeMs;
  }

  private fill(name: SystemColumn, column: Column, header: BatchHeader, rowCount: number): void {
    switch (name) {
      case '_timestamp':
      case '_record_time':
        if (this.filledTimeMs !== header.ingestTimeMs) {
          (column as F64Column).values.fill(header.ingestTimeMs);
        }
        return;
      case '_partition':
        (column as F64Column).values.fill(header.split, 0, rowCount);
        return;
      case '_offset': {
        const { values } = column as F64Column;
        for (let row = 0; row < rowCount; row += 1) values[row] = header.firstOffset + row;
        return;
      }
      case '_file': {
        if (!this.hasFiles) return;
        const files = column as DictColumn;
        files.codes.fill(files.dictionary.internText(header.sourceName), 0, rowCount);
        files.nulls = null;
        return;
      }
      case '_topic':
      case '_key':
      case '_headers':
        return;
      default:
        assertNever(name);
    }
  }
}

function newSystemColumn(name: SystemColumn): Column {
  if (name === '_headers') {
    const values: SqlValue[] = new Array<SqlValue>(BATCH_ROWS_MAX).fill(NO_HEADERS);
    return { kind: 'list', values, nulls: null } satisfies ListColumn;
  }
  if (name === '_topic' || name === '_key' || name === '_file') {
    const dictionary = new Dictionary();
    dictionary.internText('');
    const nulls = new Uint8Array(BATCH_ROWS_MAX).fill(1);
    return {
      kind: 'dict',
      codes: new Int32Array(BATCH_ROWS_MAX),
      dictionary,
      nulls,
    } satisfies DictColumn;
  }
  return { kind: 'f64', values: new Float64Array(BATCH_ROWS_MAX), nulls: null };
}
