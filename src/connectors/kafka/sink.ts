/**
 * The Kafka sink: a row is a record, its value in the table's format, its key from the key columns.
 * Owns what a record says; keys are record-keys.ts, times and headers record-metadata.ts, delivery
 * and backpressure record-delivery.ts.
 *
 * Key columns are 'key.fields', else the upsert key of the query. With a PRIMARY KEY the topic is a
 * table of its latest rows: −U is left out and −D becomes a tombstone, a record with the key and no
 * value. Without one, −U and −D are left out unless --changelog writes them as rows.
 */
import { ConfigError } from '../../base/errors.js';
import { assert } from '../../base/assert.js';
import { systemClock } from '../../base/clock.js';
import type { Batch } from '../../columnar/batch.js';
import { OP_DELETE, OP_UPDATE_BEFORE } from '../../columnar/batch.js';
import { createRowEncoder } from '../../formats/encoder.js';
import type { RowEncoder } from '../../formats/encoder.js';
import type { Schema, TableDefinition } from '../../plan/schema.js';
import type { Sink, SinkRequest } from '../sink.js';
import { openRecordDelivery } from './open-delivery.js';
import { writeOptions } from './options.js';
import type { RecordDelivery } from './record-delivery.js';
import { keyEncoder } from './record-keys.js';
import type { KeyEncoder } from './record-keys.js';
import { RecordMetadata } from './record-metadata.js';

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
  const metadata = new RecordMetadata(table, options.label, schema);
  const encoder = createRowEncoder(options.format, metadata.valueSchema, {
    changelog: request.changelog,
    delimiter: options.csvDelimiter,
    header: false,
  });
  const key = keyEncoder(options, schema, request.keyColumns);
  const tombstones = table.primaryKey.length > 0 && key !== null;
  const delivery = await openRecordDelivery(options, request.notice);
  return new KafkaSink({
    encoder,
    key,
    metadata,
    tombstones,
    retractions: request.changelog && !tombstones,
    delivery,
  });
}

interface SinkParts {
  readonly encoder: RowEncoder;
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

  constructor(parts: SinkParts) {
    this.parts = parts;
  }

  write(batch: Batch): void {
    const { metadata, key } = this.parts;
    const { selection, selectedCount, ops } = batch;
    metadata.bind(batch, systemClock.nowMs());
    key?.bind(batch);
    const values = metadata.valuesOf(batch);
    for (let at = 0; at < selectedCount; at += 1) {
      const row = selection === null ? at : (selection[at] as number);
      const op = ops === null ? 0 : (ops[row] as number);
      if (op === OP_DELETE || op === OP_UPDATE_BEFORE) this.writeRetraction(values, row, op);
      else this.writeRow(values, row);
    }
  }

  pressure(): Promise<void> | null {
    return this.parts.delivery.pressure();
  }

  flush(): Promise<void> {
    return this.parts.delivery.flush();
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

  private writeRow(values: Batch, row: number): void {
    const { encoder, key, metadata, delivery } = this.parts;
    const keyBytes = key === null ? null : key.encode(row);
    const out = delivery.begin(keyBytes, metadata.timestampMs(row));
    const before = out.length;
    encoder.encodeRow(values, row, out);
    this.bytes += out.length - before;
    delivery.end(metadata.headers(row));
    this.rows += 1;
  }

  private writeRetraction(values: Batch, row: number, op: number): void {
    const { key, metadata, delivery, tombstones, retractions } = this.parts;
    if (retractions) {
      this.writeRow(values, row);
    } else if (tombstones && op === OP_DELETE) {
      const keyBytes = key === null ? null : key.encode(row);
      delivery.begin(keyBytes, metadata.timestampMs(row));
      delivery.endWithoutValue(metadata.headers(row));
      this.rows += 1;
    }
  }
}

/** INSERT INTO goes by position: the records have the names that the table declares. */
function sinkSchema(schema: Schema, table: TableDefinition): Schema {
  const declared = table.inserted ?? table.physical;
  if (declared.length !== schema.length) return schema;
  return schema.map((column, at) => ({ ...column, name: declared[at]?.name ?? column.name }));
}
