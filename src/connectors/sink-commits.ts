/**
 * The contract of sinks whose rows are seen when the state that they belong to is kept, not before:
 * exactly once, whatever happens between. Owns the order of its steps; how rows are held back and
 * shown is a connector's, what a state is the job's.
 *
 *   open      who wrote before is shut out; mark: the state whose rows are seen
 *   seal      the rows so far belong together; later ones belong to the next state
 *   publish   that state is on disk: its rows are seen, together with a mark that names it
 *
 * Pieces are published in the order in which they were sealed. A process that dies anywhere leaves a
 * mark that says which of its states the rows that are seen belong to.
 */

/** The state whose rows are seen. */
export interface SinkMark {
  /** null: none yet, the job has just begun. */
  readonly epoch: number | null;
  /** Tells it from another state of that number; empty: of none. */
  readonly sum: string;
}

export interface SinkCommits {
  /** As it was found; null: nobody knows of such a job. */
  readonly mark: SinkMark | null;
  /** What is written, for messages: `topic "totals"`. */
  readonly label: string;
  /**
   * All that was written so far, and flushed, is one piece. Gives what publishes it, which rejects
   * with ConnectorError; nothing after it can be published then.
   */
  seal(): (mark: SinkMark) => Promise<void>;
  /** Before the first row: sets the mark where the job does not go on from it. */
  begin(mark: SinkMark): Promise<void>;
  /** Takes back what was not published, and lets go. */
  close(): Promise<void>;
}

/** What commits are opened for. */
export interface CommittingJob {
  /** For names that the job has in the outside world: its file. */
  readonly name: string;
  /** How often a state is kept. */
  readonly intervalMs: number;
  readonly notice: (line: string) => void;
}
