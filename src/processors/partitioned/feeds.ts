/**
 * Feeds: lanes that the main thread reads, because node-rdkafka lives there, or the partitions of
 * a group come and go there. Owns the form in which a block travels and the workers' end of it;
 * main's end is main-feeder.ts, the bytes of a block are connectors/kafka/blocks/message-wire. @hot
 *
 *   ring    one per lane: offsets of blocks in the query's feed arena, FEED_END behind the last
 *   block   8 doubles of header (0: position behind the block), then the messages
 *   cells   0: position behind the last block that was claimed, which main places before the start
 *
 * All workers consume a lane's ring, one at a time: whoever holds the turn token takes the ring
 * over and pops. It decodes the block, which copies it, and gives its memory back to main. Main,
 * holding the token, may take back what nobody has popped.
 */
import type { BlockArena } from '../../columnar/arena.js';
import type { Batch } from '../../columnar/batch.js';
import type { FedDecoder } from '../../connectors/fed-source.js';
import type { LaneReader } from './worker/lane-readers.js';
import { LANE_POSITION } from './turns/lanes.js';
import type { Ring } from './exchange/ring.js';

export const FEED_HEADER_BYTES = 64;
/** In a ring: the lane has ended. No block lies there. */
export const FEED_END = 0;
/** In a block's header. */
export const FEED_POSITION = 0;

export class FeedLaneReader implements LaneReader {
  readonly idleTimeoutMs: number;
  private readonly ring: Ring;
  private readonly arena: BlockArena;
  private readonly decoder: FedDecoder;
  private readonly wakeFeeder: () => void;
  private block = 0;
  private rows = 0;

  constructor(parts: {
    readonly ring: Ring;
    readonly arena: BlockArena;
    readonly decoder: FedDecoder;
    readonly idleTimeoutMs: number;
    readonly wakeFeeder: () => void;
  }) {
    this.ring = parts.ring;
    this.arena = parts.arena;
    this.decoder = parts.decoder;
    this.idleTimeoutMs = parts.idleTimeoutMs;
    this.wakeFeeder = parts.wakeFeeder;
  }

  claim(cells: Float64Array): 'block' | 'wait' | 'end' {
    const { ring } = this;
    ring.takeOver();
    const block = ring.pop();
    if (block < 0) return 'wait';
    if (block === FEED_END) return 'end';
    this.block = block;
    cells[LANE_POSITION] = this.arena.memory.f64[(block >> 3) + FEED_POSITION]!;
    return 'block';
  }

  /** Main wakes the workers when there is something. */
  dueInMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  read(): Batch {
    const { arena, block } = this;
    try {
      const batch = this.decoder.decode(arena.memory.u8, block + FEED_HEADER_BYTES);
      this.rows += batch.rowCount;
      return batch;
    } finally {
      arena.release(block);
      this.wakeFeeder();
    }
  }

  rowsRead(): number {
    return this.rows;
  }

  dueNs(): null {
    return null;
  }

  position(cells: Float64Array): string {
    return String(cells[LANE_POSITION]);
  }

  ready(): null {
    return null;
  }
}
