/**
 * docs/functions.md is made of the registry and of an example of every function, whose result is
 * what velo gives for it, on V1 and on V2 (`npx vitest run test/docs -u` writes the page).
 */
import { describe, expect, it } from 'vitest';
import { allFunctions } from '../../src/functions/function-registry.js';
import type {
  AggregateFunction,
  ScalarFunction,
  WindowFunction,
} from '../../src/functions/registry-types.js';
import { runSql } from '../support/run-sql.js';
import {
  AGGREGATE_EXAMPLES,
  INTERNAL,
  READINGS,
  SCALAR_EXAMPLES,
  WINDOW_EXAMPLES,
  WITHOUT_EXAMPLE,
} from './function-examples.js';

type Entry = ScalarFunction | AggregateFunction | WindowFunction;

const entries = allFunctions();
const scalars = entries.filter((entry) => 'nulls' in entry);
const aggregates = entries.filter((entry) => 'retractable' in entry);
const windows = entries.filter((entry) => !('nulls' in entry) && !('retractable' in entry));

/** One row of all the examples, by name. */
async function resultsOf(
  examples: Readonly<Record<string, string>>,
  sqlOf: (list: string) => string,
): Promise<ReadonlyMap<string, string>> {
  const names = Object.keys(examples);
  const sql = sqlOf(names.map((name, at) => `${examples[name]} AS c${at}`).join(',\n'));
  const onV1 = await runSql(sql);
  expect(onV1.errorText).toBe('');
  const onV2 = await runSql(sql, { partitioned: { partitions: 3, workers: 2 } });
  expect(onV2.lines).toEqual(onV1.lines);
  const row = JSON.parse(onV1.lines.at(-1) ?? '{}') as Record<string, unknown>;
  return new Map(names.map((name, at) => [name, JSON.stringify(row[`c${at}`])]));
}

const FOLDED = `CREATE TABLE one (i BIGINT) WITH ('connector' = 'generator', 'rows' = '1');`;

function section(
  title: string,
  about: string,
  parts: {
    readonly entries: readonly Entry[];
    readonly examples: Readonly<Record<string, string>>;
    readonly results: ReadonlyMap<string, string>;
  },
): string {
  const rows = parts.entries
    .filter(({ name }) => !INTERNAL.includes(name))
    .map((entry) => {
      const { name } = entry;
      const aliases = 'aliases' in entry ? (entry.aliases ?? []) : [];
      const also = aliases.length === 0 ? '' : ` Also ${aliases.join(', ')}.`;
      const nulls = 'nulls' in entry && entry.nulls === 'own' ? ' Sees NULLs.' : '';
      const example = parts.examples[name];
      const shown =
        example === undefined
          ? ''
          : `\`${example.replaceAll('|', '\\|')}\` → \`${(parts.results.get(name) ?? '').replaceAll('|', '\\|')}\``;
      return `| ${`${entry.about}${also}${nulls}`.replaceAll('|', '\\|')} | ${shown} |`;
    });
  return `## ${title}\n\n${about}\n\n| function | example |\n|--|--|\n${rows.join('\n')}\n`;
}

describe('docs/functions.md', () => {
  it('has an example of every function', () => {
    const missing = [
      ...scalars.filter(({ name }) => SCALAR_EXAMPLES[name] === undefined),
      ...aggregates.filter(({ name }) => AGGREGATE_EXAMPLES[name] === undefined),
      ...windows.filter(({ name }) => WINDOW_EXAMPLES[name] === undefined),
    ].map(({ name }) => name);
    expect(missing.sort()).toEqual([...WITHOUT_EXAMPLE, ...INTERNAL].sort());
  });

  it('shows what velo gives for them', async () => {
    const scalar = await resultsOf(
      SCALAR_EXAMPLES,
      (list) => `${FOLDED} SELECT ${list} FROM (SELECT ROW(1, 'b') AS place FROM one)`,
    );
    const aggregate = await resultsOf(
      AGGREGATE_EXAMPLES,
      (list) => `${READINGS} SELECT ${list} FROM readings EMIT FINAL`,
    );
    const window = await resultsOf(
      WINDOW_EXAMPLES,
      (list) =>
        `${READINGS} SELECT ${list.replaceAll(/ AS c/g, ' OVER w AS c')} FROM readings
         WINDOW w AS (ROWS WINDOW BUFFER 3 ROWS ORDER BY i)`,
    );
    const page = [
      '# Functions\n',
      'Made of the registry (`src/functions/`); every result below is what velo gives for the example, checked',
      'on V1 and V2 by `test/docs/functions.test.ts`. A scalar function of a NULL is NULL unless it says "sees',
      'NULLs". What a function is not defined for is a data error of that record.\n',
      section('Scalar functions and operators', 'Of one row.', {
        entries: scalars,
        examples: SCALAR_EXAMPLES,
        results: scalar,
      }),
      section(
        'Aggregates',
        `Over these rows, and also as window functions with OVER. They skip NULLs where nothing else is said; \`FILTER (WHERE …)\`,\n\`DISTINCT\` and, where order matters, \`ORDER BY\` may stand with them.\n\n\`\`\`sql\n${READINGS}\n\`\`\``,
        { entries: aggregates, examples: AGGREGATE_EXAMPLES, results: aggregate },
      ),
      section(
        'Window functions',
        'The last of the four readings, with `OVER (ROWS WINDOW BUFFER 3 ROWS ORDER BY i)`.',
        { entries: windows, examples: WINDOW_EXAMPLES, results: window },
      ),
    ].join('\n');
    await expect(page).toMatchFileSnapshot('../../docs/functions.md');
  });
});
