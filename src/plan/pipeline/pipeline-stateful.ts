/**
 * Builders of the operators with order and memory: ROWS WINDOW, OVER, Top-N, ORDER BY, and
 * the columns of a window table function. Each passes its input's columns on and puts its own
 * behind them. Refuses with NOT_SUPPORTED what no operator could do. Joins are pipeline-join.ts.
 */
import { typeText } from '../../columnar/types.js';
import { calcChain } from '../logical/calc-fusion.js';
import { requireMode } from './changelog-mode.js';
import { substitute } from '../expression/expression-walk.js';
import type { BoundExpression } from '../expression/expression.js';
import type {
  LogicalNode,
  LogicalOver,
  LogicalRowsWindow,
  LogicalSort,
  LogicalTopN,
  LogicalWindowCall,
  LogicalWindowColumns,
} from '../logical/logical-plan.js';
import { endHint, isBounded } from '../logical/logical-plan.js';
import { aggregateInputs, BELOW_STATE, InputColumns, materialise } from './pipeline-build.js';
import type { BuildContext, BuildServices, TimeDemand } from './pipeline-build.js';
import { limitOf } from './pipeline-limit.js';
import type { PipelineNode, WindowCall } from './pipeline-plan.js';
import { watermarkBound } from './pipeline-scan.js';
import type { Built } from './pipeline-scan.js';
import { checkWindowsPerRecord } from './window-limit.js';
import { refuseStart } from './pipeline-time.js';
import type { Schema } from '../schema.js';
import { WHOLE_PARTITION } from '../window-spec.js';
import { inputTtl, warnKept } from './state-ttl.js';
import { settledOrder } from './tie-order.js';
import { callText, signature, signedCall, signedKeys, signedOrder } from './state-signature.js';

/** An operator over all columns of its input and some expressions over them. */
interface Appending {
  readonly input: Built;
  readonly columns: InputColumns;
}

function buildAppending(
  services: BuildServices,
  node: LogicalNode & { readonly input: LogicalNode },
  parts: { readonly expressions: readonly BoundExpression[]; readonly context: BuildContext },
): Appending {
  const below = materialise(node.input, parts.expressions, true);
  const input = services.build(below.node, parts.context);
  requireMode(services.faults, node, input.node.mode);
  return { input, columns: new InputColumns(input, below) };
}

/** The built operator: the logical input's columns where they were, the added ones at the end. */
function appended(
  node: PipelineNode,
  logical: LogicalNode & { readonly input: LogicalNode },
  input: Built,
  lineage: readonly string[],
): Built {
  const kept = logical.input.schema.map((_, at) => input.columns[at] ?? -1);
  const first = input.node.schema.length;
  const added = logical.schema.slice(kept.length).map((_, at) => first + at);
  return { node, columns: [...kept, ...added], lineage: [...input.lineage, ...lineage] };
}

function appendedSchema(
  logical: LogicalNode & { readonly input: LogicalNode },
  input: Built,
): Schema {
  return [...input.node.schema, ...logical.schema.slice(logical.input.schema.length)];
}

function windowCall(columns: InputColumns, call: LogicalWindowCall): WindowCall {
  return { ...columns.aggregateCall(call), frame: call.frame };
}

/** Event time that the consumer wants passes through to a column of the input. */
function passedDemand(
  services: BuildServices,
  node: LogicalNode & { readonly input: LogicalNode },
  demand: TimeDemand | null,
): TimeDemand | null {
  if (demand === null || demand.index < node.input.schema.length) return demand;
  return services.faults.fail('NOT_SUPPORTED', {
    message: 'the result of a window function is no event time',
    span: demand.span,
  });
}

export function buildRowsWindow(
  services: BuildServices,
  node: LogicalRowsWindow,
  context: BuildContext,
): Built {
  const ttl = inputTtl(services, node, null);
  const { expiry } = node;
  const expressions = [
    ...node.partitionBy,
    ...node.orderBy.map(({ expression }) => expression),
    ...node.calls.flatMap(aggregateInputs),
    ...(expiry === null ? [] : [expiry.time]),
  ];
  const own =
    expiry === null
      ? null
      : {
          index: materialise(node.input, expressions, true).columnOf(expiry.time),
          span: node.span,
        };
  const time = passedDemand(services, node, context.time) ?? own;
  const { input, columns } = buildAppending(services, node, {
    expressions,
    context: { ...BELOW_STATE, time, clock: ttl?.time === 'event' },
  });
  const calls = node.calls.map((call) => signedCall(columns, call));
  const built: PipelineNode = {
    kind: 'rows-window',
    id: services.names.next('rows-window'),
    input: input.node,
    bufferRows: node.bufferRows,
    partitionBy: node.partitionBy.map((key) => columns.of(key)),
    orderBy: node.orderBy.map((key) => columns.sortKey(key)),
    calls: node.calls.map((call) => windowCall(columns, call)),
    emit: node.emit,
    expiry:
      expiry === null
        ? null
        : { column: columns.of(expiry.time), inactivityMs: expiry.inactivityMs },
    ttl,
    signature: signature('rows-window', {
      rows: [String(node.bufferRows)],
      partition: signedKeys(columns, node.partitionBy),
      order: signedOrder(columns, node.orderBy),
      calls,
    }),
    schema: appendedSchema(node, input),
    mode: 'append',
  };
  return appended(
    built,
    node,
    input,
    node.calls.map((call) => callText(columns, call)),
  );
}

export function buildOver(
  services: BuildServices,
  node: LogicalOver,
  context: BuildContext,
): Built {
  warnKept(services, node);
  const time = overTime(services, node);
  requireOverEnd(services, node);
  const expressions = [...node.partitionBy, time, ...node.calls.flatMap(aggregateInputs)];
  const index = materialise(node.input, expressions, true).columnOf(time);
  passedDemand(services, node, context.time);
  const { input, columns } = buildAppending(services, node, {
    expressions,
    context: { ...BELOW_STATE, time: { index, span: time.span } },
  });
  const calls = node.calls.map((call) => signedCall(columns, call));
  const built: PipelineNode = {
    kind: 'over',
    id: services.names.next('over'),
    input: input.node,
    partitionBy: node.partitionBy.map((key) => columns.of(key)),
    timeColumn: columns.of(time),
    ties: settledOrder(input.node, []),
    calls: node.calls.map((call) => windowCall(columns, call)),
    late: services.settings.late,
    signature: signature('over', {
      partition: signedKeys(columns, node.partitionBy),
      time: [columns.lineage(time)],
      calls,
    }),
    schema: appendedSchema(node, input),
    mode: 'append',
  };
  return appended(
    built,
    node,
    input,
    node.calls.map((call) => callText(columns, call)),
  );
}

/** The one ascending time column that a standard OVER is ordered by. */
function overTime(services: BuildServices, node: LogicalOver): BoundExpression {
  const { faults } = services;
  const [key, second] = node.orderBy;
  const hint = 'use OVER (ROWS WINDOW BUFFER n ROWS …), or ROW_NUMBER() <= n around a subquery';
  if (key === undefined || second !== undefined || key.descending) {
    return faults.fail('NOT_SUPPORTED', {
      message: 'OVER needs ORDER BY one ascending time column',
      span: (second ?? key)?.expression.span ?? node.span,
      hint,
    });
  }
  const following = node.calls.find(({ frame }) => frame !== null && frame.following > 0);
  if (following !== undefined) {
    faults.fail('NOT_SUPPORTED', {
      message: 'a frame of OVER cannot reach rows after the current one',
      span: following.span,
      hint: 'end the frame with CURRENT ROW',
    });
  }
  const { expression } = key;
  const isTime = expression.type.kind === 'timestamp' || isDeclaredTime(node.input, expression);
  if (isTime) return expression;
  return faults.fail('NOT_SUPPORTED', {
    message: `OVER is ordered by ${typeText(expression.type)}, not by a time column`,
    span: expression.span,
    hint,
  });
}

/** LEAD, NTILE and the like look at all rows of a partition: they need an end. */
function requireOverEnd({ faults }: BuildServices, node: LogicalOver): void {
  if (isBounded(node)) return;
  for (const call of node.calls) {
    if (!WHOLE_PARTITION.has(call.function)) continue;
    faults.report('NOT_SUPPORTED', {
      message: `${call.function} OVER needs a bounded input: on an unbounded input its partition never ends`,
      span: call.span,
      hint: 'use OVER (ROWS WINDOW BUFFER n ROWS …)',
    });
  }
}

/** Whether an expression is the WATERMARK column of the table it comes from. */
function isDeclaredTime(node: LogicalNode, expression: BoundExpression): boolean {
  const { base, stages } = calcChain(node);
  const overBase = stages
    .toReversed()
    .reduce((at, stage) => substitute(at, stage.outputs), expression);
  if (base.kind === 'scan') return !watermarkBound(base.table, overBase).assumed;
  const isPassing = base.kind === 'rows-window' || base.kind === 'over';
  return isPassing && isDeclaredTime(base.input, overBase);
}

export function buildTopN(
  services: BuildServices,
  node: LogicalTopN,
  context: BuildContext,
): Built {
  if (context.time !== null) {
    services.faults.fail('NOT_SUPPORTED', {
      message: 'there is no event time behind Top-N',
      span: context.time.span,
    });
  }
  const expressions = [...node.partitionBy, ...node.orderBy.map(({ expression }) => expression)];
  const clock = services.settings.stateTtl?.time === 'event';
  const below = { ...BELOW_STATE, clock };
  const { input, columns } = buildAppending(services, node, { expressions, context: below });
  const isAppend = input.node.mode === 'append';
  const ttl = isAppend ? inputTtl(services, node, null) : null;
  if (!isAppend) warnKept(services, node);
  const built: PipelineNode = {
    kind: 'top-n',
    id: services.names.next('top-n'),
    input: input.node,
    partitionBy: node.partitionBy.map((key) => columns.of(key)),
    orderBy: settledOrder(
      input.node,
      node.orderBy.map((key) => columns.sortKey(key)),
    ),
    limit: node.limit,
    rankColumn: node.rankColumn,
    ttl,
    signature: signature('top-n', {
      limit: [String(node.limit)],
      partition: signedKeys(columns, node.partitionBy),
      order: signedOrder(columns, node.orderBy),
      row: input.lineage,
    }),
    schema: appendedSchema(node, input),
    mode: services.changelog || context.consumer !== 'sink' ? 'retract' : 'upsert',
  };
  return appended(built, node, input, node.rankColumn ? ['ROW_NUMBER()'] : []);
}

export function buildWindowColumns(
  services: BuildServices,
  node: LogicalWindowColumns,
  context: BuildContext,
): Built {
  if (node.window.kind === 'session') {
    services.faults.fail('NOT_SUPPORTED', {
      message: 'SESSION(…) without GROUP BY is not supported: a session is known only at its end',
      span: node.span,
      hint: 'group by window_start, window_end and the PARTITION BY columns',
    });
  }
  checkWindowsPerRecord(services.faults, node.window, { ...services.settings, span: node.span });
  const own = {
    index: materialise(node.input, [node.time], true).columnOf(node.time),
    span: node.time.span,
  };
  const time = windowColumnsDemand(services, node, context.time, own);
  const { input, columns } = buildAppending(services, node, {
    expressions: [node.time],
    context: { ...context, time },
  });
  const built: PipelineNode = {
    kind: 'window-columns',
    id: services.names.next('window-columns'),
    input: input.node,
    window: node.window,
    timeColumn: columns.of(node.time),
    late: node.closes ? services.settings.late : null,
    schema: appendedSchema(node, input),
    mode: input.node.mode,
  };
  const bounds = ['start', 'end', 'time'].map((edge) => `${edge} of ${columns.lineage(node.time)}`);
  return appended(built, node, input, bounds);
}

/** window_end and window_time have the watermark of the time that the windows are of. */
function windowColumnsDemand(
  services: BuildServices,
  node: LogicalWindowColumns,
  demand: TimeDemand | null,
  own: TimeDemand,
): TimeDemand | null {
  if (demand === null) return node.closes ? own : null;
  const width = node.input.schema.length;
  if (demand.index < width) return demand;
  if (demand.index === width) return refuseStart(services, demand, 'a window');
  return { index: own.index, span: demand.span };
}

export function buildSort(
  services: BuildServices,
  node: LogicalSort,
  context: BuildContext,
): Built {
  const { faults } = services;
  const bounded = isBounded(node);
  if (!bounded && node.windowEnd === null) {
    faults.fail('ORDER_BY_UNBOUNDED', {
      message: 'ORDER BY needs a bounded input or a window: an unbounded input never ends',
      span: node.span,
      hint: endHint(node, ['group by a WINDOW']),
    });
  }
  if (services.emit?.mode === 'changes' && context.consumer === 'sink' && hasGroups(node)) {
    faults.fail('EMIT_INVALID', {
      message: 'ORDER BY cannot order the changes of EMIT CHANGES',
      span: services.emit.span,
      hint: 'write EMIT FINAL, or leave out ORDER BY',
    });
  }
  const { windowEnd } = node;
  const expressions = [
    ...node.keys.map(({ expression }) => expression),
    ...(windowEnd === null ? [] : [windowEnd]),
    ...node.partitionBy,
  ];
  const consumer = bounded ? 'at-end' : 'stateful';
  const { input, columns } = buildAppending(services, node, {
    expressions,
    context: { ...BELOW_STATE, consumer, time: context.time },
  });
  const { schema } = input.node;
  const sort: PipelineNode = {
    kind: 'sort',
    id: services.names.next('sort'),
    input: input.node,
    keys: settledOrder(
      input.node,
      node.keys.map((key) => columns.sortKey(key)),
    ),
    limit: windowEnd === null ? node.limit : null,
    windowEnd: windowEnd === null ? null : columns.of(windowEnd),
    partitionBy: node.partitionBy.map((key) => columns.of(key)),
    signature: signature('sort', { order: signedOrder(columns, node.keys), row: input.lineage }),
    schema,
    mode: 'append',
  };
  if (windowEnd === null || node.limit === null) return { ...input, node: sort };
  const id = services.names.next('limit');
  return { ...input, node: limitOf(sort, { id, count: node.limit, asChanges: false }) };
}

function hasGroups(node: LogicalNode): boolean {
  const { base } = calcChain(node.kind === 'sort' ? node.input : node);
  return base.kind === 'aggregate' || base.kind === 'window-aggregate';
}
