/**
 * The shared memory of a job: how much of what, made by main before the workers start. Owns sizes;
 * layouts are those of arena.ts, ring.ts, turns.ts, control.ts and the metrics' cells.
 */
import { BlockArena } from '../../../columnar/arena.js';
import { PartitionCells } from '../../../metrics/partition-metrics.js';
import type { FragmentPlan } from '../../../plan/fragments/fragment-plan.js';
import { JobControl } from '../control.js';
import type { Lane } from '../turns/lanes.js';
import type { QueryMemory, SinkPlace } from '../messages.js';
import { Ring } from '../exchange/ring.js';
import type { PartitionedSettings } from '../job-settings.js';
import { topLevel } from '../exchange/topology.js';
import { KeyGroupLoad } from '../routing/key-group-load.js';
import { TurnTable } from '../turns/turns.js';
import { accountBytes } from '../worker/worker-accounts.js';

const MIB = 1024 * 1024;
/** Of each worker, for rows under way to partitions; less with many workers. */
const EXCHANGE_BYTES = 64 * MIB;
const EXCHANGE_BYTES_TOTAL = 1024 * MIB;
/** Of each worker, for results to main and for rows to the global fragment. */
const STREAM_BYTES = 32 * MIB;
const STREAM_BYTES_TOTAL = 512 * MIB;
/** Of a query, for blocks that main reads: each may take a quarter, and a record has up to 16 MiB. */
const FEED_BYTES = 128 * MIB;
/** Blocks of a lane that wait for a worker: of each worker so many, so that none waits for main. */
const FEED_SLOTS = 4;
/** A stream has a marker for each turn beside its rows: more slots than an exchange's ring. */
const STREAM_SLOTS = 4;

export interface JobMemory {
  readonly control: SharedArrayBuffer;
  readonly exchangeArenas: readonly SharedArrayBuffer[];
  readonly stageArenas: readonly SharedArrayBuffer[];
  readonly outputArenas: readonly SharedArrayBuffer[];
}

/** What memory a query needs. */
export interface QueryShape {
  readonly fragments: FragmentPlan;
  readonly lanes: readonly Lane[];
  readonly sink: SinkPlace;
}

export function jobMemory(
  settings: PartitionedSettings,
  queries: readonly QueryShape[],
): JobMemory {
  const { workers } = settings;
  const exchanges = workers > 1 && queries.some(({ fragments }) => topLevel(fragments) > 0);
  const stages = queries.some(({ fragments }) => topLevel(fragments) === 2);
  const outputs = queries.some(({ sink }) => sink === 'main');
  const exchangeBytes = Math.min(EXCHANGE_BYTES, EXCHANGE_BYTES_TOTAL / workers);
  const streamBytes = Math.min(STREAM_BYTES, STREAM_BYTES_TOTAL / workers);
  return {
    control: new SharedArrayBuffer(JobControl.bytesFor(workers)),
    exchangeArenas: arenas(exchanges ? workers : 0, exchangeBytes),
    stageArenas: arenas(stages ? workers : 0, streamBytes),
    outputArenas: arenas(outputs ? workers : 0, streamBytes),
  };
}

export function queryMemory(settings: PartitionedSettings, query: QueryShape): QueryMemory {
  const { workers, partitions, ringSlots } = settings;
  const level = topLevel(query.fragments);
  const exchanges = workers > 1 && level > 0 ? workers * workers : 0;
  return {
    turns: new SharedArrayBuffer(TurnTable.bytesFor(query.lanes.length, workers)),
    exchangeRings: rings(exchanges, ringSlots),
    stageRings: rings(level === 2 ? workers : 0, ringSlots * STREAM_SLOTS),
    outputRings: rings(query.sink === 'main' ? workers : 0, ringSlots * STREAM_SLOTS),
    feedRings: query.lanes.map(({ reading }) =>
      reading === 'fed' ? new SharedArrayBuffer(Ring.bytesFor(FEED_SLOTS * workers)) : null,
    ),
    feedArena: query.lanes.some(({ reading }) => reading === 'fed')
      ? new SharedArrayBuffer(BlockArena.bytesFor(FEED_BYTES))
      : null,
    accounts: new SharedArrayBuffer(accountBytes(workers)),
    cells: new SharedArrayBuffer(PartitionCells.bytesFor(workers, partitions)),
    load: settings.rebalance ? new SharedArrayBuffer(KeyGroupLoad.bytesFor(workers)) : null,
  };
}

function arenas(count: number, bytes: number): SharedArrayBuffer[] {
  return Array.from(
    { length: count },
    () => new SharedArrayBuffer(BlockArena.bytesFor(Math.floor(bytes))),
  );
}

function rings(count: number, slots: number): SharedArrayBuffer[] {
  return Array.from({ length: count }, () => new SharedArrayBuffer(Ring.bytesFor(slots)));
}
