/**
 * A file that rows are written to, by one query or by several that name the same one. Owns the
 * buffer, writing it without blocking, and when the rows are to be seen: those of a job with an end
 * when it is complete, by taking the target's place; those of a job without end as they come, from
 * the first on. Which file is file-target.ts's, under which name meanwhile staging.ts's; rows are
 * encoded by file-sink.ts.
 */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { VeloError } from '../../base/errors.js';
import type { ConnectorError } from '../../base/errors.js';
import { ByteBuffer } from '../../formats/columns/byte-buffer.js';
import { appendStaged, hasRowsBefore } from './append-target.js';
import type { AppendForm } from './append-target.js';
import type { BatchEncoder } from '../../formats/encoder.js';
import type { Packing } from './compressed/packing.js';
import type { FileTarget } from './file-target.js';
import { createStaged, publish, removeStaged } from './staging.js';
import type { StagedFile } from './staging.js';
import { writeFailure } from './write-failure.js';

const positionSchema = z.object({ bytes: z.number().int().nonnegative() });

/** The file of a job that goes on, without what was written behind its checkpoint; null: a new one. */
async function openResumed({
  name,
  target,
  checkpoints,
}: OutputFileOptions): Promise<{ readonly file: FileHandle; readonly bytes: number } | null> {
  const resume = checkpoints?.resume ?? null;
  if (resume === null) return null;
  const { bytes } = positionSchema.parse(JSON.parse(resume));
  if (bytes === 0) return null;
  const file = await open(target.path, 'r+').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw changedFile(name, bytes, 0);
    throw error;
  });
  try {
    const { size } = await file.stat();
    if (size < bytes) throw changedFile(name, bytes, size);
    await file.truncate(bytes);
    // What is written goes behind what stays.
    await file.datasync();
    return { file, bytes };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function changedFile(name: string, bytes: number, size: number): VeloError {
  return new VeloError('STATE_INVALID', {
    message: `file "${name}" has ${size} bytes, and the checkpoint goes on behind ${bytes}`,
    hint: 'it was changed since: bring it back, or start without the state (--restore none)',
  });
}

/** Bytes gathered before a write. */
const WRITE_BYTES = 1024 * 1024;

export interface OutputFileOptions {
  /** As the user wrote it. */
  readonly name: string;
  readonly target: Extract<FileTarget, { kind: 'file' | 'device' }>;
  /** The job has an end: rows are seen when it is complete. */
  readonly publishesAtEnd: boolean;
  readonly notice: (line: string) => void;
  /** null: rows are written as they are. */
  readonly packing: Packing | null;
  /** The encoder of a container, which is complete, and seen, with its last row only; null: lines. */
  readonly container: BatchEncoder | null;
  /** Rows go behind those that are there; null: they take their place. */
  readonly append: AppendForm | null;
  /** As SinkRequest.checkpoints. */
  readonly checkpoints: { readonly resume: string | null } | null;
}

export class OutputFile {
  readonly buffer = new ByteBuffer(WRITE_BYTES * 2);
  private readonly options: OutputFileOptions;
  /** null: rows go to the target itself. */
  private staged: StagedFile | null;
  private file: FileHandle;
  private writing: Promise<void> | null = null;
  private failure: ConnectorError | null = null;
  private writers = 0;
  private ended = false;
  /** Bytes of the rows in the file, and those of the file. */
  private bytes = 0;
  private fileBytes = 0;
  private dirty = false;
  /** There are rows to go behind: they have begun. */
  private readonly isBegun: boolean;

  /** Opens at once, so that a path that cannot be written fails before reading. */
  static async open(options: OutputFileOptions): Promise<OutputFile> {
    const { name, target } = options;
    try {
      if (target.kind === 'device') {
        return new OutputFile(options, null, await open(target.path, 'w'));
      }
      if (target.stats?.isDirectory() === true) throw new Error('it is a folder');
      const resumed = await openResumed(options);
      if (resumed !== null) return new OutputFile(options, null, resumed.file, resumed.bytes);
      const isBegun = options.append !== null && (await hasRowsBefore(options.append));
      const staged = await createStaged(target.path, target.stats);
      return new OutputFile(options, staged, staged.file, null, isBegun);
    } catch (error) {
      if (error instanceof VeloError) throw error;
      throw writeFailure(name, error);
    }
  }

  private constructor(
    options: OutputFileOptions,
    staged: StagedFile | null,
    file: FileHandle,
    /** Of a file that the job goes on with; null: it has no rows of this job. */
    resumedBytes: number | null = null,
    isBegun = resumedBytes !== null,
  ) {
    this.options = options;
    this.isBegun = isBegun;
    this.staged = staged;
    this.file = file;
    this.fileBytes = resumedBytes ?? 0;
    options.container?.begin(this.buffer);
  }

  get container(): BatchEncoder | null {
    return this.options.container;
  }

  /** One more query writes to it; true for the first of a file that is to begin. */
  join(): boolean {
    this.writers += 1;
    return this.writers === 1 && !this.isBegun;
  }

  get publishesAtEnd(): boolean {
    const { publishesAtEnd, container, target, checkpoints } = this.options;
    const isKept = (publishesAtEnd && checkpoints === null) || container !== null;
    return isKept && target.kind === 'file';
  }

  /** After flush(): how far the file has come, for a job that goes on here; null: it cannot. */
  position(): string | null {
    const { container, append, target } = this.options;
    if (container !== null) return null;
    const isBehind = append !== null && this.staged !== null && target.kind === 'file';
    const bytes = isBehind ? (target.stats?.size ?? 0) : this.fileBytes;
    return JSON.stringify({ bytes });
  }

  /** Handed to the file so far, and to the buffer. */
  get bytesWritten(): number {
    return this.bytes + this.buffer.length;
  }

  /** Rows were put into the buffer. */
  written(): void {
    if (this.buffer.length >= WRITE_BYTES && this.writing === null) this.startWrite();
  }

  /** While a write is on its way one more buffer may fill; then the input has to wait. */
  pressure(): Promise<void> | null {
    this.throwFailure();
    return this.buffer.length >= WRITE_BYTES ? this.writing : null;
  }

  /** Rows that are to be seen as they come are written without waiting for more. */
  handOn(): void {
    if (this.publishesAtEnd || this.writing !== null || this.failure !== null) return;
    if (this.buffer.length > 0) this.startWrite();
  }

  /** Everything is on disk. */
  async flush(): Promise<void> {
    while (this.failure === null && (this.writing !== null || this.buffer.length > 0)) {
      if (this.writing === null) this.startWrite();
      await this.writing;
    }
    if (this.dirty && this.options.target.kind === 'file') {
      await this.guard(() => this.file.datasync());
      this.dirty = false;
    }
    this.throwFailure();
  }

  /** A query has written all its rows; the last one completes the file. */
  async leave(): Promise<void> {
    if (this.writers === 1) this.options.container?.finish(this.buffer);
    await this.flush();
    this.writers -= 1;
    if (this.writers > 0 || this.ended) return;
    this.ended = true;
    // A compressed file without rows is one of an empty member.
    if (this.options.packing !== null && this.fileBytes === 0 && !this.isBegun) {
      await this.guard(() => this.writeAll(new Uint8Array(0)));
    }
    await this.guard(() => this.takePlace());
    await this.guard(() => this.file.close());
    if (this.failure !== null) this.discard();
    this.throwFailure();
  }

  /** The job failed: rows that nobody has seen go, the target stays as it was. */
  async abandon(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    if (this.writing !== null) await this.writing;
    await this.guard(() => this.file.close());
    this.discard();
  }

  throwFailure(): void {
    if (this.failure !== null) throw this.failure;
  }

  private discard(): void {
    if (this.staged !== null) removeStaged(this.staged.path);
    this.staged = null;
  }

  private async takePlace(): Promise<void> {
    const { target, name, notice, append } = this.options;
    const { staged } = this;
    if (staged === null || target.kind !== 'file' || this.failure !== null) return;
    const stats = append === null ? null : await stat(target.path).catch(() => null);
    if (append !== null && stats !== null && stats.size > 0) {
      // Somebody else may have begun the file meanwhile.
      const from = this.isBegun || append.isPacked ? 0 : append.header.length;
      this.file = await appendStaged(staged, append, { from, notice });
      this.staged = null;
      this.fileBytes = (await this.file.stat()).size;
      return;
    }
    this.file = await publish(staged, { ...target, name }, notice);
    this.staged = null;
  }

  private startWrite(): void {
    const bytes = this.buffer.copy();
    this.buffer.clear();
    this.writing = this.guard(() => this.writeAll(bytes)).then(() => {
      this.writing = null;
      this.handOn();
    });
  }

  private async writeAll(rows: Uint8Array): Promise<void> {
    const { packing, target } = this.options;
    this.dirty = true;
    const bytes = packing === null ? rows : await packing(rows);
    try {
      for (let at = 0; at < bytes.length;) {
        const place = target.kind === 'file' ? this.fileBytes + at : null;
        at += (await this.file.write(bytes, at, bytes.length - at, place)).bytesWritten;
      }
    } catch (error) {
      // What can be seen ends with a whole row.
      if (target.kind === 'file') await this.file.truncate(this.fileBytes);
      throw error;
    }
    this.bytes += rows.length;
    this.fileBytes += bytes.length;
    if (!this.publishesAtEnd) await this.takePlace();
  }

  /** Keeps a failure for the next call of the owner, who may not be waiting now. */
  private async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failure ??= writeFailure(this.options.name, error);
    }
  }
}
