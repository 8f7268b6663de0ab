/**
 * Rows into one file after the other: a part is complete, and seen, when it is large or old enough,
 * and the next one takes the rows. Owns when that is, and that no row waits for it: the next part is
 * open before it is needed. Parts are file-sink.ts's, their names part-names.ts's.
 */
import type { Batch } from '../../../columnar/batch.js';
import type { RowEncoding } from '../../../formats/encoder.js';
import type { Sink } from '../../sink.js';

/** When a part is complete; null: whatever its size, or age since its first row. */
export interface RollingPolicy {
  readonly fileBytes: number | null;
  readonly intervalMs: number | null;
}

/** A sink of one part. */
export interface PartSink extends Sink {
  readonly encoding: RowEncoding | null;
  writeEncoded(bytes: Uint8Array, start: number, end: number, rows: number): void;
  abandon(): Promise<void>;
  bytesWritten(): number;
}

export class RollingSink implements Sink {
  readonly publishesAtEnd = true;
  private readonly policy: RollingPolicy;
  private readonly open: () => Promise<PartSink>;
  private part: PartSink;
  private next: PartSink | null = null;
  private opening: Promise<void> = Promise.resolve();
  /** The parts before, on their way to being complete. */
  private closing: Promise<void> = Promise.resolve();
  private closingParts = 0;
  private rowsBefore = 0;
  private bytesBefore = 0;
  private isOld = false;
  private timer: NodeJS.Timeout | null = null;
  private ended = false;
  private failure: { readonly error: unknown } | null = null;

  static async begin(policy: RollingPolicy, open: () => Promise<PartSink>): Promise<RollingSink> {
    return new RollingSink(policy, open, await open());
  }

  private constructor(policy: RollingPolicy, open: () => Promise<PartSink>, first: PartSink) {
    this.policy = policy;
    this.open = open;
    this.part = first;
    this.openNext();
  }

  get encoding(): RowEncoding | null {
    return this.part.encoding;
  }

  write(batch: Batch): void {
    this.throwFailure();
    this.part.write(batch);
    this.wrote();
  }

  writeEncoded(bytes: Uint8Array, start: number, end: number, rows: number): void {
    this.throwFailure();
    this.part.writeEncoded(bytes, start, end, rows);
    this.wrote();
  }

  /** While several parts are not complete, or a part is full and the next one not open. */
  pressure(): Promise<void> | null {
    this.throwFailure();
    if (this.isDue) return this.opening;
    return this.closingParts > 1 ? this.closing : this.part.pressure();
  }

  handOn(): void {
    this.part.handOn?.();
  }

  async flush(): Promise<void> {
    await this.closing;
    await this.part.flush();
    this.throwFailure();
  }

  /** The last part is complete, too; one without rows only where it is the only one. */
  async close(): Promise<void> {
    await this.end();
    const isNeeded = this.part.rowsWritten() > 0 || this.rowsBefore === 0;
    await (isNeeded && this.failure === null ? this.part.close() : this.part.abandon());
    this.throwFailure();
  }

  /** Parts that are complete stay. */
  async abandon(): Promise<void> {
    await this.end();
    await this.part.abandon();
  }

  rowsWritten(): number {
    return this.rowsBefore + this.part.rowsWritten();
  }

  bytesWritten(): number {
    return this.bytesBefore + this.part.bytesWritten();
  }

  private get isDue(): boolean {
    const { fileBytes } = this.policy;
    return this.isOld || (fileBytes !== null && this.part.bytesWritten() >= fileBytes);
  }

  private wrote(): void {
    const { intervalMs } = this.policy;
    if (intervalMs !== null && this.timer === null) {
      this.timer = setTimeout(() => {
        this.isOld = true;
        this.roll();
      }, intervalMs);
    }
    this.roll();
  }

  private roll(): void {
    const { part, next } = this;
    if (next === null || this.ended || part.rowsWritten() === 0 || !this.isDue) return;
    this.rowsBefore += part.rowsWritten();
    this.bytesBefore += part.bytesWritten();
    this.part = next;
    this.next = null;
    this.isOld = false;
    this.stopTimer();
    this.closingParts += 1;
    this.closing = this.closing
      .then(() => part.close())
      .catch((error: unknown) => this.failed(error))
      .finally(() => {
        this.closingParts -= 1;
      });
    this.openNext();
  }

  private openNext(): void {
    this.opening = this.open().then(
      (part) => {
        this.next = part;
        this.roll();
      },
      (error: unknown) => this.failed(error),
    );
  }

  private async end(): Promise<void> {
    this.ended = true;
    this.stopTimer();
    await this.opening;
    await this.closing;
    await this.next?.abandon();
    this.next = null;
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private failed(error: unknown): void {
    this.failure ??= { error };
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure.error;
  }
}
