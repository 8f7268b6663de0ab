/**
 * The five scenarios and their longer variants through the whole engine: rows and sums as derived
 * from the definitions, the same for every batch size, nothing lost between source and sink.
 */
import { describe, expect, it } from 'vitest';
import { digestFaults, expectBuiltin } from '../../src/bench/scenario/expectation.js';
import { fixtureVariables, selectScenarios } from '../../src/bench/scenario/scenario.js';
import type { BuiltinId, FixtureOptions } from '../../src/bench/scenario/scenario.js';
import { BlackholeSink } from '../../src/connectors/blackhole/blackhole.js';
import { compileJob, createJob } from '../../src/job.js';
import type { JobResult } from '../../src/processors/job-processor.js';

const BASE: FixtureOptions = { records: 5000, groups: 20, stepMs: 1, changes: 'snapshot' };

interface Outcome {
  readonly result: JobResult;
  readonly faults: readonly string[];
  readonly rows: number;
}

async function run(
  id: BuiltinId,
  fixture: FixtureOptions,
  batchRows: number | null,
  settings: Record<string, string> = {},
): Promise<Outcome> {
  const [scenario] = selectScenarios(id);
  const variables = fixtureVariables(fixture);
  const job = await compileJob({
    source: { name: scenario!.file, text: scenario!.text },
    variables: (name) => variables[name],
    settings: fixture.changes === 'delta' ? { ...settings, 'emit.changes': 'delta' } : settings,
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  let sink: BlackholeSink | null = null;
  const result = await createJob(job, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows,
    notice: () => undefined,
    sinkFor: ({ sink: { schema, keyColumns, table } }) => {
      sink = new BlackholeSink({
        table,
        schema,
        keyColumns,
        changelog: false,
        notice: () => undefined,
      });
      return sink;
    },
  }).start();
  const digest = sink!.summary();
  return { result, faults: digestFaults(expectBuiltin(id, fixture), digest), rows: digest.rows };
}

const IDS: readonly BuiltinId[] = ['0', '1', '2', '3a', '3b'];

describe.each(IDS)('scenario %s', (id) => {
  it.each([1, 7, 100, 1000, 5000])(
    'gives the golden rows with batches of %i',
    async (batchRows) => {
      const { result, faults, rows } = await run(id, BASE, batchRows);
      expect(faults).toEqual([]);
      expect(result.rowsOut).toBe(rows);
      expect(result.queries[0]).toMatchObject({
        rowsRead: 5000,
        rowsProcessed: 5000,
        rowsFailed: 0,
        rowsLateDropped: 0,
      });
    },
  );

  it('gives what the definition says for 10,007 records', async () => {
    expect((await run(id, { ...BASE, records: 10_007 }, null)).faults).toEqual([]);
  });
});

describe('longer variants', () => {
  it.each([
    ['3b', { groups: 200 }, 980_100],
    ['3b', { changes: 'delta' }, 5000],
    ['3b', { stepMs: 1000 }, 84_040],
    ['3a', { stepMs: 1000 }, 1680],
    ['2', { groups: 200 }, 5000],
  ] as const)('scenario %s %o gives %i rows', async (id, more, want) => {
    const { rows, faults } = await run(id, { ...BASE, ...more }, null);
    expect(faults).toEqual([]);
    expect(rows).toBe(want);
  });

  it('without the flush at the end 3a gives no row, and 1,640 with windows that advance', async () => {
    expect((await run('3a', BASE, null, { 'emit.flush': 'false' })).rows).toBe(0);
    expect((await run('3a', { ...BASE, stepMs: 1000 }, null, { 'emit.flush': 'false' })).rows).toBe(
      1640,
    );
  });

  it('snapshots cost in proportion to the records: no re-aggregation', async () => {
    const [small, large] = [150_000, 300_000];
    const seconds = async (records: number): Promise<number> => {
      const times = [];
      for (let i = 0; i < 5; i += 1)
        times.push((await run('3b', { ...BASE, records }, null)).result.cpuSeconds);
      return Math.min(...times);
    };
    await seconds(small);
    expect((await seconds(large)) / (await seconds(small))).toBeLessThan(2.5);
  });
});
