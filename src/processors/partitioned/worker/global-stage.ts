/**
 * The global fragment of one query, on worker 0: takes the rows that the partitions of all workers
 * put out, in V1's order, and runs what must see them all (ORDER BY, LIMIT, a second grouping).
 * Owns the watermark and the end of its edges; order is stream-merge.ts.
 *
 *   marker   0 round kind that completed here (0 none) · 1 failed (0, 1) · then per edge:
 *            watermark, ended (0 open, 1 ended, 2 ended without flush)
 */
import type { Batch } from '../../../columnar/batch.js';
import type { ExchangeEdge } from '../../../plan/fragments/fragment-plan.js';
import type { EdgeProgress } from './partition-host.js';
import type { PartitionStateManager } from './partition-state.js';
import type { StreamConsumer } from '../exchange/stream-merge.js';

const ROUND = 0;
const FIRST_EDGE = 1;
const NUMBERS_PER_EDGE = 2;
const OPEN = 0;
const ENDED = 1;
const STOPPED = 2;

/** The numbers of a worker's marker. */
export function stageMarker(round: number, progress: readonly EdgeProgress[]): Float64Array {
  const numbers = new Float64Array(FIRST_EDGE + NUMBERS_PER_EDGE * progress.length);
  numbers[ROUND] = round;
  progress.forEach(({ watermarkMs, ended, flush }, at) => {
    const base = FIRST_EDGE + NUMBERS_PER_EDGE * at;
    numbers[base] = watermarkMs;
    numbers[base + 1] = ended ? (flush ? ENDED : STOPPED) : OPEN;
  });
  return numbers;
}

export interface GlobalStageParts {
  readonly manager: PartitionStateManager;
  /** Its edges, in the order of the markers. */
  readonly edges: readonly ExchangeEdge[];
  /** Edge of each stream. */
  readonly streamEdges: readonly number[];
  readonly turnDone: (seq: number, isBarrier: boolean) => void;
  readonly snapshot: () => void;
  /** Number of the round kind that is a snapshot. */
  readonly barrier: number;
}

export class GlobalStage implements StreamConsumer {
  private readonly parts: GlobalStageParts;
  private readonly passedMs: Float64Array;
  private readonly ended: Uint8Array;

  constructor(parts: GlobalStageParts) {
    this.parts = parts;
    this.passedMs = new Float64Array(parts.edges.length).fill(Number.NEGATIVE_INFINITY);
    this.ended = new Uint8Array(parts.edges.length);
  }

  rows(stream: number, batch: Batch): void {
    this.parts.manager.process(this.parts.streamEdges[stream] as number, batch);
  }

  endOfTurn(seq: number, markers: readonly (Float64Array | null)[]): void {
    const sent = markers.filter((marker) => marker !== null);
    this.parts.edges.forEach((edge, at) => this.advance(edge, at, sent));
    const isBarrier = sent.some((marker) => marker[ROUND] === this.parts.barrier);
    if (isBarrier) this.parts.snapshot();
    this.parts.turnDone(seq, isBarrier);
  }

  private advance(edge: ExchangeEdge, at: number, markers: readonly Float64Array[]): void {
    const base = FIRST_EDGE + NUMBERS_PER_EDGE * at;
    const { manager } = this.parts;
    let watermarkMs = Number.POSITIVE_INFINITY;
    let open = false;
    let flush = true;
    for (const marker of markers) {
      watermarkMs = Math.min(watermarkMs, marker[base] as number);
      if (marker[base + 1] === OPEN) open = true;
      if (marker[base + 1] === STOPPED) flush = false;
    }
    if (Number.isFinite(watermarkMs) && watermarkMs > (this.passedMs[at] as number)) {
      this.passedMs[at] = watermarkMs;
      manager.watermark(edge.index, watermarkMs);
    }
    if (open || this.ended[at] === 1) return;
    this.ended[at] = 1;
    manager.end(edge.index, flush);
  }
}
