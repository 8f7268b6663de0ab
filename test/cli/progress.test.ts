/** Progress: its wording, and where it stands while rows are printed on the same terminal. */
import { describe, expect, it } from 'vitest';
import { progressText, waitText } from '../../src/cli/terminal/progress-text.js';
import { onPty, widest } from '../support/pty.js';
import { velo } from '../support/velo-process.js';

const METRICS = { rowsRead: 4200, rowsOut: 20, rowsFailed: 0, seconds: 3, share: 0.42 };

describe('the line', () => {
  it('has rows, share, rate and the time left', () => {
    expect(progressText(METRICS)).toBe('4,200 in (42 %) · 20 out · 1.4 K rec/s · 5 s left');
    expect(progressText({ ...METRICS, rowsFailed: 3, share: null })).toBe(
      '4,200 in · 20 out · 3 failed · 1.4 K rec/s',
    );
  });

  it('foretells nothing from nothing, and says 100 % at the end only', () => {
    expect(progressText({ ...METRICS, rowsRead: 0, seconds: 0, share: 0 })).toBe(
      '0 in (0 %) · 20 out',
    );
    expect(progressText({ ...METRICS, seconds: 0.1 })).not.toContain('left');
    expect(progressText({ ...METRICS, share: 0.999 })).toContain('(99 %)');
    expect(progressText({ ...METRICS, share: 1 })).toBe('4,200 in (100 %) · 20 out · 1.4 K rec/s');
  });

  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [61, '1 min 1 s'],
    [3599, '59 min 59 s'],
    [3700, '1 h 1 min'],
  ])('%f seconds are %s', (seconds, text) => {
    expect(waitText(seconds)).toBe(text);
  });
});

const SQL = `CREATE TABLE g (i BIGINT) WITH ('connector' = 'generator', 'rows' = '90', 'rows-per-second' = '40');
SELECT i, 'some text' AS note FROM g`;

describe.each([
  ['--arch', 'v1'],
  ['--arch', 'v2', '--workers', '1'],
])('%s %s', (...arch) => {
  it('shows progress below rows, which stay a table', () => {
    const { exit, sent, screen } = onPty(['run', ...arch, '--max-rows', 'all', '-e', SQL], {
      columns: 80,
      rows: 24,
    });
    expect(exit).toBe(0);
    expect(sent).toMatch(/\d+ in \(\d+ %\) · \d+ out · [\d.]+ rec\/s · \d+ s left/);
    const first = screen.findIndex((line) => line.startsWith('┌'));
    const last = screen.findIndex((line) => line.startsWith('└'));
    expect(screen.slice(first, last + 1).every((line) => /^[┌├│└]/.test(line))).toBe(true);
    expect(last - first + 1).toBe(90 + 4);
    expect(screen.slice(last + 1).join(' ')).toMatch(/^end of input · 90 in · 90 out/);
    expect(widest(screen)).toBeLessThanOrEqual(80);
  });

  it('shows none in a pipe', async () => {
    const { stdout, stderr } = await velo(['run', ...arch, '-e', SQL]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(90);
    expect(stderr).not.toContain('left');
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});
