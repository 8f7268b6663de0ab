/**
 * Time attributes behind operators with state: which column of an operator carries event time when
 * something above asks for it, and how far its watermark lags behind the operator's. Behind a
 * window these are window_end and window_time; window_start is a plain TIMESTAMP, but follows
 * window_end at a fixed distance where windows have one size, so that its watermark is held back
 * by that. A session may start at any time before its end: its start has no watermark.
 */
import type { BoundExpression } from '../expression/expression.js';
import type { LogicalNode, LogicalWindowAggregate } from '../logical/logical-plan.js';
import { timeShift } from '../logical/window-end.js';
import type { BuildServices, TimeDemand } from './pipeline-build.js';
import type { PipelineNode } from './pipeline-plan.js';
import type { Built } from './pipeline-scan.js';

/** What an operator below is asked for, and the lag of the expression that is wanted. */
export interface DelayedDemand {
  readonly demand: TimeDemand;
  readonly delayMs: number;
}

/**
 * The demand on the operator `base` for an expression over its columns: a column, or behind the
 * operators that give rows by the watermark, one that is moved by fixed milliseconds.
 */
export function demandBelow(
  services: BuildServices,
  base: LogicalNode,
  demand: TimeDemand,
  expression: BoundExpression | null,
): DelayedDemand {
  const { span } = demand;
  const shift = expression === null ? null : timeShift(expression);
  const mayMove =
    base.kind === 'window-aggregate' || base.kind === 'over' || base.kind === 'rows-window';
  if (shift === null || (shift.addedMs !== 0 && !mayMove)) {
    return services.faults.fail('NOT_SUPPORTED', {
      message: 'a time column that is computed behind an operator with state has no watermark',
      span,
      hint: 'compute it in the table, or below that operator',
    });
  }
  const below = { index: shift.column, span };
  const isEnd = base.kind === 'window-aggregate' && shift.column === base.keys.length + 1;
  // Behind watermark W come windows that end after W, not at it: window_time is never late.
  const lag = isEnd && shift.addedMs < 0 ? -shift.addedMs - 1 : -shift.addedMs;
  return { demand: below, delayMs: lag === 0 ? 0 : lag };
}

/** The lag of a bound of a window's rows, which are given when their end is reached. */
export function boundDelayMs(
  services: BuildServices,
  node: LogicalWindowAggregate,
  time: TimeDemand,
): number {
  const { window, keys } = node;
  if (time.index === keys.length + 1) return 0;
  if (time.index !== keys.length) {
    return services.faults.fail('NOT_SUPPORTED', {
      message: 'there is no event time behind a time window, where only its bounds have one',
      span: time.span,
      hint: 'put the window first, or use window_end of an inner window',
    });
  }
  if (window.kind === 'session') return refuseStart(services, time, 'a session');
  return window.sizeMs - 1;
}

export function refuseStart(services: BuildServices, time: TimeDemand, of: string): never {
  return services.faults.fail('NOT_SUPPORTED', {
    message: `the start of ${of} is no event time: it has no watermark`,
    span: time.span,
    hint: 'use window_end or window_time, the time attributes behind a window',
  });
}

/** The operator with its watermarks held back. */
export function delayed(services: BuildServices, built: Built, delayMs: number): Built {
  if (delayMs === 0) return built;
  const { schema, mode } = built.node;
  const node: PipelineNode = {
    kind: 'watermark-delay',
    id: services.names.next('watermark-delay'),
    input: built.node,
    delayMs,
    schema,
    mode,
  };
  return { ...built, node };
}
