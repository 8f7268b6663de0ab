/**
 * The words that main and the workers of one job share: what main wants (run, pause, stop, drain,
 * abort), and where each thread sleeps. Owns their layout; what a command means for turns is
 * turns.ts, for a worker's loop query-worker.ts. @hot
 *
 *   0        command                     (written by main)
 *   1        barrier: number of the last requested snapshot
 *   16 …     one wake cell of 16 words per worker, then main's
 */
import { WakeCell } from './exchange/wake.js';

export const COMMAND_HOLD = 0;
export const COMMAND_RUN = 1;
export const COMMAND_PAUSE = 2;
/** Stop reading; open windows stay unemitted. */
export const COMMAND_STOP = 3;
/** Stop reading as if the input had ended: open windows are emitted. */
export const COMMAND_DRAIN = 4;
/** Leave at once; what is in flight is lost on purpose. */
export const COMMAND_ABORT = 5;
/** A stop whose turns under way would take too long: they are given up. */
export const COMMAND_CUT = 6;

const COMMAND = 0;
const BARRIER = 1;
const WAKE_WORDS = 16;

/** Thrown inside a worker that was told to abort: unwinds whatever it was waiting in. */
export class JobAborted extends Error {
  override readonly name = 'JobAborted';
}

/** Thrown inside a worker whose turn is given up: the job ends, and well, without it. */
export class TurnGivenUp extends JobAborted {}

export class JobControl {
  readonly workers: number;
  private readonly words: Int32Array;
  private readonly cells: readonly WakeCell[];

  static bytesFor(workers: number): number {
    return (workers + 2) * WAKE_WORDS * Int32Array.BYTES_PER_ELEMENT;
  }

  constructor(buffer: SharedArrayBuffer, workers: number) {
    this.workers = workers;
    this.words = new Int32Array(buffer);
    const bytes = WAKE_WORDS * Int32Array.BYTES_PER_ELEMENT;
    this.cells = Array.from(
      { length: workers + 1 },
      (_, thread) => new WakeCell(buffer, bytes * (thread + 1)),
    );
  }

  command(): number {
    return Atomics.load(this.words, COMMAND);
  }

  /** Main only. Wakes every worker. */
  order(command: number): void {
    Atomics.store(this.words, COMMAND, command);
    this.wakeAll();
  }

  barrier(): number {
    return Atomics.load(this.words, BARRIER);
  }

  /** Main only: asks for one more snapshot; gives its number. */
  requestBarrier(begun: (barrier: number) => void = () => undefined): number {
    // Only main asks: nobody else moves the number meanwhile.
    const number = Atomics.load(this.words, BARRIER) + 1;
    begun(number);
    Atomics.store(this.words, BARRIER, number);
    this.wakeAll();
    return number;
  }

  /** Where worker `thread` sleeps; thread = workers is main. */
  wakeCell(thread: number): WakeCell {
    return this.cells[thread]!;
  }

  wake(worker: number): void {
    this.cells[worker]!.wake();
  }

  wakeAll(): void {
    for (let worker = 0; worker < this.workers; worker += 1) this.wake(worker);
  }

  wakeMain(): void {
    this.wake(this.workers);
  }

  throwIfAborted(): void {
    const command = this.command();
    if (command === COMMAND_ABORT) throw new JobAborted('the job was aborted');
    if (command === COMMAND_CUT) throw new TurnGivenUp('the turn was given up');
  }

  /** Any thread, while the job stops: nobody finishes the turn at hand. */
  cut(): void {
    if (Atomics.compareExchange(this.words, COMMAND, COMMAND_STOP, COMMAND_CUT) === COMMAND_STOP) {
      this.wakeAll();
      this.wakeMain();
    }
  }
}
