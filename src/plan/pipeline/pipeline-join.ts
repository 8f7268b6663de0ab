/**
 * Joins: ON → key columns of both sides and a residual condition, over inputs that carry their
 * keys as columns. Owns which conditions a join can be keyed by; refuses the others.
 */
import { requireMode } from './changelog-mode.js';
import { columnIndexes, conjunctsOf, mapColumns, mayFail } from '../expression/expression-walk.js';
import type { BoundExpression } from '../expression/expression.js';
import type { LogicalJoin } from '../logical/logical-plan.js';
import { BELOW_STATE, InputColumns, materialise } from './pipeline-build.js';
import type { BuildContext, BuildServices } from './pipeline-build.js';
import type { PipelineNode } from './pipeline-plan.js';
import type { Built } from './pipeline-scan.js';
import { signature, signedKeys } from './state-signature.js';
import { inputTtl } from './state-ttl.js';

interface JoinKeys {
  readonly left: readonly BoundExpression[];
  readonly right: readonly BoundExpression[];
  readonly rest: readonly BoundExpression[];
  /** Conditions on one side that may fail: evaluated there, once per record, over its columns. */
  readonly ofLeft: readonly BoundExpression[];
  readonly ofRight: readonly BoundExpression[];
}

/** Splits ON into equalities of a left and a right expression, and the rest. */
export function joinKeys(node: LogicalJoin): JoinKeys {
  const width = node.left.schema.length;
  const left: BoundExpression[] = [];
  const right: BoundExpression[] = [];
  const rest: BoundExpression[] = [];
  const ofLeft: BoundExpression[] = [];
  const ofRight: BoundExpression[] = [];
  const sideOf = (expression: BoundExpression): 'left' | 'right' | null => {
    const indexes = [...columnIndexes(expression)];
    if (indexes.length === 0) return null;
    if (indexes.every((index) => index < width)) return 'left';
    return indexes.every((index) => index >= width) ? 'right' : null;
  };
  for (const conjunct of node.condition === null ? [] : conjunctsOf(node.condition)) {
    const [a, b] = conjunct.kind === 'call' && conjunct.function === '=' ? conjunct.args : [];
    const sides = a === undefined || b === undefined ? '' : `${sideOf(a)} ${sideOf(b)}`;
    if (a !== undefined && b !== undefined && (sides === 'left right' || sides === 'right left')) {
      left.push(sides === 'left right' ? a : b);
      right.push(shiftedLeft(sides === 'left right' ? b : a, width));
    } else {
      // What fails on one side fails that side's record, not every partner that meets it.
      const side = mayFail(conjunct) ? sideOf(conjunct) : null;
      if (side === 'left') ofLeft.push(conjunct);
      else if (side === 'right') ofRight.push(shiftedLeft(conjunct, width));
      else rest.push(conjunct);
    }
  }
  return { left, right, rest, ofLeft, ofRight };
}

function shiftedLeft(expression: BoundExpression, by: number): BoundExpression {
  return mapColumns(expression, (column) => ({ ...column, index: column.index - by }));
}

export function buildJoin(
  services: BuildServices,
  node: LogicalJoin,
  context: BuildContext,
): Built {
  const { faults } = services;
  if (context.time !== null) {
    faults.fail('NOT_SUPPORTED', {
      message: 'there is no event time behind a join',
      span: context.time.span,
      hint: 'window both sides before they are joined',
    });
  }
  const [leftMs = null, rightMs = null] = node.ttlsMs ?? [];
  const leftTtl = inputTtl(services, node, leftMs);
  const rightTtl = inputTtl(services, node, rightMs);
  const clock = [leftTtl, rightTtl].some((ttl) => ttl?.time === 'event');
  const keys = joinKeys(node);
  if (keys.left.length === 0) {
    faults.fail('NOT_SUPPORTED', {
      message: 'a join needs an equality of a column of each side',
      span: node.span,
      hint: 'write JOIN b ON a.id = b.id',
    });
  }
  const sides = [
    { input: node.left, expressions: [...keys.left, ...keys.ofLeft] },
    { input: node.right, expressions: [...keys.right, ...keys.ofRight] },
  ].map(({ input, expressions }) => {
    const below = materialise(input, expressions, true);
    const built = services.build(below.node, { ...BELOW_STATE, clock });
    requireMode(faults, node, built.node.mode);
    return { built, columns: new InputColumns(built, below) };
  });
  const [left, right] = sides as [(typeof sides)[number], (typeof sides)[number]];
  const rightStart = left.built.node.schema.length;
  const columns = [
    ...node.left.schema.map((_, at) => left.built.columns[at] ?? -1),
    ...node.right.schema.map((_, at) => rightStart + (right.built.columns[at] ?? -1)),
  ];
  const tested = [
    ...keys.ofLeft.map((test) => ({ test, index: left.columns.of(test) })),
    ...keys.ofRight.map((test) => ({ test, index: rightStart + right.columns.of(test) })),
  ].map(({ test, index }): BoundExpression => {
    const { type, span } = test;
    return { kind: 'column', index, name: 'condition', type, span };
  });
  const condition = conjunction([...tested, ...moved(keys.rest, columns)]);
  const lineage = [...left.built.lineage, ...right.built.lineage];
  const isAppend = [left, right].every(({ built }) => built.node.mode === 'append');
  const built: PipelineNode = {
    kind: 'join',
    id: services.names.next('join'),
    type: node.type,
    left: left.built.node,
    right: right.built.node,
    leftKeys: keys.left.map((key) => left.columns.of(key)),
    rightKeys: keys.right.map((key) => right.columns.of(key)),
    condition,
    ttls: [leftTtl, rightTtl],
    signature: signature('join', {
      type: [node.type],
      left: [...signedKeys(left.columns, keys.left), ...left.built.lineage],
      right: [...signedKeys(right.columns, keys.right), ...right.built.lineage],
    }),
    schema: [...left.built.node.schema, ...right.built.node.schema],
    mode: isAppend && node.type === 'inner' ? 'append' : 'retract',
  };
  return { node: built, columns, lineage };
}

function moved(
  conjuncts: readonly BoundExpression[],
  columns: readonly number[],
): readonly BoundExpression[] {
  return conjuncts.map((conjunct) =>
    mapColumns(conjunct, (column) => ({ ...column, index: columns[column.index] ?? -1 })),
  );
}

function conjunction(conjuncts: readonly BoundExpression[]): BoundExpression | null {
  const [first] = conjuncts;
  if (first === undefined) return null;
  if (conjuncts.length === 1) return first;
  return {
    kind: 'logical',
    operator: 'and',
    operands: conjuncts,
    type: first.type,
    span: first.span,
  };
}
