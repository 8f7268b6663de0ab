/**
 * Sources that several workers read in turn. Owns the contract of a shared split; which tables
 * can be read that way their connectors say. Whose turn it is, and the memory of the cells, are the
 * processor's.
 *
 * Every worker opens the source for itself. What they share is a lane of numbers per split:
 *
 *   turn      | claim(cells): takes a block, moves the lane on      under the turn token
 *   then      | read(): decodes the claimed block                   at the same time as others
 *
 * A block is one batch, and the same batch that the SplitReader of this table would hand out: its
 * limits are found at the claim, so the lane knows the number of its next record, line and batch,
 * and no block waits for the numbers of the one before. (Finding the end of a JSON line of 100
 * bytes costs some 20 ns, decoding three of its columns some 200.)
 */
import type { Batch } from '../columnar/batch.js';
import type { DueTimes } from './source.js';

/** Numbers in a lane's cells; they are zeros before the first claim or seek. */
export const LANE_CELLS = 8;

/** What the first cell of a lane counts from and to. */
export interface SplitExtent {
  readonly start: number;
  readonly end: number;
}

export interface SharedSplit {
  /** Source partition number: _PARTITION. */
  readonly split: number;
  readonly sourceName: string;
  /** null: it has no end that is known. */
  readonly extent: SplitExtent | null;
  /**
   * Under the turn token: takes the next block. 'wait': nothing now, see dueInMs(); 'end': no more,
   * ever. The batch of the block before is invalid from here on.
   */
  claim(cells: Float64Array): 'block' | 'wait' | 'end';
  /** After 'wait': milliseconds until claim may give something else; 0 when it may by now. */
  dueInMs(): number;
  /**
   * Decodes the claimed block, once, outside the token. Failed rows are reported to request.errors
   * and not selected, as by SplitReader.next(); the batch is valid until the next claim.
   */
  read(): Batch;
  /** Records of the blocks that this worker has claimed, failed ones included. */
  rowsRead(): number;
  /** When the rows of the last block were due, for a table with a rate; else null. */
  dueNs(): DueTimes | null;
  /** Position of the lane's next record: the same text as SplitReader.position(). */
  position(cells: Float64Array): string;
  /** Before the first claim: the lane starts from a position() of an earlier run, V1's or V2's. */
  seek(cells: Float64Array, position: string): void;
}

export interface SharedSource {
  readonly bounded: boolean;
  /** The same splits, in the same order, in every worker. */
  readonly splits: readonly SharedSplit[];
  close(): void;
}
