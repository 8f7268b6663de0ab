/**
 * The bytes of a compressed file, unpacked in Node's threads while this one works on those before.
 * Owns how much is unpacked ahead, and that a file that is damaged, or was cut off, is an error with
 * the place in it; several members behind one another are one file. Which compression it is, is
 * compression.ts's. @hot
 *
 *   file ── 256 KiB ──▶ zlib ── pieces ──▶ queue, of aheadBytes at most ──▶ read()
 */
import { ConnectorError } from '../../../base/errors.js';
import { FileBytes, NOTHING_NOW } from '../file-bytes.js';
import type { ByteSource } from '../file-bytes.js';
import { openBytes } from '../pipes.js';
import { pipeStats } from '../pipe-pump.js';
import { compressionOf, START_BYTES, unpackerOf } from './compression.js';
import type { Compression } from './compression.js';
import { ZstdUnpacker } from './zstd-unpacker.js';

/** Unpacked ahead at most, of all files of a table, and of one at least. */
const AHEAD_BYTES = 8 * 1024 * 1024;
const AHEAD_BYTES_MIN = 128 * 1024;
const INPUT_BYTES = 256 * 1024;
/** Of what does not stop in the middle of it: 4 bytes may be 128 KiB of zeros. */
const SMALL_INPUT_BYTES = 8 * 1024;
const LINE_FEED = 10;

/** The content of a file or a pipe, unpacked where it is compressed; one of `files` of a table. */
export function openContent(path: string, { follow = false, files = 1 } = {}): ByteSource {
  if (follow || pipeStats(path) !== null) return openBytes(path, follow);
  const file = new FileBytes(path);
  const compression = file.seekable ? startOf(file) : null;
  if (compression === null) return file;
  const aheadBytes = Math.max(AHEAD_BYTES_MIN, Math.floor(AHEAD_BYTES / files));
  return new UnpackedBytes(file, { path, compression, aheadBytes });
}

/** Whether a regular file is compressed. */
export function isCompressedFile(path: string): boolean {
  const file = new FileBytes(path);
  try {
    return file.seekable && startOf(file) !== null;
  } finally {
    file.close();
  }
}

function startOf(file: FileBytes): Compression | null {
  const start = new Uint8Array(START_BYTES);
  file.read(start, 0, START_BYTES, 0);
  return compressionOf(start);
}

export interface UnpackedParts {
  readonly path: string;
  readonly compression: Compression;
  readonly aheadBytes: number;
}

export class UnpackedBytes implements ByteSource {
  readonly seekable = false;
  readonly arrives = true;
  /** Compressed ones. */
  readonly openedBytes: number | null;
  private readonly file: FileBytes;
  private readonly parts: UnpackedParts;
  private readonly unpacker: ReturnType<ReturnType<typeof unpackerOf>>;
  private readonly input: Uint8Array;
  /** Place in the file behind what was given to the unpacker. */
  private inputPlace = 0;
  /** Unpacked and not read: pieces, from `queueAt` of the first. */
  private readonly queue: Uint8Array[] = [];
  private queueAt = 0;
  private queuedBytes = 0;
  private started = false;
  private ended = false;
  private failure: ConnectorError | null = null;
  private wake: (() => void) | null = null;

  constructor(file: FileBytes, parts: UnpackedParts) {
    this.file = file;
    this.openedBytes = file.openedBytes;
    this.parts = parts;
    try {
      this.unpacker = unpackerOf(
        parts.path,
        parts.compression,
      )({
        chunkSize: Math.min(1024 * 1024, parts.aheadBytes / 2),
      });
    } catch (error) {
      file.close();
      throw error;
    }
    const isSmall = this.unpacker instanceof ZstdUnpacker;
    this.input = new Uint8Array(isSmall ? SMALL_INPUT_BYTES : INPUT_BYTES);
    this.unpacker.on('data', (piece: Uint8Array) => this.take(piece));
    this.unpacker.on('end', () => this.finish());
    this.unpacker.on('error', (error) => this.fail(error));
    this.unpacker.pause();
  }

  read(buffer: Uint8Array, at: number, length: number): number {
    const [piece] = this.queue;
    if (piece === undefined) {
      if (this.failure !== null) throw this.failure;
      if (this.ended) return 0;
      this.goOn();
      return NOTHING_NOW;
    }
    const count = Math.min(length, piece.length - this.queueAt);
    buffer.set(piece.subarray(this.queueAt, this.queueAt + count), at);
    this.queueAt += count;
    this.queuedBytes -= count;
    if (this.queueAt === piece.length) {
      this.queue.shift();
      this.queueAt = 0;
    }
    if (this.queuedBytes <= this.parts.aheadBytes / 2) this.goOn();
    return count;
  }

  readable(): Promise<void> {
    if (this.queue.length > 0 || this.ended || this.failure !== null) return Promise.resolve();
    this.goOn();
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /**
   * Unpacks so much that a sample of `records` lines can be read, `bytesMax` at most. Rejects when
   * the file is damaged before it has any.
   */
  async gather(records: number, bytesMax: number): Promise<void> {
    let lines = 0;
    let counted = 0;
    while (
      !this.ended &&
      this.failure === null &&
      lines < records &&
      this.queuedBytes <= bytesMax
    ) {
      this.goOn();
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      for (; counted < this.queue.length; counted += 1) lines += linesOf(this.queue[counted]);
    }
    if (this.failure !== null && this.queue.length === 0) throw this.failure;
  }

  usedBytes(): number {
    return Math.min(this.unpacker.bytesWritten, this.openedBytes ?? 0);
  }

  /** Those that are unpacked and not read; of the file nobody knows before. */
  size(): number {
    return this.queuedBytes;
  }

  replaced(): boolean {
    return this.file.replaced();
  }

  close(): void {
    this.unpacker.destroy();
    this.file.close();
    this.ended = true;
    this.wakeUp();
  }

  /** Starts, or goes on after a pause. */
  private goOn(): void {
    this.unpacker.resume();
    if (this.started) return;
    this.started = true;
    this.feed();
  }

  private feed(): void {
    if (this.ended) return;
    try {
      const count = this.file.read(this.input, 0, this.input.length, this.inputPlace);
      this.inputPlace += count;
      if (count === 0) this.unpacker.end();
      else {
        this.unpacker.write(this.input.subarray(0, count), (error) => {
          if (error == null) this.feed();
        });
      }
    } catch (error) {
      this.failure ??= error as ConnectorError;
      this.wakeUp();
    }
  }

  private take(piece: Uint8Array): void {
    // A frame may be empty; of no bytes a reader thinks that they are the end.
    if (this.ended || piece.length === 0) return;
    this.queue.push(piece);
    this.queuedBytes += piece.length;
    if (this.queuedBytes >= this.parts.aheadBytes) this.unpacker.pause();
    this.wakeUp();
  }

  private finish(): void {
    if (this.ended) return;
    try {
      this.checkRest();
    } catch (error) {
      this.failure ??= error as ConnectorError;
    }
    this.ended = this.failure === null;
    this.wakeUp();
  }

  /** Behind the last member there may be zeros, as tapes are filled up, and nothing else. */
  private checkRest(): void {
    for (let place = this.unpacker.bytesWritten; ;) {
      const count = this.file.read(this.input, 0, this.input.length, place);
      if (count === 0) return;
      const found = this.input.subarray(0, count).findIndex((byte) => byte !== 0);
      if (found >= 0) throw this.damaged(`what follows on byte ${place + found} is not compressed`);
      place += count;
    }
  }

  private fail(error: Error): void {
    if (this.ended) return;
    const { code } = error as NodeJS.ErrnoException;
    const [from, to] = [this.unpacker.bytesWritten, this.inputPlace];
    this.failure ??=
      code === 'Z_BUF_ERROR'
        ? this.damaged(`it ends at byte ${to}, where its data go on`)
        : this.damaged(`${error.message}, between byte ${from} and byte ${to}`);
    this.wakeUp();
  }

  private damaged(reason: string): ConnectorError {
    const { path, compression } = this.parts;
    return new ConnectorError('FILE_READ', {
      message: `data file "${path}" has damaged ${compression} data: ${reason}`,
      hint: 'its records up to there can be read; get the file again',
    });
  }

  private wakeUp(): void {
    this.wake?.();
    this.wake = null;
  }
}

function linesOf(piece: Uint8Array | undefined): number {
  let lines = 0;
  let at = piece?.indexOf(LINE_FEED) ?? -1;
  for (; at >= 0; at = piece?.indexOf(LINE_FEED, at + 1) ?? -1) lines += 1;
  return lines;
}
