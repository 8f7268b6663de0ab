/**
 * Unpacks the records of a compressed batch. Owns which codec a number means and how much a batch
 * may unpack to; snappy, lz4 and zstd are our own decoders (snappy-codec.ts, record-lz4.ts,
 * zstd-codec.ts), which write into the caller's memory and know its bound. Node 20 has no zstd,
 * and the lz4 of @platformatic/wasm-utils has no bound.
 */
import { gunzipSync } from 'node:zlib';
import { ConnectorError } from '../../../base/errors.js';
import { CodecFault } from '../../../formats/codecs/growing-bytes.js';
import type { GrowingBytes } from '../../../formats/codecs/growing-bytes.js';
import { unpackLz4 } from './record-lz4.js';
import { unpackSnappy } from '../../../formats/codecs/snappy-codec.js';
import { unpackZstd } from '../../../formats/codecs/zstd-codec.js';

/** A batch that unpacks to more is refused: it would exhaust memory. */
export const DECOMPRESSED_BYTES_MAX = 128 << 20;

/**
 * Appends what source[from, to) unpacks to. `target` has its limit. Throws CodecFault, and then
 * may have appended a part.
 */
export function unpack(
  codec: number,
  source: Uint8Array,
  from: number,
  to: number,
  target: GrowingBytes,
): void {
  switch (codec) {
    case 1:
      unpackGzip(source, from, to, target);
      return;
    case 2:
      unpackSnappy(source, from, to, target);
      return;
    case 3:
      unpackLz4(source, from, to, target);
      return;
    case 4:
      unpackZstd(source, from, to, target);
      return;
    default:
      throw new CodecFault('unknown', `its codec has the unknown number ${codec}`);
  }
}

/** A batch that cannot be unpacked although it may be whole. */
export function codecError(label: string, offset: number, fault: CodecFault): ConnectorError {
  return new ConnectorError('KAFKA_CODEC', {
    message: `${label}: the record batch at offset ${offset} cannot be unpacked: ${fault.message}`,
  });
}

function unpackGzip(source: Uint8Array, from: number, to: number, target: GrowingBytes): void {
  let unpacked: Uint8Array;
  try {
    unpacked = gunzipSync(source.subarray(from, to), { maxOutputLength: DECOMPRESSED_BYTES_MAX });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      const message = `it unpacks to more than ${DECOMPRESSED_BYTES_MAX} bytes`;
      throw new CodecFault('too large', message);
    }
    throw new CodecFault('corrupt', `its gzip data is broken (${String(code)})`);
  }
  target.append(unpacked, 0, unpacked.length);
}
