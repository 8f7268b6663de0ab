/**
 * The contract of record decoders: bytes of one record in, cells of reused columns out. Owns the
 * interface that connectors read through; the formats implement it (json.ts, csv.ts, raw.ts) and
 * decoder-registry.ts picks one. Decoders know no source, offset or error policy.
 *
 * A batch is `begin()`, then one `decode()` per record (or `decodeLines()` for text with lines),
 * then `columns`: they and their arrays are reused by the next `begin()`. An entry of `columns` may
 * be replaced in the middle of a batch (f64 to i64, dict to utf8), so read them after the last row.
 */
import type { Column } from '../columnar/column.js';
import type { SqlType } from '../columnar/types.js';
import type { RecordFailure } from '../runtime/operator.js';
import type { WriterSchema } from './message/wire-schema.js';

/** A column that the query needs: the key of a JSON object or the name in a CSV header. */
export interface DecoderColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** What decode() returns: the record's cells are in the row, or failure() says why they are not. */
export const DECODED = 0;
export const REFUSED = 1;

export interface RecordDecoder {
  /** One per requested column, valid until the next begin(). */
  readonly columns: Column[];
  /** Starts a batch: forgets the NULLs of the one before. */
  begin(): void;
  /**
   * Decodes the record in `bytes[start, end)` into `row` (0 … BATCH_ROWS_MAX - 1, never one that an
   * earlier record of this batch was decoded into). DECODED or REFUSED; the cells of a refused row
   * hold no value, but its dictionary codes are valid. The byte at `end` may be overwritten while
   * the call lasts. O(length).
   */
  decode(bytes: Uint8Array, start: number, end: number, row: number): number;
  /**
   * Decodes whole lines of `bytes[from, to)`, where every line ends in a line feed. Stops when
   * lines.rowCount reaches lines.rowsMax or at `to`; returns where it stopped, the start of a line.
   */
  decodeLines(bytes: Uint8Array, from: number, to: number, lines: LineBlock): number;
  /** Why the last call of decode() refused: call it before the next one. */
  failure(): RecordFailure;
  /**
   * Formats whose records name their schema: takes those of the records to come, for good; known
   * ones cost nothing. A record whose schema was not learnt is refused.
   */
  learn?(schemas: readonly WriterSchema[]): void;
}

/** The records of one batch of lines: filled by decodeLines, row by row. */
export interface LineBlock {
  /** Most rows in this batch, at most BATCH_ROWS_MAX. */
  rowsMax: number;
  rowCount: number;
  /** Number of the next line, from 1. */
  line: number;
  /** Where each row's record starts in the bytes. */
  readonly starts: Int32Array;
  /** Where it ends, known by the time refused() is called for the row. */
  readonly ends: Int32Array;
  /** Line each row's record starts in. */
  readonly lineNumbers: Float64Array;
  /**
   * No more bytes will follow: what is left of an unfinished record (a quoted CSV field without its
   * closing quote) is refused. Otherwise decodeLines stops in front of it.
   */
  final: boolean;
  /** A row was refused; decoder.failure() describes it. */
  refused(row: number): void;
}
