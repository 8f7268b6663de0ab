/** Raw records in a block of shared memory: of any length, those of the rows that are shipped. */
import { expect, it } from 'vitest';
import { emptyHeader } from '../../../src/columnar/batch.js';
import { RawReader, RawWriter } from '../../../src/processors/partitioned/wire/wire-raw.js';

function blockOf(bytes: number) {
  const buffer = new SharedArrayBuffer(bytes);
  return {
    buffer,
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
  };
}

it('come out as they went in, however large they are together', () => {
  const writer = new RawWriter();
  const reader = new RawReader();
  for (const each of [3, 100, 1000, 5000, 20]) {
    const rowCount = 12;
    const records = Array.from({ length: rowCount }, (_, row) =>
      Uint8Array.from({ length: row === 4 ? 0 : each + row }, (_byte, at) => (row * 31 + at) % 256),
    );
    const rows = Int32Array.of(0, 1, 4, 5, 9, 11);
    const header = { ...emptyHeader('t'), rawRecord: (row: number) => records[row]! };
    const shipped = { rows, count: rows.length, rowCount };
    const size = writer.size(header, shipped);
    const memory = blockOf(size + 16);
    const end = writer.write(header, shipped, memory, 8);
    expect(end).toBeLessThanOrEqual(8 + size);
    expect(reader.read(memory, 8, rowCount)).toBe(end);
    for (const row of rows) expect([...reader.record(row)]).toEqual([...records[row]!]);
  }
});
