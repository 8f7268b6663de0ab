/**
 * EMIT FINAL over changes: what leaves is what stands, once, at the end or window by window, at any
 * batch size and across restores, in more partitions too.
 */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../src/bench/statistics.js';
import { BIGINT, TIMESTAMP, VARCHAR } from '../../src/columnar/types.js';
import type { FinalNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { FinalOperator } from '../../src/runtime/operators/final.js';
import { StateReader } from '../../src/state/snapshot.js';
import {
  after,
  before,
  ChangeRecorder,
  changeBatch,
  inputNode,
  insert,
  parts,
  remove,
  rowText,
} from './changelog-support.js';
import type { Change, Row } from './changelog-support.js';
import { snapshotOf } from './stream-support.js';

const INPUT = [
  { name: 'k', type: VARCHAR },
  { name: 'v', type: BIGINT },
  { name: 'window_end', type: TIMESTAMP },
];
const END = 2;

function finalNode(more: Partial<FinalNode> = {}): FinalNode {
  return {
    kind: 'final',
    id: 'final-1',
    input: inputNode(INPUT),
    windowEnd: END,
    latenessMs: 0,
    keys: [[0]],
    signature: '',
    schema: INPUT,
    mode: 'append',
    ...more,
  };
}

/** Changes of windows that end at 10, 20 … 50, equal rows among them. */
function randomChanges(seed: number, count: number): Change[] {
  const random = mulberry32(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const standing: Row[] = [];
  const make = (): Row => [
    'abc'[pick(3)]!,
    random() < 0.1 ? null : BigInt(pick(4)),
    10 + 10 * pick(5),
  ];
  return Array.from({ length: count }, (): Change[] => {
    if (standing.length === 0 || random() < 0.5) {
      standing.push(make());
      return [insert(...standing.at(-1)!)];
    }
    const [old] = standing.splice(pick(standing.length), 1) as [Row];
    if (random() < 0.5) return [remove(...old)];
    standing.push([old[0]!, BigInt(pick(4)), old[END]!]);
    return [before(...old), after(...standing.at(-1)!)];
  }).flat();
}

function standingOf(changes: readonly Change[]): string[] {
  const recorder = new ChangeRecorder(INPUT);
  recorder.changes.push(...changes);
  return recorder.net();
}

describe('EMIT FINAL', () => {
  it.each([1, 7, 4096])('gives what stands at the end, in batches of %i', (size) => {
    const changes = randomChanges(size, 300);
    const node = finalNode({ windowEnd: null });
    const recorder = new ChangeRecorder(INPUT);
    const operator = new FinalOperator(node, recorder);
    for (const part of parts(changes, size))
      operator.process(0, changeBatch(INPUT, part, size === 7));
    operator.watermark(0, 25);
    expect(recorder.changes).toEqual([]);
    operator.end(0, true);
    expect(recorder.net()).toEqual(standingOf(changes));
    expect(recorder.changes.every(({ op }) => op === 0)).toBe(true);
    expect(operator.stateSize().rows).toBe(0);
  });

  it('holds as many rows as there are, whatever comes and goes among them', () => {
    const rows = Array.from({ length: 1000 }, (_, at): Row => [`k${at % 7}`, BigInt(at), 10]);
    const changes = [
      ...rows.map((row) => insert(...row)),
      ...rows.filter((_, at) => at % 3 === 0).map((row) => remove(...row)),
      ...rows.slice(0, 300).map((row) => insert(...row)),
    ];
    const recorder = new ChangeRecorder(INPUT);
    const operator = new FinalOperator(finalNode({ windowEnd: null }), recorder);
    for (const part of parts(changes, 64)) operator.process(0, changeBatch(INPUT, part));
    const standing = standingOf(changes);
    expect(operator.stateSize().rows).toBeGreaterThan(600);
    operator.end(0, true);
    expect(recorder.net()).toEqual(standing);
    expect(operator.stateSize().rows).toBe(0);
  });

  it('gives the rows of a window when the watermark passes its end, and nothing at a stop', () => {
    const changes = randomChanges(3, 200);
    const recorder = new ChangeRecorder(INPUT);
    const operator = new FinalOperator(finalNode(), recorder);
    operator.process(0, changeBatch(INPUT, changes));
    operator.watermark(0, 19);
    const until = (end: number): string[] =>
      standingOf(changes.filter(({ row }) => (row[END] as number) <= end));
    expect(recorder.net()).toEqual(until(10));
    operator.watermark(0, 30);
    expect(recorder.net()).toEqual(until(30));
    expect(recorder.watermarks).toEqual([19, 30]);
    const ends = recorder.rows.map((row) => row[END] as number);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    operator.end(0, false);
    expect(recorder.net()).toEqual(until(30));
    operator.end(0, true);
    expect(recorder.net()).toEqual(until(50));
  });

  it('holds a window for as long as records may correct it', () => {
    const recorder = new ChangeRecorder(INPUT);
    const operator = new FinalOperator(finalNode({ latenessMs: 5 }), recorder);
    operator.process(0, changeBatch(INPUT, [insert('a', 1n, 10)]));
    operator.watermark(0, 14);
    expect(recorder.rows).toEqual([]);
    operator.process(0, changeBatch(INPUT, [before('a', 1n, 10), after('a', 2n, 10)]));
    operator.watermark(0, 15);
    expect(recorder.texts()).toEqual(["+I 'a' 2 10"]);
  });

  it('leaves out a row whose window is out already', () => {
    const recorder = new ChangeRecorder(INPUT);
    const operator = new FinalOperator(finalNode(), recorder);
    operator.watermark(0, 10);
    operator.process(0, changeBatch(INPUT, [insert('a', 1n, 10), remove('a', 1n, 10)]));
    operator.end(0, true);
    expect(recorder.rows).toEqual([]);
  });

  it('goes on after a restore in more partitions, rows with those of their key', () => {
    const changes = randomChanges(11, 200);
    const node = finalNode({ keys: [[0], [1]] });
    const first = new FinalOperator(node, new ChangeRecorder(INPUT));
    first.process(0, changeBatch(INPUT, changes));
    const bytes = snapshotOf(first);
    const rows: string[] = [];
    const groups = new Map<string, Set<number>>();
    for (const partition of [0, 1, 2]) {
      const recorder = new ChangeRecorder(INPUT);
      const operator = new FinalOperator(node, recorder);
      operator.restore(new StateReader(bytes, (keyGroup) => keyGroup % 3 === partition));
      operator.end(0, true);
      for (const row of recorder.rows) {
        rows.push(rowText(row));
        groups.set(row[0] as string, (groups.get(row[0] as string) ?? new Set()).add(partition));
      }
    }
    expect(rows.sort()).toEqual(standingOf(changes));
    expect([...groups.values()].every((partitions) => partitions.size === 1)).toBe(true);
  });
});
