/**
 * The bytes of a page, unpacked. Owns which codec packs how, and that memory is made for what there
 * is, never for what a header claims. Codecs are formats/codecs' and Node's.
 */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { CodecFault } from '../../codecs/growing-bytes.js';
import type { GrowingBytes } from '../../codecs/growing-bytes.js';
import { unpackLz4Block } from '../../codecs/lz4-block.js';
import { unpackSnappy } from '../../codecs/snappy-codec.js';
import { unpackZstd } from '../../codecs/zstd-codec.js';
import { PageFault } from './page-fault.js';

/** A page that claims more is refused. */
const PAGE_BYTES_MAX = 1 << 30;
/** A zstd block makes room for as much before it knows its size. */
const ROOM_AHEAD = 128 << 10;
/** What a byte of lz4 can unpack to. */
const LZ4_RATIO_MAX = 255;

type Unpack = (source: Uint8Array, size: number, target: GrowingBytes) => void;

const CODECS: Readonly<Record<string, Unpack>> = {
  UNCOMPRESSED: (source, _, target) => target.append(source, 0, source.length),
  SNAPPY: (source, _, target) => unpackSnappy(source, 0, source.length, target),
  ZSTD: (source, _, target) => unpackZstd(source, 0, source.length, target),
  GZIP: (source, size, target) => {
    appendOf(target, () => gunzipSync(source, { maxOutputLength: Math.max(1, size) }));
  },
  BROTLI: (source, size, target) => {
    appendOf(target, () => brotliDecompressSync(source, { maxOutputLength: Math.max(1, size) }));
  },
  LZ4_RAW: (source, size, target) => {
    const { length } = source;
    if (size > length * LZ4_RATIO_MAX) throw new PageFault('a page claims more than lz4 can hold');
    const none = { bytes: source, from: 0, to: 0 };
    const unpacked = unpackLz4Block({ bytes: source, from: 0, to: length }, none, size);
    if (unpacked === null) throw new PageFault('the lz4 data of a page is broken');
    target.append(unpacked, 0, unpacked.length);
  },
};

/** Whether pages of a codec can be unpacked here. */
export function knowsCodec(codec: string): boolean {
  return Object.hasOwn(CODECS, codec);
}

/** Appends the `size` bytes that a page unpacks to. Throws PageFault. */
export function unpackPage(
  codec: string,
  source: Uint8Array,
  size: number,
  target: GrowingBytes,
): void {
  if (size < 0 || size > PAGE_BYTES_MAX) {
    throw new PageFault(`a page claims to have ${size} bytes`);
  }
  const before = target.length;
  target.limitTo(size + ROOM_AHEAD);
  try {
    CODECS[codec]?.(source, size, target);
  } catch (error) {
    if (!(error instanceof CodecFault)) throw error;
    throw new PageFault(`a page cannot be unpacked: ${error.message}`);
  }
  const bytes = target.length - before;
  if (bytes !== size) throw new PageFault(`a page of ${size} bytes unpacks to ${bytes}`);
}

function appendOf(target: GrowingBytes, unpack: () => Uint8Array): void {
  let unpacked: Uint8Array;
  try {
    unpacked = unpack();
  } catch (error) {
    throw new PageFault(`a page cannot be unpacked: ${String(error)}`);
  }
  target.append(unpacked, 0, unpacked.length);
}
