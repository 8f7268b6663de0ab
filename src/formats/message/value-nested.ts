/**
 * Decoded lists, maps and records as values of ARRAY, MAP and ROW columns. Owns the walk along the
 * type; scalars inside convert as they would in a column of their own (value-writer.ts).
 */
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import { columnValue } from '../../columnar/column.js';
import { typeText } from '../../columnar/types.js';
import type { RowField, SqlType, SqlValue } from '../../columnar/types.js';
import { createTarget } from '../columns/create-target.js';
import { ShapeFault, shapeText } from './value-shape.js';
import type { FieldShape, ValueShape } from './value-shape.js';
import { createValueWriter, textOf } from './value-writer.js';

const encoder = new TextEncoder();

/** The SQL value of a decoded one that is not null; undefined when it does not convert. */
export type NestedReader = (value: unknown) => SqlValue | undefined;

/** Throws ShapeFault where no value of the shape converts to the type. */
export function createNestedReader(shape: ValueShape, type: SqlType): NestedReader {
  const read = readerOf(shape, type);
  const { unwrap } = shape;
  if (unwrap === undefined) return read;
  return (value) => {
    const unwrapped = unwrap(value);
    return unwrapped === null || unwrapped === undefined ? null : read(unwrapped);
  };
}

function readerOf(shape: ValueShape, type: SqlType): NestedReader {
  if (type.kind === 'array' && shape.kind === 'list') {
    return listReader(createNestedReader(shape.element, type.element));
  }
  if (type.kind === 'map' && shape.kind === 'map') {
    const entry = createNestedReader(shape.value, type.value);
    return mapReader(shape.entries, keyReader(type.key), entry);
  }
  if (type.kind === 'row' && shape.kind === 'record') return rowReader(shape.fields(), type.fields);
  if (type.kind === 'array' || type.kind === 'map' || type.kind === 'row') {
    throw new ShapeFault(`is ${shapeText(shape)}, which a ${typeText(type)} does not hold`);
  }
  return scalarReader(shape, type);
}

function listReader(element: NestedReader): NestedReader {
  return (value) => {
    // Checked boundary: values of the shape list are arrays.
    const items = value as readonly unknown[];
    const values: SqlValue[] = [];
    for (const item of items) {
      const read = item === null || item === undefined ? null : element(item);
      if (read === undefined) return undefined;
      values.push(read);
    }
    return values;
  };
}

function mapReader(
  entries: Extract<ValueShape, { kind: 'map' }>['entries'],
  key: (text: string) => SqlValue | undefined,
  entry: NestedReader,
): NestedReader {
  return (value) => {
    const map = new Map<SqlValue, SqlValue>();
    for (const [text, item] of entries(value)) {
      const readKey = text === null ? undefined : key(text);
      const read = item === null || item === undefined ? null : entry(item);
      if (readKey === undefined || read === undefined) return undefined;
      map.set(readKey, read);
    }
    return { keys: [...map.keys()], values: [...map.values()] };
  };
}

/** Keys come as text, whatever their type. */
function keyReader(type: SqlType): (text: string) => SqlValue | undefined {
  if (type.kind === 'varchar') return (text) => text;
  const read = scalarReader({ kind: 'text' }, type);
  return (text) => read(encoder.encode(text));
}

function rowReader(fields: readonly FieldShape[], wanted: readonly RowField[]): NestedReader {
  const places = wanted.map(({ name, type }) => {
    const field = fields.find((each) => each.name === name);
    if (field === undefined) return null;
    try {
      return { get: field.get, read: createNestedReader(field.shape, type) };
    } catch (error) {
      if (!(error instanceof ShapeFault)) throw error;
      throw new ShapeFault(`has a field "${name}" that ${error.message}`);
    }
  });
  return (record) => {
    const values: SqlValue[] = [];
    for (const place of places) {
      const value = place === null ? null : place.get(record);
      const read =
        place === null || value === null || value === undefined ? null : place.read(value);
      if (read === undefined) return undefined;
      values.push(read);
    }
    return values;
  };
}

/** By way of a column of one row, so that it converts as a column's value does. */
function scalarReader(shape: ValueShape, type: SqlType): NestedReader {
  if (type.kind === 'varchar' && shape.kind === 'text') {
    // Plain texts need no dictionary: most differ from each other.
    return (value) => textOf(value as Uint8Array) ?? undefined;
  }
  const target = createTarget(type, 1);
  const write = createValueWriter(shape, target);
  let rows = 0;
  return (value) => {
    // Texts of one batch lie behind each other in a wide column; begin() lets them go.
    rows += 1;
    if (rows % BATCH_ROWS_MAX === 0) target.begin();
    return write(value, 0) ? columnValue(target.column, type, 0) : undefined;
  };
}
