/** What becomes of records that fail or are late: counts, the error of a job that ends, dead letters. */
import { describe, expect, it } from 'vitest';
import { emptyHeader, resultHeader } from '../../src/columnar/batch.js';
import type { BatchHeader } from '../../src/columnar/batch.js';
import { QueryAccounts } from '../../src/processors/query-accounts.js';
import type { DeadLetter } from '../../src/processors/query-accounts.js';

const FAILURE = { key: 'DECODE', message: 'no JSON' } as const;

/** Rows 0 … 2 of a file: lines 7 … 9 at offsets 6 … 8. */
function fileHeader(records: readonly Uint8Array[]): BatchHeader {
  return {
    ...emptyHeader('in.jsonl'),
    firstOffset: 6,
    lineNumbers: Float64Array.of(7, 8, 9),
    ingestTimeMs: 1234,
    rawRecord: (row) => records[row]!,
  };
}

function accounts(): { readonly accounts: QueryAccounts; readonly letters: DeadLetter[] } {
  const letters: DeadLetter[] = [];
  const writer = { write: (letter: DeadLetter): void => void letters.push(letter) };
  return { accounts: new QueryAccounts('dead-letter', writer), letters };
}

describe('a dead letter', () => {
  const text = new TextEncoder().encode('{"i": "é"');
  const bytes = Uint8Array.of(0x7b, 0xff, 0x7d);

  it('has the record as text, its place and why', () => {
    const { accounts: own, letters } = accounts();
    own.recordFailed(fileHeader([text, text, text]), 1, FAILURE);
    expect(letters).toEqual([
      {
        code: 'VELO_DECODE',
        message: 'no JSON',
        source: { name: 'in.jsonl', partition: 0, offset: 7, line: 8 },
        timestampMs: 1234,
        raw: '{"i": "é"',
      },
    ]);
    expect([own.rowsFailed, own.resultsFailed]).toEqual([1, 0]);
  });

  it('has bytes that are no UTF-8 in base64 too', () => {
    const { accounts: own, letters } = accounts();
    own.recordFailed(fileHeader([bytes]), 0, FAILURE);
    expect(letters[0]).toMatchObject({ raw: '{\ufffd}', rawBase64: 'e/99' });
  });

  it('of a late record says when it was', () => {
    const { accounts: own, letters } = accounts();
    own.lateRecord(fileHeader([text, text, text]), 2, 99);
    expect(letters[0]).toMatchObject({
      code: 'VELO_LATE_RECORD',
      message: 'event time 99 is late for its window',
      source: { offset: 8, line: 9 },
    });
    expect(own.rowsFailed).toBe(0);
  });

  it('of a result has no record and no offset', () => {
    const { accounts: own, letters } = accounts();
    own.recordFailed(resultHeader('query-1/window'), 1, FAILURE);
    own.recordFailed(fileHeader([text]), -1, FAILURE);
    own.lateRecord(resultHeader('query-1/window'), 1, 5);
    expect(letters.map(({ source, raw }) => [source, raw])).toEqual([
      [{ name: 'query-1/window', partition: 0, offset: -1 }, null],
      [{ name: 'in.jsonl', partition: 0, offset: -1 }, null],
      [{ name: 'query-1/window', partition: 0, offset: -1 }, null],
    ]);
    expect([own.rowsFailed, own.resultsFailed]).toEqual([0, 2]);
  });
});

describe('a job that ends with its first failure', () => {
  it.each([
    ['a line of a file', fileHeader([]), 1, 'in.jsonl:8'],
    [
      'an offset',
      { ...emptyHeader('topic'), split: 3, firstOffset: 40 },
      2,
      'topic, partition 3, offset 42',
    ],
    ['a result', resultHeader('query-1/window'), 1, 'a result row of query-1/window'],
  ])('names %s', (_what, header, row, detail) => {
    const own = new QueryAccounts('fail', null);
    expect(() => own.recordFailed(header, row, FAILURE)).toThrow(
      expect.objectContaining({ code: 'VELO_DECODE', detail }),
    );
  });
});

it('counts what was read as processed, failed or late', () => {
  const own = new QueryAccounts('skip', null);
  own.rowsRead = 10;
  own.recordFailed(fileHeader([]), 0, FAILURE);
  own.counters.lateDropped = 2;
  own.counters.lateExpired = 3;
  expect(own.rowsProcessed).toBe(4);
});
