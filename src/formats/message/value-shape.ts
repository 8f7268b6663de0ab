/**
 * Shapes: what a value is that avsc or protobufjs has decoded, said once for both. Owns the union
 * and its words for messages; schemas become shapes in avro-schema.ts and protobuf-schema.ts, and
 * value-writer.ts puts values of a shape into columns.
 */
import { assertNever } from '../../base/assert.js';

/**
 * | kind      | the JavaScript value                                                           |
 * | boolean   | boolean                                                                        |
 * | integer   | number, bigint or protobufjs's Long                                            |
 * | double    | number                                                                         |
 * | text      | bytes of UTF-8 that nobody has checked yet                                     |
 * | bytes     | bytes                                                                          |
 * | symbol    | string: the name of an enum's value                                            |
 * | timestamp | an integer: `perMs` a millisecond since the epoch                              |
 * | date      | number: days since the epoch                                                   |
 * | decimal   | an unscaled whole number: itself, or its two's complement in bytes, big-endian |
 * | list      | array                                                                          |
 * | map       | what `entries` takes apart; of a repeated key the last entry counts           |
 * | record    | object that the fields' `get` read                                             |
 * | opaque    | a value that no column holds, and why                                          |
 *
 * `unwrap`, where there is one, makes this value of what the library gave.
 */
export type ValueShape = (
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'double' }
  | { readonly kind: 'text' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'symbol' }
  | { readonly kind: 'timestamp'; readonly perMs: number }
  | { readonly kind: 'date' }
  | { readonly kind: 'decimal'; readonly scale: number }
  | { readonly kind: 'list'; readonly element: ValueShape }
  | {
      readonly kind: 'map';
      readonly value: ValueShape;
      readonly entries: (value: unknown) => readonly MapEntry[];
    }
  | { readonly kind: 'record'; readonly name: string; fields(): readonly FieldShape[] }
  | { readonly kind: 'opaque'; readonly reason: string }
) & { readonly unwrap?: (value: unknown) => unknown };

/** The key's text, whatever its type, or null for bytes that are no text; and the value. */
export type MapEntry = readonly [string | null, unknown];

/** A field of a record; a shape's fields are asked for when needed, because records may recur. */
export interface FieldShape {
  readonly name: string;
  readonly shape: ValueShape;
  /** The field's value of a record; null or undefined where it has none. */
  readonly get: (record: unknown) => unknown;
}

/** Why a schema cannot fill the columns: becomes the data error of every record that names it. */
export class ShapeFault extends Error {
  override readonly name = 'ShapeFault';
}

/** "a text", "a list": what messages call a value of the shape. */
export function shapeText(shape: ValueShape): string {
  switch (shape.kind) {
    case 'boolean':
      return 'a boolean';
    case 'integer':
      return 'a whole number';
    case 'double':
      return 'a floating-point number';
    case 'text':
      return 'a text';
    case 'bytes':
      return 'a sequence of bytes';
    case 'symbol':
      return 'an enum';
    case 'timestamp':
      return 'a timestamp';
    case 'date':
      return 'a date';
    case 'decimal':
      return 'a decimal';
    case 'list':
      return 'a list';
    case 'map':
      return 'a map';
    case 'record':
      return `a record "${shape.name}"`;
    case 'opaque':
      return shape.reason;
    default:
      return assertNever(shape);
  }
}
