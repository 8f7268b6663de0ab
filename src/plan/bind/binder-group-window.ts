/**
 * Time windows of GROUP BY: the WINDOW clause, the legacy GROUP BY TUMBLE(ts, …) and the durations
 * of window table functions, all to one WindowSpec. Owns what a window's sizes and time column may
 * be, and the names of its bounds (_WINDOW_START, window_end, TUMBLE_START(…)).
 */
import type { Span } from '../../base/span.js';
import { BIGINT, TIMESTAMP, typeText } from '../../columnar/types.js';
import type { Call, ColumnReference, Expression, Select, WindowClause } from '../../sql/ast.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { bindFunction, literal } from './bound-values.js';
import type { BoundExpression } from '../expression/expression.js';
import { expressionKey } from '../expression/expression-walk.js';
import type { FaultCollector } from '../faults.js';
import type { WindowSpec } from '../window-spec.js';
import type { Relation } from './scope.js';

export interface WindowParts {
  readonly kind: WindowSpec['kind'];
  /** Milliseconds, in the order written. */
  readonly durations: readonly number[];
  /** HOP and CUMULATE write the step before the size. */
  readonly stepFirst: boolean;
  readonly span: Span;
}

/** A time window over the input of a GROUP BY. */
export interface GroupWindow {
  readonly spec: WindowSpec;
  readonly time: BoundExpression;
  readonly span: Span;
}

/** Numbers of placeholder columns for the window's bounds while a SELECT is bound. */
export const WINDOW_PLACEHOLDERS = 2_000_000;
const BOUND_NAMES = ['window_start', 'window_end', 'window_time'] as const;

export function windowSpecOf(faults: FaultCollector, parts: WindowParts): WindowSpec {
  const { kind, durations, span } = parts;
  const wanted = kind === 'tumbling' || kind === 'session' ? 1 : 2;
  if (durations.length !== wanted) {
    const takes = wanted === 1 ? 'one duration' : 'two durations';
    return invalid(faults, span, `a ${kind} window takes ${takes}, not ${durations.length}`);
  }
  if (durations.some((ms) => !Number.isSafeInteger(ms) || ms <= 0)) {
    return invalid(faults, span, `the durations of a window must be whole milliseconds above 0`);
  }
  const [first = 0, second = 0] = durations;
  switch (kind) {
    case 'tumbling':
      return { kind, sizeMs: first };
    case 'session':
      return { kind, gapMs: first };
    case 'hopping': {
      const [sizeMs, advanceMs] = parts.stepFirst ? [second, first] : [first, second];
      if (advanceMs <= sizeMs) return { kind, sizeMs, advanceMs };
      return invalid(faults, span, 'a window cannot advance by more than its size');
    }
    case 'cumulate': {
      const [sizeMs, stepMs] = parts.stepFirst ? [second, first] : [first, second];
      if (stepMs <= sizeMs && sizeMs % stepMs === 0) return { kind, sizeMs, stepMs };
      return invalid(
        faults,
        span,
        'the size of a cumulating window must be a multiple of its step',
      );
    }
  }
}

function invalid(faults: FaultCollector, span: Span, message: string): never {
  return faults.fail('WINDOW_INVALID', { message, span });
}

/** The time of a window: TIMESTAMP, or BIGINT milliseconds. */
export function bindTimeColumn(context: BindContext, node: Expression): BoundExpression {
  const time = bindExpression(context, node);
  const { kind } = time.type;
  if (kind === 'timestamp' || kind === 'bigint') return time;
  return context.faults.fail('WINDOW_INVALID', {
    message: `window column "${context.faults.textAt(node.span)}" is ${typeText(time.type)}, not TIMESTAMP or BIGINT`,
    span: node.span,
    hint:
      kind === 'varchar'
        ? "a window needs a TIMESTAMP: read a quoted file as '…?times=true', or name TO_TIMESTAMP(text) in CREATE TABLE or a subquery"
        : 'a window needs a TIMESTAMP column, or a BIGINT with milliseconds',
  });
}

/** The window of a SELECT: its WINDOW clause or the TUMBLE(…) in GROUP BY; null without one. */
export function bindGroupWindow(
  context: BindContext,
  select: Select,
  input: Relation,
): GroupWindow | null {
  const { faults } = context;
  const calls = select.groupBy.filter(isGroupWindowCall);
  const [call] = calls;
  const second = select.window !== null ? call : calls[1];
  if (second !== undefined) {
    faults.fail('WINDOW_INVALID', {
      message: 'a query has one time window, not two',
      span: second.span,
    });
  }
  if (select.window !== null) return bindClause(context, select.window, input);
  return call === undefined ? null : bindGroupCall(context, call);
}

export function isGroupWindowCall(node: Expression): node is Call {
  return (
    node.kind === 'call' && node.over === null && /^(TUMBLE|HOP|SESSION)$/i.test(node.name.name)
  );
}

function bindClause(context: BindContext, clause: WindowClause, input: Relation): GroupWindow {
  const { faults } = context;
  const kind = clause.window === 'sliding' ? 'hopping' : clause.window;
  const durations = clause.durations.map(({ ms }) => ms);
  const spec = windowSpecOf(faults, { kind, durations, stepFirst: false, span: clause.span });
  if (clause.timeColumn !== null) {
    return { spec, time: bindTimeColumn(context, clause.timeColumn), span: clause.span };
  }
  if (input.eventTime === null) {
    return faults.fail('WINDOW_INVALID', {
      message: 'the input of this window has no event time',
      span: clause.span,
      hint: 'name the time column: WINDOW TUMBLING(ts, 1m)',
    });
  }
  const { index } = input.eventTime;
  const { name, type } = input.node.schema[index] ?? { name: '_event_time', type: TIMESTAMP };
  return {
    spec,
    time: { kind: 'column', index, name, type, span: clause.span },
    span: clause.span,
  };
}

function bindGroupCall(context: BindContext, call: Call): GroupWindow {
  const { faults } = context;
  const [timeNode, ...durationNodes] = call.args;
  if (timeNode === undefined) {
    return invalid(faults, call.span, `${call.name.name} needs a time column and a duration`);
  }
  const time = bindTimeColumn(context, timeNode);
  const durations = faults.all(durationNodes, (node) => durationMs(context, node));
  const name = call.name.name.toUpperCase();
  const kind = name === 'TUMBLE' ? 'tumbling' : name === 'HOP' ? 'hopping' : 'session';
  const spec = windowSpecOf(faults, { kind, durations, stepFirst: true, span: call.span });
  return { spec, time, span: call.span };
}

function durationMs(context: BindContext, node: Expression): number {
  const bound = bindExpression(context, node);
  const isMs = bound.type.kind === 'interval' && bound.type.unit === 'millisecond';
  if (bound.kind === 'literal' && isMs && typeof bound.value === 'number') return bound.value;
  return context.faults.fail('WINDOW_INVALID', {
    message: `"${context.faults.textAt(node.span)}" is no duration`,
    span: node.span,
    hint: "write INTERVAL '1' MINUTE",
  });
}

/** A placeholder for a bound of the window: 0 start, 1 end, 2 time. */
function boundPlaceholder(at: number, span: Span): BoundExpression {
  const name = BOUND_NAMES[at] ?? 'window_time';
  return { kind: 'column', index: WINDOW_PLACEHOLDERS + at, name, type: TIMESTAMP, span };
}

export function isWindowColumnName(name: string): boolean {
  return /^(_window_(start|end)|window_(start|end|time))$/i.test(name);
}

/**
 * `_WINDOW_START`, window_end …: the placeholder, or a fault when the query has no window. A
 * faulty window has been reported, which is enough.
 */
export function windowColumn(
  context: BindContext,
  reference: ColumnReference,
  window: GroupWindow | 'faulty' | null,
): BoundExpression | null {
  const [name] = reference.parts;
  if (name === undefined || reference.parts.length > 1 || !isWindowColumnName(name.name))
    return null;
  const at = BOUND_NAMES.findIndex((known) => name.name.toLowerCase().endsWith(known));
  if (window !== null) return boundPlaceholder(at, reference.span);
  const isBefore = context.clause === 'WHERE' || context.clause === 'GROUP BY';
  return context.faults.fail('WINDOW_MISPLACED', {
    message: `window column "${name.name}" cannot stand in ${context.clause} without a window`,
    span: reference.span,
    hint: isBefore
      ? 'filter windows with HAVING'
      : 'add WINDOW TUMBLING(ts, 1m), or read TABLE(TUMBLE(…))',
  });
}

/** TUMBLE_START(ts, size) and the like: must name the query's own window. */
export function windowBoundCall(
  context: BindContext,
  call: Call,
  window: GroupWindow,
): BoundExpression | null {
  const [, kind = '', suffix] = /^(\w+?)_(START|END|ROWTIME)$/i.exec(call.name.name) ?? [];
  if (suffix === undefined || !/^(TUMBLE|HOP|CUMULATE|SESSION)$/i.test(kind)) return null;
  const { faults } = context;
  if (call.args.length > 0) {
    const named = bindGroupCall(context, { ...call, name: { ...call.name, name: kind } });
    const same =
      expressionKey(named.time) === expressionKey(window.time) &&
      JSON.stringify(named.spec) === JSON.stringify(window.spec);
    if (!same) {
      faults.fail('WINDOW_INVALID', {
        message: `"${faults.textAt(call.span)}" is not the window of this query`,
        span: call.span,
        hint: `write the same arguments as in "${faults.textAt(window.span)}"`,
      });
    }
  }
  return boundPlaceholder(['START', 'END', 'ROWTIME'].indexOf(suffix.toUpperCase()), call.span);
}

/** window_time: the last millisecond of the window. */
export function windowTime(
  faults: FaultCollector,
  windowEnd: BoundExpression,
  span: Span,
): BoundExpression {
  return bindFunction(faults, '-', [windowEnd, literal(1n, BIGINT, span)], span);
}
