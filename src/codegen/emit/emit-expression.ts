/**
 * One node of a bound expression becomes code: literals and columns here, the rest by kind in the
 * emit-* files. Called by KernelEmitter.emit, which knows what is computed already.
 */
import { assertNever } from '../../base/assert.js';
import { code } from '../../base/js-code.js';
import type { SqlType, SqlValue } from '../../columnar/types.js';
import { DataFault } from '../../functions/registry-types.js';
import type { BoundColumn, BoundExpression } from '../../plan/expression/expression.js';
import { emitCall } from './emit-call.js';
import { emitCast } from './emit-cast.js';
import { exactLiteral } from './emit-exact.js';
import { nullOf, numberBounds } from './emit-generic.js';
import { emitIn } from './choice/emit-in.js';
import { emitChain } from './emit-chain.js';
import { emitCase, emitCoalesce, emitLogical } from './choice/emit-logic.js';
import { booleanValue } from './emit-truth.js';
import { emitMemo } from './emit-memo.js';
import { textValue } from './emit-text.js';
import { SAFE_MAX, clipped, scaleOfType, typeRange } from './emitted.js';
import type { Emitted } from './emitted.js';
import { interpret, isConstant } from '../interpreter.js';
import type { KernelEmitter } from './kernel-emitter.js';

export function emitExpression(e: KernelEmitter, expression: BoundExpression): Emitted {
  if (expression.kind === 'literal') return emitLiteral(e, expression.value, expression.type);
  if (expression.kind === 'column') return emitColumn(e, expression);
  return emitConstant(e, expression) ?? emitMemo(e, expression) ?? emitNode(e, expression);
}

function emitNode(
  e: KernelEmitter,
  expression: Exclude<BoundExpression, { kind: 'literal' | 'column' }>,
): Emitted {
  switch (expression.kind) {
    case 'call':
      return emitCall(e, expression);
    case 'logical':
      return emitLogical(e, expression);
    case 'case':
      return emitCase(e, expression);
    case 'coalesce':
      return emitCoalesce(e, expression);
    case 'in':
      return emitIn(e, expression);
    case 'cast':
      return emitCast(e, expression, e.emit(expression.operand));
    case 'chain':
      return emitChain(e, expression);
    case 'let':
      return e.holding(e.bound(e.emit(expression.value), 'held'), () => e.emit(expression.body));
    case 'held':
      return e.heldValue();
    default:
      return assertNever(expression);
  }
}

/** What has no column is computed now; what fails then fails for each row that reaches it. */
function emitConstant(e: KernelEmitter, expression: BoundExpression): Emitted | undefined {
  if (!isConstant(expression)) return undefined;
  try {
    return emitLiteral(e, interpret(expression, [], e.runtime.context), expression.type);
  } catch (error) {
    if (!(error instanceof DataFault)) throw error;
    e.fail(e.runtime.failureSite(error.key, error.message));
    return { ...nullOf(expression.type), isNull: null };
  }
}

function emitLiteral(e: KernelEmitter, value: SqlValue, type: SqlType): Emitted {
  if (value === null) return nullOf(type);
  if (typeof value === 'bigint') return exactLiteral(value, type);
  if (typeof value === 'number') {
    // NaN has no bounds; a literal that is one is computed by a function, never written.
    const isKnown = !Number.isNaN(value);
    const low = isKnown ? value : -Infinity;
    const high = isKnown ? value : Infinity;
    return { form: 'double', type, isNull: null, code: code`${value}`, low, high };
  }
  if (typeof value === 'boolean') return booleanValue(code`${value}`);
  if (typeof value === 'string') return textValue({ kind: 'constant', text: value }, null, type);
  return { form: 'other', type, isNull: null, code: e.constant('literal', value) };
}

function emitColumn(e: KernelEmitter, { index, type }: BoundColumn): Emitted {
  const shape = e.inputs[index];
  if (shape === undefined) return nullOf(type);
  const isNull = shape.nullable ? code`(${e.input(index, 'nulls')}[row] === 1)` : null;
  switch (shape.kind) {
    case 'f64': {
      const value = code`${e.input(index, 'values')}[row]`;
      if (type.kind !== 'bigint' && type.kind !== 'decimal') {
        return { form: 'double', type, isNull, code: value, ...numberBounds(type) };
      }
      const bounds = clipped(typeRange(type), { low: -SAFE_MAX, high: SAFE_MAX });
      const scale = scaleOfType(type);
      return { form: 'exact', type, isNull, code: value, wide: false, ...bounds, scale };
    }
    case 'i64':
    case 'i128': {
      const value =
        shape.kind === 'i64'
          ? code`${e.input(index, 'values')}[row]`
          : code`((${e.inputWord(index, 'high')}[row] << 64n) | ${e.inputWord(index, 'low')}[row])`;
      const scale = scaleOfType(type);
      return { form: 'exact', type, isNull, code: value, wide: true, ...typeRange(type), scale };
    }
    case 'bool':
      return booleanValue(code`(${e.input(index, 'values')}[row] === 1)`, isNull);
    case 'utf8':
    case 'dict':
      return textValue({ kind: shape.kind, column: index }, isNull, type);
    case 'list':
      return { form: 'other', type, isNull, code: code`${e.input(index, 'values')}[row]` };
    default:
      return assertNever(shape.kind);
  }
}
