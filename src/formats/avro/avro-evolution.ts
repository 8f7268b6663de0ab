/**
 * The fields of Avro records as the schema that a table gives names them: those of records that were
 * written with another version, by name or alias, and defaults of fields that such records lack.
 * Owns only this pairing. A column that the table's schema does not name takes the written field.
 */
import { defaultValue } from './avro-default.js';
import { fieldShapes } from './avro-schema.js';
import type { AvroField, AvroRecord } from './avro-schema.js';
import { ShapeFault } from '../message/value-shape.js';
import type { FieldShape } from '../message/value-shape.js';

/** Throws ShapeFault for a default that is none of its field's type. */
export function evolvedShapes(written: AvroRecord, given: AvroRecord): readonly FieldShape[] {
  const shapes = fieldShapes(written);
  const absent = fieldShapes(given);
  const evolved = given.fields.flatMap((field): readonly FieldShape[] => {
    const source = writtenField(written, field);
    if (source !== null) {
      const shape = shapes.find(({ name }) => name === source.name);
      return shape === undefined ? [] : [{ ...shape, name: field.name }];
    }
    const shape = absent.find(({ name }) => name === field.name);
    if (shape === undefined || field.preset === undefined) return [];
    const preset = presetOf(field);
    return [{ ...shape, get: () => preset }];
  });
  const others = shapes.filter(({ name }) => !given.fields.some((field) => field.name === name));
  return [...evolved, ...others];
}

/** Names of the written fields that fill these columns. */
export function writtenNames(
  written: AvroRecord,
  given: AvroRecord,
  columns: readonly string[],
): ReadonlySet<string> {
  const names = columns.map((column) => {
    const field = given.fields.find(({ name }) => name === column);
    return field === undefined ? column : (writtenField(written, field)?.name ?? column);
  });
  return new Set(names);
}

/** A field of the same name comes before one that an alias names. */
function writtenField({ fields }: AvroRecord, { name, aliases }: AvroField): AvroField | null {
  for (const known of [name, ...aliases]) {
    const field = fields.find((each) => each.name === known);
    if (field !== undefined) return field;
  }
  return null;
}

function presetOf({ name, node, preset }: AvroField): unknown {
  try {
    return defaultValue(node, preset);
  } catch (error) {
    if (!(error instanceof ShapeFault)) throw error;
    throw new ShapeFault(`field "${name}" of the table's schema ${error.message}`);
  }
}
