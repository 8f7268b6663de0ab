/**
 * What other workers send to the partitions that one query has here: takes the blocks of each turn
 * in sequence and delivers them. Owns their kinds, and what a turn that failed elsewhere means;
 * what partitions do with rows is partition-host.ts, the blocks are exchange.ts. @hot
 */
import { WorkerCounter } from '../../../metrics/partition-metrics.js';
import * as exchange from '../exchange/exchange.js';
import type { ExchangeReceiver, TurnFacts } from '../exchange/exchange.js';
import { forEachPart } from '../exchange/partial-bundle.js';
import { errorOfText } from '../messages.js';
import type { ErrorText } from '../messages.js';
import type { PartitionHost } from './partition-host.js';
import type { QueryObserver } from './query-observer.js';
import { newBatchReaders } from './query-wiring.js';
import type { QueryWorkerParts } from './query-wiring.js';
import type { BatchReader } from '../wire/wire.js';
import type { QueryTime } from './worker-time.js';

export interface QueryArrivalsParts {
  readonly query: QueryWorkerParts;
  readonly receiver: ExchangeReceiver;
  readonly host: PartitionHost;
  readonly observer: QueryObserver;
  readonly time: QueryTime;
  readonly ownPartitions: readonly number[];
  readonly blocksPerPoll: number;
  /** The turn failed at its sender: what follows it is not taken in before skipTurn(). */
  readonly turnLost: (turn: Pick<TurnFacts, 'seq' | 'lane'>, error: unknown) => void;
}

export class QueryArrivals {
  private readonly parts: QueryArrivalsParts;
  /** By edge. */
  private readonly readers: readonly (BatchReader | null)[];
  /** Rows of the turn at hand that came to partitions here. */
  private rowsOfTurn = 0;
  private busy = false;
  /** Of a bundle that is not here whole. */
  private readonly pieces: Uint8Array[] = [];

  constructor(parts: QueryArrivalsParts) {
    this.parts = parts;
    this.readers = newBatchReaders(parts.query);
  }

  /** Takes in some of what has arrived. True: something had. Throws what the partitions throw. */
  poll(): boolean {
    const { receiver, host, time, blocksPerPoll } = this.parts;
    if (this.busy || host.finished) return false;
    this.busy = true;
    const before = time.enter(WorkerCounter.exchangeUs);
    let taken = 0;
    try {
      for (let goesOn = true; goesOn && taken < blocksPerPoll && !host.finished;) {
        const sender = receiver.senderOf(host.seq);
        if (sender < 0) {
          host.tellPart(this.parts.query.clock.monotonicNs());
          break;
        }
        goesOn = this.deliver(sender);
        receiver.done(sender);
        taken += 1;
      }
    } finally {
      this.busy = false;
      time.back(before);
    }
    return taken > 0;
  }

  /** Passes over a lost turn, which does not matter any more. */
  skipTurn(): void {
    this.busy = true;
    this.parts.host.skipTurn();
    this.busy = false;
  }

  /** False: the turn is lost. */
  private deliver(sender: number): boolean {
    const { receiver, host } = this.parts;
    const at = receiver.blockOf(sender);
    const { memory } = receiver.arena(sender);
    const { f64, u8 } = memory;
    const head = at >> 3;
    const payload = at + exchange.EXCHANGE_HEADER_BYTES;
    const edge = f64[head + exchange.EDGE]!;
    const lane = f64[head + exchange.LANE]!;
    const a = f64[head + exchange.NUMBER_A]!;
    const b = f64[head + exchange.NUMBER_B]!;
    switch (f64[head + exchange.KIND]) {
      case exchange.KIND_ROWS:
        this.rows(sender, edge, head, payload);
        return true;
      case exchange.KIND_PARTIALS: {
        host.readNs = f64[head + exchange.READ_NS]!;
        const piece = u8.subarray(payload, payload + f64[head + exchange.BYTES]!);
        this.partials(edge, piece, f64[head + exchange.PIECE] === 1);
        return true;
      }
      case exchange.KIND_TURN_END: {
        this.turnEnded(f64, head);
        const ingestMs = f64[head + exchange.INGEST_MS]!;
        host.turnEnd({ lane, watermarkMs: a, ingestMs }, sender, b);
        return true;
      }
      case exchange.KIND_LANE_END:
        host.laneEnd(lane);
        return true;
      case exchange.KIND_LANE_IDLE:
        host.laneIdle(lane);
        return true;
      case exchange.KIND_FLUSHED:
        host.flushed(a, sender, b);
        return true;
      case exchange.KIND_ROUND:
        host.round(a, sender, b);
        return true;
      default: {
        const length = f64[head + exchange.BYTES]!;
        const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
          u8.slice(payload, payload + length),
        );
        this.parts.turnLost({ seq: host.seq, lane }, errorOfText(JSON.parse(text) as ErrorText));
        return false;
      }
    }
  }

  /** A bundle, or one of the pieces that it came in: they are put together. */
  private partials(edge: number, piece: Uint8Array, goesOn: boolean): void {
    const { host } = this.parts;
    if (goesOn || this.pieces.length > 0) this.pieces.push(goesOn ? piece.slice() : piece);
    if (goesOn) return;
    const bundle = this.pieces.length === 0 ? piece : Buffer.concat(this.pieces);
    this.pieces.length = 0;
    forEachPart(bundle, (partition, from, to) => {
      host.partials(edge, partition, bundle.subarray(from, to));
    });
  }

  private rows(sender: number, edge: number, head: number, payload: number): void {
    const { receiver, host, query, ownPartitions } = this.parts;
    const { memory } = receiver.arena(sender);
    const { f64 } = memory;
    const reader = this.readers[edge]!;
    const batch = reader.read(sender, memory, payload, ownPartitions);
    host.readNs = f64[head + exchange.READ_NS]!;
    batch.header.sourceName = query.task.lanes[f64[head + exchange.LANE]!]!.sourceName;
    this.rowsOfTurn += host.rows(edge, batch, (partition) => reader.rowsOf(partition));
  }

  /** The latency of a turn's rows; partial groups have none of their own. */
  private turnEnded(f64: Float64Array, head: number): void {
    const { query, observer } = this.parts;
    const nowNs = query.clock.monotonicNs();
    observer.blockWaited(f64[head + exchange.SENT_NS]!, nowNs);
    const lane = query.task.lanes[f64[head + exchange.LANE]!]!;
    if (query.task.fragments.edges[lane.edge!]!.partial !== null) return;
    const rows = this.rowsOfTurn;
    this.rowsOfTurn = 0;
    observer.rowsDone(
      {
        readNs: f64[head + exchange.READ_NS]!,
        dueFirstNs: f64[head + exchange.DUE_FIRST_NS]!,
        dueLastNs: f64[head + exchange.DUE_LAST_NS]!,
      },
      rows,
    );
  }
}
