/**
 * Joins whose rows expire, by the time at which they are read: what a row still finds, rows that are
 * taken back, equal rows, outer joins, restores with and without times, and how much is held.
 * Event time is test/processors/state-ttl.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import type { SqlValue } from '../../src/columnar/types.js';
import type { StateTtl } from '../../src/plan/pipeline/pipeline-plan.js';
import { JoinOperator } from '../../src/runtime/operators/join/join.js';
import { insert, remove, rowText } from './changelog-support.js';
import type { Change, Row } from './changelog-support.js';
import { Run, TYPES } from './join-support.js';
import { restoreInto, snapshotOf } from './stream-support.js';

const LEFT: StateTtl = { ms: 1000, time: 'processing' };
const RIGHT: StateTtl = { ms: 300, time: 'processing' };
const left = (k: number, t: string): Change => insert(BigInt(k), t, 0);
const right = (k: number, t: string): Change => insert(1n, BigInt(k), t);

describe('what a row finds', () => {
  it('are rows of the other side within that side TTL, a side without one for good', () => {
    const run = new Run({ ttls: [LEFT, RIGHT] });
    run.pushAt(1000, 0, [left(1, 'a')]).pushAt(1100, 1, [right(1, 'b')]);
    run.pushAt(1399, 0, [left(1, 'c')]).pushAt(1400, 0, [left(1, 'd')]);
    run.pushAt(1999, 1, [right(1, 'e')]).pushAt(2000, 1, [right(1, 'f')]);
    expect(run.recorder.texts()).toEqual([
      "+I 1 'a' 0 1 1 'b'",
      "+I 1 'c' 0 1 1 'b'",
      "+I 1 'a' 0 1 1 'e'",
      "+I 1 'c' 0 1 1 'e'",
      "+I 1 'd' 0 1 1 'e'",
      "+I 1 'c' 0 1 1 'f'",
      "+I 1 'd' 0 1 1 'f'",
    ]);
    const oneSide = new Run({ ttls: [null, RIGHT] }).pushAt(0, 0, [left(1, 'a')]);
    oneSide.pushAt(9e9, 1, [right(1, 'b')]);
    expect(oneSide.recorder.changes).toHaveLength(1);
  });

  it('leaves what was given for a partner that expired: an outer row is not padded again', () => {
    const run = new Run({ type: 'left', retracts: [false, true], ttls: [LEFT, RIGHT] });
    run.pushAt(1000, 0, [left(1, 'a')]).pushAt(1000, 1, [right(1, 'b')]);
    run.pushAt(1300, 1, [remove(1n, 1n, 'b')]).pushAt(1300, 1, [right(1, 'c')]);
    run.pushAt(1400, 1, [remove(1n, 1n, 'c')]);
    expect(run.recorder.net()).toEqual(["1 'a' 0 1 1 'b'"]);
    run.pushAt(1500, 0, [left(1, 'd')]);
    expect(run.recorder.net()).toEqual(["1 'a' 0 1 1 'b'", "1 'd' 0 null null null"]);
  });

  it('a row that comes once more is as new as the last time', () => {
    const run = new Run({ retracts: [true, false], ttls: [LEFT, null] });
    run.pushAt(1000, 0, [left(1, 'a'), left(1, 'b')]).pushAt(1900, 0, [left(1, 'a')]);
    run.pushAt(2000, 1, [right(1, 'c')]);
    expect(run.recorder.net()).toEqual(["1 'a' 0 1 1 'c'", "1 'a' 0 1 1 'c'"]);
    expect(run.operator.stateSize().rows).toBe(2);
  });
});

interface Timed {
  readonly ms: number;
  readonly side: 0 | 1;
  readonly change: Change;
}

/** Rows that come and go on both sides, some long after they have expired. */
function randomChanges(seed: number, count: number, takesBack: boolean): Timed[] {
  const random = mulberry32(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const kept: [Row[], Row[]] = [[], []];
  let ms = 1000;
  return Array.from({ length: count }, (): Timed => {
    if (random() < 0.2) ms += pick(200);
    const side = random() < 0.5 ? 0 : 1;
    const rows = kept[side];
    if (takesBack && rows.length > 0 && random() < 0.3) {
      const [row = []] = rows.splice(pick(rows.length), 1);
      return { ms, side, change: remove(...row) };
    }
    const k: SqlValue = random() < 0.05 ? null : BigInt(pick(4));
    const text = 'abc'[pick(3)] ?? 'a';
    const row: Row = side === 0 ? [k, text, pick(2)] : [BigInt(pick(2)), k, text];
    rows.push(row);
    return { ms, side, change: insert(...row) };
  });
}

type Kept = Map<string, { row: Row; copies: number; ms: number }>;

/**
 * The rows that an inner join leaves, by nested loops over lists with times. Of inputs that take
 * rows back equal rows are one.
 */
function model(changes: readonly Timed[], takesBack: boolean): string[] {
  const lists: [Kept, Kept] = [new Map(), new Map()];
  const counts = new Map<string, number>();
  for (const [at, { ms, side, change }] of changes.entries()) {
    lists.forEach((list, of) => {
      const ttl = of === 0 ? LEFT : RIGHT;
      for (const [text, kept] of list) if (kept.ms + ttl.ms <= ms) list.delete(text);
    });
    const { op, row } = change;
    const text = takesBack ? rowText(row) : `${at} ${rowText(row)}`;
    const known = lists[side].get(text);
    const isNew = op === 0;
    if (!isNew && known === undefined) continue;
    if (isNew) lists[side].set(text, { row, copies: (known?.copies ?? 0) + 1, ms });
    else if (known?.copies === 1) lists[side].delete(text);
    else if (known !== undefined) known.copies -= 1;
    const key = row[side];
    for (const other of lists[side === 0 ? 1 : 0].values()) {
      if (key === null || other.row[side === 0 ? 1 : 0] !== key) continue;
      const pair = rowText(side === 0 ? [...row, ...other.row] : [...other.row, ...row]);
      counts.set(pair, (counts.get(pair) ?? 0) + (isNew ? 1 : -1) * other.copies);
    }
  }
  return [...counts].flatMap(([text, count]) => new Array<string>(count).fill(text)).sort();
}

function pushParts(run: Run, changes: readonly Timed[], size: number): Run {
  for (let at = 0; at < changes.length;) {
    const { ms, side } = changes[at] as Timed;
    let end = at;
    while (end < at + size && changes[end]?.ms === ms && changes[end]?.side === side) end += 1;
    run.pushAt(
      ms,
      side,
      changes.slice(at, end).map(({ change }) => change),
      size % 2 === 1,
    );
    at = end;
  }
  return run;
}

describe('random rows', () => {
  it.each([false, true])('are what nested loops give (taken back: %s)', (takesBack) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const changes = randomChanges(seed, 300, takesBack);
      const expected = model(changes, takesBack);
      for (const size of [1, 7, 100]) {
        const run = new Run({ retracts: [takesBack, takesBack], ttls: [LEFT, RIGHT] });
        expect(pushParts(run, changes, size).recorder.net(), `seed ${seed}, ${size}`).toEqual(
          expected,
        );
      }
    }
  });

  it.each(TYPES)('%s: the same changes for any batches and restores', (type) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const changes = randomChanges(seed, 200, true);
      const whole = new Run({ type, retracts: [true, true], ttls: [LEFT, RIGHT] });
      pushParts(whole, changes, 1);
      const run = new Run({ type, retracts: [true, true], ttls: [LEFT, RIGHT] });
      for (const part of [changes.slice(0, 80), changes.slice(80, 81), changes.slice(81)]) {
        pushParts(run, part, 7).restore();
      }
      expect(run.recorder.net(), `seed ${seed}`).toEqual(whole.recorder.net());
    }
  });
});

it('rows without times, or with those of another clock, count from the restore on', () => {
  for (const ttls of [null, { ...LEFT, time: 'event' as const }]) {
    const first = new Run({ ttls: [ttls, ttls] });
    if (ttls === null) first.pushAt(1000, 0, [left(1, 'a'), left(2, 'b')]);
    const bytes = snapshotOf(first.operator);
    const run = new Run({ ttls: [LEFT, LEFT] });
    restoreInto(run.operator, bytes);
    run.pushAt(50_000, 1, [right(3, 'c')]).pushAt(50_999, 1, [right(1, 'd')]);
    run.pushAt(51_000, 1, [right(2, 'e')]);
    expect(run.recorder.texts()).toEqual(ttls === null ? ["+I 1 'a' 0 1 1 'd'"] : []);
  }
  const kept = new Run({ ttls: [LEFT, LEFT] }).pushAt(1000, 0, [left(1, 'a')]);
  const off = new Run({});
  restoreInto(off.operator, snapshotOf(kept.operator));
  expect(off.pushAt(9e9, 1, [right(1, 'b')]).recorder.changes).toHaveLength(1);
});

it('keys that come once on each side are held for some minutes only', () => {
  const run = new Run({
    ttls: [
      { ...LEFT, ms: 60_000 },
      { ...RIGHT, ms: 30_000 },
    ],
  });
  let most = { rows: 0, bytes: 0 };
  let early = most;
  for (let second = 0; second < 3600; second += 1) {
    const keys = Array.from({ length: 20 }, (_, at) => second * 20 + at);
    run.pushAt(
      second * 1000 + 1,
      0,
      keys.map((key) => left(key, 'x')),
    );
    run.pushAt(
      second * 1000 + 1,
      1,
      keys.map((key) => right(key, 'y')),
    );
    const { rows, bytes } = run.operator.stateSize();
    most = { rows: Math.max(most.rows, rows), bytes: Math.max(most.bytes, bytes) };
    if (second === 600) early = most;
  }
  expect(run.recorder.changes).toHaveLength(72_000);
  // 60 and 30 seconds of 20 rows; a sweep ends before a third as many have come as there are keys.
  expect(most.rows).toBeLessThan(90 * 20 * (4 / 3) + 200);
  expect(most.bytes).toBe(early.bytes);
});

it('is another operator than one that keeps all, of the same state', () => {
  const run = new Run({ ttls: [LEFT, null] }).pushAt(1000, 0, [left(1, 'a')]);
  const plain = new Run({}).pushAt(1000, 0, [left(1, 'a')]);
  const again = new JoinOperator(plain.node, plain.recorder);
  restoreInto(again, snapshotOf(run.operator));
  expect(snapshotOf(again)).toEqual(snapshotOf(plain.operator));
});
