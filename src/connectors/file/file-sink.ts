/**
 * Rows of one query into a file (output-file.ts), which it may share with other queries. Owns the
 * count of rows and, where each row is bytes of its own, the encoder; the first query of a file
 * writes its header line. A container has one encoder, which is its file's.
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import { createRowEncoder } from '../../formats/encoder-choice.js';
import type { BatchEncoder, RowEncoding } from '../../formats/encoder.js';
import type { Schema } from '../../plan/schema.js';
import type { Sink } from '../sink.js';
import type { OutputFile } from './output-file.js';

export class FileSink implements Sink {
  readonly encoding: RowEncoding | null;
  private readonly output: OutputFile;
  private readonly encoder: BatchEncoder;
  private rows = 0;

  /** `encoding` null: the file's own encoder takes the rows. */
  constructor(output: OutputFile, schema: Schema, encoding: RowEncoding | null) {
    this.output = output;
    this.encoding = encoding;
    const isFirst = output.join();
    if (encoding === null) {
      assert(output.container !== null, 'rows that are not encoded one by one have an encoder');
      this.encoder = output.container;
    } else {
      const encoder = createRowEncoder(encoding.format, schema, encoding.options);
      this.encoder = encoder;
      if (isFirst) encoder.begin(output.buffer);
    }
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

  position(): string | null {
    return this.output.position();
  }

  close(): Promise<void> {
    if (this.encoding !== null) this.encoder.finish(this.output.buffer);
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
