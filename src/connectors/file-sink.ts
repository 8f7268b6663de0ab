/**
 * Writing files. Owns FileSink, which stages rows beside the target and renames when complete, so
 * that a reader never sees half a result; and AppendingFile, which adds lines to what is there.
 * Encoding is formats/, what to write is the caller's.
 */
import {
  closeSync,
  fdatasyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ConnectorError } from '../base/errors.js';
import type { Batch } from '../columnar/batch.js';
import { ByteBuffer } from '../formats/byte-buffer.js';
import { createRowEncoder } from '../formats/encoder.js';
import type { RowEncoder, RowEncoding } from '../formats/encoder.js';
import type { Schema } from '../plan/schema.js';
import { reasonOf } from './file-bytes.js';
import type { Sink } from './sink.js';

/** Bytes gathered before a write. */
const WRITE_BYTES = 1024 * 1024;

const LINE_FEED = 10;

/** Rows of one job into one file that appears when the sink is closed. */
export class FileSink implements Sink {
  readonly encoding: RowEncoding;
  private readonly path: string;
  private readonly stagedPath: string;
  private readonly file: FileHandle;
  private readonly encoder: RowEncoder;
  private readonly buffer = new ByteBuffer(WRITE_BYTES * 2);
  private writing: Promise<void> | null = null;
  private failure: ConnectorError | null = null;
  private rows = 0;
  /** Handed to the file so far. */
  private bytes = 0;

  /** Opens the staging file at once, so that a path that cannot be written fails before reading. */
  static async open(path: string, schema: Schema, encoding: RowEncoding): Promise<FileSink> {
    try {
      const stagedPath = isDevice(path) ? path : `${path}.${process.pid}.part`;
      const file = await open(stagedPath, 'w');
      return new FileSink({ path, stagedPath, file, schema, encoding });
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  private constructor(parts: {
    readonly path: string;
    readonly stagedPath: string;
    readonly file: FileHandle;
    readonly schema: Schema;
    readonly encoding: RowEncoding;
  }) {
    this.path = parts.path;
    this.stagedPath = parts.stagedPath;
    this.file = parts.file;
    this.encoding = parts.encoding;
    const { format, options } = parts.encoding;
    this.encoder = createRowEncoder(format, parts.schema, options);
    this.encoder.begin(this.buffer);
  }

  write(batch: Batch): void {
    this.throwFailure();
    this.rows += this.encoder.encode(batch, this.buffer);
    this.written();
  }

  writeEncoded(bytes: Uint8Array, start: number, end: number, rows: number): void {
    this.throwFailure();
    this.buffer.appendBytes(bytes, start, end);
    this.rows += rows;
    this.written();
  }

  /** While a write is on its way one more buffer may fill; then the input has to wait. */
  pressure(): Promise<void> | null {
    this.throwFailure();
    return this.buffer.length >= WRITE_BYTES ? this.writing : null;
  }

  async flush(): Promise<void> {
    await this.drain();
    if (this.publishesAtEnd) await this.guard(this.file.datasync());
    this.throwFailure();
  }

  async close(): Promise<void> {
    this.encoder.finish(this.buffer);
    await this.drain();
    await this.guard(this.publishesAtEnd ? this.file.datasync() : Promise.resolve());
    await this.guard(this.file.close());
    if (!this.publishesAtEnd) return this.throwFailure();
    try {
      this.throwFailure();
      renameSync(this.stagedPath, this.path);
    } catch (error) {
      rmSync(this.stagedPath, { force: true });
      throw error instanceof ConnectorError ? error : writeFailure(this.path, error);
    }
  }

  /** The job failed: what was staged goes, the target stays as it was. */
  async abandon(): Promise<void> {
    if (this.writing !== null) await this.writing;
    await this.guard(this.file.close());
    if (this.publishesAtEnd) rmSync(this.stagedPath, { force: true });
  }

  rowsWritten(): number {
    return this.rows;
  }

  bytesWritten(): number {
    return this.bytes + this.buffer.length;
  }

  /** A pipe or device takes rows as they come. */
  get publishesAtEnd(): boolean {
    return this.stagedPath !== this.path;
  }

  private written(): void {
    if (this.buffer.length >= WRITE_BYTES && this.writing === null) this.startWrite();
  }

  private async drain(): Promise<void> {
    while (this.failure === null && (this.writing !== null || this.buffer.length > 0)) {
      if (this.writing === null) this.startWrite();
      await this.writing;
    }
  }

  private startWrite(): void {
    const bytes = this.buffer.copy();
    this.bytes += bytes.length;
    this.buffer.clear();
    this.writing = this.guard(this.writeAll(bytes)).then(() => {
      this.writing = null;
    });
  }

  private async writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += (await this.file.write(bytes, at, bytes.length - at)).bytesWritten;
    }
  }

  /** Keeps a failure for the next call of the owner, who may not be waiting now. */
  private async guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.failure ??= writeFailure(this.path, error);
    }
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure;
  }
}

/** Lines added to the end of a file, each written before write() returns. */
export class AppendingFile {
  private readonly path: string;
  private readonly file: number;

  constructor(path: string) {
    this.path = path;
    try {
      this.file = openSync(path, 'a');
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  /** Appends the line, with a line feed if it has none. */
  write(line: Uint8Array): void {
    const ended = line.length > 0 && line[line.length - 1] === LINE_FEED;
    const bytes = ended ? line : new Uint8Array(line.length + 1);
    if (!ended) {
      bytes.set(line);
      bytes[line.length] = LINE_FEED;
    }
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at);
    } catch (error) {
      throw writeFailure(this.path, error);
    }
  }

  close(): Promise<void> {
    try {
      fdatasyncSync(this.file);
      closeSync(this.file);
    } catch (error) {
      return Promise.reject(writeFailure(this.path, error));
    }
    return Promise.resolve();
  }
}

/** A pipe or device cannot be replaced by a rename: rows go to it as they come. */
function isDevice(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile() && !stats.isDirectory();
}

function writeFailure(path: string, error: unknown): ConnectorError {
  return new ConnectorError('SINK_WRITE', {
    message: `file "${path}" cannot be written: ${reasonOf(error)}`,
    hint: 'check that its folder exists, its permissions and the free space of its disk',
    cause: error,
  });
}
