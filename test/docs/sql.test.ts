/**
 * The pages of docs/ that show queries with their rows: every ```sql block that a ```jsonl block
 * follows is executed, on V1 and on V2, over the tables of the page's `sql tables` block. Rows are
 * in any order where the block does not say `ordered`. A query that a `text error` block follows
 * ends with that error: each of its lines is one of the error's.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { diffRows } from '../../src/cli/cases/row-diff.js';
import { runSql } from '../support/run-sql.js';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const PAGES = ['sql.md', 'state.md'];
const BLOCK = /^```(sql tables|sql|jsonl|jsonl ordered|text error)\n([\s\S]*?)^```/gm;

describe.each(PAGES)('docs/%s', (page) => {
  const blocks = [...readFileSync(`${DOCS}${page}`, 'utf8').matchAll(BLOCK)].map(
    ([, kind = '', text = '']) => ({ kind, text }),
  );
  const tables = blocks.find(({ kind }) => kind === 'sql tables')?.text ?? '';
  const examples = blocks.flatMap(({ kind, text }, at) => {
    const next = blocks[at + 1];
    const shown = kind === 'sql' && next !== undefined && !next.kind.startsWith('sql');
    return shown ? [{ sql: text, rows: next.text, order: next.kind }] : [];
  });
  const faults = examples.filter(({ order }) => order === 'text error');
  const results = examples.filter(({ order }) => order !== 'text error');

  it('shows rows for every query', () => {
    const tableOnly = /^\s*CREATE TABLE [^;]*;\s*$/;
    const queries = blocks.filter(({ kind, text }) => kind === 'sql' && !tableOnly.test(text));
    expect(queries.length).toBeGreaterThan(0);
    expect(queries).toHaveLength(examples.length);
  });

  it.each(faults)('$sql', async ({ sql, rows }) => {
    for (const partitions of [null, 1, 3]) {
      const place = partitions === null ? {} : { partitioned: { partitions, workers: 2 } };
      const { errorText } = await runSql(`${tables}\n${sql}`, place);
      const lines = errorText.split('\n').map((line) => line.trim());
      expect(lines, `at ${partitions ?? 'v1'}`).toEqual(
        expect.arrayContaining(
          rows
            .trim()
            .split('\n')
            .map((line) => line.trim()),
        ),
      );
    }
  });

  it.each(results)('$sql', async ({ sql, rows, order }) => {
    const expected = {
      order: order === 'jsonl ordered' ? 'ordered' : 'unordered',
      keys: [],
      tolerance: 0,
      lines: rows.trim().split('\n'),
    } as const;
    for (const partitions of [null, 1, 3]) {
      const place = partitions === null ? {} : { partitioned: { partitions, workers: 2 } };
      const { lines, errorText } = await runSql(`${tables}\n${sql}`, place);
      expect(errorText).toBe('');
      expect(diffRows(expected, lines), `at ${partitions ?? 'v1'}`).toEqual([]);
    }
  });
});
