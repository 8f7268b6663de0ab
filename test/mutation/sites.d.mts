import type ts from 'typescript';

export interface Site {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** The line that it stands in. */
  readonly text: string;
  /** A statement, which is switched with `if`; otherwise an expression. */
  readonly whole: boolean;
  readonly original: string;
  readonly mutated: string;
}

export function sitesOf(
  file: ts.SourceFile,
  isNumber: (node: ts.Node) => boolean,
  random: () => number,
): Site[];
