/**
 * Joins: every type against a nested loop over the rows that are left, with rows that come twice,
 * change and go, NULL keys, conditions, any batch size and a restore in the middle; the changelog
 * of each situation; failing conditions; keys of different types; state by key group.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, BOOLEAN, decimalType, DOUBLE } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { JoinOperator } from '../../src/runtime/operators/join/join.js';
import { after, before, insert, parts, remove, rowText } from './changelog-support.js';
import type { Row, SchemaColumns } from './changelog-support.js';
import { call, column, Run, SPAN, TYPES, X_BELOW_Y } from './join-support.js';
import type { Event, JoinType } from './join-support.js';
import { restoreInto, snapshotOf } from './stream-support.js';

/** What is left on each side after the events. */
function leftOver(events: readonly Event[], side: 0 | 1): Row[] {
  const rows: Row[] = [];
  const changes = events.flatMap((event) => (event.side === side ? event.changes : []));
  for (const { op, row } of changes) {
    if (op === 0 || op === 2) rows.push(row);
    else
      rows.splice(
        rows.findIndex((other) => rowText(other) === rowText(row)),
        1,
      );
  }
  return rows;
}

/** SQL's definition, by nested loops. */
function nestedLoops(events: readonly Event[], type: JoinType, hasCondition: boolean): string[] {
  const lefts = leftOver(events, 0);
  const rights = leftOver(events, 1);
  const joined = new Set<Row>();
  const result: Row[] = [];
  for (const left of lefts) {
    for (const right of rights) {
      if (left[0] === null || left[0] !== right[1]) continue;
      if (hasCondition && !(Number(left[2] ?? NaN) < Number(right[0] ?? NaN))) continue;
      joined.add(left).add(right);
      result.push([...left, ...right]);
    }
  }
  if (type === 'left' || type === 'full') {
    for (const left of lefts) if (!joined.has(left)) result.push([...left, null, null, null]);
  }
  if (type === 'right' || type === 'full') {
    for (const right of rights) if (!joined.has(right)) result.push([null, null, null, ...right]);
  }
  return result.map(rowText).sort();
}

/** Inserts, updates and deletions on both sides; few different values, so that rows are equal. */
function randomEvents(seed: number, count: number, retracts: readonly [boolean, boolean]): Event[] {
  const random = mulberry32(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const key = (): SqlValue => (random() < 0.1 ? null : BigInt(pick(6)));
  const text = (): SqlValue => (random() < 0.2 ? null : 'abc'[pick(3)]!);
  const newRow = (side: 0 | 1): Row =>
    side === 0
      ? [key(), text(), random() < 0.2 ? null : pick(4) / 2]
      : [random() < 0.2 ? null : BigInt(pick(3)), key(), text()];
  const kept: [Row[], Row[]] = [[], []];
  return Array.from({ length: count }, (): Event => {
    const side = random() < 0.5 ? 0 : 1;
    const rows = kept[side];
    const at = pick(rows.length);
    const old = rows[at];
    const draw = random();
    const row = newRow(side);
    if (!retracts[side] || old === undefined || draw < 0.5) {
      rows.push(row);
      return { side, changes: [insert(...row)] };
    }
    if (draw < 0.75) {
      rows.splice(at, 1);
      return { side, changes: [remove(...old)] };
    }
    const keyAt = side === 0 ? 0 : 1;
    const next = draw < 0.9 ? row.with(keyAt, old[keyAt]!) : row;
    rows[at] = next;
    return { side, changes: [before(...old), after(...next)] };
  });
}

const MODES = [
  [false, false],
  [true, false],
  [true, true],
] as const;

describe('a join', () => {
  for (const type of TYPES) {
    for (const retracts of MODES) {
      const sides = retracts.filter(Boolean).length;
      it(`${type}, changes on ${sides} sides: leaves the rows that nested loops find`, () => {
        for (const condition of [null, X_BELOW_Y]) {
          const events = randomEvents(sides + type.length, 200, retracts);
          const run = new Run({ type, retracts, condition });
          for (const [index, part] of parts(events, 40).entries()) {
            run.pushAll(part, [1, 7, 64][index % 3]!);
            const done = events.slice(0, index * 40 + part.length);
            expect(run.recorder.net()).toEqual(nestedLoops(done, type, condition !== null));
          }
        }
      });

      it(`${type}, changes on ${sides} sides: the same changes for any batches and restores`, () => {
        const events = randomEvents(sides, 150, retracts);
        const expected = new Run({ type, retracts }).pushAll(events, 1).recorder.texts();
        expect(expected.length).toBeGreaterThan(100);
        expect(new Run({ type, retracts }).pushAll(events, 7).recorder.texts()).toEqual(expected);
        const stopped = new Run({ type, retracts });
        for (const part of parts(events, 50)) stopped.pushAll(part, 4096).restore();
        expect(stopped.recorder.texts()).toEqual(expected);
      });
    }
  }
});

describe('an inner join', () => {
  it('of two inputs that only add emits rows without kinds, in batches of at most 4096', () => {
    const run = new Run({});
    const many = Array.from({ length: 90 }, (_, at) => at);
    run.push(
      0,
      many.map((at) => insert(1n, 'l', at)),
    );
    run.push(
      1,
      many.map((at) => insert(BigInt(at), 1n, 'r')),
    );
    expect(run.recorder.changes).toHaveLength(8100);
    expect(run.recorder.batches.map(({ rows }) => rows)).toEqual([4096, 4004]);
    expect(run.recorder.batches[0]?.origins?.slice(89, 91)).toEqual([0, 1]);
    expect(run.node.mode).toBe('append');
  });

  it('passes an update of a row on as an update of each pair', () => {
    const run = new Run({ retracts: [true, false] });
    run.push(1, [insert(1n, 1n, 'p'), insert(2n, 1n, 'q')]);
    run.push(0, [insert(1n, 'a', 1), before(1n, 'a', 1), after(1n, 'b', 2)]);
    expect(run.recorder.texts().slice(2)).toEqual([
      "-U 1 'a' 1 1 1 'p'",
      "+U 1 'b' 2 1 1 'p'",
      "-U 1 'a' 1 2 1 'q'",
      "+U 1 'b' 2 2 1 'q'",
    ]);
  });

  it('makes a deletion and an insertion of an update that changes the key', () => {
    const run = new Run({ retracts: [true, false] });
    run.push(1, [insert(1n, 1n, 'p'), insert(2n, 2n, 'q')]);
    run.push(0, [insert(1n, 'a', 1), before(1n, 'a', 1), after(2n, 'a', 1)]);
    expect(run.recorder.texts().slice(1)).toEqual(["-D 1 'a' 1 1 1 'p'", "+I 2 'a' 1 2 2 'q'"]);
  });

  it('forgets keys and rows that are gone', () => {
    const run = new Run({ retracts: [true, true] });
    for (let at = 0; at < 500; at += 1) {
      run.push(0, [insert(BigInt(at), 'a', 1), remove(BigInt(at), 'a', 1)]);
      run.push(1, [insert(1n, BigInt(at), 'b')]).push(1, [remove(1n, BigInt(at), 'b')]);
    }
    expect(run.operator.stateSize().rows).toBe(0);
    expect(run.operator.stateSize().bytes).toBe(
      new Run({ retracts: [true, true] })
        .push(0, [insert(1n, 'a', 1), remove(1n, 'a', 1)])
        .push(1, [insert(1n, 1n, 'b'), remove(1n, 1n, 'b')])
        .operator.stateSize().bytes,
    );
  });
});

describe('an outer join', () => {
  it('pads a row, takes that back at its first partner, gives it again after the last', () => {
    const run = new Run({ type: 'left', retracts: [false, true] });
    run.push(0, [insert(1n, 'a', 1)]);
    run.push(1, [
      insert(5n, 1n, 'p'),
      insert(6n, 1n, 'q'),
      remove(5n, 1n, 'p'),
      remove(6n, 1n, 'q'),
    ]);
    expect(run.recorder.texts()).toEqual([
      "+I 1 'a' 1 null null null",
      "-D 1 'a' 1 null null null",
      "+I 1 'a' 1 5 1 'p'",
      "+I 1 'a' 1 6 1 'q'",
      "-D 1 'a' 1 5 1 'p'",
      "-D 1 'a' 1 6 1 'q'",
      "+I 1 'a' 1 null null null",
    ]);
  });

  it('pads a row again after the last of equal partners, not after the first', () => {
    for (const type of ['left', 'full'] as const) {
      const run = new Run({ type, retracts: [false, true] });
      run.push(1, [insert(5n, 1n, 'p'), insert(5n, 1n, 'p')]).push(0, [insert(1n, 'a', 1)]);
      const before = run.recorder.texts().length;
      run.push(1, [remove(5n, 1n, 'p')]);
      expect(run.recorder.texts().slice(before)).toEqual(["-D 1 'a' 1 5 1 'p'"]);
      run.push(1, [remove(5n, 1n, 'p')]);
      expect(run.recorder.texts().slice(before + 1)).toEqual([
        "-D 1 'a' 1 5 1 'p'",
        "+I 1 'a' 1 null null null",
      ]);
    }
  });

  it('pads rows with a NULL key, which never join', () => {
    const run = new Run({ type: 'full', retracts: [true, false] });
    run.push(0, [insert(null, 'a', 1)]).push(1, [insert(5n, null, 'p')]);
    run.push(0, [before(null, 'a', 1), after(null, 'b', 1), remove(null, 'b', 1)]);
    expect(run.recorder.texts()).toEqual([
      "+I null 'a' 1 null null null",
      "+I null null null 5 null 'p'",
      "-D null 'a' 1 null null null",
      "+I null 'b' 1 null null null",
      "-D null 'b' 1 null null null",
    ]);
    expect(run.operator.stateSize().rows).toBe(0);
  });
});

describe('a condition beside the keys', () => {
  /** 1 % right.y = 0. */
  const divides = call(
    '=',
    [
      call(
        '%',
        [{ kind: 'literal', value: 1n, type: BIGINT, span: SPAN }, column(3, BIGINT)],
        BIGINT,
      ),
      { kind: 'literal', value: 0n, type: BIGINT, span: SPAN },
    ],
    BOOLEAN,
  );

  for (const retracts of [false, true]) {
    it(`that fails fails the arriving record, which leaves nothing behind (changes: ${retracts})`, () => {
      const run = new Run({ type: 'full', retracts: [retracts, retracts], condition: divides });
      run.push(0, [insert(1n, 'a', 1)]);
      run.push(1, [insert(1n, 1n, 'p'), insert(0n, 1n, 'q'), insert(0n, 2n, 'r')]);
      expect(run.recorder.failures).toEqual([
        { row: 1, failure: { key: 'DIVISION_BY_ZERO', message: expect.any(String) as string } },
      ]);
      expect(run.recorder.net()).toEqual(["1 'a' 1 1 1 'p'", "null null null 0 2 'r'"]);
      expect(run.operator.stateSize().rows).toBe(3);
    });
  }
});

describe('keys', () => {
  const oneColumn = (type: SqlType): SchemaColumns => [{ name: 'k', type }];
  const joined = (left: readonly [SqlType, SqlValue[]], right: readonly [SqlType, SqlValue[]]) => {
    const run = new Run({
      left: oneColumn(left[0]),
      right: oneColumn(right[0]),
      leftKeys: [0],
      rightKeys: [0],
    });
    run.push(
      0,
      left[1].map((value) => insert(value)),
    );
    run.push(
      1,
      right[1].map((value) => insert(value)),
    );
    return run
      .restore()
      .push(
        1,
        right[1].map((value) => insert(value)),
      )
      .recorder.texts();
  };

  it('of BIGINT and DOUBLE join where the numbers are exactly equal', () => {
    const big = 9_007_199_254_740_993n;
    const result = joined([BIGINT, [1n, 0n, big]], [DOUBLE, [1, -0, 0.5, Number(big), null]]);
    expect(result).toEqual(['+I 1 1', '+I 0 0', '+I 1 1', '+I 0 0']);
  });

  it('of DECIMALs join by value, whatever their scales', () => {
    const result = joined(
      [decimalType(38, 2), [150n, 1n]],
      [decimalType(38, 20), [150n * 10n ** 18n]],
    );
    expect(result).toEqual([`+I 150 ${150n * 10n ** 18n}`, `+I 150 ${150n * 10n ** 18n}`]);
  });

  it('of BIGINT join beyond the safe integers, beside small ones', () => {
    const big = 2n ** 62n + 1n;
    expect(joined([BIGINT, [big, 3n]], [BIGINT, [3n, big - 1n, big]])).toEqual([
      '+I 3 3',
      `+I ${big} ${big}`,
      '+I 3 3',
      `+I ${big} ${big}`,
    ]);
  });

  it('of several columns are compared column by column', () => {
    const run = new Run({ leftKeys: [1, 0], rightKeys: [2, 1] });
    run.push(0, [insert(1n, 'a', 1), insert(1n, 'b', 2), insert(1n, null, 3)]);
    run.push(1, [insert(7n, 1n, 'b'), insert(8n, 2n, 'a'), insert(9n, 1n, null)]);
    expect(run.recorder.texts()).toEqual(["+I 1 'b' 2 7 1 'b'"]);
  });
});

describe('the state of a join', () => {
  it('is parted by key group and put together again', () => {
    const events = randomEvents(7, 120, [true, true]);
    const whole = new Run({ type: 'full', retracts: [true, true] }).pushAll(events, 7);
    const state = snapshotOf(whole.operator);
    const halves = [0, 1].map((half) => {
      const part = new JoinOperator(whole.node, whole.recorder);
      restoreInto(part, state, (keyGroup) => keyGroup % 2 === half);
      return part;
    });
    const rows = halves.map((half) => half.stateSize().rows);
    expect(Math.min(...rows)).toBeGreaterThan(0);
    expect(rows[0]! + rows[1]!).toBe(whole.operator.stateSize().rows);
    const joined = new JoinOperator(whole.node, whole.recorder);
    for (const half of halves) restoreInto(joined, snapshotOf(half));
    whole.operator = joined;
    const more = randomEvents(8, 80, [false, false]);
    whole.pushAll(more, 4096);
    expect(whole.recorder.net()).toEqual(nestedLoops([...events, ...more], 'full', false));
  });
});

describe('the watermark of a join', () => {
  it('is the minimum of both inputs, of one once the other has ended', () => {
    const { operator, recorder } = new Run({});
    operator.watermark(0, 10);
    operator.watermark(1, 5);
    operator.watermark(1, 7);
    operator.watermark(0, 20);
    operator.end(1, true);
    operator.watermark(0, 30);
    expect(recorder.watermarks).toEqual([5, 7, 20, 30]);
  });

  it('does not move when an input was stopped', () => {
    const { operator, recorder } = new Run({});
    operator.watermark(0, 10);
    operator.end(1, false);
    operator.end(0, false);
    expect(recorder.watermarks).toEqual([]);
  });
});
