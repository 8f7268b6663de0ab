/**
 * A checkpoint that an earlier velo wrote, in the first form of its files, is gone on from: the
 * folder `format-1` has one of every operator with state. VELO_WRITE_FORMAT=1 writes it anew, which
 * is right only before a velo with that form is out.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { folder, run } from './kept-runs.js';

const GOLDEN = join(import.meta.dirname, 'format-1');
const SQL = readFileSync(join(GOLDEN, 'queries.sql'), 'utf8');
const ROWS = join(GOLDEN, 'rows.txt');

async function writeGolden(): Promise<void> {
  const state = join(GOLDEN, 'state');
  rmSync(state, { recursive: true, force: true });
  const { rows } = await run(SQL, {
    dir: state,
    partitions: null,
    restore: 'none',
    keep: (states) => {
      const open = states.filter((each) => each.every(({ ended }) => !ended));
      return open[Math.floor(open.length / 2)];
    },
  });
  expect(rows.length).toBeGreaterThan(0);
  const again = mkdtempSync(join(folder, 'golden-'));
  cpSync(state, again, { recursive: true });
  const rest = await run(SQL, { dir: again, partitions: null, restore: 'latest' });
  writeFileSync(ROWS, `${rest.rows.join('\n')}\n`);
}

describe('a checkpoint of form 1', () => {
  if (process.env['VELO_WRITE_FORMAT'] === '1') beforeAll(writeGolden);

  it.each([null, 2])('is gone on from, nothing lost (partitions: %s)', async (partitions) => {
    const dir = mkdtempSync(join(folder, 'form-'));
    cpSync(join(GOLDEN, 'state'), dir, { recursive: true });
    const { rows, said } = await run(SQL, { dir, partitions, restore: 'latest' });
    expect(said).toEqual([]);
    expect(rows).toEqual(readFileSync(ROWS, 'utf8').trimEnd().split('\n'));
  });

  it('says its forms, and has a state of each operator', () => {
    const [epoch = ''] = readdirSync(join(GOLDEN, 'state')).filter((name) => name !== 'lock');
    const manifest = readFileSync(join(GOLDEN, 'state', epoch, 'manifest'), 'utf8');
    expect(manifest).toContain('"format": 1');
    expect(manifest).toContain('"form": 1');
    const files = readdirSync(join(GOLDEN, 'state', epoch)).join(' ');
    for (const kind of ['aggregate', 'window-aggregate', 'rows-window', 'over', 'top-n', 'join']) {
      expect(files).toContain(`-${kind}-1.state`);
    }
    for (const name of readdirSync(join(GOLDEN, 'state', epoch))) {
      if (!name.endsWith('.state')) continue;
      const bytes = readFileSync(join(GOLDEN, 'state', epoch, name));
      expect([bytes.toString('latin1', 0, 8), bytes.readUInt32LE(8)]).toEqual(['velostat', 1]);
    }
  });
});
