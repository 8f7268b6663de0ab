/**
 * When the offsets of a query's topics are committed: at the end of the job, and now and then
 * before it where that is safe. Owns what "done with" means: a turn's results have reached the
 * sink, and the sink has handed them on.
 *
 * Before the end only stateless queries commit, into sinks that publish rows as they come: state
 * that lives in memory alone, and a file that appears when it is complete, are lost with the
 * process, and what they hold must be read again.
 *
 * The lanes' positions and the next turn's number are noted together, between two turns (a mark);
 * once the results of all turns before it are in the sink and the sink is flushed, everything before
 * those positions is done with. A group that takes a partition away asks for a mark of its own:
 *
 *   settle(going) → blocks of `going` that no turn has taken are withdrawn, and the mark is noted
 *                 → their turns' results in the sink → flushed → told to the group, which commits
 *
 * So settling waits for turns that were begun alone: a paused job settles too. The end of the job,
 * good or bad, ends every wait.
 */
import type { Clock } from '../../../base/clock.js';
import type { SourceBlocks } from '../../../connectors/fed-source.js';
import type { Sink } from '../../../connectors/sink.js';
import { LANE_POSITION } from '../turns/lanes.js';
import type { MainFeeder } from './main-feeder.js';
import type { TurnTable } from '../turns/turns.js';

const INTERVAL_MS = 5000;
/** A position that is behind none: nothing is done with. */
const NOTHING = Number.NEGATIVE_INFINITY;

/** A topic as main has it: fetched here or by workers, it is main that commits. */
export interface CommittedTopic {
  readonly blocks: SourceBlocks;
  /** Numbers in the query of the lanes that its splits are, in their order. */
  readonly lanes: readonly number[];
  /** Of a topic that main reads. */
  readonly feeder: MainFeeder | null;
}

export interface ResultsSoFar {
  /** null: rows stay with the workers (digests), and are done with when their turn is. */
  readonly sink: Sink | null;
  /** The last turn whose rows have left the sink; Infinity: all that were written have. */
  readonly deliveredSeq: () => number;
  /** Results of all turns before it are in the sink. */
  readonly seqDone: number;
  /** Offsets may be committed before the end. */
  readonly mayCommit: boolean;
}

interface Mark {
  readonly seq: number;
  /** By lane. */
  readonly nextOffsets: readonly number[];
}

interface Settling {
  /** Under the turn token, when the mark is noted. */
  readonly withdraw: () => void;
  mark: Mark | null;
  readonly over: () => void;
}

export class OffsetCommits {
  private readonly topics: readonly CommittedTopic[];
  private readonly turns: TurnTable;
  private readonly clock: Clock;
  private readonly wakeMain: () => void;
  private readonly commitsAtIntervals: boolean;
  /** Each row is of one record, in their order. */
  private readonly rowwise: boolean;
  private settlings: Settling[] = [];
  private lastNs: number;
  private committing: Promise<void> | null = null;
  private flushing: Promise<void> | null = null;
  private failure: Error | null = null;
  private ended = false;

  constructor(parts: {
    readonly topics: readonly CommittedTopic[];
    readonly turns: TurnTable;
    readonly clock: Clock;
    readonly rowwise: boolean;
    readonly wakeMain: () => void;
  }) {
    this.topics = parts.topics;
    this.turns = parts.turns;
    this.clock = parts.clock;
    this.rowwise = parts.rowwise;
    this.wakeMain = parts.wakeMain;
    this.lastNs = parts.clock.monotonicNs();
    // A member of a group commits at intervals of its own.
    this.commitsAtIntervals = parts.topics.some(({ blocks }) => blocks.settleWith === undefined);
    for (const { blocks, feeder } of parts.topics) {
      blocks.settleWith?.((going) => this.settle(() => feeder?.withdraw(going)));
    }
  }

  /** Between pieces of other work. */
  step(results: ResultsSoFar): void {
    if (this.failure !== null) throw this.failure;
    if (this.commitsAtIntervals && results.mayCommit && this.committing === null) {
      if ((this.clock.monotonicNs() - this.lastNs) / 1e6 >= INTERVAL_MS) this.commitNow();
    }
    for (const settling of this.settlings) if (settling.mark === null) this.note(settling);
    if (this.flushing !== null) return;
    const done = this.settlings.filter(({ mark }) => mark !== null && results.seqDone >= mark.seq);
    if (done.length > 0) this.flushing = this.flush(results, done);
  }

  /** The job is over: every claimed block has been taken in, and the sink is closed. */
  async finish(deliveredSeq: () => number): Promise<void> {
    await this.flushing;
    this.finished(this.written(this.nextOffsets(), deliveredSeq()));
    this.end();
    await this.committing;
    if (this.failure !== null) throw this.failure;
    for (const { blocks } of this.topics) await blocks.commit();
  }

  /** Nothing gets done with any more: whoever waits goes on with what is. */
  end(): void {
    this.ended = true;
    for (const { over } of this.settlings.splice(0)) over();
  }

  private settle(withdraw: () => void): Promise<void> {
    if (this.ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.settlings.push({ withdraw, mark: null, over: resolve });
      this.wakeMain();
    });
  }

  /** Not while somebody takes a turn: the next step tries again. */
  private note(settling: Settling): void {
    this.turns.look((seq) => {
      settling.withdraw();
      settling.mark = { seq, nextOffsets: this.nextOffsets() };
    });
  }

  private nextOffsets(): number[] {
    const offsets: number[] = [];
    for (const { lanes } of this.topics) {
      for (const lane of lanes) {
        offsets[lane] = this.turns.positionCells(lane)[LANE_POSITION] as number;
      }
    }
    return offsets;
  }

  /**
   * Of these positions, as far as rows were written: a LIMIT ends a query in the midst of a block,
   * and a reader that goes away does not take what is on its way. Where rows are not of one record
   * each, nothing is told by them.
   */
  private written(nextOffsets: readonly number[], deliveredSeq: number): readonly number[] {
    const { turns, rowwise } = this;
    const limited = turns.limited();
    if (!limited && deliveredSeq === Number.POSITIVE_INFINITY) return nextOffsets;
    const bounds = [
      limited ? turns.log.positionsAtLimit() : nextOffsets,
      deliveredSeq === Number.POSITIVE_INFINITY
        ? nextOffsets
        : turns.log.positionsBehind(deliveredSeq),
    ];
    return nextOffsets.map((offset, lane) =>
      bounds.reduce(
        (least, bound) => Math.min(least, rowwise ? (bound?.[lane] ?? NOTHING) : NOTHING),
        offset,
      ),
    );
  }

  private async flush(
    { sink, deliveredSeq }: ResultsSoFar,
    done: readonly Settling[],
  ): Promise<void> {
    try {
      await sink?.flush();
      const seq = deliveredSeq();
      for (const { mark } of done) {
        if (mark !== null) this.finished(this.written(mark.nextOffsets, seq));
      }
      this.settlings = this.settlings.filter((settling) => !done.includes(settling));
      for (const { over } of done) over();
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.flushing = null;
      this.wakeMain();
    }
  }

  /** Topics whose group is not joined. */
  private commitNow(): void {
    this.committing = this.settle(() => undefined)
      .then(async () => {
        for (const { blocks } of this.topics) {
          if (blocks.settleWith === undefined && !this.ended) await blocks.commit();
        }
      })
      .catch((error: unknown) => {
        this.failure = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        this.committing = null;
        this.lastNs = this.clock.monotonicNs();
      });
  }

  /** Every record of the lanes before `nextOffsets` is done with. */
  private finished(nextOffsets: readonly number[]): void {
    for (const { blocks, lanes } of this.topics) {
      blocks.splits.forEach((split, at) => {
        const nextOffset = nextOffsets[lanes[at] ?? -1];
        if (nextOffset !== undefined) split.finishedThrough(nextOffset);
      });
    }
  }
}
