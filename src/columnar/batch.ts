/**
 * A batch: columns, a row count and a header. Owns the contract between sources, operators and
 * sinks; columns are column.ts. Nobody keeps a batch or its arrays after `process` or `write`
 * returned: what an operator needs later it copies.
 *
 * Physical rows are 0 … rowCount - 1. `selection` (ascending row numbers, the first
 * `selectedCount` count) names the rows that exist; null means all of them. Behind a source, up to
 * the first stateful operator, physical row r is record r of the source block, whatever was
 * filtered, so that errors, offsets and event times are found by row number.
 */
import type { Column } from './column.js';

/** A batch has at most so many physical rows. */
export const BATCH_ROWS_MAX = 4096;

/** Row kinds, as Flink prints them. */
export const ROW_OPS = ['+I', '-U', '+U', '-D'] as const;
export const OP_INSERT = 0;
export const OP_UPDATE_BEFORE = 1;
export const OP_UPDATE_AFTER = 2;
export const OP_DELETE = 3;

/** Where the rows of a batch come from. Errors, offsets and ordering come from here. */
export interface BatchHeader {
  /** Name of the source for messages: a file path or topic. */
  sourceName: string;
  /** Whether the rows are results that answer to no one record, of a window say: not one was read. */
  isResult: boolean;
  /** Source partition (Kafka partition, generator split; 0 for a file). */
  split: number;
  /** Source partition of each physical row, where rows are of several; null: all are of `split`. */
  splits: Int32Array | null;
  /** Number of the block within its split, from 0. */
  sequence: number;
  /** Offset of physical row 0; row r is at firstOffset + r unless `offsets` is set. */
  firstOffset: number;
  /** Offset of each physical row, where offsets have gaps. */
  offsets: Float64Array | null;
  /** Physical line (from 1) of each physical row, for messages; null for sources without lines. */
  lineNumbers: Float64Array | null;
  /** When velo read the block, ms since the epoch: _TIMESTAMP and NOW(). */
  ingestTimeMs: number;
  /** The split's watermark before physical row 0; -Infinity before any record. */
  watermarkBefore: number;
  /** The split's watermark after the last physical row. */
  watermarkAfter: number;
  /** Minimum watermark over the other active splits of the same source; +Infinity if none. */
  watermarkOthers: number;
  /** The record's bytes for a dead-letter row; null when the source has none to show. */
  rawRecord: ((row: number) => Uint8Array) | null;
}

export interface Batch {
  rowCount: number;
  columns: Column[];
  selection: Int32Array | null;
  /** Rows that exist: length of the used part of `selection`, or rowCount without one. */
  selectedCount: number;
  /** Row kind of each physical row; null when all are +I. */
  ops: Uint8Array | null;
  /** 1 for each physical row whose record failed; null when none did. Failed rows are never selected. */
  failed: Uint8Array | null;
  /**
   * The split's watermark before each physical row; set only when some row of this batch is below
   * it (late), else null: then no row is late for anything.
   */
  rowWatermarks: Float64Array | null;
  /** Physical row of the source block that each row of an emitted batch answers to; null if none. */
  origins: Int32Array | null;
  header: BatchHeader;
}

export function emptyHeader(sourceName: string): BatchHeader {
  return {
    sourceName,
    isResult: false,
    split: 0,
    splits: null,
    sequence: 0,
    firstOffset: 0,
    offsets: null,
    lineNumbers: null,
    ingestTimeMs: 0,
    watermarkBefore: Number.NEGATIVE_INFINITY,
    watermarkAfter: Number.NEGATIVE_INFINITY,
    watermarkOthers: Number.POSITIVE_INFINITY,
    rawRecord: null,
  };
}

/** Header of an operator's results that answer to no one record. */
export function resultHeader(operatorId: string): BatchHeader {
  return { ...emptyHeader(operatorId), isResult: true };
}

export function newBatch(columns: Column[], header: BatchHeader): Batch {
  return {
    rowCount: 0,
    columns,
    selection: null,
    selectedCount: 0,
    ops: null,
    failed: null,
    rowWatermarks: null,
    origins: null,
    header,
  };
}

/** Source partition of a physical row. */
export function rowSplit(header: BatchHeader, row: number): number {
  return header.splits === null ? header.split : (header.splits[row] as number);
}

/** Offset of a physical row in its split. */
export function rowOffset(header: BatchHeader, row: number): number {
  return header.offsets === null ? header.firstOffset + row : (header.offsets[row] as number);
}
