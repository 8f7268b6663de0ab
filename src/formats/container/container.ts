/**
 * The contract of containers: binary files that hold their own schema and whose records lie in
 * blocks (Avro's blocks, Parquet's row groups), each read as a whole. Owns the interface alone;
 * formats/avro and formats/parquet fulfil it, connectors/file opens files and makes batches.
 */
import type { SqlType } from '../../columnar/types.js';
import type { RecordDecoder } from '../decoder.js';

/** The bytes of a file, at any place. */
export interface PlacedBytes {
  /** As messages name it. */
  readonly path: string;
  readonly size: number;
  /** Bytes of its own, fewer at the end of the file; `length` is at most what the file has. */
  read(place: number, length: number): Buffer;
}

/** What a file says of one of its columns. */
export interface ContainerColumn {
  readonly name: string;
  readonly type: SqlType;
}

export interface OpenBlock {
  readonly records: number;
  /** Place of the block behind it. */
  readonly next: number;
}

/** Reads the records of one file into columns; one block is open at a time. */
export interface ContainerReader extends RecordDecoder {
  /**
   * Opens the block at a place: 0 is the first, others come from `next`. null: the file ends there.
   * Throws ConnectorError FILE_DAMAGED.
   */
  open(place: number): OpenBlock | null;
  /**
   * Decodes records of the open block, from the number `from` on, until lines.rowCount reaches
   * lines.rowsMax or at record `to`; returns the number of the record that it stopped at. Numbers go
   * on from call to call, but for the first call after open(). `bytes` are none.
   */
  decodeLines: RecordDecoder['decodeLines'];
  /** The record of a row of the batch as bytes for a dead letter. */
  rawRecord(row: number): Uint8Array;
  /** Forgets the open block. */
  close(): void;
}
