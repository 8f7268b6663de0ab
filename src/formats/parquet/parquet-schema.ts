/**
 * The schema of a Parquet file as shapes of values and SQL types. Owns what of Parquet fits SQL:
 * logical and converted types, lists and maps in their old and new forms, NULL. Putting the values
 * of nested columns together is parquet-nesting.ts.
 *
 * hyparquet reads values as they are stored (leafElement() takes away what it would convert by,
 * where decimals and times would lose digits): INT32 as number, INT64 as bigint, texts as bytes.
 */
import type { LogicalType, SchemaElement, SchemaTree } from 'hyparquet';
import { parseFloat16 } from 'hyparquet/src/convert.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DECIMAL_PRECISION_MAX,
  DOUBLE,
  TIMESTAMP,
  VARCHAR,
  decimalType,
} from '../../columnar/types.js';
import type { RowField, SqlType } from '../../columnar/types.js';
import { textOf } from '../message/value-writer.js';
import type { FieldShape, MapEntry, ValueShape } from '../message/value-shape.js';

interface ParquetType {
  readonly shape: ValueShape;
  /** null: no SQL type holds it. */
  readonly type: SqlType | null;
}

const opaque = (reason: string): ParquetType => ({ shape: { kind: 'opaque', reason }, type: null });

/** What the values of a node are, where they are not NULL. */
export function parquetType(node: SchemaTree): ParquetType {
  const value = node.children.length === 0 ? leafType(node.element) : groupType(node);
  // A repeated node without a list around it is one: a form of old.
  if (node.element.repetition_type !== 'REPEATED') return value;
  return listOf(value);
}

function groupType(node: SchemaTree): ParquetType {
  const element = listElement(node);
  if (element !== null)
    return listOf(element.isRepeated ? bareType(element.node) : parquetType(element.node));
  const entry = mapEntry(node);
  if (entry !== null) return mapOf(parquetType(entry.key), parquetType(entry.value));
  if (node.element.logical_type?.type === 'VARIANT') return opaque('a VARIANT');
  return recordOf(node);
}

/** The type of a repeated node's single values. */
function bareType(node: SchemaTree): ParquetType {
  return node.children.length === 0 ? leafType(node.element) : recordOf(node);
}

function listOf({ shape, type }: ParquetType): ParquetType {
  return {
    shape: { kind: 'list', element: shape },
    type: type === null ? null : { kind: 'array', element: type },
  };
}

function mapOf(key: ParquetType, value: ParquetType): ParquetType {
  const isKey = key.type?.kind === 'varchar' || key.type?.kind === 'bigint';
  if (!isKey) return opaque('a map whose keys are neither texts nor whole numbers');
  const { type } = value;
  const entries = (map: unknown): readonly MapEntry[] =>
    // Checked boundary: parquet-nesting.ts gives maps as lists of keys and values.
    (map as readonly (readonly [unknown, unknown])[]).map(([name, each]) => [keyText(name), each]);
  return {
    shape: { kind: 'map', value: value.shape, entries },
    type: key.type === null || type === null ? null : { kind: 'map', key: key.type, value: type },
  };
}

function keyText(key: unknown): string | null {
  if (key instanceof Uint8Array) return textOf(key);
  return typeof key === 'number' || typeof key === 'bigint' ? String(key) : null;
}

/** Values are arrays, a field of its number. */
function recordOf(node: SchemaTree): ParquetType {
  const fields: FieldShape[] = [];
  const columns: RowField[] = [];
  node.children.forEach((child, index) => {
    const { shape, type } = parquetType(child);
    const { name } = child.element;
    const get = (value: unknown): unknown => (value as readonly unknown[])[index];
    fields.push({ name, shape, get });
    if (type !== null) columns.push({ name, type });
  });
  return {
    shape: { kind: 'record', name: node.element.name, fields: () => fields },
    type: columns.length === 0 ? null : { kind: 'row', fields: columns },
  };
}

interface ListElement {
  readonly node: SchemaTree;
  /** The element is the repeated node itself: a form of old. */
  readonly isRepeated: boolean;
}

/** The element of a list; null: the node is none. */
export function listElement({ element, children }: SchemaTree): ListElement | null {
  const [repeated] = children;
  const isList = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
  if (!isList || repeated?.element.repetition_type !== 'REPEATED' || children.length !== 1)
    return null;
  const [only] = repeated.children;
  const { name } = repeated.element;
  const isOld =
    repeated.children.length !== 1 || name === 'array' || name === `${element.name}_tuple`;
  return isOld || only === undefined
    ? { node: repeated, isRepeated: true }
    : { node: only, isRepeated: false };
}

interface MapParts {
  readonly key: SchemaTree;
  readonly value: SchemaTree;
}

/** Key and value of a map; null: the node is none. */
export function mapEntry({ element, children }: SchemaTree): MapParts | null {
  const [repeated] = children;
  const { converted_type: converted, logical_type: logical } = element;
  const isMap = converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP';
  if (!isMap || repeated?.element.repetition_type !== 'REPEATED' || children.length !== 1)
    return null;
  const [key, value] = repeated.children;
  return key === undefined || value === undefined ? null : { key, value };
}

/** The element that hyparquet is to read by. */
export function leafElement({
  type,
  type_length,
  repetition_type,
  name,
}: SchemaElement): SchemaElement {
  return {
    name,
    ...(type === undefined ? {} : { type }),
    ...(type_length === undefined ? {} : { type_length }),
    ...(repetition_type === undefined ? {} : { repetition_type }),
  };
}

function leafType(element: SchemaElement): ParquetType {
  const { logical_type: logical } = element;
  switch (element.type) {
    case 'BOOLEAN':
      return { shape: { kind: 'boolean' }, type: BOOLEAN };
    case 'INT32':
    case 'INT64':
      return wholeType(element);
    case 'INT96':
      return { shape: { kind: 'timestamp', perMs: 1_000_000 }, type: TIMESTAMP };
    case 'FLOAT':
    case 'DOUBLE':
      return { shape: { kind: 'double' }, type: DOUBLE };
    case 'BYTE_ARRAY':
      return decimalOf(element) ?? bytesType(element);
    case 'FIXED_LEN_BYTE_ARRAY': {
      if (logical?.type === 'UUID')
        return { shape: { kind: 'text', unwrap: uuidText }, type: VARCHAR };
      if (logical?.type === 'FLOAT16') {
        // Checked boundary: values of such columns are bytes.
        const unwrap = (value: unknown): unknown => parseFloat16(value as Uint8Array);
        return { shape: { kind: 'double', unwrap }, type: DOUBLE };
      }
      if (element.converted_type === 'INTERVAL') {
        return opaque('an interval of months, days and milliseconds');
      }
      return decimalOf(element) ?? { shape: { kind: 'bytes' }, type: VARCHAR };
    }
    default:
      return opaque('of an unknown type');
  }
}

function bytesType({
  converted_type: converted,
  logical_type: logical,
}: SchemaElement): ParquetType {
  const isText =
    converted === 'UTF8' ||
    converted === 'ENUM' ||
    converted === 'JSON' ||
    ['STRING', 'ENUM', 'JSON'].includes(logical?.type ?? '');
  return { shape: { kind: isText ? 'text' : 'bytes' }, type: VARCHAR };
}

function wholeType(element: SchemaElement): ParquetType {
  const { type, converted_type: converted, logical_type: logical } = element;
  const decimal = decimalOf(element);
  if (decimal !== null) return decimal;
  if (converted === 'DATE' || logical?.type === 'DATE')
    return { shape: { kind: 'date' }, type: DATE };
  const perMs = ticksPerMs(converted, logical);
  if (perMs !== null) return { shape: { kind: 'timestamp', perMs }, type: TIMESTAMP };
  const unsigned =
    (converted?.startsWith('UINT_') ?? false) || (logical?.type === 'INTEGER' && !logical.isSigned);
  if (!unsigned) return { shape: { kind: 'integer' }, type: BIGINT };
  if (type === 'INT32') {
    return { shape: { kind: 'integer', unwrap: (value) => Number(value) >>> 0 }, type: BIGINT };
  }
  const unwrap = (value: unknown): unknown => BigInt.asUintN(64, BigInt(value as bigint));
  return { shape: { kind: 'integer', unwrap }, type: decimalType(20, 0) };
}

function ticksPerMs(
  converted: SchemaElement['converted_type'],
  logical: LogicalType | undefined,
): number | null {
  if (logical?.type === 'TIMESTAMP') {
    return { MILLIS: 1, MICROS: 1_000, NANOS: 1_000_000 }[logical.unit];
  }
  if (converted === 'TIMESTAMP_MILLIS') return 1;
  return converted === 'TIMESTAMP_MICROS' ? 1_000 : null;
}

/** null: it is none. */
function decimalOf({
  converted_type,
  logical_type,
  precision,
  scale,
}: SchemaElement): ParquetType | null {
  const isDecimal = converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL';
  if (!isDecimal) return null;
  const logical = logical_type?.type === 'DECIMAL' ? logical_type : null;
  const digits = logical?.precision ?? precision ?? DECIMAL_PRECISION_MAX;
  const places = logical?.scale ?? scale ?? 0;
  if (digits > DECIMAL_PRECISION_MAX || places < 0 || places > digits) {
    return opaque(`a decimal of ${digits} digits, ${places} of them behind the point`);
  }
  return { shape: { kind: 'decimal', scale: places }, type: decimalType(digits, places) };
}

function uuidText(value: unknown): unknown {
  // Checked boundary: values of such columns are 16 bytes.
  const hex = Buffer.from(value as Uint8Array).toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return Buffer.from([...parts, hex.slice(20)].join('-'), 'latin1');
}
