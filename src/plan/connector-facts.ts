/**
 * What plans know of connectors: facts as plain questions, without the connectors themselves, which
 * stand above this layer. connectors/registry answers them; PlanOptions carry the answers here.
 */
import type { CreateTable } from '../sql/ast.js';
import type { PhysicalColumn, TableDefinition, WritableMetadata } from './schema.js';

/** What a table is used for: what is wrong may depend on it. */
export type TableUse = 'declared' | 'read' | 'written';

/** Something wrong with the options of a table. */
export interface OptionFault {
  /** The option that is to be changed; null: one is missing, or all are concerned. */
  readonly key: string | null;
  /** Whether its name is wrong or what it is set to. */
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint?: string | undefined;
  /** It is honoured, or has no effect, but the user should know. */
  readonly isWarning?: boolean;
}

export interface ConnectorFacts {
  /** velo's own name, where tables may use another. */
  readonly name: string;
  readonly reads: boolean;
  readonly writes: boolean;
  /** The physical columns of all its tables, whose declared columns are computed; null: declared. */
  readonly columns: readonly PhysicalColumn[] | null;
  /** What records take beside their value. */
  readonly metadata: readonly WritableMetadata[];
  /** A row that is gone must be written as gone. */
  readonly wantsTombstones: boolean;
  /** Whether the source ends. */
  isBounded(options: TableDefinition['options']): boolean;
  /** How a source that has no end is given one; null: it is none. */
  readonly endHint: string | null;
  /** Whether the source surely has one split. */
  hasOneSplit(options: TableDefinition['options']): boolean;
  /** The table in terms of another connector; the faults of its options are reported. */
  rewrite?(statement: CreateTable, report: (fault: OptionFault) => void): CreateTable;
  /** Every fault of the options. */
  check(table: TableDefinition, use: TableUse): readonly OptionFault[];
}

export interface ConnectorCatalog {
  /** Names for hints, velo's own. */
  readonly names: readonly string[];
  find(name: string): ConnectorFacts | null;
  /** What SELECT without FROM reads. */
  readonly oneRow: TableDefinition;
}
