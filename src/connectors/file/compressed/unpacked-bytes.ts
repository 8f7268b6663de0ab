/**
 * The bytes of a compressed file or pipe, unpacked in Node's threads (bzip2: in this one) while this
 * one works on those before. Owns how much is unpacked ahead, and that what is damaged, or was cut
 * off, is an error with the place in it; several members behind one another are one file. Which
 * compression it is, is compression.ts's, who opens what, content.ts's. @hot
 *
 *   file ── 256 KiB ──▶ zlib ── pieces ──▶ queue, of aheadBytes at most ──▶ read()
 */
import { ConnectorError } from '../../../base/errors.js';
import { NOTHING_NOW } from '../file-bytes.js';
import type { ByteSource } from '../file-bytes.js';
import { NoStream } from './bzip2-unpacker.js';
import { unpackerOf } from './compression.js';
import type { Compression, Unpacker } from './compression.js';
import { ZstdUnpacker } from './zstd-unpacker.js';

const INPUT_BYTES = 256 * 1024;
/** Of what does not stop in the middle of it: 4 bytes may be 128 KiB of zeros. */
const SMALL_INPUT_BYTES = 8 * 1024;
const LINE_FEED = 10;
const TIMER_MS_MAX = 0x7fffffff;

export interface UnpackedParts {
  readonly path: string;
  readonly compression: Compression;
  readonly aheadBytes: number;
}

export interface SampleSize {
  readonly records: number;
  readonly bytesMax: number;
  readonly within: number;
}

export class UnpackedBytes implements ByteSource {
  readonly seekable = false;
  readonly arrives = true;
  /** Compressed ones. */
  readonly openedBytes: number | null;
  private readonly file: ByteSource;
  private readonly parts: UnpackedParts;
  private readonly unpacker: Unpacker;
  private readonly input: Uint8Array;
  /** Place in the file behind what was given to the unpacker. */
  private inputPlace = 0;
  /** Bytes of `input` that were given to it last. */
  private inputLength = 0;
  /** Unpacked and not read: pieces, from `queueAt` of the first. */
  private readonly queue: Uint8Array[] = [];
  private queueAt = 0;
  private queuedBytes = 0;
  private started = false;
  private ended = false;
  private failure: ConnectorError | null = null;
  private wake: (() => void) | null = null;

  constructor(file: ByteSource, parts: UnpackedParts) {
    this.file = file;
    this.openedBytes = file.openedBytes;
    this.parts = parts;
    const chunkSize = Math.min(1024 * 1024, parts.aheadBytes / 2);
    this.unpacker = unpackerOf(parts.compression)({ chunkSize });
    const isSmall = this.unpacker instanceof ZstdUnpacker;
    this.input = new Uint8Array(isSmall ? SMALL_INPUT_BYTES : INPUT_BYTES);
    this.unpacker.on('data', (piece: Uint8Array) => this.take(piece));
    this.unpacker.on('end', () => void this.finish());
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
   * Unpacks so much that a sample of `records` lines can be read, `bytesMax` at most, or what has
   * come when nothing more comes `within` so many ms behind the first line. Rejects when the file is
   * damaged before it has any.
   */
  async gather({ records, bytesMax, within }: SampleSize): Promise<void> {
    let lines = 0;
    let counted = 0;
    while (
      !this.ended &&
      this.failure === null &&
      lines < records &&
      this.queuedBytes <= bytesMax
    ) {
      this.goOn();
      const comes = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      if (!(await happens(comes, lines === 0 ? Infinity : within))) break;
      for (; counted < this.queue.length; counted += 1) lines += linesOf(this.queue[counted]);
    }
    if (this.failure !== null && this.queue.length === 0) throw this.failure;
  }

  /** What gather() has unpacked; it takes the place of reading. */
  gathered(): { readonly bytes: Uint8Array; readonly isAll: boolean } {
    return { bytes: Buffer.concat(this.queue), isAll: this.ended || this.failure !== null };
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
      if (count === NOTHING_NOW) {
        void this.file.readable().then(() => this.feed());
        return;
      }
      if (count === 0) this.unpacker.end();
      else {
        this.inputPlace += count;
        this.inputLength = count;
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

  private async finish(): Promise<void> {
    if (this.ended) return;
    try {
      await this.checkRest();
    } catch (error) {
      this.failure ??= error as ConnectorError;
    }
    this.ended = this.failure === null;
    this.wakeUp();
  }

  /** Behind the last member there may be zeros, as tapes are filled up, and nothing else. */
  private async checkRest(): Promise<void> {
    let place = this.unpacker.bytesWritten;
    let rest = this.input.subarray(this.inputLength - (this.inputPlace - place), this.inputLength);
    for (;;) {
      const found = rest.findIndex((byte) => byte !== 0);
      if (found >= 0) throw this.damaged(`what follows on byte ${place + found} is not compressed`);
      place += rest.length;
      let count = this.ended ? 0 : this.file.read(this.input, 0, this.input.length, place);
      while (count === NOTHING_NOW) {
        await this.file.readable();
        count = this.ended ? 0 : this.file.read(this.input, 0, this.input.length, place);
      }
      if (count === 0) return;
      rest = this.input.subarray(0, count);
    }
  }

  private fail(error: Error): void {
    if (this.ended) return;
    if (error instanceof NoStream) {
      this.failure ??= this.damaged(`what follows on byte ${error.place} is not compressed`);
      return this.wakeUp();
    }
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

/** Whether it does before `ms` have passed; the timer keeps the process alive. */
export async function happens(event: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(ms, TIMER_MS_MAX));
  });
  try {
    return await Promise.race([event.then(() => true), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function linesOf(piece: Uint8Array | undefined): number {
  let lines = 0;
  let at = piece?.indexOf(LINE_FEED) ?? -1;
  for (; at >= 0; at = piece?.indexOf(LINE_FEED, at + 1) ?? -1) lines += 1;
  return lines;
}
