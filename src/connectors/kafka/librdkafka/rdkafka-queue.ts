/**
 * The records of one partition between librdkafka and its reader: a queue of blocks, bounded
 * together with its siblings by a FetchBudget. Owns the position (each offset once, in order) and
 * the end of a bounded read; what fills it is rdkafka-reader.ts, what empties it block-source.ts. @hot
 *
 * Positions: start ≤ handedTo ≤ fetchedTo. `fetchedTo` also moves over offsets that hold no record
 * for the reader: control records, compacted ranges, aborted transactions, tombstones.
 */
import type { PartitionRange } from '../../source.js';
import type { RecordQueue } from '../blocks/blocks.js';
import { MessageBlock } from '../blocks/message-block.js';
import type { MessageParts } from '../blocks/message-block.js';
import type { RdMessage } from '../blocks/message-block.js';

/** Records and bytes that all partitions of a source may hold queued, beyond librdkafka's own. */
const QUEUED_ROWS_MAX = 50_000;
const QUEUED_BYTES_MAX = 32 << 20;

export class FetchBudget {
  rows = 0;
  bytes = 0;
  private readonly rowsMax: number;
  private readonly bytesMax: number;

  /** `share`: of so many topics that are read together. */
  constructor(share = 1) {
    this.rowsMax = QUEUED_ROWS_MAX / share;
    this.bytesMax = QUEUED_BYTES_MAX / share;
  }

  get full(): boolean {
    return this.rows >= this.rowsMax || this.bytes >= this.bytesMax;
  }

  /** Low enough to fetch again: half of the most, so that fetching does not flutter. */
  get low(): boolean {
    return this.rows * 2 <= this.rowsMax && this.bytes * 2 <= this.bytesMax;
  }
}

export interface QueueSettings {
  readonly budget: FetchBudget;
  readonly rowsMax: number;
  readonly parts: MessageParts;
}

export class PartitionQueue implements RecordQueue {
  readonly partition: number;
  readonly range: PartitionRange;
  readonly stop: number;
  /** Offset of the next message that librdkafka should give. */
  fetchedTo: number;
  /** End of the log as last seen by the fetcher; -1 before. */
  endSeen = -1;
  /** It is seen only when it is reached. */
  readonly logEnd = -1;
  /** Records without a value: no row. */
  tombstones = 0;
  /** Paused at librdkafka. */
  paused = false;
  /** Offset behind the last record that take() has handed out. */
  handedTo: number;
  private readonly settings: QueueSettings;
  private readonly blocks: MessageBlock[] = [];
  private readonly free: MessageBlock[] = [];
  private wake: (() => void) | null = null;
  private waiting: Promise<void> | null = null;

  constructor(range: PartitionRange, settings: QueueSettings) {
    this.partition = range.partition;
    this.range = range;
    this.stop = range.stop;
    this.fetchedTo = range.start;
    this.handedTo = range.start;
    this.settings = settings;
  }

  /** Everything up to the stop offset was fetched. */
  get complete(): boolean {
    return this.fetchedTo >= this.stop;
  }

  get empty(): boolean {
    return this.blocks.length === 0;
  }

  /** A reader waits for this partition. */
  get starving(): boolean {
    return this.wake !== null && !this.complete && this.empty;
  }

  /** The fetcher has reached the end of the log. */
  get atEnd(): boolean {
    return this.fetchedTo === this.endSeen;
  }

  /** Offset of the next record that take() has not handed out. */
  get position(): number {
    return this.empty ? this.fetchedTo : this.handedTo;
  }

  /** Before anything was fetched: start elsewhere. */
  startAt(offset: number): void {
    this.fetchedTo = offset;
    this.handedTo = offset;
  }

  /** Queues a message; one that was seen before or lies behind the stop is dropped. */
  add(message: RdMessage, nowMs: number): void {
    const { offset, value } = message;
    if (offset < this.fetchedTo) return;
    if (offset >= this.stop) {
      this.fetchedTo = this.stop;
      return;
    }
    this.fetchedTo = offset + 1;
    if (value === null) {
      this.tombstones += 1;
      return;
    }
    const { budget } = this.settings;
    const block = this.blockFor(value.length + (message.key?.length ?? 0), nowMs);
    const before = block.byteLength;
    block.append(message, value);
    budget.rows += 1;
    budget.bytes += block.byteLength - before;
  }

  /** The log ends at `offset` for now; whatever lies before it holds no record. */
  reachedEnd(offset: number): void {
    this.endSeen = offset;
    if (offset > this.fetchedTo) this.fetchedTo = Math.min(offset, this.stop);
  }

  /** The oldest block, or null. The caller gives it back with release(). */
  take(): MessageBlock | null {
    const block = this.blocks.shift();
    if (block === undefined) return null;
    const { budget } = this.settings;
    budget.rows -= block.rowCount;
    budget.bytes -= block.byteLength;
    this.handedTo = (block.offsets[block.rowCount - 1] ?? 0) + 1;
    return block;
  }

  release(block: MessageBlock): void {
    block.clear();
    this.free.push(block);
  }

  /** Resolves when there is a block, the end or a failure. */
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

  private blockFor(byteLength: number, nowMs: number): MessageBlock {
    const last = this.blocks[this.blocks.length - 1];
    if (last?.takes(byteLength)) return last;
    const { rowsMax, parts } = this.settings;
    const block = this.free.pop() ?? new MessageBlock(rowsMax, parts);
    block.ingestTimeMs = nowMs;
    this.blocks.push(block);
    return block;
  }
}
