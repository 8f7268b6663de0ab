/**
 * Rows of one query into a file (output-file.ts), which it may share with other queries. Owns the
 * encoder and the count of rows; the first query of a file writes its header line.
 */
import type { Batch } from '../../columnar/batch.js';
import { createRowEncoder } from '../../formats/encoder-choice.js';
import type { RowEncoder, RowEncoding } from '../../formats/encoder.js';
import type { Schema } from '../../plan/schema.js';
import type { Sink } from '../sink.js';
import type { OutputFile } from './output-file.js';

export class FileSink implements Sink {
  readonly encoding: RowEncoding;
  private readonly output: OutputFile;
  private readonly encoder: RowEncoder;
  private rows = 0;

  constructor(output: OutputFile, schema: Schema, encoding: RowEncoding) {
    this.output = output;
    this.encoding = encoding;
    this.encoder = createRowEncoder(encoding.format, schema, encoding.options);
    if (output.join()) this.encoder.begin(output.buffer);
  }

  get publishesAtEnd(): boolean {
    return this.output.publishesAtEnd;
  }

  write(batch: Batch): void {
    this.output.throwFailure();
    this.rows += this.encoder.encode(batch, this.output.buffer);
    this.output.written();
  }

  writeEncoded(bytes: Uint8Array, start: number, end: number, rows: number): void {
    this.output.throwFailure();
    this.output.buffer.appendBytes(bytes, start, end);
    this.rows += rows;
    this.output.written();
  }

  pressure(): Promise<void> | null {
    return this.output.pressure();
  }

  handOn(): void {
    this.output.handOn();
  }

  flush(): Promise<void> {
    return this.output.flush();
  }

  close(): Promise<void> {
    this.encoder.finish(this.output.buffer);
    return this.output.leave();
  }

  abandon(): Promise<void> {
    return this.output.abandon();
  }

  rowsWritten(): number {
    return this.rows;
  }

  bytesWritten(): number {
    return this.output.bytesWritten;
  }
}
