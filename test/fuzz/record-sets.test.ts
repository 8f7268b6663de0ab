/**
 * Mutated batches of a real broker: an error, or the records that the plain parser reads from the
 * same bytes; with checksums, always an error. Their compressed parts alone: what they unpack to, or
 * an error, whatever stands around them and in the memory that they unpack into. A run is one
 * mutant read once.
 */
import { VeloError } from '../../src/base/errors.js';
import { unpack } from '../../src/connectors/kafka/batch/record-codecs.js';
import { CodecFault, GrowingBytes } from '../../src/formats/codecs/growing-bytes.js';
import { parseRecordSet } from '../support/record-batches.js';
import type { PlainRead } from '../support/record-batches.js';
import { readRecordSet, singleBatches, storedBatches } from '../connectors/kafka/read-records.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

/** Unpacking a bomb up to its limit is the most that a batch may cost. */
const CPU_MS_MAX = 3_000;
/** Bytes before what the checksum covers. */
const UNCOVERED = 21;
/** Where the records of a batch start, compressed or not. */
const RECORDS_AT = 61;
const ATTRIBUTES_AT = 21;
const ABORTED = [
  { producerId: 0, firstOffset: 11 },
  { producerId: 1, firstOffset: 22 },
];
const ODD_BYTES = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];
const ODD_NUMBERS = [0, 1, -1, 61, 255, 65_536, 0x7fffffff, -0x80000000];

// Most mutations end in an error, and most of an error's cost is its stack.
Error.stackTraceLimit = 3;

const stored = storedBatches();
const small = singleBatches(stored.get('transactions')!);
const large = [...stored.values()].flatMap((set) => singleBatches(set).slice(0, 1));
const sets = [stored.get('transactions')!, stored.get('zstd')!];

function mutate(bytes: Buffer, random: Random): Buffer {
  let out = Buffer.from(bytes);
  for (let left = 1 + random.below(3); left > 0 && out.length > 8; left -= 1) {
    const at = random.below(out.length);
    const length = 1 + random.below(Math.min(24, out.length - at));
    switch (random.below(8)) {
      case 0:
        out[at]! ^= 1 << random.below(8);
        break;
      case 1:
        out[at] = random.below(256);
        break;
      case 2:
        out[at] = random.pick(ODD_BYTES);
        break;
      case 3:
        out.writeInt32BE(random.pick(ODD_NUMBERS), Math.min(at, out.length - 4));
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 5:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      case 6:
        out.copyWithin(random.below(out.length), at, at + length);
        break;
      default:
        if (random.below(4) === 0) out = out.subarray(0, at);
        else out[at]! += 1;
    }
  }
  return out;
}

const scratch = new GrowingBytes();
function inflate(codec: number, bytes: Buffer): Buffer {
  scratch.release();
  scratch.limitTo(128 << 20);
  unpack(codec, bytes, 0, bytes.length, scratch);
  return Buffer.from(scratch.bytes.subarray(0, scratch.length));
}

/** The read, or null for an error of velo's own; anything else is a fault. */
function attempt(bytes: Buffer, checkCrcs: boolean, committed: boolean): PlainRead | null {
  try {
    return readRecordSet(bytes, { checkCrcs, committed, aborted: ABORTED });
  } catch (error) {
    if (error instanceof VeloError) return null;
    throw error;
  }
}

function plain(bytes: Buffer, committed: boolean): PlainRead | null {
  try {
    return parseRecordSet(bytes, { committed, aborted: ABORTED, inflate });
  } catch {
    return null;
  }
}

function same(a: PlainRead, b: PlainRead): boolean {
  if (a.nextOffset !== b.nextOffset || a.tombstones !== b.tombstones) return false;
  return (
    a.records.length === b.records.length &&
    a.records.every((one, at) => {
      const other = b.records[at]!;
      return (
        one.offset === other.offset &&
        one.timeMs === other.timeMs &&
        one.key === other.key &&
        one.value === other.value &&
        one.headers.length === other.headers.length &&
        (one.headers.length === 0 || JSON.stringify(one.headers) === JSON.stringify(other.headers))
      );
    })
  );
}

function readMutant(input: FuzzInput): void {
  const { random } = input;
  const kind = random.below(8);
  const from = kind < 5 ? small : kind < 7 ? large : sets;
  const origin = random.pick(from);
  const bytes = mutate(origin, random);
  const committed = random.chance(50);
  input.shows(bytes.toString('hex'));
  const read = attempt(bytes, false, committed);
  const reference = plain(bytes, committed);
  if (read === null) {
    if (reference !== null) throw new Error('refused, where the plain parser reads records');
    input.counts('refused');
  } else {
    if (reference === null || !same(read, reference)) throw new Error('other records');
    input.counts('the same records');
  }
  const isCovered =
    from !== sets &&
    bytes.length === origin.length &&
    !bytes.equals(origin) &&
    bytes.subarray(0, UNCOVERED).equals(origin.subarray(0, UNCOVERED));
  if (!isCovered) return;
  if (attempt(bytes, true, committed) !== null) throw new Error('the checksum passed');
  input.counts('refused for its checksum');
}

/** The compressed parts of what is stored, and the number of their codec. */
const packed = large
  .map((batch) => ({
    codec: batch.readInt16BE(ATTRIBUTES_AT) & 7,
    bytes: batch.subarray(RECORDS_AT),
  }))
  .filter(({ codec }) => codec > 0);
const UNPACKED_BYTES_MAX = 1 << 18;

/** Unpacks between other bytes into memory that was used before. */
function unpacked(codec: number, bytes: Buffer, dirt: number): string {
  const target = new GrowingBytes();
  target.limitTo(UNPACKED_BYTES_MAX);
  target.reserve(1);
  target.bytes.fill(dirt);
  const around = Buffer.alloc(bytes.length + 32, dirt);
  bytes.copy(around, 16);
  try {
    unpack(codec, around, 16, 16 + bytes.length, target);
    return Buffer.from(target.bytes.subarray(0, target.length)).toString('latin1');
  } catch (error) {
    if (error instanceof CodecFault) return `refused: ${error.kind}`;
    throw error;
  } finally {
    target.release();
  }
}

function unpackMutant(input: FuzzInput): void {
  const { codec, bytes: origin } = input.random.pick(packed);
  const bytes = mutate(origin, input.random);
  input.shows(`codec ${codec}: ${bytes.toString('hex')}`);
  const first = unpacked(codec, bytes, 0);
  for (const dirt of [0xff, 0x80]) {
    if (unpacked(codec, bytes, dirt) !== first) throw new Error('what is around it shows');
  }
  input.counts(first.startsWith('refused') ? first : 'unpacked', 3);
}

fuzz({
  file: 'record-sets',
  name: 'mutated batches are refused, or have the records that a plain parser reads',
  sample: 40_000,
  cpuMsMax: CPU_MS_MAX,
  run: readMutant,
});

fuzz({
  file: 'record-sets',
  name: 'mutated compressed blocks unpack to the same, whatever memory they meet',
  sample: 4_000,
  cpuMsMax: CPU_MS_MAX,
  run: unpackMutant,
});
