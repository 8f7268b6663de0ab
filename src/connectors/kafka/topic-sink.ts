/**
 * The Kafka sink: a row is a record, its value in the table's format, its key from the key columns.
 * Owns what a record says; values are record-values.ts, keys record-keys.ts, times and headers
 * record-metadata.ts, delivery and backpressure record-delivery.ts.
 *
 * Key columns are 'key.fields', else the upsert key of the query. With a PRIMARY KEY the topic is a
 * table of its latest rows: −U is left out and −D becomes a tombstone, a record with the key and no
 * value. Without one, −U and −D are left out unless --changelog writes them as rows.
 */
import { ConfigError, ConnectorError } from '../../base/errors.js';
import { assert } from '../../base/assert.js';
import { systemClock } from '../../base/clock.js';
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import { originPlace } from '../../columnar/record-place.js';
import type { ByteBuffer } from '../../formats/columns/byte-buffer.js';
import { RowFault } from '../../formats/message-encoder.js';
import type { Schema, TableDefinition } from '../../plan/schema.js';
import type { Sink, SinkRequest } from '../sink.js';
import { openRecordDelivery } from './open-delivery.js';
import { writeOptions } from './settings/table-options.js';
import type { KafkaWriteOptions, KafkaWriteTarget } from './settings/table-options.js';
import { RecordTooLarge, STOP_PATIENCE_MS } from './record/record-delivery.js';
import type { RecordDelivery } from './record/record-delivery.js';
import { keyColumnsOf, openKeyEncoder } from './record/record-keys.js';
import type { KeyEncoder } from './record/record-keys.js';
import { RecordMetadata } from './record/record-metadata.js';
import { openValueEncoder } from './record/record-values.js';
import type { ValueEncoder } from './record/record-values.js';

/**
 * Registers schemas, connects and finds (or, where the cluster does so, creates) the topic. Throws
 * ConfigError SETTING_INVALID, ConnectorError KAFKA_UNAVAILABLE, BROKER_UNREACHABLE, TOPIC_NOT_FOUND,
 * SCHEMA_REGISTRY or SCHEMA_REGISTRY_REFUSED.
 */
export async function openKafkaSink(request: SinkRequest): Promise<Sink> {
  const { table, changelog, notice, checkpoints } = request;
  assert(table !== null, 'a Kafka sink is a declared table');
  const options = writeOptions(table);
  const schema = sinkSchema(request.schema, table);
  const except = exceptedFromValue(options, schema, request.keyColumns);
  const metadata = new RecordMetadata(table, options.label, schema, except);
  const talk = { clock: systemClock, notice };
  const encoder = await openValueEncoder(options, metadata.valueSchema, { changelog, talk });
  const key = await openKeyEncoder(options, { schema, upsertKey: request.keyColumns, talk });
  const tombstones = table.primaryKey.length > 0 && key !== null;
  const delivery = await openRecordDelivery(options, notice, checkpoints?.commits ?? null);
  return new KafkaSink({
    target: options,
    encoder,
    key,
    metadata,
    tombstones,
    retractions: changelog && !tombstones,
    delivery,
  });
}

interface SinkParts {
  readonly target: KafkaWriteTarget;
  readonly encoder: ValueEncoder;
  readonly key: KeyEncoder | null;
  readonly metadata: RecordMetadata;
  /** −D rows are written as tombstones. */
  readonly tombstones: boolean;
  /** −U and −D are rows like others. */
  readonly retractions: boolean;
  readonly delivery: RecordDelivery;
}

class KafkaSink implements Sink {
  private readonly parts: SinkParts;
  private rows = 0;
  private bytes = 0;
  /** Whose rows are being written. */
  private batch: Batch | null = null;

  constructor(parts: SinkParts) {
    this.parts = parts;
  }

  write(batch: Batch): void {
    const { encoder, metadata, key } = this.parts;
    const { selection, selectedCount, ops } = batch;
    this.batch = batch;
    metadata.bind(batch, systemClock.nowMs());
    key?.bind(batch);
    encoder.bind(metadata.valuesOf(batch));
    for (let at = 0; at < selectedCount; at += 1) {
      const row = selection === null ? at : (selection[at] as number);
      const op = ops === null ? 0 : (ops[row] as number);
      if (op === OP_DELETE || op === OP_UPDATE_BEFORE) this.writeRetraction(row, op);
      else this.writeRow(row);
    }
  }

  pressure(): Promise<void> | null {
    return this.parts.delivery.pressure();
  }

  flush(): Promise<void> {
    return this.parts.delivery.flush();
  }

  hurry(): void {
    this.parts.delivery.hurry(STOP_PATIENCE_MS);
  }

  close(): Promise<void> {
    return this.parts.delivery.close();
  }

  rowsWritten(): number {
    return this.rows;
  }

  /** Of values; keys and headers are not counted. */
  bytesWritten(): number {
    return this.bytes;
  }

  private writeRow(row: number): void {
    const { encoder, metadata, delivery } = this.parts;
    const out = delivery.begin(this.keyOf(row), metadata.timestampMs(row));
    const before = out.length;
    try {
      encoder.encode(row, out);
    } catch (error) {
      delivery.drop();
      throw this.refusal(error, row);
    }
    const valueBytes = out.length - before;
    try {
      delivery.end(metadata.headers(row));
    } catch (error) {
      throw this.refusal(error, row);
    }
    this.bytes += valueBytes;
    this.rows += 1;
  }

  private writeRetraction(row: number, op: number): void {
    const { metadata, delivery, tombstones, retractions } = this.parts;
    if (retractions) {
      this.writeRow(row);
    } else if (tombstones && op === OP_DELETE) {
      delivery.begin(this.keyOf(row), metadata.timestampMs(row));
      try {
        delivery.endWithoutValue(metadata.headers(row));
      } catch (error) {
        throw this.refusal(error, row);
      }
      this.rows += 1;
    }
  }

  private keyOf(row: number): ByteBuffer | null {
    const { key } = this.parts;
    try {
      return key === null ? null : key.encode(row);
    } catch (error) {
      throw this.refusal(error, row);
    }
  }

  /** Which row of the result it is, and of which record, where it is of one. */
  private placeOf(row: number): string {
    const origin = this.batch === null ? null : originPlace(this.batch, row);
    return `it is row ${this.rows + 1} of the result${origin === null ? '' : `: ${origin}`}`;
  }

  /** A row that is none for this topic, with the record that it came from. */
  private refusal(error: unknown, row: number): unknown {
    const tooLarge = error instanceof RecordTooLarge;
    if (!(error instanceof RowFault) && !tooLarge) return error;
    const { label, topic } = this.parts.target;
    const message = `topic "${topic}" of ${label} cannot take a row: ${error.message}`;
    return new ConnectorError('SINK_WRITE', {
      message,
      detail: this.placeOf(row),
      hint: tooLarge
        ? error.failure.hint
        : 'convert the value in the query, or write with another schema',
      cause: error,
    });
  }
}

/** Columns that are in the key alone: 'value.fields-include' = 'EXCEPT_KEY'. */
function exceptedFromValue(
  options: KafkaWriteOptions,
  schema: Schema,
  upsertKey: readonly number[],
): ReadonlySet<number> {
  if (!options.exceptKey) return new Set();
  const columns = new Set(keyColumnsOf(options, schema, upsertKey));
  if (columns.size > 0 && columns.size < schema.length) return columns;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "value.fields-include" of ${options.label} cannot be "EXCEPT_KEY": ${
      columns.size === 0 ? 'its records have no key' : 'every column is in the key'
    }`,
    hint: "name some of the columns with 'key.fields', and the key's format with 'key.format'",
  });
}

/** INSERT INTO goes by position: the records have the names that the table declares. */
function sinkSchema(schema: Schema, table: TableDefinition): Schema {
  const declared = table.inserted ?? table.physical;
  if (declared.length !== schema.length) return schema;
  return schema.map((column, at) => ({ ...column, name: declared[at]?.name ?? column.name }));
}
