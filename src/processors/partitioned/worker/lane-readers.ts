/**
 * One worker's way to read each lane: a shared split; a split of its own, found and decoded in two
 * steps; or, where one worker must read alone, the split's V1 reader. Owns what differs between
 * them; blocks that main reads come in over feeds.ts.
 */
import type { Batch } from '../../../columnar/batch.js';
import type { OwnedSplit } from '../../../connectors/owned-source.js';
import type { SharedSplit } from '../../../connectors/shared-split.js';
import type { DueTimes, SplitReader } from '../../../connectors/source.js';
import { LANE_LAG, LANE_POSITION } from '../turns/lanes.js';
import type { LaneClaims } from '../turns/turns.js';

export interface LaneReader extends LaneClaims {
  /** Before a claim, outside the token: looks for the next block, where that takes time. */
  prepare?(): void;
  /** The batch of the claimed block, valid until the next claim. */
  read(): Batch;
  /** Records of the claimed blocks so far, failed ones included. */
  rowsRead(): number;
  dueNs(): DueTimes | null;
  position(cells: Float64Array): string;
  /** Nobody claims of it any more. */
  letGo?(): void;
  /** Resolves when a lane that waits for the world may have a block; null: ask dueInMs. */
  ready(): Promise<void> | null;
}

/** Read by all workers in turn. */
export class SharedLaneReader implements LaneReader {
  readonly idleTimeoutMs: number;
  private readonly split: SharedSplit;

  constructor(split: SharedSplit, idleTimeoutMs: number) {
    this.split = split;
    this.idleTimeoutMs = idleTimeoutMs;
  }

  claim(cells: Float64Array): 'block' | 'wait' | 'end' {
    return this.split.claim(cells);
  }

  dueInMs(): number {
    return this.split.dueInMs();
  }

  read(): Batch {
    return this.split.read();
  }

  rowsRead(): number {
    return this.split.rowsRead();
  }

  dueNs(): DueTimes | null {
    return this.split.dueNs();
  }

  position(cells: Float64Array): string {
    return this.split.position(cells);
  }

  ready(): null {
    return null;
  }
}

/** Read by worker 0 alone: pipes, followed files, CSV. A claim decodes, and may wait. */
export class LocalLaneReader implements LaneReader {
  readonly idleTimeoutMs: number;
  private readonly reader: SplitReader;
  private batch: Batch | null = null;
  private waiting = false;

  constructor(reader: SplitReader, idleTimeoutMs: number) {
    this.reader = reader;
    this.idleTimeoutMs = idleTimeoutMs;
  }

  claim(cells: Float64Array): 'block' | 'wait' | 'end' {
    const next = this.reader.next();
    cells[LANE_POSITION] = this.reader.progress?.()?.done ?? 0;
    this.waiting = next === 'wait';
    if (next === 'wait' || next === 'end') return next;
    this.batch = next;
    return 'block';
  }

  dueInMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  read(): Batch {
    return this.batch as Batch;
  }

  rowsRead(): number {
    return this.reader.rowsRead();
  }

  dueNs(): DueTimes | null {
    return this.reader.dueNs?.() ?? null;
  }

  position(): string {
    return this.reader.position();
  }

  ready(): Promise<void> | null {
    return this.waiting ? this.reader.ready() : null;
  }

  letGo(): void {
    this.waiting = false;
    this.reader.letGo?.();
  }
}

/**
 * A split that this worker alone reads: what it finds before its turn is claimed in it. It says
 * itself when there may be something again.
 */
export class OwnedLaneReader implements LaneReader {
  readonly idleTimeoutMs: number;
  private readonly split: OwnedSplit;
  private readonly wake: () => void;
  private found: 'block' | 'wait' | 'end' = 'wait';
  private waiting = false;
  /** What looking for a block failed with: the error of the turn that would have had it. */
  private failure: { readonly error: unknown } | null = null;
  /** Where the lane stands while nothing is found; NaN: its cells say so. */
  private restsAt = Number.NaN;
  private rows = 0;

  constructor(
    split: OwnedSplit,
    parts: { readonly idleTimeoutMs: number; readonly wake: () => void },
  ) {
    this.split = split;
    this.idleTimeoutMs = parts.idleTimeoutMs;
    this.wake = parts.wake;
  }

  prepare(): void {
    if (this.found !== 'wait' || this.waiting) return;
    try {
      this.found = this.split.find();
    } catch (error) {
      this.failure = { error };
      this.found = 'block';
      return;
    }
    if (this.found === 'block') return;
    this.restsAt = Number(this.split.position());
    if (this.found === 'end') return;
    this.waiting = true;
    void this.split.ready().then(() => {
      this.waiting = false;
      this.wake();
    });
  }

  claim(cells: Float64Array): 'block' | 'wait' | 'end' {
    const { found } = this;
    cells[LANE_LAG] = (this.split.lag() ?? -1) + 1;
    if (found === 'block') {
      this.found = 'wait';
      if (this.failure === null) cells[LANE_POSITION] = this.split.nextPosition;
    } else if (!Number.isNaN(this.restsAt)) {
      // Behind offsets that hold no record, too.
      cells[LANE_POSITION] = this.restsAt;
      this.restsAt = Number.NaN;
    }
    return found;
  }

  dueInMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  read(): Batch {
    if (this.failure !== null) throw this.failure.error;
    const batch = this.split.read();
    this.rows += batch.rowCount;
    return batch;
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

/** A lane that another worker reads. */
export class ForeignLaneReader implements LaneReader {
  readonly idleTimeoutMs = 0;

  claim(): 'wait' {
    return 'wait';
  }

  dueInMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  read(): Batch {
    throw new Error('another worker reads this lane');
  }

  rowsRead(): number {
    return 0;
  }

  dueNs(): null {
    return null;
  }

  /** Of an owned lane; the others' positions are asked of worker 0, which reads them. */
  position(cells: Float64Array): string {
    return String(cells[LANE_POSITION]);
  }

  ready(): null {
    return null;
  }
}
