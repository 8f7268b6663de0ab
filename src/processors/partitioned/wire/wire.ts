/**
 * The two ends of an exchange edge: batches to blocks of shared memory and back. Owns the header
 * and the sections of a block (drawn in wire-layout.ts), and which rows are shipped; columns are
 * wire-columns.ts. Where blocks lie, and who may read them when, is the exchange's business. @hot
 *
 * A sender has one writer an edge, and every receiver reads every block of a writer in the order of
 * writing, because dictionary entries are shipped once. Physical rows keep their numbers, so that
 * headers, offsets, row watermarks and origins mean on the receiver what they meant on the sender.
 */
import type { BlockMemory } from '../../../columnar/arena.js';
import type { Batch, BatchHeader } from '../../../columnar/batch.js';
import { emptyHeader, newBatch } from '../../../columnar/batch.js';
import type { SqlType } from '../../../columnar/types.js';
import { assert } from '../../../base/assert.js';
import type { RoutedRows } from '../routing/hash-router.js';
import { identityRows } from '../routing/identity-rows.js';
import type { NeededRows, ShippedRows } from './wire-columns.js';
import { ColumnReader, ColumnWriter } from './wire-columns.js';
import * as layout from './wire-layout.js';
import { aligned, putBytes, putF64, putI32 } from './wire-layout.js';
import { RawReader, RawWriter } from './wire-raw.js';

const NO_ROWS = new Int32Array(0);

export interface BatchWriterOptions {
  /** Of the edge's columns. */
  readonly types: readonly SqlType[];
  /** Ship the raw bytes of the rows, for dead letters. */
  readonly withRaw: boolean;
}

export class BatchWriter {
  private readonly columns: readonly ColumnWriter[];
  private readonly raw: RawWriter | null;
  private readonly shipped: ShippedRows = { rows: NO_ROWS, count: 0, rowCount: 0 };

  constructor(options: BatchWriterOptions) {
    this.columns = options.types.map(() => new ColumnWriter(options.types.length));
    this.raw = options.withRaw ? new RawWriter() : null;
  }

  /**
   * The bytes that write() would write for the same batch and routes. May be called as often as one
   * likes, also for parts of the selection: only write() ships anything.
   */
  size(batch: Batch, routed: RoutedRows | null): number {
    const shipped = this.ship(batch, routed);
    const { count, rowCount } = shipped;
    if (count === 0) return layout.HEADER_BYTES;
    const { header } = batch;
    let bytes = layout.HEADER_BYTES;
    if (routed !== null) bytes += aligned(routed.starts.length * 4);
    if (!isWhole(shipped, routed)) bytes += aligned(count * 4);
    if (batch.ops !== null) bytes += aligned(rowCount);
    if (batch.rowWatermarks !== null) bytes += rowCount * 8;
    if (batch.origins !== null) bytes += aligned(rowCount * 4);
    if (header.offsets !== null) bytes += rowCount * 8;
    if (header.lineNumbers !== null) bytes += rowCount * 8;
    if (header.splits !== null) bytes += aligned(rowCount * 4);
    if (this.raw !== null) bytes += this.raw.size(header, shipped);
    for (let at = 0; at < this.columns.length; at += 1) {
      bytes += this.columns[at]!.size(batch.columns[at]!, shipped);
    }
    return bytes;
  }

  /**
   * Writes the selected rows of a batch, or the routed ones, at `at`, a multiple of 8; gives the
   * bytes used. When the last size() was for the same rows, what it prepared is written.
   */
  write(batch: Batch, routed: RoutedRows | null, memory: BlockMemory, at: number): number {
    assert((at & 7) === 0, 'blocks are aligned');
    const shipped = this.ship(batch, routed);
    const head = at >> 2;
    const partitions = routed === null ? 0 : routed.starts.length - 1;
    memory.i32[head + layout.PARTITIONS] = partitions;
    writeHeader(batch.header, shipped, memory, at);
    let to = at + layout.HEADER_BYTES;
    let flags = batch.header.isResult ? layout.IS_RESULT : 0;
    if (shipped.count > 0) {
      flags |= this.flagsOf(batch, routed, shipped);
      to = this.writeSections(batch, routed, flags, memory, to);
      for (let each = 0; each < this.columns.length; each += 1) {
        to = this.columns[each]!.write(batch.columns[each]!, shipped, memory, to);
      }
    }
    memory.i32[head + layout.FLAGS] = flags;
    memory.i32[head + layout.BYTES] = to - at;
    return to - at;
  }

  private ship(batch: Batch, routed: RoutedRows | null): ShippedRows {
    const { shipped } = this;
    const count = routed === null ? batch.selectedCount : routed.starts[routed.starts.length - 1]!;
    shipped.rowCount = batch.rowCount;
    shipped.count = count;
    shipped.rows = routed?.rows ?? batch.selection ?? identityRows(count);
    return shipped;
  }

  private flagsOf(batch: Batch, routed: RoutedRows | null, shipped: ShippedRows): number {
    const { header } = batch;
    let flags = routed === null ? 0 : layout.HAS_STARTS;
    if (!isWhole(shipped, routed)) flags |= layout.HAS_ROWS;
    if (batch.ops !== null) flags |= layout.HAS_OPS;
    if (batch.rowWatermarks !== null) flags |= layout.HAS_ROW_WATERMARKS;
    if (batch.origins !== null) flags |= layout.HAS_ORIGINS;
    if (header.offsets !== null) flags |= layout.HAS_OFFSETS;
    if (header.lineNumbers !== null) flags |= layout.HAS_LINES;
    if (header.splits !== null) flags |= layout.HAS_SPLITS;
    if (this.raw !== null && header.rawRecord !== null) flags |= layout.HAS_RAW;
    return flags;
  }

  private writeSections(
    batch: Batch,
    routed: RoutedRows | null,
    flags: number,
    memory: BlockMemory,
    at: number,
  ): number {
    const { rows, count, rowCount } = this.shipped;
    const { ops, rowWatermarks, origins, header } = batch;
    const { offsets, lineNumbers, splits } = header;
    let to = at;
    if (routed !== null) to = putI32(memory, to, routed.starts, routed.starts.length);
    if ((flags & layout.HAS_ROWS) !== 0) to = putI32(memory, to, rows, count);
    if (ops !== null) to = putBytes(memory, to, ops, 0, rowCount);
    if (rowWatermarks !== null) to = putF64(memory, to, rowWatermarks, rowCount);
    if (origins !== null) to = putI32(memory, to, origins, rowCount);
    if (offsets !== null) to = putF64(memory, to, offsets, rowCount);
    if (lineNumbers !== null) to = putF64(memory, to, lineNumbers, rowCount);
    if (splits !== null) to = putI32(memory, to, splits, rowCount);
    if ((flags & layout.HAS_RAW) !== 0) to = this.raw!.write(header, this.shipped, memory, to);
    return to;
  }
}

/** Whether the rows are 0 … rowCount - 1 in order: all of them, and all in one partition. */
function isWhole(shipped: ShippedRows, routed: RoutedRows | null): boolean {
  if (shipped.count !== shipped.rowCount) return false;
  if (routed === null) return true;
  const { starts } = routed;
  for (let at = 0; at < starts.length; at += 1) {
    if (starts[at] !== 0 && starts[at] !== shipped.count) return false;
  }
  return true;
}

function writeHeader(
  header: BatchHeader,
  shipped: ShippedRows,
  memory: BlockMemory,
  at: number,
): void {
  const words = at >> 2;
  const numbers = at >> 3;
  memory.i32[words + layout.ROW_COUNT] = shipped.rowCount;
  memory.i32[words + layout.ROWS_SHIPPED] = shipped.count;
  memory.i32[words + layout.SPLIT] = header.split;
  memory.f64[numbers + layout.SEQUENCE] = header.sequence;
  memory.f64[numbers + layout.FIRST_OFFSET] = header.firstOffset;
  memory.f64[numbers + layout.INGEST_TIME] = header.ingestTimeMs;
  memory.f64[numbers + layout.WATERMARK_BEFORE] = header.watermarkBefore;
  memory.f64[numbers + layout.WATERMARK_AFTER] = header.watermarkAfter;
  memory.f64[numbers + layout.WATERMARK_OTHERS] = header.watermarkOthers;
}

export interface BatchReaderOptions {
  readonly types: readonly SqlType[];
  /** Senders are numbered 0 … senders - 1. */
  readonly senders: number;
}

export class BatchReader {
  private readonly batch: Batch;
  private readonly columns: readonly ColumnReader[];
  private readonly raw = new RawReader();
  private readonly rawRecord = (row: number): Uint8Array => this.raw.record(row);
  private readonly shipped: ShippedRows = { rows: NO_ROWS, count: 0, rowCount: 0 };
  private readonly needed: NeededRows = { rows: NO_ROWS, from: [], to: [] };
  private starts: Int32Array = NO_ROWS;

  constructor(options: BatchReaderOptions) {
    this.columns = options.types.map((type) => new ColumnReader(type, options.senders));
    this.batch = newBatch(
      this.columns.map((column) => column.column),
      emptyHeader(''),
    );
  }

  /**
   * The batch of a block; the object, its header and codes of dictionaries are used again by the
   * next read. `partitions` are those whose rows will be looked at, [] means all. A routed batch
   * comes without selected rows: whoever takes a partition's share sets `selection` and
   * `selectedCount` from rowsOf().
   */
  read(sender: number, memory: BlockMemory, at: number, partitions: readonly number[]): Batch {
    const { batch, shipped } = this;
    const flags = memory.i32[(at >> 2) + layout.FLAGS]!;
    const routes = memory.i32[(at >> 2) + layout.PARTITIONS]!;
    readHeader(memory, at, shipped, batch.header);
    batch.header.isResult = (flags & layout.IS_RESULT) !== 0;
    let from = this.readRows(memory, at, flags, routes);
    from = this.readSections(memory, from, flags);
    batch.rowCount = shipped.rowCount;
    const isWhole = routes === 0 && shipped.count === shipped.rowCount;
    batch.selection = isWhole ? null : shipped.rows;
    batch.selectedCount = routes === 0 ? shipped.count : 0;
    if (shipped.count === 0) return batch;
    this.need(routes, partitions);
    for (let each = 0; each < this.columns.length; each += 1) {
      const column = this.columns[each]!;
      from = column.read(sender, memory, from, shipped, this.needed);
      batch.columns[each] = column.column;
    }
    return batch;
  }

  /** The rows of one partition, after read() of a routed batch. */
  rowsOf(partition: number): Int32Array {
    if (partition + 1 >= this.starts.length) return NO_ROWS;
    return this.shipped.rows.subarray(this.starts[partition], this.starts[partition + 1]);
  }

  private readRows(memory: BlockMemory, at: number, flags: number, partitions: number): number {
    const { shipped } = this;
    const { count } = shipped;
    let from = at + layout.HEADER_BYTES;
    this.starts = NO_ROWS;
    if ((flags & layout.HAS_STARTS) !== 0) {
      this.starts = new Int32Array(memory.buffer, from, partitions + 1);
      from += aligned((partitions + 1) * 4);
    }
    if ((flags & layout.HAS_ROWS) === 0) {
      shipped.rows = identityRows(count);
      return from;
    }
    shipped.rows = new Int32Array(memory.buffer, from, count);
    return from + aligned(count * 4);
  }

  private readSections(memory: BlockMemory, at: number, flags: number): number {
    const { batch, shipped } = this;
    const { header } = batch;
    const { buffer } = memory;
    const { rowCount } = shipped;
    const has = (flag: number): boolean => (flags & flag) !== 0;
    let from = at;
    batch.ops = has(layout.HAS_OPS) ? new Uint8Array(buffer, from, rowCount) : null;
    if (batch.ops !== null) from += aligned(rowCount);
    const hasWatermarks = has(layout.HAS_ROW_WATERMARKS);
    batch.rowWatermarks = hasWatermarks ? new Float64Array(buffer, from, rowCount) : null;
    if (hasWatermarks) from += rowCount * 8;
    batch.origins = has(layout.HAS_ORIGINS) ? new Int32Array(buffer, from, rowCount) : null;
    if (batch.origins !== null) from += aligned(rowCount * 4);
    header.offsets = has(layout.HAS_OFFSETS) ? new Float64Array(buffer, from, rowCount) : null;
    if (header.offsets !== null) from += rowCount * 8;
    header.lineNumbers = has(layout.HAS_LINES) ? new Float64Array(buffer, from, rowCount) : null;
    if (header.lineNumbers !== null) from += rowCount * 8;
    header.splits = has(layout.HAS_SPLITS) ? new Int32Array(buffer, from, rowCount) : null;
    if (header.splits !== null) from += aligned(rowCount * 4);
    header.rawRecord = has(layout.HAS_RAW) ? this.rawRecord : null;
    return has(layout.HAS_RAW) ? this.raw.read(memory, from, rowCount) : from;
  }

  private need(routes: number, partitions: readonly number[]): void {
    const { needed, shipped, starts } = this;
    const isAll = routes === 0 || partitions.length === 0;
    const parts = isAll ? 1 : partitions.length;
    needed.rows = shipped.rows;
    needed.from.length = 0;
    needed.to.length = 0;
    for (let at = 0; at < parts; at += 1) {
      needed.from.push(isAll ? 0 : starts[partitions[at]!]!);
      needed.to.push(isAll ? shipped.count : starts[partitions[at]! + 1]!);
    }
  }
}

function readHeader(
  memory: BlockMemory,
  at: number,
  shipped: ShippedRows,
  header: BatchHeader,
): void {
  const words = at >> 2;
  const numbers = at >> 3;
  shipped.rowCount = memory.i32[words + layout.ROW_COUNT]!;
  shipped.count = memory.i32[words + layout.ROWS_SHIPPED]!;
  header.split = memory.i32[words + layout.SPLIT]!;
  header.sequence = memory.f64[numbers + layout.SEQUENCE]!;
  header.firstOffset = memory.f64[numbers + layout.FIRST_OFFSET]!;
  header.ingestTimeMs = memory.f64[numbers + layout.INGEST_TIME]!;
  header.watermarkBefore = memory.f64[numbers + layout.WATERMARK_BEFORE]!;
  header.watermarkAfter = memory.f64[numbers + layout.WATERMARK_AFTER]!;
  header.watermarkOthers = memory.f64[numbers + layout.WATERMARK_OTHERS]!;
}
