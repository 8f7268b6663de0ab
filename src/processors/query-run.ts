/**
 * One running query on one thread: its open sources and sink around a pipeline. Owns the push of a
 * block through the operators, the end of splits and inputs, idleness and the query's counters.
 * When to push, wait or stop is the processor's business.
 */
import type { StateMemory } from '../state/paging/page-folder.js';
import type { DueTimes, ReadProgress, SplitReader, Source } from '../connectors/source.js';
import type { DigestSummary } from '../connectors/blackhole/row-digest.js';
import type { Sink } from '../connectors/sink.js';
import type { Batch } from '../columnar/batch.js';
import { splitTexts } from '../columnar/record-place.js';
import { isRowwise } from '../plan/fragments/group-policy.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import { sizeOf } from '../runtime/operator.js';
import type { Output } from '../runtime/operator-output.js';
import { buildPipeline } from '../runtime/pipeline.js';
import { endedState } from '../state/checkpoint/job-state.js';
import type { QueryState, SplitState } from '../state/checkpoint/job-state.js';
import type { Pipeline, ScanPort } from '../runtime/pipeline.js';
import type { TakenQuery } from './job-copy.js';
import type { QueryMetrics } from './job-processor.js';
import type { OperatorSize } from './memory-budget.js';
import type { QueryAccounts } from './query-accounts.js';
import { leastShare, shareOfSplits, totalLag } from './read-share.js';
import { missingSplit, restoreOperators, stateOf } from './run-state.js';
import { WrittenProgress } from './written-progress.js';

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

/** Of blocks: how many, the time inside the query, and from being read to all of it being out. */
export interface WorkCounters {
  batches: number;
  busyUs: number;
  latencyUsLast: number;
  latencyUsMax: number;
  latencyUsSum: number;
  latencyCount: number;
}

export interface QueryRunParts {
  readonly plan: QueryPlan;
  readonly accounts: QueryAccounts;
  readonly sink: Sink;
  /** Sources by scan node id. */
  readonly sources: ReadonlyMap<string, Source>;
  /** Flushed and closed after the sink; the dead-letter writer. */
  readonly closeLast: () => Promise<void>;
  /** What each of its operators may hold that can put the rest on disk. Default: all. */
  readonly memory?: StateMemory | null;
  /** What it goes on with. Default: it begins. */
  readonly restore?: QueryState | null;
}

export class QueryRun {
  /** The splits of all scans; a source without end may append some. */
  readonly inputs: SplitRun[];
  done = false;
  /** The input that is stepped next. */
  next = 0;
  /** The block at hand; no rows: all that it brought about is out. */
  readonly block = {
    readNs: Number.NaN,
    dueFirstNs: Number.NaN,
    dueLastNs: Number.NaN,
    rowsRead: 0,
  };
  /** What blocks have cost so far, for who watches. */
  readonly work: WorkCounters = {
    batches: 0,
    busyUs: 0,
    latencyUsLast: 0,
    latencyUsMax: 0,
    latencyUsSum: 0,
    latencyCount: 0,
  };
  /** The query's own LIMIT is reached. */
  private stopped = false;
  /** Ids of the scans of LIMITs that are reached. */
  private readonly unneeded = new Set<string>();
  private unneededSeen = 0;
  private readonly parts: QueryRunParts;
  private readonly pipeline: Pipeline;
  private readonly scans: readonly ScanRun[];
  private watermarkMs = Number.NEGATIVE_INFINITY;
  private readonly progress: WrittenProgress;
  /** Every input has ended: done when all of it is out. */
  private isEnding = false;
  /** Whose block is not out yet. */
  private pushing: SplitReader | null = null;

  constructor(parts: QueryRunParts) {
    this.parts = parts;
    const { accounts, sink } = parts;
    this.progress = new WrittenProgress(sink, isRowwise(parts.plan));
    const output: Output = {
      emit: (batch) => {
        sink.write(batch);
        this.progress.wrote(batch);
        if (sink.pressure() !== null) this.pipeline.flow.suspend();
      },
      watermark: (watermarkMs) => {
        this.watermarkMs = watermarkMs;
      },
    };
    this.pipeline = buildPipeline(
      parts.plan.root,
      {
        sink: output,
        errors: accounts,
        late: accounts,
        counters: accounts.counters,
        memory: parts.memory ?? null,
        limitReached: ({ endsQuery, scans }) => {
          if (endsQuery) this.stopped = true;
          for (const scan of scans) this.unneeded.add(scan);
        },
      },
      { suspends: true },
    );
    const { restore = null } = parts;
    if (restore !== null) restoreOperators(parts.plan.root, this.pipeline.operators, restore);
    this.scans = this.pipeline.scans.map((port) => {
      const source = parts.sources.get(port.node.id) as Source;
      return { port, source, knownSplits: 0, openSplits: 0 };
    });
    this.inputs = this.scans.flatMap(newSplits);
    for (const { port, source } of this.scans) {
      source.settleWith?.(() => this.settle());
      port.setSplits(source.splits.map((split) => split.split));
      if (source.splits.length === 0) port.end(true);
    }
    this.isEnding = this.inputs.length === 0;
    if (restore !== null) this.goOn(restore);
    this.conclude();
  }

  /** The splits go on where they stood; those that had ended end once more, for who waits for them. */
  private goOn(state: QueryState): void {
    const found = (split: SplitState): number =>
      this.inputs.findIndex(
        ({ scan, reader }) => scan.port.node.id === split.scan && reader.split === split.split,
      );
    for (const split of state.splits) {
      const at = found(split);
      const input = this.inputs[at];
      if (input === undefined) throw missingSplit(state, split);
      if (split.next) this.next = at;
      if (split.ended) this.endSplit(input);
      else input.reader.seek(split.position);
    }
  }

  /** All rows so far are where they go: what the sink goes on with; null where it knows no place. */
  async sinkPosition(): Promise<string | null> {
    const { sink } = this.parts;
    await sink.flush();
    return sink.position?.() ?? null;
  }

  /** Rows that were written have not left, and will not: a state would not tell of them. */
  get hasLostRows(): boolean {
    const { sink } = this.parts;
    return sink.rowsDelivered !== undefined && sink.rowsDelivered() < sink.rowsWritten();
  }

  /** Between two blocks, when nothing is put off: all that the query goes on with. */
  state(sink: string | null): TakenQuery {
    const { plan } = this.parts;
    if (this.done) return { state: endedState(plan.id), copy: null };
    const { operators, copy, highestMs } = stateOf(plan.root, this.pipeline.operators);
    const next = this.next % Math.max(1, this.inputs.length);
    const splits = this.inputs.map(({ scan, reader, ended }, at): SplitState => {
      const { id, table } = scan.port.node;
      return {
        scan: id,
        split: reader.split,
        sourceName: reader.sourceName ?? table.name,
        position: reader.position(),
        highestMs: highestMs.get(id)?.get(reader.split) ?? Number.NEGATIVE_INFINITY,
        ended,
        next: at === next,
      };
    });
    return { state: { query: plan.id, ended: false, splits, operators, sink }, copy };
  }

  /** LIMITs, not the input, have ended the reading. */
  get limited(): boolean {
    const isUnneeded = ({ port }: ScanRun): boolean => this.unneeded.has(port.node.id);
    return this.stopped || (this.scans.length > 0 && this.scans.every(isUnneeded));
  }

  get rowsRead(): number {
    return this.parts.accounts.rowsRead;
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
      if (this.unneeded.has(scan.port.node.id)) continue;
      if (scan.source.splits.length > scan.knownSplits) this.inputs.push(...newSplits(scan));
    }
  }

  /** Some of what was pushed is not out yet: resume() comes before the next step(). */
  get suspended(): boolean {
    return this.pipeline.flow.suspended;
  }

  /** Puts out one more piece of what was pushed. */
  resume(): void {
    this.pipeline.flow.resume();
    this.conclude();
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
    let rows = 0;
    if (next === 'end') this.endSplit(input);
    else rows = this.push(input, next);
    this.conclude();
    return rows;
  }

  /** Done when the last row of the last input is out, or, whatever is left, at the query's LIMIT. */
  private conclude(): void {
    if (this.pushing !== null && (this.stopped || !this.suspended)) {
      this.progress.pushed(this.pushing, this.stopped);
      this.pushing = null;
    }
    if (this.stopped) for (const { reader } of this.inputs) reader.letGo?.();
    else this.endUnneeded();
    if (this.stopped || (this.isEnding && !this.suspended)) this.done = true;
  }

  /** The inputs that only met LIMITs read end as if they had no more rows. */
  private endUnneeded(): void {
    while (this.unneededSeen < this.unneeded.size) {
      this.unneededSeen = this.unneeded.size;
      for (const input of this.inputs) {
        if (!input.ended && this.unneeded.has(input.scan.port.node.id)) this.endSplit(input);
      }
    }
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
    this.pushing = input.reader;
    return rows;
  }

  /** Finishes what sources have handed out: a group is about to commit it. */
  private async settle(): Promise<void> {
    await this.parts.sink.flush();
    this.progress.flushed(this.limited);
  }

  /** As if no input had more rows; resume() gives the rest of what waited for that. */
  endInputs(): void {
    for (const input of this.inputs) if (!input.ended && !this.done) this.endSplit(input);
    this.conclude();
  }

  private endSplit(input: SplitRun): void {
    input.ended = true;
    input.reader.letGo?.();
    const { scan } = input;
    this.parts.accounts.rowsRead += input.reader.rowsRead() - input.rowsSeen;
    input.rowsSeen = input.reader.rowsRead();
    scan.openSplits -= 1;
    scan.port.splitEnded(input.reader.split);
    if (scan.openSplits > 0) return;
    scan.port.end(true);
    if (this.scans.every((other) => other.openSplits === 0)) this.isEnding = true;
  }

  pressure(): Promise<void> | null {
    return this.parts.sink.pressure();
  }

  handOn(): void {
    this.parts.sink.handOn?.();
  }

  hurry(): void {
    this.parts.sink.hurry?.();
    for (const { source } of this.scans) source.hurry?.();
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
    if (this.suspended) return;
    for (const input of this.inputs) {
      if (input.ended || input.idle || input.idleTimeoutMs === 0) continue;
      if (nowMs - input.lastBatchMs < input.idleTimeoutMs) continue;
      input.idle = true;
      input.scan.port.setIdle(input.reader.split, true);
    }
  }

  /**
   * Ends a stopped query's inputs without flushing; all rows are out, but may not be seen yet. A
   * block that is not out yet is given up: its position is none that is committed.
   */
  async finishRows(): Promise<void> {
    this.pipeline.flow.drop();
    for (const scan of this.scans) if (scan.openSplits > 0) scan.port.end(false);
    await this.parts.sink.flush();
  }

  /** After finishRows(): completes the sink, releases the sources. */
  async complete(): Promise<void> {
    await this.parts.sink.close();
    await this.parts.closeLast();
    this.progress.flushed(this.limited);
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

  /** Of its input that was read; see JobMetrics. */
  share(): number | null {
    const ofScan = (scan: ScanRun): number | null =>
      shareOfSplits(this.inputs.filter((input) => input.scan === scan).map(progressOf));
    return leastShare(this.scans.map(ofScan));
  }

  /** Of its input that is there and was not read; see JobMetrics. */
  lag(): number | null {
    return totalLag(this.inputs.map(({ reader }) => reader.lag?.() ?? null));
  }

  digest(): DigestSummary | null {
    return this.parts.sink.summary?.() ?? null;
  }

  /** State of each operator. */
  sizes(): OperatorSize[] {
    return this.pipeline.operators.map((operator) => ({
      operator: operator.id,
      ...operator.stateSize(),
    }));
  }

  metrics(): QueryMetrics {
    const { accounts, plan } = this.parts;
    const { rows, bytes, pagedBytes, pagesRead } = sizeOf(this.pipeline.operators);
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
      rowsRejected: accounts.counters.rejected,
      silentSplits: splitTexts(
        this.inputs.map(({ reader }) => reader),
        (_, at) => isSilent(this.inputs[at] as SplitRun),
      ),
      stateRows: rows,
      stateBytes: bytes,
      pagedBytes,
      pagesRead,
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

/** A split that has ended is done with, wherever it stands. */
function isSilent({ ended, idle, rowsSeen }: SplitRun): boolean {
  return !ended && !idle && rowsSeen === 0;
}

function progressOf({ reader, ended }: SplitRun): ReadProgress | null {
  const progress = reader.progress?.() ?? null;
  return progress === null || !ended ? progress : { ...progress, done: progress.total };
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
