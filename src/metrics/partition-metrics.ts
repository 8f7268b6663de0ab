/**
 * Counters per (worker, partition) as doubles over memory that the caller hands in, shared or not.
 * Owns the layout, the counters' meaning, and PartitionRegistry, which the main thread reads them
 * with. Each row has one writer, so adding needs no lock, and reading changes nothing. What is
 * counted when is the processors' business; rates are rates.ts, names outside are catalogue.ts.
 *
 *   header (8)   │ worker 0                                   │ worker 1 …
 *   ┌────────────┼────────────┬────────────┬───┬──────────────┼─
 *   │ layout mark│ partition 0│ partition 1│ … │ whole worker │
 *   └────────────┴────────────┴────────────┴───┴──────────────┴─
 *                  24 cells     24 cells        16 cells
 *
 * Every piece is a multiple of 8 cells (a cache line), and a worker's pieces are neighbours, so two
 * workers write to the same line only if the memory itself is not aligned to 64 bytes.
 *
 * Cells are plain stores: a reader on another thread may be some stores behind while the writer
 * runs, and sees the final numbers once it has been told of the end (a message, an atomic).
 */
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { hotPartitions, RateWindow } from './rates.js';

/** Cells of one partition as one worker counts it. Any worker may write its own row. */
export const PartitionCounter = {
  /** Rows that the partition's stateful fragment was given, one by one. */
  rowsIn: 0,
  rowsOut: 1,
  rowsLate: 2,
  rowsFailed: 3,
  /** Rows that a sender put into the exchange for this partition. */
  rowsEnqueued: 4,
  /** Rows that the owner took out of the exchange; enqueued − taken are under way. */
  rowsTaken: 5,
  batches: 6,
  /** Time inside the partition's operators. */
  busyUs: 7,
  /** Time of a batch from being read to having been worked on; per batch. */
  latencyUsLast: 8,
  latencyUsMax: 9,
  latencyUsSum: 10,
  latencyCount: 11,
  stateRows: 12,
  stateBytes: 13,
  /** −Infinity before the first watermark. */
  watermarkMs: 14,
  /** Highest event time that arrived; −Infinity before the first. */
  eventTimeMsMax: 15,
  /** Use of the rings that lead to the partition, 0 to 1; set by the owner. */
  utilisation: 16,
  /** Level of the backpressure (0 healthy to 3 saturated); set by whoever observes it. */
  severity: 17,
  /**
   * Rows that a sender has brought into groups for this partition before the exchange, in groups
   * that it still keeps or has shipped. In parts where windows overlap; set by the sender.
   */
  rowsFormed: 18,
  /** State that is on disk, and how often a part of it was read back. */
  pagedBytes: 19,
  pagesRead: 20,
} as const;
export type PartitionCounter = (typeof PartitionCounter)[keyof typeof PartitionCounter];

/**
 * Cells of one worker as a whole. The times are its own: what a part of the work calls or waits for
 * is in the other's cell, so that they add up to the time that the worker ran.
 */
export const WorkerCounter = {
  /** Rows that the worker read from sources. */
  rowsRead: 0,
  /** Time asleep or looking for work in vain. */
  waitUs: 1,
  /** Time routing, writing and reading blocks of the exchange. */
  exchangeUs: 2,
  /** Time encoding and handing over result rows. */
  outputUs: 3,
  /** Blocks of a source that the worker took. */
  turns: 4,
  /** Rises of a partition's severity that the worker saw. */
  backpressureEvents: 5,
  throttledUs: 6,
  /** Time reading, decoding and running source fragments. */
  sourceUs: 7,
  /** Time inside the operators of partitions. */
  operatorsUs: 8,
  /** Time counting and observing. */
  metricsUs: 9,
  /** Time between these: claiming turns, and the loop. */
  loopUs: 10,
} as const;
export type WorkerCounter = (typeof WorkerCounter)[keyof typeof WorkerCounter];

const HEADER_CELLS = 8;
const PARTITION_CELLS = 24;
const WORKER_CELLS = 16;
/** First header cell of cells that were set up; a change of the layout changes it. */
const LAYOUT_MARK = 0x7e10_0004;

/** In order of level: the number in the severity cell. */
export const SEVERITIES = ['healthy', 'warning', 'critical', 'saturated'] as const;
export type Severity = (typeof SEVERITIES)[number];

export class PartitionCells {
  readonly workers: number;
  readonly partitions: number;
  private readonly cells: Float64Array;

  /** Bytes of the memory that `constructor` takes. */
  static bytesFor(workers: number, partitions: number): number {
    return (HEADER_CELLS + workers * workerCells(partitions)) * Float64Array.BYTES_PER_ELEMENT;
  }

  /** `cells` all zero are set up; so the first one is constructed before other threads have it. */
  constructor(cells: Float64Array, workers: number, partitions: number) {
    assert(
      cells.byteLength >= PartitionCells.bytesFor(workers, partitions),
      'the cells have room for every worker and partition',
    );
    this.cells = cells;
    this.workers = workers;
    this.partitions = partitions;
    if (cells[0] === 0) this.setUp();
    assert(cells[0] === LAYOUT_MARK, 'these are cells of this layout');
  }

  add(worker: number, partition: number, counter: PartitionCounter, amount: number): void {
    const at = this.partitionAt(worker, partition) + counter;
    this.cells[at] = (this.cells[at] as number) + amount;
  }

  set(worker: number, partition: number, counter: PartitionCounter, value: number): void {
    this.cells[this.partitionAt(worker, partition) + counter] = value;
  }

  get(worker: number, partition: number, counter: PartitionCounter): number {
    return this.cells[this.partitionAt(worker, partition) + counter] as number;
  }

  /** One batch took `us` microseconds from being read to having been worked on. */
  latency(worker: number, partition: number, us: number): void {
    const row = this.partitionAt(worker, partition);
    const { cells } = this;
    const maxAt = row + PartitionCounter.latencyUsMax;
    const sumAt = row + PartitionCounter.latencyUsSum;
    const countAt = row + PartitionCounter.latencyCount;
    cells[row + PartitionCounter.latencyUsLast] = us;
    if (us > (cells[maxAt] as number)) cells[maxAt] = us;
    cells[sumAt] = (cells[sumAt] as number) + us;
    cells[countAt] = (cells[countAt] as number) + 1;
  }

  addWorker(worker: number, counter: WorkerCounter, amount: number): void {
    const at = this.workerAt(worker) + counter;
    this.cells[at] = (this.cells[at] as number) + amount;
  }

  /** The worker's own cells, by WorkerCounter: a view for whoever writes them often. */
  workerRow(worker: number): Float64Array {
    const at = this.workerAt(worker);
    return this.cells.subarray(at, at + WORKER_CELLS);
  }

  getWorker(worker: number, counter: WorkerCounter): number {
    return this.cells[this.workerAt(worker) + counter] as number;
  }

  /** Of all workers' rows of a partition. */
  sum(partition: number, counter: PartitionCounter): number {
    let total = 0;
    for (let worker = 0; worker < this.workers; worker += 1) {
      total += this.get(worker, partition, counter);
    }
    return total;
  }

  /** Rows that a partition was given, one by one or in groups. */
  rowsIn(partition: number): number {
    const formed = this.sum(partition, PartitionCounter.rowsFormed);
    return this.sum(partition, PartitionCounter.rowsIn) + Math.round(formed);
  }

  /** Rows that all workers have read. */
  rowsRead(): number {
    let total = 0;
    for (let worker = 0; worker < this.workers; worker += 1) {
      total += this.getWorker(worker, WorkerCounter.rowsRead);
    }
    return total;
  }

  /** Of all workers' rows of a partition. */
  max(partition: number, counter: PartitionCounter): number {
    let highest = -Infinity;
    for (let worker = 0; worker < this.workers; worker += 1) {
      highest = Math.max(highest, this.get(worker, partition, counter));
    }
    return highest;
  }

  private setUp(): void {
    for (let worker = 0; worker < this.workers; worker += 1) {
      for (let partition = 0; partition < this.partitions; partition += 1) {
        this.set(worker, partition, PartitionCounter.watermarkMs, -Infinity);
        this.set(worker, partition, PartitionCounter.eventTimeMsMax, -Infinity);
      }
    }
    this.cells[0] = LAYOUT_MARK;
  }

  private partitionAt(worker: number, partition: number): number {
    return HEADER_CELLS + worker * workerCells(this.partitions) + partition * PARTITION_CELLS;
  }

  private workerAt(worker: number): number {
    return this.partitionAt(worker, this.partitions);
  }
}

function workerCells(partitions: number): number {
  return partitions * PARTITION_CELLS + WORKER_CELLS;
}

/** One partition at one moment: sums over the workers, counted since the start. */
export interface PartitionSnapshot {
  readonly partition: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsLate: number;
  readonly rowsFailed: number;
  /** Rows in the exchange: put in and not yet taken out. */
  readonly queueRows: number;
  readonly batches: number;
  readonly busyUs: number;
  readonly latencyUsLast: number;
  readonly latencyUsMax: number;
  readonly latencyUsSum: number;
  readonly latencyCount: number;
  readonly stateRows: number;
  readonly stateBytes: number;
  readonly pagedBytes: number;
  readonly pagesRead: number;
  /** null before the first watermark. */
  readonly watermarkMs: number | null;
  /**
   * Event time by which the watermark stands behind the furthest watermark of the query's
   * partitions; null before the first.
   */
  readonly watermarkLagMs: number | null;
  readonly eventTimeMsMax: number | null;
  readonly utilisation: number;
  readonly severity: Severity;
}

export type WorkerSnapshot = { readonly [name in keyof typeof WorkerCounter]: number } & {
  readonly worker: number;
};

export interface PartitionsSnapshot {
  readonly partitions: readonly PartitionSnapshot[];
  readonly workers: readonly WorkerSnapshot[];
}

/** What one second brought to one partition. */
export interface PartitionDelta {
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsLate: number;
  readonly rowsFailed: number;
  readonly batches: number;
}

/** A one-second snapshot: `seconds` is its measured length. */
export interface IntervalSnapshot {
  readonly seconds: number;
  readonly partitions: readonly PartitionDelta[];
}

/** The counters that one-second snapshots keep. Rates are those of the first. */
const KEPT = ['rowsIn', 'rowsOut', 'rowsLate', 'rowsFailed', 'batches'] as const;
const HISTORY_SECONDS = 120;

/** Reads the cells on the main thread. Only tick() changes the registry, and nothing the cells. */
export class PartitionRegistry {
  private readonly cells: PartitionCells;
  private readonly clock: Clock;
  private readonly window: RateWindow;
  private readonly scratch: Float64Array;

  /** `historySeconds`: one-second snapshots that are kept, 120 unless told otherwise. */
  constructor(
    cells: PartitionCells,
    clock: Clock,
    options: { readonly historySeconds?: number } = {},
  ) {
    this.cells = cells;
    this.clock = clock;
    // One column more than the partitions have: rows read.
    this.scratch = new Float64Array(cells.partitions * KEPT.length + 1);
    this.window = new RateWindow({
      columns: this.scratch.length,
      intervals: options.historySeconds ?? HISTORY_SECONDS,
      startNs: clock.monotonicNs(),
    });
  }

  snapshot(): PartitionsSnapshot {
    const { cells } = this;
    let furthestMs = -Infinity;
    for (let partition = 0; partition < cells.partitions; partition += 1) {
      furthestMs = Math.max(furthestMs, cells.max(partition, PartitionCounter.watermarkMs));
    }
    return {
      partitions: Array.from({ length: cells.partitions }, (_, partition) =>
        partitionSnapshot(cells, partition, furthestMs),
      ),
      workers: Array.from({ length: cells.workers }, (_, worker) => workerSnapshot(cells, worker)),
    };
  }

  /** Once a second, and once when the job has ended: stores what came since the last tick. */
  tick(): void {
    this.window.push(this.clock.monotonicNs(), this.totals());
  }

  /**
   * Rows in per second of each partition, over the last second before the last tick (at least
   * 0.95 s if the job is that old); before the first tick, since the start.
   */
  rates(): readonly number[] {
    return this.window.rates(this.cells.partitions, () => ({
      timeNs: this.clock.monotonicNs(),
      totals: this.totals(),
    }));
  }

  /** Rows read per second, over the same time. */
  readRate(): number {
    const { length } = this.scratch;
    const rates = this.window.rates(length, () => ({
      timeNs: this.clock.monotonicNs(),
      totals: this.totals(),
    }));
    return rates[length - 1] ?? 0;
  }

  /** Partitions whose rate is more than twice the average of the others'. */
  hot(): readonly number[] {
    return hotPartitions(this.rates());
  }

  /** The one-second snapshots that are kept, oldest first: all of them add up to the counters. */
  history(): readonly IntervalSnapshot[] {
    return this.window.intervals().map(({ seconds, deltas }) => ({
      seconds,
      partitions: Array.from({ length: this.cells.partitions }, (_, partition) => {
        const entries = KEPT.map((name, at) => [name, deltas[this.columnOf(at, partition)]]);
        // KEPT names every field of a delta.
        return Object.fromEntries(entries) as Record<(typeof KEPT)[number], number>;
      }),
    }));
  }

  private totals(): Float64Array {
    for (const [at, name] of KEPT.entries()) {
      for (let partition = 0; partition < this.cells.partitions; partition += 1) {
        const total =
          name === 'rowsIn'
            ? this.cells.rowsIn(partition)
            : this.cells.sum(partition, PartitionCounter[name]);
        this.scratch[this.columnOf(at, partition)] = total;
      }
    }
    this.scratch[this.scratch.length - 1] = this.cells.rowsRead();
    return this.scratch;
  }

  /** Counter by counter, so that the rows in of all partitions are neighbours. */
  private columnOf(kept: number, partition: number): number {
    return kept * this.cells.partitions + partition;
  }
}

function partitionSnapshot(
  cells: PartitionCells,
  partition: number,
  furthestMs: number,
): PartitionSnapshot {
  const sum = (counter: PartitionCounter): number => cells.sum(partition, counter);
  const max = (counter: PartitionCounter): number => cells.max(partition, counter);
  const watermarkMs = knownMs(max(PartitionCounter.watermarkMs));
  // Taken is read first: what is put in meanwhile never makes the difference negative.
  const rowsTaken = sum(PartitionCounter.rowsTaken);
  return {
    partition,
    rowsIn: cells.rowsIn(partition),
    rowsOut: sum(PartitionCounter.rowsOut),
    rowsLate: sum(PartitionCounter.rowsLate),
    rowsFailed: sum(PartitionCounter.rowsFailed),
    queueRows: Math.max(0, sum(PartitionCounter.rowsEnqueued) - rowsTaken),
    batches: sum(PartitionCounter.batches),
    busyUs: sum(PartitionCounter.busyUs),
    latencyUsLast: max(PartitionCounter.latencyUsLast),
    latencyUsMax: max(PartitionCounter.latencyUsMax),
    latencyUsSum: sum(PartitionCounter.latencyUsSum),
    latencyCount: sum(PartitionCounter.latencyCount),
    stateRows: sum(PartitionCounter.stateRows),
    stateBytes: sum(PartitionCounter.stateBytes),
    pagedBytes: sum(PartitionCounter.pagedBytes),
    pagesRead: sum(PartitionCounter.pagesRead),
    watermarkMs,
    watermarkLagMs: lagMs(furthestMs, watermarkMs),
    eventTimeMsMax: knownMs(max(PartitionCounter.eventTimeMsMax)),
    utilisation: max(PartitionCounter.utilisation),
    severity: SEVERITIES[max(PartitionCounter.severity)] ?? 'healthy',
  };
}

function knownMs(cell: number): number | null {
  return cell === -Infinity ? null : cell;
}

/** Two watermarks at +Infinity (both inputs ended) are level. */
function lagMs(furthestMs: number, watermarkMs: number | null): number | null {
  if (watermarkMs === null) return null;
  return furthestMs === watermarkMs ? 0 : furthestMs - watermarkMs;
}

function workerSnapshot(cells: PartitionCells, worker: number): WorkerSnapshot {
  const entries = Object.entries(WorkerCounter).map(([name, counter]) => [
    name,
    cells.getWorker(worker, counter),
  ]);
  // The names are WorkerCounter's own.
  const counters = Object.fromEntries(entries) as Record<keyof typeof WorkerCounter, number>;
  return { worker, ...counters };
}
