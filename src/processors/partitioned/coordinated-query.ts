/**
 * One query as main sees it: its fragments, lanes, shared memory, sink and counters. Owns what has
 * to be known before workers start (how many splits, whether the sources can be opened at all);
 * reads no record.
 */
import type { Clock } from '../../base/clock.js';
import { systemClock } from '../../base/clock.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import { openSource } from '../../connectors/registry.js';
import { mergeDigests } from '../../connectors/row-digest.js';
import type { DigestSummary } from '../../connectors/row-digest.js';
import { openSharedSource, sharingOf } from '../../connectors/shared-source.js';
import type { SharedSplit } from '../../connectors/shared-source.js';
import type { Sink } from '../../connectors/sink.js';
import type { SourceRequest } from '../../connectors/source.js';
import { PartitionCells, PartitionCounter } from '../../metrics/partition-metrics.js';
import type { FragmentPlan, SourceFragment } from '../../plan/fragment-plan.js';
import { planFragments } from '../../plan/fragments.js';
import type { QueryPlan } from '../../plan/pipeline-plan.js';
import type { QueryMetrics, SplitMetrics } from '../job-processor.js';
import type { JobControl } from './control.js';
import { queryMemory } from './job-memory.js';
import type { QueryShape } from './job-memory.js';
import { lanesOf } from './lanes.js';
import type { Lane, SourceSplits } from './lanes.js';
import type { QueryMemory, QuerySnapshot, QueryTask, SinkPlace } from './messages.js';
import { ResultReader } from './result-reader.js';
import type { PartitionedSettings } from './settings.js';
import { resultShape, topLevel } from './topology.js';
import { TurnTable } from './turns.js';
import { sumAccounts } from './worker-accounts.js';

export interface CoordinatedQueryOptions {
  readonly settings: PartitionedSettings;
  readonly sinkPlace: (query: QueryPlan) => SinkPlace;
  readonly rate: number | null;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
  readonly openSink: (query: QueryPlan) => Promise<Sink>;
}

/** A source as main found it. */
interface OpenedSource extends SourceSplits {
  readonly rowsTotal: number | null;
  /** To place a restored position in the lane's cells; empty where one worker reads alone. */
  readonly shared: readonly SharedSplit[];
}

export class CoordinatedQuery implements QueryShape {
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
  readonly sink: SinkPlace;
  readonly rowsTotal: number | null;
  readonly cells: PartitionCells;
  private readonly plan: QueryPlan;
  private readonly options: CoordinatedQueryOptions;
  private readonly memory: QueryMemory;
  private readonly restored: QuerySnapshot | null;
  private results: ResultReader | null = null;

  static async open(
    plan: QueryPlan,
    options: CoordinatedQueryOptions,
    restore: QuerySnapshot | null,
  ): Promise<CoordinatedQuery> {
    const fragments = planFragments(plan, { strategy: options.settings.strategy });
    const sources: OpenedSource[] = [];
    for (const source of fragments.sources) sources.push(await openForMain(source, options));
    return new CoordinatedQuery({ plan, options, fragments, sources, restore });
  }

  private constructor(parts: {
    readonly plan: QueryPlan;
    readonly options: CoordinatedQueryOptions;
    readonly fragments: FragmentPlan;
    readonly sources: readonly OpenedSource[];
    readonly restore: QuerySnapshot | null;
  }) {
    const { plan, options, fragments, sources, restore } = parts;
    this.plan = plan;
    this.options = options;
    this.fragments = fragments;
    this.restored = restore;
    this.sink = options.sinkPlace(plan);
    this.lanes = lanesOf(fragments, sources);
    this.rowsTotal = totalOf(sources);
    this.memory = queryMemory(options.settings, this);
    const { workers, partitions } = options.settings;
    this.cells = new PartitionCells(new Float64Array(this.memory.cells), workers, partitions);
    this.prepareTurns(sources);
  }

  private prepareTurns(sources: readonly OpenedSource[]): void {
    const { workers } = this.options.settings;
    const turns = new TurnTable(this.memory.turns, {
      lanes: this.lanes.length,
      workers,
      worker: 0,
      dealing: 'any',
    });
    turns.reset();
    this.restored?.lanes.forEach(({ position, highestMs, ended, next }, index) => {
      const lane = this.lanes[index] as Lane;
      turns.restoreLane(index, highestMs, ended);
      if (next) turns.startAt(index);
      sources[lane.source]?.shared[lane.at]?.seek(turns.positionCells(index), position);
    });
  }

  task(): QueryTask {
    return {
      plan: this.plan,
      fragments: this.fragments,
      lanes: this.lanes,
      sink: this.sink,
      memory: this.memory,
      restore: this.restored,
    };
  }

  async openSink(arenas: readonly SharedArrayBuffer[], control: JobControl): Promise<void> {
    if (this.sink !== 'main') return;
    const sink = await this.options.openSink(this.plan);
    const shape = resultShape(this.plan, this.fragments, this.options.settings);
    this.results = new ResultReader({ sink, shape, memory: this.memory, arenas, control });
  }

  /** Messages that a snapshot of this query consists of: lanes, partitions, global fragment. */
  snapshotParts(): number {
    const level = topLevel(this.fragments);
    return level === 0 ? 1 : 1 + this.options.settings.workers + (level === 2 ? 1 : 0);
  }

  async step(): Promise<boolean> {
    return this.results === null ? false : this.results.step();
  }

  handOn(): void {
    this.results?.sink.handOn?.();
  }

  /** Whether all rows of the turns before `seq` are in the sink. */
  hasResultsThrough(seq: number): boolean {
    return this.results === null || this.results.seq >= seq;
  }

  async close(): Promise<void> {
    await this.results?.sink.close();
  }

  async abandon(): Promise<void> {
    const sink = this.results?.sink;
    if (sink === undefined) return;
    await (sink.abandon === undefined ? sink.close() : sink.abandon());
  }

  digest(digests: readonly (DigestSummary | null)[]): DigestSummary | null {
    const sink = this.results?.sink;
    if (sink !== undefined) return sink.summary?.() ?? null;
    return mergeDigests(digests.filter((digest) => digest !== null));
  }

  metrics(): QueryMetrics {
    const { workers } = this.options.settings;
    const totals = sumAccounts(this.memory.accounts, workers);
    const rowsOut = this.results === null ? totals.rowsOut : this.results.sink.rowsWritten();
    const { rowsRead, rowsFailed, lateDropped, lateExpired } = totals;
    return {
      query: this.plan.id,
      rowsRead,
      rowsProcessed: rowsRead - rowsFailed - lateDropped - lateExpired,
      rowsFailed,
      resultsFailed: totals.resultsFailed,
      rowsLate: totals.late,
      rowsLateDropped: lateDropped,
      rowsLateExpired: lateExpired,
      rowsOut,
      stateRows: this.total(PartitionCounter.stateRows),
      stateBytes: this.total(PartitionCounter.stateBytes),
      partitions: this.partitions(),
    };
  }

  private total(counter: PartitionCounter): number {
    const { partitions } = this.options.settings;
    let total = 0;
    for (let partition = 0; partition < partitions; partition += 1) {
      total += this.sum(partition, counter);
    }
    return total;
  }

  private sum(partition: number, counter: PartitionCounter): number {
    let total = 0;
    for (let worker = 0; worker < this.options.settings.workers; worker += 1) {
      total += this.cells.get(worker, partition, counter);
    }
    return total;
  }

  private partitions(): SplitMetrics[] {
    const { partitions, workers } = this.options.settings;
    return Array.from({ length: partitions }, (_, partition) => {
      const owner = partition % workers;
      const watermarkMs = this.cells.get(owner, partition, PartitionCounter.watermarkMs);
      return {
        partition,
        rowsIn: this.sum(partition, PartitionCounter.rowsIn),
        rowsOut: this.sum(partition, PartitionCounter.rowsOut),
        watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
      };
    });
  }
}

/** Opens a source to learn its splits, and that it can be opened, then lets it go. */
async function openForMain(
  { scan }: SourceFragment,
  options: CoordinatedQueryOptions,
): Promise<OpenedSource> {
  const request: SourceRequest = {
    table: scan.table,
    physical: scan.physical,
    system: scan.system,
    batchRowsMax: BATCH_ROWS_MAX,
    errors: {
      recordFailed: () => undefined,
    },
    clock: systemClock,
    notice: options.notice,
    ...(options.rate === null ? {} : { rate: options.rate }),
  };
  if (sharingOf(scan.table) === 'shared') {
    const source = openSharedSource(request);
    source.close();
    const { splits, rowsTotal } = source;
    return { splits, rowsTotal, shared: splits };
  }
  // A pipe can be opened once only, and only by the worker that reads it: it has one split.
  const path = scan.table.options['path'];
  if (path !== undefined) {
    return { splits: [{ split: 0, sourceName: path }], rowsTotal: null, shared: [] };
  }
  const source = await openSource(request);
  await source.close();
  const splits = source.splits.map(({ split }) => ({ split, sourceName: scan.table.name }));
  return { splits, rowsTotal: source.rowsTotal, shared: [] };
}

function totalOf(sources: readonly OpenedSource[]): number | null {
  let total = 0;
  for (const { rowsTotal } of sources) {
    if (rowsTotal === null) return null;
    total += rowsTotal;
  }
  return total;
}
