/**
 * Window functions of a SELECT: `f(x) OVER (…)`. Like aggregates they become placeholder columns
 * while the clauses are bound; afterwards calls with one specification share one operator and
 * different specifications stand one behind the other. Frames are binder-frame.ts.
 */
import type { Span } from '../../base/span.js';
import { aggregateFunction, windowFunction } from '../../functions/function-registry.js';
import type { WindowFunction } from '../../functions/registry-types.js';
import { isFault } from '../../functions/signature.js';
import type { BufferSpec, Call, Identifier, NamedWindow, OverSpec } from '../../sql/ast.js';
import {
  aggregateKey,
  bindAggregateCall,
  bindSortKey,
  literalValues,
  sortKeyText,
} from './binder-aggregate.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import { bindFrame } from './binder-frame.js';
import { argumentInfo, castTo, failSignature, settled } from './bound-values.js';
import type { BoundExpression } from '../expression/expression.js';
import { expressionKey, mapColumns } from '../expression/expression-walk.js';
import { didYouMean } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import type {
  LogicalAggregateCall,
  LogicalNode,
  LogicalSortKey,
  LogicalWindowCall,
} from '../logical/logical-plan.js';
import { nameMatches } from './scope.js';

/** Numbers of placeholder columns for window functions. */
export const OVER_PLACEHOLDERS = 3_000_000;
/** A buffer without EXPIRE lives so long after its last record. */
const DEFAULT_EXPIRY_MS = 60_000;

interface WindowSpecification {
  readonly buffer: BufferSpec | null;
  readonly partitionBy: readonly BoundExpression[];
  readonly orderBy: readonly LogicalSortKey[];
}
interface CollectedCall {
  readonly specification: WindowSpecification;
  readonly call: LogicalWindowCall;
}

export class WindowCallCollector {
  readonly calls: CollectedCall[] = [];
  private readonly named: readonly NamedWindow[];
  private readonly keys = new Map<string, number>();

  constructor(named: readonly NamedWindow[]) {
    this.named = named;
  }

  /** The placeholder of a call with OVER; null when the call has none. */
  bind(context: BindContext, call: Call): BoundExpression | null {
    if (call.over === null) return null;
    const { faults } = context;
    const inner: BindContext = {
      ...context,
      clause: 'a window function',
      resolveCall: (nested) =>
        nested.over === null ? (context.resolveCall?.(nested) ?? null) : null,
    };
    const spec = this.specification(faults, call.over);
    const [unframed, specification] = faults.all(
      [() => bindCall(inner, call), () => bindSpecification(inner, spec)],
      (bind) => bind(),
    ) as [LogicalAggregateCall, WindowSpecification];
    const frame = bindFrame(inner, spec, specification.orderBy);
    const bound: LogicalWindowCall = { ...unframed, frame };
    const key = `${callKey(bound)} over ${specificationKey(specification)}`;
    let at = this.keys.get(key);
    if (at === undefined) {
      at = this.calls.length;
      this.keys.set(key, at);
      this.calls.push({ specification, call: bound });
    }
    const index = OVER_PLACEHOLDERS + at;
    const { type, span } = bound;
    return { kind: 'column', index, name: faults.textAt(call.span), type, span };
  }

  /** OVER name and OVER (name …) with the named window's parts filled in. */
  private specification(faults: FaultCollector, over: OverSpec | Identifier): OverSpec {
    if (!('buffer' in over)) return this.namedWindow(faults, over, []);
    if (over.base === null) return over;
    return extend(over, this.namedWindow(faults, over.base, []));
  }

  private namedWindow(
    faults: FaultCollector,
    name: Identifier,
    seen: readonly NamedWindow[],
  ): OverSpec {
    const found = this.named.find((window) => nameMatches(name, window.name.name));
    if (found === undefined || seen.includes(found)) {
      return faults.fail('WINDOW_INVALID', {
        message: `window "${name.name}" does not exist`,
        span: name.span,
        hint:
          didYouMean(
            name.name,
            this.named.map((window) => window.name.name),
          ) ?? `add WINDOW ${name.name} AS (…)`,
      });
    }
    const { base } = found.spec;
    if (base === null) return found.spec;
    return extend(found.spec, this.namedWindow(faults, base, [...seen, found]));
  }
}

function extend(spec: OverSpec, base: OverSpec): OverSpec {
  return {
    ...spec,
    base: null,
    buffer: spec.buffer ?? base.buffer,
    partitionBy: spec.partitionBy.length > 0 ? spec.partitionBy : base.partitionBy,
    orderBy: spec.orderBy.length > 0 ? spec.orderBy : base.orderBy,
    frame: spec.frame ?? base.frame,
  };
}

function bindSpecification(context: BindContext, spec: OverSpec): WindowSpecification {
  const { faults } = context;
  const partitionBy = faults.all(spec.partitionBy, (node) =>
    settled(bindExpression({ ...context, clause: 'PARTITION BY' }, node)),
  );
  const orderBy = faults.all(spec.orderBy, (item) =>
    bindSortKey({ ...context, clause: 'the ORDER BY of a window' }, item),
  );
  const rows = spec.buffer?.rows ?? 1;
  if (!Number.isSafeInteger(rows) || rows < 1) {
    faults.fail('WINDOW_INVALID', {
      message: `a buffer needs at least 1 row, not ${rows}`,
      span: spec.span,
    });
  }
  return { buffer: spec.buffer, partitionBy, orderBy };
}

function bindCall(context: BindContext, call: Call): LogicalAggregateCall {
  const name = call.name.name.toUpperCase();
  const entry = windowFunction(name);
  if (entry !== undefined) return bindWindowFunction(context, call, entry);
  const aggregate = aggregateFunction(name);
  if (aggregate !== undefined) return bindAggregateCall(context, call, aggregate);
  return context.faults.fail('WINDOW_MISPLACED', {
    message: `function "${name}" is no window function and no aggregate`,
    span: call.span,
    hint: 'leave out OVER (…)',
  });
}

/** The first argument that must be a literal, by function. */
const LITERALS_FROM: Readonly<Record<string, number>> = { NTILE: 0, NTH_VALUE: 1, LAG: 1, LEAD: 1 };

function bindWindowFunction(
  context: BindContext,
  call: Call,
  entry: WindowFunction,
): LogicalAggregateCall {
  const { faults } = context;
  refuseAggregateClauses(faults, call);
  const bound = faults.all(call.args, (node) => bindExpression(context, node));
  const resolved = entry.resolve(bound.map(argumentInfo));
  if (isFault(resolved)) {
    return failSignature(faults, resolved, { args: call.args, span: call.span });
  }
  const cast = bound.map((argument, at) =>
    castTo(argument, resolved.argTypes[at] ?? argument.type),
  );
  const literalsFrom = LITERALS_FROM[entry.name] ?? cast.length;
  return {
    function: entry.name,
    args: cast.slice(0, literalsFrom).map(settled),
    literals: literalValues(faults, cast.slice(literalsFrom), entry.name),
    filter: null,
    distinct: false,
    orderBy: [],
    type:
      resolved.type.kind === 'null'
        ? settled(castTo(bound[0] as BoundExpression, resolved.type)).type
        : resolved.type,
    span: call.span,
  };
}

/** What only aggregates take: DISTINCT, FILTER, an order of their own, and the star of COUNT. */
function refuseAggregateClauses(faults: FaultCollector, call: Call): void {
  const refuse = (what: string, span: Span, hint: string): void => {
    faults.fail('FUNCTION_ARGUMENT', {
      message: `window function "${call.name.name.toUpperCase()}" takes no ${what}`,
      span,
      hint,
    });
  };
  if (call.star) refuse('*', call.span, 'name a column, or leave the parentheses empty');
  if (call.distinct) refuse('DISTINCT', call.span, 'take an aggregate, or leave DISTINCT away');
  if (call.filter !== null) {
    refuse('FILTER', call.filter.span, 'take an aggregate, or write CASE WHEN … THEN … END');
  }
  const [inside] = call.orderBy;
  if (inside !== undefined) refuse('ORDER BY', inside.span, 'write the ORDER BY inside OVER (…)');
  const [within] = call.withinGroup;
  if (within !== undefined) {
    refuse('WITHIN GROUP', within.span, 'write the ORDER BY inside OVER (…)');
  }
}

function callKey(call: LogicalWindowCall): string {
  const { frame } = call;
  if (frame === null) return aggregateKey(call);
  const { exact } = frame;
  const distances = exact === null ? '' : `${exact.preceding} ${exact.following}`;
  return `${aggregateKey(call)} ${frame.unit} ${frame.preceding} ${frame.following} ${distances}`;
}

function specificationKey(specification: WindowSpecification): string {
  const { buffer, partitionBy, orderBy } = specification;
  const expire = buffer?.expire;
  const kept = expire === null || typeof expire !== 'object' ? expire : expire.ms;
  return [
    buffer === null ? 'standard' : `${buffer.rows} ${buffer.emit} ${kept}`,
    ...partitionBy.map(expressionKey),
    'order by',
    ...orderBy.map(sortKeyText),
  ].join(' ');
}

export interface WindowOperators {
  readonly node: LogicalNode;
  /** Replaces the placeholders in an expression by columns of `node`. */
  readonly resolve: (expression: BoundExpression) => BoundExpression;
}

export interface WindowInput {
  readonly node: LogicalNode;
  /** Column of the WATERMARK's event time, for expiry; null: buffers do not expire. */
  readonly eventTime: BoundExpression | null;
  /** Rewrites an expression to the columns of `node`. */
  readonly rewrite: (expression: BoundExpression) => BoundExpression;
}

/** Puts an operator for each different specification on top of the input. */
export function stackWindowOperators(
  calls: readonly CollectedCall[],
  input: WindowInput,
): WindowOperators {
  const bySpecification = new Map<string, number[]>();
  calls.forEach(({ specification }, at) => {
    const key = specificationKey(specification);
    bySpecification.set(key, [...(bySpecification.get(key) ?? []), at]);
  });
  const columnOf = new Map<number, number>();
  let { node } = input;
  for (const members of bySpecification.values()) {
    members.forEach((at, position) => columnOf.set(at, node.schema.length + position));
    node = windowOperator(
      members.flatMap((at) => calls[at] ?? []),
      { ...input, node },
    );
  }
  const resolve = (expression: BoundExpression): BoundExpression =>
    mapColumns(expression, (column) => {
      const index = columnOf.get(column.index - OVER_PLACEHOLDERS);
      return index === undefined ? column : { ...column, index };
    });
  return { node, resolve };
}

function windowOperator(members: readonly CollectedCall[], input: WindowInput): LogicalNode {
  const { node, rewrite } = input;
  const [first] = members as [CollectedCall];
  const { buffer } = first.specification;
  const calls = members.map(({ call }) => ({
    ...call,
    args: call.args.map(rewrite),
    filter: call.filter === null ? null : rewrite(call.filter),
    orderBy: call.orderBy.map((key) => ({ ...key, expression: rewrite(key.expression) })),
  }));
  const schema = [
    ...node.schema,
    ...calls.map((call) => ({ name: call.function.toLowerCase(), type: call.type })),
  ];
  const partitionBy = first.specification.partitionBy.map(rewrite);
  const orderBy = first.specification.orderBy.map((key) => ({
    ...key,
    expression: rewrite(key.expression),
  }));
  const shared = { input: node, partitionBy, orderBy, calls, schema, span: first.call.span };
  if (buffer === null) return { kind: 'over', ...shared };
  return {
    kind: 'rows-window',
    ...shared,
    bufferRows: buffer.rows,
    emit: buffer.emit ?? 'every-record',
    expiry: expiryOf(buffer, input.eventTime),
  };
}

function expiryOf(
  buffer: BufferSpec,
  eventTime: BoundExpression | null,
): { readonly time: BoundExpression; readonly inactivityMs: number } | null {
  if (buffer.expire === 'never' || eventTime === null) return null;
  return { time: eventTime, inactivityMs: buffer.expire?.ms ?? DEFAULT_EXPIRY_MS };
}
