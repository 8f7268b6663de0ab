/**
 * The stdout sink: rows as text in the format the user chose, encoded straight from columns. Owns
 * buffering and back-pressure towards a stream that the command line hands in; a closed pipe
 * (`velo run … | head`) ends the job quietly through onClosed.
 */
import type { Writable } from 'node:stream';
import { ConnectorError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import { ByteBuffer } from '../formats/byte-buffer.js';
import type { RowEncoder, RowEncoding } from '../formats/encoder.js';
import type { Sink } from './sink.js';

/** Bytes that are gathered before a write. */
const FLUSH_BYTES = 256 * 1024;

export interface StdoutTarget {
  readonly stream: Writable;
  /** The reader went away (EPIPE): no error, the job should stop. */
  readonly onClosed: () => void;
}

export class StdoutSink implements Sink {
  readonly encoding: RowEncoding | null;
  private readonly encoder: RowEncoder;
  private readonly target: StdoutTarget;
  private readonly buffer = new ByteBuffer();
  private rows = 0;
  private drained: Promise<void> | null = null;
  private failure: Error | null = null;
  private closedByReader = false;
  private begun = false;

  /** `encoding`: that of `encoder`, if rows may come encoded by it. */
  constructor(encoder: RowEncoder, target: StdoutTarget, encoding: RowEncoding | null = null) {
    this.encoder = encoder;
    this.encoding = encoding;
    this.target = target;
    target.stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        this.closedByReader = true;
        target.onClosed();
      } else {
        this.failure = error;
      }
    });
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
    this.throwFailure();
    return this.drained;
  }

  handOn(): void {
    if (this.begun) this.send();
  }

  async flush(): Promise<void> {
    this.send();
    if (this.drained !== null) await this.drained;
    this.throwFailure();
  }

  async close(): Promise<void> {
    this.begin();
    this.encoder.finish(this.buffer);
    await this.flush();
  }

  rowsWritten(): number {
    return this.rows;
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    this.encoder.begin(this.buffer);
  }

  private send(): void {
    // A stream that failed never drains again.
    if (this.buffer.length === 0 || this.closedByReader || this.failure !== null) {
      this.buffer.clear();
      return;
    }
    const { stream } = this.target;
    const more = stream.write(this.buffer.copy());
    this.buffer.clear();
    if (more || this.drained !== null) return;
    this.drained = new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done);
        stream.off('close', done);
        stream.off('error', done);
        this.drained = null;
        resolve();
      };
      stream.on('drain', done);
      stream.on('close', done);
      stream.on('error', done);
    });
  }

  private throwFailure(): void {
    if (this.failure === null) return;
    throw new ConnectorError('SINK_WRITE', {
      message: `stdout cannot take more rows: ${this.failure.message}`,
      hint: 'check free space and permissions of what stdout is redirected to',
      cause: this.failure,
    });
  }
}
