/**
 * Logical plan → pipeline plan of one query: calc stages between operators, watermarks at the
 * sources, emission, modes, ids and signatures. Owns the walk, filters and projects, GROUP BY with
 * and without a time window, UNION and LIMIT; the other operators are pipeline-stateful.ts.
 */
import { assertNever } from '../../base/assert.js';
import { calcChain, identity } from '../logical/calc-fusion.js';
import type { CalcStage } from '../logical/calc-fusion.js';
import {
  aggregateEmission,
  aggregateMode,
  requireMode,
  requireRetractable,
  windowMode,
} from './changelog-mode.js';
import { expressionText } from '../expression/expression-text.js';
import { expressionKey, substitute } from '../expression/expression-walk.js';
import type { BoundExpression } from '../expression/expression.js';
import type {
  LogicalAggregate,
  LogicalNode,
  LogicalScan,
  LogicalUnion,
  LogicalWindowAggregate,
} from '../logical/logical-plan.js';
import { isBounded } from '../logical/logical-plan.js';
import { BELOW_STATE, InputColumns, aggregateInputs, materialise } from './pipeline-build.js';
import type { BuildContext, BuildServices, TimeDemand } from './pipeline-build.js';
import type { ChangelogMode, PipelineNode } from './pipeline-plan.js';
import {
  buildCalc,
  buildScan,
  buildWatermark,
  declaredTime,
  watermarkBound,
} from './pipeline-scan.js';
import type { Built, ColumnShape } from './pipeline-scan.js';
import { buildFinal } from './pipeline-final.js';
import { buildJoin } from './pipeline-join.js';
import { buildLimit, withEndingLimits } from './pipeline-limit.js';
import {
  buildOver,
  buildRowsWindow,
  buildSort,
  buildTopN,
  buildWindowColumns,
} from './pipeline-stateful.js';
import { boundDelayMs, delayed, demandBelow } from './pipeline-time.js';
import { inputTtl, refuseFinalTtl } from './state-ttl.js';
import { callText, signature, signedCall, signedKeys, windowText } from './state-signature.js';
import { checkWindowsPerRecord } from './window-limit.js';

/** Builds the query; its root has exactly the logical root's columns. */
export function buildPipeline(
  root: LogicalNode,
  services: Omit<BuildServices, 'build'>,
): PipelineNode {
  const all: BuildServices = {
    ...services,
    build: (node, context) => buildNode(all, node, context),
  };
  const context: BuildContext = { consumer: 'sink', time: null, clock: false, shape: 'exact' };
  return withEndingLimits(aligned(all, root, context).node);
}

function buildNode(services: BuildServices, node: LogicalNode, context: BuildContext): Built {
  switch (node.kind) {
    case 'scan':
    case 'filter':
    case 'project':
      return buildChain(services, node, context);
    case 'aggregate':
      return buildAggregate(services, node, context);
    case 'window-aggregate':
      return buildWindowAggregate(services, node, context);
    case 'window-columns':
      return buildWindowColumns(services, node, context);
    case 'rows-window':
      return buildRowsWindow(services, node, context);
    case 'over':
      return buildOver(services, node, context);
    case 'top-n':
      return buildTopN(services, node, context);
    case 'join':
      return buildJoin(services, node, context);
    case 'sort':
      return buildSort(services, node, context);
    case 'limit':
      return buildLimit(services, node, context);
    case 'union':
      return buildUnion(services, node, context);
    case 'final':
      return buildFinal(services, node, context);
    default:
      return assertNever(node);
  }
}

/** The node with its logical columns as the pipeline's columns, in order and without others. */
function aligned(services: BuildServices, node: LogicalNode, context: BuildContext): Built {
  const built = services.build(node, { ...context, shape: 'exact' });
  const { schema } = built.node;
  const isAligned =
    schema.length === built.columns.length && built.columns.every((column, at) => column === at);
  if (isAligned) return built;
  const labels = node.schema.map(({ name }) => name);
  return buildCalc(services.names, built, {
    filter: null,
    outputs: identity(node),
    labels,
    evaluateRejected: [],
    shape: 'exact',
  });
}

function buildChain(services: BuildServices, node: LogicalNode, context: BuildContext): Built {
  const { base, stages } = calcChain(node);
  const overBase = substituteDown(node, stages, context.time?.index ?? null);
  if (base.kind === 'scan') {
    const time = overBase ?? (context.clock ? declaredTime(base) : null);
    return buildSource(services, { node, base, stages, time }, context);
  }
  const { time } = context;
  const below = time === null ? null : demandBelow(services, base, time, overBase);
  const demanded = { ...context, time: below?.demand ?? null, shape: 'loose' } as const;
  const built = delayed(services, services.build(base, demanded), below?.delayMs ?? 0);
  return stackStages(services, built, { node, stages, shape: context.shape });
}

/** The demanded column as an expression over the chain's base. */
function substituteDown(
  node: LogicalNode,
  stages: readonly CalcStage[],
  index: number | null,
): BoundExpression | null {
  if (index === null) return null;
  let expression = identity(node)[index] ?? null;
  for (const stage of stages.toReversed()) {
    if (expression !== null) expression = substitute(expression, stage.outputs);
  }
  return expression;
}

interface SourceChain {
  readonly node: LogicalNode;
  readonly base: LogicalScan;
  readonly stages: readonly CalcStage[];
  /** The time column over the scan, when a watermark is needed. */
  readonly time: BoundExpression | null;
}

function buildSource(services: BuildServices, chain: SourceChain, context: BuildContext): Built {
  const { node, base, time } = chain;
  const stages =
    chain.stages.length === 0 ? [{ filter: null, outputs: identity(node) }] : chain.stages;
  const [first, ...rest] = stages as [CalcStage, ...CalcStage[]];
  if (time === null) {
    const scan = buildScan(services.names, base, expressionsOf(first));
    return stackStages(services, scan, { node, stages, shape: context.shape });
  }
  const key = expressionKey(time);
  const at = first.outputs.findIndex((output) => expressionKey(output) === key);
  const outputs = at < 0 ? [...first.outputs, time] : first.outputs;
  const column = at < 0 ? first.outputs.length : at;
  const scan = buildScan(services.names, base, expressionsOf({ ...first, outputs }));
  const labels = labelsOf(outputs, rest.length === 0 ? node : null);
  const calc = buildCalc(services.names, scan, {
    filter: first.filter,
    outputs,
    labels,
    evaluateRejected: [column],
    shape: rest.length === 0 ? context.shape : 'loose',
  });
  const bound = watermarkBound(base.table, time);
  if (bound.assumed) warnAssumed(services, labels[column] ?? expressionText(time), base);
  const { idleTimeoutMs } = services.settings;
  const watermark = buildWatermark(services.names, calc, {
    column: calc.columns[column] ?? column,
    ...bound,
    idleTimeoutMs: base.table.idleTimeoutMs ?? idleTimeoutMs,
  });
  // A clock is not a column that anybody asked for: who copies rows gets them without it.
  const isAsked = context.time !== null || at >= 0 || rest.length > 0;
  const above = isAsked ? rest : [{ filter: null, outputs: identity(node) }];
  return stackStages(services, watermark, { node, stages: above, shape: context.shape });
}

function warnAssumed(services: BuildServices, name: string, scan: LogicalScan): void {
  services.warn(
    `time column "${name}" of "${scan.table.name}" has no WATERMARK: a bound of 60 seconds is assumed`,
  );
}

function expressionsOf(stage: CalcStage): readonly BoundExpression[] {
  return stage.filter === null ? stage.outputs : [stage.filter, ...stage.outputs];
}

function labelsOf(
  outputs: readonly BoundExpression[],
  node: LogicalNode | null,
): readonly string[] {
  return outputs.map((output, at) => {
    const name = node?.schema[at]?.name;
    if (name !== undefined) return name;
    return output.kind === 'column' ? output.name : expressionText(output);
  });
}

function stackStages(
  services: BuildServices,
  bottom: Built,
  chain: Pick<SourceChain, 'stages'> & {
    readonly node: LogicalNode;
    readonly shape: ColumnShape;
  },
): Built {
  const { node, stages, shape } = chain;
  return stages.reduce((built, stage, at) => {
    const isTop = at === stages.length - 1;
    const labels = labelsOf(stage.outputs, isTop ? node : null);
    const parts = {
      ...stage,
      labels,
      evaluateRejected: [],
      shape: isTop ? shape : 'loose',
    } as const;
    return buildCalc(services.names, built, parts);
  }, bottom);
}

function buildAggregate(
  services: BuildServices,
  node: LogicalAggregate,
  context: BuildContext,
): Built {
  const { faults } = services;
  if (context.time !== null) refuseTime(services, context.time, 'GROUP BY without a window');
  const emission = aggregateEmission(
    { ...services, bounded: isBounded(node) },
    node,
    context.consumer,
  );
  const wanted = [...node.keys, ...node.aggregates.flatMap(aggregateInputs)];
  const below = materialise(node.input, wanted, false);
  const consumer = emission === 'final' ? 'at-end' : 'stateful';
  if (emission === 'final') refuseFinalTtl(services, node);
  const ttl = emission === 'final' ? null : inputTtl(services, node, node.ttlMs);
  const input = services.build(below.node, {
    ...BELOW_STATE,
    consumer,
    clock: ttl?.time === 'event',
    shape: 'loose',
  });
  requireMode(faults, node, input.node.mode);
  requireRetractable(faults, node, input.node.mode);
  const columns = new InputColumns(input, below);
  const calls = node.aggregates.map((call) => signedCall(columns, call));
  const built: PipelineNode = {
    kind: 'aggregate',
    id: services.names.next('aggregate'),
    input: input.node,
    keys: node.keys.map((key) => columns.of(key)),
    aggregates: node.aggregates.map((call) => columns.aggregateCall(call)),
    emission,
    distinct: node.distinct,
    ttl,
    signature: signature('aggregate', {
      keys: signedKeys(columns, node.keys),
      calls,
      input: input.node.mode === 'append' ? [] : [input.node.mode],
    }),
    schema: node.schema,
    mode: aggregateMode(node, emission, input.node.mode),
  };
  return {
    node: built,
    columns: node.schema.map((_, at) => at),
    lineage: [...node.keys.map((key) => columns.lineage(key)), ...callLineage(columns, node)],
  };
}

function buildWindowAggregate(
  services: BuildServices,
  node: LogicalWindowAggregate,
  context: BuildContext,
): Built {
  const { faults, settings } = services;
  const { time } = context;
  const delayMs = time === null ? 0 : boundDelayMs(services, node, time);
  const wanted = [...node.keys, node.time, ...node.aggregates.flatMap(aggregateInputs)];
  const below = materialise(node.input, wanted, false);
  const demand = { index: below.columnOf(node.time), span: node.time.span };
  const input = services.build(below.node, { ...BELOW_STATE, time: demand, shape: 'loose' });
  requireMode(faults, node, input.node.mode);
  const columns = new InputColumns(input, below);
  const calls = node.aggregates.map((call) => signedCall(columns, call));
  const isChanges = services.emit?.mode === 'changes' && context.consumer === 'sink';
  const emission = isChanges ? settings.emitChanges : 'final';
  const window = windowText(node.window);
  checkWindowsPerRecord(faults, node.window, { ...settings, span: node.span });
  const timeLineage = columns.lineage(node.time);
  const built: PipelineNode = {
    kind: 'window-aggregate',
    id: services.names.next('window-aggregate'),
    input: input.node,
    window: node.window,
    timeColumn: columns.of(node.time),
    keys: node.keys.map((key) => columns.of(key)),
    aggregates: node.aggregates.map((call) => columns.aggregateCall(call)),
    emission,
    late: settings.late,
    flush: settings.flush,
    signature: signature('window-aggregate', {
      window: [window],
      time: [timeLineage],
      keys: signedKeys(columns, node.keys),
      calls,
    }),
    schema: node.schema,
    mode: windowMode(emission, settings.late.allowedLatenessMs),
  };
  const bounds = ['start', 'end'].map((edge) => `${edge} of ${window} of ${timeLineage}`);
  const lineage = [
    ...node.keys.map((key) => columns.lineage(key)),
    ...bounds,
    ...callLineage(columns, node),
  ];
  const columnsOfAll = node.schema.map((_, at) => at);
  return delayed(services, { node: built, columns: columnsOfAll, lineage }, delayMs);
}

function callLineage(
  columns: InputColumns,
  node: LogicalAggregate | LogicalWindowAggregate,
): readonly string[] {
  return node.aggregates.map((call) => callText(columns, call));
}

function refuseTime(services: BuildServices, time: TimeDemand, behind: string): never {
  return services.faults.fail('NOT_SUPPORTED', {
    message: `there is no event time behind ${behind}`,
    span: time.span,
    hint: 'put the window first, or use window_end of an inner window',
  });
}

function buildUnion(services: BuildServices, node: LogicalUnion, context: BuildContext): Built {
  const inputs = node.inputs.map((input) => aligned(services, input, context));
  const modes = inputs.map((input) => input.node.mode);
  const [first] = inputs;
  return {
    node: {
      kind: 'union',
      id: services.names.next('union'),
      inputs: inputs.map((input) => input.node),
      schema: node.schema,
      mode: unionMode(modes),
    },
    columns: node.schema.map((_, at) => at),
    lineage: first?.lineage ?? [],
  };
}

function unionMode(modes: readonly ChangelogMode[]): ChangelogMode {
  if (modes.includes('upsert')) return 'upsert';
  return modes.includes('retract') ? 'retract' : 'append';
}
