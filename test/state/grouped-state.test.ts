import { expect, test } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import type { Column } from '../../src/columnar/column.js';
import { BIGINT, DOUBLE } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { GroupedStateFactory } from '../../src/state/grouped-state.js';

test('each record emits the new state of its group', () => {
  const factory = new GroupedStateFactory({
    id: 'a',
    inputTypes: [BIGINT, DOUBLE],
    keys: [0],
    aggregates: [
      {
        function: 'SUM',
        args: [1],
        argTypes: [DOUBLE],
        literals: [],
        filter: null,
        distinct: false,
        orderBy: [],
        type: DOUBLE,
      },
    ],
    windowColumns: false,
  });
  const seen: SqlValue[][] = [];
  const results = factory.results(
    {
      emit(batch: Batch) {
        for (let row = 0; row < batch.rowCount; row += 1) {
          seen.push([
            columnValue(batch.columns[0] as Column, BIGINT, row),
            columnValue(batch.columns[1] as Column, DOUBLE, row),
          ]);
        }
      },
    },
    { recordFailed: () => undefined },
  );
  const batch = newBatch(
    [
      { kind: 'f64', values: Float64Array.of(1, 2, 1), nulls: null },
      { kind: 'f64', values: Float64Array.of(5, 6, 7), nulls: null },
    ],
    emptyHeader('t'),
  );
  batch.rowCount = 3;
  batch.selectedCount = 3;
  factory.create().updateEmitChanged(batch, null, 3, results);
  results.flush();
  expect(seen).toEqual([
    [1n, 5],
    [2n, 6],
    [1n, 12],
  ]);
});
