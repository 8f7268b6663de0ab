/**
 * SELECT without FROM: one row. It reads a generator of one record, so that nothing else in the
 * engine needs to know of it.
 */
import type { Span } from '../base/span.js';
import { tableRelation } from './binder-relation.js';
import { GENERATOR_COLUMN } from './table-definition.js';
import type { TableDefinition } from './schema.js';
import type { Relation } from './scope.js';

const ONE_ROW: TableDefinition = {
  name: 'one row',
  connector: 'generator',
  options: { rows: '1' },
  physical: [GENERATOR_COLUMN],
  columns: [],
  watermark: null,
  primaryKey: [],
  bounded: true,
};

export function oneRowRelation(span: Span): Relation {
  return tableRelation(ONE_ROW, ONE_ROW.name, span);
}
