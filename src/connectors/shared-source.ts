/**
 * Sources that several workers read in turn. Owns the contract of a shared split, and which tables
 * can be read that way; the splits are shared-generator.ts and shared-file.ts. Whose turn it is,
 * and the memory of the cells, are the processor's.
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
import { ConfigError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import type { TableDefinition } from '../plan/schema.js';
import { fileSharing } from './file.js';
import { openSharedFile } from './shared-file.js';
import { openSharedGenerator } from './shared-generator.js';
import type { DueTimes, SourceRequest } from './source.js';

/** Numbers in a lane's cells; they are zeros before the first claim or seek. */
export const LANE_CELLS = 8;

export interface SharedSplit {
  /** Source partition number: _PARTITION. */
  readonly split: number;
  readonly sourceName: string;
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
  /** Total rows if known (progress bar), else null. */
  readonly rowsTotal: number | null;
  close(): void;
}

/**
 * Who reads a table. 'shared': all workers in turn; 'home': one worker alone through the table's
 * SplitReader, because what it reads is not seekable (pipes), still growing, or cannot be cut
 * without being decoded (CSV); 'main': the main thread opens it, and hands message bytes on where
 * workers cannot fetch the splits that it deals out to them (owned-source.ts).
 */
export type Sharing = 'shared' | 'home' | 'main';

/** Throws ConfigError for bad options, as opening the table would. */
export function sharingOf(table: TableDefinition): Sharing {
  switch (table.connector) {
    case 'generator':
      return 'shared';
    case 'file':
      return fileSharing(table);
    case 'kafka':
      return 'main';
    default:
      throw new ConfigError('SETTING_INVALID', {
        message: `connector "${table.connector}" of table "${table.name}" cannot be read from`,
        hint: "sources are 'kafka', 'file' and 'generator'",
      });
  }
}

/** Opens a table for this worker; only for tables that sharingOf() calls 'shared'. */
export function openSharedSource(request: SourceRequest): SharedSource {
  return request.table.connector === 'generator'
    ? openSharedGenerator(request)
    : openSharedFile(request);
}
