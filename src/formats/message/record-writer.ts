/**
 * Puts the fields of decoded records into the columns of a query, for records of one schema. Owns
 * which field fills which column (the one of its name; a column without one is NULL) and NULL; how
 * values convert is value-writer.ts and value-nested.ts. @hot
 */
import { typeText } from '../../columnar/types.js';
import type { DecoderColumn } from '../decoder.js';
import { NestedTarget } from '../columns/target-plain.js';
import type { TargetColumn } from '../columns/target.js';
import { createNestedReader } from './value-nested.js';
import { ShapeFault } from './value-shape.js';
import type { FieldShape, ValueShape } from './value-shape.js';
import { createValueWriter } from './value-writer.js';
import type { ValueWriter } from './value-writer.js';

/** write() of a record whose values are all in their columns. */
export const WRITTEN = -1;

const SHOWN_LENGTH_MAX = 60;

export interface RecordParts {
  readonly columns: readonly DecoderColumn[];
  /** One per column. */
  readonly targets: readonly TargetColumn[];
}

export class RecordWriter {
  private readonly parts: RecordParts;
  private readonly gets: (FieldShape['get'] | null)[] = [];
  private readonly writers: (ValueWriter | null)[] = [];
  private readonly unwraps: ValueShape['unwrap'][] = [];

  /** Throws ShapeFault for a field that does not fit its column. */
  constructor(fields: readonly FieldShape[], parts: RecordParts) {
    this.parts = parts;
    parts.columns.forEach((column, index) => {
      const field = fields.find((each) => each.name === column.name);
      const target = parts.targets[index]!;
      this.gets.push(field === undefined ? null : field.get);
      this.unwraps.push(field?.shape.unwrap);
      this.writers.push(field === undefined ? null : fieldWriter(field, target));
    });
  }

  /** WRITTEN, or the number of the column whose value does not convert. */
  write(record: unknown, row: number): number {
    const { gets } = this;
    for (let column = 0; column < gets.length; column += 1) {
      const get = gets[column]!;
      if (!this.put(get === null ? null : get(record), row, column)) return column;
    }
    return WRITTEN;
  }

  /** Writes the value of one column; false when it does not convert. */
  put(value: unknown, row: number, column: number): boolean {
    if (value !== null && value !== undefined) return this.writers[column]!(value, row);
    this.parts.targets[column]!.setNull(row);
    return true;
  }

  /** What to tell about the value of `column` that write() of this record stopped at. */
  describe(record: unknown, column: number): string {
    const { name, type } = this.parts.columns[column]!;
    const value = this.gets[column]?.(record);
    const shown = valueText(this.unwraps[column]?.(value) ?? value);
    return `value ${shown} does not convert to ${typeText(type)} of column "${name}"`;
  }
}

function fieldWriter(field: FieldShape, target: TargetColumn): ValueWriter {
  try {
    return target instanceof NestedTarget
      ? nestedWriter(field.shape, target)
      : scalarWriter(field.shape, target);
  } catch (error) {
    if (!(error instanceof ShapeFault)) throw error;
    throw new ShapeFault(`field "${field.name}" ${error.message}`);
  }
}

function nestedWriter(shape: ValueShape, target: NestedTarget): ValueWriter {
  const read = createNestedReader(shape, target.type);
  return (value, row) => {
    const nested = read(value);
    if (nested === undefined) return false;
    target.put(nested, row);
    return true;
  };
}

function scalarWriter(shape: ValueShape, target: TargetColumn): ValueWriter {
  const write = createValueWriter(shape, target);
  const { unwrap } = shape;
  if (unwrap === undefined) return write;
  return (value, row) => {
    const unwrapped = unwrap(value);
    if (unwrapped !== null && unwrapped !== undefined) return write(unwrapped, row);
    target.setNull(row);
    return true;
  };
}

/** A value as JSON, shortened; texts, which come as bytes, as text. */
function valueText(value: unknown): string {
  const text = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return each.toString();
    if (isBufferJson(each)) return Buffer.from(each.data).toString('utf8');
    if (each instanceof Uint8Array) return Buffer.from(each).toString('utf8');
    return each;
  });
  const shown = text ?? String(value);
  return shown.length > SHOWN_LENGTH_MAX ? `${shown.slice(0, SHOWN_LENGTH_MAX)}…` : shown;
}

/** What Buffer.toJSON gives. */
function isBufferJson(value: unknown): value is { readonly data: number[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'data' in value &&
    'type' in value &&
    value.type === 'Buffer' &&
    Array.isArray(value.data)
  );
}
