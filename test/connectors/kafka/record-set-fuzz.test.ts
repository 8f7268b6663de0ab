/**
 * Mutated batches of a real broker: an error, or the records that the plain parser reads from the
 * same bytes; with checksums, always an error. 100,000 mutations; VELO_FUZZ=10000000 and VELO_SEED
 * make it a campaign.
 */
import { expect, test } from 'vitest';
import { VeloError } from '../../../src/base/errors.js';
import { unpack } from '../../../src/connectors/kafka/record-codecs.js';
import { GrowingBytes } from '../../../src/connectors/kafka/record-bytes.js';
import { parseRecordSet } from '../../support/record-batches.js';
import type { PlainRead } from '../../support/record-batches.js';
import { readRecordSet, singleBatches, storedBatches } from './read-records.js';

const MUTATIONS = Number(process.env['VELO_FUZZ'] ?? 100_000);
const SEED = Number(process.env['VELO_SEED'] ?? 5);
const PARSE_MS_MAX = 2_000;
/** Bytes before what the checksum covers. */
const UNCOVERED = 21;
const ABORTED = [
  { producerId: 0, firstOffset: 11 },
  { producerId: 1, firstOffset: 22 },
];
const ODD_BYTES = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];
const ODD_NUMBERS = [0, 1, -1, 61, 255, 65_536, 0x7fffffff, -0x80000000];

/** mulberry32: numbers below `below`. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(bytes: Buffer, pick: (below: number) => number): Buffer {
  let out = Buffer.from(bytes);
  for (let left = 1 + pick(3); left > 0 && out.length > 8; left -= 1) {
    const at = pick(out.length);
    const length = 1 + pick(Math.min(24, out.length - at));
    switch (pick(8)) {
      case 0:
        out[at]! ^= 1 << pick(8);
        break;
      case 1:
        out[at] = pick(256);
        break;
      case 2:
        out[at] = ODD_BYTES[pick(ODD_BYTES.length)]!;
        break;
      case 3:
        out.writeInt32BE(ODD_NUMBERS[pick(ODD_NUMBERS.length)]!, Math.min(at, out.length - 4));
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 5:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      case 6:
        out.copyWithin(pick(out.length), at, at + length);
        break;
      default:
        if (pick(4) === 0) out = out.subarray(0, at);
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

// Most mutations end in an error, and most of an error's cost is its stack.
Error.stackTraceLimit = 0;

const timeLimitMs = Math.max(240_000, MUTATIONS / 2);

test(`${MUTATIONS} mutations of real batches`, { timeout: timeLimitMs }, () => {
  const stored = storedBatches();
  const small = singleBatches(stored.get('transactions')!);
  const large = [...stored.values()].flatMap((set) => singleBatches(set).slice(0, 1));
  const sets = [stored.get('transactions')!, stored.get('zstd')!];
  const pick = numbers(SEED);
  const seen = { errors: 0, equal: 0, refused: 0, checksums: 0, slowestMs: 0 };
  for (let left = MUTATIONS; left > 0; left -= 1) {
    const kind = pick(8);
    const from = kind < 5 ? small : kind < 7 ? large : sets;
    const origin = from[pick(from.length)]!;
    const bytes = mutate(origin, pick);
    const committed = pick(2) === 0;
    const startedMs = performance.now();
    const read = attempt(bytes, false, committed);
    seen.slowestMs = Math.max(seen.slowestMs, performance.now() - startedMs);
    const reference = plain(bytes, committed);
    if (read === null && reference === null) {
      seen.errors += 1;
    } else if (read === null) {
      seen.refused += 1;
    } else if (reference !== null && same(read, reference)) {
      seen.equal += 1;
    } else {
      expect.unreachable(`seed ${SEED}, ${left} left: ${bytes.toString('hex')}`);
    }
    const covered =
      from !== sets &&
      bytes.length === origin.length &&
      !bytes.equals(origin) &&
      bytes.subarray(0, UNCOVERED).equals(origin.subarray(0, UNCOVERED));
    if (covered) {
      seen.checksums += 1;
      if (attempt(bytes, true, committed) !== null) {
        expect.unreachable(`seed ${SEED}, ${left} left: the checksum passed`);
      }
    }
  }
  console.log(`seed ${SEED}:`, JSON.stringify(seen));
  expect(seen.slowestMs).toBeLessThan(PARSE_MS_MAX);
  expect(seen.refused).toBe(0);
  expect(Math.min(seen.errors, seen.equal, seen.checksums)).toBeGreaterThan(0);
});
