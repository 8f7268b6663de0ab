/**
 * CAST: which types convert and how a single value does. Fewer digits round half away from zero;
 * text is trimmed; what does not fit is a CAST_FAILED data fault. TRY_CAST is the caller's catch.
 * TIMESTAMP and BIGINT convert as milliseconds, DATE and BIGINT as days.
 */
import { assert, assertNever } from '../base/assert.js';
import { isSqlMap, sameType, typeText } from '../columnar/types.js';
import type { SqlMap, SqlType, SqlValue } from '../columnar/types.js';
import { MS_PER_DAY, TIMESTAMP_MS_MAX } from './time/calendar.js';
import {
  decimalToDouble,
  divideRounded,
  doubleParts,
  fitsBigint,
  fitsPrecision,
  parseNumberText,
  partsToBigint,
  partsToDecimal,
  powerOfTen,
  rescale,
} from './decimal.js';
import { DataFault } from './registry-types.js';
import { parseDate, parseTimestamp } from './time/time-format.js';
import { valueText } from './value-text.js';

type Kind = SqlType['kind'];

/** Per target, the scalar sources it takes beside NULL and its own kind. */
const SOURCES: Readonly<Partial<Record<Kind, readonly Kind[]>>> = {
  boolean: ['bigint', 'double', 'decimal', 'varchar'],
  bigint: ['boolean', 'double', 'decimal', 'varchar', 'timestamp', 'date', 'interval'],
  double: ['boolean', 'bigint', 'decimal', 'varchar'],
  decimal: ['boolean', 'bigint', 'double', 'varchar'],
  timestamp: ['varchar', 'bigint', 'date'],
  date: ['varchar', 'bigint', 'timestamp'],
  interval: ['bigint'],
};

/** Whether CAST(from AS to) is allowed; whether a value fits is found when it is converted. */
export function canCast(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'null' || sameType(from, to) || to.kind === 'varchar') return true;
  if (from.kind === 'array' && to.kind === 'array') return canCast(from.element, to.element);
  if (from.kind === 'map' && to.kind === 'map') {
    return canCast(from.key, to.key) && canCast(from.value, to.value);
  }
  if (from.kind === 'row' && to.kind === 'row') {
    if (from.fields.length !== to.fields.length) return false;
    return from.fields.every((field, i) => {
      const target = to.fields[i];
      return target !== undefined && canCast(field.type, target.type);
    });
  }
  if (from.kind === to.kind) return from.kind === 'decimal';
  return SOURCES[to.kind]?.includes(from.kind) ?? false;
}

/** The value as `to`; NULL stays NULL. Throws DataFault CAST_FAILED; `canCast` must hold. */
export function castValue(value: SqlValue, from: SqlType, to: SqlType): SqlValue {
  return converted(value, from, to, castValue);
}

/**
 * The value as the common type of several: as castValue has it, but a BIGINT that no DOUBLE holds is
 * a fault, since nobody wrote that it may be rounded.
 */
export function unifiedValue(value: SqlValue, from: SqlType, to: SqlType): SqlValue {
  const result = converted(value, from, to, unifiedValue);
  const isRounded = typeof value === 'bigint' && from.kind === 'bigint' && to.kind === 'double';
  if (!isRounded || BigInt(result as number) === value) return result;
  throw roundedFault();
}

/** The fault of a BIGINT that loses digits beside a DOUBLE; kernels say the same. */
export function roundedFault(): DataFault {
  return new DataFault('NUMERIC_OVERFLOW', ROUNDED_TEXT);
}

export const ROUNDED_TEXT =
  'a BIGINT beside a DOUBLE has more digits than a DOUBLE holds: round it with CAST(… AS DOUBLE)';

type Convert = (value: SqlValue, from: SqlType, to: SqlType) => SqlValue;

/** `inner` converts what is inside of nested values. */
function converted(value: SqlValue, from: SqlType, to: SqlType, inner: Convert): SqlValue {
  if (value === null || from.kind === 'null') return null;
  if (sameType(from, to)) return value;
  switch (to.kind) {
    case 'null':
      return value;
    case 'boolean':
      return toBoolean(value, from);
    case 'bigint':
      return toBigint(value, from);
    case 'double':
      return toDouble(value, from);
    case 'decimal':
      return toDecimal(value, from, to);
    case 'varchar':
      return valueText(value, from);
    case 'timestamp':
      return toTimestamp(value, from);
    case 'date':
      return toDate(value, from);
    case 'interval':
      return toInterval(value, from, to);
    case 'array':
      assert(from.kind === 'array', 'only an ARRAY casts to ARRAY');
      return castList(value, inner, () => [from.element, to.element]);
    case 'row':
      assert(from.kind === 'row', 'only a ROW casts to ROW');
      return castList(value, inner, (i) => {
        const [source, target] = [from.fields[i], to.fields[i]];
        assert(source && target, 'ROWs that cast have as many fields');
        return [source.type, target.type];
      });
    case 'map':
      assert(from.kind === 'map' && isSqlMap(value), 'only a MAP casts to MAP');
      return castMap(value, from, to, inner);
    default:
      return assertNever(to);
  }
}

const TEXT_SHOWN_MAX = 60;

/** The fault of a value that does not fit, which shows the value. */
export function castFault(value: SqlValue, from: SqlType, to: SqlType): DataFault {
  const text = valueText(value, from);
  const shown = text.length > TEXT_SHOWN_MAX ? `${text.slice(0, TEXT_SHOWN_MAX)}…` : text;
  const quoted = from.kind === 'varchar' ? `'${shown}'` : shown;
  return new DataFault('CAST_FAILED', `${quoted} does not convert to ${typeText(to)}`);
}

const TRUE_TEXTS = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const FALSE_TEXTS = new Set(['false', 'f', 'no', 'n', 'off', '0']);

function toBoolean(value: SqlValue, from: SqlType): boolean {
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  const text = (value as string).trim().toLowerCase();
  if (TRUE_TEXTS.has(text)) return true;
  if (FALSE_TEXTS.has(text)) return false;
  throw castFault(value, from, { kind: 'boolean' });
}

function toBigint(value: SqlValue, from: SqlType): bigint {
  const result = bigintOf(value, from);
  if (result !== undefined && fitsBigint(result)) return result;
  throw castFault(value, from, { kind: 'bigint' });
}

function bigintOf(value: SqlValue, from: SqlType): bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'bigint') {
    return from.kind === 'decimal' ? divideRounded(value, powerOfTen(from.scale)) : value;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? roundedBigint(value) : undefined;
  const parts = parseNumberText(value as string);
  return parts && partsToBigint(parts);
}

/** Half away from zero; adding 0.5 would round 0.49999999999999994 up. */
function roundedBigint(value: number): bigint {
  const whole = Math.trunc(value);
  const away = Math.abs(value - whole) >= 0.5 ? Math.sign(value) : 0;
  return BigInt(whole + away);
}

function toDouble(value: SqlValue, from: SqlType): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'bigint') {
    return from.kind === 'decimal' ? decimalToDouble(value, from.scale) : Number(value);
  }
  const text = (value as string).trim();
  const result = parseNumberText(text) === undefined ? NaN : Number(text);
  if (Number.isFinite(result)) return result;
  throw castFault(value, from, { kind: 'double' });
}

type DecimalType = Extract<SqlType, { kind: 'decimal' }>;

function toDecimal(value: SqlValue, from: SqlType, to: DecimalType): bigint {
  const result = decimalOf(value, from, to);
  if (result !== undefined && fitsPrecision(result, to.precision)) return result;
  throw castFault(value, from, to);
}

function decimalOf(value: SqlValue, from: SqlType, to: DecimalType): bigint | undefined {
  if (typeof value === 'boolean') return value ? powerOfTen(to.scale) : 0n;
  if (typeof value === 'bigint') {
    return rescale(value, from.kind === 'decimal' ? from.scale : 0, to.scale);
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return undefined;
    return partsToDecimal(doubleParts(value), to.precision, to.scale);
  }
  const parts = parseNumberText(value as string);
  return parts && partsToDecimal(parts, to.precision, to.scale);
}

function toTimestamp(value: SqlValue, from: SqlType): number {
  if (from.kind === 'date') return (value as number) * MS_PER_DAY;
  const ms = typeof value === 'bigint' ? Number(value) : parseTimestamp(value as string);
  if (ms !== undefined && Math.abs(ms) <= TIMESTAMP_MS_MAX) return ms;
  throw castFault(value, from, { kind: 'timestamp' });
}

function toDate(value: SqlValue, from: SqlType): number {
  if (from.kind === 'timestamp') return Math.floor((value as number) / MS_PER_DAY);
  const days = typeof value === 'bigint' ? Number(value) : parseDate(value as string);
  if (days !== undefined && Math.abs(days) <= TIMESTAMP_MS_MAX / MS_PER_DAY) return days;
  throw castFault(value, from, { kind: 'date' });
}

function toInterval(value: SqlValue, from: SqlType, to: SqlType): number {
  const size = Number(value);
  if (Number.isSafeInteger(size)) return size;
  throw castFault(value, from, to);
}

function castList(
  value: SqlValue,
  inner: Convert,
  typesAt: (index: number) => readonly [SqlType, SqlType],
): readonly SqlValue[] {
  return (value as readonly SqlValue[]).map((element, i) => inner(element, ...typesAt(i)));
}

type MapType = Extract<SqlType, { kind: 'map' }>;

function castMap(value: SqlMap, from: MapType, to: MapType, inner: Convert): SqlMap {
  return {
    keys: value.keys.map((key) => inner(key, from.key, to.key)),
    values: value.values.map((item) => inner(item, from.value, to.value)),
  };
}
