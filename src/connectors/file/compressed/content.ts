/**
 * What is in a file or a pipe, unpacked where its first bytes say that it is compressed, whatever its
 * name. Owns that choice; unpacking is unpacked-bytes.ts, pipes are pipes.ts.
 */
import { FileBytes, NOTHING_NOW } from '../file-bytes.js';
import type { ByteSource } from '../file-bytes.js';
import { openBytes } from '../pipes.js';
import { pipeStats } from '../pipe-pump.js';
import { compressionOf, mayBeCompressed, START_BYTES } from './compression.js';
import type { Compression } from './compression.js';
import { UnpackedBytes } from './unpacked-bytes.js';

/** Unpacked ahead at most, of all files of a table, and of one at least. */
const AHEAD_BYTES = 8 * 1024 * 1024;
const AHEAD_BYTES_MIN = 128 * 1024;

/** The content of a file or a pipe, unpacked where it is compressed; one of `files` of a table. */
export function openContent(path: string, { follow = false, files = 1 } = {}): ByteSource {
  if (follow) return openBytes(path, follow);
  if (pipeStats(path) !== null) return new PipedContent(openBytes(path), path);
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

/** The bytes of a pipe once its first ones have come; they go forward only. */
export class PipedContent implements ByteSource {
  readonly seekable = false;
  readonly arrives = true;
  readonly openedBytes = null;
  private readonly inner: ByteSource;
  private readonly path: string;
  private readonly start = new Uint8Array(START_BYTES);
  private startLength = 0;
  /** Bytes of the start that were read from here. */
  private startRead = 0;
  /** null: too little has come to say it. */
  private content: ByteSource | null = null;

  constructor(inner: ByteSource, path: string) {
    this.inner = inner;
    this.path = path;
  }

  read(buffer: Uint8Array, at: number, length: number, place: number): number {
    this.content ??= this.look();
    return this.content?.read(buffer, at, length, place) ?? NOTHING_NOW;
  }

  readable(): Promise<void> {
    return (this.content ?? this.inner).readable();
  }

  usedBytes(place: number): number {
    return place;
  }

  size(): number {
    return (this.content ?? this.inner).size();
  }

  replaced(): boolean {
    return false;
  }

  close(): void {
    (this.content ?? this.inner).close();
  }

  /** What unpacks the pipe, 'plain' where nothing has to; null: nobody can say yet. */
  unpacked(): UnpackedBytes | 'plain' | null {
    this.content ??= this.look();
    if (this.content === null) return null;
    return this.content instanceof UnpackedBytes ? this.content : 'plain';
  }

  private look(): ByteSource | null {
    while (this.startLength < START_BYTES && mayBeCompressed(this.begun())) {
      const room = START_BYTES - this.startLength;
      const count = this.inner.read(this.start, this.startLength, room, this.startLength);
      if (count === NOTHING_NOW) return null;
      if (count === 0) break;
      this.startLength += count;
    }
    const compression = compressionOf(this.begun());
    const whole = this.fromStart();
    if (compression === null) return whole;
    return new UnpackedBytes(whole, { path: this.path, compression, aheadBytes: AHEAD_BYTES });
  }

  private begun(): Uint8Array {
    return this.start.subarray(0, this.startLength);
  }

  /** The pipe, with what was looked at in front. */
  private fromStart(): ByteSource {
    const { inner, start } = this;
    return {
      seekable: false,
      arrives: true,
      openedBytes: null,
      read: (buffer, at, length, place) => {
        if (this.startRead === this.startLength) return inner.read(buffer, at, length, place);
        const count = Math.min(length, this.startLength - this.startRead);
        buffer.set(start.subarray(this.startRead, this.startRead + count), at);
        this.startRead += count;
        return count;
      },
      readable: () => inner.readable(),
      usedBytes: (place) => place,
      size: () => inner.size(),
      replaced: () => false,
      close: () => inner.close(),
    };
  }
}
