/**
 * Pipes that this process reads: FIFOs, stdin, what a shell hands over as /dev/fd/63. The bytes of
 * one come once, so they are taken from it once (pipe-pump.ts), kept while the schema is inferred
 * from them, and shared by all scans of a job. Owns which pipe a path names, its bytes that somebody
 * has still to read, and handing them over to the worker thread whose scans read them.
 *
 *   main    pump → ring → tail → cursors: inference, V1's scans
 *   V2      pump → ring ──────────────────→ tail of worker 0 → cursors: its scans
 *
 * All bytes are kept until a scan has read some: by then all scans of the job are open. From then on
 * those are let go that every open scan has read.
 */
import type { Stats } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { ByteRing } from '../../base/byte-ring.js';
import { ConnectorError } from '../../base/errors.js';
import { FileBytes, identityOf, NOTHING_NOW } from './file-bytes.js';
import type { ByteSource } from './file-bytes.js';
import { PipePump, pipeStats } from './pipe-pump.js';

/** Most that is taken out of the ring at once. */
const PIECE_BYTES = 256 * 1024;
/** A timer that only keeps the process alive. */
const LONG_MS = 0x7fffffff;

/** A pipe as it goes to a worker thread. */
export interface HandedPipe {
  readonly identity: string;
  readonly memory: SharedArrayBuffer;
  /** What was taken from the ring before. */
  readonly prefix: Uint8Array;
}

/** Open in this thread, by what they are: a pipe may have several names. */
const open = new Map<string, PipeTail>();

/** The bytes of a file, or of a pipe from its start. Throws ConnectorError DATA_FILE_MISSING. */
export function openBytes(path: string, follow = false): ByteSource {
  const stats = pipeStats(path);
  return stats === null ? new FileBytes(path, follow) : tailOf(path, stats).scan(path);
}

/** A pipe whose schema is to be inferred: what is taken from it stays for the scans. null: none. */
export function pipeToPeek(path: string): PipeTail | null {
  const stats = pipeStats(path);
  return stats === null ? null : tailOf(path, stats);
}

/** A pipe that a worker thread is to read. */
export interface PipeLease {
  /** From here on main reads it no more. */
  handOver(): HandedPipe;
  /** The job is over. */
  close(): void;
}

/** Opens the pipe for a worker thread; null: the path names none. */
export function leasePipe(path: string): PipeLease | null {
  const stats = pipeStats(path);
  if (stats === null) return null;
  const tail = tailOf(path, stats);
  const scan = tail.scan(path);
  return { handOver: () => tail.handOver(), close: () => scan.close() };
}

/** In a worker: the pipes of a new job, instead of the last one's. */
export function takeOverPipes(pipes: readonly HandedPipe[]): void {
  open.clear();
  for (const { identity, memory, prefix } of pipes) {
    open.set(identity, new PipeTail({ identity, ring: new ByteRing(memory), prefix }));
  }
}

function tailOf(path: string, stats: Stats): PipeTail {
  const identity = identityOf(stats);
  const known = open.get(identity);
  if (known !== undefined) return known;
  const pump = new PipePump(path, stats);
  const { ring } = pump;
  const tail = new PipeTail({ identity, ring, prefix: null, closed: () => pump.close() });
  open.set(identity, tail);
  return tail;
}

export class PipeTail {
  private readonly identity: string;
  private readonly ring: ByteRing;
  private readonly closed: (() => void) | undefined;
  /** What was taken from the ring, from place `start` on. */
  private readonly pieces: Uint8Array[] = [];
  private start = 0;
  private end = 0;
  private readonly scans = new Set<PipeScan>();
  /** Some of it may be gone. */
  private begun = false;
  private handed: HandedPipe | null = null;

  constructor(parts: {
    readonly identity: string;
    readonly ring: ByteRing;
    readonly prefix: Uint8Array | null;
    /** When the last scan is closed. */
    readonly closed?: () => void;
  }) {
    this.identity = parts.identity;
    this.ring = parts.ring;
    this.closed = parts.closed;
    if (parts.prefix !== null) this.add(parts.prefix);
  }

  /** A reader from the start. */
  scan(path: string): PipeScan {
    if (this.begun) {
      throw new ConnectorError('FILE_READ', {
        message: `pipe "${path}" was read before, and gives its bytes once`,
        hint: 'read it in one job, or write it to a file first',
      });
    }
    const scan = new PipeScan(path, this);
    this.scans.add(scan);
    return scan;
  }

  handOver(): HandedPipe {
    if (this.handed !== null) return this.handed;
    const prefix = new Uint8Array(this.end - this.start);
    this.copy(this.start, prefix);
    this.begun = true;
    this.pieces.length = 0;
    this.handed = { identity: this.identity, memory: this.ring.memory, prefix };
    return this.handed;
  }

  /** Bytes that have come so far. */
  get gathered(): number {
    return this.end;
  }

  get ended(): boolean {
    return this.ring.ended;
  }

  /** Takes a piece out of the ring; null when there is none now. */
  pull(): Uint8Array | null {
    const length = Math.min(this.ring.available(), PIECE_BYTES);
    if (length === 0) return null;
    const piece = new Uint8Array(length);
    this.ring.read(piece, 0, length);
    this.add(piece);
    return piece;
  }

  /** Resolves when there is something to pull, or nothing ever; keeps no process alive. */
  readable(): Promise<void> {
    return this.ring.readable();
  }

  /** For a scan at `place`, as ByteSource.read. */
  read(scan: PipeScan, buffer: Uint8Array, at: number, length: number): number {
    this.begun = true;
    if (scan.place === this.end && this.pull() === null) return this.ending(scan.path);
    const count = this.copy(scan.place, buffer.subarray(at, at + length));
    scan.place += count;
    this.letGo();
    return count;
  }

  close(scan: PipeScan): void {
    if (!this.scans.delete(scan)) return;
    this.letGo();
    if (this.scans.size > 0) return;
    if (open.get(this.identity) === this) open.delete(this.identity);
    this.closed?.();
  }

  /** What has been pulled, for inference; `pulls`: and what comes, which stays for the scans. */
  peek(pulls = false): ByteSource {
    let at = 0;
    return {
      seekable: false,
      openedBytes: null,
      arrives: true,
      read: (buffer, from, length) => {
        const isAll = at === this.end && (!pulls || this.pull() === null);
        if (isAll) return this.ended ? 0 : NOTHING_NOW;
        const count = this.copy(at, buffer.subarray(from, from + length));
        at += count;
        return count;
      },
      readable: () => this.readable(),
      usedBytes: (place) => place,
      size: () => this.end,
      replaced: () => false,
      close: () => undefined,
    };
  }

  private ending(path: string): number {
    const { ring } = this;
    if (!ring.ended) return NOTHING_NOW;
    if (ring.errno === 0) return 0;
    throw new ConnectorError('FILE_READ', {
      message: `pipe "${path}" cannot be read: ${getSystemErrorName(ring.errno)}`,
    });
  }

  private add(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.end += piece.length;
  }

  /** Copies from `place` on to the buffer; how many bytes. */
  private copy(place: number, buffer: Uint8Array): number {
    let start = this.start;
    let copied = 0;
    for (const piece of this.pieces) {
      const from = Math.max(0, place - start);
      start += piece.length;
      if (from >= piece.length) continue;
      const part = piece.subarray(from, from + buffer.length - copied);
      buffer.set(part, copied);
      copied += part.length;
      if (copied === buffer.length) break;
    }
    return copied;
  }

  /** Drops the pieces that every scan has read. */
  private letGo(): void {
    if (!this.begun) return;
    let least = this.end;
    for (const { place } of this.scans) least = Math.min(least, place);
    for (;;) {
      const piece = this.pieces[0];
      if (piece === undefined || this.start + piece.length > least) return;
      this.pieces.shift();
      this.start += piece.length;
    }
  }
}

/** One reader of a pipe. */
class PipeScan implements ByteSource {
  readonly seekable = false;
  readonly openedBytes = null;
  readonly arrives = true;
  readonly path: string;
  place = 0;
  private readonly tail: PipeTail;
  private alive: NodeJS.Timeout | null = null;

  constructor(path: string, tail: PipeTail) {
    this.path = path;
    this.tail = tail;
  }

  read(buffer: Uint8Array, at: number, length: number): number {
    return this.tail.read(this, buffer, at, length);
  }

  readable(): Promise<void> {
    // Without a job that waits for it, a silent pipe is no reason to go on.
    this.alive ??= setInterval(() => undefined, LONG_MS);
    return this.tail.readable().then(() => this.rest());
  }

  usedBytes(place: number): number {
    return place;
  }

  size(): number {
    return this.tail.gathered;
  }

  replaced(): boolean {
    return false;
  }

  close(): void {
    this.rest();
    this.tail.close(this);
  }

  private rest(): void {
    clearInterval(this.alive ?? undefined);
    this.alive = null;
  }
}
