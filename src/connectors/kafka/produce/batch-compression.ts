/**
 * Compression of the record batches that velo writes: the codecs of Kafka, as far as this Node has
 * them. Owns names and attribute bits; reading is record-codecs.ts.
 *
 * Snappy is written as one raw block, which Kafka's Java clients and librdkafka read as they read
 * the framed form. zstd is in node:zlib from Node 22.15 on.
 *
 * The codecs in WebAssembly are loaded by who writes with them only: their memory grows while they
 * load, and from then on V8 looks at every access to a typed array in that thread whether its buffer
 * is still there (test/processors/detaching.test.ts).
 */
import * as zlib from 'node:zlib';
import type * as WasmCodecs from '@platformatic/wasm-utils';
import { assert } from '../../../base/assert.js';
import type { BatchCompressor } from './produce-batch.js';

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

type ZstdCompress = (bytes: Uint8Array) => Uint8Array;
// Checked boundary: the function is there or not; types of Node 20 do not know it.
const zstdCompress = (zlib as { readonly zstdCompressSync?: ZstdCompress }).zstdCompressSync;

let wasmCodecs: typeof WasmCodecs | null = null;

async function loadWasmCodecs(): Promise<void> {
  wasmCodecs ??= await import('@platformatic/wasm-utils');
}

/** null: nothing to do. 'missing': this Node cannot write the codec. */
export function batchCompressor(name: Compression): BatchCompressor | null | 'missing' {
  switch (name) {
    case 'none':
      return null;
    case 'gzip':
      return { bits: 1, compress: (records) => zlib.gzipSync(records) };
    case 'snappy':
      return wasmCompressor(2, 'snappyCompress');
    case 'lz4':
      return wasmCompressor(3, 'lz4Compress');
    case 'zstd':
      return zstdCompress === undefined ? 'missing' : { bits: 4, compress: zstdCompress };
  }
}

function wasmCompressor(bits: number, codec: 'snappyCompress' | 'lz4Compress'): BatchCompressor {
  return {
    bits,
    load: loadWasmCodecs,
    compress: (records) => {
      assert(wasmCodecs !== null, 'a compressor is loaded before it is used');
      return wasmCodecs[codec](asBuffer(records));
    },
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
