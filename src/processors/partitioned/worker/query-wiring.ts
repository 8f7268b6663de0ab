/**
 * What one query in one worker is built of: its ways to other workers, to the global fragment and
 * to main, made from the task. Owns which rings and arenas belong to which way; what travels on
 * them is the business of query-worker.ts and its parts. @hot
 */
import type { Clock } from '../../../base/clock.js';
import type { BlockArena } from '../../../columnar/arena.js';
import type { MemoryBudget } from '../../memory-budget.js';
import type { QueryAccounts } from '../../query-accounts.js';
import type { JobControl } from '../control.js';
import { ExchangeReceiver, ExchangeSender } from '../exchange/exchange.js';
import type { LaneReader } from './lane-readers.js';
import type { LaneSnapshot, PartitionSnapshot, QueryTask } from '../messages.js';
import { DigestOutput, EncodedOutput, StreamOutput } from './result-output.js';
import type { ResultOutput } from './result-output.js';
import { Ring } from '../exchange/ring.js';
import type { StateMemory } from '../../../state/paging/page-folder.js';
import type { PartitionedSettings } from '../job-settings.js';
import { StreamMerge } from '../exchange/stream-merge.js';
import type { StreamConsumer } from '../exchange/stream-merge.js';
import { StreamSender } from '../exchange/stream.js';
import { ownerOf, resultShape, stageShape } from '../exchange/topology.js';
import type { Dealing, TurnTable } from '../turns/turns.js';
import { BatchReader } from '../wire/wire.js';
import type { WorkerTime } from './worker-time.js';

export interface QueryWorkerParts {
  readonly index: number;
  readonly task: QueryTask;
  readonly worker: number;
  readonly workers: number;
  readonly partitions: number;
  readonly control: JobControl;
  readonly turns: TurnTable;
  readonly dealing: Dealing;
  readonly readers: readonly LaneReader[];
  readonly accounts: QueryAccounts;
  readonly deadLetters: boolean;
  readonly settings: PartitionedSettings;
  readonly stateMemory: StateMemory | null;
  /** Of this thread, for all its queries. */
  readonly budget: MemoryBudget;
  readonly clock: Clock;
  readonly time: WorkerTime;
  readonly arenas: {
    readonly exchange: readonly BlockArena[];
    readonly stage: readonly BlockArena[];
    readonly output: readonly BlockArena[];
  };
  /** Does something else, or sleeps for a moment; throws JobAborted. */
  readonly wait: () => void;
  /** Between two pieces of a long answer: throws JobAborted. */
  readonly check: () => void;
  readonly failed: (query: number, seq: number | null, error: unknown) => void;
  readonly snapshot: (
    query: number,
    lanes: readonly LaneSnapshot[] | null,
    partitions: readonly PartitionSnapshot[],
  ) => void;
}

/** The partitions that this worker owns, ascending. */
export function ownPartitionsOf({ partitions, workers, worker }: QueryWorkerParts): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition).filter(
    (partition) => ownerOf(partition, workers) === worker,
  );
}

export function newResultOutput(parts: QueryWorkerParts): ResultOutput {
  const { task, worker, workers, partitions, arenas, control, wait } = parts;
  if (task.sink === 'digest') return new DigestOutput(task.plan);
  const shape = resultShape(task.plan, task.fragments, { partitions, workers });
  const sender = new StreamSender({
    arena: arenas.output[worker]!,
    ring: new Ring(task.memory.outputRings[worker]!),
    wait,
    wakeReader: () => control.wakeMain(),
  });
  const marks = shape.senders.includes(worker);
  if (task.encoding !== null) {
    const { schema } = task.plan.sink;
    return new EncodedOutput(sender, task.encoding, { schema, marks, direct: shape.direct });
  }
  const { direct } = shape;
  return new StreamOutput(sender, {
    plan: task.plan,
    streams: shape.streams.length,
    marks,
    direct,
  });
}

export function newExchangeSender(parts: QueryWorkerParts): ExchangeSender {
  const { task, worker, workers, arenas, control, clock, wait } = parts;
  return new ExchangeSender({
    arena: arenas.exchange[worker]!,
    rings: Array.from(
      { length: workers },
      (_, receiver) => new Ring(task.memory.exchangeRings[worker * workers + receiver]!),
    ),
    wait,
    wakeReceiver: (receiver) => {
      if (receiver !== worker) control.wake(receiver);
    },
    nowNs: () => clock.monotonicNs(),
  });
}

export function newExchangeReceiver(parts: QueryWorkerParts): ExchangeReceiver {
  const { task, worker, workers, arenas, control } = parts;
  return new ExchangeReceiver({
    rings: Array.from(
      { length: workers },
      (_, sender) => new Ring(task.memory.exchangeRings[sender * workers + worker]!),
    ),
    arenas: arenas.exchange,
    wakeSender: (sender) => {
      if (sender !== worker) control.wake(sender);
    },
  });
}

/** By edge; null: no rows come in by it. */
export function newBatchReaders({ task, workers }: QueryWorkerParts): (BatchReader | null)[] {
  return task.fragments.edges.map((edge) =>
    edge.level === 1
      ? new BatchReader({ types: edge.schema.map(({ type }) => type), senders: workers })
      : null,
  );
}

/** The way of this worker's rows to the global fragment. */
export function newStageSender(parts: QueryWorkerParts): StreamSender {
  const { task, worker, arenas, control, wait } = parts;
  return new StreamSender({
    arena: arenas.stage[worker]!,
    ring: new Ring(task.memory.stageRings[worker]!),
    wait,
    wakeReader: () => {
      if (worker !== 0) control.wake(0);
    },
  });
}

/** Where worker 0 takes in what all workers send to the global fragment. */
export function newStageMerge(parts: QueryWorkerParts, consumer: StreamConsumer): StreamMerge {
  const { task, workers, partitions, arenas, control } = parts;
  const shape = stageShape(task.fragments, { partitions, workers });
  return new StreamMerge({
    rings: shape.senders.map((from) => new Ring(task.memory.stageRings[from]!)),
    arenas: shape.senders.map((from) => arenas.stage[from]!),
    streams: shape.streams,
    markersPerTurn: shape.markersPerTurn,
    direct: shape.direct,
    wakeSender: (from) => {
      if (from !== 0) control.wake(from);
    },
    consumer,
  });
}
