/**
 * What every part of the binder is given: the faults, the catalog, the CTEs in scope and the
 * schemas of quoted sources. A subquery gets a copy that says it is not the outermost SELECT.
 */
import type { Catalog } from './catalog.js';
import type { FaultCollector } from './faults.js';
import type { PhysicalColumn } from './schema.js';
import type { Relation } from './scope.js';

/** What reading the first records of FROM '…' gave. */
export interface QuotedSchema {
  readonly columns: readonly PhysicalColumn[];
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
  readonly bounded: boolean;
}

export interface NamedRelation {
  readonly name: string;
  /** null: its query is at fault, which is reported already. */
  readonly relation: Relation | null;
}

export interface BinderEnvironment {
  readonly faults: FaultCollector;
  readonly catalog: Catalog;
  readonly quotedSchemas: ReadonlyMap<string, QuotedSchema>;
  readonly ctes: readonly NamedRelation[];
  readonly isOutermost: boolean;
}
