/**
 * Every SQL case of this folder, on V1 with batches of 1, 7 and the default number of rows: the
 * rows must be the same (law 2).
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
const ROOT = import.meta.dirname;

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.case'))
  .map((name) => join(ROOT, name))
  .sort();

describe('SQL cases', () => {
  it.each(files.map((file) => relative(ROOT, file)))('%s', async (name) => {
    const sqlCase = readCase(join(ROOT, name));
    const folder = mkdtempSync(join(tmpdir(), 'velo-case-'));
    try {
      for (const { name: input, body } of sqlCase.inputs) writeFileSync(join(folder, input), body);
      for (const batchRows of BATCH_ROWS) {
        expect(await faultsOf(sqlCase, folder, batchRows), `batch size ${batchRows}`).toEqual([]);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function faultsOf(
  sqlCase: SqlCase,
  folder: string,
  batchRows: number | undefined,
): Promise<string[]> {
  const place = (text: string): string => text.replaceAll('${DIR}', folder);
  const onError = sqlCase.flags[sqlCase.flags.indexOf('--on-error') + 1] ?? '';
  const options: RunSqlOptions = {
    ...(batchRows === undefined ? {} : { batchRows }),
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
