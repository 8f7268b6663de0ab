/**
 * Compressed files: gzip, zstd and bzip2, by the first bytes of what is read and the suffix of what
 * is written. Owns names, and which of them this Node unpacks and packs; reading is
 * unpacked-bytes.ts, writing is packing.ts.
 */
import * as zlib from 'node:zlib';
import type { Duplex } from 'node:stream';
import { Bzip2Unpacker } from './bzip2-unpacker.js';
import { ZstdUnpacker } from './zstd-unpacker.js';

export type Compression = 'gzip' | 'zstd' | 'bzip2';

const SUFFIXES: Readonly<Record<string, Compression>> = {
  gz: 'gzip',
  zst: 'zstd',
  bz2: 'bzip2',
};
const SUFFIX = /\.(gz|zst|bz2)$/i;

/** How files of each start; a skippable frame of zstd starts with one of 16 more. */
const STARTS: Readonly<Record<Compression, readonly number[]>> = {
  gzip: [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  bzip2: [0x42, 0x5a, 0x68],
};
/** Behind the first byte, 0x50 to 0x5f. */
const SKIPPED_START: readonly number[] = [0x2a, 0x4d, 0x18];
export const START_BYTES = 4;

/** What a name says about the file; null: nothing. */
export function compressionOfName(path: string): Compression | null {
  return SUFFIXES[SUFFIX.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null;
}

/** The name of what is in the file. */
export function nameWithin(path: string): string {
  return path.replace(SUFFIX, '');
}

/** What the first bytes of a file say about it. */
export function compressionOf(start: Uint8Array): Compression | null {
  for (const compression of ['gzip', 'zstd'] as const) {
    if (startsAs(compression, start)) return compression;
  }
  // Letters may be text: its level stands behind them.
  if (startsAs('bzip2', start) && /[1-9]/.test(String.fromCharCode(start[3] ?? 0))) return 'bzip2';
  const [first = 0, ...rest] = start;
  const skipped = first >> 4 === 5 && rest.join() === SKIPPED_START.join();
  return skipped ? 'zstd' : null;
}

/** Whether more bytes can make compressionOf() say something. */
export function mayBeCompressed(start: Uint8Array): boolean {
  const [first = 0x50, ...rest] = start;
  const isSkipped = first >> 4 === 5 && rest.every((byte, at) => byte === SKIPPED_START[at]);
  return (
    isSkipped ||
    Object.values(STARTS).some((known) => start.every((byte, at) => byte === (known[at] ?? byte)))
  );
}

function startsAs(compression: Compression, start: Uint8Array): boolean {
  return STARTS[compression].every((byte, at) => start[at] === byte);
}

/** Unpacks what is written to it; `bytesWritten`: packed bytes that are unpacked. */
export type Unpacker = Duplex & { readonly bytesWritten: number };
type NewUnpacker = (options: zlib.ZlibOptions) => Unpacker;
type Pack = (bytes: Uint8Array, done: (error: Error | null, packed: Uint8Array) => void) => void;

// Checked boundary: zstd is in node:zlib from Node 22.15 on, and not in the types of Node 20.
const newer = zlib as { createZstdDecompress?: NewUnpacker; zstdCompress?: Pack };

/** What unpacks it. */
export function unpackerOf(compression: Compression): NewUnpacker {
  switch (compression) {
    case 'gzip':
      return zlib.createGunzip;
    case 'zstd':
      return newer.createZstdDecompress ?? (() => new ZstdUnpacker());
    case 'bzip2':
      return () => new Bzip2Unpacker();
  }
}

/** What packs it; null where nothing does. */
export function packerOf(compression: Compression): Pack | null {
  if (compression === 'gzip') return zlib.gzip as Pack;
  return compression === 'zstd' ? (newer.zstdCompress ?? null) : null;
}
