/** Record batches of a real broker, of every codec, give the records that were produced. */
import { describe, expect, it } from 'vitest';
import { scanRecordSet } from '../../../src/connectors/kafka/batch/record-set.js';
import type { PlainRecord } from '../../support/record-batches.js';
import { readRecordSet, storedBatches } from './read-records.js';

const stored = storedBatches();

/** What record-batch-fixtures.mjs produced; null for a tombstone. */
function produced(id: number): Omit<PlainRecord, 'offset'> | null {
  if (id % 11 === 3) return null;
  const headers = [
    ['trace', 'last'],
    ['empty', ''],
  ] as const;
  return {
    timeMs: 1_700_000_000_000 + id * 10,
    key: id % 5 === 0 ? null : `k${id % 7}`,
    value: JSON.stringify({ id, name: `name ${id % 9}` }),
    headers: id % 4 === 0 ? headers : [],
  };
}

/** Offset and number of each record. */
function expected(pairs: readonly (readonly [number, number])[]): PlainRecord[] {
  return pairs.flatMap(([offset, id]) => {
    const record = produced(id);
    return record === null ? [] : [{ offset, ...record }];
  });
}

const run = (from: number, to: number, shift = 0): [number, number][] =>
  Array.from({ length: to - from }, (_, at) => [from + at + shift, from + at]);

function set(name: string): Buffer {
  const bytes = stored.get(name);
  if (bytes === undefined) throw new Error(`no batches of ${name}`);
  return bytes;
}

describe('batches that a broker stored', () => {
  const codecs = ['plain', 'gzip', 'snappy-raw', 'snappy-framed', 'lz4', 'lz4-java', 'zstd'];

  it.each(codecs)('%s gives every record', (name) => {
    for (const rowsMax of [1, 7, 4096]) {
      const read = readRecordSet(set(name), { checkCrcs: true, rowsMax });
      expect(read.records).toEqual(expected(run(0, 120)));
      expect(read).toMatchObject({ tombstones: 11, nextOffset: 120 });
    }
  });

  it.each(codecs)('%s is read from an offset to another', (name) => {
    const read = readRecordSet(set(name), { firstOffset: 41, stop: 77 });
    expect(read.records).toEqual(expected(run(41, 77)));
    expect(read.nextOffset).toBe(77);
  });

  it('takes the time at which the broker appended', () => {
    const { records } = readRecordSet(set('log-append'), { checkCrcs: true });
    expect(records.map(({ offset }) => offset)).toEqual(
      expected(run(0, 120)).map(({ offset }) => offset),
    );
    expect(new Set(records.map(({ timeMs }) => timeMs)).size).toBeLessThanOrEqual(2);
    expect(records[0]?.timeMs).toBeGreaterThan(1_750_000_000_000);
  });

  it('gives only committed records, or all', () => {
    const aborted = [
      { producerId: 0, firstOffset: 11 },
      { producerId: 1, firstOffset: 22 },
    ];
    const committed = [...run(0, 10), ...run(30, 40, 2)];
    const request = { aborted, checkCrcs: true };
    const read = readRecordSet(set('transactions'), { ...request, committed: true });
    expect(read.records).toEqual(expected(committed));
    expect(read.nextOffset).toBe(44);
    const all = [...run(0, 10), ...run(10, 20, 1), ...run(20, 30, 2), ...run(30, 40, 2)];
    expect(readRecordSet(set('transactions'), request).records).toEqual(expected(all));
  });

  it('are looked over without decoding', () => {
    const bytes = set('zstd');
    expect(scanRecordSet(bytes, 0, bytes.length)).toMatchObject({
      baseOffset: 0,
      lastBaseOffset: 60,
      previousOffset: 60,
      nextOffset: 120,
      leaderEpoch: 0,
      batches: 2,
      partialBytes: 0,
    });
    const none = { nextOffset: -1, leaderEpoch: -1, batches: 0, partialBytes: 800 };
    expect(scanRecordSet(bytes, 0, 700)).toMatchObject(none);
    const first = { nextOffset: 60, leaderEpoch: 0, batches: 1, partialBytes: 0 };
    expect(scanRecordSet(bytes, 0, 1000)).toMatchObject(first);
  });
});
