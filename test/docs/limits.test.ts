/**
 * docs/limits.md is true: every row has a test that exists, every error code is one, and every file
 * that a row names is there. What happens at a limit is those tests' business.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/error-codes.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${ROOT}docs/limits.md`, 'utf8');

/** Cells of the rows of all tables, without their heads. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (-+|limit|number) +\|/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, inside = '']) => inside);
}

describe('docs/limits.md', () => {
  it('has rows of four cells: what, the limit, what happens there, the test', () => {
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((cells) => cells.length !== 4 || cells.includes(''))).toEqual([]);
  });

  it.each(rows.map((cells) => [cells[0] ?? '', cells[3] ?? ''] as const))(
    'names tests that exist: %s',
    (_, cell) => {
      const tests = quoted(cell);
      expect(tests.length).toBeGreaterThan(0);
      for (const path of tests) {
        expect(path).toMatch(/^test\/.+\.(test\.ts|case)$/);
        expect(existsSync(ROOT + path), path).toBe(true);
      }
    },
  );

  it('names error codes that exist', () => {
    const codes = new Set(text.match(/VELO_[A-Z_]+/g));
    const known = new Set(Object.keys(ERROR_CODES).map((key) => `VELO_${key}`));
    expect(codes.size).toBeGreaterThan(5);
    expect([...codes].filter((code) => !known.has(code))).toEqual([]);
  });

  it('names files of the sources that exist', () => {
    const files = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' });
    const names = new Set(files.map((file) => basename(file)));
    const named = rows
      .flatMap((cells) => quoted(cells[0] ?? ''))
      .filter((name) => /\.ts$/.test(name));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !names.has(basename(name)))).toEqual([]);
  });

  it('names every file that keeps something in growing arrays of 32-bit numbers', () => {
    const folders = ['columnar', 'state', 'runtime', 'processors/partitioned'];
    const growing = folders.flatMap((folder) =>
      readdirSync(`${ROOT}src/${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .filter((file) => GROWS.test(readFileSync(`${ROOT}src/${folder}/${file}`, 'utf8')))
        .map((file) => basename(file)),
    );
    const named = new Set(
      rows.flatMap((cells) => quoted(cells[0] ?? '')).map((name) => basename(name)),
    );
    expect(growing.length).toBeGreaterThan(10);
    expect(growing.filter((file) => !named.has(file))).toEqual([]);
  });
});

/** An Int32Array twice as long as another one, or the function that makes one. */
const GROWS = /new (?:Int32|Uint32|Uint16)Array\([^)]*\* 2\)|\bgrown\(/;
