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
import type { KafkaBlocks } from '../../connectors/kafka/blocks.js';
import type { Sink } from '../../connectors/sink.js';
import { LANE_POSITION } from './lanes.js';
import type { TurnTable } from './turns.js';

const INTERVAL_MS = 5000;

/** A topic as main has it: fetched here or by workers, it is main that commits. */
export interface CommittedTopic {
  readonly blocks: KafkaBlocks;
  /** Numbers in the query of the lanes that its splits are, in their order. */
  readonly lanes: readonly number[];
}

interface Mark {
  readonly seq: number;
  /** By lane. */
  readonly nextOffsets: readonly number[];
}

export class OffsetCommits {
  private readonly topics: readonly CommittedTopic[];
  private readonly turns: TurnTable;
  private readonly clock: Clock;
  private mark: Mark | null = null;
  private lastNs: number;
  private running: Promise<void> | null = null;
  private failure: Error | null = null;

  constructor(parts: {
    readonly topics: readonly CommittedTopic[];
    readonly turns: TurnTable;
    readonly clock: Clock;
  }) {
    this.topics = parts.topics;
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
    for (const { lanes } of this.topics) {
      for (const lane of lanes) {
        offsets[lane] = this.turns.positionCells(lane)[LANE_POSITION] as number;
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

  /** Every record of the lanes before `nextOffsets` is done with. */
  private async commitThrough(nextOffsets: readonly number[]): Promise<void> {
    for (const { blocks, lanes } of this.topics) {
      blocks.splits.forEach((split, at) => {
        split.finishedThrough(nextOffsets[lanes[at] as number] as number);
      });
      await blocks.commit();
    }
  }
}
