/**
 * When the offsets of a query's topics are committed: at the end of the job, and now and then
 * before it where that is safe. Owns what "done with" means: a turn's results have reached the
 * sink, and the sink has handed them on.
 *
 * Before the end only stateless queries commit, into sinks that publish rows as they come: state
 * that lives in memory alone, and a file that appears when it is complete, are lost with the
 * process, and what they hold must be read again.
 *
 * The lanes' positions and the next turn's number are noted together, between two turns; once the
 * results of all turns before it are in the sink and the sink is flushed, everything before those
 * positions is done with.
 */
import type { Clock } from '../../base/clock.js';
import type { Sink } from '../../connectors/sink.js';
import { FEED_POSITION } from './feeds.js';
import type { MainFeeder } from './main-feeder.js';
import type { TurnTable } from './turns.js';

const INTERVAL_MS = 5000;

interface Mark {
  readonly seq: number;
  /** By lane. */
  readonly nextOffsets: readonly number[];
}

export class OffsetCommits {
  private readonly feeders: readonly MainFeeder[];
  private readonly turns: TurnTable;
  private readonly clock: Clock;
  private mark: Mark | null = null;
  private lastNs: number;
  private running: Promise<void> | null = null;
  private failure: Error | null = null;

  constructor(parts: {
    readonly feeders: readonly MainFeeder[];
    readonly turns: TurnTable;
    readonly clock: Clock;
  }) {
    this.feeders = parts.feeders;
    this.turns = parts.turns;
    this.clock = parts.clock;
    this.lastNs = parts.clock.monotonicNs();
  }

  /** Between pieces of other work. `seqDone`: results of all turns before it are in the sink. */
  step(sink: Sink, seqDone: number): void {
    if (this.failure !== null) throw this.failure;
    if (this.running !== null) return;
    const { mark } = this;
    if (mark === null) {
      if ((this.clock.monotonicNs() - this.lastNs) / 1e6 >= INTERVAL_MS) this.note();
    } else if (seqDone >= mark.seq) {
      this.mark = null;
      this.running = this.commit(sink, mark);
    }
  }

  /** The job is over: every claimed block is done with, and the sink is closed. */
  async finish(): Promise<void> {
    await this.running;
    if (this.failure !== null) throw this.failure;
    await this.commitThrough(this.nextOffsets());
  }

  private note(): void {
    this.turns.look((seq) => {
      this.mark = { seq, nextOffsets: this.nextOffsets() };
    });
  }

  private nextOffsets(): number[] {
    const offsets: number[] = [];
    for (const { lanes } of this.feeders) {
      for (const { lane } of lanes) {
        offsets[lane] = this.turns.positionCells(lane)[FEED_POSITION] as number;
      }
    }
    return offsets;
  }

  private async commit(sink: Sink, { nextOffsets }: Mark): Promise<void> {
    try {
      await sink.flush();
      await this.commitThrough(nextOffsets);
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.running = null;
      this.lastNs = this.clock.monotonicNs();
    }
  }

  private async commitThrough(nextOffsets: readonly number[]): Promise<void> {
    for (const feeder of this.feeders) await feeder.commitThrough(nextOffsets);
  }
}
