/**
 * Decodes blocks of messages into batches: where V1 reads a topic, in its one thread; on V2, in the
 * worker that takes the block. Owns the batch header of a block and its failed rows. The splits of
 * a source share one record decoder, so that all of them write the same dictionaries: a batch is
 * valid until the next one of any split. @hot
 */
import type { Batch, BatchHeader } from '../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../columnar/batch.js';
import { SPLIT_SPAN } from '../../columnar/record-place.js';
import { REFUSED } from '../../formats/decoder.js';
import type { RecordDecoder } from '../../formats/decoder.js';
import { openMessageDecoder } from '../../formats/decoder-registry.js';
import type { SourceRequest } from '../source.js';
import type { KafkaSplitBlocks } from './blocks/blocks.js';
import { MessageBlock, RECORD_BYTES_MAX, TOO_LARGE } from './blocks/message-block.js';
import type { MessageParts } from './blocks/message-block.js';
import { readMessageBlock } from './blocks/message-wire.js';
import { readOptions } from './settings/table-options.js';
import { RecordColumns } from './blocks/record-columns.js';
import { RecordKeyDecoder } from './record-key-decoder.js';
import type { RecordFailure } from '../../runtime/operator.js';
import type { Column } from '../../columnar/column.js';
import type { KafkaReadOptions } from './settings/table-options.js';

/** Which parts of a message the query reads beside its value. */
export function partsOf(request: SourceRequest, { key }: KafkaReadOptions): MessageParts {
  const fromKey = key !== null && request.physical.some((at) => key.columns.has(at));
  return {
    keys: fromKey || request.system.includes('_key'),
    headers: request.system.includes('_headers'),
  };
}

/** What the splits of a source share. */
export interface DecoderParts {
  readonly request: SourceRequest;
  readonly decoder: RecordDecoder;
  /** null: nothing is read of the keys. */
  readonly keys: RecordKeyDecoder | null;
  /** By column that the query needs: its place among the value's or the key's. */
  readonly places: readonly ColumnPlace[];
  readonly system: RecordColumns;
}

interface ColumnPlace {
  readonly from: 'value' | 'key';
  readonly at: number;
}

/** Throws ConfigError SETTING_INVALID for bad options; connects to nothing. */
export async function decoderParts(request: SourceRequest): Promise<DecoderParts> {
  const read = readOptions(request.table);
  const { physical } = request.table;
  const keyColumns = read.key?.columns ?? NO_COLUMNS;
  const wanted = request.physical.map((at) => ({ at, column: physical[at]! }));
  const values = wanted.filter(({ at }) => !keyColumns.has(at)).map(({ column }) => column);
  const fields = physical.filter((_, at) => !keyColumns.has(at)).map(({ name }) => name);
  const options = { fields, csv: read.csv, schema: read.schema ?? null };
  const counts = { value: 0, key: 0 };
  const places = request.physical.map((at): ColumnPlace => {
    const from = keyColumns.has(at) ? 'key' : 'value';
    counts[from] += 1;
    return { from, at: counts[from] - 1 };
  });
  return {
    request,
    decoder: await openMessageDecoder(read.format, values, options),
    keys: await keyDecoder(request, read),
    places,
    system: new RecordColumns(request.system, request.batchRowsMax),
  };
}

async function keyDecoder(
  request: SourceRequest,
  read: KafkaReadOptions,
): Promise<RecordKeyDecoder | null> {
  const { keys } = partsOf(request, read);
  if (!keys) return null;
  const { key } = read;
  const named = request.physical.flatMap((at) => {
    const name = key?.columns.get(at);
    return name === undefined ? [] : [{ name, type: request.table.physical[at]!.type }];
  });
  const decoder =
    key === null || named.length === 0
      ? null
      : await openMessageDecoder(key.format, named, { schema: key.schema });
  const asText = request.system.includes('_key');
  return new RecordKeyDecoder({ decoder, asText, rowsMax: request.batchRowsMax });
}

const NO_COLUMNS: ReadonlyMap<number, string> = new Map();

/** A worker's side of a topic: decodes blocks that the main thread has written. */
export class KafkaBlockDecoder {
  private readonly parts: DecoderParts;
  private readonly block: MessageBlock;
  /** As main found them. */
  private readonly topics: readonly string[];
  private readonly splits = new Map<number, SplitDecoder>();

  /** Throws as decoderParts does. */
  static async open(request: SourceRequest): Promise<KafkaBlockDecoder> {
    return new KafkaBlockDecoder(request, await decoderParts(request));
  }

  private constructor(request: SourceRequest, parts: DecoderParts) {
    this.parts = parts;
    const { request: source } = parts;
    const options = readOptions(source.table);
    this.topics = [...new Set(source.splitNames ?? [options.topic])];
    this.block = new MessageBlock(request.batchRowsMax, partsOf(source, options));
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
      decoder = new SplitDecoder(this.parts, { split, topic: this.topicOf(split) });
      this.splits.set(split, decoder);
    }
    return decoder.decode(this.block, sequence);
  }

  private topicOf(split: number): string {
    const topic = this.topics[Math.floor(split / SPLIT_SPAN)];
    if (topic === undefined) throw new Error(`split ${split} is of no topic that main has found`);
    return topic;
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

  constructor(parts: DecoderParts, { split, topic }: Pick<KafkaSplitBlocks, 'split' | 'topic'>) {
    this.parts = parts;
    this.split = split;
    this.header = emptyHeader(topic);
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
    const columns = this.columns();
    system.appendTo(columns, block, { topic: header.sourceName, split: this.split });
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

  /** Of the query, in its order. */
  private columns(): Column[] {
    const { decoder, keys, places } = this.parts;
    const fromKey = keys?.columns() ?? [];
    if (fromKey.length === 0) return decoder.columns.slice();
    return places.map(({ from, at }) => (from === 'key' ? fromKey[at]! : decoder.columns[at]!));
  }

  /** Decodes every record of the block; how many were refused. */
  private decodeRows(block: MessageBlock, decoder: RecordDecoder): number {
    const { bytes, starts, ends, rowCount } = block;
    const { keys } = this.parts;
    let failures = 0;
    decoder.begin();
    keys?.begin(block);
    for (let row = 0; row < rowCount; row += 1) {
      const end = ends[row]!;
      const oversized = end === TOO_LARGE;
      const start = starts[row]!;
      // A record that is too large was not kept: its cells still need valid dictionary codes.
      const refused = decoder.decode(bytes, start, oversized ? start : end, row) === REFUSED;
      if (oversized || refused) {
        failures += this.failed(failures, row, oversized ? tooLarge(block) : decoder.failure());
        keys?.decode(block, row);
      } else if (keys !== null) {
        const failure = keys.decode(block, row);
        if (failure !== null) failures += this.failed(failures, row, failure);
      }
    }
    return failures;
  }

  private failed(before: number, row: number, failure: RecordFailure): 1 {
    if (before === 0) this.failedRows.fill(0);
    this.failedRows[row] = 1;
    this.parts.request.errors.recordFailed(this.header, row, failure);
    return 1;
  }
}

function tooLarge(block: MessageBlock): RecordFailure {
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
