/**
 * The generator source for one reader: counts `i` from 0, as shared-generator.ts does for several,
 * with a lane that nobody shares. Owns only waiting for the next row of a table with a rate.
 */
import { openSharedGenerator } from './shared-generator.js';
import type { SharedSplit } from '../shared-split.js';
import { LANE_CELLS } from '../shared-split.js';
import type {
  DueTimes,
  NextBatch,
  ReadProgress,
  Source,
  SourceRequest,
  SplitReader,
} from '../source.js';

/** Throws ConfigError SETTING_INVALID for bad options. */
export function openGenerator(request: SourceRequest): Source {
  const { bounded, splits } = openSharedGenerator(request);
  return {
    bounded,
    splits: splits.map((split) => new GeneratorSplit(split)),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

class GeneratorSplit implements SplitReader {
  readonly split: number;
  private readonly shared: SharedSplit;
  private readonly cells = new Float64Array(LANE_CELLS);

  constructor(shared: SharedSplit) {
    this.split = shared.split;
    this.shared = shared;
  }

  next(): NextBatch {
    const claimed = this.shared.claim(this.cells);
    return claimed === 'block' ? this.shared.read() : claimed;
  }

  dueInMs(): number {
    return this.shared.dueInMs();
  }

  ready(): Promise<void> {
    const waitMs = this.shared.dueInMs();
    if (waitMs === 0) return Promise.resolve();
    return new Promise((resolve) => setTimeout(resolve, waitMs));
  }

  position(): string {
    return this.shared.position(this.cells);
  }

  seek(position: string): void {
    this.shared.seek(this.cells, position);
  }

  progress(): ReadProgress | null {
    const { extent } = this.shared;
    return extent === null ? null : { done: this.cells[0] as number, total: extent.end };
  }

  rowsRead(): number {
    return this.shared.rowsRead();
  }

  dueNs(): DueTimes | null {
    return this.shared.dueNs();
  }
}
