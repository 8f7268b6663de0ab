/**
 * Defaults that Avro schemas have for fields, as avsc would give the value if a record held it
 * (value-shape.ts). Owns only this reading of JSON.
 */
import { assertNever } from '../../base/assert.js';
import { fieldName, symbolName } from './avro-schema.js';
import type { AvroEntry, AvroNode } from './avro-schema.js';
import { ShapeFault } from '../message/value-shape.js';

/** Throws ShapeFault for a default that is none of the type. */
export function defaultValue(node: AvroNode, preset: unknown): unknown {
  switch (node.kind) {
    case 'null':
      return checked(preset, preset === null, null);
    case 'boolean':
      return checked(preset, typeof preset === 'boolean', preset);
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return checked(preset, typeof preset === 'number', preset);
    case 'string':
      return Buffer.from(textOf(preset));
    case 'bytes':
    case 'fixed':
      // Each character stands for a byte.
      return Buffer.from(textOf(preset), 'latin1');
    case 'enum':
      return symbolDefault(node.symbols, preset);
    case 'union':
      return unionDefault(node.branches, preset);
    case 'array':
      if (!Array.isArray(preset)) throw unfit(preset);
      return preset.map((item) => defaultValue(node.items, item));
    case 'map':
      return Object.entries(objectOf(preset)).map(([key, value]): AvroEntry => {
        return { k: Buffer.from(key), v: defaultValue(node.values, value) };
      });
    case 'record': {
      const given = objectOf(preset);
      return Object.fromEntries(
        node.fields.map((field, index) => {
          const own = Object.hasOwn(given, field.name) ? given[field.name] : field.preset;
          return [fieldName(index), defaultValue(field.node, own)];
        }),
      );
    }
    default:
      return assertNever(node);
  }
}

/** The default is of the first branch that takes it: mostly the first, as Avro once wanted it. */
function unionDefault(branches: readonly AvroNode[], preset: unknown): unknown {
  for (const branch of branches) {
    try {
      return defaultValue(branch, preset);
    } catch (error) {
      if (!(error instanceof ShapeFault)) throw error;
    }
  }
  throw unfit(preset);
}

function checked(preset: unknown, fits: boolean, value: unknown): unknown {
  if (fits) return value;
  throw unfit(preset);
}

function symbolDefault(symbols: readonly string[], preset: unknown): string {
  const index = symbols.indexOf(textOf(preset));
  if (index < 0) throw unfit(preset);
  return symbolName(index);
}

function textOf(preset: unknown): string {
  if (typeof preset === 'string') return preset;
  throw unfit(preset);
}

function objectOf(preset: unknown): Readonly<Record<string, unknown>> {
  if (typeof preset !== 'object' || preset === null || Array.isArray(preset)) throw unfit(preset);
  // Checked boundary: an object of JSON.
  return preset as Record<string, unknown>;
}

function unfit(preset: unknown): ShapeFault {
  return new ShapeFault(
    `has the default ${JSON.stringify(preset) ?? 'none'}, which is not of its type`,
  );
}
