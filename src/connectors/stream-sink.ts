/**
 * Rows into a stream (stdout, a pipe) as text, encoded straight from columns. Owns
 * buffering; back-pressure is stream-gate.ts, and a closed pipe (`velo run … | head`) ends the job
 * quietly through onClosed. Rows as a table are stdout/table-sink.ts.
 */
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { visibleBytes } from '../base/visible-text.js';
import type { Batch } from '../columnar/batch.js';
import { ByteBuffer } from '../formats/columns/byte-buffer.js';
import type { BatchEncoder, RowEncoding } from '../formats/encoder.js';
import type { SinkEnvironment } from './connector.js';
import type { Sink } from './sink.js';
import { StreamGate } from './stream-gate.js';
import type { GateListeners } from './stream-gate.js';

/** Bytes that are gathered before a write. */
const FLUSH_BYTES = 256 * 1024;

export interface StreamTarget extends GateListeners {
  readonly stream: Writable;
  /** What an error calls it. Default: stdout. */
  readonly name?: string;
  /** Nobody else writes to it: it ends with the sink. Default: false. */
  readonly own?: boolean;
  /** What stands in front of the rows is there. Default: false. */
  readonly begun?: boolean;
}

export class StreamSink implements Sink {
  readonly encoding: RowEncoding | null;
  private readonly encoder: BatchEncoder;
  private readonly target: StreamTarget;
  private readonly gate: StreamGate;
  /** A terminal: control characters of data are shown there, not obeyed. */
  private readonly isScreen: boolean;
  private readonly buffer = new ByteBuffer();
  private rows = 0;
  /** Rows that were handed to the stream, and those that it has taken for good. */
  private rowsSent = 0;
  private rowsTaken = 0;
  private begun: boolean;

  /** `encoding`: that of `encoder`, if rows may come encoded by it. */
  constructor(encoder: BatchEncoder, target: StreamTarget, encoding: RowEncoding | null = null) {
    this.encoder = encoder;
    this.encoding = encoding;
    this.target = target;
    this.gate = StreamGate.of(target.stream, target.name ?? 'stdout');
    this.gate.listen(target);
    this.begun = target.begun === true;
    this.isScreen = 'isTTY' in target.stream && target.stream.isTTY === true;
  }

  write(batch: Batch): void {
    this.begin();
    this.rows += this.encoder.encode(batch, this.buffer);
    if (this.buffer.length >= FLUSH_BYTES) this.send();
  }

  writeEncoded(bytes: Uint8Array, start: number, end: number, rows: number): void {
    this.begin();
    this.buffer.appendBytes(bytes, start, end);
    this.rows += rows;
    if (this.buffer.length >= FLUSH_BYTES) this.send();
  }

  pressure(): Promise<void> | null {
    this.gate.throwFailure();
    return this.gate.drained;
  }

  handOn(): void {
    if (this.begun) this.send();
  }

  async flush(): Promise<void> {
    this.send();
    await this.gate.settled();
    this.gate.throwFailure();
  }

  hurry(): void {
    this.gate.hurry();
  }

  async close(): Promise<void> {
    this.begin();
    this.encoder.finish(this.buffer);
    await this.flush();
    const { stream, own } = this.target;
    if (own === true && this.gate.open) await finished(stream.end(), { readable: false });
  }

  rowsWritten(): number {
    return this.rows;
  }

  rowsDelivered(): number {
    return this.rowsTaken;
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    this.encoder.begin(this.buffer);
  }

  private send(): void {
    if (this.buffer.length > 0 && this.gate.open) {
      const bytes = this.buffer.copy();
      const rows = this.rows - this.rowsSent;
      this.gate.write(this.isScreen ? visibleBytes(bytes) : bytes, () => {
        this.rowsTaken += rows;
      });
    }
    this.rowsSent = this.rows;
    this.buffer.clear();
  }
}

/** What a stream of the job tells it: its reader went away, or takes no more. */
export function listenersOf({
  onStdoutClosed,
  onStdoutStalled,
  beforeStdout,
}: SinkEnvironment): GateListeners {
  return {
    onClosed: onStdoutClosed,
    onStalled: onStdoutStalled ?? ((): void => undefined),
    ...(beforeStdout === undefined ? {} : { beforeWrite: beforeStdout }),
  };
}
