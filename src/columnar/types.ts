/**
 * SQL types and SQL values. Owns the type union, its printed form and the JavaScript form of a
 * single value (used by the interpreter, literals and snapshots, never per row on a hot path).
 * How a column of a type is laid out is column.ts.
 */
import { assertNever } from '../base/assert.js';

export type SqlType =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'bigint' }
  | { readonly kind: 'double' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'varchar' }
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'date' }
  | { readonly kind: 'interval'; readonly unit: 'millisecond' | 'month' }
  | { readonly kind: 'array'; readonly element: SqlType }
  | { readonly kind: 'map'; readonly key: SqlType; readonly value: SqlType }
  | { readonly kind: 'row'; readonly fields: readonly RowField[] };

export interface RowField {
  readonly name: string;
  readonly type: SqlType;
}

export const NULL_TYPE: SqlType = { kind: 'null' };
export const BOOLEAN: SqlType = { kind: 'boolean' };
export const BIGINT: SqlType = { kind: 'bigint' };
export const DOUBLE: SqlType = { kind: 'double' };
export const VARCHAR: SqlType = { kind: 'varchar' };
export const TIMESTAMP: SqlType = { kind: 'timestamp' };
export const DATE: SqlType = { kind: 'date' };
export const INTERVAL_MS: SqlType = { kind: 'interval', unit: 'millisecond' };
export const INTERVAL_MONTH: SqlType = { kind: 'interval', unit: 'month' };
export const decimalType = (precision: number, scale: number): SqlType => ({
  kind: 'decimal',
  precision,
  scale,
});

export const DECIMAL_PRECISION_MAX = 38;
export const BIGINT_MIN = -(2n ** 63n);
export const BIGINT_MAX = 2n ** 63n - 1n;

/**
 * One value: BIGINT and the unscaled integer of a DECIMAL are `bigint`; DOUBLE, TIMESTAMP (ms),
 * DATE (days) and INTERVAL (ms or months) are `number`; VARCHAR is `string`; ARRAY and ROW are
 * arrays; MAP is a SqlMap; NULL is `null`.
 */
export type SqlValue = null | boolean | number | bigint | string | readonly SqlValue[] | SqlMap;

/** A MAP value: parallel keys and values in order of first appearance. */
export interface SqlMap {
  readonly keys: readonly SqlValue[];
  readonly values: readonly SqlValue[];
}

export function isSqlMap(value: SqlValue): value is SqlMap {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

export function isNumeric(type: SqlType): boolean {
  return type.kind === 'bigint' || type.kind === 'double' || type.kind === 'decimal';
}

/** BIGINT and DECIMAL: values that are whole numbers of some unit and must stay exact. */
export function isExact(type: SqlType): boolean {
  return type.kind === 'bigint' || type.kind === 'decimal';
}

export function sameType(a: SqlType, b: SqlType): boolean {
  return typeText(a) === typeText(b);
}

/** The type as SQL writes it, in the canonical spelling of error messages and EXPLAIN. */
export function typeText(type: SqlType): string {
  switch (type.kind) {
    case 'null':
      return 'NULL';
    case 'boolean':
      return 'BOOLEAN';
    case 'bigint':
      return 'BIGINT';
    case 'double':
      return 'DOUBLE';
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'varchar':
      return 'VARCHAR';
    case 'timestamp':
      return 'TIMESTAMP(3)';
    case 'date':
      return 'DATE';
    case 'interval':
      return type.unit === 'month' ? 'INTERVAL MONTH' : 'INTERVAL SECOND(3)';
    case 'array':
      return `ARRAY<${typeText(type.element)}>`;
    case 'map':
      return `MAP<${typeText(type.key)}, ${typeText(type.value)}>`;
    case 'row': {
      const fields = type.fields.map((field) => `${field.name} ${typeText(field.type)}`);
      return `ROW<${fields.join(', ')}>`;
    }
    default:
      return assertNever(type);
  }
}
