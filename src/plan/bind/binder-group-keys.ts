/**
 * GROUP BY keys: columns, aliases of the select list (a column of that name wins), ordinals and
 * expressions. The call that names the window and the window's bounds are no keys: the window
 * itself is part of every group.
 */
import type { Expression, Select } from '../../sql/ast.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { WINDOW_PLACEHOLDERS, isGroupWindowCall } from './binder-group-window.js';
import { itemNamed } from './binder-select-list.js';
import { settled } from './bound-values.js';
import type { BoundExpression } from '../expression/expression.js';
import { columnIndexes, expressionKey } from '../expression/expression-walk.js';
import { columnsNamed } from './scope.js';

export interface GroupKey {
  readonly name: string;
  readonly expression: BoundExpression;
}

export function bindGroupKeys(context: BindContext, select: Select): readonly GroupKey[] {
  const { faults } = context;
  const nodes = select.groupBy.filter((node) => !isGroupWindowCall(node));
  const bound = faults.all(nodes, (node): GroupKey => {
    const expression = settled(bindExpression(context, aliased(context, select, node)));
    const name = expression.kind === 'column' ? expression.name : faults.textAt(node.span);
    return { name, expression };
  });
  const keys = new Map<string, GroupKey>();
  for (const key of bound) {
    if (isWindowBound(key.expression)) continue;
    refuseWindowInside(context, key.expression);
    const text = expressionKey(key.expression);
    if (!keys.has(text)) keys.set(text, key);
  }
  return [...keys.values()];
}

/** What an ordinal or an alias stands for; anything else is itself. */
function aliased(context: BindContext, select: Select, node: Expression): Expression {
  if (node.kind === 'literal' && node.type === 'integer') {
    const item = select.items[Number(node.text) - 1];
    if (item?.kind === 'item') return item.expression;
    return context.faults.fail('STATEMENT_INVALID', {
      message: `GROUP BY ${node.text}: the list has ${select.items.length} columns`,
      span: node.span,
    });
  }
  const [name, ...rest] = node.kind === 'column' ? node.parts : [];
  if (name === undefined || rest.length > 0) return node;
  const isColumn = columnsNamed(context.columns, name).some((column) => !column.hidden);
  const item = isColumn ? null : itemNamed(select.items, name);
  return item?.expression ?? node;
}

function isWindowBound(expression: BoundExpression): boolean {
  return expression.kind === 'column' && expression.index >= WINDOW_PLACEHOLDERS;
}

function refuseWindowInside(context: BindContext, expression: BoundExpression): void {
  if (![...columnIndexes(expression)].some((index) => index >= WINDOW_PLACEHOLDERS)) return;
  context.faults.fail('WINDOW_MISPLACED', {
    message: 'an expression over the window bounds cannot be a grouping key',
    span: expression.span,
    hint: 'the window is part of every group: leave it out',
  });
}
