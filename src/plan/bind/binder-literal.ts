/**
 * Literals of the syntax tree → typed values: whole numbers are BIGINT (DECIMAL beyond 64 bits),
 * numbers with a point DECIMAL, numbers with an exponent DOUBLE; intervals count milliseconds or
 * months. Text inside strings is the lexer's business.
 */
import { assertNever } from '../../base/assert.js';
import {
  BIGINT,
  BIGINT_MAX,
  BOOLEAN,
  DATE,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  INTERVAL_MONTH,
  INTERVAL_MS,
  NULL_TYPE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
  typeText,
} from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { castValue } from '../../functions/cast.js';
import { DataFault } from '../../functions/registry-types.js';
import type { IntervalLiteral, Literal } from '../../sql/ast.js';
import { literal } from './bound-values.js';
import type { BoundLiteral } from '../expression/expression.js';
import type { FaultCollector } from '../faults.js';

export function bindLiteral(faults: FaultCollector, node: Literal): BoundLiteral {
  const { text, span } = node;
  switch (node.type) {
    case 'integer':
    case 'decimal':
      return bindNumber(faults, node, '');
    case 'double': {
      const value = Number(text);
      return Number.isFinite(value)
        ? literal(value, DOUBLE, span)
        : unreadable(faults, node, DOUBLE);
    }
    case 'string':
      return literal(text, VARCHAR, span);
    case 'boolean':
      return literal(text.toLowerCase() === 'true', BOOLEAN, span);
    case 'null':
      return literal(null, NULL_TYPE, span);
    case 'timestamp':
      return bindTimeText(faults, node, TIMESTAMP);
    case 'date':
      return bindTimeText(faults, node, DATE);
    default:
      return assertNever(node.type);
  }
}

/** A number without exponent; `sign` is '-' for the operand of a unary minus. */
export function bindNumber(faults: FaultCollector, node: Literal, sign: '' | '-'): BoundLiteral {
  const [whole = '', fraction = ''] = node.text.replaceAll('_', '').split('.');
  const digits = whole.replace(/^0+(?=\d)/, '');
  const unscaled = BigInt(`${digits}${fraction}` || '0') * (sign === '-' ? -1n : 1n);
  if (node.type === 'integer') {
    if (unscaled <= BIGINT_MAX && unscaled >= -BIGINT_MAX - 1n) {
      return literal(unscaled, BIGINT, node.span);
    }
  }
  const precision = Math.max(digits.length, 1) + fraction.length;
  const type = decimalType(Math.min(precision, DECIMAL_PRECISION_MAX), fraction.length);
  if (precision > DECIMAL_PRECISION_MAX) return unreadable(faults, node, type);
  return literal(unscaled, type, node.span);
}

function bindTimeText(faults: FaultCollector, node: Literal, type: SqlType): BoundLiteral {
  try {
    return literal(castValue(node.text, VARCHAR, type), type, node.span);
  } catch (error) {
    if (error instanceof DataFault) return unreadable(faults, node, type);
    throw error;
  }
}

function unreadable(faults: FaultCollector, node: Literal, type: SqlType): never {
  return faults.fail('LITERAL_INVALID', {
    message: `"${node.text}" is no ${typeText(type)}`,
    span: node.span,
    hint:
      type.kind === 'decimal' ? `a DECIMAL has at most ${DECIMAL_PRECISION_MAX} digits` : undefined,
  });
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['MILLISECOND', 1],
  ['SECOND', 1_000],
  ['MINUTE', 60_000],
  ['HOUR', 3_600_000],
  ['DAY', 86_400_000],
  ['WEEK', 604_800_000],
]);
const UNIT_MONTHS: ReadonlyMap<string, number> = new Map([
  ['MONTH', 1],
  ['QUARTER', 3],
  ['YEAR', 12],
]);

export function bindInterval(faults: FaultCollector, node: IntervalLiteral): BoundLiteral {
  const ms = UNIT_MS.get(node.unit);
  const months = UNIT_MONTHS.get(node.unit);
  const amount = Number(node.amount);
  const factor = ms ?? months;
  if (factor === undefined) {
    return faults.fail('INTERVAL_UNIT', {
      message: `"${node.unit}" is no unit of an interval`,
      span: node.span,
      hint: `units are ${[...UNIT_MONTHS.keys(), ...UNIT_MS.keys()].join(', ')}`,
    });
  }
  const value = amount * factor;
  if (node.amount.trim() === '' || !Number.isSafeInteger(value)) {
    return faults.fail('LITERAL_INVALID', {
      message: `"${node.amount}" is no amount of ${node.unit}`,
      span: node.span,
    });
  }
  return literal(value, ms === undefined ? INTERVAL_MONTH : INTERVAL_MS, node.span);
}
