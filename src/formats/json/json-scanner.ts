/**
 * Strict JSON over bytes (RFC 8259): steps over values, checks them, unescapes texts. Owns the
 * syntax faults; which keys and columns matter is json.ts, nested values are json-nested.ts. @hot
 *
 * Every method takes the position to read at and gives the position behind what it read, or -1 with
 * `fault` and `faultAt` set. There is no end to pass: behind the last byte of the record stands a
 * byte that stops every loop (a line feed in lines, 0 in messages), because no token may hold it.
 */

/** Deepest nesting of arrays and objects in a record. */
export const JSON_DEPTH_MAX = 1024;

export const FAULT_SYNTAX = 1;
export const FAULT_UTF8 = 2;
export const FAULT_CONTROL = 3;
export const FAULT_ESCAPE = 4;
export const FAULT_NUMBER = 5;
export const FAULT_DEPTH = 6;
export const FAULT_NOT_OBJECT = 7;
export const FAULT_TRAILING = 8;
/** Well formed, but the value does not convert to its column's type. */
export const FAULT_CONVERT = 9;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** 0: an ASCII character of a text that stands for itself; 1: anything else. */
export const TEXT_SPECIAL = new Uint8Array(256).map((_, byte) =>
  byte < 32 || byte === QUOTE || byte === BACKSLASH || byte >= 128 ? 1 : 0,
);
/** 1: white space between tokens of a line, where a line feed ends the record. */
export const LINE_SPACE = new Uint8Array(256);
/** 1: white space between tokens of a message. */
export const MESSAGE_SPACE = new Uint8Array(256);
for (const byte of [9, 13, 32]) LINE_SPACE[byte] = MESSAGE_SPACE[byte] = 1;
MESSAGE_SPACE[10] = 1;

/** What the character behind a backslash stands for; 0: no such escape. 'u' is apart. */
const ESCAPES = new Uint8Array(256);
for (const [name, byte] of Object.entries({ b: 8, t: 9, n: 10, f: 12, r: 13 })) {
  ESCAPES[name.charCodeAt(0)] = byte;
}
for (const byte of [QUOTE, 47, BACKSLASH]) ESCAPES[byte] = byte;

const HEX = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  HEX[digit.charCodeAt(0)] = value;
  HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Bytes of the UTF-8 sequence at `at`, 0 when it is not well formed. */
export function utf8Length(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const second = bytes[at + 1]!;
  if (first < 0xe0) return (second & 0xc0) === 0x80 ? 2 : 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  if ((bytes[at + 2]! & 0xc0) !== 0x80) return 0;
  if (first < 0xf0) return 3;
  return (bytes[at + 3]! & 0xc0) === 0x80 ? 4 : 0;
}

export class JsonScanner {
  /** LINE_SPACE or MESSAGE_SPACE, whichever the bytes are. */
  space: Uint8Array = LINE_SPACE;
  fault = 0;
  faultAt = 0;
  /** After text(): the UTF-8 of the text, in the record itself or, with escapes, unescaped. */
  textBytes: Uint8Array = new Uint8Array(0);
  textStart = 0;
  textEnd = 0;
  private scratch: Uint8Array = new Uint8Array(256);
  /** 1 for each open object, 0 for each open array, outermost first. */
  private readonly open = new Uint8Array(JSON_DEPTH_MAX);

  fail(fault: number, at: number): -1 {
    this.fault = fault;
    this.faultAt = at;
    return -1;
  }

  skipSpace(bytes: Uint8Array, from: number): number {
    const { space } = this;
    let at = from;
    while (space[bytes[at]!] === 1) at += 1;
    return at;
  }

  /** Steps over the rest of a text whose opening quote lies in front of `from`. */
  skipText(bytes: Uint8Array, from: number): number {
    let at = from;
    for (;;) {
      const byte = bytes[at]!;
      if (TEXT_SPECIAL[byte] === 0) {
        at += 1;
      } else if (byte === QUOTE) {
        return at + 1;
      } else {
        at = this.skipSpecial(bytes, at);
        if (at < 0) return at;
      }
    }
  }

  /** Steps over an escape or a UTF-8 sequence. */
  private skipSpecial(bytes: Uint8Array, at: number): number {
    const byte = bytes[at]!;
    if (byte >= 128) {
      const length = utf8Length(bytes, at);
      return length === 0 ? this.fail(FAULT_UTF8, at) : at + length;
    }
    if (byte !== BACKSLASH) return this.fail(FAULT_CONTROL, at);
    const escape = bytes[at + 1]!;
    if (ESCAPES[escape] !== 0) return at + 2;
    if (escape !== 117 || hex4(bytes, at + 2) < 0) return this.fail(FAULT_ESCAPE, at);
    return at + 6;
  }

  /** As skipText, and leaves the text's UTF-8 in textBytes, textStart and textEnd. */
  text(bytes: Uint8Array, from: number): number {
    let at = from;
    while (TEXT_SPECIAL[bytes[at]!] === 0) at += 1;
    // Behind a backslash the text needs unescaping, else it stands in the record as it is.
    while (bytes[at] !== QUOTE) {
      if (bytes[at] === BACKSLASH) return this.unescape(bytes, from);
      at = TEXT_SPECIAL[bytes[at]!] === 0 ? at + 1 : this.skipSpecial(bytes, at);
      if (at < 0) return at;
    }
    this.textBytes = bytes;
    this.textStart = from;
    this.textEnd = at;
    return at + 1;
  }

  private unescape(bytes: Uint8Array, from: number): number {
    const end = this.skipText(bytes, from);
    if (end < 0) return end;
    // No escape is shorter than what it stands for.
    if (this.scratch.length < end - from) this.scratch = new Uint8Array((end - from) * 2);
    const { scratch } = this;
    let to = 0;
    let at = from;
    while (at < end - 1) {
      const byte = bytes[at]!;
      if (byte !== BACKSLASH) {
        scratch[to] = byte;
        to += 1;
        at += 1;
        continue;
      }
      const escape = bytes[at + 1]!;
      if (escape !== 117) {
        scratch[to] = ESCAPES[escape]!;
        to += 1;
        at += 2;
        continue;
      }
      let point = hex4(bytes, at + 2);
      at += 6;
      if (point >= 0xd800 && point < 0xe000) {
        const low = bytes[at] === BACKSLASH && bytes[at + 1] === 117 ? hex4(bytes, at + 2) : -1;
        const pair = point < 0xdc00 && low >= 0xdc00 && low < 0xe000;
        if (pair) at += 6;
        point = pair ? 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
      }
      to = writeCodePoint(scratch, to, point);
    }
    this.textBytes = scratch;
    this.textStart = 0;
    this.textEnd = to;
    return end;
  }

  skipNumber(bytes: Uint8Array, from: number): number {
    let at = bytes[from] === 45 ? from + 1 : from;
    const first = at;
    while (isDigit(bytes[at]!)) at += 1;
    if (at === first || (bytes[first] === 48 && at - first > 1)) {
      return this.fail(at === first && first === from ? FAULT_SYNTAX : FAULT_NUMBER, from);
    }
    if (bytes[at] === 46) {
      const fraction = at + 1;
      at = fraction;
      while (isDigit(bytes[at]!)) at += 1;
      if (at === fraction) return this.fail(FAULT_NUMBER, from);
    }
    if ((bytes[at]! | 32) === 101) {
      at += 1;
      if (bytes[at] === 43 || bytes[at] === 45) at += 1;
      const exponent = at;
      while (isDigit(bytes[at]!)) at += 1;
      if (at === exponent) return this.fail(FAULT_NUMBER, from);
    }
    return at;
  }

  /** Steps over `true`, `false` or `null`. */
  skipWord(bytes: Uint8Array, at: number): number {
    const byte = bytes[at];
    if (byte === 116) {
      if (bytes[at + 1] === 114 && bytes[at + 2] === 117 && bytes[at + 3] === 101) return at + 4;
    } else if (byte === 110) {
      if (bytes[at + 1] === 117 && bytes[at + 2] === 108 && bytes[at + 3] === 108) return at + 4;
    } else if (byte === 102) {
      if (bytes[at + 1] === 97 && bytes[at + 2] === 108 && bytes[at + 3] === 115) {
        if (bytes[at + 4] === 101) return at + 5;
      }
    }
    return this.fail(FAULT_SYNTAX, at);
  }

  /** Steps over `"key" :` and the white space around them, to the value. */
  skipKey(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== QUOTE) return this.fail(FAULT_SYNTAX, from);
    return this.afterKey(bytes, this.skipText(bytes, from + 1));
  }

  /** As skipKey, and leaves the key's UTF-8 in textBytes, textStart and textEnd. */
  key(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== QUOTE) return this.fail(FAULT_SYNTAX, from);
    return this.afterKey(bytes, this.text(bytes, from + 1));
  }

  private afterKey(bytes: Uint8Array, behindQuote: number): number {
    if (behindQuote < 0) return behindQuote;
    const colon = this.skipSpace(bytes, behindQuote);
    if (bytes[colon] !== COLON) return this.fail(FAULT_SYNTAX, colon);
    return this.skipSpace(bytes, colon + 1);
  }

  /** Steps over any value that starts at `from`, however deep, without recursion. */
  skipValue(bytes: Uint8Array, from: number): number {
    let at = from;
    let depth = 0;
    for (;;) {
      const byte = bytes[at]!;
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        const inside = this.skipSpace(bytes, at + 1);
        // '[' + 2 is ']' and '{' + 2 is '}'.
        if (bytes[inside] === byte + 2) {
          at = inside + 1;
        } else {
          if (depth === JSON_DEPTH_MAX) return this.fail(FAULT_DEPTH, at);
          this.open[depth] = byte === OPEN_OBJECT ? 1 : 0;
          depth += 1;
          at = byte === OPEN_OBJECT ? this.skipKey(bytes, inside) : inside;
          if (at < 0) return at;
          continue;
        }
      } else {
        at = this.skipScalar(bytes, at);
        if (at < 0) return at;
      }
      for (;;) {
        if (depth === 0) return at;
        at = this.skipSpace(bytes, at);
        const isObject = this.open[depth - 1] === 1;
        if (bytes[at] === COMMA) {
          const next = this.skipSpace(bytes, at + 1);
          at = isObject ? this.skipKey(bytes, next) : next;
          if (at < 0) return at;
          break;
        }
        if (bytes[at] !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          return this.fail(FAULT_SYNTAX, at);
        }
        at += 1;
        depth -= 1;
      }
    }
  }

  private skipScalar(bytes: Uint8Array, at: number): number {
    const byte = bytes[at]!;
    if (byte === QUOTE) return this.skipText(bytes, at + 1);
    if (byte === 45 || isDigit(byte)) return this.skipNumber(bytes, at);
    return this.skipWord(bytes, at);
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** The value of four hexadecimal digits, or -1. Reads no byte behind one that is none. */
function hex4(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let place = 0; place < 4; place += 1) {
    const digit = HEX[bytes[at + place]!]!;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** Appends a code point as UTF-8; the position behind it. */
function writeCodePoint(bytes: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    bytes[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    bytes[at] = 0xc0 | (point >> 6);
    bytes[at + 1] = 0x80 | (point & 63);
    return at + 2;
  }
  if (point < 0x10000) {
    bytes[at] = 0xe0 | (point >> 12);
    bytes[at + 1] = 0x80 | ((point >> 6) & 63);
    bytes[at + 2] = 0x80 | (point & 63);
    return at + 3;
  }
  bytes[at] = 0xf0 | (point >> 18);
  bytes[at + 1] = 0x80 | ((point >> 12) & 63);
  bytes[at + 2] = 0x80 | ((point >> 6) & 63);
  bytes[at + 3] = 0x80 | (point & 63);
  return at + 4;
}
