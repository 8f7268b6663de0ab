/**
 * Main's end of a query's results: rows of all workers in V1's order into the query's sink. Owns
 * the pace (a sink that wants a pause gets one; the rings hold the workers back meanwhile); order
 * is stream-merge.ts.
 */
import { BlockArena } from '../../../columnar/arena.js';
import type { Batch } from '../../../columnar/batch.js';
import type { Sink } from '../../../connectors/sink.js';
import type { JobControl } from '../control.js';
import type { QueryMemory } from '../messages.js';
import { Ring } from '../exchange/ring.js';
import { StreamMerge } from '../exchange/stream-merge.js';
import type { StreamConsumer } from '../exchange/stream-merge.js';
import type { StreamShape } from '../exchange/topology.js';

/** Blocks between two looks at the sink's pressure and the event loop. */
const BLOCKS_PER_STEP = 8;

interface TurnMark {
  seq: number;
  readonly rows: number;
}

export class ResultReader implements StreamConsumer {
  readonly sink: Sink;
  /** The sink has asked for a pause that is not over. */
  resting = false;
  /** Barriers that the rows in the sink have passed; the last of them holds back the rows behind it. */
  holds = false;
  private passed = 0;
  private awaited = 0;
  /** Turns whose rows are in a sink that may lose them: how many rows there were then. */
  private readonly marks: TurnMark[] = [];
  private delivered = -1;
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

  endOfTurn(seq: number, markers: readonly (Float64Array | null)[]): void {
    const { sink, marks } = this;
    for (const marker of markers) if (marker !== null) this.met(marker[0] ?? 0);
    if (sink.rowsDelivered === undefined) return;
    const rows = sink.rowsWritten();
    const last = marks.at(-1);
    if (last?.rows === rows) last.seq = seq;
    else marks.push({ seq, rows });
    this.deliver(sink.rowsDelivered());
  }

  /** Rows behind this barrier are not taken before release(). */
  holdAt(barrier: number): void {
    this.awaited = barrier;
  }

  /** The sink has the rows before the barrier, and none behind it. */
  isAt(barrier: number): boolean {
    return this.holds && this.passed === barrier;
  }

  release(): void {
    this.awaited = 0;
    this.holds = false;
  }

  /** Each worker of a stateless query says so in a turn of its own: the first counts. */
  private met(barrier: number): void {
    if (barrier <= this.passed) return;
    this.passed = barrier;
    if (barrier === this.awaited) this.holds = true;
  }

  /**
   * The last turn whose rows have left the sink for good, and those of all before it; Infinity: all
   * rows have.
   */
  deliveredSeq(): number {
    const delivered = this.sink.rowsDelivered?.();
    if (delivered === undefined || delivered === this.sink.rowsWritten()) {
      return Number.POSITIVE_INFINITY;
    }
    this.deliver(delivered);
    return this.delivered;
  }

  private deliver(rows: number): void {
    const { marks } = this;
    let done = 0;
    while (done < marks.length && (marks[done] as TurnMark).rows <= rows) done += 1;
    if (done === 0) return;
    this.delivered = (marks[done - 1] as TurnMark).seq;
    marks.splice(0, done);
  }

  /**
   * Takes in some of what has arrived, nothing while the sink rests: main does not wait for a sink,
   * or it would miss what becomes of the workers meanwhile. True: some had.
   */
  step(): boolean {
    if (this.resting || this.holds) return false;
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
