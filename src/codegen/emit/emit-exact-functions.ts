/**
 * Functions of BIGINT and DECIMAL with one operand: sign, magnitude and rounding. Values and faults
 * are those of functions/maths; the four operations are emit-exact.
 */
import { code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { dropDigits, exactResult, fitted, settled, asBigInt } from './emit-exact.js';
import { hull, isSafe } from './emitted.js';
import type { ExactValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';
import { floorDivide, floorQuotient } from '../kernel-support.js';

/** The function over an operand that is not NULL; undefined when there is no inline form. */
export function emitExactFunction(
  e: KernelEmitter,
  name: string,
  a: ExactValue,
  type: SqlType,
): ExactValue | undefined {
  switch (name) {
    case 'ABS':
      return emitAbsolute(e, a, type);
    case 'FLOOR':
      return emitFloor(e, a, type);
    case 'CEIL':
      // The next whole number upwards is the one downwards on the other side of 0; a number without
      // a fraction stays, since the smallest BIGINT has no other side.
      return a.scale === 0 ? emitFloor(e, a, type) : flipped(emitFloor(e, flipped(a), type));
    case 'ROUND':
      return emitRound(e, a, 0, type);
    case 'SIGN':
      return emitSign(e, a, type);
    default:
      return undefined;
  }
}

export function emitNegation(e: KernelEmitter, a: ExactValue, type: SqlType): ExactValue {
  const range = { low: -a.high, high: -a.low };
  const result = a.wide ? code`(-${a.code})` : code`(0 - ${a.code})`;
  const raw = exactResult(result, type, { ...range, wide: a.wide, scale: a.scale });
  return settled(e, raw, 'operator "-"');
}

function emitAbsolute(e: KernelEmitter, a: ExactValue, type: SqlType): ExactValue {
  const size = hull([a.low, a.high, -a.low, -a.high]).high;
  if (!a.wide) {
    const range = { low: 0n, high: size, wide: false, scale: a.scale };
    return settled(e, exactResult(code`Math.abs(${a.code})`, type, range), 'function "ABS"');
  }
  const value = e.temp('operand', a.code);
  const result = code`(${value} < 0n ? -${value} : ${value})`;
  const shape = { low: 0n, high: size, wide: true, scale: a.scale };
  return settled(e, exactResult(result, type, shape), 'function "ABS"');
}

function flipped(a: ExactValue): ExactValue {
  const result = a.wide ? code`(-${a.code})` : code`(0 - ${a.code})`;
  return { ...a, low: -a.high, high: -a.low, code: result };
}

function emitSign(e: KernelEmitter, a: ExactValue, type: SqlType): ExactValue {
  const value = e.temp('operand', a.code);
  const zero = code`${a.wide ? 0n : 0}`;
  const sign = code`(${value} > ${zero} ? 1 : ${value} < ${zero} ? -1 : 0)`;
  return exactResult(sign, type, { low: -1n, high: 1n, wide: false, scale: 0 });
}

/** FLOOR to a whole number. */
function emitFloor(e: KernelEmitter, a: ExactValue, type: SqlType): ExactValue {
  const what = { key: 'NUMERIC_OVERFLOW', message: 'result of rounding does not fit' } as const;
  if (a.scale === 0) return fitted(e, a, type, what);
  const divisor = 10n ** BigInt(a.scale);
  const range = { low: floorDivide(a.low, divisor), high: floorDivide(a.high, divisor) };
  if (a.wide || !isSafe({ low: -divisor, high: divisor })) {
    const divide = e.constant('floorDivide', floorDivide);
    const floor = code`${divide}(${asBigInt(e, a)}, ${divisor})`;
    return fitted(e, exactResult(floor, type, { ...range, wide: true, scale: 0 }), type, what);
  }
  const divide = e.constant('floorQuotient', floorQuotient);
  const floor = code`${divide}(${a.code}, ${Number(divisor)})`;
  return exactResult(floor, type, { ...range, wide: false, scale: 0 });
}

/** ROUND to `digits` digits after the point, at least 0. */
export function emitRound(
  e: KernelEmitter,
  a: ExactValue,
  digits: number,
  type: SqlType,
): ExactValue {
  const rounded = a.scale > digits ? dropDigits(e, a, a.scale - digits) : a;
  const message = 'result of "ROUND" does not fit its DECIMAL type';
  return fitted(e, rounded, type, { key: 'NUMERIC_OVERFLOW', message });
}
