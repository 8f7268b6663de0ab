/**
 * Main's end of the lanes that it reads (feeds.ts): takes blocks of messages as they come, copies
 * them into the query's feed arena and hands them to the workers. Owns one source of one query:
 * its pace (a full ring or arena leaves the blocks with the source, which stops fetching) and its
 * end. Never waits: whoever makes room, or the source itself, wakes main.
 */
import type { BlockArena } from '../../../columnar/arena.js';
import { ConnectorError } from '../../../base/errors.js';
import type { FedBlock, FedSplit, SourceBlocks } from '../../../connectors/fed-source.js';
import type { JobControl } from '../control.js';
import { COMMAND_RUN } from '../control.js';
import { FEED_END, FEED_HEADER_BYTES, FEED_POSITION } from '../feeds.js';
import type { Ring } from '../exchange/ring.js';

/** A lane that this source feeds. */
export interface FedLane {
  readonly split: FedSplit;
  readonly ring: Ring;
}

export class MainFeeder {
  private readonly feeds: readonly LaneFeed[];
  private readonly control: JobControl;

  constructor(parts: {
    readonly source: SourceBlocks;
    readonly lanes: readonly FedLane[];
    readonly arena: BlockArena;
    readonly control: JobControl;
  }) {
    this.control = parts.control;
    this.feeds = parts.lanes.map((lane) => new LaneFeed(lane, parts));
  }

  /**
   * Takes back what was handed on of these splits and no worker has begun with. The caller holds
   * the turn token, which is the right to take from the lanes' rings.
   */
  withdraw(splits: readonly number[]): void {
    for (const feed of this.feeds) if (splits.includes(feed.split)) feed.withdraw();
  }

  /**
   * Hands on a block of each lane that has one and room for it; true: some had. While the job is
   * paused, or about to stop, nothing is read. Throws what the source fails with.
   */
  feed(): boolean {
    if (this.control.command() !== COMMAND_RUN) return false;
    let progressed = false;
    for (const feed of this.feeds) if (feed.step()) progressed = true;
    if (progressed) this.control.wakeAll();
    return progressed;
  }
}

/** A block that found no room, in memory of its own: the source may go before there is some. */
interface HeldBlock {
  readonly bytes: Uint8Array;
  readonly nextOffset: number;
}

class LaneFeed {
  readonly split: number;
  private readonly lane: FedLane;
  private readonly source: SourceBlocks;
  private readonly arena: BlockArena;
  private readonly control: JobControl;
  private held: HeldBlock | null = null;
  private waiting = false;
  private ended = false;

  constructor(
    lane: FedLane,
    parts: {
      readonly source: SourceBlocks;
      readonly arena: BlockArena;
      readonly control: JobControl;
    },
  ) {
    this.split = lane.split.split;
    this.lane = lane;
    this.source = parts.source;
    this.arena = parts.arena;
    this.control = parts.control;
  }

  withdraw(): void {
    const { ring } = this.lane;
    this.held = null;
    ring.takeOver();
    for (let block = ring.pop(); block >= 0; block = ring.pop()) {
      if (block !== FEED_END) this.arena.release(block);
    }
  }

  step(): boolean {
    const { ring, split } = this.lane;
    if (this.ended || this.waiting || ring.size() === ring.slots) return false;
    if (this.held !== null) return this.placeHeld(this.held);
    const next = split.next();
    if (next === 'wait') {
      this.waiting = true;
      void split.ready().then(() => {
        this.waiting = false;
        this.control.wakeMain();
      });
      return false;
    }
    if (next === 'end') {
      this.ended = true;
      ring.tryPush(FEED_END);
      return true;
    }
    return this.place(next);
  }

  private place(view: FedBlock): boolean {
    const { arena } = this;
    const length = this.source.blockBytes(view);
    const bytes = FEED_HEADER_BYTES + length;
    if (bytes > arena.blockBytesMax) throw tooLarge(view, bytes);
    const at = arena.allocate(bytes);
    if (at < 0) {
      const own = new Uint8Array(length);
      this.source.writeBlock(view, own, 0);
      this.held = { bytes: own, nextOffset: view.nextOffset };
      return false;
    }
    this.source.writeBlock(view, arena.memory.u8, at + FEED_HEADER_BYTES);
    this.handOn(at, bytes, view.nextOffset);
    return true;
  }

  private placeHeld({ bytes: own, nextOffset }: HeldBlock): boolean {
    const { arena } = this;
    const bytes = FEED_HEADER_BYTES + own.length;
    const at = arena.allocate(bytes);
    if (at < 0) return false;
    arena.memory.u8.set(own, at + FEED_HEADER_BYTES);
    this.held = null;
    this.handOn(at, bytes, nextOffset);
    return true;
  }

  private handOn(at: number, bytes: number, nextOffset: number): void {
    const { arena, lane } = this;
    arena.memory.f64[(at >> 3) + FEED_POSITION] = nextOffset;
    arena.commit(at, bytes, 1);
    lane.ring.tryPush(at);
  }
}

function tooLarge({ split, nextOffset }: FedBlock, bytes: number): ConnectorError {
  return new ConnectorError('RECORD_TOO_LARGE', {
    message:
      `the records of partition ${split} before offset ${nextOffset} take ${bytes} bytes ` +
      'with their keys and headers, more than workers can be handed at once',
    hint: 'choose a smaller batch size, or run it with --arch v1',
  });
}
