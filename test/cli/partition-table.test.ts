/**
 * The table of partitions: what it shows, what it leaves out where there is no room, and that it is
 * redrawn in place on a terminal and absent from a pipe. A few escape codes are played back on a
 * screen of lines, as a terminal does.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { partitionTable } from '../../src/cli/terminal/partition-table.js';
import { jobOf } from '../metrics/job-of.js';

const PLAIN = new Chalk({ level: 0 });
const COLOR = new Chalk({ level: 1 });

function rowsOf(text: string): string[] {
  return text.split('\n').map((line) => line.trimEnd());
}

const draw = (partitions: number, columns = 200, rowsMax = 100, color = PLAIN): string =>
  partitionTable(jobOf(partitions).queries, { columns, rowsMax, color });

describe('the table', () => {
  it('has a row for each partition with all its numbers', () => {
    const [head, first, second] = rowsOf(draw(2));
    expect(head?.split(/ +/).filter(Boolean)).toEqual(
      'partition in out rec/s queue use latency late failed state bytes lag pressure'.split(' '),
    );
    const cells = (line = ''): string[] => line.trim().split(/ {2,}/);
    expect(cells(first).join('|')).toBe(
      '0|1,000|500|▲ 9.0 K|200|██████░░|80 %|500 µs|3|1|77|0 MiB|0 µs|warning',
    );
    expect(cells(second).join('|')).toContain('1|1,001|501|1.0 K|200|');
    expect(second).toContain('50.0 ms');
  });

  it('names the query where there are several', () => {
    const queries = [...jobOf(1, 'query-1').queries, ...jobOf(1, 'query-2').queries];
    const [head, first, second] = rowsOf(
      partitionTable(queries, { columns: 200, rowsMax: 9, color: PLAIN }),
    );
    expect(head).toMatch(/^query +partition/);
    expect(first).toMatch(/^query-1 +0 /);
    expect(second).toMatch(/^query-2 +0 /);
  });

  it('adds up what is higher than the screen, and keeps the partitions in trouble', () => {
    const [query] = jobOf(64).queries;
    const partitions = query!.snapshot.partitions.map((one) => ({
      ...one,
      severity: one.partition === 50 ? ('critical' as const) : ('healthy' as const),
    }));
    const changed = { ...query!, snapshot: { ...query!.snapshot, partitions } };
    const rows = rowsOf(partitionTable([changed], { columns: 200, rowsMax: 6, color: PLAIN }));
    expect(rows).toHaveLength(7);
    const names = rows.slice(1).map((row) => /^ *(\d+(?: more)?) /.exec(row)?.[1]);
    expect(names).toEqual(['0', '1', '2', '3', '50', '59 more']);
    const rest = Array.from({ length: 64 }, (_, at) => at).filter(
      (at) => ![0, 1, 2, 3, 50].includes(at),
    );
    const rowsIn = rest.reduce((sum, at) => sum + 1000 + at, 0);
    expect(rows.at(-1)).toContain(rowsIn.toLocaleString('en-US'));
  });

  it.each([200, 120, 79, 60, 40])('is at most %i columns wide', (columns) => {
    for (const color of [PLAIN, COLOR]) {
      const lines = stripVTControlCharacters(draw(16, columns, 20, color)).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(lines[0]).toContain('rec/s');
      expect(lines).toHaveLength(17);
    }
  });

  it('has colours only where the terminal has them', () => {
    expect(draw(2)).not.toContain('\u001b');
    expect(draw(2, 200, 100, COLOR)).toContain('\u001b[33m');
  });

  it('a job without partitions has a head and nothing else', () => {
    expect(rowsOf(draw(0))).toHaveLength(1);
  });
});

/** The lines of a screen after the escape codes that Terminal.draw uses. */
function screenOf(output: string): string[] {
  const screen: string[] = [];
  let [row, column] = [0, 0];
  for (const [piece] of output.matchAll(/\u001b\[\d*[A-Za-z]|\r|\n|[^\u001b\r\n]+/g)) {
    const code = /^\u001b\[(\d*)([A-Za-z])$/.exec(piece);
    const line = screen[row] ?? '';
    if (piece === '\r') column = 0;
    else if (piece === '\n') row += 1;
    else if (code?.[2] === 'A') row -= Number(code[1]);
    else if (code?.[2] === 'K') screen[row] = line.slice(0, column);
    else if (code?.[2] === 'J') screen.splice(row, screen.length, line.slice(0, column));
    else if (code === null) {
      screen[row] =
        line.slice(0, column).padEnd(column) + piece + line.slice(column + piece.length);
      column += piece.length;
    }
  }
  return Array.from(screen, (line) => (line ?? '').trimEnd()).filter((line) => line !== '');
}

const PROGRAM = fileURLToPath(new URL('../support/live-table.mjs', import.meta.url));

function onTerminal(mode: string): string {
  const command = `stty rows 12 cols 90; ${process.execPath} ${PROGRAM} ${mode}`;
  const run = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    timeout: 240_000,
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', NO_COLOR: '1' },
  });
  expect(run.status).toBe(0);
  return run.stdout;
}

describe('on a terminal', () => {
  it('is redrawn in place, with talk above it, and its last state stays', () => {
    const screen = screenOf(onTerminal('keep'));
    expect(screen.slice(0, 3)).toEqual(['first note', 'second note', 'step 3']);
    expect(screen[3]).toMatch(/^partition +in/);
    // 12 rows of screen: headline, head, nine rows (the last for the rest), and the cursor's.
    expect(screen.slice(4, 13)).toHaveLength(9);
    expect(screen[12]).toMatch(/^ *56 more /);
    expect(screen.slice(13)).toEqual(['the end']);
  });

  it('or goes away', () => {
    expect(screenOf(onTerminal('erase'))).toEqual(['first note', 'second note', 'the end']);
  });
});

describe('in a pipe', () => {
  it('nothing of it is printed', () => {
    const run = spawnSync(process.execPath, [PROGRAM, 'keep'], { encoding: 'utf8' });
    expect(run.stdout + run.stderr).toBe('first note\nsecond note\nthe end\n');
  });
});
