/**
 * RowStore: what is put in comes out, for every type and column kind, with NULLs, numbers used
 * again, snapshots and more texts than a dictionary holds; the order of rows.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { columnFromValues, kindForValues } from '../../src/columnar/column-builder.js';
import type { Column } from '../../src/columnar/column.js';
import { columnValue } from '../../src/columnar/column.js';
import {
  BIGINT,
  BOOLEAN,
  DATE,
  decimalType,
  DOUBLE,
  NULL_TYPE,
  TIMESTAMP,
  VARCHAR,
} from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { NULL_ROW, RowStore } from '../../src/runtime/operators/rows/row-store.js';
import { compareRows } from '../../src/runtime/operators/rows/row-order.js';
import { StateReader, StateWriter } from '../../src/state/snapshot.js';

const TYPES: readonly SqlType[] = [
  DOUBLE,
  BIGINT,
  decimalType(38, 2),
  BOOLEAN,
  VARCHAR,
  TIMESTAMP,
  DATE,
  { kind: 'array', element: BIGINT },
  { kind: 'map', key: VARCHAR, value: DOUBLE },
  NULL_TYPE,
];
const VALUES: readonly (readonly SqlValue[])[] = [
  [0, -0.5, 1e300],
  [0n, -7n, 2n ** 62n, -(2n ** 63n)],
  [5n, -(10n ** 37n), 10n ** 37n + 1n],
  [true, false],
  ['', 'é', '😀', 'plain text'],
  [0, 1_700_000_000_000],
  [0, 19_000],
  [[], [1n, null, 2n ** 60n]],
  [{ keys: ['a', 'b'], values: [1, null] }],
  [null],
];

function randomRows(seed: number, count: number, wide: boolean): SqlValue[][] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, () =>
    VALUES.map((values, column) => {
      if (random() < 0.2) return null;
      const some = !wide && (column === 1 || column === 2) ? values.slice(0, 1) : values;
      return some[Math.floor(random() * some.length)]!;
    }),
  );
}

function batchOf(rows: readonly (readonly SqlValue[])[], text: 'dict' | 'utf8'): Batch {
  const columns = TYPES.map((type, at) => {
    const values = rows.map((row) => row[at]!);
    return columnFromValues(type, values, type === VARCHAR ? text : kindForValues(type, values));
  });
  const batch = newBatch(columns, emptyHeader(''));
  batch.rowCount = rows.length;
  return batch;
}

function gathered(store: RowStore, places: readonly number[]): SqlValue[][] {
  const columns: Column[] = [];
  store.gather(Int32Array.from(places), places.length, columns);
  return places.map((_, row) => TYPES.map((type, at) => columnValue(columns[at]!, type, row)));
}

describe('a row store', () => {
  it('gives back what came in columns of any kind, with rows that come and go', () => {
    const store = new RowStore(TYPES);
    const kept = new Map<number, readonly SqlValue[]>();
    for (let round = 0; round < 12; round += 1) {
      const rows = randomRows(round, 60, round > 5);
      const batch = batchOf(rows, round % 3 === 0 ? 'utf8' : 'dict');
      const selection = Int32Array.from(rows.keys()).filter((row) => row % 3 !== 1);
      const selected = round % 2 === 0 ? null : selection;
      const count = selected === null ? rows.length : selected.length;
      const places = store.addRows(batch, selected, count);
      for (let k = 0; k < count; k += 1) kept.set(places[k]!, rows[selected?.[k] ?? k]!);
      for (const at of [...kept.keys()].filter((_, index) => index % 2 === round % 2)) {
        store.release(at);
        kept.delete(at);
      }
      expect(gathered(store, [...kept.keys()])).toEqual([...kept.values()]);
      for (const [at, row] of kept) {
        expect(TYPES.map((_, column) => store.value(column, at))).toEqual(row);
      }
      expect(store.size).toBe(kept.size);
    }
    expect(store.capacity).toBeLessThanOrEqual(256);
  });

  it('pads with NULLs', () => {
    const store = new RowStore(TYPES);
    store.padNullRow();
    const [row] = randomRows(1, 1, true);
    const at = store.addRows(batchOf([row!], 'dict'), null, 1)[0]!;
    const nulls = TYPES.map(() => null);
    expect(gathered(store, [NULL_ROW, at, NULL_ROW])).toEqual([nulls, row, nulls]);
  });

  it('writes and reads rows of a snapshot', () => {
    const store = new RowStore(TYPES);
    const rows = randomRows(3, 40, true);
    const places = store.addRows(batchOf(rows, 'dict'), null, rows.length).slice(0, rows.length);
    const writer = new StateWriter();
    writer.beginEntry(0);
    for (const at of places) store.writeRow(writer, at);
    writer.endEntry();
    const reader = new StateReader(writer.finish());
    reader.nextEntry();
    const other = new RowStore(TYPES);
    expect(
      gathered(
        other,
        rows.map(() => other.readRow(reader)),
      ),
    ).toEqual(rows);
  });

  it('gathers more different texts than a dictionary holds', () => {
    const store = new RowStore([VARCHAR]);
    const kinds: string[] = [];
    for (let from = 0; from < 92_000; from += 4000) {
      const texts = Array.from({ length: 4000 }, (_, at) =>
        at % 7 === 3 ? null : `text ${from + at}`,
      );
      const batch = newBatch([columnFromValues(VARCHAR, texts)], emptyHeader(''));
      const places = store.addRows(batch, null, texts.length);
      const columns: Column[] = [];
      store.gather(places, texts.length, columns);
      kinds.push(columns[0]!.kind);
      expect(texts.map((_, row) => columnValue(columns[0]!, VARCHAR, row))).toEqual(texts);
      for (const at of places.slice(0, texts.length)) store.release(at);
    }
    expect([kinds[0], kinds.at(-1)]).toEqual(['dict', 'utf8']);
  });

  it('compares rows as values compare, NULLs where the key says', () => {
    const comparable = [0, 1, 2, 3, 4, 5, 7];
    for (const wide of [false, true]) {
      const store = new RowStore(TYPES);
      const rows = randomRows(4, 40, wide);
      const places = store.addRows(batchOf(rows, 'dict'), null, rows.length);
      for (const column of comparable) {
        for (const descending of [false, true]) {
          const key = { column, type: TYPES[column]!, descending, nullsFirst: column % 2 === 0 };
          const pairs = rows.flatMap((a, i) => rows.map((b, j) => ({ a, b, i, j })));
          const found = pairs.map(({ i, j }) => store.compare(places[i]!, places[j]!, [key]));
          const expected = pairs.map(({ a, b }) => compareRows(a, b, [key]));
          expect(found.map(Math.sign)).toEqual(expected.map(Math.sign));
        }
      }
    }
  });
});
