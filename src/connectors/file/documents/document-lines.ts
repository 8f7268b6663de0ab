/**
 * Documents as lines: the bytes of JSON objects that stand behind one another, over as many lines as
 * they like or in one, with or without an array around them, become one line each. Owns finding
 * where a document ends, and where a broken one does; whether a file holds documents is
 * document-layout.ts, whether they are well formed the decoder says. @hot
 *
 *   [ {"a": 1},␊  {␊ "a": 2 } ]    →    {"a": 1}␊  ␍{␍ "a": 2 }␊
 *
 * Line ends of the file become carriage returns, which are white space to JSON: they count lines
 * (file-batch.ts). A document breaks off where a bracket does not fit, and before a brace that no
 * colon is in front of; a text with its line.
 */
const LINE_FEED = 10;
/** Stands for each line end of the file; its own carriage returns become spaces. */
export const LINE_MARK = 13;
const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** Of bytes: 0 for those that open, close, or are white space. */
const IS_PLAIN = new Uint8Array(256).fill(1);
for (const byte of [LINE_FEED, LINE_MARK, TAB, SPACE, QUOTE]) IS_PLAIN[byte] = 0;
for (const byte of [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE]) IS_PLAIN[byte] = 0;

/** A record that no decoder takes. */
const UNCLOSED = new TextEncoder().encode('[ the array has no end\n');

export class DocumentLines {
  /** What take() has made, up to `length`. */
  bytes = new Uint8Array(0);
  length = 0;
  /** Open brackets of the document, from the outermost. */
  private open = new Uint8Array(64);
  private depth = 0;
  /** Within an array of documents. */
  private inArray = false;
  private inText = false;
  private escaped = false;
  /** Something that is no object, outside of all brackets. */
  private inWord = false;
  /** The last byte of the document that is no white space. */
  private last = 0;

  /** Makes lines of `input[from, to)`, instead of those made before. */
  take(input: Uint8Array, from: number, to: number): void {
    // A byte may end a record before it, and one behind it.
    const most = (to - from) * 3;
    if (this.bytes.length < most) this.bytes = new Uint8Array(most);
    this.length = 0;
    for (let at = from; at < to; at += 1) {
      if (this.inText ? !this.escaped : this.depth > 0) {
        at = this.inText ? this.textRun(input, at, to) : this.plainRun(input, at, to);
        if (at === to) return;
      }
      const byte = input[at]!;
      if (this.inText) this.textByte(byte);
      else if (byte === SPACE || byte === TAB || byte === LINE_MARK) this.space();
      else if (byte === LINE_FEED) this.lineEnd();
      else if (this.depth > 0) this.innerByte(byte);
      else this.outerByte(byte);
    }
  }

  /** Copies bytes of a text that mean nothing by themselves; where it stopped. */
  private textRun(input: Uint8Array, from: number, to: number): number {
    const out = this.bytes;
    let { length } = this;
    let at = from;
    for (; at < to; at += 1) {
      const byte = input[at]!;
      if (byte === QUOTE || byte === BACKSLASH || byte === LINE_FEED) break;
      out[length] = byte;
      length += 1;
    }
    this.length = length;
    return at;
  }

  /** The same for what stands between the texts and brackets of a document. */
  private plainRun(input: Uint8Array, from: number, to: number): number {
    const out = this.bytes;
    let { length } = this;
    let at = from;
    for (; at < to; at += 1) {
      const byte = input[at]!;
      if (IS_PLAIN[byte] === 0) break;
      out[length] = byte;
      length += 1;
    }
    if (at > from) this.last = input[at - 1]!;
    this.length = length;
    return at;
  }

  /** There is no more: an array that is still open is a record that nobody can read. */
  end(): void {
    this.length = 0;
    if (!this.inArray) return;
    this.bytes = new Uint8Array(UNCLOSED.length + 1);
    if (this.depth > 0 || this.inWord || this.inText) this.endRecord();
    this.bytes.set(UNCLOSED, this.length);
    this.length += UNCLOSED.length;
  }

  private textByte(byte: number): void {
    const ends = byte === LINE_FEED || (byte === QUOTE && !this.escaped);
    this.escaped = byte === BACKSLASH && !this.escaped;
    this.put(byte === LINE_FEED ? LINE_MARK : byte);
    if (!ends) return;
    this.inText = false;
    this.last = QUOTE;
  }

  private space(): void {
    if (this.depth > 0) this.put(SPACE);
    else if (this.inWord) this.endRecord();
  }

  private lineEnd(): void {
    if (this.inWord && this.depth === 0) this.endRecord();
    this.put(LINE_MARK);
  }

  /** In a document's brackets. */
  private innerByte(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.inText = true;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (this.top() === OPEN_BRACE && this.last !== COLON) {
          this.endRecord();
          this.outerByte(byte);
          return;
        }
        this.push(byte);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        this.close(byte);
        return;
      default:
    }
    this.put(byte);
    this.last = byte;
  }

  private close(byte: number): void {
    // '[' and ']', '{' and '}' are two apart.
    const fits = this.top() === byte - 2;
    if (!fits && byte === CLOSE_BRACKET && this.inArray) {
      this.endRecord();
      this.inArray = false;
      return;
    }
    this.put(byte);
    this.last = byte;
    this.depth -= 1;
    if (!fits || this.depth === 0) this.endRecord();
  }

  /** Between documents, or in what is none. */
  private outerByte(byte: number): void {
    if (byte === OPEN_BRACKET && !this.inArray && !this.inWord) {
      this.inArray = true;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (this.inWord) this.endRecord();
      this.push(byte);
      this.put(byte);
      this.last = byte;
    } else if ((byte === COMMA || byte === CLOSE_BRACKET) && this.inArray) {
      if (this.inWord) this.endRecord();
      if (byte === CLOSE_BRACKET) this.inArray = false;
    } else {
      this.inWord = true;
      this.inText = byte === QUOTE;
      this.put(byte);
    }
  }

  private endRecord(): void {
    this.put(LINE_FEED);
    this.depth = 0;
    this.inWord = false;
    this.inText = false;
    this.last = 0;
  }

  private top(): number {
    return this.open[this.depth - 1]!;
  }

  private push(byte: number): void {
    if (this.depth === this.open.length) {
      const larger = new Uint8Array(this.depth * 2);
      larger.set(this.open);
      this.open = larger;
    }
    this.open[this.depth] = byte;
    this.depth += 1;
  }

  private put(byte: number): void {
    this.bytes[this.length] = byte;
    this.length += 1;
  }
}

/** Finds the end of a document that has become a line. */
export class DocumentEnd {
  /** Line ends that it has in its file. */
  innerLines = 0;

  begin(): void {
    this.innerLines = 0;
  }

  find(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    for (; at < to && bytes[at] !== LINE_FEED; at += 1) {
      if (bytes[at] === LINE_MARK) this.innerLines += 1;
    }
    return at < to ? at : -1;
  }
}
