/**
 * Schemas and table definitions: what the catalog stores, what plan edges carry. Plain data.
 */
import { BIGINT, TIMESTAMP, VARCHAR } from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import type { BoundExpression } from './expression/expression.js';

export interface SchemaColumn {
  readonly name: string;
  readonly type: SqlType;
}
export type Schema = readonly SchemaColumn[];

/** System columns a source can deliver, with their types (see SYSTEM_COLUMNS). */
export type SystemColumn =
  | '_timestamp'
  | '_partition'
  | '_offset'
  | '_topic'
  | '_key'
  | '_headers'
  /** Kafka's record timestamp, or _timestamp where the source has none. */
  | '_record_time'
  /** The path of the record's file; NULL where it comes from no file. */
  | '_file';

/** All system columns, in the order in which expressions of a table number them. */
export const SYSTEM_COLUMNS: readonly { readonly name: SystemColumn; readonly type: SqlType }[] = [
  { name: '_timestamp', type: TIMESTAMP },
  { name: '_partition', type: BIGINT },
  { name: '_offset', type: BIGINT },
  { name: '_topic', type: VARCHAR },
  { name: '_key', type: VARCHAR },
  { name: '_headers', type: { kind: 'map', key: VARCHAR, value: VARCHAR } },
  { name: '_record_time', type: TIMESTAMP },
  { name: '_file', type: VARCHAR },
];

export interface PhysicalColumn {
  readonly name: string;
  readonly type: SqlType;
}
/** What a table has whose rows are made of their number. */
export const GENERATOR_COLUMN: PhysicalColumn = { name: 'i', type: BIGINT };

/** A column that an INSERT fills; what is metadata goes beside the record's value. */
export interface InsertedColumn extends PhysicalColumn {
  readonly metadata: WritableMetadata | null;
}
/** Metadata of a record that a writer may set, under Flink's names. */
export type WritableMetadata = 'timestamp' | 'headers';

export interface TableDefinition {
  readonly name: string;
  /** velo's own name of it. */
  readonly connector: string;
  /** WITH options but for 'connector', checked and read by the connector. */
  readonly options: Readonly<Record<string, string>>;
  readonly physical: readonly PhysicalColumn[];
  /** What an INSERT fills, in declared order, where metadata are among it; absent: `physical`. */
  readonly inserted?: readonly InsertedColumn[];
  /** All declared columns in declared order: `*` gives these. */
  readonly columns: readonly TableColumn[];
  readonly watermark: WatermarkDefinition | null;
  readonly primaryKey: readonly string[];
  readonly bounded: boolean;
  /** How it is given an end, for hints; absent: nobody knows. */
  readonly endHint?: string;
  /** The source surely has one split; absent: it may have several. */
  readonly oneSplit?: boolean;
  /** 'source.idle-timeout' of the table in ms; absent: the SET of the query counts. */
  readonly idleTimeoutMs?: number;
  /** The schema was inferred from the first records of FROM '…'. */
  readonly inferred?: boolean;
}
export type TableColumn =
  | {
      readonly kind: 'physical';
      readonly name: string;
      readonly type: SqlType;
      readonly index: number;
    }
  | {
      readonly kind: 'computed';
      readonly name: string;
      readonly type: SqlType;
      readonly expression: BoundExpression;
    };

export interface WatermarkDefinition {
  readonly column: string;
  /** Milliseconds subtracted from the highest event time. */
  readonly boundMs: number;
}
