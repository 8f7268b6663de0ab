/**
 * LIMIT of rows that pass as they come, −U and −D among them: which rows still pass, when it says
 * that nobody needs more, and that it goes on from a snapshot.
 */
import { describe, expect, it } from 'vitest';
import { BIGINT } from '../../src/columnar/types.js';
import { LimitOperator } from '../../src/runtime/operators/limit.js';
import { after, before, changeBatch, ChangeRecorder, insert, parts } from './changelog-support.js';
import { remove, restored } from './changelog-support.js';
import type { Change } from './changelog-support.js';

const SCHEMA = [{ name: 'i', type: BIGINT }];
const CHANGES: readonly Change[] = [
  insert(1n),
  insert(2n),
  remove(1n),
  insert(3n),
  before(3n),
  after(4n),
  remove(2n),
  remove(4n),
  insert(5n),
  insert(6n),
  insert(7n),
];

/** What passes, and before which batch somebody was told that it was enough. */
function run(count: number, rowsEach: number, changes: readonly Change[]) {
  const recorder = new ChangeRecorder(SCHEMA);
  let enough = 0;
  const context = Object.assign(recorder, { limitReached: () => (enough += 1) });
  let operator = new LimitOperator({ id: 'limit-1', count }, context);
  for (const part of parts(changes, rowsEach)) {
    operator.process(0, changeBatch(SCHEMA, part));
    if (enough === 0)
      operator = restored(operator, new LimitOperator({ id: 'limit-1', count }, context));
  }
  return { texts: recorder.texts(), enough };
}

describe('LIMIT of rows as they pass', () => {
  it('says again that it is enough when it goes on from a state that had enough', () => {
    const recorder = new ChangeRecorder(SCHEMA);
    let enough = 0;
    const context = Object.assign(recorder, { limitReached: () => (enough += 1) });
    const limit = (): LimitOperator => new LimitOperator({ id: 'limit-1', count: 2 }, context);
    const first = limit();
    first.process(0, changeBatch(SCHEMA, [insert(1n)]));
    restored(first, limit());
    expect(enough).toBe(0);
    first.process(0, changeBatch(SCHEMA, [insert(2n)]));
    expect(enough).toBe(1);
    // A source without end brings no row that could say it.
    restored(first, limit());
    expect(enough).toBe(2);
  });

  it.each([1, 2, 3, 7, 100])(
    'gives the place of a row that is taken back to another, by %i',
    (rows) => {
      const { texts, enough } = run(3, rows, CHANGES);
      expect(texts).toEqual(['+I 1', '+I 2', '-D 1', '+I 3', '-U 3', '+U 4']);
      expect(enough).toBe(1);
      expect(run(4, rows, CHANGES).texts).toEqual([
        ...texts,
        ...['-D 2', '-D 4', '+I 5', '+I 6', '+I 7'],
      ]);
    },
  );

  it.each([1, 2, 3, 100])('of rows that only come lets the first ones through, by %i', (rows) => {
    const inserts = [1n, 2n, 3n, 4n, 5n].map((i) => insert(i));
    expect(run(3, rows, inserts)).toEqual({ texts: ['+I 1', '+I 2', '+I 3'], enough: 1 });
    expect(run(9, rows, inserts)).toMatchObject({ enough: 0 });
    expect(run(9, rows, inserts).texts).toHaveLength(5);
  });

  it('of none needs nothing', () => {
    expect(run(0, 2, CHANGES)).toEqual({ texts: [], enough: 1 });
  });
});
