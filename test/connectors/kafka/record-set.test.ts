/** What the record walk gives for every form of batch that a topic can hold, and what it refuses. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectorError } from '../../../src/base/errors.js';
import { MessageBlock, TOO_LARGE } from '../../../src/connectors/kafka/blocks/message-block.js';
import { RecordSetReader, scanRecordSet } from '../../../src/connectors/kafka/batch/record-set.js';
import {
  encodeBatch,
  encodeBatches,
  parseRecordSet,
  varint,
} from '../../support/record-batches.js';
import type { Codec, TestBatch, TestRecord } from '../../support/record-batches.js';
import { readRecordSet } from './read-records.js';

const TIME_LIMIT_MS = 240_000;
const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'snappy-framed', 'lz4', 'zstd'];

const text = (value: string): Buffer => Buffer.from(value);
const rec = (delta: number, value: string | null, more: Partial<TestRecord> = {}): TestRecord => ({
  delta,
  key: null,
  value: value === null ? null : text(value),
  ...more,
});
const recs = (count: number, from = 0): TestRecord[] =>
  Array.from({ length: count }, (_, at) => rec(at, `{"id":${from + at}}`));
const offsetsOf = (set: Buffer, request = {}): number[] =>
  readRecordSet(set, request).records.map(({ offset }) => offset);

/** Code and message of the error that reading gives. */
function faultOf(set: Buffer, request = {}): string {
  try {
    readRecordSet(set, request);
  } catch (error) {
    if (error instanceof ConnectorError) return `${error.key}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('which records count', () => {
  it('skips those before the fetch offset and ends before the stop', () => {
    const set = encodeBatches(
      { baseOffset: 10, records: recs(5) },
      { baseOffset: 15, records: recs(5), codec: 'lz4' },
    );
    expect(offsetsOf(set, { firstOffset: 13, stop: 17 })).toEqual([13, 14, 15, 16]);
    expect(readRecordSet(set, { firstOffset: 13, stop: 15 }).nextOffset).toBe(15);
    expect(readRecordSet(set, { firstOffset: 13, stop: 14 }).nextOffset).toBe(14);
  });

  it('moves over what compaction left out', () => {
    const set = encodeBatches(
      { baseOffset: 0, records: [rec(2, 'a'), rec(7, 'b')], lastDelta: 9 },
      { baseOffset: 10, records: [], lastDelta: 4 },
      { baseOffset: 40, records: [rec(1, 'c')], lastDelta: 3, codec: 'gzip' },
    );
    const read = readRecordSet(set);
    expect(read.records.map(({ offset, value }) => [offset, value])).toEqual([
      [2, 'a'],
      [7, 'b'],
      [41, 'c'],
    ]);
    expect(read.nextOffset).toBe(44);
  });

  it('counts tombstones and gives no row for them', () => {
    const set = encodeBatch({ baseOffset: 0, records: [rec(0, null), rec(1, ''), rec(2, null)] });
    const read = readRecordSet(set, { firstOffset: 1 });
    expect(read).toMatchObject({ tombstones: 1, nextOffset: 3 });
    expect(read.records).toMatchObject([{ offset: 1, value: '' }]);
  });

  it('leaves out aborted transactions, also those around committed ones', () => {
    const of = (producerId: number, baseOffset: number): TestBatch => ({
      baseOffset,
      producerId,
      transactional: true,
      records: recs(2),
      codec: baseOffset % 4 === 0 ? 'snappy' : 'none',
    });
    const marker = (producerId: number, baseOffset: number, control: 'abort' | 'commit') => ({
      baseOffset,
      producerId,
      control,
      records: [],
    });
    const set = encodeBatches(
      of(1, 0),
      of(2, 2),
      of(1, 4),
      marker(1, 6, 'abort'),
      of(1, 7),
      of(2, 9),
      { baseOffset: 11, records: recs(1) },
      marker(2, 12, 'commit'),
      of(2, 13),
      marker(1, 15, 'commit'),
      marker(2, 16, 'abort'),
    );
    const aborted = [
      { producerId: 2, firstOffset: 13 },
      { producerId: 1, firstOffset: 0 },
    ];
    expect(offsetsOf(set, { aborted, committed: true })).toEqual([2, 3, 7, 8, 9, 10, 11]);
    expect(offsetsOf(set, { aborted })).toEqual([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14]);
    expect(readRecordSet(set, { aborted, committed: true }).nextOffset).toBe(17);
  });

  it('leaves a batch that did not come whole to the next fetch', () => {
    const set = encodeBatches(
      { baseOffset: 0, records: recs(3) },
      { baseOffset: 3, records: recs(3) },
    );
    const cut = set.subarray(0, set.length - 1);
    expect(readRecordSet(cut)).toMatchObject({ nextOffset: 3, records: { length: 3 } });
    const first = encodeBatch({ baseOffset: 7, records: recs(3) });
    for (const length of [0, 5, 12, 17, 61, first.length - 1]) {
      const part = first.subarray(0, length);
      expect(readRecordSet(part, { firstOffset: 7 })).toMatchObject({ nextOffset: 7, records: [] });
      const scan = scanRecordSet(part, 0, length);
      expect(scan).toMatchObject({ nextOffset: -1, batches: 0 });
      expect(scan.partialBytes).toBe(length === 0 ? 0 : length < 12 ? 61 : first.length);
    }
  });
});

describe('what a record says', () => {
  it('has its own time, or the one at which the broker appended', () => {
    const records = [rec(0, 'a', { timeDelta: 5 }), rec(1, 'b', { timeDelta: -3_000_000_000 })];
    const times = (batch: TestBatch) =>
      readRecordSet(encodeBatch(batch)).records.map(({ timeMs }) => timeMs);
    const baseTimeMs = 1_700_000_000_000;
    expect(times({ baseOffset: 0, records, baseTimeMs })).toEqual([
      1_700_000_000_005, 1_697_000_000_000,
    ]);
    expect(times({ baseOffset: 0, records, appendTimeMs: 42 })).toEqual([42, 42]);
    expect(times({ baseOffset: 0, records: [rec(0, 'a')], baseTimeMs: -1 })).toEqual([-1]);
  });

  it('has a key, also one that is no UTF-8, and headers of which the last counts', () => {
    const headers = [
      ['a', text('1')],
      ['b', null],
      ['a', text('ž')],
    ] as const;
    for (const codec of CODECS) {
      const set = encodeBatches(
        {
          baseOffset: 0,
          codec,
          records: [
            rec(0, 'v', { key: text('ключ'), headers }),
            rec(1, 'w', { key: Buffer.of(0xff, 0x41, 0xc3) }),
            rec(2, 'x', { key: text('') }),
          ],
        },
        { baseOffset: 3, codec, records: [rec(0, 'y', { key: Buffer.of(0xfe) }), rec(1, 'z')] },
      );
      for (const rowsMax of [1, 2, 3, 64]) {
        const { records } = readRecordSet(set, { rowsMax });
        expect(records.map(({ key, value }) => [key, value])).toEqual([
          [Buffer.from('ключ').toString('latin1'), 'v'],
          ['\xffA\xc3', 'w'],
          ['', 'x'],
          ['\xfe', 'y'],
          [null, 'z'],
        ]);
        expect(records[0]?.headers).toEqual([
          ['a', 'ž'],
          ['b', null],
        ]);
      }
    }
  });

  it(
    'may have 8 MB; beyond the limit it is a row without a value',
    { timeout: TIME_LIMIT_MS },
    () => {
      const large = Buffer.alloc(8 << 20, 'x');
      for (const codec of CODECS) {
        const records = [rec(0, 'a'), { delta: 1, key: null, value: large }, rec(2, 'b')];
        const read = readRecordSet(encodeBatch({ baseOffset: 0, codec, records }));
        expect(read.records.map(({ value }) => value.length)).toEqual([1, 8 << 20, 1]);
      }
      const value = Buffer.alloc((16 << 20) + 1);
      const set = encodeBatch({
        baseOffset: 0,
        records: [{ delta: 0, key: null, value }, rec(1, 'b')],
      });
      const block = new MessageBlock(8, { keys: false, headers: false });
      const reader = readerOf();
      reader.begin(set, 0, set.length, { firstOffset: 0, stop: Infinity, aborted: [] });
      reader.fill(block);
      expect([block.rowCount, block.ends[0], block.tooLargeBytes]).toEqual([
        2,
        TOO_LARGE,
        value.length,
      ]);
      expect(Buffer.from(block.rawRecord(1)).toString()).toBe('b');
    },
  );
});

function readerOf(checkCrcs = true): RecordSetReader {
  const parts = { keys: false, headers: false };
  return new RecordSetReader({ parts, checkCrcs, isolation: 'read_committed', label: 'topic "t"' });
}

describe('blocks', () => {
  it('refer to the fetched bytes without a copy, and let go of them', () => {
    const set = encodeBatches(
      { baseOffset: 0, records: recs(3) },
      { baseOffset: 3, records: recs(2) },
    );
    const block = new MessageBlock(100, { keys: false, headers: false });
    const reader = readerOf();
    reader.begin(set, 0, set.length, { firstOffset: 0, stop: Infinity, aborted: [] });
    expect(reader.fill(block)).toBe(false);
    expect(block.rowCount).toBe(5);
    expect(block.bytes).toBe(set);
    block.clear();
    expect(block.bytes).not.toBe(set);
  });

  it('hold many small compressed batches each', () => {
    for (const codec of CODECS) {
      const batches = Array.from({ length: 1_000 }, (_, at) => ({
        baseOffset: at * 3,
        records: recs(3, at * 3),
        codec,
      }));
      const set = encodeBatches(...batches);
      const block = new MessageBlock(4096, { keys: false, headers: false });
      const reader = readerOf();
      reader.begin(set, 0, set.length, { firstOffset: 0, stop: Infinity, aborted: [] });
      expect(reader.fill(block)).toBe(false);
      expect(block.rowCount).toBe(3_000);
      expect(Buffer.from(block.rawRecord(2_999)).toString()).toBe('{"id":2999}');
    }
  });

  it('end where the bytes change', () => {
    const set = encodeBatches(
      { baseOffset: 0, records: recs(2) },
      { baseOffset: 2, records: recs(2), codec: 'lz4' },
      { baseOffset: 4, records: recs(2), codec: 'gzip' },
      { baseOffset: 6, records: recs(2) },
    );
    const block = new MessageBlock(4096, { keys: false, headers: false });
    const reader = readerOf();
    reader.begin(set, 0, set.length, { firstOffset: 0, stop: Infinity, aborted: [] });
    const counts: number[] = [];
    for (let more = true; more;) {
      block.clear();
      more = reader.fill(block);
      counts.push(block.rowCount);
    }
    expect(counts).toEqual([2, 4, 2]);
  });
});

describe('what is refused', () => {
  it('names partition and offset of a batch whose checksum does not match', () => {
    const set = encodeBatch({ baseOffset: 71, records: recs(3) });
    set[set.length - 3]! ^= 1;
    expect(faultOf(set, { checkCrcs: true })).toBe(
      'KAFKA_RECORD_CORRUPT: topic "t" partition 3: the record batch at offset 71 is corrupt: ' +
        'its checksum does not match',
    );
    expect(faultOf(set)).toBe('no error');
  });

  it('is a format or a codec that nobody knows', () => {
    for (const magic of [0, 1, 3, -1]) {
      const set = encodeBatch({ baseOffset: 5, records: recs(1), magic });
      expect(faultOf(set)).toMatch(
        `KAFKA_RECORD_FORMAT: topic "t" partition 3: the records at offset 5 are in format ${magic}`,
      );
      expect(() => scanRecordSet(set, 0, set.length)).toThrow(/in format/);
    }
    const set = encodeBatch({ baseOffset: 5, records: recs(1) });
    set[22] = 5;
    expect(faultOf(set)).toMatch(/KAFKA_CODEC: .*at offset 5 .* unknown number 5/);
  });

  it('is a batch that unpacks to more than memory should hold', { timeout: TIME_LIMIT_MS }, () => {
    const head = encodeBatch({ baseOffset: 5, codec: 'gzip', records: recs(1) }).subarray(0, 61);
    const set = Buffer.concat([head, gzipSync(Buffer.alloc(129 << 20), { level: 1 })]);
    set.writeInt32BE(set.length - 12, 8);
    expect(faultOf(set)).toMatch(/KAFKA_CODEC: .*more than 134217728 bytes/);
  });

  it('is a record whose lengths do not add up', () => {
    const good = varint(0);
    const bodies: Record<string, Buffer> = {
      'a record of': Buffer.concat([varint(900), Buffer.alloc(10)]),
      'is longer than its fields': Buffer.concat([varint(7), Buffer.alloc(7)]),
      'ends before its fields do': Buffer.concat([varint(5), Buffer.of(0, 0, 0, 1, 0)]),
      'a length is -2': Buffer.concat([varint(6), Buffer.of(0, 0, 0, 3, 0, 0)]),
      'more than 32 bits': Buffer.concat([varint(9), Buffer.alloc(3), Buffer.alloc(6, 0xff)]),
      'behind its last record': Buffer.concat([varint(6), Buffer.alloc(6), good]),
      'does not ascend': Buffer.concat([varint(6), Buffer.of(0, 0, 4, 1, 1, 0)]),
      'it has -1 headers': Buffer.concat([varint(6), Buffer.of(0, 0, 0, 1, 1, 1)]),
    };
    for (const [why, body] of Object.entries(bodies)) {
      const head = encodeBatch({ baseOffset: 9, records: recs(1) }).subarray(0, 61);
      const set = Buffer.concat([head, body]);
      set.writeInt32BE(set.length - 12, 8);
      expect(faultOf(set)).toMatch(new RegExp(`KAFKA_RECORD_CORRUPT: .*at offset 9 .*${why}`));
    }
  });

  it('are offsets that come twice', () => {
    const set = encodeBatch({ baseOffset: 0, records: [rec(1, 'a'), rec(1, 'b')], lastDelta: 5 });
    expect(faultOf(set)).toMatch(/offset 1 does not ascend/);
    const twice = encodeBatches(
      { baseOffset: 0, records: recs(3) },
      { baseOffset: 0, records: recs(3) },
    );
    expect(offsetsOf(twice)).toEqual([0, 1, 2]);
  });
});

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }).map((each) => Buffer.from(each)),
  fc.string({ maxLength: 300 }).map((each) => Buffer.from(each)),
);
const optional = fc.option(bytes, { freq: 6 });
const record = fc.record({
  gap: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(300)),
  key: optional,
  value: optional,
  timeDelta: fc.oneof(fc.nat(100), fc.integer(), fc.constant(-1e12)),
  headers: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'ü'), optional), { maxLength: 3 }),
});
const batchOf = fc.record({
  gap: fc.nat(5),
  tail: fc.nat(5),
  codec: fc.constantFrom(...CODECS.filter((codec) => codec !== 'zstd')),
  records: fc.array(record, { maxLength: 20 }),
  appendTimeMs: fc.option(fc.nat(), { nil: undefined }),
  transactional: fc.boolean(),
  producerId: fc.nat(2),
  control: fc.option(fc.constantFrom('abort' as const, 'commit' as const), {
    nil: undefined,
    freq: 6,
  }),
});

/** Batches one behind the other, with gaps. */
function setOf(drawn: readonly (typeof batchOf extends fc.Arbitrary<infer B> ? B : never)[]): {
  readonly set: Buffer;
  readonly bodies: Map<string, Buffer>;
} {
  let next = 0;
  const bodies = new Map<string, Buffer>();
  const encoded = drawn.map(({ gap, tail, records, codec, appendTimeMs, ...rest }) => {
    let delta = -1;
    const numbered = records.map(({ gap: skipped, ...fields }) => {
      delta += skipped + 1;
      return { ...fields, delta };
    });
    const baseOffset = next + gap;
    const lastDelta = Math.max(0, delta) + (rest.control === undefined ? tail : 0);
    next = baseOffset + lastDelta + 1;
    const effective = records.length === 0 || rest.control !== undefined ? 'none' : codec;
    const append = appendTimeMs === undefined ? {} : { appendTimeMs };
    const { control, ...plain } = rest;
    const marked = control === undefined ? plain : { ...plain, control };
    const batch = { ...marked, ...append, baseOffset, lastDelta, records: numbered };
    const packed = encodeBatch({ ...batch, codec: effective });
    bodies.set(packed.subarray(61).toString('hex'), encodeBatch(batch).subarray(61));
    return packed;
  });
  return { set: Buffer.concat(encoded), bodies };
}

it(
  'reads what the plain parser reads, from any offset, in blocks of any size',
  () => {
    fc.assert(
      fc.property(
        fc.array(batchOf, { maxLength: 8 }),
        fc.record({
          firstOffset: fc.nat(60),
          rowsMax: fc.constantFrom(1, 3, 16, 500),
          stop: fc.oneof(fc.constant(Infinity), fc.nat(120)),
          committed: fc.boolean(),
          aborted: fc.array(fc.record({ producerId: fc.nat(2), firstOffset: fc.nat(100) }), {
            maxLength: 4,
          }),
        }),
        (drawn, request) => {
          const { set, bodies } = setOf(drawn);
          const inflate = (_: number, body: Buffer) => bodies.get(body.toString('hex')) ?? body;
          const read = readRecordSet(set, { ...request, checkCrcs: true });
          expect(read).toEqual(parseRecordSet(set, { ...request, inflate }));
        },
      ),
      { seed: 5, numRuns: 1_000 },
    );
  },
  TIME_LIMIT_MS,
);
