/** What the checkpoints of a running job come to, as plain data for whoever shows it. */

/** State of one operator, as it was written. */
export interface StoredOperator {
  readonly query: string;
  readonly operator: string;
  readonly entries: number;
  readonly bytes: number;
}

export interface TransactionFigures {
  readonly committed: number;
  /** That could not be committed, and were taken back. */
  readonly failed: number;
  /** From the checkpoint that is on disk to rows that are seen; null: none was committed yet. */
  readonly lastMs: number | null;
}

export interface CheckpointFigures {
  readonly intervalMs: number;
  /** By this run. */
  readonly written: number;
  /** That could not be taken or written. */
  readonly failed: number;
  /** The longest that the job stood still for one of them; null: none was taken yet. */
  readonly longestPauseMs: number | null;
  /** Of rows that are seen with their checkpoint; null: the job writes none so. */
  readonly transactions: TransactionFigures | null;
  /** null: none was written yet. */
  readonly last: {
    readonly epoch: number;
    readonly takenAtMs: number;
    readonly writeMs: number;
    /** How long the job stood still for it. */
    readonly pauseMs: number;
    readonly entries: number;
    /** Of state, and of what was written for it. */
    readonly bytes: number;
    readonly bytesWritten: number;
    readonly operators: readonly StoredOperator[];
  } | null;
}
