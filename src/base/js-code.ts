/**
 * JavaScript source as fragments. Owns the only way generators put code together: `code` takes
 * fragments, numbers, bigints and booleans, never strings, so that a text of a user can get into
 * a kernel only through `quoted`, and a name only through `identifier`. CodeWriter lays statements out with
 * indentation. Compiling the result is codegen/compile's business.
 */
import { assert } from './assert.js';

/** A piece of source; an expression fragment must be safe to place beside any operator. */
export class Code {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type CodePart = Code | number | bigint | boolean;

/** Source from a template: the literal parts are the author's, every `${}` is a CodePart. */
export function code(strings: TemplateStringsArray, ...parts: readonly CodePart[]): Code {
  let text = strings[0] ?? '';
  parts.forEach((part, index) => {
    text += partText(part) + (strings[index + 1] ?? '');
  });
  return new Code(text);
}

/** A string literal. */
export function quoted(text: string): Code {
  return new Code(
    JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'),
  );
}

/** What is longer is cut: whoever adds a suffix leaves room for it. */
export const IDENTIFIER_LENGTH = 40;

/**
 * An identifier that reads like `wish`: letters, digits and underscores are kept. The prefix `_`
 * keeps it apart from reserved words and leading digits; uniqueness is the caller's business.
 */
export function identifier(wish: string): Code {
  const cleaned = wish.replace(/[^A-Za-z0-9_]/g, '_').slice(0, IDENTIFIER_LENGTH);
  return new Code(/^[A-Za-z_]/.test(cleaned) && !RESERVED.has(cleaned) ? cleaned : `_${cleaned}`);
}

/** Fragments with a separator between them. */
export function joined(parts: readonly Code[], separator: ', ' | ' && ' | ' || ' | ' + '): Code {
  return new Code(parts.map((part) => part.text).join(separator));
}

/** Lines with indentation; blocks open and close in pairs. */
export class CodeWriter {
  private readonly lines: string[] = [];
  private depth = 0;

  line(statement: Code): this {
    this.lines.push('  '.repeat(this.depth) + statement.text);
    return this;
  }

  /** `head {`; a head of code`` is a bare block. */
  open(head: Code): this {
    this.line(head.text === '' ? new Code('{') : code`${head} {`);
    this.depth += 1;
    return this;
  }

  /** `} middle {`, as in `} else {`. */
  between(middle: Code): this {
    this.depth -= 1;
    this.line(code`} ${middle} {`);
    this.depth += 1;
    return this;
  }

  close(): this {
    assert(this.depth > 0, 'every close has its open');
    this.depth -= 1;
    this.line(new Code('}'));
    return this;
  }

  /** Takes over the lines of another writer at the current depth. */
  append(other: CodeWriter): this {
    for (const line of other.lines) this.lines.push('  '.repeat(this.depth) + line);
    return this;
  }

  get length(): number {
    return this.lines.reduce((sum, line) => sum + line.length + 1, 0);
  }

  toString(): string {
    assert(this.depth === 0, 'every open has its close');
    return `${this.lines.join('\n')}\n`;
  }
}

function partText(part: CodePart): string {
  if (part instanceof Code) return part.text;
  if (typeof part === 'bigint') return part < 0n ? `(${part}n)` : `${part}n`;
  if (typeof part === 'boolean') return part ? 'true' : 'false';
  if (Object.is(part, -0)) return '(-0)';
  return part < 0 ? `(${part})` : String(part);
}

const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum ' +
    'eval export extends false finally for function if implements import in instanceof interface ' +
    'let new null package private protected public return static super switch this throw true ' +
    'try typeof undefined var void while with yield NaN Infinity Math Number BigInt String'
  ).split(' '),
);
