/**
 * The five scenarios and their variants on V2: partitions 1, 2, 3, 8 × workers 1, 2 × batches of 1,
 * 7 and the default number of rows give the rows of V1, but for the scope of a snapshot, which is
 * computed from the routing. Runs what was built: workers are started from dist.
 */
import { describe, expect, it } from 'vitest';
import { digestFaults, expectBuiltin } from '../../dist/bench/scenario/expectation.js';
import { groupPlaces } from '../../dist/bench/scenario/group-places.js';
import { fixtureVariables, selectScenarios } from '../../dist/bench/scenario/scenario.js';
import type { BuiltinId, FixtureOptions } from '../../dist/bench/scenario/scenario.js';
import { compileJob, createJob } from '../../dist/job.js';
import type { JobResult } from '../../dist/processors/job-processor.js';
import { PARTITIONED_DEFAULTS } from '../../dist/processors/partitioned/job-settings.js';
import type { PartitionedSettings } from '../../dist/processors/partitioned/job-settings.js';

const BASE: FixtureOptions = { records: 5000, groups: 20, stepMs: 1, changes: 'snapshot' };
const IDS: readonly BuiltinId[] = ['0', '1', '2', '3a', '3b'];

interface Shape {
  readonly partitions: number;
  readonly workers: number;
  readonly batchRows: number | null;
  readonly strategy?: PartitionedSettings['strategy'];
  readonly splits?: string;
}

async function run(
  id: BuiltinId,
  fixture: FixtureOptions,
  shape: Shape,
): Promise<{ readonly result: JobResult; readonly faults: readonly string[] }> {
  const [scenario] = selectScenarios(id);
  const variables: Readonly<Record<string, string>> = {
    ...fixtureVariables(fixture),
    VELO_SPLITS: shape.splits ?? '1',
  };
  const job = await compileJob({
    source: { name: scenario!.file, text: scenario!.text },
    variables: (name) => variables[name],
    settings: fixture.changes === 'delta' ? { 'emit.changes': 'delta' } : {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const { partitions, workers } = shape;
  const strategy = shape.strategy ?? null;
  const result = await createJob(job, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: shape.batchRows,
    notice: () => undefined,
    sink: 'blackhole',
    partitioned: { ...PARTITIONED_DEFAULTS, partitions, workers, strategy },
  }).start();
  const { groups } = fixture;
  const places = groupPlaces({ groups, partitions, strategy });
  return {
    result,
    faults: digestFaults(expectBuiltin(id, fixture, places), result.digests[0]!),
  };
}

const SHAPES = [1, 2, 3, 8].flatMap((partitions) =>
  [1, 2].flatMap((workers) =>
    [1, 7, null].map((batchRows) => ({ partitions, workers, batchRows })),
  ),
);

describe.each(IDS)('scenario %s', (id) => {
  it('gives the golden rows at every partition, worker and batch count', async () => {
    for (const shape of SHAPES) {
      const { result, faults } = await run(id, BASE, shape);
      expect(faults, JSON.stringify(shape)).toEqual([]);
      expect(result.queries[0], JSON.stringify(shape)).toMatchObject({
        rowsRead: 5000,
        rowsProcessed: 5000,
        rowsFailed: 0,
        rowsLateDropped: 0,
        rowsOut: result.digests[0]!.rows,
      });
    }
  });
});

describe('variants', () => {
  it.each([
    ['2', { groups: 200 }],
    ['3b', { groups: 200 }],
    ['3b', { changes: 'delta' }],
    ['3b', { stepMs: 1000 }],
    ['3a', { stepMs: 1000 }],
    ['3a', { records: 100_003 }],
    ['1', { records: 100_003 }],
  ] as const)('scenario %s %o', async (id, more) => {
    for (const [partitions, workers] of [
      [1, 1],
      [8, 2],
      [3, 2],
    ] as const) {
      const shape = { partitions, workers, batchRows: null };
      expect((await run(id, { ...BASE, ...more }, shape)).faults).toEqual([]);
    }
  });

  // The order between splits is part of a ROWS window: scenario 1 is not among these.
  it.each([
    ['0', 5000],
    ['2', 5000],
    ['3a', 20],
    ['3b', 5000],
  ] as const)('scenario %s from four splits gives %i rows', async (id, rows) => {
    const shape = { partitions: 3, workers: 2, batchRows: null, splits: '4' };
    const { result } = await run(id, { ...BASE, changes: 'delta' }, shape);
    expect(result.rowsRead).toBe(5000);
    expect(result.rowsOut).toBe(rows);
  });

  it('fan-in gives 99,810 rows for 3b, as V1', async () => {
    const shape = { partitions: 8, workers: 2, batchRows: null, strategy: 'fan-in' } as const;
    const { result, faults } = await run('3b', BASE, shape);
    expect(faults).toEqual([]);
    expect(result.rowsOut).toBe(99_810);
  });

  it('leaves no partition idle with 200 groups on 8 partitions', async () => {
    const shape = { partitions: 8, workers: 2, batchRows: null };
    const { result } = await run('2', { ...BASE, groups: 200 }, shape);
    const rows = result.queries[0]!.partitions.map((partition) => partition.rowsIn);
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(5000);
    expect(Math.min(...rows)).toBeGreaterThan(0);
  });
});
