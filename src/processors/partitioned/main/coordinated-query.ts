/**
 * One query as main sees it: its fragments, lanes, shared memory, sink and counters. Owns what has
 * to be known before workers start (how many splits, whether the sources can be opened at all);
 * reads no record, but hands on blocks of topics that workers cannot fetch, or whose partitions come
 * and go with a group (main-feeder.ts).
 */
import { VeloError } from '../../../base/errors.js';
import { BlockArena } from '../../../columnar/arena.js';
import { splitTexts } from '../../../columnar/record-place.js';
import type { Clock } from '../../../base/clock.js';
import { clockAt } from '../../../base/clock.js';
import type { HandedSource, PreparedSource } from '../../../connectors/connector.js';
import type { FedSplit } from '../../../connectors/fed-source.js';
import { prepareSource, sinkOf } from '../../../connectors/registry.js';
import { mergeDigests } from '../../../connectors/blackhole/row-digest.js';
import type { DigestSummary } from '../../../connectors/blackhole/row-digest.js';
import type { Sink } from '../../../connectors/sink.js';
import type { SplitExtent } from '../../../connectors/shared-split.js';
import type { ReadProgress, SourceRequest } from '../../../connectors/source.js';
import { PartitionCells, PartitionCounter } from '../../../metrics/partition-metrics.js';
import type { FragmentPlan, SourceFragment } from '../../../plan/fragments/fragment-plan.js';
import { planFragments } from '../../../plan/fragments/fragments.js';
import { groupPolicy, isRowwise } from '../../../plan/fragments/group-policy.js';
import type { QueryPlan } from '../../../plan/pipeline/pipeline-plan.js';
import type { CheckpointTarget } from '../../checkpoint-pace.js';
import type { QueryMetrics, SplitMetrics } from '../../job-processor.js';
import { blockRowsOf } from '../turns/batch-rows.js';
import { COMMAND_CUT } from '../control.js';
import type { JobControl } from '../control.js';
import { queryMemory } from './job-memory.js';
import type { QueryShape } from './job-memory.js';
import { LANE_LAG, lanesOf, LANE_POSITION } from '../turns/lanes.js';
import type { Lane } from '../turns/lanes.js';
import { MainFeeder } from './main-feeder.js';
import type { QueryMemory, QuerySnapshot, QueryStart, QueryTask, SinkPlace } from '../messages.js';
import { endedState } from '../../../state/checkpoint/job-state.js';
import { partitionedState, portableState } from './portable-state.js';
import type { QueryCut } from './portable-state.js';
import type { QueryState } from '../../../state/checkpoint/job-state.js';
import { OffsetCommits } from './offset-commits.js';
import { ResultReader } from './result-reader.js';
import { Ring } from '../exchange/ring.js';
import type { PartitionedSettings } from '../job-settings.js';
import { resultShape, topLevel } from '../exchange/topology.js';
import { TurnTable } from '../turns/turns.js';
import { leastShare, shareOfSplits, totalLag } from '../../read-share.js';
import { sumAccounts } from '../worker/worker-accounts.js';

export interface CoordinatedQueryOptions {
  readonly settings: PartitionedSettings;
  readonly sinkPlace: (query: QueryPlan) => SinkPlace;
  readonly rate: number | null;
  readonly nowMs: number | null;
  readonly batchRows: number | null;
  readonly clock: Clock;
  readonly notice: (line: string) => void;
  readonly openSink: (query: QueryPlan) => Promise<Sink>;
  /** Where the job's state goes; null: nowhere. */
  readonly checkpoints: CheckpointTarget | null;
}

export class CoordinatedQuery implements QueryShape {
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
  readonly sink: SinkPlace;
  readonly cells: PartitionCells;
  private readonly plan: QueryPlan;
  private readonly options: CoordinatedQueryOptions;
  private readonly memory: QueryMemory;
  private readonly cut: QueryCut;
  private readonly restored: QueryStart | null;
  private readonly turns: TurnTable;
  private readonly sources: readonly PreparedSource[];
  private feeders: readonly (MainFeeder | null)[] = [];
  private commits: OffsetCommits | null = null;
  private control: JobControl | null = null;
  private results: ResultReader | null = null;
  /** In the sink when this life of the job began. */
  private rowsBefore = 0;
  private isLeft = false;

  static async open(
    plan: QueryPlan,
    options: CoordinatedQueryOptions,
    restore: QueryState | null,
  ): Promise<CoordinatedQuery> {
    const fragments = planFragments(plan, { strategy: options.settings.strategy });
    const sources: PreparedSource[] = [];
    try {
      for (const source of fragments.sources) {
        // Who goes on where a snapshot stood, or will, reads what the snapshot was of.
        const joins = restore === null && options.checkpoints === null;
        sources.push(await openForMain(plan, source, { ...options, joins }));
      }
      return new CoordinatedQuery({ plan, options, fragments, sources, restore });
    } catch (error) {
      await Promise.allSettled(sources.map(closeSource));
      throw error;
    }
  }

  private constructor(parts: {
    readonly plan: QueryPlan;
    readonly options: CoordinatedQueryOptions;
    readonly fragments: FragmentPlan;
    readonly sources: readonly PreparedSource[];
    readonly restore: QueryState | null;
  }) {
    const { plan, options, fragments, sources, restore } = parts;
    this.plan = plan;
    this.options = options;
    this.fragments = fragments;
    this.sink = options.sinkPlace(plan);
    this.lanes = lanesOf(fragments, sources, options.settings.workers);
    this.cut = { query: plan.id, root: plan.root, fragments, lanes: this.lanes };
    this.restored = restore === null ? null : partitionedState(this.cut, restore);
    this.memory = queryMemory(options.settings, this);
    const { workers, partitions } = options.settings;
    this.cells = new PartitionCells(new Float64Array(this.memory.cells), workers, partitions);
    this.sources = sources;
    this.turns = new TurnTable(this.memory.turns, {
      lanes: this.lanes.length,
      workers,
      worker: 0,
      dealing: 'any',
      paced: [],
    });
    this.prepareTurns();
  }

  private prepareTurns(): void {
    const { turns, lanes, sources } = this;
    turns.reset();
    this.restored?.lanes.forEach(({ position, highestMs, ended, next }, index) => {
      const lane = lanes[index] as Lane;
      const source = sources[lane.source] as PreparedSource;
      turns.restoreLane(index, highestMs, ended);
      if (next) turns.startAt(index);
      if (position === null) return;
      source.shared[lane.at]?.seek(turns.positionCells(index), position);
      source.blocks?.splits[lane.at]?.seek(position);
    });
    lanes.forEach(({ source, at }, index) => {
      const split = sources[source]?.blocks?.splits[at];
      if (split === undefined) return;
      turns.positionCells(index)[LANE_POSITION] = Number(split.position());
    });
  }

  /** Before the job runs: gets ready to hand blocks on, and to commit. */
  openFeeds(control: JobControl): void {
    const { turns } = this;
    this.control = control;
    const { feedArena, feedRings } = this.memory;
    const arena = feedArena === null ? null : new BlockArena(feedArena);
    this.feeders = this.sources.map(({ blocks, reading }, source) => {
      if (blocks === null || reading !== 'fed' || arena === null) return null;
      const lanes = this.lanesOfSource(source).map((lane, at) => ({
        split: blocks.splits[at] as FedSplit,
        ring: new Ring(feedRings[lane] as SharedArrayBuffer),
      }));
      return new MainFeeder({ source: blocks, lanes, arena, control });
    });
    this.commits = new OffsetCommits({
      topics: this.sources.flatMap(({ blocks }, source) => {
        const feeder = this.feeders[source] ?? null;
        return blocks === null ? [] : [{ blocks, lanes: this.lanesOfSource(source), feeder }];
      }),
      turns,
      rowwise: isRowwise(this.plan),
      clock: this.options.clock,
      wakeMain: () => control.wakeMain(),
    });
  }

  /** Numbers of its lanes, in the order of its splits. */
  private lanesOfSource(source: number): number[] {
    return [...this.lanes.keys()].filter((lane) => this.lanes[lane]?.source === source);
  }

  /** Hands on what topics have; true: something had. */
  feed(): boolean {
    let progressed = false;
    for (const feeder of this.feeders) if (feeder?.feed() === true) progressed = true;
    return progressed;
  }

  /** What main takes from the system for worker 0. */
  get handed(): HandedSource[] {
    return this.sources.flatMap(({ lease }) => lease?.handOver() ?? []);
  }

  task(): QueryTask {
    return {
      plan: this.plan,
      fragments: this.fragments,
      lanes: this.lanes,
      ranges: this.sources.map(({ blocks, reading }) =>
        blocks === null || reading !== 'owned' ? null : blocks.splits.map(({ range }) => range),
      ),
      sink: this.sink,
      encoding: this.results?.sink.encoding ?? null,
      memory: this.memory,
      owners: this.options.settings.owners,
      restore: this.restored,
    };
  }

  async openSink(arenas: readonly SharedArrayBuffer[], control: JobControl): Promise<void> {
    if (this.sink !== 'main') return;
    const sink = await this.options.openSink(this.plan);
    this.rowsBefore = sink.rowsWritten();
    const shape = resultShape(this.plan, this.fragments, this.options.settings);
    this.results = new ResultReader({ sink, shape, memory: this.memory, arenas, control });
  }

  /** Messages that a snapshot of this query consists of: lanes, partitions, global fragment. */
  snapshotParts(): number {
    const level = topLevel(this.fragments);
    return level === 0 ? 1 : 1 + this.options.settings.workers + (level === 2 ? 1 : 0);
  }

  /** What a snapshot of this query says to whoever goes on with it; null: the query has ended. */
  state(snapshot: QuerySnapshot | null): QueryState {
    return snapshot === null ? endedState(this.plan.id) : portableState(this.cut, snapshot);
  }

  /** From now on rows behind that barrier do not go into the sink, until release(). */
  holdAt(barrier: number): void {
    this.results?.holdAt(barrier);
  }

  /** The sink has all rows before the barrier, of a query that had a part in it or is over. */
  isAtBarrier(barrier: number, isOver: boolean): boolean {
    if (this.results === null) return true;
    return isOver ? this.results.seq >= this.turns.seqEnd() : this.results.isAt(barrier);
  }

  release(): void {
    this.results?.release();
  }

  /** All rows that the sink has are where they go; null: it knows no place to go on from. */
  async sinkPosition(): Promise<string | null> {
    const sink = this.results?.sink;
    if (sink === undefined) return null;
    await sink.flush();
    if (sink.rowsDelivered !== undefined && sink.rowsDelivered() < sink.rowsWritten()) {
      const message = 'the state at the end is not kept: a sink has not taken all rows';
      throw new VeloError('STATE_INVALID', { message });
    }
    return sink.position?.() ?? null;
  }

  /** It is over, and no part of that snapshot will come. */
  endedBefore(barrier: number): boolean {
    return this.turns.endedBefore(barrier);
  }

  step(): boolean {
    return this.results === null ? false : this.results.step();
  }

  /** Results may be waiting for a sink that rests, or for a checkpoint. */
  get resting(): boolean {
    return this.results !== null && (this.results.resting || this.results.holds);
  }

  /** Every few milliseconds. */
  handOn(): void {
    const sink = this.results?.sink ?? null;
    sink?.handOn?.();
    const keepsNothing = topLevel(this.fragments) === 0 && sink?.publishesAtEnd !== true;
    this.commits?.step({
      sink,
      deliveredSeq: this.deliveredSeq,
      seqDone: this.results?.seq ?? Number.POSITIVE_INFINITY,
      mayCommit: sink !== null && keepsNothing,
    });
  }

  /** Turns that were given up are not done with, nor any behind them. */
  private readonly deliveredSeq = (): number => {
    const { results } = this;
    const delivered = results?.deliveredSeq() ?? Number.POSITIVE_INFINITY;
    if (this.control?.command() !== COMMAND_CUT) return delivered;
    return Math.min(delivered, (results?.seq ?? 0) - 1);
  };

  hurry(): void {
    this.results?.sink.hurry?.();
    for (const { blocks } of this.sources) blocks?.hurry();
  }

  /** Whether all rows of the turns before `seq` are in the sink. */
  hasResultsThrough(seq: number): boolean {
    return this.results === null || this.results.seq >= seq;
  }

  async finishRows(): Promise<void> {
    await this.results?.sink.flush();
  }

  async close(): Promise<void> {
    await this.results?.sink.close();
    await this.commits?.finish(this.deliveredSeq);
    for (const source of this.sources) await closeSource(source);
  }

  /** What it reads once only, for a message; null: another life of the job could go on with it. */
  get readOnce(): string | null {
    const at = this.sources.findIndex(({ lease }) => lease !== null);
    return at < 0 ? null : (this.fragments.sources[at] as SourceFragment).scan.table.name;
  }

  /** All its rows are out. As close(), but the sink stays open for who goes on; null: there is none. */
  async leave(): Promise<Sink | null> {
    await this.commits?.finish(this.deliveredSeq);
    for (const source of this.sources) await closeSource(source);
    this.isLeft = true;
    return this.results?.sink ?? null;
  }

  /** After a failure: nothing is committed. */
  async abandon(): Promise<void> {
    const sink = this.results?.sink;
    this.commits?.end();
    await Promise.allSettled([
      sink?.abandon === undefined ? sink?.close() : sink.abandon(),
      ...this.sources.map(closeSource),
    ]);
  }

  digest(digests: readonly (DigestSummary | null)[]): DigestSummary | null {
    const sink = this.results?.sink;
    if (this.isLeft && sink !== undefined) return null;
    if (sink !== undefined) return sink.summary?.() ?? null;
    return mergeDigests(digests.filter((digest) => digest !== null));
  }

  metrics(): QueryMetrics {
    const { workers } = this.options.settings;
    const totals = sumAccounts(this.memory.accounts, workers);
    const { results, rowsBefore } = this;
    const rowsOut = results === null ? totals.rowsOut : results.sink.rowsWritten() - rowsBefore;
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
      rowsRejected: totals.rejected,
      silentSplits: splitTexts(this.lanes, (_, lane) => this.turns.laneIsSilent(lane)),
      stateRows: this.total(PartitionCounter.stateRows),
      stateBytes: this.total(PartitionCounter.stateBytes),
      pagedBytes: this.total(PartitionCounter.pagedBytes),
      pagesRead: this.total(PartitionCounter.pagesRead),
      partitions: this.partitions(),
    };
  }

  /** Of its input that was read; see JobMetrics. Positions are as workers left them last. */
  share(): number | null {
    return leastShare(
      this.sources.map((source, index) =>
        shareOfSplits(
          this.lanesOfSource(index).map((lane, at) =>
            this.progressOf(lane, source.splits[at]?.extent ?? null),
          ),
        ),
      ),
    );
  }

  /** Of its input that is there and was not read; see JobMetrics. */
  lag(): number | null {
    return totalLag(
      this.sources.flatMap(({ blocks, reading }, index) =>
        this.lanesOfSource(index).map((lane, at) => {
          if (reading === 'fed') return blocks?.splits[at]?.lag() ?? null;
          const cell = this.turns.positionCells(lane)[LANE_LAG] as number;
          return reading === 'owned' && cell > 0 ? cell - 1 : null;
        }),
      ),
    );
  }

  private progressOf(lane: number, extent: SplitExtent | null): ReadProgress | null {
    if (extent === null) return null;
    const total = extent.end - extent.start;
    // Wherever it stands.
    if (this.turns.laneEnded(lane)) return { done: total, total };
    const position = this.turns.positionCells(lane)[LANE_POSITION] as number;
    return { done: position - extent.start, total };
  }

  /** Of its rows by key group; null: they are not counted. */
  get load(): SharedArrayBuffer | null {
    return this.memory.load;
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
        rowsIn: this.cells.rowsIn(partition),
        rowsOut: this.sum(partition, PartitionCounter.rowsOut),
        watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
      };
    });
  }
}

/**
 * Opens a source to learn its splits, and that it can be opened, then lets it go; a topic stays
 * open, to be read or committed here.
 */
async function openForMain(
  plan: QueryPlan,
  { scan }: SourceFragment,
  options: CoordinatedQueryOptions & { readonly joins: boolean },
): Promise<PreparedSource> {
  const request: SourceRequest = {
    table: scan.table,
    physical: scan.physical,
    system: scan.system,
    batchRowsMax: blockRowsOf(options.settings.mode, {
      batchRows: options.batchRows,
      own: plan.settings.batchSize,
    }),
    errors: {
      recordFailed: () => undefined,
    },
    clock: clockAt(options.nowMs),
    notice: options.notice,
    ...(options.rate === null ? {} : { rate: options.rate }),
  };
  const publishesAtEnd = sinkOf(plan.sink.table).publishesAtEnd;
  const group = options.joins ? { group: groupPolicy(plan, publishesAtEnd) } : {};
  return prepareSource({ ...request, ...group });
}

async function closeSource({ blocks, lease }: PreparedSource): Promise<void> {
  lease?.close();
  await blocks?.close();
}
