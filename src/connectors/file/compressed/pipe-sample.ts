/**
 * So much of a pipe that its schema can be inferred, unpacked where it is compressed. Owns when that
 * is enough; what is taken from the pipe stays for the scans (pipes.ts), which unpack it again.
 */
import { NOTHING_NOW } from '../file-bytes.js';
import type { ByteSource } from '../file-bytes.js';
import type { PipeTail } from '../pipes.js';
import { PipedContent } from './content.js';
import { happens } from './unpacked-bytes.js';

/** A pipe that is silent for so long has given its sample. */
const SILENCE_MS = 1000;
const PIECE_BYTES = 256 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

interface SampleWanted {
  readonly path: string;
  readonly records: number;
  readonly recordBytesMax: number;
}

/** Gathers it; the result gives it from its start as often as it is called. */
export async function samplePipe(
  pipe: PipeTail,
  { path, records, recordBytesMax }: SampleWanted,
): Promise<() => ByteSource> {
  const content = new PipedContent(pipe.peek(true), path);
  let unpacked = content.unpacked();
  for (; unpacked === null; unpacked = content.unpacked()) await happens(pipe.readable(), Infinity);
  if (unpacked === 'plain') {
    await gatherLines(pipe, records, recordBytesMax);
    return () => pipe.peek();
  }
  try {
    await unpacked.gather({ records, bytesMax: recordBytesMax, within: SILENCE_MS });
    const { bytes, isAll } = unpacked.gathered();
    return () => sampleBytes(bytes, isAll);
  } finally {
    unpacked.close();
  }
}

/**
 * A sample's records, or all of the pipe, or, once there is a record, what has come when nothing
 * more comes for a while.
 */
async function gatherLines(pipe: PipeTail, records: number, bytesMax: number): Promise<void> {
  const source = pipe.peek(true);
  const piece = new Uint8Array(PIECE_BYTES);
  const read = (): number => source.read(piece, 0, PIECE_BYTES, 0);
  for (let seen = 0; ;) {
    for (let length = read(); length > 0; length = read()) {
      const bytes = piece.subarray(0, length);
      seen += Math.max(count(bytes, LINE_FEED), count(bytes, CARRIAGE_RETURN));
    }
    const enough = seen >= records || pipe.gathered > bytesMax;
    if (enough || pipe.ended) return;
    if (!(await happens(pipe.readable(), seen === 0 ? Infinity : SILENCE_MS))) return;
  }
}

function count(bytes: Uint8Array, byte: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) found += 1;
  return found;
}

function sampleBytes(bytes: Uint8Array, isAll: boolean): ByteSource {
  let read = 0;
  return {
    seekable: false,
    arrives: true,
    openedBytes: null,
    read: (buffer, at, length) => {
      if (read === bytes.length) return isAll ? 0 : NOTHING_NOW;
      const part = bytes.subarray(read, read + length);
      buffer.set(part, at);
      read += part.length;
      return part.length;
    },
    readable: () => Promise.resolve(),
    usedBytes: (place) => place,
    size: () => bytes.length,
    replaced: () => false,
    close: () => undefined,
  };
}
