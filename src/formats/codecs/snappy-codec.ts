/**
 * Unpacks snappy: the raw form that librdkafka writes and the framed one of Java's clients. Owns
 * both grammars; what lies outside the compressed bytes or what was unpacked so far is a fault. @hot
 *
 *   framed  0x82 "SNAPPY" 0x00 · i32 version · i32 compatible · (i32 size · raw)*      big-endian
 *   raw     varint size · (literal | copy)*
 *   tag     low 2 bits 0: literal of (tag >> 2) + 1 bytes, or the size in 1 to 4 bytes for 60 to 63
 *           1: copy of 4 to 11, offset of 11 bits; 2: of 1 to 64, 16 bits; 3: of 1 to 64, 32 bits
 */
import { CodecFault, copyBack, copyIn } from './growing-bytes.js';
import type { GrowingBytes } from './growing-bytes.js';

const FRAME = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0];
const FRAME_HEADER_BYTES = 16;

/** Appends what source[from, to) unpacks to. Throws CodecFault. */
export function unpackSnappy(
  source: Uint8Array,
  from: number,
  to: number,
  target: GrowingBytes,
): void {
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  if (!FRAME.every((byte, at) => from + at < to && source[from + at] === byte)) {
    unpackRaw(source, view, from, to, target);
    return;
  }
  let at = from + FRAME_HEADER_BYTES;
  if (at > to) throw corrupt();
  while (at < to) {
    if (to - at < 4) throw corrupt();
    const size = view.getInt32(at);
    at += 4;
    if (size < 0 || size > to - at) throw corrupt();
    unpackRaw(source, view, at, at + size, target);
    at += size;
  }
}

function unpackRaw(
  source: Uint8Array,
  view: DataView,
  from: number,
  end: number,
  target: GrowingBytes,
): void {
  let at = from;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw corrupt();
    const byte = source[at]!;
    at += 1;
    size += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  // Three bytes copy 64 at most: a size beyond that is a lie, and no memory is made for it.
  if (size > 22 * (end - at) + 64) throw corrupt();
  target.reserve(size);
  const base = target.length;
  const last = base + size;
  let to = base;
  while (at < end) {
    const tag = source[at]!;
    at += 1;
    let length = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      if (length > 60) {
        const bytes = length - 60;
        if (bytes > end - at) throw corrupt();
        length = littleEndian(source, at, bytes) + 1;
        at += bytes;
      }
      if (length > end - at || length > last - to) throw corrupt();
      copyIn(target, to, source, view, at, length);
      at += length;
    } else {
      const bytes = (tag & 3) === 3 ? 4 : tag & 3;
      if (bytes > end - at) throw corrupt();
      let distance = littleEndian(source, at, bytes);
      if (bytes === 1) {
        length = ((tag >> 2) & 7) + 4;
        distance |= (tag & 0xe0) << 3;
      }
      at += bytes;
      if (distance === 0 || distance > to - base || length > last - to) throw corrupt();
      copyBack(target, to, distance, length);
    }
    to += length;
  }
  if (to !== last) throw corrupt();
  target.length = last;
}

/** A number of 1 to 4 bytes. */
function littleEndian(source: Uint8Array, at: number, bytes: number): number {
  if (bytes === 1) return source[at]!;
  if (bytes === 2) return source[at]! | (source[at + 1]! << 8);
  const low = source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16);
  return bytes === 3 ? low : low + source[at + 3]! * 2 ** 24;
}

function corrupt(): CodecFault {
  return new CodecFault('corrupt', 'its snappy data is broken');
}
