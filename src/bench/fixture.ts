/**
 * Fixtures on disk and expectations in files: writes a scenario's generated table as JSON lines
 * with velo's own file sink, and reads `@expect` annotations of the user's scenario files.
 */
import { join } from 'node:path';
import type { QueryPlan } from '../plan/pipeline-plan.js';
import { compileJob, createJob } from '../job.js';
import type { Expectation } from './expectation.js';
import { fixtureVariables } from './scenario.js';
import type { FixtureOptions, Scenario } from './scenario.js';

const CREATE_TABLE = /CREATE TABLE (\w+) \([\s\S]*?\) WITH \([^)]*\);/i;

/** Writes the scenario's fixture to `folder`; what --source would say for it. */
export async function writeFixture(
  scenario: Scenario,
  fixture: FixtureOptions,
  folder: string,
  onProgress: (line: string) => void,
): Promise<readonly (readonly [string, string])[]> {
  const match = CREATE_TABLE.exec(scenario.text);
  if (match === null) return [];
  const [declaration, table] = match;
  const path = join(folder, `${scenario.id}.jsonl`);
  onProgress(`scenario ${scenario.id}: writing ${fixture.records} records as JSON lines`);
  const variables = fixtureVariables(fixture);
  const job = await compileJob({
    source: { name: scenario.file, text: `${declaration}\nSELECT * FROM ${table};` },
    variables: (name) => variables[name],
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const toFile = {
    ...job,
    plan: { ...job.plan, queries: job.plan.queries.map((q) => intoFile(q, path)) },
  };
  await createJob(toFile, {
    sinks: { stdout: process.stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows: null,
    notice: () => undefined,
  }).start();
  return [[table as string, path]];
}

function intoFile(query: QueryPlan, path: string): QueryPlan {
  const table = {
    name: 'fixture',
    connector: 'file',
    options: { path, format: 'json' },
    physical: [],
    columns: [],
    watermark: null,
    primaryKey: [],
    bounded: true,
  };
  return { ...query, sink: { ...query.sink, table } };
}

const EXPECT = /^\s*--\s*@expect\.(rows|sum\.(\S+))\s*:\s*(\S+)\s*$/gm;

/** `@expect.rows: N` and `@expect.sum.column: N`; null when the file has none. */
export function fileExpectation(scenario: Scenario): Expectation | null {
  let rows: number | null = null;
  const sums: Record<string, number | bigint> = {};
  for (const [, what, column, value] of scenario.text.matchAll(EXPECT)) {
    if (what === 'rows') rows = Number(value);
    else
      sums[column as string] = /^-?\d+$/.test(value as string)
        ? BigInt(value as string)
        : Number(value);
  }
  return rows === null ? null : { rows, sums };
}
