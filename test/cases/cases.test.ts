/**
 * Every SQL case of this folder, on V1 and on V2 at 1, 2, 3 and 8 partitions with 1 and 2 workers,
 * each with batches of 1, 7 and the default number of rows: the rows must be the same (laws 1, 2).
 * `npx vitest run test/cases` is that matrix.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diffRows, readCase } from '../support/case-file.js';
import type { SqlCase } from '../support/case-file.js';
import { runSql } from '../support/run-sql.js';
import type { RunSqlOptions } from '../support/run-sql.js';

const BATCH_ROWS = [undefined, 1, 7];
const WORKERS = [1, 2];
/** For 27 runs of a case; the largest puts out 100,000 rows in each. */
const LIMIT_MS = 120_000;
const ROOT = import.meta.dirname;

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.case'))
  .map((name) => join(ROOT, name))
  .sort();

describe('SQL cases', () => {
  it.each(files.map((file) => relative(ROOT, file)))(
    '%s',
    async (name) => {
      const sqlCase = readCase(join(ROOT, name));
      const folder = mkdtempSync(join(tmpdir(), 'velo-case-'));
      try {
        for (const { name: input, body } of sqlCase.inputs)
          writeFileSync(join(folder, input), body);
        for (const target of targetsOf(sqlCase)) {
          for (const batchRows of BATCH_ROWS) {
            const at = `${target === null ? 'v1' : JSON.stringify(target)}, batches of ${batchRows}`;
            expect(await faultsOf(sqlCase, folder, { target, batchRows }), at).toEqual([]);
          }
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    LIMIT_MS,
  );
});

/** V2 at `partitions` × `workers`; null: V1. */
type Target = { readonly partitions: number; readonly workers: number } | null;

function targetsOf(sqlCase: SqlCase): readonly Target[] {
  const partitions = sqlCase.partitions.length === 0 ? [] : [...sqlCase.partitions, 3];
  const targets = [...new Set(partitions)].flatMap((count) =>
    WORKERS.map((workers) => ({ partitions: count, workers })),
  );
  return [null, ...targets];
}

async function faultsOf(
  sqlCase: SqlCase,
  folder: string,
  run: { readonly target: Target; readonly batchRows: number | undefined },
): Promise<string[]> {
  const { target, batchRows } = run;
  const place = (text: string): string => text.replaceAll('${DIR}', folder);
  const onError = sqlCase.flags[sqlCase.flags.indexOf('--on-error') + 1] ?? '';
  const options: RunSqlOptions = {
    ...(batchRows === undefined ? {} : { batchRows }),
    ...(target === null ? {} : { partitioned: target }),
    changelog: sqlCase.flags.includes('--changelog'),
    ...(onError === 'skip' ? { onError } : {}),
  };
  const { exit, lines, errorText } = await runSql(place(sqlCase.sql), options);
  if (exit !== sqlCase.exit) return [`exit ${exit} instead of ${sqlCase.exit}`, errorText];
  const faults = (sqlCase.error ?? []).filter((want) => !holds(want, errorText));
  if (faults.length > 0) return [...faults.map((want) => `error lacks ${want}`), errorText];
  return sqlCase.expected === null ? [] : diffRows(sqlCase.expected, lines);
}

function holds(want: string, text: string): boolean {
  return want.startsWith('~ ')
    ? new RegExp(want.slice(2), 'im').test(text)
    : text.toLowerCase().includes(want.toLowerCase());
}
