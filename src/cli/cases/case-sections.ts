/**
 * A case file cut into its sections: lines that begin with `===`, the words behind it and the lines
 * below it, each with its place. Knows no section by name.
 */
import type { Span } from '../../base/span.js';

export interface Word {
  readonly text: string;
  readonly span: Span;
}

export interface Section {
  readonly kind: string;
  /** Of the heading. */
  readonly span: Span;
  /** What stands behind the kind. */
  readonly args: readonly Word[];
  readonly body: string;
  readonly bodySpan: Span;
  /** Words of the body. */
  readonly bodyWords: readonly Word[];
}

export function caseSections(text: string): Section[] {
  const headings = [...text.matchAll(/^===([ \t].*|\r?)$/gm)];
  return headings.map((heading, at) => {
    const start = heading.index;
    const end = start + heading[0].length;
    const bodySpan = {
      start: Math.min(end + 1, text.length),
      end: headings[at + 1]?.index ?? text.length,
    };
    const [kind, ...args] = wordsOf(text, { start: start + 3, end });
    const body = text.slice(bodySpan.start, bodySpan.end);
    return {
      kind: kind?.text ?? '',
      span: { start, end: start + heading[0].trimEnd().length },
      args,
      body,
      bodySpan,
      bodyWords: wordsOf(text, bodySpan),
    };
  });
}

function wordsOf(text: string, { start, end }: Span): Word[] {
  return [...text.slice(start, end).matchAll(/\S+/g)].map(({ 0: word, index }) => ({
    text: word,
    span: { start: start + index, end: start + index + word.length },
  }));
}
