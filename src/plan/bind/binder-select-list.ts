/**
 * The select list: expands `*` and `t.*`, names the columns (alias, column name as declared, or
 * the expression's text) and finds items by alias for the clauses that see aliases.
 */
import type { ExpressionItem, Identifier, SelectItem, StarItem } from '../../sql/ast.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import type { BoundExpression } from '../expression/expression.js';
import { didYouMean } from '../faults.js';
import { findColumn, nameMatches } from './scope.js';

export interface ListItem {
  readonly name: string;
  readonly expression: BoundExpression;
}

export function bindSelectList(
  context: BindContext,
  items: readonly SelectItem[],
): readonly ListItem[] {
  return context.faults
    .all(items, (item) =>
      item.kind === 'star' ? expandStar(context, item) : [bindItem(context, item)],
    )
    .flat();
}

function bindItem(context: BindContext, item: ExpressionItem): ListItem {
  const expression = bindExpression(context, item.expression);
  return { name: item.alias?.name ?? columnName(context, item), expression };
}

function columnName(context: BindContext, item: ExpressionItem): string {
  const { expression } = item;
  if (expression.kind !== 'column') return context.faults.textAt(expression.span);
  const written = expression.parts[expression.parts.length - 1]?.name ?? '';
  const found = findColumn(context.faults, context.columns, expression);
  if (found === null || found.column.hidden || found.fields.length > 0) return written;
  return found.column.name;
}

function expandStar(context: BindContext, star: StarItem): readonly ListItem[] {
  const { qualifier, span } = star;
  const visible = context.columns.filter((column) => !column.hidden);
  const wanted =
    qualifier === null
      ? visible
      : visible.filter(
          (column) => column.qualifier !== null && nameMatches(qualifier, column.qualifier),
        );
  if (wanted.length === 0) {
    const tables = new Set(context.columns.flatMap((column) => column.qualifier ?? []));
    return context.faults.fail(qualifier === null ? 'COLUMN_NOT_FOUND' : 'TABLE_NOT_FOUND', {
      message:
        qualifier === null
          ? '* stands for no column here'
          : `FROM has no table "${qualifier.name}"`,
      span,
      hint: qualifier === null ? undefined : didYouMean(qualifier.name, tables),
    });
  }
  return wanted.map(({ name, index, type }) => ({
    name,
    expression: { kind: 'column', index, name, type, span },
  }));
}

/** The first item whose alias is the name. */
export function itemNamed(items: readonly SelectItem[], name: Identifier): ExpressionItem | null {
  for (const item of items) {
    if (item.kind === 'item' && item.alias !== null && nameMatches(name, item.alias.name)) {
      return item;
    }
  }
  return null;
}
