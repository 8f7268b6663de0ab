/**
 * What time it is at each row, for state that expires: the time at which its block was read, or how
 * far event time has come with it. Both travel with the rows, so that no operator reads a clock
 * (law 10), and neither moves backwards.
 *
 *   event time of a row = watermark of its split behind the row, at most that of the other splits
 */
import { assert } from '../base/assert.js';
import { BATCH_ROWS_MAX } from '../columnar/batch.js';
import type { Batch } from '../columnar/batch.js';
import type { StateTtl } from '../plan/pipeline/pipeline-plan.js';

export class RowClock {
  /** -Infinity until there is a time. */
  nowMs = Number.NEGATIVE_INFINITY;
  private readonly time: StateTtl['time'];
  private times = new Float64Array(BATCH_ROWS_MAX);

  constructor(time: StateTtl['time']) {
    this.time = time;
  }

  /** By position, the time at each selected row. Valid until the next call. */
  timesOf(batch: Batch): Float64Array {
    const count = batch.selectedCount;
    if (count > this.times.length) this.times = new Float64Array(count);
    if (this.time === 'event') this.readWatermarks(batch, count);
    else {
      const { ingestTimeMs } = batch.header;
      // Results that answer to no record may not know when theirs were read.
      if (ingestTimeMs > 0) this.reach(ingestTimeMs);
      this.times.fill(this.nowMs, 0, count);
    }
    return this.times;
  }

  /** Whether it is a time: the clock is event time, and +Infinity the end of the input. */
  watermark(watermarkMs: number): boolean {
    if (this.time !== 'event' || watermarkMs === Number.POSITIVE_INFINITY) return false;
    this.reach(watermarkMs);
    return true;
  }

  private reach(ms: number): void {
    if (ms > this.nowMs) this.nowMs = ms;
  }

  private readWatermarks(batch: Batch, count: number): void {
    const { rowWatermarks, rowCount, selection, header } = batch;
    const { times } = this;
    assert(rowWatermarks !== null, 'rows that expire by event time come with their watermarks');
    for (let at = 0; at < count; at += 1) {
      const next = (selection === null ? at : (selection[at] as number)) + 1;
      const own = next < rowCount ? (rowWatermarks[next] as number) : header.watermarkAfter;
      this.reach(Math.min(own, header.watermarkOthers));
      times[at] = this.nowMs;
    }
  }
}
