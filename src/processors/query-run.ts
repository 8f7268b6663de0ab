/**
 * One running query on one thread: its open sources and sink around a pipeline. Owns the push of a
 * block through the operators, the end of splits and inputs, idleness and the query's counters.
 * When to push, wait or stop is the processor's business.
 */
import type { DueTimes, SplitReader, Source } from '../connectors/source.js';
import type { DigestSummary } from '../connectors/row-digest.js';
import type { Sink } from '../connectors/sink.js';
import type { Batch } from '../columnar/batch.js';
import type { QueryPlan } from '../plan/pipeline-plan.js';
import type { Output } from '../runtime/operator.js';
import { buildPipeline } from '../runtime/pipeline.js';
import type { Pipeline, ScanPort } from '../runtime/pipeline.js';
import type { QueryMetrics } from './job-processor.js';
import type { QueryAccounts } from './query-accounts.js';

interface ScanRun {
  readonly port: ScanPort;
  readonly source: Source;
  /** Splits of the source that are among the inputs. */
  knownSplits: number;
  openSplits: number;
}

/** One split of one scan: what the processor steps. */
interface SplitRun {
  readonly scan: ScanRun;
  readonly reader: SplitReader;
  readonly idleTimeoutMs: number;
  ended: boolean;
  waiting: boolean;
  rowsSeen: number;
  lastBatchMs: number;
  idle: boolean;
}

export interface QueryRunParts {
  readonly plan: QueryPlan;
  readonly accounts: QueryAccounts;
  readonly sink: Sink;
  /** Sources by scan node id. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Flushed and closed after the sink; the dead-letter writer. */
  readonly closeLast: () => Promise<void>;
}

export class QueryRun {
  /** The splits of all scans; a source without end may append some. */
  readonly inputs: SplitRun[];
  done = false;
  /** The query stopped because its LIMIT was reached. */
  limited = false;
  private readonly parts: QueryRunParts;
  private readonly pipeline: Pipeline;
  private readonly scans: readonly ScanRun[];
  private watermarkMs = Number.NEGATIVE_INFINITY;

  constructor(parts: QueryRunParts) {
    this.parts = parts;
    const { accounts, sink } = parts;
    const output: Output = {
      emit: (batch) => sink.write(batch),
      watermark: (watermarkMs) => {
        this.watermarkMs = watermarkMs;
      },
    };
    this.pipeline = buildPipeline(parts.plan.root, {
      sink: output,
      errors: accounts,
      late: accounts,
      counters: accounts.counters,
      requestStop: () => {
        this.limited = true;
      },
    });
    this.scans = this.pipeline.scans.map((port) => {
      const source = parts.sources.get(port.node.id) as Source;
      return { port, source, knownSplits: 0, openSplits: 0 };
    });
    this.inputs = this.scans.flatMap(newSplits);
    for (const { port, source } of this.scans) {
      port.setSplits(source.splits.map((split) => split.split));
      if (source.splits.length === 0) port.end(true);
    }
    if (this.inputs.length === 0 || this.limited) this.done = true;
  }

  get rowsOut(): number {
    return this.parts.sink.rowsWritten();
  }

  /**
   * Takes in splits that sources have got since. Each joins the watermark with its first record, so
   * that one which stays empty holds nothing back, and what was announced before stands.
   */
  takeNewSplits(): void {
    for (const scan of this.scans) {
      if (scan.source.splits.length > scan.knownSplits) this.inputs.push(...newSplits(scan));
    }
  }

  /** Pushes one block of input `at`; rows read, 0 when the split ended, -1 when it had nothing. */
  step(at: number): number {
    const input = this.inputs[at] as SplitRun;
    if (input.ended || this.done) return -1;
    const next = input.reader.next();
    if (next === 'wait') {
      input.waiting = true;
      return -1;
    }
    input.waiting = false;
    if (next === 'end') {
      this.endSplit(input);
      return 0;
    }
    const rows = this.push(input, next);
    if (this.limited) this.stopEarly();
    return rows;
  }

  private push(input: SplitRun, batch: Batch): number {
    if (input.idle) {
      input.idle = false;
      input.scan.port.setIdle(input.reader.split, false);
    }
    input.lastBatchMs = batch.header.ingestTimeMs;
    const rows = input.reader.rowsRead() - input.rowsSeen;
    input.rowsSeen += rows;
    this.parts.accounts.rowsRead += rows;
    input.scan.port.process(batch);
    return rows;
  }

  private endSplit(input: SplitRun): void {
    input.ended = true;
    const { scan } = input;
    this.parts.accounts.rowsRead += input.reader.rowsRead() - input.rowsSeen;
    input.rowsSeen = input.reader.rowsRead();
    scan.openSplits -= 1;
    scan.port.splitEnded(input.reader.split);
    if (scan.openSplits > 0) return;
    scan.port.end(true);
    if (this.scans.every((other) => other.openSplits === 0)) this.done = true;
  }

  /** A stop before the end of input: nothing is flushed. */
  private stopEarly(): void {
    this.done = true;
  }

  pressure(): Promise<void> | null {
    return this.parts.sink.pressure();
  }

  handOn(): void {
    this.parts.sink.handOn?.();
  }

  hurry(): void {
    this.parts.sink.hurry?.();
  }

  /** When the rows of input `at`'s last block were due, for a table with a rate. */
  dueOf(at: number): DueTimes | null {
    return this.inputs[at]?.reader.dueNs?.() ?? null;
  }

  /** ms until a waiting split that knows when has rows; Infinity without one. */
  dueInMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { ended, waiting, reader } of this.inputs) {
      if (!ended && waiting) least = Math.min(least, reader.dueInMs?.() ?? least);
    }
    return least;
  }

  /** What to wait for when no split had a block; splits that know when they have one left out. */
  waiting(exceptDue: boolean): readonly Promise<void>[] {
    const promises: Promise<void>[] = [];
    for (const { ended, waiting, reader } of this.inputs) {
      if (ended || !waiting) continue;
      if (!exceptDue || reader.dueInMs === undefined) promises.push(reader.ready());
    }
    return promises;
  }

  /** ms after which a waiting split may be idle; Infinity without one. */
  idleAfterMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { ended, waiting, idleTimeoutMs, idle } of this.inputs) {
      if (!ended && waiting && idleTimeoutMs > 0 && !idle) least = Math.min(least, idleTimeoutMs);
    }
    return least;
  }

  /** Takes silent splits out of the watermark ('source.idle-timeout'). */
  markIdle(nowMs: number): void {
    for (const input of this.inputs) {
      if (input.ended || input.idle || input.idleTimeoutMs === 0) continue;
      if (nowMs - input.lastBatchMs < input.idleTimeoutMs) continue;
      input.idle = true;
      input.scan.port.setIdle(input.reader.split, true);
    }
  }

  /** Ends a stopped query's inputs without flushing, completes the sink, releases the sources. */
  async complete(): Promise<void> {
    for (const scan of this.scans) if (scan.openSplits > 0) scan.port.end(false);
    await this.parts.sink.close();
    await this.parts.closeLast();
    for (const scan of this.scans) {
      await scan.source.commit();
      await scan.source.close();
    }
  }

  /** After a failure: rows on stdout and in topics stay, a staged file goes; nothing is committed. */
  async abandon(): Promise<void> {
    const { sink } = this.parts;
    await Promise.allSettled([
      sink.abandon === undefined ? sink.close() : sink.abandon(),
      this.parts.closeLast(),
      ...this.scans.map((scan) => scan.source.close()),
    ]);
  }

  rowsTotal(): number | null {
    let total = 0;
    for (const scan of this.scans) {
      if (scan.source.rowsTotal === null) return null;
      total += scan.source.rowsTotal;
    }
    return total;
  }

  digest(): DigestSummary | null {
    return this.parts.sink.summary?.() ?? null;
  }

  metrics(): QueryMetrics {
    const { accounts, plan } = this.parts;
    let stateRows = 0;
    let stateBytes = 0;
    for (const operator of this.pipeline.operators) {
      const size = operator.stateSize();
      stateRows += size.rows;
      stateBytes += size.bytes;
    }
    return {
      query: plan.id,
      rowsRead: accounts.rowsRead,
      rowsProcessed: accounts.rowsProcessed,
      rowsFailed: accounts.rowsFailed,
      resultsFailed: accounts.resultsFailed,
      rowsLate: accounts.counters.late,
      rowsLateDropped: accounts.counters.lateDropped,
      rowsLateExpired: accounts.counters.lateExpired,
      rowsOut: this.rowsOut,
      stateRows,
      stateBytes,
      partitions: [
        {
          partition: 0,
          rowsIn: accounts.rowsRead,
          rowsOut: this.rowsOut,
          watermarkMs: Number.isFinite(this.watermarkMs) ? this.watermarkMs : null,
        },
      ],
    };
  }
}

/** Splits of the source that are not among the inputs yet. */
function newSplits(scan: ScanRun): SplitRun[] {
  const added = scan.source.splits.slice(scan.knownSplits);
  scan.knownSplits += added.length;
  scan.openSplits += added.length;
  return added.map((reader) => ({
    scan,
    reader,
    idleTimeoutMs: scan.port.idleTimeoutMs,
    ended: false,
    waiting: false,
    rowsSeen: 0,
    lastBatchMs: Number.NEGATIVE_INFINITY,
    idle: false,
  }));
}
