/**
 * What every part of the binder is given: the faults, the catalog, the CTEs in scope and the
 * schemas of quoted sources; and what expressions of a clause are bound in. A subquery gets a copy
 * that says it is not the outermost SELECT. Queries and expressions contain themselves: the way back
 * to their binders is in here, so that the files import each other in one direction only.
 */
import type { Catalog } from '../catalog.js';
import type { FaultCollector } from '../faults.js';
import type { PhysicalColumn } from '../schema.js';
import type { BoundExpression } from '../expression/expression.js';
import type { Relation, ScopeColumn } from './scope.js';
import type * as ast from '../../sql/ast.js';
import type { OptionContext } from './connector-options.js';
import type { StateTtlHint } from '../state-ttl-hint.js';

/** What reading the first records of FROM '…' gave. */
export interface QuotedSchema {
  readonly columns: readonly PhysicalColumn[];
  readonly connector: string;
  readonly options: Readonly<Record<string, string>>;
  readonly bounded: boolean;
  readonly oneSplit: boolean;
}

/** A source whose schema nobody looked up, since that takes the network or the environment. */
export type UnknownSchema = 'unresolved';

export interface NamedRelation {
  readonly name: string;
  /** null: its query is at fault, which is reported already. */
  readonly relation: Relation | null;
}

export interface BinderEnvironment extends OptionContext {
  readonly catalog: Catalog;
  readonly quotedSchemas: ReadonlyMap<string, QuotedSchema | UnknownSchema>;
  readonly ctes: readonly NamedRelation[];
  readonly isOutermost: boolean;
  /** Of the SELECT whose FROM is bound; absent: it has none. */
  readonly stateTtl?: StateTtlHint;
  /** binder-query's bindQuery, for subqueries. */
  readonly bindQuery: (environment: BinderEnvironment, query: ast.Query) => Relation;
}

export interface BindContext {
  readonly faults: FaultCollector;
  readonly columns: readonly ScopeColumn[];
  /** Where the expression stands, for messages: WHERE, GROUP BY, "the select list". */
  readonly clause: string;
  /** Asked before the columns; null: look at the columns. */
  readonly resolveName?: (reference: ast.ColumnReference) => BoundExpression | null;
  /** Asked when no column has the name; null: it does not exist. */
  readonly resolveMissing?: (reference: ast.ColumnReference) => BoundExpression | null;
  /** Asked before the registry's scalar functions; null: not mine. */
  readonly resolveCall?: (call: ast.Call) => BoundExpression | null;
}
