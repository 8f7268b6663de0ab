/**
 * Rows on their way into a compressed file: each write becomes a member of its own, packed in Node's
 * threads, so that a file that is cut short after any write can be read up to there, as can one
 * whose rows are seen as they come. Owns that; the file is output-file.ts's.
 */
import { promisify } from 'node:util';
import { ConnectorError } from '../../../base/errors.js';
import { compressionOfName, packerOf } from './compression.js';

/** Rows of a write → the bytes of the file. */
export type Packing = (bytes: Uint8Array) => Promise<Uint8Array>;

/** By the suffix of a file's name; null: as they are. Throws ConnectorError SINK_WRITE. */
export function packingOf(path: string): Packing | null {
  const compression = compressionOfName(path);
  if (compression === null) return null;
  const packer = packerOf(compression);
  if (packer !== null) return promisify(packer);
  throw new ConnectorError('SINK_WRITE', {
    message: `file "${path}" cannot be written: velo does not pack ${compression}`,
    hint: unpackedHint(path) ?? '',
  });
}

/** What to write instead to a name that says a compression which nothing packs; null: it is packed. */
export function unpackedHint(path: string): string | null {
  const compression = compressionOfName(path);
  if (compression === null || packerOf(compression) !== null) return null;
  const why =
    compression === 'zstd' ? 'this Node packs no zstd (from 22.15 on)' : 'velo reads bzip2 only';
  return `${why}: write to a name that ends in .gz, or to a pipe: '-', into | ${compression}`;
}
