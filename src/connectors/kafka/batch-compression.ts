/**
 * Compression of the record batches that velo writes: the codecs of Kafka, as far as this Node has
 * them. Owns names and attribute bits; reading is record-codecs.ts.
 *
 * Snappy is written as one raw block, which Kafka's Java clients and librdkafka read as they read
 * the framed form. zstd is in node:zlib from Node 22.15 on.
 */
import * as zlib from 'node:zlib';
import { lz4Compress, snappyCompress } from '@platformatic/wasm-utils';
import type { BatchCompressor } from './produce-batch.js';

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

type ZstdCompress = (bytes: Uint8Array) => Uint8Array;
// Checked boundary: the function is there or not; types of Node 20 do not know it.
const zstdCompress = (zlib as { readonly zstdCompressSync?: ZstdCompress }).zstdCompressSync;

/** null: nothing to do. 'missing': this Node cannot write the codec. */
export function batchCompressor(name: Compression): BatchCompressor | null | 'missing' {
  switch (name) {
    case 'none':
      return null;
    case 'gzip':
      return { bits: 1, compress: (records) => zlib.gzipSync(records) };
    case 'snappy':
      return { bits: 2, compress: (records) => snappyCompress(asBuffer(records)) };
    case 'lz4':
      return { bits: 3, compress: (records) => lz4Compress(asBuffer(records)) };
    case 'zstd':
      return zstdCompress === undefined ? 'missing' : { bits: 4, compress: zstdCompress };
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
