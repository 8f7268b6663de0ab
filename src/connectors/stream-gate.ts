/**
 * A stream that rows are written to (stdout, a pipe), as all sinks that share it see it: listened to
 * once, whatever their number. Owns back-pressure, failures, readers that go away, and those that
 * stall when the job is stopped; what is written is the sinks' business.
 */
import type { Writable } from 'node:stream';
import { ConnectorError } from '../base/errors.js';

/** How long a stopped job waits for a reader. */
const HURRIED_MS = 1_000;
/** How often it looks, after that, whether one makes it wait again. */
const LOOK_MS = 100;

/** What sinks are told of a stream. */
export interface GateListeners {
  /** The reader went away (EPIPE): no error, the job should stop. */
  readonly onClosed: () => void;
  /** The job was stopped and the reader takes no more: what it has not taken is given up. */
  readonly onStalled?: () => void;
  /** Called before each write. */
  readonly beforeWrite?: () => void;
}

export class StreamGate {
  private static readonly gates = new WeakMap<Writable, StreamGate>();
  /** Until the stream takes more. */
  drained: Promise<void> | null = null;
  private readonly stream: Writable;
  private readonly name: string;
  private readonly listeners = new Set<GateListeners>();
  private closedByReader = false;
  private gaveUp = false;
  private failure: Error | null = null;
  /** Writes that the stream has not answered. */
  private pending = 0;
  private hurried = false;
  private stopWaiting: (() => void) | null = null;
  private readonly waiting = new Set<() => void>();

  static of(stream: Writable, name: string): StreamGate {
    const gate = StreamGate.gates.get(stream) ?? new StreamGate(stream, name);
    StreamGate.gates.set(stream, gate);
    return gate;
  }

  private constructor(stream: Writable, name: string) {
    this.stream = stream;
    this.name = name;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        this.closedByReader = true;
        for (const { onClosed } of this.listeners) onClosed();
      } else {
        this.failure = error;
      }
    });
  }

  /** A stream that failed never drains again. */
  get open(): boolean {
    return !this.closedByReader && !this.gaveUp && this.failure === null;
  }

  /** All that was written has left. */
  get idle(): boolean {
    return this.pending === 0;
  }

  listen(listeners: GateListeners): void {
    this.listeners.add(listeners);
    if (this.closedByReader) listeners.onClosed();
  }

  /** `taken` is called when the bytes have left, and never where they could not. */
  write(bytes: Uint8Array, taken: () => void): void {
    const { stream } = this;
    for (const { beforeWrite } of this.listeners) beforeWrite?.();
    this.pending += 1;
    const answered = (error: Error | null | undefined): void => {
      this.pending -= 1;
      if (error === null || error === undefined) taken();
      if (this.pending === 0) this.wake();
    };
    if (stream.write(bytes, answered) || this.drained !== null) return;
    this.drained = new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done);
        stream.off('close', done);
        stream.off('error', done);
        this.drained = null;
        this.stopWaiting = null;
        resolve();
      };
      this.stopWaiting = done;
      stream.on('drain', done);
      stream.on('close', done);
      stream.on('error', done);
    });
  }

  /** The job is stopped: a reader that stalls is not waited for much longer. */
  hurry(): void {
    if (this.hurried) return;
    this.hurried = true;
    this.lookIn(HURRIED_MS);
  }

  private lookIn(ms: number): void {
    setTimeout(() => {
      if (this.pending === 0) this.lookIn(LOOK_MS);
      else this.giveUp();
    }, ms).unref();
  }

  private giveUp(): void {
    if (!this.open) return;
    this.gaveUp = true;
    this.stopWaiting?.();
    this.wake();
    for (const { onStalled } of this.listeners) onStalled?.();
  }

  /** Resolves when the stream has answered all writes, or never will. */
  async settled(): Promise<void> {
    while (this.pending > 0 && this.open) {
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
      });
    }
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const resume of waiting) resume();
  }

  throwFailure(): void {
    if (this.failure !== null) throw streamFailure(this.failure, this.name);
  }
}

export function streamFailure(cause: Error, name = 'stdout'): ConnectorError {
  return new ConnectorError('SINK_WRITE', {
    message: `${name} cannot be written: ${cause.message}`,
    hint: `check free space and permissions of what ${name} is redirected to`,
    cause,
  });
}
