/**
 * Type rules: what types join (CASE, COALESCE, IN, UNION, LEAST), what compares with what, which
 * casts are implicit, and the result types of decimal arithmetic, which follow Flink (precision at
 * most 38, scale given up first but for 6 digits). Values are not looked at, but for literals.
 */
import {
  BIGINT,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  NULL_TYPE,
  TIMESTAMP,
  decimalType,
  isExact,
  isNumeric,
  sameType,
} from '../columnar/types.js';
import type { SqlType } from '../columnar/types.js';
import type { ArgumentInfo } from './registry-types.js';

export interface DecimalShape {
  readonly precision: number;
  readonly scale: number;
}

const BIGINT_DIGITS = 19;
const SCALE_KEPT = 6;

/** BIGINT beside DECIMAL is DECIMAL(19, 0). */
export function decimalShape(type: SqlType): DecimalShape {
  if (type.kind === 'decimal') return type;
  return { precision: BIGINT_DIGITS, scale: 0 };
}

/** Caps the precision at 38: digits before the point win, up to 6 after it are kept. */
export function cappedDecimal(precision: number, scale: number): SqlType {
  if (precision <= DECIMAL_PRECISION_MAX) return decimalType(precision, scale);
  const kept = Math.min(scale, SCALE_KEPT);
  const whole = precision - scale;
  return decimalType(DECIMAL_PRECISION_MAX, Math.max(DECIMAL_PRECISION_MAX - whole, kept));
}

/** The type of a + b and a − b. */
export function decimalSumType(a: DecimalShape, b: DecimalShape): SqlType {
  const scale = Math.max(a.scale, b.scale);
  const whole = Math.max(a.precision - a.scale, b.precision - b.scale);
  return cappedDecimal(whole + scale + 1, scale);
}

export function decimalProductType(a: DecimalShape, b: DecimalShape): SqlType {
  return cappedDecimal(a.precision + b.precision + 1, a.scale + b.scale);
}

export function decimalQuotientType(a: DecimalShape, b: DecimalShape): SqlType {
  const scale = Math.max(SCALE_KEPT, a.scale + b.precision + 1);
  return cappedDecimal(a.precision - a.scale + b.scale + scale, scale);
}

export function decimalRemainderType(a: DecimalShape, b: DecimalShape): SqlType {
  const scale = Math.max(a.scale, b.scale);
  return cappedDecimal(Math.min(a.precision - a.scale, b.precision - b.scale) + scale, scale);
}

/** The type of ROUND(a, digits). */
export function decimalRoundType(a: DecimalShape, digits: number): SqlType {
  if (digits >= a.scale) return decimalType(a.precision, a.scale);
  const scale = Math.max(digits, 0);
  const precision = a.precision - a.scale + 1 + scale;
  return decimalType(Math.min(precision, DECIMAL_PRECISION_MAX), scale);
}

/** Digits before and after the point that hold both; undefined beyond 38. */
function exactJoin(a: DecimalShape, b: DecimalShape): DecimalShape | undefined {
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.precision - a.scale, b.precision - b.scale) + scale;
  return precision <= DECIMAL_PRECISION_MAX ? { precision, scale } : undefined;
}

/** The type that values of all types convert to without a written CAST; undefined when none. */
export function commonType(types: readonly SqlType[]): SqlType | undefined {
  let joined: SqlType | undefined = NULL_TYPE;
  for (const type of types) {
    joined = joinTypes(joined, type);
    if (joined === undefined) return undefined;
  }
  return joined;
}

function joinTypes(a: SqlType, b: SqlType): SqlType | undefined {
  if (a.kind === 'null' || sameType(a, b)) return b;
  if (b.kind === 'null') return a;
  if (isNumeric(a) && isNumeric(b)) return joinNumbers(a, b);
  if (isCalendar(a) && isCalendar(b)) return TIMESTAMP;
  return joinNested(a, b);
}

function joinNumbers(a: SqlType, b: SqlType): SqlType {
  if (a.kind === 'double' || b.kind === 'double') return DOUBLE;
  if (a.kind === 'bigint' && b.kind === 'bigint') return BIGINT;
  const left = decimalShape(a);
  const right = decimalShape(b);
  const scale = Math.max(left.scale, right.scale);
  const whole = Math.max(left.precision - left.scale, right.precision - right.scale);
  return cappedDecimal(whole + scale, scale);
}

function joinNested(a: SqlType, b: SqlType): SqlType | undefined {
  if (a.kind === 'array' && b.kind === 'array') {
    const element = joinTypes(a.element, b.element);
    return element && { kind: 'array', element };
  }
  if (a.kind === 'map' && b.kind === 'map') {
    const key = joinTypes(a.key, b.key);
    const value = joinTypes(a.value, b.value);
    return key && value && { kind: 'map', key, value };
  }
  if (a.kind === 'row' && b.kind === 'row' && a.fields.length === b.fields.length) {
    const fields = a.fields.flatMap((field, i) => {
      const other = b.fields[i];
      const type = other && joinTypes(field.type, other.type);
      return type ? [{ name: field.name, type }] : [];
    });
    return fields.length === a.fields.length ? { kind: 'row', fields } : undefined;
  }
  return undefined;
}

function isCalendar(type: SqlType): boolean {
  return type.kind === 'timestamp' || type.kind === 'date';
}

/**
 * The types that two sides of a comparison are cast to; undefined when they do not compare. The
 * two are one type, with two exceptions that stay as they are so that no digit is lost: BIGINT
 * against DOUBLE, and exact numbers whose join has more than 38 digits. A text literal beside a
 * TIMESTAMP or DATE is read as one; BIGINT beside TIMESTAMP or INTERVAL counts milliseconds.
 */
export function comparisonTypes(
  a: ArgumentInfo,
  b: ArgumentInfo,
): readonly [SqlType, SqlType] | undefined {
  if (isNumeric(a.type) && isNumeric(b.type)) return numericComparison(a, b);
  const joined = joinTypes(a.type, b.type);
  if (joined !== undefined) return [joined, joined];
  if (compareAsMilliseconds([a.type, b.type])) return [BIGINT, BIGINT];
  if (isCalendar(a.type) && isTextLiteral(b)) return literalComparison(a.type, b);
  if (isCalendar(b.type) && isTextLiteral(a)) return literalComparison(b.type, a);
  return undefined;
}

function numericComparison(a: ArgumentInfo, b: ArgumentInfo): readonly [SqlType, SqlType] {
  if (isExact(a.type) && isExact(b.type)) {
    if (sameType(a.type, b.type)) return [a.type, a.type];
    const shape = exactJoin(decimalShape(a.type), decimalShape(b.type));
    if (shape === undefined) return [a.type, b.type];
    const joined = decimalType(shape.precision, shape.scale);
    return [joined, joined];
  }
  if (isLossyBesideDouble(a) || isLossyBesideDouble(b)) return [a.type, b.type];
  return [DOUBLE, DOUBLE];
}

/** A BIGINT that a double may not hold: any but a small literal. */
function isLossyBesideDouble(argument: ArgumentInfo): boolean {
  if (argument.type.kind !== 'bigint') return false;
  const value = argument.literal;
  return typeof value !== 'bigint' || BigInt(Number(value)) !== value;
}

/** BIGINT beside times, or beside lengths of time; a time does not compare with a length. */
function compareAsMilliseconds(types: readonly SqlType[]): boolean {
  const isCounted = (type: SqlType): boolean => type.kind === 'bigint' || type.kind === 'null';
  const isLength = (type: SqlType): boolean =>
    type.kind === 'interval' && type.unit === 'millisecond';
  return (
    types.every((type) => isCounted(type) || isTimestamp(type)) ||
    types.every((type) => isCounted(type) || isLength(type))
  );
}

function isTextLiteral(argument: ArgumentInfo): boolean {
  return argument.type.kind === 'varchar' && typeof argument.literal === 'string';
}

/** A DATE beside a literal with a time of day is compared as a TIMESTAMP. */
function literalComparison(type: SqlType, literal: ArgumentInfo): readonly [SqlType, SqlType] {
  const hasTime = typeof literal.literal === 'string' && literal.literal.trim().length > 10;
  const target = type.kind === 'date' && hasTime ? TIMESTAMP : type;
  return [target, target];
}

/** The one type that IN's operand and list are cast to; undefined when they do not compare. */
export function membershipType(operands: readonly ArgumentInfo[]): SqlType | undefined {
  const joined = commonType(operands.map((operand) => operand.type));
  if (joined !== undefined) return joined;
  const [first] = operands;
  const texts = operands.filter(isTextLiteral);
  const rest = operands.filter((operand) => !isTextLiteral(operand));
  const restType = commonType(rest.map((operand) => operand.type));
  if (first === undefined) return undefined;
  if (restType !== undefined && isCalendar(restType) && texts.length > 0) {
    return texts.map((text) => literalComparison(restType, text)[0]).find(isTimestamp) ?? restType;
  }
  return compareAsMilliseconds(operands.map((operand) => operand.type)) ? BIGINT : undefined;
}

function isTimestamp(type: SqlType): boolean {
  return type.kind === 'timestamp';
}

/** Whether a value converts without a written CAST: NULL, numbers to wider ones, DATE to TIMESTAMP. */
export function canCastImplicitly(from: SqlType, to: SqlType): boolean {
  const joined = joinTypes(from, to);
  return joined !== undefined && sameType(joined, to);
}
