/**
 * How many columns of a terminal a text takes: East Asian wide characters and emoji two, combining
 * marks none. Owns measuring, cutting and wrapping by that width, never inside what a reader sees as
 * one character. Texts have no control characters here (visible-text.ts); who draws is others' business.
 */
import { eastAsianWidth } from 'get-east-asian-width';

const PLAIN = /^[\u0020-\u007e]*$/;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Nothing but marks, joiners and other characters that are drawn upon their neighbours. */
const UNSEEN =
  /^(?:\p{Default_Ignorable_Code_Point}|\p{Control}|\p{Format}|\p{Mark}|\p{Surrogate})+$/u;
const UNSEEN_START = /^(?:\p{Default_Ignorable_Code_Point}|\p{Control}|\p{Format}|\p{Mark})+/u;
/** Sequences that are drawn as one picture; the flag is younger than the compiler's target. */
const EMOJI = new RegExp('^\\p{RGI_Emoji}$', 'v');
const ELLIPSIS = '…';

export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(segment: string): number {
  if (segment.length === 1 && PLAIN.test(segment)) return 1;
  if (UNSEEN.test(segment)) return 0;
  if (EMOJI.test(segment)) return 2;
  const first = segment.replace(UNSEEN_START, '').codePointAt(0) ?? 0;
  let width = eastAsianWidth(first);
  // Halfwidth and fullwidth forms behind the first one (a voiced mark) take a column of their own.
  for (const character of segment.slice(1)) {
    if (character >= '\uff00' && character <= '\uffef') {
      width += eastAsianWidth(character.codePointAt(0) ?? 0);
    }
  }
  return width;
}

/** `text` if it fits into `width` columns, else its beginning and an ellipsis. */
export function cutToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 0) return '';
  return `${pieceOf(text, Math.max(0, width - 1))}${ELLIPSIS}`;
}

/** The longest beginning of at most `width` columns. */
function pieceOf(text: string, width: number): string {
  if (PLAIN.test(text)) return text.slice(0, width);
  let [taken, used] = [0, 0];
  for (const { segment } of graphemes.segment(text)) {
    used += graphemeWidth(segment);
    if (used > width) break;
    taken += segment.length;
  }
  return text.slice(0, taken);
}

/** The longest end of at most `width` columns. */
export function endOfWidth(text: string, width: number): string {
  const pieces = Array.from(graphemes.segment(text), ({ segment }) => segment);
  let [from, used] = [pieces.length, 0];
  while (from > 0) {
    used += graphemeWidth(pieces[from - 1] ?? '');
    if (used > width) break;
    from -= 1;
  }
  return pieces.slice(from).join('');
}

/**
 * `text` in lines of at most `width` columns, broken at a space where that leaves no short line; the
 * space goes. A character that is wider than a line stands alone.
 */
export function wrapToWidth(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (displayWidth(rest) > width) {
    let line = pieceOf(rest, width);
    const space = line.lastIndexOf(' ');
    if (rest[line.length] !== ' ' && space > 0 && space >= line.length / 2) {
      line = line.slice(0, space);
    }
    if (line === '') line = firstGrapheme(rest);
    lines.push(line);
    rest = rest.slice(line.length);
    if (rest.startsWith(' ')) rest = rest.slice(1);
  }
  if (rest !== '' || lines.length === 0) lines.push(rest);
  return lines;
}

function firstGrapheme(text: string): string {
  for (const { segment } of graphemes.segment(text)) return segment;
  return text;
}

/** `text` with spaces up to `width` columns. */
export function padToWidth(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return side === 'left' ? `${spaces}${text}` : `${text}${spaces}`;
}
