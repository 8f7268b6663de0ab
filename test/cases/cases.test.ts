/**
 * Every SQL case of this folder, on V1 and on V2 at 1, 2, 3 and 8 partitions with 2 workers, each
 * with batches of 1, 7 and the default number of rows, and with 1 worker and the default: the rows
 * must be the same (laws 1, 2).
 * `npx vitest run test/cases` is that matrix; VELO_QUICK runs V1 and one setting of V2 of each.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCase } from '../../src/cli/cases/case-file.js';
import type { SqlCase } from '../../src/cli/cases/case-file.js';
import { verifyCase } from '../../src/cli/cases/case-verify.js';
import type { RowFault } from '../../src/cli/cases/row-diff.js';
import { runSql } from '../support/run-sql.js';
import type { RunSqlOptions } from '../support/run-sql.js';

const IS_QUICK = process.env['VELO_QUICK'] === '1';
const BATCH_ROWS = IS_QUICK ? [7] : [undefined, 1, 7];
const WORKERS = IS_QUICK ? [2] : [1, 2];
/** For 19 runs of a case; the largest puts out 100,000 rows in each. */
const LIMIT_MS = 240_000;
const ROOT = import.meta.dirname;

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.case'))
  .map((name) => join(ROOT, name))
  .sort();

describe('SQL cases', () => {
  it.each(files.map((file) => relative(ROOT, file)))(
    '%s',
    async (name) => {
      const sqlCase = parseCase({ name, text: readFileSync(join(ROOT, name), 'utf8') });
      const folder = mkdtempSync(join(tmpdir(), 'velo-case-'));
      try {
        for (const { name: input, body } of sqlCase.inputs)
          writeFileSync(join(folder, input), body);
        for (const target of targetsOf(sqlCase)) {
          // One worker has no races of its own: partitions alone are looked at with it.
          const all = target?.workers === 1 ? BATCH_ROWS.slice(0, 1) : BATCH_ROWS;
          for (const batchRows of all) {
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

/** Of a case that does not say. */
const PARTITIONS = [1, 2, 8];

function targetsOf({ partitions }: SqlCase): readonly Target[] {
  const said = partitions ?? PARTITIONS;
  const wanted = said.length === 0 ? [] : IS_QUICK ? [3] : [...said, 3];
  const targets = [...new Set(wanted)].flatMap((count) =>
    WORKERS.map((workers) => ({ partitions: count, workers })),
  );
  return [null, ...targets];
}

async function faultsOf(
  sqlCase: SqlCase,
  folder: string,
  run: { readonly target: Target; readonly batchRows: number | undefined },
): Promise<RowFault[]> {
  const { target, batchRows } = run;
  const { sql, flags, error } = sqlCase;
  const options: RunSqlOptions = {
    ...(batchRows === undefined ? {} : { batchRows }),
    ...(target === null ? {} : { partitioned: target }),
    ...(flags.onError === null ? {} : { onError: flags.onError }),
    changelog: flags.changelog,
  };
  const text = 'text' in sql ? sql.text : '';
  const { exit, lines, errorText } = await runSql(text.replaceAll('${DIR}', folder), options);
  // A case of ours says which failure it means.
  const expected = { ...sqlCase, exit: sqlCase.exit ?? (error === null ? 0 : 2) };
  const outputs = [{ table: null, ordered: false, lines }];
  return verifyCase(expected, { exit, errorText, outputs });
}
