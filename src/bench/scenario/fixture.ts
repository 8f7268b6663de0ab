/**
 * Fixtures on disk and expectations in files: writes a scenario's generated table as JSON lines
 * with velo's own file sink, and reads `@expect` annotations of the user's scenario files.
 */
import { join } from 'node:path';
import { planTableWrite } from '../../job/write-table.js';
import type { OpenTableWrite, WriteTarget } from '../../job/write-table.js';
import type { Expectation } from './expectation-trades.js';
import { environmentVariable } from '../../base/environment-variable.js';
import { scenarioVariables } from './scenario.js';
import type { FixtureOptions, Scenario } from './scenario.js';

/** A scenario's generated table on its way to a file or a topic. */
export function planFixture(
  scenario: Scenario,
  fixture: FixtureOptions,
  target: WriteTarget,
): OpenTableWrite {
  const variables = scenarioVariables(scenario, fixture);
  return planTableWrite({
    source: { name: scenario.file, text: scenario.text },
    variables: (name) => variables[name] ?? environmentVariable(name),
    settings: {},
    table: null,
    rows: scenario.own?.records ?? null,
    rate: null,
    target,
    notice: () => undefined,
  });
}

/** Writes the scenario's fixture to `folder`; what --source would say for it. */
export async function writeFixture(
  scenario: Scenario,
  fixture: FixtureOptions,
  folder: string,
  onProgress: (line: string) => void,
): Promise<readonly (readonly [string, string])[]> {
  const path = join(folder, `${scenario.id}.jsonl`);
  const target = { connector: 'file', options: { path, format: 'json' } };
  const { table, processor } = planFixture(scenario, fixture, target);
  onProgress(`scenario ${scenario.id}: writing ${fixture.records} records as JSON lines`);
  await processor.start();
  return [[table, path]];
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
