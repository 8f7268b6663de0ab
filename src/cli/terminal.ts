/**
 * The only writer to the terminal: errors with their source line, notes, the progress line, text
 * drawn over itself and the number formats every command shares. stdout carries data, stderr carries
 * talk; colour only where stderr is a terminal and NO_COLOR is unset, spinner and drawing only there.
 */
import { stripVTControlCharacters } from 'node:util';
import chalk, { Chalk } from 'chalk';
import type { ChalkInstance } from 'chalk';
import ora from 'ora';
import type { Ora } from 'ora';
import { lineColumnAt } from '../base/span.js';
import { SqlFaults, VeloError } from '../base/errors.js';

export type Verbosity = 'quiet' | 'normal' | 'verbose';

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
    if (process.stderr.isTTY && process.stderr.columns === 0) process.stderr.columns = 80;
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
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  /** One line of talk; left out with -q. */
  note(line: string): void {
    if (this.verbosity === 'quiet') return;
    this.aroundProgress(`${line}\n`);
  }

  detail(line: string): void {
    if (this.verbosity === 'verbose') this.note(this.color.dim(line));
  }

  warn(line: string): void {
    this.aroundProgress(`${this.color.yellow('warning:')} ${line}\n`);
  }

  error(error: unknown): void {
    this.stopProgress();
    this.eraseDrawing();
    for (const text of errorTexts(error, this.color)) process.stderr.write(`${text}\n`);
    if (this.verbosity === 'verbose' && error instanceof Error && error.stack !== undefined) {
      process.stderr.write(`${this.color.dim(error.stack)}\n`);
    }
  }

  /** Starts or changes the live line; does nothing where there is no terminal. */
  progress(text: string): void {
    if (!this.live) return;
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

  /** What is drawn stays where it is; the next drawing begins below it. */
  keepDrawing(): void {
    this.drawn = '';
  }

  private toDrawingStart(): string {
    if (this.drawn === '') return '';
    const { columns } = this.size;
    const rows = this.drawn
      .split('\n')
      .map((line) => Math.ceil(stripVTControlCharacters(line).length / columns) || 1);
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

const ESCAPE = '\u001b';
const CLEAR_LINE_REST = `${ESCAPE}[K`;
const CLEAR_BELOW = `${ESCAPE}[J`;

/** Chalk for a stream: plain where it is no terminal or NO_COLOR says so, unless FORCE_COLOR does. */
function colorOf(stream: NodeJS.WriteStream): ChalkInstance {
  const { NO_COLOR: none = '', FORCE_COLOR: forced } = process.env;
  const plain = new Chalk({ level: 0 });
  if (none !== '' || forced === '0') return plain;
  if (forced !== undefined) return new Chalk({ level: Math.max(1, chalk.level) as 1 | 2 | 3 });
  return stream.isTTY ? new Chalk({ level: Math.max(1, chalk.level) as 1 | 2 | 3 }) : plain;
}

/** Every error of `error` as printable text: code, message, position, line with carets, hint. */
export function errorTexts(error: unknown, color: ChalkInstance): string[] {
  if (error instanceof SqlFaults) return error.faults.map((fault) => errorText(fault, color));
  if (error instanceof VeloError) return [errorText(error, color)];
  const message = error instanceof Error ? error.message : String(error);
  return [
    `${color.red.bold('error[VELO_INTERNAL]')}: ${message}\n` +
      `hint: this is a fault in velo; run again with -v and report what it prints`,
  ];
}

function errorText(error: VeloError, color: ChalkInstance): string {
  const lines = [`${color.red.bold(`error[${error.code}]`)}: ${color.bold(error.message)}`];
  if (error.source !== undefined && error.span !== undefined) {
    lines.push(...sourceLines(error.source, error.span, color));
  }
  if (error.detail !== undefined) lines.push(`${color.blue(' -->')} ${error.detail}`);
  if (error.hint !== undefined) lines.push(`${color.cyan('hint:')} ${error.hint}`);
  return lines.join('\n');
}

function sourceLines(
  source: { readonly name: string; readonly text: string },
  span: { readonly start: number; readonly end: number },
  color: ChalkInstance,
): string[] {
  const { line, column } = lineColumnAt(source.text, span.start);
  const text = source.text.split('\n')[line - 1] ?? '';
  const width = Math.max(1, Math.min(span.end - span.start, text.length - column + 1));
  const gutter = String(line);
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return [
    `${color.blue(' -->')} ${source.name}:${line}:${column}`,
    `${color.blue(`${gutter} |`)} ${text}`,
    `${color.blue(`${' '.repeat(gutter.length)} |`)} ${indent}${color.red('^'.repeat(width))}`,
  ];
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
