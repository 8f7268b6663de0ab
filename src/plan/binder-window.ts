/**
 * Window functions of a SELECT: `f(x) OVER (…)`. Like aggregates they become placeholder columns
 * while the clauses are bound; afterwards calls with one specification share one operator and
 * different specifications stand one behind the other. Frames are binder-frame.ts.
 */
import { aggregateFunction, windowFunction } from '../functions/registry.js';
import { isFault } from '../functions/signature.js';
import type { BufferSpec, Call, Identifier, NamedWindow, OverSpec } from '../sql/ast.js';
import {
  bindAggregateArguments,
  bindSortKey,
  literalValues,
  sortKeyText,
} from './binder-aggregate.js';
import type { CallParts } from './binder-aggregate.js';
import { bindCondition, bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-expression.js';
import { bindFrame } from './binder-frame.js';
import { argumentInfo, castTo, failSignature, settled } from './bound-values.js';
import type { BoundExpression } from './expression.js';
import { expressionKey, mapColumns } from './expression-walk.js';
import { didYouMean } from './faults.js';
import type { FaultCollector } from './faults.js';
import type { LogicalNode, LogicalSortKey, LogicalWindowCall } from './logical-plan.js';
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
    const [bound, specification] = faults.all([bindWindowCall, bindSpecification], (bind) =>
      bind(inner, call, spec),
    ) as [LogicalWindowCall, WindowSpecification];
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

function bindSpecification(context: BindContext, _call: Call, spec: OverSpec): WindowSpecification {
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

function bindWindowCall(context: BindContext, call: Call, spec: OverSpec): LogicalWindowCall {
  const { faults } = context;
  const name = call.name.name.toUpperCase();
  const [parts, frame, filter] = faults.all(
    [
      (): CallParts => bindArguments(context, call),
      () => bindFrame(context, spec),
      () => (call.filter === null ? null : bindCondition(context, call.filter, 'FILTER')),
    ],
    (bind) => bind(),
  ) as [CallParts, LogicalWindowCall['frame'], BoundExpression | null];
  const aggregate = windowFunction(name) === undefined ? aggregateFunction(name) : undefined;
  const countsDistinct = call.distinct && aggregate?.name === 'COUNT' && parts.args.length > 0;
  return {
    function: countsDistinct ? 'COUNT_DISTINCT' : (aggregate?.name ?? name),
    ...parts,
    filter,
    distinct: call.distinct && !countsDistinct,
    frame,
    span: call.span,
  };
}

/** The first argument that must be a literal, by function. */
const LITERALS_FROM: Readonly<Record<string, number>> = { NTILE: 0, NTH_VALUE: 1, LAG: 1, LEAD: 1 };

function bindArguments(context: BindContext, call: Call): CallParts {
  const { faults } = context;
  const name = call.name.name.toUpperCase();
  const entry = windowFunction(name);
  if (entry === undefined) {
    const aggregate = aggregateFunction(name);
    if (aggregate !== undefined) return bindAggregateArguments(context, call, aggregate);
    return faults.fail('WINDOW_MISPLACED', {
      message: `function "${name}" is no window function and no aggregate`,
      span: call.span,
      hint: 'leave out OVER (…)',
    });
  }
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
    args: cast.slice(0, literalsFrom).map(settled),
    literals: literalValues(faults, cast.slice(literalsFrom), entry.name),
    type:
      resolved.type.kind === 'null'
        ? settled(castTo(bound[0] as BoundExpression, resolved.type)).type
        : resolved.type,
  };
}

function callKey(call: LogicalWindowCall): string {
  const args = call.args.map(expressionKey).join(',');
  const filter = call.filter === null ? '' : expressionKey(call.filter);
  const frame = call.frame === null ? '' : Object.values(call.frame).join(' ');
  const literals = call.literals.map(String).join(',');
  return `${call.function}(${call.distinct ? 'distinct ' : ''}${args};${literals}) ${filter} ${frame}`;
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
