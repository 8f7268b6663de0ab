/**
 * The value of each record that a table writes, in the table's format. Owns the choice: texts are
 * the row encoders of formats/, messages with a schema schema-encoder.ts.
 */
import { ConfigError } from '../../../base/errors.js';
import type { Batch } from '../../../columnar/batch.js';
import type { ByteBuffer } from '../../../formats/columns/byte-buffer.js';
import { createRowEncoder } from '../../../formats/encoder-choice.js';
import type { RowEncoder } from '../../../formats/encoder.js';
import type { Schema } from '../../../plan/schema.js';
import type { KafkaWriteOptions } from '../settings/table-options.js';
import { openSchemaEncoder } from '../registry/schema-encoder.js';
import type { RegistryTalk } from '../registry/schema-registry.js';

export interface ValueEncoder {
  /** The batch of the rows to come. */
  bind(batch: Batch): void;
  /** Appends one physical row. Throws RowFault where the format has no way to say it. */
  encode(row: number, out: ByteBuffer): void;
}

/** Rows as text. */
export class TextValues implements ValueEncoder {
  private readonly encoder: RowEncoder;

  constructor(encoder: RowEncoder) {
    this.encoder = encoder;
  }

  bind(batch: Batch): void {
    this.encoder.bind(batch);
  }

  encode(row: number, out: ByteBuffer): void {
    this.encoder.encodeRow(row, out);
  }
}

/** Throws ConfigError SETTING_INVALID, and as openSchemaEncoder does. */
export async function openValueEncoder(
  options: KafkaWriteOptions,
  schema: Schema,
  { changelog, talk }: { readonly changelog: boolean; readonly talk: RegistryTalk },
): Promise<ValueEncoder> {
  const { format, label, csv } = options;
  if (format === 'json' || format === 'csv') {
    const text = {
      changelog,
      delimiter: csv.delimiter,
      nullLiteral: csv.nullLiteral,
      header: false,
    };
    return new TextValues(createRowEncoder(format, schema, text));
  }
  if (options.schema === null) {
    throw new ConfigError('SETTING_INVALID', {
      message: `format "raw" of ${label} cannot be written`,
      hint: "use 'json' or 'csv'",
    });
  }
  if (changelog) {
    throw new ConfigError('SETTING_INVALID', {
      message: `format "${format}" of ${label} has no place for the op of a changelog's rows`,
      hint: "leave out --changelog, or use 'format' = 'json'",
    });
  }
  return openSchemaEncoder(options.schema, schema, talk);
}
