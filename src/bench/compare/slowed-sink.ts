/**
 * A blackhole that takes its time: the planted slowdown of bench:gate. After each batch it spins
 * for a share of the time since it last returned, so that the whole job takes that much longer.
 * Real work on the processor, in the trial's process, outside every path of the product.
 */
import { systemClock } from '../../base/clock.js';
import type { Batch } from '../../columnar/batch.js';
import { BlackholeSink } from '../../connectors/blackhole/blackhole.js';
import type { DigestSummary } from '../../connectors/blackhole/row-digest.js';
import type { Sink } from '../../connectors/sink.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';

/** A longer gap is a pause between jobs, not work. */
const GAP_NS_MAX = 50e6;

export class SlowedSink implements Sink {
  private readonly blackhole: BlackholeSink;
  private readonly share: number;
  private returnedNs = systemClock.monotonicNs();

  constructor({ sink, changelog }: QueryPlan, share: number) {
    const notice = (): void => undefined;
    this.blackhole = new BlackholeSink({ ...sink, changelog, notice });
    this.share = share;
  }

  write(batch: Batch): void {
    this.blackhole.write(batch);
    const writtenNs = systemClock.monotonicNs();
    const workedNs = Math.min(writtenNs - this.returnedNs, GAP_NS_MAX);
    const untilNs = writtenNs + workedNs * this.share;
    let nowNs = writtenNs;
    while (nowNs < untilNs) nowNs = systemClock.monotonicNs();
    this.returnedNs = nowNs;
  }

  summary(): DigestSummary {
    return this.blackhole.summary();
  }

  pressure(): null {
    return null;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  rowsWritten(): number {
    return this.blackhole.rowsWritten();
  }
}
