/**
 * Main's end of a query's results: rows of all workers in V1's order into the query's sink. Owns
 * the pace (a sink that wants a pause gets one; the rings hold the workers back meanwhile); order
 * is stream-merge.ts.
 */
import { BlockArena } from '../../columnar/arena.js';
import type { Batch } from '../../columnar/batch.js';
import type { Sink } from '../../connectors/sink.js';
import type { JobControl } from './control.js';
import type { QueryMemory } from './messages.js';
import { Ring } from './ring.js';
import { StreamMerge } from './stream-merge.js';
import type { StreamConsumer } from './stream-merge.js';
import type { StreamShape } from './topology.js';

/** Blocks between two looks at the sink's pressure and the event loop. */
const BLOCKS_PER_STEP = 8;

export class ResultReader implements StreamConsumer {
  readonly sink: Sink;
  private readonly merge: StreamMerge;

  constructor(parts: {
    readonly sink: Sink;
    readonly shape: StreamShape;
    readonly memory: QueryMemory;
    readonly arenas: readonly SharedArrayBuffer[];
    readonly control: JobControl;
  }) {
    const { shape, memory, arenas, control } = parts;
    this.sink = parts.sink;
    this.merge = new StreamMerge({
      rings: shape.senders.map((worker) => new Ring(memory.outputRings[worker] as never)),
      arenas: shape.senders.map((worker) => new BlockArena(arenas[worker] as never)),
      streams: shape.streams,
      markersPerTurn: shape.markersPerTurn,
      direct: shape.direct,
      wakeSender: (index) => control.wake(shape.senders[index] as number),
      consumer: this,
    });
  }

  /** The turn whose rows come next. */
  get seq(): number {
    return this.merge.seq;
  }

  rows(_stream: number, batch: Batch): void {
    this.sink.write(batch);
  }

  encoded(bytes: Uint8Array, start: number, end: number, rows: number): void {
    this.sink.writeEncoded?.(bytes, start, end, rows);
  }

  endOfTurn(): void {
    // The order is all that turns are for here.
  }

  /** Takes in some of what has arrived; waits while the sink wants it to. True: some had. */
  async step(): Promise<boolean> {
    const pressure = this.sink.pressure();
    if (pressure !== null) await pressure;
    return this.merge.poll(BLOCKS_PER_STEP);
  }
}
