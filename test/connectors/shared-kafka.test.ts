/** Blocks of messages between threads, and which offsets may be committed. No broker needed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import type { Batch } from '../../src/columnar/batch.js';
import { rowOffset } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import {
  decoderParts,
  KafkaBlockDecoder,
  partsOf,
  SplitDecoder,
} from '../../src/connectors/kafka/block-decoder.js';
import { KafkaBlockReader } from '../../src/connectors/kafka/block-source.js';
import { MessageBlock, RECORD_BYTES_MAX } from '../../src/connectors/kafka/blocks/message-block.js';
import {
  messageBlockBytes,
  writeMessageBlock,
} from '../../src/connectors/kafka/blocks/message-wire.js';
import {
  FetchBudget,
  PartitionQueue,
} from '../../src/connectors/kafka/librdkafka/rdkafka-queue.js';
import type { RdMessage } from '../../src/connectors/kafka/blocks/message-block.js';
import type { TopicReader } from '../../src/connectors/kafka/librdkafka/rdkafka-reader.js';
import { readOptions } from '../../src/connectors/kafka/settings/table-options.js';
import type { SourceRequest } from '../../src/connectors/source.js';
import type { SystemColumn } from '../../src/plan/schema.js';
import { SYSTEM_COLUMNS } from '../../src/plan/schema.js';
import { fileTable, ID } from './file-support.js';

const TIME_LIMIT_MS = 240_000;
const COLUMNS = [...ID, { name: 's', type: VARCHAR }];
const ALL_SYSTEM: readonly SystemColumn[] = SYSTEM_COLUMNS.map(({ name }) => name);

interface Failure {
  readonly offset: number;
  readonly key: string;
  readonly message: string;
  readonly raw: string;
}

function kafkaRequest(system: readonly SystemColumn[], failures: Failure[]): SourceRequest {
  const options = { topic: 'orders', 'properties.bootstrap.servers': 'localhost:9092' };
  return {
    table: { ...fileTable(options, COLUMNS), connector: 'kafka' },
    physical: [0, 1],
    system,
    batchRowsMax: 16,
    errors: {
      recordFailed: (header, row, { key, message }) => {
        const raw = Buffer.from(header.rawRecord?.(row) ?? []).toString();
        failures.push({ offset: rowOffset(header, row), key, message, raw });
      },
    },
    clock: { nowMs: () => 1_700_000_000_000, monotonicNs: () => 0 },
    notice: () => undefined,
  };
}

/** Everything that a batch says, as plain values. */
function content(batch: Batch, system: readonly SystemColumn[]): unknown {
  const types: readonly SqlType[] = [
    ...COLUMNS.map(({ type }) => type),
    ...system.map((name) => SYSTEM_COLUMNS.find((each) => each.name === name)?.type ?? BIGINT),
  ];
  const rows = batch.selection === null ? [...Array(batch.rowCount).keys()] : [...batch.selection];
  const { sequence, split, firstOffset, ingestTimeMs, sourceName } = batch.header;
  return {
    header: { sequence, split, firstOffset, ingestTimeMs, sourceName },
    rowCount: batch.rowCount,
    failed: batch.failed === null ? null : [...batch.failed.subarray(0, batch.rowCount)],
    rows: rows.slice(0, batch.selectedCount).map((row) => ({
      offset: rowOffset(batch.header, row),
      raw: Buffer.from(batch.header.rawRecord?.(row) ?? []).toString(),
      values: batch.columns.map((column, at) => columnValue(column, types[at] ?? BIGINT, row)),
    })),
  };
}

const message = fc.record({
  gap: fc.nat(2),
  value: fc.oneof(
    fc.tuple(fc.nat(99), fc.string({ maxLength: 40 })).map(([id, s]) => JSON.stringify({ id, s })),
    fc.constantFrom('', 'x', '{"id":"no"}', '{"id":1,"s":null}'),
  ),
  key: fc.option(fc.uint8Array({ maxLength: 12 })),
  timestamp: fc.constantFrom(-1, 1_600_000_000_000),
  header: fc.option(fc.string({ maxLength: 5 })),
});

describe('a block of messages as bytes', () => {
  test(
    'decodes to the batch that the block itself gives',
    async () => {
      const shared = new SharedArrayBuffer(64 * 1024);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(message, { minLength: 1, maxLength: 16 }), { maxLength: 5 }),
          fc.constantFrom([], ALL_SYSTEM, ['_key'] as const, ['_headers', '_offset'] as const),
          fc.nat(50),
          async (blocks, system, place) => {
            const u8 = new Uint8Array(shared, 64);
            const [here, there]: Failure[][] = [[], []];
            const request = kafkaRequest(system, here ?? []);
            const worker = await KafkaBlockDecoder.open(kafkaRequest(system, there ?? []));
            const parts = await decoderParts(request);
            const splits = [0, 1].map(
              (split) => new SplitDecoder(parts, { split, topic: 'orders' }),
            );
            for (const [sequence, messages] of blocks.entries()) {
              const split = sequence % 2;
              const block = blockOf(messages, request, split);
              const view = { split, sequence, block, nextOffset: 0 };
              const used = writeMessageBlock(view, u8, place * 8);
              expect(used).toBe(messageBlockBytes(view));
              const decoded = worker.decode(u8, place * 8);
              // The bytes may be given back once decode() has returned.
              u8.fill(0xee, place * 8, place * 8 + used);
              const got = content(decoded, system);
              const expected = splits[split]?.decode(block, sequence) as Batch;
              expect(got).toEqual(content(expected, system));
            }
            expect(there).toEqual(here);
          },
        ),
        { seed: 7, numRuns: 200 },
      );
    },
    TIME_LIMIT_MS,
  );

  test('of a fetched response only the records that it refers to travel', async () => {
    const request = kafkaRequest([], []);
    const values = ['{"id":1,"s":"a"}', '{"id":2,"s":"é"}'].map((text) => Buffer.from(text));
    const response = Buffer.concat([Buffer.alloc(50_000, 'x'), ...values, Buffer.alloc(9_000)]);
    const block = new MessageBlock(16, partsOf(request, readOptions(request.table)));
    let at = 50_000;
    for (const [row, { length }] of values.entries()) {
      block.starts[row] = at;
      block.ends[row] = at + length;
      block.offsets[row] = row;
      at += length;
    }
    block.rowCount = values.length;
    block.refer(response, response.length);
    const view = { split: 0, sequence: 0, block, nextOffset: 2 };
    const u8 = new Uint8Array(messageBlockBytes(view));
    expect(u8.length).toBeLessThan(500);
    expect(writeMessageBlock(view, u8, 0)).toBe(u8.length);
    const batch = (await KafkaBlockDecoder.open(request)).decode(u8, 0);
    const rows = [0, 1].map((row) => [0, 1].map((column) => columnOf(batch, column, row)));
    expect(rows).toEqual([
      [1n, 'a'],
      [2n, 'é'],
    ]);
  });

  test('a record that was too large stays a record that failed', async () => {
    const failures: Failure[] = [];
    const request = kafkaRequest([], failures);
    const block = new MessageBlock(16, partsOf(request, readOptions(request.table)));
    const large = new Uint8Array(RECORD_BYTES_MAX + 1);
    for (const value of [Buffer.from('{"id":1}'), large, Buffer.from('{"id":2}')]) {
      block.append(rdMessage(block.rowCount, value), value);
    }
    const view = { split: 3, sequence: 0, block, nextOffset: 3 };
    const u8 = new Uint8Array(messageBlockBytes(view));
    writeMessageBlock(view, u8, 0);
    const batch = (await KafkaBlockDecoder.open(request)).decode(u8, 0);
    expect([...(batch.failed ?? [])].slice(0, 3)).toEqual([0, 1, 0]);
    expect(failures).toMatchObject([{ offset: 1, key: 'RECORD_TOO_LARGE' }]);
    expect(failures[0]?.message).toContain(String(RECORD_BYTES_MAX + 1));
  });
});

describe('offsets that may be committed', () => {
  test('are behind what all receivers have finished, and behind offsets without records', async () => {
    const { reader, queue, committed } = fakeReader({ start: 10, stop: 100 });
    const [split] = reader.splits;
    expect(await committed()).toBe(10);
    for (const offset of [10, 11, 14]) queue.add(rdMessage(offset, Buffer.from('{}')), 0);
    const first = split?.next();
    const second = split?.next();
    if (typeof first !== 'object' || typeof second !== 'object') throw new Error('two blocks');
    expect([first.nextOffset, second.nextOffset]).toEqual([12, 15]);
    expect([first.sequence, second.sequence]).toEqual([0, 1]);
    expect(await committed()).toBe(10);
    reader.commitThrough(0, first.nextOffset);
    expect(await committed()).toBe(12);
    queue.reachedEnd(20);
    expect(await committed()).toBe(12);
    reader.commitThrough(0, second.nextOffset);
    expect(await committed()).toBe(20);
    expect(split?.next()).toBe('wait');
    queue.reachedEnd(100);
    expect(split?.next()).toBe('end');
    expect(split?.rowsRead()).toBe(3);
  });

  test('start where the split was told to', async () => {
    const { reader, queue, committed } = fakeReader({ start: 0, stop: Infinity });
    reader.splits[0]?.seek('40');
    expect(reader.splits[0]?.position()).toBe('40');
    queue.add(rdMessage(40, Buffer.from('{}')), 0);
    reader.splits[0]?.next();
    expect(await committed()).toBe(40);
    expect(() => reader.splits[0]?.seek('x')).toThrowError(/"x" is no offset/);
  });
});

function columnOf(batch: Batch, column: number, row: number): unknown {
  const vector = batch.columns[column];
  return vector === undefined
    ? undefined
    : columnValue(vector, COLUMNS[column]?.type ?? BIGINT, row);
}

function blockOf(
  messages: readonly {
    readonly gap: number;
    readonly value: string;
    readonly key: Uint8Array | null;
    readonly timestamp: number;
    readonly header: string | null;
  }[],
  request: SourceRequest,
  partition: number,
): MessageBlock {
  const block = new MessageBlock(
    request.batchRowsMax,
    partsOf(request, readOptions(request.table)),
  );
  block.ingestTimeMs = 1_650_000_000_000;
  let offset = 0;
  for (const { gap, value, key, timestamp, header } of messages) {
    offset += 1 + gap;
    const bytes = Buffer.from(value);
    const headers = header === null ? [] : [{ h: Buffer.from(header) }, { n: 'é' }];
    block.append({ topic: 't', partition, offset, value: bytes, key, timestamp, headers }, bytes);
  }
  return block;
}

function rdMessage(offset: number, value: Uint8Array): RdMessage {
  return { topic: 't', partition: 0, offset, value, key: null, timestamp: -1 };
}

/** A reader over a queue that the test fills, and what it would commit. */
function fakeReader(range: { readonly start: number; readonly stop: number }): {
  readonly reader: KafkaBlockReader;
  readonly queue: PartitionQueue;
  readonly committed: () => Promise<number>;
} {
  const settings = {
    budget: new FetchBudget(),
    rowsMax: 2,
    parts: { keys: false, headers: false },
  };
  const queue = new PartitionQueue({ partition: 0, ...range }, settings);
  let offset = -1;
  const topic = {
    queues: [queue],
    failure: null,
    tombstones: 0,
    start: () => undefined,
    drained: () => undefined,
    commit: (positionOf: (partition: number) => number) => {
      offset = positionOf(0);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  // The part of TopicReader that reading and committing use; the rest talks to a broker.
  const reader = new KafkaBlockReader(topic as unknown as TopicReader, {
    path: 'librdkafka',
    bounded: true,
    topic: 'orders',
    notice: () => undefined,
  });
  const committed = async (): Promise<number> => {
    await reader.commit();
    return offset;
  };
  return { reader, queue, committed };
}
