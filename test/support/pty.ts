/**
 * The built command on a pseudo-terminal of a given size (util-linux's script), and what its screen
 * shows then: the escape codes that velo and ora use are played back on lines, as a terminal does.
 */
import { spawnSync } from 'node:child_process';
import { displayWidth } from '../../src/base/display-width.js';
import { VELO } from './velo-process.js';

export interface PtyOptions {
  readonly columns: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** stderr goes elsewhere. */
  readonly withoutTalk?: boolean;
}

export interface PtyRun {
  readonly exit: number | null;
  /** Everything that was sent to the terminal. */
  readonly sent: string;
  /** Lines that are on the screen, or have left it upwards, in the end. */
  readonly screen: readonly string[];
}

export function onPty(args: readonly string[], options: PtyOptions): PtyRun {
  const { columns, rows = 40, env, cwd, withoutTalk = false } = options;
  const quoted = [process.execPath, VELO, ...args].map(
    (arg) => `'${arg.replaceAll("'", "'\\''")}'`,
  );
  const command = `stty rows ${rows} cols ${columns}; ${quoted.join(' ')}`;
  const run = spawnSync(
    'script',
    ['-qec', withoutTalk ? `${command} 2>/dev/null` : command, '/dev/null'],
    {
      encoding: 'utf8',
      timeout: 240_000,
      ...(cwd === undefined ? {} : { cwd }),
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        TERM: 'xterm-256color',
        LANG: 'C.UTF-8',
        NO_COLOR: '1',
        ...env,
      },
    },
  );
  return { exit: run.status, sent: run.stdout, screen: screenOf(run.stdout, columns) };
}

/** The lines of a screen; a line that is too long goes on in the next one, as a terminal has it. */
export function screenOf(output: string, columns: number): string[] {
  const screen: string[][] = [[]];
  let [row, column] = [0, 0];
  const put = (character: string): void => {
    const width = displayWidth(character);
    if (column + width > columns) {
      row += 1;
      column = 0;
    }
    const line = (screen[row] ??= []);
    while (line.length < column) line.push(' ');
    if (width === 0) line[column - 1] = `${line[column - 1] ?? ''}${character}`;
    else line.splice(column, width, character, ...new Array<string>(width - 1).fill(''));
    column += width;
  };
  for (const [piece] of output.matchAll(/\u001b\[[?\d;]*[A-Za-z]|\r|\n|[^\u001b\r\n]+/g)) {
    const code = /^\u001b\[([?\d;]*)([A-Za-z])$/.exec(piece);
    const count = Number(code?.[1] === '' ? 1 : (code?.[1] ?? 1));
    if (piece === '\r') column = 0;
    else if (piece === '\n') row += 1;
    else if (code?.[2] === 'A') row -= count;
    else if (code?.[2] === 'G') column = count - 1;
    else if (code?.[2] === 'K' && code[1] === '2') screen[row] = [];
    else if (code?.[2] === 'K') screen[row] = (screen[row] ?? []).slice(0, column);
    else if (code?.[2] === 'J') {
      screen.splice(row, screen.length, (screen[row] ?? []).slice(0, column));
    } else if (code === null) {
      for (const { segment } of new Intl.Segmenter().segment(piece)) put(segment);
    }
    if (row < 0) throw new Error('the cursor left the screen at its top');
  }
  return Array.from(screen, (line) => (line ?? []).join('').trimEnd());
}

/** Lines of what was printed for good: without what was drawn over. */
export function widest(lines: readonly string[]): number {
  return Math.max(0, ...lines.map(displayWidth));
}
