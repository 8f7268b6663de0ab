/**
 * Result documents: lanes are matched, what ran differently is not compared, another machine's
 * baseline is refused, a broken file is named.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { VeloError } from '../../src/base/errors.js';
import {
  compareDocuments,
  machineDifferences,
  readDocument,
  requireSameMachine,
} from '../../src/bench/compare/result-file.js';
import type { ResultDocument } from '../../src/bench/compare/result-file.js';

const OPTIONS = { maxRegression: 0.07, seed: 1 };
const MACHINE = {
  cpu: 'a processor',
  cores: 2,
  memoryBytes: 24 * 2 ** 30,
  node: 'v20.20.2',
  commit: null,
  dirty: false,
};

type LaneResult = ResultDocument['results'][number];

const TEN = Array.from({ length: 10 }, (_, at) => 100 + at);

function lane(more: Partial<LaneResult> = {}): LaneResult {
  return {
    scenario: '2',
    arch: 'v2',
    partitions: 8,
    workers: 2,
    source: 'generated',
    groups: 20,
    rowsIn: 5000,
    rate: null,
    conditions: { stepMs: 1 },
    verified: true,
    recordsPerSecond: { samples: TEN },
    ...more,
  };
}

function document(...results: LaneResult[]): ResultDocument {
  return { schema: 1, environment: MACHINE, results };
}

function slowed(by: number): { samples: number[] } {
  return { samples: TEN.map((rate) => rate * by) };
}

describe('two documents', () => {
  it('are compared lane by lane', () => {
    const v1 = lane({ arch: 'v1', partitions: 1, workers: 1 });
    const { lanes, notes } = compareDocuments(
      document(lane(), v1),
      document(v1, lane({ recordsPerSecond: slowed(0.8) })),
      OPTIONS,
    );
    expect(notes).toEqual([]);
    expect(lanes.map(({ lane: name, comparison }) => [name, comparison.verdict])).toEqual([
      ['2 v1 generated', 'no change'],
      ['2 v2 8×2 generated', 'slower'],
    ]);
    expect(lanes[1]?.comparison.ratio).toBeCloseTo(0.8, 12);
  });

  it('are compared by processor time too, which alone can be slower', () => {
    const before = lane({ recordsPerCpuSecond: { samples: TEN } });
    const after = lane({ recordsPerCpuSecond: slowed(0.8) });
    const { lanes } = compareDocuments(document(before), document(after), OPTIONS);
    expect(lanes.map(({ measure, comparison }) => [measure, comparison.verdict])).toEqual([
      ['rec/s', 'no change'],
      ['rec/cpu s', 'slower'],
    ]);
  });

  it('do not compare the speed of paced lanes', () => {
    const paced = lane({ rate: 1000, recordsPerCpuSecond: { samples: TEN } });
    const { lanes } = compareDocuments(document(paced), document(paced), OPTIONS);
    expect(lanes.map(({ measure }) => measure)).toEqual(['rec/cpu s']);
  });

  it.each([
    [{ rowsIn: 6000 }, '5000 records then, 6000 now'],
    [{ conditions: { stepMs: 1000 } }, 'run differently'],
    [{ verified: false }, 'does not verify'],
    [{ workers: 4 }, 'only in the second'],
  ])('say why %o is not compared', (more, why) => {
    const { lanes, notes } = compareDocuments(document(lane()), document(lane(more)), OPTIONS);
    expect(lanes).toEqual([]);
    expect(notes.join('; ')).toContain(why);
  });
});

describe('another machine', () => {
  it.each([
    [{ cpu: 'another' }, 'processor'],
    [{ cores: 4 }, 'cores'],
    [{ node: 'v22.1.0' }, 'Node'],
    [{ memoryBytes: 16 * 2 ** 30 }, 'memory'],
  ])('is one with %o', (more, what) => {
    const other = { ...MACHINE, ...more };
    expect(machineDifferences(MACHINE, other).join()).toContain(what);
    expect(() => requireSameMachine(MACHINE, other)).toThrow(
      expect.objectContaining({ code: 'VELO_BASELINE_MISMATCH' }) as Error,
    );
  });

  it('is not one with another commit, a patch release or a little less memory', () => {
    const other = { ...MACHINE, commit: 'abc', dirty: true, node: 'v20.19.4' };
    expect(machineDifferences(MACHINE, { ...other, memoryBytes: 23.8 * 2 ** 30 })).toEqual([]);
  });
});

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'velo-result-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function read(text: string): ResultDocument {
    const path = join(folder, 'result.json');
    writeFileSync(path, text);
    return readDocument(path);
  }

  it('is read as it was written, unknown fields left out', () => {
    const written = { ...document(lane()), more: 1 };
    expect(read(JSON.stringify(written))).toEqual(document(lane()));
  });

  it.each([
    ['{', 'cannot be read'],
    ['[]', 'no benchmark result'],
    [JSON.stringify({ ...document(lane()), schema: 2 }), 'schema'],
    [JSON.stringify(document(lane({ recordsPerSecond: { samples: [] } }))), 'samples'],
    [JSON.stringify(document(lane({ recordsPerSecond: { samples: [0] } }))), 'samples'],
  ])('%s is refused by name', (text, what) => {
    expect(() => read(text)).toThrow(VeloError);
    expect(() => read(text)).toThrow(what);
  });

  it('that is missing is refused by name', () => {
    expect(() => readDocument(join(folder, 'none.json'))).toThrow('none.json');
  });
});
