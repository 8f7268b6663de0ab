/**
 * Generates one calc kernel: a loop over the rows that evaluates the filter and a group of
 * projections and writes output columns at the same row numbers.
 *
 *   kernel(rowCount, selection, selectedCount, failed, inputs, outputs, passing,
 *          failAt, dynamicFailures, noNulls, report) -> passed | BAILED
 *
 *   passing          rows that pass the filter, in order (only with a filter)
 *   failAt[row]      site of the failure, 0 for none; DYNAMIC_FAILURE: see dynamicFailures
 *   report[0]        number of failures; report[1 + slot] 1 when that output has a NULL
 *
 * Early projections are computed for every row that has not failed, before selection and filter.
 */
import { CodeWriter, code } from '../../base/js-code.js';
import type { Column } from '../../columnar/column.js';
import type { ColumnBuilder } from '../../columnar/column-builder.js';
import type { BoundExpression, BoundLogical } from '../../plan/expression/expression.js';
import { conjunctsOf, mayFail } from '../../plan/expression/expression-walk.js';
import type { CalcRuntime } from '../memo/calc-runtime.js';
import type { KernelFailure } from '../memo/memo-site.js';
import { compileFunction } from '../compile.js';
import { emitExpression } from '../emit/emit-expression.js';
import { isTrue } from '../emit/emit-truth.js';
import { writeOutput } from '../emit/emit-output.js';
import type { OutputShape } from '../emit/emit-output.js';
import { KernelEmitter } from '../emit/kernel-emitter.js';
import type { InputShape } from '../emit/kernel-emitter.js';
import { sharedKeys } from '../emit/shared-expressions.js';

export interface Projection {
  /** Index into `outputs`. */
  readonly slot: number;
  readonly expression: BoundExpression;
}

export interface KernelSpec {
  readonly name: string;
  readonly mode: 'narrow' | 'wide';
  readonly inputs: readonly InputShape[];
  readonly hasSelection: boolean;
  readonly filter: BoundExpression | null;
  /** Projections computed for rejected rows, too. */
  readonly early: readonly Projection[];
  readonly projections: readonly Projection[];
}

export type KernelFunction = (
  rowCount: number,
  selection: Int32Array | null,
  selectedCount: number,
  failed: Uint8Array | null,
  inputs: readonly Column[],
  outputs: readonly ColumnBuilder[],
  passing: Int32Array,
  failAt: Int32Array,
  dynamicFailures: Map<number, KernelFailure | null>,
  noNulls: Uint8Array,
  report: Int32Array,
) => number;

export interface CalcKernel {
  readonly run: KernelFunction;
  readonly outputs: readonly OutputShape[];
  readonly source: string;
}

const PARAMETERS = code`rowCount, selection, selectedCount, failed, inputs, outputs, passing, failAt, dynamicFailures, noNulls, report`;

export function compileKernel(spec: KernelSpec, runtime: CalcRuntime): CalcKernel {
  const expressions = [...spec.early, ...spec.projections].map(({ expression }) => expression);
  const e = new KernelEmitter({
    mode: spec.mode,
    inputs: spec.inputs,
    runtime,
    shared: sharedKeys(spec.filter === null ? expressions : [spec.filter, ...expressions]),
    emitNode: emitExpression,
  });
  const outputs: OutputShape[] = [];
  const write = (projection: Projection): void => {
    outputs.push(writeOutput(e, projection.slot, e.emit(projection.expression)));
  };
  spec.early.forEach(write);
  if (spec.early.length > 0 && spec.hasSelection) seekSelected(e);
  if (spec.filter !== null) emitFilter(e, spec.filter);
  spec.projections.forEach(write);
  if (spec.filter !== null) {
    e.body.line(code`passing[passed] = row;`).line(code`passed += 1;`);
  }
  const source = kernelSource(spec, e, outputs);
  const names = [...e.constants.values()].map((name) => name.text);
  const compiled = compileFunction(spec.name, names, source, [...e.constants.keys()]);
  return { run: compiled as KernelFunction, outputs, source };
}

/** Goes on with the rows of the selection only; early projections saw the others. */
function seekSelected(e: KernelEmitter): void {
  e.body.line(code`while (cursor < selectedCount && selection[cursor] < row) cursor += 1;`);
  e.body.line(code`if (cursor === selectedCount || selection[cursor] !== row) continue rows;`);
}

/** Conjuncts reject one after the other, as soon as no later one could still fail the row. */
function emitFilter(e: KernelEmitter, filter: BoundExpression): void {
  const conjuncts = conjunctsOf(filter);
  const lastFailing = conjuncts.findLastIndex(mayFail);
  for (const [at, conjunct] of conjuncts.entries()) {
    const value = e.emit(conjunct);
    if (value.isNull === null || at >= lastFailing) {
      const passes = isTrue(value);
      if (passes.text !== 'true') e.body.line(code`if (!${passes}) continue rows;`);
      continue;
    }
    const remaining: BoundLogical = {
      kind: 'logical',
      operator: 'and',
      operands: conjuncts.slice(at),
      type: filter.type,
      span: filter.span,
    };
    e.body.line(code`if (!${isTrue(e.emit(remaining))}) continue rows;`);
    return;
  }
}

function kernelSource(spec: KernelSpec, e: KernelEmitter, outputs: readonly OutputShape[]): string {
  const writer = new CodeWriter();
  writer.open(code`return function kernel(${PARAMETERS})`);
  writer.append(e.prelude);
  writer.line(code`let passed = 0;`).line(code`let failures = 0;`);
  if (spec.early.length > 0 && spec.hasSelection) writer.line(code`let cursor = 0;`);
  for (const { nullsSeen } of outputs) {
    if (nullsSeen !== null) writer.line(code`let ${nullsSeen} = 0;`);
  }
  if (spec.early.length > 0) {
    writer.open(code`rows: for (let row = 0; row < rowCount; row += 1)`);
    writer.line(code`if (failed !== null && failed[row] === 1) continue;`);
  } else if (spec.hasSelection) {
    writer.open(code`rows: for (let index = 0; index < selectedCount; index += 1)`);
    writer.line(code`const row = selection[index];`);
  } else {
    writer.open(code`rows: for (let row = 0; row < rowCount; row += 1)`);
  }
  writer.append(e.body).close();
  writer.line(code`report[0] = failures;`);
  for (const { slot, nullsSeen } of outputs) {
    if (nullsSeen !== null) writer.line(code`report[${slot + 1}] = ${nullsSeen};`);
  }
  writer.line(code`return passed;`).close();
  return writer.toString();
}
