/**
 * operand IN (list): comparisons in a row for a few elements, a set for many literals. Elements
 * that need statements are reached only while no earlier one is equal.
 */
import { code } from '../../../base/js-code.js';
import type { Code } from '../../../base/js-code.js';
import { Dictionary } from '../../../columnar/dictionary.js';
import type { SqlValue } from '../../../columnar/types.js';
import type {
  BoundExpression,
  BoundIn,
  BoundLiteral,
} from '../../../plan/expression/expression.js';
import { NESTED_MAX, emitManyElements } from './emit-many.js';
import { comparisonOf } from '../emit-compare.js';
import { asBigInt, atTypeScale } from '../emit-exact.js';
import { emitCallSite } from '../emit-generic.js';
import { anyOf } from './emit-logic.js';
import { booleanValue, isTrue } from '../emit-truth.js';
import { bytesOf, stringOf } from '../emit-text.js';
import { either } from '../emitted.js';
import type { BooleanValue, Emitted } from '../emitted.js';
import type { KernelEmitter } from '../kernel-emitter.js';

/** Longer lists of literals are looked up in a set. */
const COMPARED_MAX = 8;

export function emitIn(e: KernelEmitter, expression: BoundIn): Emitted {
  const operand = e.bound(e.emit(expression.operand), 'operand');
  if (operand.isNull?.text === 'true')
    return booleanValue(code`false`, code`${expression.list.length > 0}`);
  const literals = expression.list.filter(isLiteral);
  const known = { ...operand, isNull: null };
  return e.strict(operand.isNull, 'in', () =>
    literals.length === expression.list.length
      ? inLiterals(e, known, expression, literals)
      : expression.list.length > NESTED_MAX
        ? emitManyElements(e, expression.list, (value, element) =>
            e.strict(value.isNull, 'equal', () => {
              const right = { ...value, isNull: null };
              return booleanValue(equalsValue(e, known, expression.operand, right, element));
            }),
          )
        : inElements(e, known, expression, 0, null),
  );
}

function isLiteral(expression: BoundExpression): expression is BoundLiteral {
  return expression.kind === 'literal';
}

function inLiterals(
  e: KernelEmitter,
  operand: Emitted,
  expression: BoundIn,
  literals: readonly BoundLiteral[],
): BooleanValue {
  const values = literals.filter(({ value }) => value !== null);
  const set = values.length > COMPARED_MAX ? lookup(e, operand, values) : undefined;
  const found =
    set ??
    anyOf(values.map((value) => equalsValue(e, operand, expression.operand, e.emit(value), value)));
  if (values.length === literals.length) return booleanValue(found);
  const name = e.temp('found', found);
  return booleanValue(name, code`!${name}`);
}

/** A test by look-up; undefined when the form has none. */
function lookup(
  e: KernelEmitter,
  operand: Emitted,
  literals: readonly BoundLiteral[],
): Code | undefined {
  const values = literals.map(({ value }) => value);
  switch (operand.form) {
    case 'double':
      return code`${e.constant('elements', new Set(values))}.has(${operand.code})`;
    case 'exact': {
      const value = atTypeScale(e, operand);
      if (value.wide)
        return code`${e.constant('elements', new Set(values))}.has(${asBigInt(e, value)})`;
      return code`${e.constant('elements', new Set(values.flatMap(safeNumber)))}.has(${value.code})`;
    }
    case 'text': {
      const bytes = operand.source.kind === 'utf8' ? bytesOf(e, operand) : undefined;
      if (bytes === undefined) {
        return code`${e.constant('elements', new Set(values))}.has(${stringOf(e, operand)})`;
      }
      const elements = new Dictionary();
      for (const value of values) elements.internText(value as string);
      return code`(${e.constant('elements', elements)}.find(${bytes}) >= 0)`;
    }
    case 'boolean':
    case 'other':
      return undefined;
  }
}

function safeNumber(value: SqlValue): readonly number[] {
  const number = Number(value);
  return Number.isSafeInteger(number) ? [number] : [];
}

/** Elements one after the other; `unknown` tells whether an earlier one was NULL. */
function inElements(
  e: KernelEmitter,
  operand: Emitted,
  expression: BoundIn,
  from: number,
  unknown: Code | null,
): BooleanValue {
  const element = expression.list[from];
  if (element === undefined) return booleanValue(code`false`, unknown);
  const value = e.bound(e.emit(element), 'element');
  const isEqual = e.strict(value.isNull, 'equal', () =>
    booleanValue(equalsValue(e, operand, expression.operand, { ...value, isNull: null }, element)),
  );
  const found = e.temp('found', isTrue(isEqual));
  const { body, value: rest } = e.branch(() =>
    inElements(e, operand, expression, from + 1, either(unknown, value.isNull)),
  );
  const later = rest.form === 'boolean' ? rest : booleanValue(code`false`);
  if (body.length === 0) {
    const isNull = later.isNull === null ? null : code`(!${found} && ${later.isNull})`;
    return booleanValue(code`(${found} || ${later.code})`, isNull);
  }
  const target = e.declare(later, 'in');
  e.body
    .open(code`if (${found})`)
    .line(code`${target.code} = true;`)
    .between(code`else`);
  e.within(body, () => {
    e.assign(target, later);
  });
  e.body.append(body).close();
  return target;
}

function equalsValue(
  e: KernelEmitter,
  operand: Emitted,
  left: BoundExpression,
  element: Emitted,
  right: BoundExpression,
): Code {
  const inline = comparisonOf(e, '=', operand, element);
  if (inline !== undefined) return inline;
  const { span } = right;
  const args = [left, right];
  const call = { kind: 'call', function: '=', args, type: { kind: 'boolean' }, span } as const;
  return isTrue(emitCallSite(e, call, [operand, element]));
}
