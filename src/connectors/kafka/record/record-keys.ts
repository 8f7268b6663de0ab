/**
 * The key of each record that a table writes, from its key columns: one column as plain text ('raw'),
 * or any number of them as a JSON object or as a message with a schema.
 * Owns the choice and the spelling of texts; messages are schema-encoder.ts, and which columns make
 * the key of an upsert is the planner's. @hot
 */
import { assert } from '../../../base/assert.js';
import { ConfigError } from '../../../base/errors.js';
import type { Batch } from '../../../columnar/batch.js';
import { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { ColumnWriter } from '../../../formats/columns/cell-writer.js';
import type { CellWriter, TextStyle } from '../../../formats/columns/cell-writer.js';
import { createRowEncoder } from '../../../formats/encoder-choice.js';
import { JSON_STYLE } from '../../../formats/json/json-encoder.js';
import type { Schema } from '../../../plan/schema.js';
import { nameInKey } from '../settings/key-options.js';
import type { KafkaWriteOptions } from '../settings/table-options.js';
import { TextValues } from './record-values.js';
import type { ValueEncoder } from './record-values.js';
import { openSchemaEncoder } from '../registry/schema-encoder.js';
import type { RegistryTalk } from '../registry/schema-registry.js';

/** Bytes of a record's key, valid until the next call; null for a key that is NULL. */
export interface KeyEncoder {
  bind(batch: Batch): void;
  encode(row: number): ByteBuffer | null;
}

const PLAIN_STYLE: TextStyle = {
  text: (out, bytes, start, end) => {
    out.appendBytes(bytes, start, end);
  },
  nested: (out, value, type) => {
    JSON_STYLE.nested(out, value, type);
  },
  timestampAsNumber: true,
  quotesTimes: false,
};

/** One column's value as text: 'raw'. */
class TextKey implements KeyEncoder {
  private readonly column: number;
  private readonly writers: ColumnWriter;
  private readonly out = new ByteBuffer(256);
  private writer: CellWriter | null = null;

  constructor(schema: Schema, column: number) {
    this.column = column;
    this.writers = new ColumnWriter(columnAt(schema, column).type, PLAIN_STYLE);
  }

  bind(batch: Batch): void {
    const column = batch.columns[this.column];
    assert(column !== undefined, 'a key column is a column of the batch');
    this.writer = this.writers.bind(column);
  }

  encode(row: number): ByteBuffer | null {
    const { writer, out } = this;
    assert(writer !== null, 'bind comes before encode');
    if (writer.nulls !== null && writer.nulls[row] === 1) return null;
    out.clear();
    writer.write(row, out);
    return out;
  }
}

/** Columns as one value of a format: a JSON object, a message. */
class RecordKey implements KeyEncoder {
  private readonly columns: readonly number[];
  private readonly encoder: ValueEncoder;
  private readonly out = new ByteBuffer(256);

  constructor(columns: readonly number[], encoder: ValueEncoder) {
    this.columns = columns;
    this.encoder = encoder;
  }

  bind(batch: Batch): void {
    const columns = this.columns.map((at) => {
      const column = batch.columns[at];
      assert(column !== undefined, 'a key column is a column of the batch');
      return column;
    });
    this.encoder.bind({ ...batch, columns, ops: null });
  }

  encode(row: number): ByteBuffer {
    this.out.clear();
    this.encoder.encode(row, this.out);
    return this.out;
  }
}

/** What the key is made of. */
export interface KeyRequest {
  readonly schema: Schema;
  /** What counts unless the table names other columns. */
  readonly upsertKey: readonly number[];
  readonly talk: RegistryTalk;
}

/**
 * null: the records have no key. Throws ConfigError SETTING_INVALID, and as openSchemaEncoder does.
 */
export async function openKeyEncoder(
  options: KafkaWriteOptions,
  { schema, upsertKey, talk }: KeyRequest,
): Promise<KeyEncoder | null> {
  const columns = keyColumnsOf(options, schema, upsertKey);
  const keySchema = columns.map((column) => {
    const { name, ...rest } = columnAt(schema, column);
    return { ...rest, name: nameInKey(name, options.keyPrefix) };
  });
  const [first] = columns;
  if (first === undefined) return null;
  if (options.keySchema !== null) {
    return new RecordKey(columns, await openSchemaEncoder(options.keySchema, keySchema, talk));
  }
  const { keyFormat } = options;
  if (columns.length === 1 && (keyFormat ?? 'raw') === 'raw') return new TextKey(schema, first);
  if (keyFormat === 'raw') {
    throw new ConfigError('SETTING_INVALID', {
      message: `option "key.format" of ${options.label} cannot be "raw" with several key columns`,
      hint: "use 'key.format' = 'json'",
    });
  }
  const encoder = createRowEncoder('json', keySchema, { changelog: false });
  return new RecordKey(columns, new TextValues(encoder));
}

/**
 * Places of the key's columns: those of 'key.fields', else the upsert key. Throws ConfigError
 * SETTING_INVALID for names that are none, or that lack the prefix.
 */
export function keyColumnsOf(
  { keyFields, keyPrefix, label }: KafkaWriteOptions,
  schema: Schema,
  upsertKey: readonly number[],
): readonly number[] {
  const columns =
    keyFields === null ? upsertKey : keyFields.map((name) => keyColumn(schema, name, label));
  for (const at of columns) {
    const { name } = columnAt(schema, at);
    if (name.startsWith(keyPrefix)) continue;
    throw new ConfigError('SETTING_INVALID', {
      message: `option "key.fields" of ${label} names the column "${name}", which does not begin with "${keyPrefix}"`,
      hint: "with 'key.fields-prefix' every column of the key begins with it",
    });
  }
  return columns;
}

function keyColumn(schema: Schema, name: string, label: string): number {
  const exact = schema.findIndex((column) => column.name === name);
  const found =
    exact >= 0
      ? exact
      : schema.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found >= 0) return found;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "key.fields" of ${label} names the column "${name}", which it does not have`,
    hint: `its columns are ${schema.map((column) => column.name).join(', ')}`,
  });
}

function columnAt(schema: Schema, at: number): Schema[number] {
  const column = schema[at];
  assert(column !== undefined, 'a key column is a column of the schema');
  return column;
}
