/**
 * Unpacks lz4 frames. Owns the grammar of frames; blocks are lz4-block.ts. Checksums are not looked
 * at, because the batch has its own. What lies outside the compressed bytes, or before the frame
 * (before the block, where blocks are independent), is a fault. @hot
 *
 *   frame     u32 magic · flags · block size · [u64 size] · [u32 dictionary] · header checksum ·
 *             (u32 size, top bit: stored · block · [u32 checksum])* · u32 0 · [u32 checksum]
 */
import { LZ4_DISTANCE_MAX, unpackLz4Block } from '../../../formats/codecs/lz4-block.js';
import { CodecFault } from '../../../formats/codecs/growing-bytes.js';
import type { GrowingBytes } from '../../../formats/codecs/growing-bytes.js';

const MAGIC = 0x184d2204;
/** Sixteen magics, of frames to be skipped: u32 magic · u32 size · bytes. */
const SKIPPED_MAGIC = 0x184d2a50;
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUMS = 0x10;
const HAS_SIZE = 0x08;
const CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const STORED = 0x80000000;
/** A byte of a length stands for so many bytes at most. */
const EXPANSION_MAX = 255;

/** Appends what source[from, to) unpacks to. Throws CodecFault. */
export function unpackLz4(
  source: Uint8Array,
  from: number,
  to: number,
  target: GrowingBytes,
): void {
  const view = new DataView(source.buffer, source.byteOffset, source.length);
  let at = from;
  while (at < to) {
    if (to - at < 8) throw corrupt();
    const magic = view.getUint32(at, true);
    if (magic === MAGIC) {
      at = unpackFrame(source, view, at + 4, to, target);
    } else if ((magic & ~15) === SKIPPED_MAGIC) {
      at += 8 + view.getUint32(at + 4, true);
      if (at > to) throw corrupt();
    } else {
      throw corrupt();
    }
  }
}

/** Unpacks the frame whose flags are at `from`; returns where it ends. */
function unpackFrame(
  source: Uint8Array,
  view: DataView,
  from: number,
  to: number,
  target: GrowingBytes,
): number {
  const flags = source[from]!;
  const blockBytesMax = 1 << (8 + 2 * ((source[from + 1]! >> 4) & 7));
  if (flags >> 6 !== 1 || blockBytesMax < 1 << 16) throw corrupt();
  if ((flags & DICTIONARY) !== 0) {
    throw new CodecFault('unknown', 'its lz4 data needs a dictionary');
  }
  const base = target.length;
  let at = from + 3;
  let size = -1;
  if ((flags & HAS_SIZE) !== 0) {
    if (to - at < 8) throw corrupt();
    size = view.getUint32(at - 1, true) + view.getUint32(at + 3, true) * 2 ** 32;
    at += 8;
  }
  for (;;) {
    if (to - at < 4) throw corrupt();
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const stored = word >= STORED;
    const bytes = stored ? word - STORED : word;
    if (bytes > to - at || bytes > blockBytesMax + 65_536) throw corrupt();
    if (stored) {
      target.append(source, at, at + bytes);
    } else {
      const reach = (flags & INDEPENDENT) !== 0 ? target.length : base;
      const unpacked = unpackLz4Block(
        { bytes: source, from: at, to: at + bytes },
        {
          bytes: target.bytes,
          from: Math.max(reach, target.length - LZ4_DISTANCE_MAX),
          to: target.length,
        },
        Math.min(blockBytesMax, EXPANSION_MAX * bytes),
      );
      if (unpacked === null) throw corrupt();
      target.append(unpacked, 0, unpacked.length);
    }
    at += bytes + ((flags & BLOCK_CHECKSUMS) !== 0 ? 4 : 0);
  }
  if ((flags & CHECKSUM) !== 0) at += 4;
  if (at > to || (size !== -1 && size !== target.length - base)) throw corrupt();
  return at;
}

function corrupt(): CodecFault {
  return new CodecFault('corrupt', 'its lz4 data is broken');
}
