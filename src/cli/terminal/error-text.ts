/**
 * Errors as printable text: code, message, position, the source line with carets, hint. Owns their
 * layout, folded to the width of a terminal where there is one, and how many faults are printed;
 * Terminal writes them.
 */
import type { ChalkInstance } from 'chalk';
import { cutToWidth, displayWidth, endOfWidth, wrapToWidth } from '../../base/display-width.js';
import { SqlFaults, VeloError } from '../../base/errors.js';
import { hidden, redact, secretRanges } from '../../base/redact.js';
import { lineColumnAt } from '../../base/span.js';
import { visibleText } from '../../base/visible-text.js';

/** More faults than these are counted, not printed: the first ones are the ones to mend. */
const FAULTS_SHOWN_MAX = 20;

/** Every error of `error`. `width`: of the terminal; null: lines may have any length. */
export function errorTexts(
  error: unknown,
  color: ChalkInstance,
  width: number | null = null,
): string[] {
  if (error instanceof SqlFaults) return faultTexts(error.faults, color, width);
  if (error instanceof VeloError) return [errorText(error, color, width)];
  const message = shownText(error instanceof Error ? error.message : String(error));
  const hint = 'this is a fault in velo; run again with -v and report what it prints';
  return [
    labelled({ label: 'error[VELO_INTERNAL]:', text: message, width }, color.red.bold),
    labelled({ label: 'hint:', text: hint, width }, color.cyan),
  ];
}

function faultTexts(
  faults: readonly VeloError[],
  color: ChalkInstance,
  width: number | null,
): string[] {
  const texts = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => errorText(fault, color, width));
  const more = faults.length - texts.length;
  if (more > 0) {
    texts.push(`and ${more.toLocaleString('en-US')} more ${more === 1 ? 'fault' : 'faults'}`);
  }
  return texts;
}

function errorText(error: VeloError, color: ChalkInstance, width: number | null): string {
  const { detail, hint } = error;
  const line = (label: string, text: string, style: ChalkInstance, rest?: ChalkInstance): string =>
    labelled({ label, text: shownText(text), width }, style, rest);
  const lines = [line(`error[${error.code}]:`, error.message, color.red.bold, color.bold)];
  if (error.source !== undefined && error.span !== undefined) {
    lines.push(...sourceLines({ source: error.source, span: error.span, width }, color));
  }
  if (detail !== undefined) lines.push(line(' -->', detail, color.blue));
  if (hint !== undefined) lines.push(line('hint:', hint, color.cyan));
  return lines.join('\n');
}

interface Labelled {
  readonly label: string;
  readonly text: string;
  readonly width: number | null;
}

function labelled({ label, text, width }: Labelled, style: ChalkInstance, rest = plainly): string {
  const whole = `${label} ${text}`;
  // The space at the front of a label is no place to break at.
  const lines = width === null ? [whole] : wrapToWidth(whole, width);
  const [first = '', ...others] = lines;
  const head = first.startsWith(label)
    ? `${style(label)}${rest(first.slice(label.length))}`
    : rest(first);
  return [head, ...others.map((line) => rest(line))].join('\n');
}

function plainly(text: string): string {
  return text;
}

interface SourcePlace {
  readonly source: { readonly name: string; readonly text: string };
  readonly span: { readonly start: number; readonly end: number };
  readonly width: number | null;
}

function sourceLines({ source, span, width }: SourcePlace, color: ChalkInstance): string[] {
  const { line, column } = lineColumnAt(source.text, span.start);
  const text = source.text.split('\n', line)[line - 1] ?? '';
  // Of a long line, what stands around the fault.
  const from = column > LINE_SHOWN_MAX ? column - 1 - LINE_SHOWN_MAX / 2 : 0;
  const to = from + LINE_SHOWN_MAX * 1.5;
  const secrets = secretRanges(text);
  const part = (start: number, end: number): string =>
    shownLine(hidden(text, secrets, { start, end: Math.min(end, text.length) }));
  const length = Math.max(1, Math.min(span.end - span.start, to - column));
  const gutter = String(line);
  const { before, marked, after } = fitted(
    {
      before: `${from > 0 ? '…' : ''}${part(from, column - 1)}`,
      marked: part(column - 1, column - 1 + length),
      after: `${part(column - 1 + length, to)}${to < text.length ? '…' : ''}`,
    },
    width === null ? null : width - gutter.length - 3,
  );
  const carets = color.red('^'.repeat(Math.max(1, displayWidth(marked))));
  const place = `${shownText(source.name)}:${line}:${column}`;
  return [
    labelled({ label: ' -->', text: place, width }, color.blue),
    `${color.blue(`${gutter} |`)} ${before}${marked}${after}`,
    `${color.blue(`${' '.repeat(gutter.length)} |`)} ${' '.repeat(displayWidth(before))}${carets}`,
  ];
}

interface MarkedLine {
  readonly before: string;
  readonly marked: string;
  readonly after: string;
}

/** The line, or what of it stands around the mark and fits. */
function fitted(line: MarkedLine, room: number | null): MarkedLine {
  const { before, marked, after } = line;
  if (room === null || displayWidth(`${before}${marked}${after}`) <= room) return line;
  const half = Math.floor(room / 2);
  const shown = displayWidth(before) <= half ? before : `…${endOfWidth(before, half - 1)}`;
  const free = room - displayWidth(shown);
  const cut = cutToWidth(marked, free);
  return { before: shown, marked: cut, after: cutToWidth(after, free - displayWidth(cut)) };
}

/** Characters of a source line that are printed, about. */
const LINE_SHOWN_MAX = 120;

/** A text for people: no secrets, and control characters as what they are. */
export function shownText(text: string): string {
  return visibleText(redact(text));
}

/** A line of a file; a tab is as wide everywhere, so that carets stand below what they mean. */
function shownLine(text: string): string {
  return text.replace(/\r$/, '').split('\t').map(visibleText).join('    ');
}
