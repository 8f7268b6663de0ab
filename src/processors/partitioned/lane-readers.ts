/**
 * One worker's way to read each lane: a shared split, or, where one worker must read alone, the
 * split's V1 reader. Owns what differs between them; blocks that main reads come in over feeds.ts.
 */
import type { Batch } from '../../columnar/batch.js';
import type { SharedSplit } from '../../connectors/shared-source.js';
import type { DueTimes, SplitReader } from '../../connectors/source.js';
import type { LaneClaims } from './turns.js';

export interface LaneReader extends LaneClaims {
  /** The batch of the claimed block, valid until the next claim. */
  read(): Batch;
  /** Records of the claimed blocks so far, failed ones included. */
  rowsRead(): number;
  dueNs(): DueTimes | null;
  position(cells: Float64Array): string;
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
export class HomeLaneReader implements LaneReader {
  readonly idleTimeoutMs: number;
  private readonly reader: SplitReader;
  private batch: Batch | null = null;
  private waiting = false;

  constructor(reader: SplitReader, idleTimeoutMs: number) {
    this.reader = reader;
    this.idleTimeoutMs = idleTimeoutMs;
  }

  claim(): 'block' | 'wait' | 'end' {
    const next = this.reader.next();
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

  position(): string {
    return '';
  }

  ready(): null {
    return null;
  }
}
