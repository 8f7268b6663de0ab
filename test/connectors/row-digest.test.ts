/**
 * The digest of rows: every value counts, order does not, integers are exact mod 2^64, sums of
 * DOUBLE do not lose small values beside large ones.
 */
import { describe, expect, it } from 'vitest';
import { emptyHeader, newBatch } from '../../src/columnar/batch.js';
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, DOUBLE, VARCHAR } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { ValueColumn } from '../../src/columnar/value-column.js';
import { RowDigest } from '../../src/connectors/blackhole/row-digest.js';

function digest(
  type: SqlType,
  values: readonly SqlValue[],
  selection: number[] | null = null,
): { nulls: number; sum: string | number } {
  const column = new ValueColumn(type, values.length);
  values.forEach((value, row) => column.set(row, value));
  const batch: Batch = newBatch([column.take()], emptyHeader('test'));
  batch.rowCount = values.length;
  batch.selection = selection === null ? null : Int32Array.from(selection);
  batch.selectedCount = selection?.length ?? values.length;
  const rows = new RowDigest([{ name: 'x', type }]);
  rows.add(batch);
  const { nulls, sum } = rows.summary().columns[0]!;
  return { nulls, sum };
}

describe('row digest', () => {
  it('adds integers mod 2^64, whatever the column kind', () => {
    expect(digest(BIGINT, [1n, 2n, null, 3n])).toEqual({ nulls: 1, sum: '6' });
    expect(digest(BIGINT, [2n ** 63n - 1n, 1n])).toEqual({
      nulls: 0,
      sum: (-(2n ** 63n)).toString(),
    });
    const nearLimit = Array.from({ length: 100 }, () => 2n ** 53n - 1n);
    expect(digest(BIGINT, nearLimit).sum).toBe((100n * (2n ** 53n - 1n)).toString());
  });

  it('keeps small doubles beside large ones', () => {
    expect(digest(DOUBLE, [1e17, 1, 1, -1e17]).sum).toBe(2);
    expect(digest(DOUBLE, [1e17, 1, null, 1, -1e17])).toEqual({ nulls: 1, sum: 2 });
  });

  it('does not depend on the order of rows', () => {
    const texts = ['a', 'b', '', 'long text with ü'];
    expect(digest(VARCHAR, texts)).toEqual(digest(VARCHAR, [...texts].reverse()));
    expect(digest(VARCHAR, ['a', 'bc']).sum).not.toBe(digest(VARCHAR, ['ab', 'c']).sum);
  });

  it('reads selected rows only', () => {
    expect(digest(BIGINT, [1n, 10n, 100n], [0, 2]).sum).toBe('101');
    expect(digest(DOUBLE, [1, 10, 100], [1]).sum).toBe(10);
    expect(digest(VARCHAR, ['a', 'b'], [1])).toEqual(digest(VARCHAR, ['b']));
  });
});
