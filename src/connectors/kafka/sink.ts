/**
 * The Kafka sink: a row is a record, its value in the table's format, its key from the key columns.
 * Owns what a record says; delivery and backpressure are delivery-queue.ts.
 *
 * Key columns are 'key.fields', else the upsert key of the query. One column is written as plain
 * text ('key.format' = 'raw', the default for one), several as a JSON object. With a PRIMARY KEY
 * the topic is a table of its latest rows: −U is left out and −D becomes a tombstone, a record with
 * the key and no value. Without one, −U and −D are left out unless --changelog writes them as rows.
 */
import { ConfigError } from '../../base/errors.js';
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE } from '../../columnar/batch.js';
import { ByteBuffer } from '../../formats/byte-buffer.js';
import { ColumnWriter } from '../../formats/cell-writer.js';
import type { CellWriter, TextStyle } from '../../formats/cell-writer.js';
import { createRowEncoder } from '../../formats/encoder.js';
import type { RowEncoder } from '../../formats/encoder.js';
import { JSON_STYLE } from '../../formats/json-encoder.js';
import type { Schema, TableDefinition } from '../../plan/schema.js';
import type { Sink, SinkRequest } from '../sink.js';
import { openDeliveryQueue } from './delivery-queue.js';
import type { DeliveryQueue } from './delivery-queue.js';
import { writeOptions } from './options.js';
import type { KafkaWriteOptions } from './options.js';

/**
 * Connects and finds (or, where the cluster does so, creates) the topic. Throws ConfigError
 * SETTING_INVALID, ConnectorError KAFKA_UNAVAILABLE, BROKER_UNREACHABLE or TOPIC_NOT_FOUND.
 */
export async function openKafkaSink(request: SinkRequest): Promise<Sink> {
  const { table } = request;
  assert(table !== null, 'a Kafka sink is a declared table');
  const options = writeOptions(table);
  if (options.format === 'raw') {
    throw new ConfigError('SETTING_INVALID', {
      message: `format "raw" of ${options.label} cannot be written`,
      hint: "use 'json' or 'csv'",
    });
  }
  const schema = sinkSchema(request.schema, table);
  const encoder = createRowEncoder(options.format, schema, {
    changelog: request.changelog,
    delimiter: options.csvDelimiter,
    header: false,
  });
  const key = keyEncoder(request, options, schema);
  const queue = await openDeliveryQueue(options, request.notice);
  return new KafkaSink({
    encoder,
    key,
    tombstones: table.primaryKey.length > 0 && key !== null,
    queue,
  });
}

interface SinkParts {
  readonly encoder: RowEncoder;
  readonly key: KeyEncoder | null;
  /** −D rows are written as tombstones. */
  readonly tombstones: boolean;
  readonly queue: DeliveryQueue;
}

class KafkaSink implements Sink {
  private readonly parts: SinkParts;
  private readonly value = new ByteBuffer(4096);
  private rows = 0;

  constructor(parts: SinkParts) {
    this.parts = parts;
  }

  write(batch: Batch): void {
    const { selection, selectedCount } = batch;
    this.parts.key?.bind(batch);
    for (let at = 0; at < selectedCount; at += 1) {
      this.writeRow(batch, selection === null ? at : (selection[at] as number));
    }
  }

  pressure(): Promise<void> | null {
    return this.parts.queue.pressure();
  }

  flush(): Promise<void> {
    return this.parts.queue.flush();
  }

  close(): Promise<void> {
    return this.parts.queue.close();
  }

  rowsWritten(): number {
    return this.rows;
  }

  private writeRow(batch: Batch, row: number): void {
    const { encoder, key, tombstones, queue } = this.parts;
    const { value } = this;
    if (tombstones && batch.ops !== null && batch.ops[row] === OP_DELETE) {
      queue.send(null, key?.encode(row) ?? null);
    } else {
      value.clear();
      if (!encoder.encodeRow(batch, row, value)) return;
      queue.send(value.view(), key?.encode(row) ?? null);
    }
    this.rows += 1;
  }
}

/** Bytes of a record's key, valid until the next call; null for a key that is NULL. */
interface KeyEncoder {
  bind(batch: Batch): void;
  encode(row: number): Uint8Array | null;
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

/** One column's value, as text ('raw') or as a JSON value. */
class SingleKey implements KeyEncoder {
  private readonly column: number;
  private readonly writers: ColumnWriter;
  private readonly out = new ByteBuffer(256);
  private writer: CellWriter | null = null;

  constructor(schema: Schema, column: number, style: TextStyle) {
    this.column = column;
    this.writers = new ColumnWriter(columnAt(schema, column).type, style);
  }

  bind(batch: Batch): void {
    const column = batch.columns[this.column];
    assert(column !== undefined, 'a key column is a column of the batch');
    this.writer = this.writers.bind(column);
  }

  encode(row: number): Uint8Array | null {
    const { writer, out } = this;
    assert(writer !== null, 'bind comes before encode');
    if (writer.nulls !== null && writer.nulls[row] === 1) return null;
    out.clear();
    writer.write(row, out);
    return out.view();
  }
}

/** Several columns as one JSON object. */
class ObjectKey implements KeyEncoder {
  private readonly columns: readonly number[];
  private readonly encoder: RowEncoder;
  private readonly out = new ByteBuffer(256);
  private projected: Batch | null = null;

  constructor(schema: Schema, columns: readonly number[]) {
    this.columns = columns;
    const keySchema = columns.map((column) => columnAt(schema, column));
    this.encoder = createRowEncoder('json', keySchema, { changelog: false });
  }

  bind(batch: Batch): void {
    const columns = this.columns.map((at) => {
      const column = batch.columns[at];
      assert(column !== undefined, 'a key column is a column of the batch');
      return column;
    });
    this.projected = { ...batch, columns, ops: null };
  }

  encode(row: number): Uint8Array | null {
    assert(this.projected !== null, 'bind comes before encode');
    this.out.clear();
    this.encoder.encodeRow(this.projected, row, this.out);
    return this.out.view();
  }
}

function keyEncoder(
  request: SinkRequest,
  options: KafkaWriteOptions,
  schema: Schema,
): KeyEncoder | null {
  const columns =
    options.keyFields === null
      ? request.keyColumns
      : options.keyFields.map((name) => keyColumn(schema, name, options.label));
  const [first] = columns;
  if (first === undefined) return null;
  if (columns.length === 1) {
    const style = (options.keyFormat ?? 'raw') === 'raw' ? PLAIN_STYLE : JSON_STYLE;
    return new SingleKey(schema, first, style);
  }
  if (options.keyFormat === 'raw') {
    throw new ConfigError('SETTING_INVALID', {
      message: `option "key.format" of ${options.label} cannot be "raw" with several key columns`,
      hint: "use 'key.format' = 'json'",
    });
  }
  return new ObjectKey(schema, columns);
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

/** INSERT INTO goes by position: the records have the names that the table declares. */
function sinkSchema(schema: Schema, table: TableDefinition): Schema {
  if (table.physical.length !== schema.length) return schema;
  return schema.map((column, at) => ({ ...column, name: table.physical[at]?.name ?? column.name }));
}

function columnAt(schema: Schema, at: number): Schema[number] {
  const column = schema[at];
  assert(column !== undefined, 'a key column is a column of the schema');
  return column;
}
