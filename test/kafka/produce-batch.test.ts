/**
 * Record batches as velo writes them: what the reading path finds in them is what was written, for
 * any records and codec; halves of a batch are the batch; keys go where Java's clients send them.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SqlMap } from '../../src/columnar/types.js';
import { ByteBuffer } from '../../src/formats/columns/byte-buffer.js';
import { batchCompressor } from '../../src/connectors/kafka/produce/batch-compression.js';
import { carryRecord, splitRecords } from '../../src/connectors/kafka/produce/batch-split.js';
import { keyPartition, murmur2 } from '../../src/connectors/kafka/record/key-partition.js';
import { MessageBlock } from '../../src/connectors/kafka/blocks/message-block.js';
import {
  RecordBatchWriter,
  appendVarint,
} from '../../src/connectors/kafka/produce/produce-batch.js';
import { RecordSetReader } from '../../src/connectors/kafka/batch/record-set.js';

interface Record {
  readonly key: string | null;
  readonly value: string;
  readonly timestampMs: number;
  readonly header: readonly [string, string] | null;
}

const STAMP = { producerId: 77n, epoch: 3, sequence: 123_456 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

describe('a record batch', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 20, unit: 'grapheme' }),
    // Around the sizes where a length takes another byte.
    fc.integer({ min: 50, max: 80 }).map((length) => 'x'.repeat(length)),
    fc.integer({ min: 8170, max: 8210 }).map((length) => 'y'.repeat(length)),
  );
  const record = fc.record({
    key: fc.option(text),
    value: text,
    timestampMs: fc.oneof(
      fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
      // To the end of year 9999.
      fc.integer({ min: 0, max: 253_402_300_799_999 }),
    ),
    header: fc.option(fc.tuple(text, text)),
  });

  it.each(['none', 'gzip', 'snappy', 'lz4'] as const)(
    'reads as it was written: %s',
    async (codec) => {
      const compressor = batchCompressor(codec);
      if (compressor === 'missing') throw new Error(`no ${codec}`);
      await compressor?.load?.();
      const writer = new RecordBatchWriter(64);
      fc.assert(
        fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), (records) => {
          write(writer, records);
          expect(read(writer.seal(STAMP, compressor))).toEqual(records);
        }),
        { numRuns: 200, seed: 5 },
      );
    },
  );

  it('holds what it held when it goes in parts, which are as large as they may be', () => {
    const bytesMax = fc.integer({ min: 1, max: 600 });
    fc.assert(
      fc.property(fc.array(record, { minLength: 2, maxLength: 20 }), bytesMax, (records, most) => {
        const writer = new RecordBatchWriter(64);
        write(writer, records);
        const parts = splitRecords(writer, most);
        expect(parts.every(({ rows, byteLength }) => rows === 1 || byteLength <= most)).toBe(true);
        parts.slice(1).forEach((part, at) => {
          const [first] = read(part.seal(STAMP, null));
          const before = new RecordBatchWriter(64);
          write(before, [...read(parts[at]!.seal(STAMP, null)), first!]);
          expect(before.byteLength).toBeGreaterThan(most);
        });
        expect(parts.flatMap((part) => read(part.seal(STAMP, null)))).toEqual(records);
      }),
      { numRuns: 200, seed: 6 },
    );
  });

  it('gives its last record to the next one', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 2, maxLength: 20 }), (records) => {
        const [writer, next] = [new RecordBatchWriter(64), new RecordBatchWriter(64)];
        write(writer, records.slice(0, -1));
        const from = writer.byteLength;
        const without = writer.seal(STAMP, null).slice();
        const whole = new RecordBatchWriter(64);
        write(whole, records);
        carryRecord(whole, from, next);
        expect(Buffer.from(whole.seal(STAMP, null)).equals(without)).toBe(true);
        expect(read(next.seal(STAMP, null))).toEqual(records.slice(-1));
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it('keeps no trace of a record that was dropped, and knows records without a value', () => {
    const writer = new RecordBatchWriter(64);
    write(writer, [{ key: 'a', value: 'first', timestampMs: 5, header: null }]);
    writer.beginRecord(encoder.encode('b'), 1, 6);
    writer.out.appendText('never');
    writer.dropRecord();
    writer.beginRecord(encoder.encode('c'), 1, 7);
    writer.endWithoutValue(null);
    const reader = newReader();
    const bytes = writer.seal(STAMP, null);
    expect(read(bytes, reader).map(({ value }) => value)).toEqual(['first']);
    expect([reader.tombstones, reader.nextOffset]).toEqual([1, 2]);
  });
});

describe('the partition of a key', () => {
  // From the tests of kafka-clients: UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('murmur2 of "%s" is that of Java', (key, hash) => {
    const bytes = encoder.encode(key);
    expect(murmur2(bytes, bytes.length)).toBe(hash);
    expect(keyPartition(bytes, bytes.length, 7)).toBe((hash & 0x7fffffff) % 7);
  });
});

function write(writer: RecordBatchWriter, records: readonly Record[]): void {
  writer.clear();
  for (const { key, value, timestampMs, header } of records) {
    const keyBytes = encoder.encode(key ?? '');
    writer.beginRecord(keyBytes, key === null ? -1 : keyBytes.length, timestampMs);
    writer.out.appendText(value);
    writer.endRecord(header === null ? null : headerBytes(header));
  }
}

function headerBytes(header: readonly [string, string]): ByteBuffer {
  const out = new ByteBuffer(64);
  appendVarint(out, 1);
  for (const part of header) {
    const bytes = encoder.encode(part);
    appendVarint(out, bytes.length);
    out.appendBytes(bytes, 0, bytes.length);
  }
  return out;
}

function newReader(): RecordSetReader {
  return new RecordSetReader({
    parts: { keys: true, headers: true },
    checkCrcs: true,
    isolation: 'read_committed',
    label: 'topic "t" partition 0',
  });
}

function read(batch: Uint8Array, reader = newReader()): Record[] {
  // A decoder may overwrite the byte behind a record: there is one.
  const bytes = new Uint8Array(batch.length + 1);
  bytes.set(batch);
  const start = { firstOffset: 0, stop: Number.POSITIVE_INFINITY, aborted: [] };
  reader.begin(bytes, 0, batch.length, start);
  const block = new MessageBlock(16, { keys: true, headers: true });
  const records: Record[] = [];
  for (let more = true; more;) {
    block.clear();
    more = reader.fill(block);
    for (let row = 0; row < block.rowCount; row += 1) records.push(recordOf(block, row));
  }
  return records;
}

function recordOf(block: MessageBlock, row: number): Record {
  const keyAt = block.keyStarts[row]!;
  const key = decoder.decode(block.bytes.subarray(keyAt, keyAt + block.keyLengths[row]!));
  return {
    key: block.keyNulls[row] === 1 ? null : key,
    value: decoder.decode(block.rawRecord(row)),
    timestampMs: block.timestampsMs[row]!,
    header: onlyHeader(block.headers[row]!),
  };
}

function onlyHeader({ keys, values }: SqlMap): readonly [string, string] | null {
  return keys.length === 0 ? null : [String(keys[0]), String(values[0])];
}
