/**
 * The only writer to the terminal: errors (error-text.ts), notes, the progress line, text drawn over
 * itself and the number formats every command shares. stdout carries data, stderr carries talk, folded
 * to the terminal's width; colour only where stderr is a terminal and NO_COLOR is unset, spinner and
 * drawing only there.
 */
import { stripVTControlCharacters } from 'node:util';
import chalk, { Chalk } from 'chalk';
import type { ChalkInstance } from 'chalk';
import ora from 'ora';
import type { Ora } from 'ora';
import { redact } from '../../base/redact.js';
import { cutToWidth, displayWidth, wrapToWidth } from '../../base/display-width.js';
import { errorTexts, shownText } from './error-text.js';

export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** Of a terminal that does not say how wide it is. */
const TERMINAL_COLUMNS = 80;

export class Terminal {
  /** Colours of talk on stderr. */
  readonly color: ChalkInstance;
  /** Colours of what a command prints on stdout. */
  readonly outColor: ChalkInstance;
  private readonly verbosity: Verbosity;
  private spinner: Ora | null = null;
  /** What stands below the last note and is drawn over. */
  private drawn = '';

  constructor(verbosity: Verbosity) {
    this.verbosity = verbosity;
    // A pseudo-terminal without a size has 0 columns, and the spinner would clear endless lines.
    if (process.stderr.isTTY && process.stderr.columns === 0) {
      process.stderr.columns = TERMINAL_COLUMNS;
    }
    this.color = colorOf(process.stderr);
    this.outColor = colorOf(process.stdout);
  }

  /** Whether progress may be drawn over itself. */
  get live(): boolean {
    return process.stderr.isTTY && this.verbosity !== 'quiet';
  }

  /** Of the terminal that is drawn on; 80 × 24 where it does not say. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stderr;
    return { columns: columns > 0 ? columns : TERMINAL_COLUMNS, rows: rows > 0 ? rows : 24 };
  }

  /** What is printed on stdout: its colours and how wide it may be. */
  get outSpace(): { readonly color: ChalkInstance; readonly width: number | null } {
    return { color: this.outColor, width: stdoutWidth() };
  }

  /** One line of talk; left out with -q. */
  note(line: string, style: (text: string) => string = plainly): void {
    if (this.verbosity === 'quiet') return;
    this.aroundProgress(`${style(this.folded(shownText(line)))}\n`);
  }

  detail(line: string): void {
    if (this.verbosity === 'verbose') this.note(line, this.color.dim);
  }

  /** What was found out of a source: for all where it could be otherwise. */
  remark({ line, isUnsure }: { readonly line: string; readonly isUnsure: boolean }): void {
    if (isUnsure) this.note(line);
    else this.detail(line);
  }

  /** How a job ended: what stands before the first separator says whether all is well. */
  summary(line: string): void {
    const at = `${line} · `.indexOf(' · ');
    this.note(line, (text) => `${this.color.green(text.slice(0, at))}${text.slice(at)}`);
  }

  warn(line: string): void {
    const text = this.folded(`${WARNING} ${shownText(line)}`);
    this.aroundProgress(`${this.color.yellow(WARNING)}${text.slice(WARNING.length)}\n`);
  }

  error(error: unknown): void {
    this.stopProgress();
    this.eraseDrawing();
    const width = process.stderr.isTTY ? this.size.columns : null;
    for (const text of errorTexts(error, this.color, width)) process.stderr.write(`${text}\n`);
    if (this.verbosity === 'verbose' && error instanceof Error && error.stack !== undefined) {
      process.stderr.write(`${this.color.dim(redact(error.stack))}\n`);
    }
  }

  /** Starts or changes the live line; does nothing where there is no terminal. */
  progress(line: string): void {
    if (!this.live) return;
    // The spinner and a space stand in front of it.
    const text = cutToWidth(shownText(line), this.size.columns - 3);
    if (this.spinner === null) {
      this.spinner = ora({
        text,
        stream: process.stderr,
        discardStdin: false,
        hideCursor: false,
      }).start();
    } else {
      this.spinner.text = text;
    }
  }

  /** Something else writes to this terminal: what is live goes until it is drawn anew. */
  makeRoom(): void {
    this.eraseDrawing();
    this.spinner?.clear();
  }

  stopProgress(): void {
    this.spinner?.stop();
    this.spinner = null;
  }

  /** Draws lines in place of those drawn before; does nothing where there is no terminal. */
  draw(text: string): void {
    if (!this.live) return;
    this.stopProgress();
    // Every line is overwritten and then cut, so that nothing flickers; what is left below goes.
    const lines = `${text}\n`.replaceAll('\n', `${CLEAR_LINE_REST}\n`);
    process.stderr.write(`${this.toDrawingStart()}${lines}${CLEAR_BELOW}`);
    this.drawn = text;
  }

  eraseDrawing(): void {
    if (this.drawn === '') return;
    process.stderr.write(`${this.toDrawingStart()}${CLEAR_BELOW}`);
    this.drawn = '';
  }

  /** An empty screen to begin anew on; what has left it upwards stays. Nothing without a terminal. */
  clearScreen(): void {
    if (!this.live) return;
    this.eraseDrawing();
    process.stderr.write(CLEAR_SCREEN);
  }

  /** What is drawn stays where it is; the next drawing begins below it. */
  keepDrawing(): void {
    this.drawn = '';
  }

  /** Text in lines that the terminal does not break; as it is where there is none. */
  private folded(text: string): string {
    return process.stderr.isTTY ? wrapToWidth(text, this.size.columns).join('\n') : text;
  }

  private toDrawingStart(): string {
    if (this.drawn === '') return '';
    const { columns } = this.size;
    const rows = this.drawn
      .split('\n')
      .map((line) => Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns) || 1);
    return `${ESCAPE}[${rows.reduce((sum, row) => sum + row, 0)}A\r`;
  }

  /** Writes talk above what is live. */
  private aroundProgress(text: string): void {
    const { drawn, spinner } = this;
    this.eraseDrawing();
    spinner?.clear();
    process.stderr.write(text);
    spinner?.render();
    if (drawn !== '') this.draw(drawn);
  }
}

const WARNING = 'warning:';
const ESCAPE = '\u001b';
const CLEAR_LINE_REST = `${ESCAPE}[K`;
const CLEAR_BELOW = `${ESCAPE}[J`;
const CLEAR_SCREEN = `${ESCAPE}[2J${ESCAPE}[H`;

/** Columns of the terminal that stdout is; null: it is none. */
export function stdoutWidth(): number | null {
  const { isTTY, columns } = process.stdout;
  return isTTY ? columns || TERMINAL_COLUMNS : null;
}

/** Chalk for a stream: plain where it is no terminal or NO_COLOR says so, unless FORCE_COLOR does. */
function colorOf(stream: NodeJS.WriteStream): ChalkInstance {
  const { NO_COLOR: none = '', FORCE_COLOR: forced } = process.env;
  const plain = new Chalk({ level: 0 });
  if (none !== '' || forced === '0') return plain;
  if (forced !== undefined) return new Chalk({ level: Math.max(1, chalk.level) as 1 | 2 | 3 });
  return stream.isTTY ? new Chalk({ level: Math.max(1, chalk.level) as 1 | 2 | 3 }) : plain;
}

function plainly(text: string): string {
  return text;
}

export function countText(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** 1.23 M, 45.6 K, 789. */
export function rateText(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return '–';
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`;
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)} K`;
  return perSecond.toFixed(perSecond < 10 ? 1 : 0);
}

export function bytesText(bytes: number): string {
  return bytes >= 1 << 30
    ? `${(bytes / 2 ** 30).toFixed(2)} GiB`
    : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** Microseconds in the unit a reader wants. */
export function durationText(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(2)} s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(us >= 1e5 ? 0 : 1)} ms`;
  return `${us.toFixed(0)} µs`;
}
