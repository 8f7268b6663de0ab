/**
 * What the command prints on terminals of 60 to 200 columns: no line is wider, no line breaks a
 * table, and what did not fit is said.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/base/display-width.js';
import { onPty, widest } from '../support/pty.js';
import { velo } from '../support/velo-process.js';

const WIDTHS = [60, 80, 120, 200];

const LIVE = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '120', 'rows-per-second' = '80');
SELECT i % 30 AS k, COUNT(*) AS n, 'text of a key' AS note FROM g GROUP BY i % 30 EMIT CHANGES`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'velo-widths-'));
  const columns = Array.from({ length: 27 }, (_, at) => `i * ${at} AS column_${at}`).join(', ');
  writeFileSync(
    join(folder, 'wide.sql'),
    `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '1000');
SELECT i, CAST(i + 1709287200123 AS TIMESTAMP) AS at,
  CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE '東京🎉 with e\u0301 and a longer text behind it' END AS note,
  ${columns} FROM g;`,
  );
  writeFileSync(
    join(folder, 'faulty.sql'),
    `SELECT 1 + ${'a_rather_long_name_of_a_column + '.repeat(6)}東京, amout\tAS x, ${'y, '.repeat(40)} z
FROM 'a/path/of/a/file/that/does/not/exist/anywhere/but/is/long/enough/to/be/folded/somewhere.jsonl'`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where a table's lines have bars: one text for all lines of it. */
function shapeOf(line: string): string {
  const places: number[] = [];
  let column = 0;
  for (const piece of line.split(/[│┌┬┐├┼┤└┴┘]/)) {
    column += displayWidth(piece) + 1;
    places.push(column);
  }
  return places.join(' ');
}

describe.each(WIDTHS)('on %i columns', (columns) => {
  it('rows are a table that fits, with its head and its notes', () => {
    const { exit, screen } = onPty(['run', 'wide.sql'], { columns, cwd: folder });
    expect(exit).toBe(0);
    expect(widest(screen)).toBeLessThanOrEqual(columns);
    const table = screen.filter((line) => /^[┌│├└]/.test(line));
    expect(new Set(table.map(shapeOf)).size).toBe(1);
    expect(screen.filter((line) => line.startsWith('┌'))).toHaveLength(1);
    const between = screen.slice(
      screen.findIndex((line) => line.startsWith('┌')),
      screen.findIndex((line) => line.startsWith('└')) + 1,
    );
    expect(between).toEqual(table);
    const text = screen.join(' ');
    expect(text).toMatch(/1,000 rows, the first 20 and the last 20 shown/);
    expect(text).toMatch(/\d+ of 30 columns shown/);
    expect(table.join('\n')).toMatch(/│ +0 │ 2024-03-01 10:00:00\.123 │/);
    expect(text).toMatch(/1,000 in · 1,000 out/);
  });

  it.each([
    ['v1', ['--arch', 'v1']],
    ['v2', ['--arch', 'v2', '--partitions', '2', '--workers', '1']],
  ] as const)('%s: a result that updates is one table, drawn over itself', (_, arch) => {
    const { exit, sent, screen } = onPty(['run', ...arch, '-e', LIVE], { columns, rows: 14 });
    expect(exit).toBe(0);
    expect(sent.match(/┌/g)?.length).toBeGreaterThan(1);
    expect(sent).toMatch(/30 rows, the \d that changed last shown/);
    expect(sent).toMatch(/\d+ in \(\d+ %\) · \d+ out/);
    // Nothing of what was drawn over is left.
    expect(screen.join('\n').match(/┌/g)).toHaveLength(1);
    expect(screen.join('\n')).not.toMatch(/changed last|left$/m);
    expect(widest(screen)).toBeLessThanOrEqual(columns);
    const rows = screen.filter((line) => line.startsWith('│')).slice(1);
    expect(rows.map((line) => Number(line.split('│')[2]))).toEqual(rows.map(() => 4));
    expect(rows).toHaveLength(30);
    expect(screen.join(' ')).toMatch(/120 in · 120 out/);
  });

  it('velo bench has its verdict first and tables that fit', () => {
    const args = 'bench --arch both --partitions 2 --records 4000 --runs 2 --warmup 0';
    const { exit, screen } = onPty([...args.split(' '), '--scenario', '0,3a', '--histograms'], {
      columns,
      cwd: folder,
    });
    expect(exit).toBe(0);
    expect(widest(screen)).toBeLessThanOrEqual(columns);
    const at = (start: string): number => screen.findIndex((line) => line.startsWith(start));
    expect(at('all 4 results are verified')).toBeGreaterThanOrEqual(0);
    expect(at('scenario ')).toBeGreaterThan(at('all 4 results are verified'));
    const lanes = screen.slice(at('scenario ') + 1, at('scenario ') + 5);
    expect(lanes.map((line) => /v1|v2 2×2/.exec(line)?.[0])).toEqual([
      'v1',
      'v2 2×2',
      'v1',
      'v2 2×2',
    ]);
    const head = screen[at('scenario ')] ?? '';
    for (const name of ['rec/s', '÷ V1', 'p99']) expect(head).toContain(name);
    const notes = screen.filter((line) => /^\d+ of \d+ columns shown/.test(line));
    expect(notes).toHaveLength(columns < 200 ? 1 : 0);
    expect(screen.join(' ')).toContain('throughput per 100 ms');
  });

  it('errors are folded, and carets stand below what they mean', () => {
    const { exit, screen } = onPty(['run', 'faulty.sql'], { columns, cwd: folder });
    expect(exit).not.toBe(0);
    expect(widest(screen)).toBeLessThanOrEqual(columns);
    expect(screen.join('').replaceAll(' ', '')).toContain('somewhere.jsonl');
    const faulty = onPty(['run', '-e', `${' '.repeat(50)}SELECT 東京, ${'a, '.repeat(60)}b +`], {
      columns,
      cwd: folder,
    });
    expect(widest(faulty.screen)).toBeLessThanOrEqual(columns);
    const at = faulty.screen.findIndex((line) => /^ +\| +\^+$/.test(line));
    const [source = '', carets = ''] = faulty.screen.slice(at - 1);
    expect(source).toMatch(/^1 \| /);
    expect(displayWidth(source)).toBeGreaterThanOrEqual(carets.length - 1);
    expect(faulty.screen.join(' ')).toContain('error[VELO_');
  });
});

describe('carets', () => {
  it('stand below wide characters and behind tabs', () => {
    const { screen } = onPty(['run', '-e', `SELECT '東京🎉',\tnope FROM 'x.jsonl'`], {
      columns: 80,
      cwd: folder,
    });
    writeFileSync(join(folder, 'x.jsonl'), '{"a":1}\n');
    const again = onPty(['run', '-e', `SELECT '東京🎉',\tnope FROM 'x.jsonl'`], {
      columns: 80,
      cwd: folder,
    });
    expect(screen.join(' ')).toContain('x.jsonl');
    const at = again.screen.findIndex((line) => /^ +\| +\^+$/.test(line));
    const [source = '', carets = ''] = again.screen.slice(at - 1);
    expect(displayWidth(source.slice(0, source.indexOf('nope')))).toBe(carets.indexOf('^'));
    expect(carets.trim()).toBe('| ' + ' '.repeat(carets.indexOf('^') - 4) + '^^^^');
  });
});

describe('a result that updates', () => {
  it('is every change with --no-live, with --changelog and in a pipe', async () => {
    const sql = LIVE.replace(", 'rows-per-second' = '80'", '');
    const plain = onPty(['run', '--no-live', '--max-rows', 'all', '-e', sql], { columns: 80 });
    expect(plain.screen.filter((line) => line.startsWith('│'))).toHaveLength(121);
    const changes = onPty(['run', '--changelog', '-e', sql], { columns: 80 });
    expect(changes.screen.join('\n')).toMatch(/│ op │/);
    const piped = await velo(['run', '--live', '-q', '-e', sql]);
    expect(piped.stdout.trimEnd().split('\n')).toHaveLength(120);
  });

  it('takes no --live and --changelog, and no --live of rows that stand', async () => {
    const both = await velo(['run', '--live', '--changelog', '-e', LIVE]);
    expect(both.exit).toBe(2);
    expect(both.stderr).toContain('error[VELO_FLAG_INVALID]: --live shows what stands');
    const none = await velo(['run', '--live', '-e', 'SELECT 1 AS one']);
    expect(none.stderr).toContain('warning: --live says nothing here');
  });
});
