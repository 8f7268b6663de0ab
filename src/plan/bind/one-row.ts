/**
 * SELECT without FROM: one row. It reads a source of one record, so that nothing else in the
 * engine needs to know of it.
 */
import type { Span } from '../../base/span.js';
import { tableRelation } from './binder-relation.js';
import type { BinderEnvironment } from './binder-environment.js';
import type { Relation } from './scope.js';

export function oneRowRelation({ connectors }: BinderEnvironment, span: Span): Relation {
  return tableRelation(connectors.oneRow, connectors.oneRow.name, span);
}
