/**
 * Where a worker's time goes, as its own time: what one kind of work calls or waits for counts for
 * the other, so that all kinds add up to the time that the worker ran. Owns the switching and the
 * sampling; the kinds are the time cells of WorkerCounter, written in place. @hot
 *
 * A switch reads the clock once (some 50 ns). That is nothing for a block of thousands of rows and
 * a good part of a turn of one row, or of 4,096 rows for a hundred partitions; so of such turns only
 * every sixteenth is measured, and counts sixteen times.
 */
import type { Clock } from '../../../base/clock.js';
import { WorkerCounter } from '../../../metrics/partition-metrics.js';

/** Cells of a row: a place is query × 16 + counter. */
const ROW = 16;
const US_PER_NS = 1e-3;
/** Where a switch stands for fewer rows, turns are sampled. */
const SAMPLED_BELOW_ROWS = 256;
const SAMPLE = 16;

export class WorkerTime {
  /** Whether the round at hand is measured. */
  measured = true;
  /** When time was last taken, monotonic ns. */
  lastNs: number;
  private readonly clock: Clock;
  private readonly rows: Float64Array[] = [];
  private place: number = WorkerCounter.loopUs;
  private weight = US_PER_NS;
  private rounds = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lastNs = clock.monotonicNs();
  }

  /**
   * The next query, whose cells are `row` (PartitionCells.workerRow). Time that belongs to no query
   * counts for the first.
   */
  addQuery(row: Float64Array): QueryTime {
    this.rows.push(row);
    return new QueryTime(this, this.rows.length - 1);
  }

  /** A round begins; a switch stood for so many rows in the last turn, 0 if it was no block. */
  round(rows: number): void {
    if (this.measured) this.take();
    this.place = WorkerCounter.loopUs;
    if (rows === 0 || rows >= SAMPLED_BELOW_ROWS) {
      if (!this.measured) this.resume();
      this.weight = US_PER_NS;
      return;
    }
    this.rounds += 1;
    const measured = this.rounds % SAMPLE === 0;
    if (measured && !this.measured) this.resume();
    this.measured = measured;
    this.weight = SAMPLE * US_PER_NS;
  }

  /** What begins now is measured in full, sampled round or not: a sleep. */
  whole(): void {
    if (this.measured) this.take();
    else this.resume();
    this.weight = US_PER_NS;
  }

  /** The time from now on is of this kind; gives the place to go back to. */
  enter(query: number, counter: WorkerCounter): number {
    const before = this.place;
    if (this.measured) this.take();
    this.place = query * ROW + counter;
    return before;
  }

  back(place: number): void {
    if (this.measured) this.take();
    this.place = place;
  }

  /** Time so far of a kind, µs, up to now if that is what runs. */
  lap(query: number, counter: WorkerCounter): number {
    if (this.measured) this.take();
    return this.rows[query]![counter]!;
  }

  /** As lap, up to the last switch. */
  counted(query: number, counter: WorkerCounter): number {
    return this.rows[query]![counter]!;
  }

  private take(): void {
    const nowNs = this.clock.monotonicNs();
    const row = this.rows[this.place >> 4];
    if (row !== undefined) row[this.place & (ROW - 1)]! += (nowNs - this.lastNs) * this.weight;
    this.lastNs = nowNs;
  }

  private resume(): void {
    this.measured = true;
    this.lastNs = this.clock.monotonicNs();
  }
}

/** The worker's time as one query's parts see it. */
export class QueryTime {
  readonly worker: WorkerTime;
  private readonly query: number;

  constructor(worker: WorkerTime, query: number) {
    this.worker = worker;
    this.query = query;
  }

  enter(counter: WorkerCounter): number {
    return this.worker.enter(this.query, counter);
  }

  back(place: number): void {
    this.worker.back(place);
  }

  /** Time in the operators of this query's partitions so far, µs. */
  operatorsUs(): number {
    return this.worker.lap(this.query, WorkerCounter.operatorsUs);
  }

  /** As operatorsUs, up to the last switch. */
  operatorsUsBefore(): number {
    return this.worker.counted(this.query, WorkerCounter.operatorsUs);
  }
}
