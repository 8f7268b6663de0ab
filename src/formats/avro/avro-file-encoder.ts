/**
 * Rows as an Avro object container file: blocks of some 64 KiB, each packed by itself. Owns the
 * layout, which avro-container.ts draws and reads; records are avro-encoder.ts's. @hot
 */
import { randomBytes } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import avsc from 'avsc';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import { ConnectorError } from '../../base/errors.js';
import type { Batch } from '../../columnar/batch.js';
import type { Schema } from '../../plan/schema.js';
import { ByteBuffer } from '../columns/byte-buffer.js';
import { bufferOf } from '../columns/cell-reader.js';
import { eachWritten, withOps } from '../container/container-encoder.js';
import type { AvroCodec } from '../container/container-encoder.js';
import type { BatchEncoder } from '../encoder.js';
import { definitionOf, RowFault } from '../message-encoder.js';
import type { MessageEncoder } from '../message-encoder.js';
import { createAvroEncoder } from './avro-encoder.js';

/** Records of a block, before they are packed: what other writers take by default. */
const BLOCK_BYTES = 64 * 1024;
const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
const LONG = avsc.Type.forSchema('long');
const METADATA = avsc.Type.forSchema({ type: 'map', values: 'bytes' });

const PACK: Readonly<Record<AvroCodec, (data: Uint8Array) => Uint8Array>> = {
  null: (data) => data,
  deflate: (data) => deflateRawSync(data),
  snappy: (data) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(data));
    return Buffer.concat([snappyCompress(data), sum]);
  },
};

export class AvroFileEncoder implements BatchEncoder {
  private readonly codec: AvroCodec;
  private readonly changelog: boolean;
  private readonly schemaText: string;
  private readonly records: MessageEncoder;
  private readonly sync = randomBytes(SYNC_BYTES);
  private readonly block = new ByteBuffer(BLOCK_BYTES * 2);
  private recordCount = 0;

  /** Throws ConfigError for names and types that Avro does not take. */
  constructor(
    columns: Schema,
    { codec, changelog }: { readonly codec: AvroCodec; readonly changelog: boolean },
  ) {
    const definition = definitionOf(columns, 'avro');
    this.codec = codec;
    this.changelog = changelog;
    this.schemaText = definition.text;
    this.records = createAvroEncoder(columns, { definition, message: null, schemaId: null });
  }

  begin(out: ByteBuffer): void {
    const metadata = METADATA.toBuffer({
      'avro.schema': Buffer.from(this.schemaText),
      'avro.codec': Buffer.from(this.codec),
    });
    for (const part of [MAGIC, metadata, this.sync]) out.appendBytes(part, 0, part.length);
  }

  encode(batch: Batch, out: ByteBuffer): number {
    const { records, block } = this;
    records.bind(this.changelog ? withOps(batch) : batch);
    try {
      return eachWritten(batch, this.changelog, (row) => {
        records.encode(row, block);
        this.recordCount += 1;
        if (block.length >= BLOCK_BYTES) this.endBlock(out);
      });
    } catch (error) {
      if (!(error instanceof RowFault)) throw error;
      throw new ConnectorError('SINK_WRITE', {
        message: `a row cannot be written in format "avro": ${error.message}`,
        hint: 'convert the column, or write another format',
      });
    }
  }

  finish(out: ByteBuffer): void {
    if (this.recordCount > 0) this.endBlock(out);
  }

  private endBlock(out: ByteBuffer): void {
    const { block, sync } = this;
    const data = PACK[this.codec](bufferOf(block.view()));
    const head = [LONG.toBuffer(this.recordCount), LONG.toBuffer(data.length)];
    for (const part of [...head, data, sync]) out.appendBytes(part, 0, part.length);
    block.clear();
    this.recordCount = 0;
  }
}
