/**
 * Fields of CSV records over bytes (RFC 4180): delimiters, quotes, doubled quotes, line feeds inside
 * quotes. Owns where a field starts and ends and its unescaped bytes; columns are csv.ts. @hot
 *
 *   record := field (delimiter field)* [CR] LF        field := plain | '"' (any | '""')* '"'
 *
 * A quote inside a plain field stands for itself. Behind the last field stands a line feed: the
 * owner puts one there if the record has none.
 */
import { utf8Length } from './json-scanner.js';

const QUOTE = 34;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** A quoted field has no closing quote before the end of the bytes. */
export const UNFINISHED = -1;
/** Something other than a delimiter or the end of the line follows a closing quote. */
export const BEHIND_QUOTE = -2;
export const NOT_UTF8 = -3;

export class CsvScanner {
  /** The field's bytes after field() gave a position. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  quoted = false;
  /** Line feeds inside quotes since the owner set it to 0. */
  innerLines = 0;
  private readonly delimiter: number;
  private scratch: Uint8Array = new Uint8Array(256);

  constructor(delimiter: string) {
    this.delimiter = delimiter.charCodeAt(0);
  }

  /**
   * Reads the field at `at`, whose record lies before `limit`; the position of the delimiter or
   * line feed behind it, or a negative fault.
   */
  field(bytes: Uint8Array, at: number, limit: number): number {
    return bytes[at] === QUOTE
      ? this.quotedField(bytes, at + 1, limit)
      : this.plainField(bytes, at);
  }

  /** Whether the field that ended at `at` was the record's last. */
  isLast(bytes: Uint8Array, at: number): boolean {
    return bytes[at] !== this.delimiter;
  }

  private plainField(bytes: Uint8Array, from: number): number {
    const { delimiter } = this;
    let at = from;
    let high = 0;
    for (;;) {
      const byte = bytes[at]!;
      if (byte === delimiter || byte === LINE_FEED) break;
      high |= byte;
      at += 1;
    }
    let end = at;
    if (bytes[at] === LINE_FEED && end > from && bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
    this.bytes = bytes;
    this.start = from;
    this.end = end;
    this.quoted = false;
    return high < 128 || isUtf8(bytes, from, end) ? at : NOT_UTF8;
  }

  private quotedField(bytes: Uint8Array, from: number, limit: number): number {
    let at = from;
    let high = 0;
    let doubled = 0;
    for (;;) {
      if (at >= limit) return UNFINISHED;
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        if (bytes[at + 1] !== QUOTE) break;
        doubled += 1;
        at += 1;
      } else if (byte === LINE_FEED) {
        this.innerLines += 1;
      }
      high |= byte;
      at += 1;
    }
    this.bytes = bytes;
    this.start = from;
    this.end = at;
    this.quoted = true;
    if (high >= 128 && !isUtf8(bytes, from, at)) return NOT_UTF8;
    if (doubled > 0) this.undouble(bytes, from, at);
    at += 1;
    if (bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED) at += 1;
    return bytes[at] === this.delimiter || bytes[at] === LINE_FEED ? at : BEHIND_QUOTE;
  }

  private undouble(bytes: Uint8Array, from: number, end: number): void {
    if (this.scratch.length < end - from) this.scratch = new Uint8Array((end - from) * 2);
    const { scratch } = this;
    let to = 0;
    for (let at = from; at < end; at += 1) {
      const byte = bytes[at]!;
      scratch[to] = byte;
      to += 1;
      if (byte === QUOTE) at += 1;
    }
    this.bytes = scratch;
    this.start = 0;
    this.end = to;
  }
}

function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const length = utf8Length(bytes, at);
    if (length === 0) return false;
    at += length;
  }
  return true;
}
