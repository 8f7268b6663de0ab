/**
 * One SELECT → a relation: FROM, WHERE, GROUP BY with its window, HAVING, window functions, the
 * select list, DISTINCT, and the keys of the ORDER BY that follows. Every clause is bound over the
 * input first, with placeholders for aggregates and window functions, so that all faults are found
 * at once; then the operators are stacked and the expressions rewritten to their outputs.
 */
import { BIGINT, BOOLEAN } from '../../columnar/types.js';
import type { Expression, Identifier, OrderItem, Select } from '../../sql/ast.js';
import { AggregateCollector, sortKey, toGroupedOutput } from './binder-aggregate.js';
import type { GroupedOutput } from './binder-aggregate.js';
import type { BinderEnvironment } from './binder-environment.js';
import { bindCondition, bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { bindGroupWindow, windowBoundCall, windowColumn } from './binder-group-window.js';
import type { GroupWindow } from './binder-group-window.js';
import { bindGroupKeys } from './binder-group-keys.js';
import type { GroupKey } from './binder-group-keys.js';
import { bindRelation } from './binder-relation.js';
import { bindSelectList, itemNamed } from './binder-select-list.js';
import type { ListItem } from './binder-select-list.js';
import { OVER_PLACEHOLDERS, WindowCallCollector, stackWindowOperators } from './binder-window.js';
import { coerceToBoolean, settled } from './bound-values.js';
import type { BoundExpression } from '../expression/expression.js';
import { columnIndexes, expressionKey } from '../expression/expression-walk.js';
import { Poisoned } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import type { LogicalAggregate, LogicalNode, LogicalSortKey } from '../logical/logical-plan.js';
import { oneRowRelation } from './one-row.js';
import type { Relation, ScopeColumn } from './scope.js';
import { StateTtlHint } from '../state-ttl-hint.js';
import { columnsNamed } from './scope.js';

export interface BoundSelect {
  readonly relation: Relation;
  /** Keys of the ORDER BY over the relation's node. */
  readonly sortKeys: readonly LogicalSortKey[];
}

export function bindSelect(
  environment: BinderEnvironment,
  select: Select,
  orderBy: readonly OrderItem[],
): BoundSelect {
  const { faults } = environment;
  const stateTtl = new StateTtlHint(faults, select);
  const input =
    select.from === null
      ? oneRowRelation(environment, select.span)
      : bindRelation({ ...environment, stateTtl }, select.from);
  const bound = new SelectBinder(faults, select, input, stateTtl).bind(orderBy);
  stateTtl.checkTaken();
  return bound;
}

/** The clauses over input columns and placeholders. */
interface BoundClauses {
  readonly where: BoundExpression | null;
  readonly keys: readonly GroupKey[];
  readonly items: readonly ListItem[];
  readonly having: BoundExpression | null;
  readonly sortKeys: readonly LogicalSortKey[];
}

class SelectBinder {
  private readonly faults: FaultCollector;
  private readonly select: Select;
  private readonly input: Relation;
  private readonly stateTtl: StateTtlHint;
  private readonly aggregates: AggregateCollector;
  private readonly windows: WindowCallCollector;
  private window: GroupWindow | 'faulty' | null = null;
  private keys: readonly GroupKey[] = [];

  constructor(faults: FaultCollector, select: Select, input: Relation, stateTtl: StateTtlHint) {
    this.stateTtl = stateTtl;
    this.faults = faults;
    this.select = select;
    this.input = input;
    this.aggregates = new AggregateCollector({ faults, columns: input.columns, clause: '' });
    this.windows = new WindowCallCollector(select.namedWindows);
  }

  bind(orderBy: readonly OrderItem[]): BoundSelect {
    const clauses = this.bindClauses(orderBy);
    const isGrouped =
      clauses.keys.length > 0 ||
      this.select.groupBy.length > 0 ||
      this.window !== null ||
      clauses.having !== null ||
      this.aggregates.calls.length > 0;
    if (this.select.distinct && this.windows.calls.length > 0 && isGrouped) this.refuseMixture();
    const filtered = this.filterInput(clauses.where);
    const grouped = isGrouped ? this.stackGroupBy(filtered, clauses) : null;
    const rewrite = (expression: BoundExpression): BoundExpression =>
      grouped === null
        ? expression
        : toGroupedOutput(grouped.output, expression, OVER_PLACEHOLDERS);
    const node = grouped?.node ?? filtered;
    const having = clauses.having === null ? null : rewrite(clauses.having);
    const kept: LogicalNode =
      having === null
        ? node
        : {
            kind: 'filter',
            input: node,
            condition: having,
            schema: node.schema,
            span: having.span,
          };
    const windows = stackWindowOperators(this.windows.calls, {
      node: kept,
      eventTime: isGrouped ? null : this.declaredEventTime(),
      rewrite,
    });
    const items = this.faults.all(clauses.items, (item) => ({
      ...item,
      expression: settled(windows.resolve(rewrite(item.expression))),
    }));
    const sortKeys = this.faults.all(clauses.sortKeys, (key) => ({
      ...key,
      expression: windows.resolve(rewrite(key.expression)),
    }));
    return this.projectList(windows.node, { items, sortKeys, keepsTime: grouped === null });
  }

  private refuseMixture(): never {
    return this.faults.fail('NOT_SUPPORTED', {
      message: 'DISTINCT over window functions over groups is not supported',
      span: this.select.span,
      hint: 'group in a subquery',
    });
  }

  private bindClauses(orderBy: readonly OrderItem[]): BoundClauses {
    const { faults, select } = this;
    const { where: condition } = select;
    const where = faults.attempt(() =>
      condition === null ? null : bindCondition(this.plainContext('WHERE'), condition, 'WHERE'),
    );
    const groupContext = this.plainContext('GROUP BY');
    const window = faults.attempt(() => ({
      bound: bindGroupWindow(groupContext, select, this.input),
    }));
    if (window === null) {
      this.window = 'faulty';
      faults.attempt(() => bindSelectList(this.listContext('the select list'), select.items));
      throw new Poisoned();
    }
    this.window = window.bound;
    const keys = faults.attempt(() =>
      bindGroupKeys({ ...groupContext, ...this.windowNames(groupContext) }, select),
    );
    this.keys = keys ?? [];
    const items = faults.attempt(() =>
      bindSelectList(this.listContext('the select list'), select.items),
    );
    const having = faults.attempt(() => this.bindHaving());
    const sortKeys = faults.attempt(() => this.bindOrderBy(orderBy, items ?? []));
    const isWhereFaulty = condition !== null && where === null;
    const isHavingFaulty = select.having !== null && having === null;
    if (isWhereFaulty || isHavingFaulty || keys === null || items === null || sortKeys === null) {
      throw new Poisoned();
    }
    return { where, keys, items, having, sortKeys };
  }

  /** Of clauses before the aggregates: they see the input's columns only. */
  private plainContext(clause: string): BindContext {
    const { faults } = this;
    const base: BindContext = { faults, columns: this.input.columns, clause };
    return { ...base, resolveMissing: (reference) => windowColumn(base, reference, null) };
  }

  private windowNames(context: BindContext): Pick<BindContext, 'resolveMissing' | 'resolveCall'> {
    const { window } = this;
    return {
      resolveMissing: (reference) => windowColumn(context, reference, window),
      resolveCall: (call) =>
        window === null || window === 'faulty' ? null : windowBoundCall(context, call, window),
    };
  }

  /** Of the select list, HAVING and ORDER BY: aggregates, window bounds, window functions. */
  private listContext(clause: string): BindContext {
    const { faults } = this;
    const base: BindContext = { faults, columns: this.input.columns, clause };
    const names = this.windowNames(base);
    const context: BindContext = {
      ...base,
      ...names,
      resolveCall: (call) =>
        this.windows.bind(context, call) ?? names.resolveCall?.(call) ?? this.aggregates.bind(call),
    };
    return context;
  }

  /** HAVING sees grouped columns, then the aliases of the list, then whatever is not grouped. */
  private bindHaving(): BoundExpression | null {
    const { having } = this.select;
    if (having === null) return null;
    const base = this.listContext('HAVING');
    const context: BindContext = {
      ...base,
      resolveCall: (call) => (call.over === null ? (base.resolveCall?.(call) ?? null) : null),
      resolveName: (reference) => {
        const [name, ...rest] = reference.parts;
        if (name === undefined || rest.length > 0 || this.isGrouped(name)) return null;
        const item = itemNamed(this.select.items, name);
        return item === null ? null : { ...bindExpression(base, item.expression), span: name.span };
      },
    };
    return coerceToBoolean(this.faults, bindExpression(context, having), 'HAVING');
  }

  private isGrouped(name: Identifier): boolean {
    const named = columnsNamed(this.input.columns, name).map(({ index }) => index);
    return this.keys.some(({ expression }) => {
      const indexes = columnIndexes(expression);
      return named.some((index) => indexes.has(index));
    });
  }

  /** Ordinals and output names first, then expressions over the input, aliases allowed in them. */
  private bindOrderBy(
    orderBy: readonly OrderItem[],
    items: readonly ListItem[],
  ): readonly LogicalSortKey[] {
    const base = this.listContext('ORDER BY');
    const context: BindContext = {
      ...base,
      resolveMissing: (reference) => {
        const [name, ...rest] = reference.parts;
        const item =
          name === undefined || rest.length > 0 ? null : itemNamed(this.select.items, name);
        if (item === null) return base.resolveMissing?.(reference) ?? null;
        return { ...bindExpression(base, item.expression), span: reference.span };
      },
    };
    return this.faults.all(orderBy, (item) => {
      const named = outputItem(this.faults, item.expression, items);
      return sortKey(item, named ?? settled(bindExpression(context, item.expression)));
    });
  }

  private filterInput(where: BoundExpression | null): LogicalNode {
    const { node } = this.input;
    const isTrue = where?.kind === 'literal' && where.value === true;
    if (where === null || isTrue) return node;
    return { kind: 'filter', input: node, condition: where, schema: node.schema, span: where.span };
  }

  private stackGroupBy(
    input: LogicalNode,
    clauses: BoundClauses,
  ): { readonly node: LogicalNode; readonly output: GroupedOutput } {
    const { faults } = this;
    // A faulty window has been reported: the plan will not run, its shape does not matter.
    const window = this.window === 'faulty' ? null : this.window;
    const { calls: aggregates } = this.aggregates;
    const keys = clauses.keys.map(({ expression }) => expression);
    const keyNames = clauses.keys.map(({ name }) => name);
    const keySchema = clauses.keys.map(({ name, expression: { type } }) => ({ name, type }));
    const aggregateSchema = aggregates.map(({ span, type }) => ({
      name: faults.textAt(span),
      type,
    }));
    const output = { faults, keys, keyNames, isWindowed: window !== null, aggregates };
    const shared = { input, keys, aggregates, span: window?.span ?? this.select.span };
    if (window === null) {
      const schema = [...keySchema, ...aggregateSchema];
      const ttl = this.inputTtl();
      return { node: { kind: 'aggregate', ...shared, distinct: false, ...ttl, schema }, output };
    }
    const bounds = ['window_start', 'window_end'].map((name) => ({
      name,
      type: { kind: 'timestamp' } as const,
    }));
    const schema = [...keySchema, ...bounds, ...aggregateSchema];
    const { spec, time } = window;
    return { node: { kind: 'window-aggregate', ...shared, window: spec, time, schema }, output };
  }

  /** What the hint says of the one input of groups that have no window. */
  private inputTtl(): { readonly ttlMs?: number } {
    const { from } = this.select;
    const ttlMs = from === null ? null : this.stateTtl.take(from);
    return ttlMs === null ? {} : { ttlMs };
  }

  private declaredEventTime(): BoundExpression | null {
    const { eventTime, node } = this.input;
    if (eventTime?.declared !== true) return null;
    const { index } = eventTime;
    const { name, type } = node.schema[index] ?? { name: '', type: BIGINT };
    return { kind: 'column', index, name, type, span: this.select.span };
  }

  /** The project of the list; sort keys that are no list item and the event time ride along. */
  private projectList(
    input: LogicalNode,
    list: {
      readonly items: readonly ListItem[];
      readonly sortKeys: readonly LogicalSortKey[];
      readonly keepsTime: boolean;
    },
  ): BoundSelect {
    const { faults, select } = this;
    const { items } = list;
    const columns = items.map(({ name, expression: { type } }, index): ScopeColumn => {
      return { name, qualifier: null, type, index, hidden: false, reads: null };
    });
    const expressions = items.map(({ expression }) => expression);
    const names = items.map(({ name }) => name);
    const add = (name: string, expression: BoundExpression): number => {
      names.push(name);
      return expressions.push(expression) - 1;
    };
    const positions = new Map(expressions.map((expression, at) => [expressionKey(expression), at]));
    const sortKeys = faults.all(list.sortKeys, (key) => {
      const { span, type } = key.expression;
      let index = positions.get(expressionKey(key.expression));
      if (index === undefined && select.distinct) {
        return faults.fail('STATEMENT_INVALID', {
          message: 'ORDER BY of SELECT DISTINCT needs an expression of the list',
          span,
        });
      }
      index ??= add('order key', key.expression);
      return {
        ...key,
        expression: { kind: 'column', index, name: names[index] ?? '', type, span } as const,
      };
    });
    const time = list.keepsTime && !select.distinct ? this.input.eventTime : null;
    const timeIndex = time === null ? null : this.addEventTime(time.index, add);
    const schema = expressions.map(({ type }, at) => ({ name: names[at] ?? '', type }));
    const project: LogicalNode = { kind: 'project', input, expressions, schema, span: select.span };
    const hidden =
      timeIndex === null ? [] : [hiddenTime(timeIndex, schema[timeIndex]?.type ?? BOOLEAN)];
    return {
      relation: {
        node: select.distinct ? { ...distinctOf(project), ...this.inputTtl() } : project,
        columns: [...columns, ...hidden],
        eventTime:
          time === null || timeIndex === null
            ? null
            : { index: timeIndex, declared: time.declared },
      },
      sortKeys,
    };
  }

  private addEventTime(
    index: number,
    add: (name: string, expression: BoundExpression) => number,
  ): number {
    const { type } = this.input.node.schema[index] ?? { type: BIGINT };
    const { span } = this.select;
    return add('_event_time', { kind: 'column', index, name: '_event_time', type, span });
  }
}

function hiddenTime(index: number, type: ScopeColumn['type']): ScopeColumn {
  return { name: '_event_time', qualifier: null, type, index, hidden: true, reads: null };
}

/** Each different row of a relation once. */
export function distinctOf(input: LogicalNode): LogicalAggregate {
  const { schema, span } = input;
  const keys = schema.map(({ name, type }, index): BoundExpression => {
    return { kind: 'column', index, name, type, span };
  });
  return { kind: 'aggregate', input, keys, aggregates: [], distinct: true, schema, span };
}

/** The list item that an ORDER BY key names by number or output name; null when it does neither. */
function outputItem(
  faults: FaultCollector,
  node: Expression,
  items: readonly ListItem[],
): BoundExpression | null {
  if (node.kind === 'literal' && node.type === 'integer') {
    const item = items[Number(node.text) - 1];
    if (item !== undefined) return { ...item.expression, span: node.span };
    return faults.fail('STATEMENT_INVALID', {
      message: `ORDER BY ${node.text}: the list has ${items.length} columns`,
      span: node.span,
    });
  }
  if (node.kind !== 'column' || node.parts.length !== 1) return null;
  const [name] = node.parts;
  const named = items.filter((item) =>
    name?.quoted === true
      ? item.name === name.name
      : item.name.toLowerCase() === name?.name.toLowerCase(),
  );
  const [first] = named;
  return first === undefined ? null : { ...first.expression, span: node.span };
}
