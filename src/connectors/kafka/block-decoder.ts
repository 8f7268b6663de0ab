/**
 * Decodes blocks of messages into batches: where V1 reads a topic, in its one thread; on V2, in the
 * worker that takes the block. Owns the batch header of a block and its failed rows. The splits of
 * a source share one record decoder, so that all of them write the same dictionaries: a batch is
 * valid until the next one of any split. @hot
 */
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../columnar/batch.js';
import { REFUSED } from '../../formats/decoder.js';
import type { RecordDecoder } from '../../formats/decoder.js';
import { openMessageDecoder } from '../../formats/decoder-registry.js';
import type { SourceRequest } from '../source.js';
import { MessageBlock, RECORD_BYTES_MAX, TOO_LARGE } from './message-block.js';
import type { MessageParts } from './message-block.js';
import { readMessageBlock } from './message-wire.js';
import { readOptions } from './options.js';
import { RecordColumns } from './record-columns.js';

/** Which parts of a message the query reads beside its value. */
export function partsOf(request: SourceRequest): MessageParts {
  return {
    keys: request.system.includes('_key'),
    headers: request.system.includes('_headers'),
  };
}

/** What the splits of a source share. */
export interface DecoderParts {
  readonly request: SourceRequest;
  readonly topic: string;
  readonly decoder: RecordDecoder;
  readonly system: RecordColumns;
}

/** Throws ConfigError SETTING_INVALID for bad options; connects to nothing. */
export async function decoderParts(request: SourceRequest): Promise<DecoderParts> {
  const { format, schema = null, csvDelimiter, topic } = readOptions(request.table);
  const columns = request.physical.map((at) => request.table.physical[at]!);
  const fields = request.table.physical.map((column) => column.name);
  const options = { fields, delimiter: csvDelimiter, schema };
  const decoder = await openMessageDecoder(format, columns, options);
  const system = new RecordColumns(request.system, topic, request.batchRowsMax);
  return { request, topic, decoder, system };
}

/** A worker's side of a topic: decodes blocks that the main thread has written. */
export class KafkaBlockDecoder {
  private readonly parts: DecoderParts;
  private readonly block: MessageBlock;
  private readonly splits = new Map<number, SplitDecoder>();

  /** Throws as decoderParts does. */
  static async open(request: SourceRequest): Promise<KafkaBlockDecoder> {
    return new KafkaBlockDecoder(request, await decoderParts(request));
  }

  private constructor(request: SourceRequest, parts: DecoderParts) {
    this.parts = parts;
    this.block = new MessageBlock(request.batchRowsMax, partsOf(request));
  }

  /**
   * The batch of the block that writeMessageBlock wrote at `at`, the same as V1's; valid until the
   * next call. The bytes are not needed any more when it returns. Failed rows are reported to
   * request.errors.
   */
  decode(u8: Uint8Array, at: number): Batch {
    const { split, sequence } = readMessageBlock(u8, at, this.block);
    let decoder = this.splits.get(split);
    if (decoder === undefined) {
      decoder = new SplitDecoder(this.parts, split);
      this.splits.set(split, decoder);
    }
    return decoder.decode(this.block, sequence);
  }
}

/** Decodes the blocks of one split. */
export class SplitDecoder {
  private readonly parts: DecoderParts;
  private readonly split: number;
  private readonly header: BatchHeader;
  private readonly batch: Batch;
  private readonly failedRows: Uint8Array;
  private readonly selection: Int32Array;
  private block: MessageBlock | null = null;

  constructor(parts: DecoderParts, split: number) {
    this.parts = parts;
    this.split = split;
    this.header = emptyHeader(parts.topic);
    this.header.split = split;
    this.header.rawRecord = (row) => this.block?.rawRecord(row) ?? new Uint8Array(0);
    this.batch = newBatch([], this.header);
    this.failedRows = new Uint8Array(parts.request.batchRowsMax);
    this.selection = new Int32Array(parts.request.batchRowsMax);
  }

  /** The batch refers to the block: keep it until the batch is done with. */
  decode(block: MessageBlock, sequence: number): Batch {
    const { decoder, system } = this.parts;
    const { batch, header } = this;
    const { rowCount, offsets } = block;
    const firstOffset = offsets[0]!;
    this.block = block;
    header.sequence = sequence;
    header.firstOffset = firstOffset;
    header.offsets = offsets[rowCount - 1]! - firstOffset === rowCount - 1 ? null : offsets;
    header.ingestTimeMs = block.ingestTimeMs;
    if (block.schemas.length > 0) decoder.learn?.(block.schemas);
    const failures = this.decodeRows(block, decoder);
    const columns = decoder.columns.slice();
    system.appendTo(columns, block, this.split);
    batch.columns = columns;
    batch.rowCount = rowCount;
    batch.rowWatermarks = null;
    if (failures === 0) {
      batch.failed = null;
      batch.selection = null;
      batch.selectedCount = rowCount;
    } else {
      batch.failed = this.failedRows;
      batch.selection = this.selection;
      batch.selectedCount = selectPassed(this.failedRows, rowCount, this.selection);
    }
    return batch;
  }

  /** Decodes every record of the block; how many were refused. */
  private decodeRows(block: MessageBlock, decoder: RecordDecoder): number {
    const { bytes, starts, ends, rowCount } = block;
    const { failedRows } = this;
    let failures = 0;
    decoder.begin();
    for (let row = 0; row < rowCount; row += 1) {
      const end = ends[row]!;
      const oversized = end === TOO_LARGE;
      const start = starts[row]!;
      // A record that is too large was not kept: its cells still need valid dictionary codes.
      if (decoder.decode(bytes, start, oversized ? start : end, row) !== REFUSED && !oversized)
        continue;
      if (failures === 0) failedRows.fill(0, 0, rowCount);
      failures += 1;
      failedRows[row] = 1;
      this.parts.request.errors.recordFailed(
        this.header,
        row,
        oversized ? tooLarge(block) : decoder.failure(),
      );
    }
    return failures;
  }
}

function tooLarge(block: MessageBlock): {
  readonly key: 'RECORD_TOO_LARGE';
  readonly message: string;
} {
  const message = `the record has ${block.tooLargeBytes} bytes, more than ${RECORD_BYTES_MAX}`;
  return { key: 'RECORD_TOO_LARGE', message };
}

function selectPassed(failed: Uint8Array, rowCount: number, selection: Int32Array): number {
  let count = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if (failed[row] === 1) continue;
    selection[count] = row;
    count += 1;
  }
  return count;
}
