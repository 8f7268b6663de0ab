/**
 * The bridge to values: any form as a SqlValue fragment, any SqlValue as a form, and the call of a
 * registry function or a cast that has no inline emission. Slow by nature: bigints and strings are
 * made per row.
 */
import { code, joined } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { assert, assertNever } from '../../base/assert.js';
import { scalarFunction } from '../../functions/function-registry.js';
import type { BoundCall, BoundCast } from '../../plan/expression/expression.js';
import type { CallSite } from '../memo/calc-runtime.js';
import { asBigInt, atTypeScale } from './emit-exact.js';
import { stringOf, textValue } from './emit-text.js';
import { SAFE_MAX, anyNull, clipped, isSafe, scaleOfType, typeRange } from './emitted.js';
import type { Emitted } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

/** The value as a SqlValue, null where it is NULL. */
export function sqlValueOf(e: KernelEmitter, value: Emitted): Code {
  if (value.isNull?.text === 'true') return code`null`;
  const fragment = knownValueOf(e, value);
  return value.isNull === null ? fragment : code`(${value.isNull} ? null : ${fragment})`;
}

function knownValueOf(e: KernelEmitter, value: Emitted): Code {
  switch (value.form) {
    case 'exact':
      return asBigInt(e, atTypeScale(e, value));
    case 'text':
      return stringOf(e, value);
    case 'double':
    case 'boolean':
    case 'other':
      return value.code;
    default:
      return assertNever(value);
  }
}

/** A value of `type` that is NULL; its fragment has the form that such values have. */
export function nullOf(type: SqlType): Emitted {
  const isNull = code`true`;
  switch (type.kind) {
    case 'bigint':
    case 'decimal':
      return {
        form: 'exact',
        type,
        isNull,
        code: code`0`,
        wide: false,
        low: 0n,
        high: 0n,
        scale: 0,
      };
    case 'double':
    case 'timestamp':
    case 'date':
    case 'interval':
      return { form: 'double', type, isNull, code: code`0`, low: 0, high: 0 };
    case 'boolean':
      return { form: 'boolean', type, isNull, code: code`false` };
    case 'varchar':
      return textValue({ kind: 'constant', text: '' }, isNull, type);
    case 'null':
    case 'array':
    case 'map':
    case 'row':
      return { form: 'other', type, isNull, code: code`null` };
    default:
      return assertNever(type);
  }
}

/** Bounds of a type whose JavaScript form is a number, but for DOUBLE. */
export function numberBounds(type: SqlType): { readonly low: number; readonly high: number } {
  const max =
    type.kind === 'timestamp'
      ? 8.64e15
      : type.kind === 'date'
        ? 1e8
        : type.kind === 'interval'
          ? Number.MAX_SAFE_INTEGER
          : Infinity;
  return { low: -max, high: max };
}

/**
 * What a call returned as a form. `result` is a name; it holds a SqlValue and is null for NULL.
 * At a NULL row the fragment has a value of the right JavaScript type all the same.
 */
export function fromSqlValue(
  e: KernelEmitter,
  result: Code,
  type: SqlType,
  neverNull: boolean,
): Emitted {
  const isNull = neverNull ? null : code`(${result} === null)`;
  const orElse = (fallback: Code): Code =>
    neverNull ? result : code`(${result} === null ? ${fallback} : ${result})`;
  switch (type.kind) {
    case 'bigint':
    case 'decimal':
      return exactFromSqlValue(e, orElse(code`0n`), type, isNull);
    case 'double':
    case 'timestamp':
    case 'date':
    case 'interval':
      return { form: 'double', type, isNull, code: orElse(code`0`), ...numberBounds(type) };
    case 'boolean':
      return { form: 'boolean', type, isNull, code: code`(${result} === true)` };
    case 'varchar':
      return textValue({ kind: 'string', code: orElse(code`''`) }, isNull, type);
    case 'null':
    case 'array':
    case 'map':
    case 'row':
      return { form: 'other', type, isNull, code: result };
    default:
      return assertNever(type);
  }
}

function exactFromSqlValue(
  e: KernelEmitter,
  fragment: Code,
  type: SqlType,
  isNull: Code | null,
): Emitted {
  const scale = scaleOfType(type);
  const range = typeRange(type);
  if (e.mode === 'wide' && !isSafe(range)) {
    return { form: 'exact', type, isNull, code: fragment, wide: true, ...range, scale };
  }
  const number = e.temp('number', code`Number(${fragment})`);
  const max = Number(SAFE_MAX);
  if (!isSafe(range)) e.bailWhen(code`!(${number} <= ${max} && ${number} >= ${-max})`);
  const bounds = clipped(range, { low: -SAFE_MAX, high: SAFE_MAX });
  return { form: 'exact', type, isNull, code: number, wide: false, ...bounds, scale };
}

/** A call through the registry. */
export function emitCallSite(e: KernelEmitter, call: BoundCall, args: readonly Emitted[]): Emitted {
  const fn = scalarFunction(call.function);
  assert(fn !== undefined, `the binder only makes calls of known functions: ${call.function}`);
  const types = call.args.map((arg) => arg.type);
  const site = e.runtime.functionSite(fn, types, call.type);
  const wish = call.function.toLowerCase();
  const nullWhen = fn.nulls === 'null' ? anyNull(args) : null;
  // Under the guard of strict the arguments are not NULL.
  const given = nullWhen === null ? args : args.map((arg) => ({ ...arg, isNull: null }));
  return e.strict(nullWhen, wish, () => runSite(e, site, wish, given, call.type));
}

/** A cast through functions/cast. */
export function emitCastSite(e: KernelEmitter, cast: BoundCast, operand: Emitted): Emitted {
  const site = e.runtime.castSite(cast.operand.type, cast.type, cast.safe);
  const given = { ...operand, isNull: null };
  const wish = cast.safe ? 'try_cast' : 'cast';
  return e.strict(operand.isNull, wish, () =>
    runSite(e, site, wish, [given], cast.type, !cast.safe),
  );
}

export function runSite(
  e: KernelEmitter,
  site: CallSite,
  wish: string,
  args: readonly Emitted[],
  type: SqlType,
  neverNull = false,
): Emitted {
  const name = e.constant(wish, site);
  const list = joined(
    args.map((arg) => sqlValueOf(e, arg)),
    ', ',
  );
  const result = e.temp(`${wish}_result`, code`${name}.run([${list}])`);
  e.body.open(code`if (${result} === undefined)`);
  e.failDynamic(name);
  e.body.close();
  return fromSqlValue(e, result, type, neverNull);
}
