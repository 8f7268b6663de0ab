/**
 * Inline emissions of registry functions and operators by name: which function becomes which
 * JavaScript for which forms of arguments. A function or a combination of forms that has none
 * goes through emit-generic.
 */
import { code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { compiledLike } from '../../functions/pattern/pattern.js';
import type { BoundCall } from '../../plan/expression/expression.js';
import { comparisonOf, isComparison } from './emit-compare.js';
import {
  emitArcTangent2,
  emitDoubleArithmetic,
  emitDoubleFunction,
  emitDoubleNegation,
  emitPower,
  emitRoundDigits,
  isDoubleFunction,
} from './emit-double.js';
import {
  emitBigintQuotient,
  emitDecimalQuotient,
  emitProduct,
  emitRemainder,
  emitSum,
} from './emit-exact.js';
import { emitChecked, emitUnified } from './emit-conversion.js';
import { emitExactFunction, emitNegation, emitRound } from './emit-exact-functions.js';
import { emitCallSite, nullOf } from './emit-generic.js';
import { emitDistinct, emitTest } from './choice/emit-logic.js';
import { booleanValue } from './emit-truth.js';
import { emitExtreme } from './emit-extreme.js';
import { concatenated, stringOf } from './emit-text.js';
import { emitTimeArithmetic, emitTimeFunction, isTimeFunction } from './emit-time.js';
import { anyNull } from './emitted.js';
import type { BooleanValue, Emitted, ExactValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

type Sign = '+' | '-' | '*' | '/' | '%';
const SIGNS: ReadonlySet<string> = new Set<Sign>(['+', '-', '*', '/', '%']);
const TESTS: ReadonlySet<string> = new Set(['not', 'is-null', 'is-unknown', 'is-true', 'is-false']);
/** Functions that look at NULLs themselves. */
const OWN: ReadonlySet<string> = new Set(['is-distinct', 'NULLIF', 'LEAST', 'GREATEST']);
const STRICT: ReadonlySet<string> = new Set([
  ...['neg', 'MOD', 'LOG', 'unified', 'checked'],
  ...SIGNS,
]);

/** Of texts; they cost more than a look-up in a memo. */
const TEXT_STRICT: ReadonlySet<string> = new Set(['||', 'like']);

/** Whether the call has an inline emission for numbers, times and BOOLEAN. */
export function hasInlineCall(call: BoundCall): boolean {
  const name = call.function;
  return TESTS.has(name) || OWN.has(name) || isInlineStrict(call);
}

function isInlineStrict(call: BoundCall): boolean {
  const name = call.function;
  return STRICT.has(name) || isComparison(name) || isDoubleFunction(name) || isTimeFunction(call);
}

export function emitCall(e: KernelEmitter, call: BoundCall): Emitted {
  return emitCallOver(
    e,
    call,
    call.args.map((arg) => e.emit(arg)),
  );
}

/** The call over arguments that are emitted already. */
export function emitCallOver(e: KernelEmitter, call: BoundCall, args: readonly Emitted[]): Emitted {
  const inline = emitOwn(e, call, args) ?? emitStrict(e, call, args);
  return inline ?? emitCallSite(e, call, args);
}

/** Functions that look at NULLs themselves. */
function emitOwn(e: KernelEmitter, call: BoundCall, args: readonly Emitted[]): Emitted | undefined {
  const name = call.function;
  const [a, b] = args;
  if (a !== undefined && TESTS.has(name)) return emitTest(e, name, a);
  if (name === 'is-distinct' && a && b) return emitIsDistinct(e, a, b);
  if (name === 'NULLIF' && a && b) return emitNullIf(e, a, b);
  if (name === 'LEAST' || name === 'GREATEST') return emitExtreme(e, name, args, call.type);
  if (name === 'CONCAT') {
    const texts = args.flatMap((arg) => (arg.form === 'text' ? [arg] : []));
    return texts.length === args.length ? concatenated(e, texts, name) : undefined;
  }
  return undefined;
}

/** Functions that are NULL when an argument is. */
function emitStrict(
  e: KernelEmitter,
  call: BoundCall,
  args: readonly Emitted[],
): Emitted | undefined {
  if (!isInlineStrict(call) && !TEXT_STRICT.has(call.function)) return undefined;
  const nullWhen = anyNull(args);
  if (nullWhen?.text === 'true') return nullOf(call.type);
  const known = args.map((arg) => ({ ...arg, isNull: null }));
  let emitted: Emitted | undefined;
  const value = e.strict(nullWhen, 'value', () => {
    emitted = emitKnown(e, call, known);
    return emitted ?? nullOf(call.type);
  });
  return emitted === undefined ? undefined : value;
}

/** The call over arguments that are not NULL. */
function emitKnown(
  e: KernelEmitter,
  call: BoundCall,
  args: readonly Emitted[],
): Emitted | undefined {
  const name = call.function === 'MOD' ? '%' : call.function;
  const [a, b] = args;
  if (a === undefined) return undefined;
  if (name === 'unified') return a.form === 'exact' ? emitUnified(e, a, call.type) : undefined;
  if (name === 'checked') return a.form === 'exact' ? emitChecked(e, a, call) : undefined;
  if (isTimeFunction(call)) return emitTimeFunction(e, call, args.at(-1) ?? a);
  if (b !== undefined) return emitBinary(e, call, name, a, b);
  if (name === 'neg') {
    if (a.form === 'exact') return emitNegation(e, a, call.type);
    return a.form === 'double' ? emitDoubleNegation(a, call.type) : undefined;
  }
  if (a.form === 'double') return emitDoubleFunction(e, name === 'LOG' ? 'LOG10' : name, a);
  return a.form === 'exact' ? emitExactFunction(e, name, a, call.type) : undefined;
}

function emitBinary(
  e: KernelEmitter,
  call: BoundCall,
  name: string,
  a: Emitted,
  b: Emitted,
): Emitted | undefined {
  if (isComparison(name)) {
    const holds = comparisonOf(e, name, a, b);
    return holds && booleanValue(holds);
  }
  if (name === '||' && a.form === 'text' && b.form === 'text') return concatenated(e, [a, b], name);
  if (name === 'like') return emitLike(e, call, a);
  if (name === 'ROUND') return emitRoundTo(e, call, a);
  if (isSign(name)) return emitArithmetic(e, name, a, b, call);
  if (a.form !== 'double' || b.form !== 'double') return undefined;
  if (name === 'POWER') return emitPower(e, a, b);
  return name === 'ATAN2' ? emitArcTangent2(a, b) : undefined;
}

function isSign(name: string): name is Sign {
  return SIGNS.has(name);
}

function emitArithmetic(
  e: KernelEmitter,
  sign: Sign,
  a: Emitted,
  b: Emitted,
  { type, args }: BoundCall,
): Emitted | undefined {
  if (a.form === 'exact' && b.form === 'exact') return emitExactArithmetic(e, sign, a, b, type);
  const areDoubles = args.every((arg) => arg.type.kind === 'double');
  if (a.form === 'double' && b.form === 'double' && areDoubles) {
    return emitDoubleArithmetic(e, sign, a, b);
  }
  return emitTimeArithmetic(e, sign, a, b, type);
}

function emitExactArithmetic(
  e: KernelEmitter,
  sign: Sign,
  a: ExactValue,
  b: ExactValue,
  type: SqlType,
): Emitted {
  switch (sign) {
    case '+':
    case '-':
      return emitSum(e, sign, a, b, type);
    case '*':
      return emitProduct(e, a, b, type);
    case '/':
      if (type.kind === 'double') return emitBigintQuotient(e, a, b, type);
      return emitDecimalQuotient(e, a, b, type);
    case '%':
      return emitRemainder(e, a, b, type);
  }
}

/** LIKE with a literal pattern: compiled once, called per row without the registry. */
function emitLike(e: KernelEmitter, call: BoundCall, text: Emitted): Emitted | undefined {
  const [, pattern, escape] = call.args.map((arg) =>
    arg.kind === 'literal' && typeof arg.value === 'string' ? arg.value : undefined,
  );
  if (text.form !== 'text' || pattern === undefined) return undefined;
  if (call.args.length === 3 && escape === undefined) return undefined;
  const compiled = e.constant('pattern', compiledLike(pattern, escape ?? ''));
  return booleanValue(code`${compiled}.test(${stringOf(e, text)})`);
}

/** ROUND(x, digits) with a literal count of digits from 0 to 15. */
function emitRoundTo(e: KernelEmitter, call: BoundCall, a: Emitted): Emitted | undefined {
  const digits = call.args[1];
  if (digits?.kind !== 'literal' || typeof digits.value !== 'bigint') return undefined;
  const count = Number(digits.value);
  if (count < 0 || count > 15) return undefined;
  if (a.form === 'exact') return emitRound(e, a, count, call.type);
  if (a.form !== 'double') return undefined;
  if (count === 0) return emitDoubleFunction(e, 'ROUND', a);
  return emitRoundDigits(e, a, count, (x) => {
    const slow = emitCallSite(e, call, [x, e.emit(digits)]);
    return slow.form === 'double' ? slow : x;
  });
}

function emitIsDistinct(e: KernelEmitter, a: Emitted, b: Emitted): BooleanValue | undefined {
  const differ = comparisonOf(e, '<>', a, b);
  return differ && emitDistinct(a, b, differ);
}

function emitNullIf(e: KernelEmitter, left: Emitted, b: Emitted): Emitted | undefined {
  const a = e.bound(left, 'operand');
  const equal = comparisonOf(e, '=', a, b);
  if (equal === undefined) return undefined;
  const isSame = b.isNull === null ? equal : code`(!${b.isNull} && ${equal})`;
  return { ...a, isNull: a.isNull === null ? isSame : code`(${a.isNull} || ${isSame})` };
}
