/**
 * Bound expressions for tests, written as the binder would make them (arguments cast to the types
 * that the function resolved to), and batches of typed values.
 */
import { NO_SPAN } from '../../src/base/span.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { columnFromValues } from '../../src/columnar/column-builder.js';
import type { ColumnKind } from '../../src/columnar/column.js';
import { columnValue } from '../../src/columnar/column.js';
import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  VARCHAR,
  decimalType,
  sameType,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { scalarFunction } from '../../src/functions/function-registry.js';
import { isFault } from '../../src/functions/signature.js';
import type {
  BoundCase,
  BoundColumn,
  BoundExpression,
  BoundIn,
  BoundLogical,
} from '../../src/plan/expression/expression.js';
import { Calc } from '../../src/runtime/operators/calc.js';
import type { CalcSpec } from '../../src/runtime/operators/calc.js';
import type { RecordFailure } from '../../src/runtime/operator.js';

const span = NO_SPAN;

export function column(index: number, type: SqlType, name = `c${index}`): BoundColumn {
  return { kind: 'column', index, name, type, span };
}

export function literal(value: SqlValue, type: SqlType): BoundExpression {
  return { kind: 'literal', value, type, span };
}

export const int = (value: number | bigint): BoundExpression => literal(BigInt(value), BIGINT);
export const double = (value: number): BoundExpression => literal(value, DOUBLE);
export const text = (value: string): BoundExpression => literal(value, VARCHAR);

/** `decimal('1.50')` is DECIMAL(3, 2). */
export function decimal(written: string): BoundExpression {
  const [whole = '', fraction = ''] = written.replace('-', '').split('.');
  const precision = whole.replace(/^0+/, '').length + fraction.length;
  return literal(BigInt(written.replace('.', '')), decimalType(precision, fraction.length));
}

export function cast(operand: BoundExpression, type: SqlType, safe = false): BoundExpression {
  return { kind: 'cast', operand, type, safe, span };
}

/** The call as the binder makes it, or undefined when the function does not take the arguments. */
export function tryCall(
  name: string,
  ...args: readonly BoundExpression[]
): BoundExpression | undefined {
  const fn = scalarFunction(name);
  if (fn === undefined) throw new Error(`no function ${name}`);
  const resolved = fn.resolve(
    args.map((arg) => ({
      type: arg.type,
      literal: arg.kind === 'literal' ? arg.value : undefined,
    })),
  );
  if (isFault(resolved)) return undefined;
  const given = args.map((arg, at) => {
    const type = resolved.argTypes[at] ?? arg.type;
    return sameType(arg.type, type) ? arg : cast(arg, type);
  });
  return { kind: 'call', function: fn.name, args: given, type: resolved.type, span };
}

export function call(name: string, ...args: readonly BoundExpression[]): BoundExpression {
  const made = tryCall(name, ...args);
  if (made === undefined) throw new Error(`${name} does not take these arguments`);
  return made;
}

export function logical(
  operator: 'and' | 'or',
  ...operands: readonly BoundExpression[]
): BoundLogical {
  return { kind: 'logical', operator, operands, type: BOOLEAN, span };
}

export function caseOf(
  branches: readonly (readonly [when: BoundExpression, then: BoundExpression])[],
  otherwise: BoundExpression,
): BoundCase {
  return {
    kind: 'case',
    branches: branches.map(([when, then]) => ({ when, then })),
    otherwise,
    type: otherwise.type,
    span,
  };
}

export function coalesce(...operands: readonly BoundExpression[]): BoundExpression {
  return { kind: 'coalesce', operands, type: operands[0]?.type ?? { kind: 'null' }, span };
}

export function inList(operand: BoundExpression, ...list: readonly BoundExpression[]): BoundIn {
  return { kind: 'in', operand, list, type: BOOLEAN, span };
}

/** `value` held for a body that names it as often as it likes. */
export function letOf(
  value: BoundExpression,
  body: (held: BoundExpression) => BoundExpression,
): BoundExpression {
  const inner = body({ kind: 'held', type: value.type, span });
  return { kind: 'let', value, body: inner, type: inner.type, span };
}

export interface Input {
  readonly type: SqlType;
  readonly values: readonly SqlValue[];
  /** Default: the narrowest that holds the values. */
  readonly kind?: ColumnKind | undefined;
}

export function batchOf(
  inputs: readonly Input[],
  selection: readonly number[] | null = null,
): Batch {
  const columns = inputs.map(({ type, values, kind }) =>
    kind === undefined ? columnFromValues(type, values) : columnFromValues(type, values, kind),
  );
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = inputs[0]?.values.length ?? 0;
  batch.selection = selection === null ? null : Int32Array.from(selection);
  batch.selectedCount = selection === null ? batch.rowCount : selection.length;
  return batch;
}

export interface Failed {
  readonly row: number;
  readonly failure: RecordFailure;
}

/** A calc whose failures are collected in the order of their report. */
export function collectingCalc(spec: Omit<CalcSpec, 'id'>): {
  readonly calc: Calc;
  readonly failures: Failed[];
} {
  const failures: Failed[] = [];
  const calc = new Calc(
    { id: 'test', ...spec },
    { recordFailed: (_header, row, failure) => failures.push({ row, failure }) },
  );
  return { calc, failures };
}

export function selectedRows(batch: Batch): number[] {
  const rows: number[] = [];
  for (let at = 0; at < batch.selectedCount; at += 1) {
    rows.push(batch.selection === null ? at : (batch.selection[at] ?? -1));
  }
  return rows;
}

export function valuesAt(batch: Batch, types: readonly SqlType[], row: number): SqlValue[] {
  return batch.columns.map((each, at) => columnValue(each, types[at] ?? { kind: 'null' }, row));
}
