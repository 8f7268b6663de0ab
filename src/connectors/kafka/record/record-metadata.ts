/**
 * What a record has beside key and value: its timestamp and headers. Owns where they come from:
 * METADATA columns of the table ('timestamp', 'headers'; they are no part of the value), else the
 * column of the table's WATERMARK is the timestamp (and stays in the value), else the time of
 * writing. @hot
 *
 * A row whose time is NULL or before 1970 gets the time of writing: Kafka has no such timestamps.
 */
import { ConfigError } from '../../../base/errors.js';
import type { Batch } from '../../../columnar/batch.js';
import type { Column } from '../../../columnar/column.js';
import { isSqlMap } from '../../../columnar/types.js';
import type { SqlMap } from '../../../columnar/types.js';
import type { Schema, TableDefinition, WritableMetadata } from '../../../plan/schema.js';

/** No such column. */
const NONE = -1;

export class RecordMetadata {
  /** The columns of the value. */
  readonly valueSchema: Schema;
  private readonly valueColumns: readonly number[];
  private readonly timeColumn: number;
  private readonly headerColumn: number;
  private nowMs = 0;
  private times: Column | null = null;
  private maps: Column | null = null;

  /**
   * `schema`: what the query gives, under the table's names; `except`: columns that the value has
   * not. Throws SETTING_INVALID.
   */
  constructor(
    table: TableDefinition,
    label: string,
    schema: Schema,
    except: ReadonlySet<number> = new Set(),
  ) {
    const inserted = table.inserted?.length === schema.length ? table.inserted : [];
    const metadataAt = (metadata: WritableMetadata): number =>
      inserted.findIndex((column) => column.metadata === metadata);
    const own = metadataAt('timestamp');
    const { watermark } = table;
    this.timeColumn =
      own !== NONE ? own : schema.findIndex(({ name }) => name === watermark?.column);
    this.headerColumn = metadataAt('headers');
    this.valueColumns = schema
      .map((_, at) => at)
      .filter((at) => (inserted[at]?.metadata ?? null) === null && !except.has(at));
    this.valueSchema = schema.filter((_, at) => this.valueColumns.includes(at));
    requireKind({ schema, label, at: own, kinds: ['timestamp'], example: 'TIMESTAMP(3)' });
    const at = this.headerColumn;
    requireKind({ schema, label, at, kinds: ['map'], example: 'MAP<STRING, STRING>' });
  }

  bind(batch: Batch, nowMs: number): void {
    this.nowMs = nowMs;
    this.times = batch.columns[this.timeColumn] ?? null;
    this.maps = batch.columns[this.headerColumn] ?? null;
  }

  /** The batch with the value's columns only. */
  valuesOf(batch: Batch): Batch {
    if (this.valueColumns.length === batch.columns.length) return batch;
    return { ...batch, columns: this.valueColumns.map((at) => batch.columns[at]!) };
  }

  timestampMs(row: number): number {
    const { times, nowMs } = this;
    if (times === null || (times.nulls !== null && times.nulls[row] === 1)) return nowMs;
    let timeMs = nowMs;
    if (times.kind === 'f64') timeMs = times.values[row]!;
    else if (times.kind === 'i64') timeMs = Number(times.values[row]!);
    return timeMs < 0 ? nowMs : timeMs;
  }

  /** null: the record has none. */
  headers(row: number): SqlMap | null {
    const { maps } = this;
    if (maps?.kind !== 'list') return null;
    if (maps.nulls !== null && maps.nulls[row] === 1) return null;
    const map = maps.values[row] ?? null;
    return isSqlMap(map) ? map : null;
  }
}

function requireKind(want: {
  readonly schema: Schema;
  readonly label: string;
  readonly at: number;
  readonly kinds: readonly string[];
  readonly example: string;
}): void {
  const column = want.schema[want.at];
  if (column === undefined || want.kinds.includes(column.type.kind)) return;
  throw new ConfigError('SETTING_INVALID', {
    message: `metadata column "${column.name}" of ${want.label} cannot be written from its type`,
    hint: `declare it as ${want.example}, or as VIRTUAL: then it is only read`,
  });
}
