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
  /** The sink has asked for a pause that is not over. */
  resting = false;
  /** What a pause ended with, if not well. */
  private failure: unknown = null;
  private readonly merge: StreamMerge;
  private readonly wakeMain: () => void;

  constructor(parts: {
    readonly sink: Sink;
    readonly shape: StreamShape;
    readonly memory: QueryMemory;
    readonly arenas: readonly SharedArrayBuffer[];
    readonly control: JobControl;
  }) {
    const { shape, memory, arenas, control } = parts;
    this.sink = parts.sink;
    this.wakeMain = () => control.wakeMain();
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

  /**
   * Takes in some of what has arrived, nothing while the sink rests: main does not wait for a sink,
   * or it would miss what becomes of the workers meanwhile. True: some had.
   */
  step(): boolean {
    if (this.resting) return false;
    if (this.failure !== null) throw this.failure;
    const pressure = this.sink.pressure();
    if (pressure !== null) {
      this.rest(pressure);
      return false;
    }
    return this.merge.poll(BLOCKS_PER_STEP);
  }

  private rest(pressure: Promise<void>): void {
    this.resting = true;
    const over = (): void => {
      this.resting = false;
      this.wakeMain();
    };
    pressure.then(over, (error: unknown) => {
      this.failure = error;
      over();
    });
  }
}
