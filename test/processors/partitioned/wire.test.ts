/**
 * Batches through shared memory: what is read equals what was written on every shipped row, for all
 * column kinds, several senders with dictionaries of their own, and any place in a dirty buffer.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockMemory } from '../../../src/columnar/arena.js';
import type { BlockMemory } from '../../../src/columnar/arena.js';
import { emptyHeader, newBatch } from '../../../src/columnar/batch.js';
import type { Batch, BatchHeader } from '../../../src/columnar/batch.js';
import { columnFromValues } from '../../../src/columnar/column-builder.js';
import { columnValue } from '../../../src/columnar/column.js';
import type { Column, ColumnKind, DictColumn, Utf8Column } from '../../../src/columnar/column.js';
import { DICTIONARY_ENTRIES_MAX, Dictionary } from '../../../src/columnar/dictionary.js';
import type { SqlType, SqlValue } from '../../../src/columnar/types.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../../src/columnar/types.js';
import type { RoutedRows } from '../../../src/processors/partitioned/routing/hash-router.js';
import {
  HashRouter,
  routeAll,
  RouteBuffer,
} from '../../../src/processors/partitioned/routing/hash-router.js';
import { BatchReader, BatchWriter } from '../../../src/processors/partitioned/wire/wire.js';
import { INCREMENT_BYTES_MAX } from '../../../src/processors/partitioned/wire/wire-dictionaries.js';
import { columnOf, COLUMNS, Random, randomRows } from '../../state/grouping-harness.js';

const TIMEOUT_MS = 240_000;
const MAP: SqlType = { kind: 'map', key: VARCHAR, value: DOUBLE };
const TYPES: readonly SqlType[] = [...COLUMNS, MAP];
const PARTITIONS = 5;
/** Partitions of two receivers. */
const SHARES = [
  [0, 2, 4],
  [1, 3],
];

function dirtyMemory(bytes: number): BlockMemory {
  const memory = blockMemory(new SharedArrayBuffer(bytes));
  memory.u8.fill(0xa5);
  return memory;
}

function wholeBatch(columns: Column[], rowCount: number): Batch {
  const batch = newBatch(columns, emptyHeader('test'));
  batch.rowCount = rowCount;
  batch.selectedCount = rowCount;
  return batch;
}

function selectedRows(batch: Batch): number[] {
  const all = Array.from({ length: batch.rowCount }, (_, row) => row);
  return batch.selection === null ? all : [...batch.selection.subarray(0, batch.selectedCount)];
}

function valuesOf(batch: Batch, types: readonly SqlType[], rows: readonly number[]): SqlValue[][] {
  return rows.map((row) => types.map((type, at) => columnValue(batch.columns[at]!, type, row)));
}

/** What of a batch belongs to rows besides their values. */
function detailsOf(batch: Batch, rows: readonly number[]): unknown {
  const { ops, rowWatermarks, origins, header } = batch;
  const { offsets, lineNumbers, splits, rawRecord } = header;
  return rows.map((row) => [
    ...[ops, rowWatermarks, origins, offsets, lineNumbers, splits].map(
      (array) => array?.[row] ?? null,
    ),
    rawRecord === null ? null : [...rawRecord(row)],
  ]);
}

function numbersOf(header: BatchHeader): number[] {
  const { split, sequence, firstOffset, ingestTimeMs, isResult } = header;
  const { watermarkBefore, watermarkAfter, watermarkOthers } = header;
  const watermarks = [watermarkBefore, watermarkAfter, watermarkOthers];
  return [split, sequence, firstOffset, ingestTimeMs, isResult ? 1 : 0, ...watermarks];
}

/** A sender whose dictionaries grow, and are replaced now and then. */
class Sender {
  readonly writer: BatchWriter;
  private readonly random: Random;
  private readonly types: readonly SqlType[];
  private readonly columns: readonly number[];
  private dictionary = new Dictionary();
  private sequence = 0;

  constructor(random: Random, columns: readonly number[], withRaw: boolean) {
    this.random = random;
    this.columns = columns;
    this.types = columns.map((column) => TYPES[column]!);
    this.writer = new BatchWriter({ types: this.types, withRaw });
  }

  batch(): Batch {
    const { random } = this;
    if (random.below(6) === 0) this.dictionary = new Dictionary();
    if (random.below(2) === 0) this.dictionary.internText(`text ${random.below(1e6)}`);
    const length = random.below(50);
    const rows = randomRows(length, random, random.below(2) === 0);
    const columns = this.columns.map((column) => {
      if (TYPES[column] === MAP) return this.maps(length);
      const values = rows.map((row) => row[column] as SqlValue);
      return columnOf(TYPES[column]!, values, random, this.dictionary);
    });
    // Arrays may be longer than the batch.
    const batch = wholeBatch(columns, length - random.below(Math.min(length, 3) + 1));
    this.addDetails(batch);
    return batch;
  }

  private maps(length: number): Column {
    const maps = Array.from({ length }, (_, row) =>
      this.random.below(3) === 0 ? null : { keys: ['a', `é${row}`], values: [row / 2, null] },
    );
    return columnFromValues(MAP, maps);
  }

  private addDetails(batch: Batch): void {
    const { random } = this;
    const { rowCount, header } = batch;
    const sometimes = <T>(make: () => T): T | null => (random.below(3) === 0 ? make() : null);
    const doubles = (): Float64Array =>
      Float64Array.from({ length: rowCount + 2 }, () => random.below(1e6) * 1e6);
    batch.ops = sometimes(() => Uint8Array.from({ length: rowCount }, () => random.below(4)));
    batch.rowWatermarks = sometimes(doubles);
    batch.origins = sometimes(() => Int32Array.from({ length: rowCount }, () => random.below(99)));
    header.offsets = sometimes(doubles);
    header.lineNumbers = sometimes(doubles);
    header.splits = sometimes(() => Int32Array.from({ length: rowCount }, () => random.below(99)));
    const record = (row: number): Uint8Array => new Uint8Array(row * 3).fill(row);
    header.rawRecord = random.below(4) > 0 ? record : null;
    header.split = random.below(1000);
    header.isResult = random.below(4) === 0;
    header.sequence = this.sequence;
    header.firstOffset = 2 ** 40 + random.below(1000);
    header.ingestTimeMs = 1.7e12 + random.below(1000);
    header.watermarkBefore = random.below(2) === 0 ? Number.NEGATIVE_INFINITY : 1.6e12;
    header.watermarkAfter = 1.65e12;
    header.watermarkOthers = random.below(2) === 0 ? Number.POSITIVE_INFINITY : 1.6e12;
    this.sequence += 1;
    if (random.below(2) === 0) return;
    const share = random.pick([0, 1, 3, 9]);
    batch.selection = Int32Array.from(
      Array.from({ length: rowCount }, (_, row) => row).filter(() => random.below(10) < share),
    );
    batch.selectedCount = batch.selection.length;
    // The used part of a selection may be shorter than its array.
    if (random.below(2) === 0) batch.selection = Int32Array.from([...batch.selection, 7, 7]);
  }
}

function readPart(reader: BatchReader, batch: Batch, partition: number): Batch {
  const rows = reader.rowsOf(partition);
  batch.selection = rows;
  batch.selectedCount = rows.length;
  return batch;
}

/** A batch with half of the selected rows, as a sender makes one that has no room. */
function halfOf(batch: Batch): Batch {
  const rows = selectedRows(batch);
  const half = Int32Array.from(rows.slice(0, rows.length >> 1));
  return { ...batch, selection: half, selectedCount: half.length };
}

function checkBlock(
  sent: Batch,
  types: readonly SqlType[],
  withRaw: boolean,
  read: Batch,
  expectedRows: readonly number[],
): void {
  const shown = withRaw ? sent : { ...sent, header: { ...sent.header, rawRecord: null } };
  expect(read.rowCount).toBe(sent.rowCount);
  expect(numbersOf(read.header)).toEqual(numbersOf(sent.header));
  expect(selectedRows(read)).toEqual(expectedRows);
  expect(valuesOf(read, types, expectedRows)).toEqual(valuesOf(sent, types, expectedRows));
  expect(detailsOf(read, expectedRows)).toEqual(detailsOf(shown, expectedRows));
}

describe('batches over the wire', () => {
  test(
    'arrive as they were sent, at every receiver',
    () => {
      const property = fc.property(
        fc.uniqueArray(fc.nat({ max: TYPES.length - 1 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        fc.integer(),
        (columns, senderCount, withRaw, seed) => {
          const random = new Random(seed);
          const memory = dirtyMemory(1 << 19);
          const types = columns.map((column) => TYPES[column]!);
          const senders = Array.from({ length: senderCount }, () => {
            return new Sender(random, columns, withRaw);
          });
          const router = new HashRouter({ keys: [0], types, partitions: PARTITIONS });
          const options = { types, senders: senderCount };
          const readers = SHARES.map(() => new BatchReader(options));
          const whole = new BatchReader(options);
          const reuse = new RouteBuffer(PARTITIONS);
          for (let block = 0; block < 20; block += 1) {
            const number = random.below(senderCount);
            const { writer } = senders[number]!;
            const batch = senders[number]!.batch();
            const way = random.below(3);
            const route = (of: Batch): RoutedRows | null => {
              if (way === 0) return null;
              return way === 1
                ? router.route(of)
                : routeAll(of, block % PARTITIONS, PARTITIONS, reuse);
            };
            const half = halfOf(batch);
            const bytesOfHalf = writer.size(half, route(half));
            const routed = route(batch);
            const size = writer.size(batch, routed);
            // Fewer rows take no more room, but for the list of which they are.
            expect(bytesOfHalf).toBeLessThanOrEqual(size + half.selectedCount * 4 + 4);
            const at = random.below(1000) * 8;
            const behind = memory.u8.slice(at + size, at + size + 64);
            const used = writer.write(batch, routed, memory, at);
            expect(used).toBe(size);
            expect(used % 8).toBe(0);
            expect(memory.u8.slice(at + size, at + size + 64)).toEqual(behind);
            const read = whole.read(number, memory, at, []);
            if (routed === null) {
              checkBlock(batch, types, withRaw, read, selectedRows(batch));
            }
            const seen: number[] = [];
            for (const [index, share] of SHARES.entries()) {
              const reader = readers[index]!;
              const mine = reader.read(number, memory, at, share);
              if (routed === null) continue;
              const { rows, starts } = routed;
              for (const partition of share) {
                const expected = [...rows.subarray(starts[partition], starts[partition + 1])];
                checkBlock(batch, types, withRaw, readPart(reader, mine, partition), expected);
                checkBlock(batch, types, withRaw, readPart(whole, read, partition), expected);
                seen.push(...expected);
              }
              if (routed === null) continue;
              expect(reader.rowsOf(PARTITIONS).length).toBe(0);
            }
            if (routed !== null) expect(seen.sort((a, b) => a - b)).toEqual(selectedRows(batch));
          }
        },
      );
      fc.assert(property, { numRuns: 150, seed: 4711 });
    },
    TIMEOUT_MS,
  );

  const KINDS: readonly (readonly [ColumnKind, SqlType, readonly SqlValue[]])[] = [
    ['f64', DOUBLE, [1.5, -0, 5e-324, 1e300]],
    ['i64', BIGINT, [2n ** 63n - 1n, -(2n ** 63n), 0n, -1n]],
    ['i128', { kind: 'decimal', precision: 38, scale: 0 }, [10n ** 37n, -(10n ** 37n), 0n, -1n]],
    ['bool', { kind: 'boolean' }, [true, false, true, true]],
    ['utf8', VARCHAR, ['', 'é', 'x'.repeat(200), 'a']],
    ['dict', VARCHAR, ['', 'é', 'x'.repeat(200), '']],
    ['list', { kind: 'array', element: BIGINT }, [[1n], [], [2n ** 60n, null], [3n]]],
  ];
  test.each(KINDS)('%s columns keep their kind, with and without NULLs', (kind, type, values) => {
    const memory = dirtyMemory(8192);
    const writer = new BatchWriter({ types: [type], withRaw: false });
    const reader = new BatchReader({ types: [type], senders: 1 });
    for (const nulls of [[], [1], [0, 1, 2, 3], []]) {
      const some = values.map((value, row) => (nulls.includes(row) ? null : value));
      const batch = wholeBatch([columnFromValues(type, some, kind)], 4);
      writer.write(batch, null, memory, 16);
      const read = reader.read(0, memory, 16, []);
      expect(read.columns[0]!.kind).toBe(kind);
      expect(read.columns[0]!.nulls === null).toBe(nulls.length === 0);
      expect(valuesOf(read, [type], [0, 1, 2, 3])).toEqual(some.map((value) => [value]));
      expect(read.selection).toBe(null);
    }
  });

  test('the batch, its header and its columns are the same objects block after block', () => {
    const memory = dirtyMemory(4096);
    const writer = new BatchWriter({ types: [VARCHAR, DOUBLE], withRaw: false });
    const reader = new BatchReader({ types: [VARCHAR, DOUBLE], senders: 1 });
    const columns = [columnFromValues(VARCHAR, ['a', 'b']), columnFromValues(DOUBLE, [1, 2])];
    const batch = wholeBatch(columns, 2);
    const reads = [0, 1, 2].map((block) => {
      writer.write(batch, null, memory, block * 512);
      const read = reader.read(0, memory, block * 512, []);
      return [read, read.header, ...read.columns];
    });
    for (const parts of reads) parts.forEach((part, at) => expect(part).toBe(reads[0]![at]));
  });

  test('a batch without rows is a header', () => {
    const memory = dirtyMemory(4096);
    const writer = new BatchWriter({ types: [VARCHAR], withRaw: true });
    const reader = new BatchReader({ types: [VARCHAR], senders: 1 });
    const batch = wholeBatch([columnFromValues(VARCHAR, ['a', 'b'])], 2);
    batch.header.sequence = 12;
    batch.selection = new Int32Array(0);
    batch.selectedCount = 0;
    const router = new HashRouter({ keys: [0], types: [VARCHAR], partitions: 3 });
    for (const routed of [null, router.route(batch)]) {
      expect(writer.size(batch, routed)).toBe(72);
      expect(writer.write(batch, routed, memory, 8)).toBe(72);
      const read = reader.read(0, memory, 8, [0, 2]);
      expect([read.rowCount, read.selectedCount, read.header.sequence]).toEqual([2, 0, 12]);
      expect(reader.rowsOf(2).length).toBe(0);
    }
  });
});

/** A column of rows that use these entries. */
function coded(dictionary: Dictionary, codes: readonly number[]): DictColumn {
  return { kind: 'dict', codes: Int32Array.from(codes), dictionary, nulls: null };
}

function dictionaryOf(size: number, textOf: (entry: number) => string): Dictionary {
  const dictionary = new Dictionary();
  for (let entry = 0; entry < size; entry += 1) dictionary.internText(textOf(entry));
  return dictionary;
}

describe('dictionaries over the wire', () => {
  const types = [VARCHAR];

  test('one dictionary for all senders, and entries are shipped once', () => {
    const memory = dirtyMemory(1 << 16);
    const reader = new BatchReader({ types, senders: 2 });
    const writers = [0, 1].map(() => new BatchWriter({ types, withRaw: false }));
    const texts = ['x', 'y', 'z'];
    const own = [dictionaryOf(3, (at) => texts[at]!), dictionaryOf(3, (at) => texts[2 - at]!)];
    const sizes: number[] = [];
    const codes: number[][] = [];
    let unified: Dictionary | null = null;
    for (const sender of [0, 1, 0, 1]) {
      const batch = wholeBatch([coded(own[sender]!, [0, 1, 2])], 3);
      sizes.push(writers[sender]!.size(batch, null));
      expect(writers[sender]!.write(batch, null, memory, 0)).toBe(sizes.at(-1));
      const column = reader.read(sender, memory, 0, []).columns[0] as DictColumn;
      unified ??= column.dictionary;
      expect(column.dictionary).toBe(unified);
      codes.push([...column.codes.subarray(0, 3)]);
    }
    expect(codes).toEqual([
      [0, 1, 2],
      [2, 1, 0],
      [0, 1, 2],
      [2, 1, 0],
    ]);
    expect(unified!.size).toBe(3);
    expect(sizes[2]).toBeLessThan(sizes[0]!);
    expect(sizes[3]).toBe(sizes[2]);
  });

  test('size() ships nothing, however often it is asked', () => {
    const memory = dirtyMemory(1 << 16);
    const reader = new BatchReader({ types, senders: 1 });
    const writer = new BatchWriter({ types, withRaw: false });
    const dictionary = dictionaryOf(20, (entry) => `t${entry}`);
    const batch = wholeBatch([coded(dictionary, [3, 19])], 2);
    const first = writer.size(batch, null);
    for (const part of [batch, halfOf(batch), batch]) writer.size(part, null);
    expect(writer.size(batch, null)).toBe(first);
    expect(writer.write(batch, null, memory, 0)).toBe(first);
    expect(valuesOf(reader.read(0, memory, 0, []), types, [0, 1])).toEqual([['t3'], ['t19']]);
    dictionary.internText('new');
    expect(writer.size(batch, null)).toBeLessThan(first);
  });

  test('a huge dictionary goes in parts, and rows need not wait for it', () => {
    const memory = dirtyMemory(1 << 20);
    const reader = new BatchReader({ types, senders: 1 });
    const writer = new BatchWriter({ types, withRaw: false });
    const dictionary = dictionaryOf(DICTIONARY_ENTRIES_MAX, (at) => `an entry of a text ${at}`);
    const kinds: ColumnKind[] = [];
    for (let block = 0; block < 12; block += 1) {
      const codes = [block, 65_535 - block, 30_000];
      const batch = wholeBatch([coded(dictionary, codes)], 3);
      const size = writer.size(batch, null);
      expect(size).toBeLessThan(2 * INCREMENT_BYTES_MAX);
      expect(writer.write(batch, null, memory, 0)).toBe(size);
      const read = reader.read(0, memory, 0, []);
      kinds.push(read.columns[0]!.kind);
      const expected = codes.map((code) => [dictionary.text(code)]);
      expect(valuesOf(read, types, [0, 1, 2])).toEqual(expected);
    }
    expect(kinds[0]).toBe('utf8');
    expect(kinds.slice(-4)).toEqual(['dict', 'dict', 'dict', 'dict']);
  });

  test('many columns share what a block takes of dictionaries', () => {
    const memory = dirtyMemory(1 << 22);
    const many = Array.from({ length: 60 }, () => VARCHAR);
    const reader = new BatchReader({ types: many, senders: 1 });
    const writer = new BatchWriter({ types: many, withRaw: false });
    const dictionaries = many.map((_, column) =>
      dictionaryOf(2000, (entry) => `${column} ${'wide '.repeat(40)} ${entry}`),
    );
    for (let block = 0; block < 40; block += 1) {
      const columns = dictionaries.map((dictionary) => coded(dictionary, [1999]));
      const batch = wholeBatch(columns, 1);
      const size = writer.size(batch, null);
      expect(size).toBeLessThan(1.2 * 2 ** 20);
      expect(writer.write(batch, null, memory, 0)).toBe(size);
      const expected = [dictionaries.map((dictionary) => dictionary.text(1999))];
      expect(valuesOf(reader.read(0, memory, 0, []), many, [0])).toEqual(expected);
    }
  });

  test('an entry longer than a part still goes', () => {
    const memory = dirtyMemory(1 << 21);
    const reader = new BatchReader({ types, senders: 1 });
    const writer = new BatchWriter({ types, withRaw: false });
    const long = 'long '.repeat(INCREMENT_BYTES_MAX / 4);
    const dictionary = dictionaryOf(4, (at) => `${at}${at % 2 === 0 ? long : ''}`);
    for (let block = 0; block < 5; block += 1) {
      const batch = wholeBatch([coded(dictionary, [3, 1])], 2);
      expect(writer.write(batch, null, memory, 0)).toBeLessThan(memory.u8.length);
      const read = reader.read(0, memory, 0, []);
      expect(valuesOf(read, types, [0, 1])).toEqual([['3'], ['1']]);
      if (block === 4) expect(read.columns[0]!.kind).toBe('dict');
    }
  });

  test('entries of dictionaries that senders have left are forgotten in time', () => {
    const memory = dirtyMemory(1 << 20);
    const senders = 2;
    const reader = new BatchReader({ types, senders });
    const writers = [0, 1].map(() => new BatchWriter({ types, withRaw: false }));
    const stays = dictionaryOf(100, (entry) => `stays ${entry}`);
    let largest = 0;
    for (let epoch = 0; epoch < 120; epoch += 1) {
      const leaves = dictionaryOf(4000, (entry) => `${epoch} ${entry}`);
      for (const [sender, dictionary] of [leaves, stays].entries()) {
        const batch = wholeBatch([coded(dictionary, [7, 99, dictionary.size - 1])], 3);
        // Row 2 is selected before entries are forgotten, and not right after, some time.
        if (epoch % 5 > 2) {
          batch.selection = Int32Array.of(0, 1);
          batch.selectedCount = 2;
        }
        writers[sender]!.write(batch, null, memory, 0);
        const column = reader.read(sender, memory, 0, []).columns[0] as DictColumn;
        const texts = [7, 99].map((code) => dictionary.text(code));
        expect([0, 1].map((row) => column.dictionary.text(column.codes[row]!))).toEqual(texts);
        expect(column.codes[2]).toBeLessThan(column.dictionary.size);
        largest = Math.max(largest, column.dictionary.size);
      }
    }
    expect(largest).toBeGreaterThan(60_000);
    expect(largest).toBeLessThan(100_000);
  });

  test('texts of rows that are not shipped take no room', () => {
    const writer = new BatchWriter({ types, withRaw: false });
    const texts = Array.from({ length: 100 }, (_, row) => `${row}`.repeat(100));
    const batch = wholeBatch([columnFromValues(VARCHAR, texts, 'utf8')], 100);
    const all = writer.size(batch, null);
    batch.selection = Int32Array.from([50]);
    batch.selectedCount = 1;
    expect(all - writer.size(batch, null)).toBeGreaterThan(18_000);
    const memory = dirtyMemory(1 << 16);
    writer.write(batch, null, memory, 0);
    const read = new BatchReader({ types, senders: 1 }).read(0, memory, 0, []);
    expect(valuesOf(read, types, [50])).toEqual([[texts[50]]]);
    const { lengths } = read.columns[0] as Utf8Column;
    expect([...lengths.subarray(49, 52)]).toEqual([0, 200, 0]);
  });

  test('what size() prepared is for one write()', () => {
    const list: SqlType = { kind: 'array', element: DOUBLE };
    const memory = dirtyMemory(4096);
    const writer = new BatchWriter({ types: [list], withRaw: false });
    const reader = new BatchReader({ types: [list], senders: 1 });
    const column = columnFromValues(list, [[1], [2]]);
    const batch = wholeBatch([column], 2);
    writer.size(batch, null);
    for (const value of [[1], [7, 8]]) {
      if (column.kind === 'list') column.values[0] = value;
      writer.write(batch, null, memory, 0);
      expect(valuesOf(reader.read(0, memory, 0, []), [list], [0, 1])).toEqual([[value], [[2]]]);
    }
  });
});
