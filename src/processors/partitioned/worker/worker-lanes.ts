/**
 * What a worker opens for itself to read the lanes of its queries. Owns which reader a lane gets
 * here, and closing what was opened; reading is lane-readers.ts and feeds.ts.
 */
import { clockAt, systemClock } from '../../../base/clock.js';
import type { Clock } from '../../../base/clock.js';
import { BlockArena } from '../../../columnar/arena.js';
import { BATCH_ROWS_MAX } from '../../../columnar/batch.js';
import type { FedDecoder } from '../../../connectors/fed-source.js';
import type { OwnedSource } from '../../../connectors/owned-source.js';
import {
  openFedDecoder,
  openOwnedSource,
  openSharedSource,
  openSource,
} from '../../../connectors/registry.js';
import type { SharedSource } from '../../../connectors/shared-split.js';
import type { Source, SourceRequest } from '../../../connectors/source.js';
import type { RecordErrors } from '../../../runtime/operator.js';
import { blockRowsOf } from '../turns/batch-rows.js';
import type { BatchRows } from '../turns/batch-rows.js';
import type { JobControl } from '../control.js';
import { FeedLaneReader } from '../feeds.js';
import {
  ForeignLaneReader,
  LocalLaneReader,
  OwnedLaneReader,
  SharedLaneReader,
} from './lane-readers.js';
import type { LaneReader } from './lane-readers.js';
import { LANE_POSITION } from '../turns/lanes.js';
import type { Lane } from '../turns/lanes.js';
import type { QueryTask, WorkerTask } from '../messages.js';
import { Ring } from '../exchange/ring.js';
import type { TurnTable } from '../turns/turns.js';

export interface WorkerLanesParts {
  readonly task: WorkerTask;
  readonly control: JobControl;
  readonly batchRows: BatchRows;
  readonly notice: (line: string) => void;
}

/** A query whose lanes are opened. */
interface OpenQuery {
  readonly query: QueryTask;
  readonly turns: TurnTable;
  readonly errors: RecordErrors;
}

export class WorkerLanes {
  /** Some lane's blocks come through sockets of this thread: its event loop must turn. */
  hasSockets = false;
  private readonly parts: WorkerLanesParts;
  private readonly opened: { close(): unknown }[] = [];

  constructor(parts: WorkerLanesParts) {
    this.parts = parts;
  }

  /** One reader for each lane of the query. Throws what opening a source throws. */
  async open(open: OpenQuery): Promise<LaneReader[]> {
    const { query } = open;
    const readers: LaneReader[] = [];
    for (const source of query.fragments.sources.keys()) {
      readers.push(...(await this.openLanes(open, source)));
    }
    return readers;
  }

  /** Closes every source once, whatever becomes of another. */
  async close(): Promise<void> {
    const sources = this.opened.splice(0);
    const closed = await Promise.allSettled(sources.map(async (source) => source.close()));
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Readers of one source's lanes, which are next to each other. */
  private async openLanes(open: OpenQuery, source: number): Promise<LaneReader[]> {
    const { worker } = this.parts.task;
    const { lanes } = open.query;
    const indexes = [...lanes.keys()].filter((index) => laneAt(lanes, index).source === source);
    const readable = indexes.filter((index) => {
      const { owner } = laneAt(lanes, index);
      return owner === null || owner === worker;
    });
    const own = readable.length === 0 ? [] : await this.openReaders(open, source, readable);
    return indexes.map((index) => own[readable.indexOf(index)] ?? new ForeignLaneReader());
  }

  private async openReaders(
    open: OpenQuery,
    source: number,
    indexes: readonly number[],
  ): Promise<LaneReader[]> {
    const { lanes } = open.query;
    const request = this.request(open, source, indexes[0] as number);
    switch (laneAt(lanes, indexes[0] as number).reading) {
      case 'shared': {
        const shared = this.keep<SharedSource>(openSharedSource(request));
        return indexes.map((index) => {
          const { at, idleTimeoutMs } = laneAt(lanes, index);
          return new SharedLaneReader(known(shared.splits[at], at), idleTimeoutMs);
        });
      }
      case 'local':
        return this.localReaders(open, this.keep(await openSource(request)), indexes);
      case 'owned':
        return this.ownedReaders(open, request, indexes);
      case 'fed': {
        // Main may hand on blocks of any number of rows.
        const decoder = await openFedDecoder({ ...request, batchRowsMax: BATCH_ROWS_MAX });
        return indexes.map((index) => this.feedReader(open.query, index, decoder));
      }
    }
  }

  private request(
    { query, turns, errors }: OpenQuery,
    source: number,
    first: number,
  ): SourceRequest {
    const { task, batchRows, notice } = this.parts;
    const { scan } = query.fragments.sources[source] as (typeof query.fragments.sources)[0];
    const own = task.batchRows === null ? query.plan.settings.batchSize : null;
    const rowsMax = Math.min(own ?? BATCH_ROWS_MAX, BATCH_ROWS_MAX);
    return {
      table: scan.table,
      physical: scan.physical,
      system: scan.system,
      get batchRowsMax(): number {
        return Math.min(batchRows.rows, rowsMax);
      },
      errors,
      clock:
        laneAt(query.lanes, first).reading === 'shared' ? turnClock(turns) : clockAt(task.nowMs),
      notice,
      splitNames: query.lanes
        .filter((lane) => lane.source === source)
        .map(({ sourceName }) => sourceName),
      ...(task.rate === null ? {} : { rate: task.rate }),
    };
  }

  private localReaders(
    { query }: OpenQuery,
    source: Source,
    indexes: readonly number[],
  ): LaneReader[] {
    return indexes.map((index) => {
      const { at, idleTimeoutMs } = laneAt(query.lanes, index);
      const split = known(source.splits[at], at);
      const position = query.restore?.lanes[index]?.position;
      if (position != null) split.seek(position);
      return new LocalLaneReader(split, idleTimeoutMs);
    });
  }

  private async ownedReaders(
    { query, turns }: OpenQuery,
    request: SourceRequest,
    indexes: readonly number[],
  ): Promise<LaneReader[]> {
    const { task, control } = this.parts;
    const lanes = indexes.map((index) => laneAt(query.lanes, index));
    const ranges = query.ranges[lanes[0]?.source ?? 0];
    const source = this.keep<OwnedSource>(
      await openOwnedSource({
        ...request,
        batchRowsMax: blockRowsOf(task.settings.mode, {
          batchRows: task.batchRows,
          own: query.plan.settings.batchSize,
        }),
        partitions: lanes.map(({ split }) => split),
        ...(ranges == null ? {} : { ranges }),
      }),
    );
    this.hasSockets = true;
    return indexes.map((index) => {
      const { split: number, idleTimeoutMs } = laneAt(query.lanes, index);
      const split = known(
        source.splits.find((each) => each.split === number),
        number,
      );
      split.seek(String(turns.positionCells(index)[LANE_POSITION]));
      const wake = (): void => control.wake(task.worker);
      return new OwnedLaneReader(split, { idleTimeoutMs, wake });
    });
  }

  private feedReader(query: QueryTask, index: number, decoder: FedDecoder): FeedLaneReader {
    const { feedArena, feedRings } = query.memory;
    return new FeedLaneReader({
      ring: new Ring(feedRings[index] as SharedArrayBuffer),
      arena: new BlockArena(feedArena as SharedArrayBuffer),
      decoder,
      idleTimeoutMs: laneAt(query.lanes, index).idleTimeoutMs,
      wakeFeeder: () => this.parts.control.wakeMain(),
    });
  }

  private keep<T extends { close(): unknown }>(source: T): T {
    this.opened.push(source);
    return source;
  }
}

function laneAt(lanes: readonly Lane[], index: number): Lane {
  return lanes[index] as Lane;
}

function known<T>(split: T | undefined, number: number): T {
  if (split === undefined) throw new Error(`split ${number} of a source has gone`);
  return split;
}

/**
 * Blocks that any worker may read are read at the time of their turn: in the order of turns, time
 * then goes forward, whichever worker was faster and whatever its clock says.
 */
function turnClock(turns: TurnTable): Clock {
  return { nowMs: () => turns.claimedMs, monotonicNs: () => systemClock.monotonicNs() };
}
