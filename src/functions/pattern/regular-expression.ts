/**
 * Regular expressions that take time in proportion to the text: JavaScript's syntax, as users know
 * it, rewritten for RE2, which never steps back. Owns what differs between the two: classes that
 * are wider in JavaScript (\s, the dot), escapes, names of Unicode properties. What no such engine
 * does, references back and looking around, is a fault that says so.
 */
import { RE2JS } from 're2js';
import { DataFault } from '../registry-types.js';
import { joinedTexts } from '../text.js';

/** A pattern that cannot be used, with what one may write instead. */
export class PatternFault extends DataFault {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super('VALUE_INVALID', message);
    this.hint = hint;
  }
}

/** The first match and its groups; null where a group took no part. */
export type Match = readonly (string | null)[];

export class RegularExpression {
  private readonly expression: RE2JS;

  /** Leading (?i), (?s), (?m) are flags, as Java and PostgreSQL have them. Throws PatternFault. */
  constructor(pattern: string) {
    const source = translated(pattern);
    try {
      this.expression = RE2JS.compile(source);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new PatternFault(`'${pattern}' is no regular expression`, reasonOf(error));
    }
  }

  test(text: string): boolean {
    return this.expression.test(text);
  }

  firstMatch(text: string): Match | null {
    // The test is several times faster than the search for groups.
    if (!this.expression.test(text)) return null;
    const matcher = this.expression.matcher(text);
    if (!matcher.find()) return null;
    return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group));
  }

  /** Every match replaced by what `replacement` makes of it. */
  replaceAll(text: string, replacement: (match: Match) => string): string {
    if (!this.expression.test(text)) return text;
    const matcher = this.expression.matcher(text);
    const groups = matcher.groupCount() + 1;
    const pieces: string[] = [];
    let from = 0;
    while (matcher.find()) {
      const match = Array.from({ length: groups }, (_, group) => matcher.group(group));
      pieces.push(text.slice(from, matcher.start()), replacement(match));
      from = matcher.end();
    }
    pieces.push(text.slice(from));
    return joinedTexts(pieces, '', 'REGEXP_REPLACE');
  }
}

const LINEAR = 'patterns are matched in linear time, without references back and lookaround';

function reasonOf(error: Error): string | undefined {
  const [, reason] = /parsing regexp: (.*)$/su.exec(error.message) ?? [];
  return reason;
}

const LEADING_FLAGS = /^\(\?([ims]+)\)/;

/** White space as JavaScript has it; ranges without brackets. */
const SPACE =
  '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const NO_SPACE =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}' +
  '\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}';
const NO_LINE_END = '[^\\n\\r\\x{2028}\\x{2029}]';
const LOOKAROUND = /^\(\?<?[=!]/;
/** Escapes that mean the same to both. */
const SHARED_ESCAPES = 'dDwWtnrfv';

/** The pattern for RE2. */
function translated(pattern: string): string {
  const leading = LEADING_FLAGS.exec(pattern);
  const flags = [...new Set(leading?.[1] ?? '')].join('');
  const dot = flags.includes('s') ? '.' : NO_LINE_END;
  const reader = new PatternReader(pattern, leading?.[0].length ?? 0);
  let source = flags === '' ? '' : `(?${flags})`;
  while (!reader.isAtEnd()) source += nextPiece(reader, dot);
  return source;
}

function nextPiece(reader: PatternReader, dot: string): string {
  const sign = reader.take();
  if (sign === '\\') return reader.escape(false);
  if (sign === '.') return dot;
  if (sign === '[') return reader.characterClass();
  if (sign === '(' && LOOKAROUND.test(reader.rest(4))) {
    throw new PatternFault(`'${reader.pattern}' looks around`, LINEAR);
  }
  return sign;
}

class PatternReader {
  readonly pattern: string;
  private at: number;

  constructor(pattern: string, at: number) {
    this.pattern = pattern;
    this.at = at;
  }

  isAtEnd(): boolean {
    return this.at >= this.pattern.length;
  }

  /** The next character. */
  take(): string {
    const character = String.fromCodePoint(this.pattern.codePointAt(this.at) ?? 0);
    this.at += character.length;
    return character;
  }

  /** The last sign and what follows it. */
  rest(length: number): string {
    return this.pattern.slice(this.at - 1, this.at - 1 + length);
  }

  /** Behind `[`, to its `]`: a bracket inside is only a sign. */
  characterClass(): string {
    const isNegated = this.pattern[this.at] === '^';
    if (isNegated) this.at += 1;
    let ranges = '';
    while (this.pattern[this.at] !== ']') {
      if (this.isAtEnd()) throw this.fault('a class has no end');
      const sign = this.take();
      ranges +=
        sign === '\\' ? this.escape(true) : sign === '[' || sign === '^' ? `\\${sign}` : sign;
    }
    this.at += 1;
    if (ranges === '') return isNegated ? '(?s:.)' : '[^\\x{0}-\\x{10ffff}]';
    return `[${isNegated ? '^' : ''}${ranges}]`;
  }

  /** Behind a backslash. */
  escape(inClass: boolean): string {
    if (this.isAtEnd()) throw this.fault('it ends in a backslash');
    const sign = this.take();
    if (SHARED_ESCAPES.includes(sign)) return `\\${sign}`;
    switch (sign) {
      case 's':
        return inClass ? SPACE : `[${SPACE}]`;
      case 'S':
        return inClass ? NO_SPACE : `[${NO_SPACE}]`;
      case 'b':
      case 'B':
        return inClass ? '\\x{8}' : `\\${sign}`;
      case '0':
        return '\\x{0}';
      case 'x':
        return this.hexadecimal(/^[0-9a-fA-F]{2}/);
      case 'u':
        return this.unicode();
      case 'c':
        return unit((this.isAtEnd() ? 0 : this.take().charCodeAt(0)) % 32);
      case 'p':
      case 'P':
        return this.property(sign);
      default:
        return this.otherEscape(sign);
    }
  }

  private otherEscape(sign: string): string {
    if (/[1-9k]/.test(sign)) {
      throw new PatternFault(`'${this.pattern}' refers back to a group`, LINEAR);
    }
    if (/[A-Za-z]/.test(sign)) throw this.fault(`\\${sign} is no escape`);
    return /[!-/:-@[-`{-~]/.test(sign) ? `\\${sign}` : sign;
  }

  private hexadecimal(digits: RegExp): string {
    const found = digits.exec(this.pattern.slice(this.at, this.at + 8))?.[0];
    if (found === undefined) throw this.fault('digits are missing behind \\x or \\u');
    this.at += found.length;
    return unit(Number.parseInt(found, 16));
  }

  /** \uXXXX, two of them for a pair, and \u{X…}. */
  private unicode(): string {
    const rest = this.pattern.slice(this.at);
    const braced = /^\{([0-9a-fA-F]{1,6})\}/.exec(rest);
    const pair = /^([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(rest);
    const found = braced ?? pair;
    if (found === null) return this.hexadecimal(/^[0-9a-fA-F]{4}/);
    this.at += found[0].length;
    if (braced !== null) return unit(Number.parseInt(found[1] ?? '', 16));
    const units = [found[1], found[2]].map((digits) => Number.parseInt(digits ?? '', 16));
    return unit(String.fromCharCode(...units).codePointAt(0) ?? 0);
  }

  private property(sign: string): string {
    const found = /^\{(?:\w+=)?(\w+)\}/.exec(this.pattern.slice(this.at));
    if (found === null) throw this.fault(`\\${sign} names no property`);
    this.at += found[0].length;
    const name = found[1] ?? '';
    return `\\${sign}{${CATEGORIES.get(name) ?? name}}`;
  }

  private fault(reason: string): PatternFault {
    return new PatternFault(`'${this.pattern}' is no regular expression`, reason);
  }
}

function unit(value: number): string {
  return `\\x{${value.toString(16)}}`;
}

/** Long names of general categories. */
const CATEGORIES: ReadonlyMap<string, string> = new Map([
  ['Letter', 'L'],
  ['Lowercase_Letter', 'Ll'],
  ['Uppercase_Letter', 'Lu'],
  ['Titlecase_Letter', 'Lt'],
  ['Mark', 'M'],
  ['Number', 'N'],
  ['Decimal_Number', 'Nd'],
  ['Punctuation', 'P'],
  ['Symbol', 'S'],
  ['Separator', 'Z'],
  ['Other', 'C'],
]);
