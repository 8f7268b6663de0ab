/**
 * The fetched records of one partition between the responses of its leader and its reader: record
 * sets that wait, and the one whose records are handed out block by block, in place. Owns the
 * position (each offset once, in order), the end of a bounded read and how long a response's bytes
 * are kept; what asks for them is leader-fetch.ts, walking them record-set.ts. @hot
 *
 * Positions: start ≤ handedTo ≤ fetchedTo. `fetchedTo` also moves over offsets that hold no record
 * for the reader: control records, compacted ranges, aborted transactions, tombstones.
 */
import type { PartitionRange } from '../../source.js';
import type { RecordQueue } from '../blocks/blocks.js';
import { FetchSilence } from './fetch-silence.js';
import { MessageBlock } from '../blocks/message-block.js';
import type { MessageParts } from '../blocks/message-block.js';
import type { AbortedTransaction, RecordSetReader } from '../batch/record-set.js';
import type { Frame } from '../cluster/wire-connection.js';

/** Sets of a partition that may wait beside the one that is read: the next is there in time. */
const WAITING_SETS_MAX = 2;

/** Bytes of responses that all partitions of a source hold. */
export class FrameBudget {
  bytes = 0;
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}

/** A response that several partitions hold parts of: the last one gives it back. */
export class HeldFrame {
  readonly bytes: Uint8Array;
  private readonly frame: Frame;
  private readonly budget: FrameBudget;
  private holders = 1;

  /** Held by whoever makes it. */
  constructor(frame: Frame, budget: FrameBudget) {
    this.frame = frame;
    this.bytes = frame.bytes;
    this.budget = budget;
    budget.bytes += frame.bytes.length;
  }

  hold(): void {
    this.holders += 1;
  }

  release(): void {
    this.holders -= 1;
    if (this.holders > 0) return;
    this.budget.bytes -= this.bytes.length;
    this.frame.release();
  }
}

/** A partition's part of a response: bytes[from, to) of the frame. */
export interface FetchedSet {
  readonly frame: HeldFrame;
  readonly from: number;
  readonly to: number;
  /** Offset that was asked for: what lies before it is not read. */
  readonly firstOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly arrivedMs: number;
}

export interface PartitionFetchSettings {
  readonly rowsMax: number;
  readonly parts: MessageParts;
  /** Walks the sets of this partition only. */
  readonly reader: RecordSetReader;
  /** Most bytes of the partition in a response, at first. */
  readonly bytesMax: number;
  /** There is room for another set, or the reader waits for one. */
  readonly onRoom: () => void;
}

export class PartitionFetch implements RecordQueue {
  readonly partition: number;
  readonly range: PartitionRange;
  /** Offset to ask for next. */
  fetchedTo: number;
  handedTo: number;
  /** Node to ask, -1: nobody knows; and the leader's epoch. */
  node = -1;
  leaderEpoch = -1;
  /** Epoch of the last batch before `fetchedTo`, for its leader to check; -1: not known. */
  lastEpoch = -1;
  /** Not to be asked for before: something was wrong. Monotonic ms. */
  notBeforeMs = 0;
  /** Its offset is being looked at. */
  inspected = false;
  /** Most bytes in a response; grows for a batch that is larger. */
  bytesMax: number;
  /** When a response last had records of it, as a number of the response: who waits goes first. */
  servedAt = 0;
  /** What comes instead of records. */
  readonly silence = new FetchSilence();
  /** The log is known to reach so far, whatever an answer says. */
  endKnown = -1;
  logEnd = -1;
  /**
   * In place of `fetchedTo` the next request asks for this offset, the last one of a gap: the answer
   * tells whether it is one; -1: none.
   */
  probeAt = -1;
  /** The first offset that is not read any more; Infinity without an end. */
  readonly stop: number;
  private readonly settings: PartitionFetchSettings;
  private readonly waitingSets: FetchedSet[] = [];
  private current: FetchedSet | null = null;
  /** The current set has no further record: it goes with the block that was handed out. */
  private drained = false;
  private block: MessageBlock | null = null;
  /** The reader found nothing since the last set came. */
  private hungry = false;
  private wake: (() => void) | null = null;
  private waiting: Promise<void> | null = null;

  constructor(range: PartitionRange, settings: PartitionFetchSettings) {
    this.partition = range.partition;
    this.range = range;
    this.stop = range.stop;
    this.fetchedTo = range.start;
    this.handedTo = range.start;
    this.bytesMax = settings.bytesMax;
    this.settings = settings;
  }

  get complete(): boolean {
    return this.fetchedTo >= this.stop;
  }

  get empty(): boolean {
    return this.current === null && this.waitingSets.length === 0;
  }

  /** Another set may be asked for. */
  get hasRoom(): boolean {
    return this.waitingSets.length < WAITING_SETS_MAX;
  }

  /** A reader waits for this partition. */
  get starving(): boolean {
    return this.hungry && this.empty && !this.complete;
  }

  get position(): number {
    return this.empty ? this.fetchedTo : this.handedTo;
  }

  get tombstones(): number {
    return this.settings.reader.tombstones;
  }

  startAt(offset: number): void {
    this.fetchedTo = offset;
    this.handedTo = offset;
    this.lastEpoch = -1;
  }

  /** What the next request asks for. */
  get askedOffset(): number {
    return this.probeAt >= 0 ? this.probeAt : this.fetchedTo;
  }

  /** Takes a set that ends before `nextOffset`, in `lastEpoch`, and a hold of its frame. */
  add(set: FetchedSet, nextOffset: number, lastEpoch: number): void {
    this.hungry = false;
    this.waitingSets.push(set);
    this.moveTo(nextOffset);
    this.lastEpoch = lastEpoch;
  }

  /** There is no record before `nextOffset`. */
  moveTo(nextOffset: number): void {
    this.fetchedTo = Math.min(nextOffset, this.stop);
    this.lastEpoch = -1;
    this.probeAt = -1;
    this.silence.ends();
    this.silence.leastPauseMs();
    this.signal();
  }

  /** Throws ConnectorError KAFKA_RECORD_CORRUPT, KAFKA_RECORD_FORMAT or KAFKA_CODEC. */
  take(): MessageBlock | null {
    const { rowsMax, parts, reader } = this.settings;
    this.block ??= new MessageBlock(rowsMax, parts);
    const { block } = this;
    for (;;) {
      if (this.drained) this.letGo();
      const set = this.current ?? this.next();
      if (set === null) {
        this.hungry = true;
        return null;
      }
      this.drained = !reader.fill(block);
      this.handedTo = reader.nextOffset;
      if (block.rowCount === 0) continue;
      block.ingestTimeMs = set.arrivedMs;
      return block;
    }
  }

  release(block: MessageBlock): void {
    block.clear();
    if (this.drained) this.letGo();
  }

  ready(): Promise<void> {
    if (!this.empty || this.complete) return Promise.resolve();
    this.waiting ??= new Promise((resolve) => {
      this.wake = resolve;
    });
    return this.waiting;
  }

  /** Tells the reader to look again. */
  signal(): void {
    const { wake } = this;
    this.wake = null;
    this.waiting = null;
    wake?.();
  }

  /** Nobody reads any more: gives all frames back. */
  close(): void {
    if (this.current !== null) this.letGo();
    for (const { frame } of this.waitingSets.splice(0)) frame.release();
  }

  private next(): FetchedSet | null {
    const set = this.waitingSets.shift() ?? null;
    if (set === null) return null;
    const { frame, from, to, firstOffset, aborted } = set;
    this.current = set;
    this.settings.reader.begin(frame.bytes, from, to, { firstOffset, stop: this.stop, aborted });
    this.settings.onRoom();
    return set;
  }

  private letGo(): void {
    const set = this.current;
    this.current = null;
    this.drained = false;
    this.settings.reader.release();
    set?.frame.release();
    this.settings.onRoom();
  }
}
