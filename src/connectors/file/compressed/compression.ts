/**
 * Compressed files: gzip, zstd and bzip2, by the first bytes of what is read and the suffix of what
 * is written. Owns names, and which of them this Node unpacks and packs; reading is
 * unpacked-bytes.ts, writing is packing.ts.
 */
import * as zlib from 'node:zlib';
import type { Transform } from 'node:stream';
import { ConnectorError } from '../../../base/errors.js';
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
  for (const compression of ['gzip', 'zstd', 'bzip2'] as const) {
    if (STARTS[compression].every((byte, at) => start[at] === byte)) return compression;
  }
  const [first = 0, ...rest] = start;
  const skipped = first >> 4 === 5 && rest.join() === [0x2a, 0x4d, 0x18].join();
  return skipped ? 'zstd' : null;
}

type NewTransform = (options: zlib.ZlibOptions) => Transform & { readonly bytesWritten: number };
type Pack = (bytes: Uint8Array, done: (error: Error | null, packed: Uint8Array) => void) => void;

// Checked boundary: zstd is in node:zlib from Node 22.15 on, and not in the types of Node 20.
const newer = zlib as { createZstdDecompress?: NewTransform; zstdCompress?: Pack };

/** What unpacks it. Throws ConnectorError FILE_READ where nothing does. */
export function unpackerOf(path: string, compression: Compression): NewTransform {
  switch (compression) {
    case 'gzip':
      return zlib.createGunzip;
    case 'zstd':
      return newer.createZstdDecompress ?? (() => new ZstdUnpacker());
    case 'bzip2':
      throw new ConnectorError('FILE_READ', {
        message: `data file "${path}" is compressed with bzip2, which velo does not unpack`,
        hint: `unpack it into a pipe: bzcat FILE | velo "SELECT … FROM '-'"`,
      });
  }
}

/** What packs it; null where nothing does. */
export function packerOf(compression: Compression): Pack | null {
  if (compression === 'gzip') return zlib.gzip as Pack;
  return compression === 'zstd' ? (newer.zstdCompress ?? null) : null;
}
