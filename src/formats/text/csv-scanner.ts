/**
 * Fields of CSV records over bytes (RFC 4180): delimiters, quotes, doubled quotes, line feeds inside
 * quotes. Owns where a field starts and ends and its unescaped bytes; columns are csv.ts. @hot
 *
 *   record := field (delimiter field)* [CR] LF        field := plain | '"' (any | '""')* '"'
 *
 * A quote inside a plain field stands for itself. Behind the last field stands a line feed: the
 * owner puts one there if the record has none. Files of old tables end their lines in CR alone: for
 * them `lineEnd` is CR, and LF is data. Other quotes, none, and escapes are the dialect's.
 */
import { utf8Length } from '../json/json-scanner.js';
import type { CsvQuoting } from './csv-dialect.js';

/** The byte of a character that there is none of. */
const NO_BYTE = -1;
export const LINE_FEED = 10;
export const CARRIAGE_RETURN = 13;

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
  private readonly quote: number;
  private readonly escape: number;
  private readonly lineEnd: number;
  private scratch: Uint8Array = new Uint8Array(256);

  constructor({ delimiter, quote, escape }: CsvQuoting, lineEnd: number = LINE_FEED) {
    this.delimiter = delimiter.charCodeAt(0);
    this.quote = byteOf(quote);
    this.escape = byteOf(escape);
    this.lineEnd = lineEnd;
  }

  /**
   * Reads the field at `at`, whose record lies before `limit`; the position of the delimiter or
   * line feed behind it, or a negative fault.
   */
  field(bytes: Uint8Array, at: number, limit: number): number {
    return bytes[at] === this.quote
      ? this.quotedField(bytes, at + 1, limit)
      : this.plainField(bytes, at);
  }

  /** Whether the field that ended at `at` was the record's last. */
  isLast(bytes: Uint8Array, at: number): boolean {
    return bytes[at] !== this.delimiter;
  }

  private plainField(bytes: Uint8Array, from: number): number {
    const { delimiter, lineEnd } = this;
    let at = from;
    let high = 0;
    for (;;) {
      const byte = bytes[at]!;
      if (byte === delimiter || byte === lineEnd) break;
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
    const { lineEnd, quote, escape } = this;
    let at = from;
    let high = 0;
    let escaped = 0;
    for (;;) {
      if (at >= limit) return UNFINISHED;
      const byte = bytes[at]!;
      if (byte === quote) {
        if (bytes[at + 1] !== quote) break;
        escaped += 1;
        at += 1;
      } else if (byte === escape && isEscaped(bytes[at + 1], quote, escape)) {
        escaped += 1;
        at += 1;
      } else if (byte === lineEnd) {
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
    if (escaped > 0) this.unescape(bytes, from, at);
    at += 1;
    const isPair = bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED;
    if (isPair && lineEnd === LINE_FEED) at += 1;
    return bytes[at] === this.delimiter || bytes[at] === lineEnd ? at : BEHIND_QUOTE;
  }

  private unescape(bytes: Uint8Array, from: number, end: number): void {
    if (this.scratch.length < end - from) this.scratch = new Uint8Array((end - from) * 2);
    const { scratch, quote, escape } = this;
    let to = 0;
    for (let at = from; at < end; at += 1) {
      const byte = bytes[at]!;
      const leads = byte === quote || (byte === escape && isEscaped(bytes[at + 1], quote, escape));
      if (leads) at += 1;
      scratch[to] = bytes[at]!;
      to += 1;
    }
    this.bytes = scratch;
    this.start = 0;
    this.end = to;
  }
}

/**
 * Finds where a record ends whose fields do not matter (it is refused, or too large to keep), in as
 * many pieces as it comes in. Behind a closing quote anything may stand.
 */
export class CsvRecordEnd {
  /** Line ends inside quotes since begin(). */
  innerLines = 0;
  private readonly delimiter: number;
  private readonly quote: number;
  private readonly escape: number;
  private readonly lineEnd: number;
  private place: 'field' | 'plain' | 'quoted' | 'quote' | 'escape' = 'field';

  constructor({ delimiter, quote, escape }: CsvQuoting, lineEnd: number) {
    this.delimiter = delimiter.charCodeAt(0);
    this.quote = byteOf(quote);
    this.escape = byteOf(escape);
    this.lineEnd = lineEnd;
  }

  begin(): void {
    this.innerLines = 0;
    this.place = 'field';
  }

  /** The position of the record's line end in `bytes[from, to)`; -1 where it lies behind `to`. */
  find(bytes: Uint8Array, from: number, to: number): number {
    const { delimiter, lineEnd, quote, escape } = this;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at]!;
      if (this.place === 'escape') {
        this.place = 'quoted';
        if (isEscaped(byte, quote, escape)) continue;
      }
      if (this.place === 'quoted') {
        if (byte === escape) this.place = 'escape';
        else if (byte === quote) this.place = 'quote';
        else if (byte === lineEnd) this.innerLines += 1;
      } else if (byte === lineEnd) {
        return at;
      } else if (byte === delimiter) {
        this.place = 'field';
      } else if (this.place !== 'plain') {
        this.place = byte === quote ? 'quoted' : 'plain';
      }
    }
    return -1;
  }
}

function byteOf(character: string | null): number {
  return character === null ? NO_BYTE : character.charCodeAt(0);
}

/** Before anything but a quote and itself an escape stands for itself. */
function isEscaped(byte: number | undefined, quote: number, escape: number): boolean {
  return byte === quote || byte === escape;
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
