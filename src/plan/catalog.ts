/**
 * The catalog of one file: tables and views by name, as the statements above a query declare them.
 * Owns look-up and "does not exist"; CREATE TABLE is bound by table-definition.ts. A name whose
 * declaration was faulty stays known, so that its uses give no second fault.
 */
import type { Span } from '../base/span.js';
import type { CreateTable, Identifier } from '../sql/ast.js';
import { Poisoned, didYouMean } from './faults.js';
import type { FaultCollector } from './faults.js';
import type { TableDefinition } from './schema.js';
import { nameMatches } from './bind/scope.js';
import type { Relation } from './bind/scope.js';

export type CatalogEntry =
  | {
      readonly kind: 'table';
      readonly name: string;
      readonly table: TableDefinition;
      /** As declared: where options lie in the text, and what hints change. */
      readonly statement: CreateTable;
    }
  | {
      readonly kind: 'view';
      readonly name: string;
      readonly relation: Relation;
      /** The sink that CREATE … AS SELECT … WITH also writes to. */
      readonly sink: TableDefinition | null;
    }
  | { readonly kind: 'broken'; readonly name: string };

export type TableEntry = Extract<CatalogEntry, { kind: 'table' }>;

export class Catalog {
  private readonly entries: CatalogEntry[] = [];
  /** Names that later statements declare, for the hint. */
  private readonly later: readonly Identifier[];

  constructor(later: readonly Identifier[]) {
    this.later = later;
  }

  add(entry: CatalogEntry): void {
    this.entries.push(entry);
  }

  find(name: Identifier): CatalogEntry | undefined {
    const matching = this.entries.filter((entry) => nameMatches(name, entry.name));
    return matching.find((entry) => entry.name === name.name) ?? matching[0];
  }

  /** The table or view of that name; `others` are names in scope beside the catalog's (CTEs). */
  get(
    faults: FaultCollector,
    name: Identifier,
    others: readonly string[] = [],
  ): Exclude<CatalogEntry, { kind: 'broken' }> {
    const entry = this.find(name);
    if (entry?.kind === 'broken') throw new Poisoned();
    if (entry !== undefined) return entry;
    const names = [...others, ...this.entries.map((known) => known.name)];
    const isLater = this.later.some((known) => nameMatches(name, known.name));
    return faults.fail('TABLE_NOT_FOUND', {
      message: `table "${name.name}" does not exist`,
      span: name.span,
      hint: isLater
        ? 'it is declared further down: move its declaration above this statement'
        : (didYouMean(name.name, names) ??
          (names.length > 0 && names.length <= 8
            ? `declared are ${names.join(', ')}`
            : 'declare it with CREATE TABLE')),
    });
  }

  /** Whether a new declaration of the name may go on; reports a second one. */
  declare(faults: FaultCollector, name: Identifier, ifNotExists: boolean, span: Span): boolean {
    const exists = this.entries.some(
      (entry) => entry.name.toLowerCase() === name.name.toLowerCase(),
    );
    if (!exists) return true;
    if (!ifNotExists) {
      faults.report('TABLE_EXISTS', {
        message: `"${name.name}" is declared twice`,
        span,
        hint: 'give one of them another name',
      });
    }
    return false;
  }
}
