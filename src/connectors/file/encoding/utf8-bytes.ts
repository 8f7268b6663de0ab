/**
 * The bytes of a text file as UTF-8, whatever it is encoded in. Owns finding out the encoding where
 * nobody says it, and reading on from a place of what the text has become: going back makes it again
 * from the start. A file of UTF-8 is its own bytes. Memory: a piece of 64 KiB and its text. @hot
 */
import type { FileFormat } from '../file-format.js';
import { FileBytes, NOTHING_NOW } from '../file-bytes.js';
import type { ByteSource } from '../file-bytes.js';
import { ENCODING_BYTES, textEncoding, unicodeEncoding } from './text-encoding.js';
import type { Encoding } from './text-encoding.js';
import { Transcoder } from './transcoder.js';

/** Bytes of which UTF-16 can be told. */
const MARK_BYTES = 4;

export interface EncodingChoice {
  /** null: the file says it. */
  readonly encoding: Encoding | null;
  /** JSON is Unicode (RFC 8259): there a byte that is none is a fault of its record. */
  readonly format: FileFormat;
  readonly follow: boolean;
}

/**
 * `isSample`: the bytes are the start of a pipe that has come, and all that there is to look at.
 * Otherwise the first bytes of a pipe say UTF-16 alone: what comes later makes no difference.
 */
export function utf8Bytes(inner: ByteSource, choice: EncodingChoice, isSample = false): ByteSource {
  const { encoding, format } = choice;
  if (encoding === 'utf-8') return inner;
  if (!inner.seekable) {
    return new Utf8Bytes(inner, { ...choice, looksFar: isSample && format !== 'json' });
  }
  const known = encoding ?? encodingOf(inner, format);
  if (known === 'utf-8') return inner;
  return new Utf8Bytes(inner, { ...choice, encoding: known, looksFar: false });
}

/** Of a regular file. Throws as FileBytes does. */
export function isOtherThanUtf8(
  path: string,
  { encoding, format }: Pick<EncodingChoice, 'encoding' | 'format'>,
): boolean {
  if (encoding !== null) return encoding !== 'utf-8';
  const bytes = new FileBytes(path);
  try {
    return encodingOf(bytes, format) !== 'utf-8';
  } finally {
    bytes.close();
  }
}

/** What the encoding of such bytes is, or was found to be. */
export function encodingFound(bytes: ByteSource): Encoding {
  return bytes instanceof Utf8Bytes ? (bytes.encoding ?? 'utf-8') : 'utf-8';
}

/** Of a file that can be read at any place. */
function encodingOf(bytes: ByteSource, format: FileFormat): Encoding {
  const head = new Uint8Array(ENCODING_BYTES);
  let length = 0;
  while (length < head.length) {
    const count = bytes.read(head, length, head.length - length, length);
    if (count <= 0) break;
    length += count;
  }
  const text = wholeCharacters(head, length);
  return format === 'json' ? unicodeEncoding(text) : textEncoding(text);
}

/** Without a character that is cut off where more may follow. */
function wholeCharacters(head: Uint8Array, length: number): Uint8Array {
  let end = length;
  if (length === ENCODING_BYTES) {
    while (end > length - MARK_BYTES && (head[end - 1] ?? 0) >= 128) end -= 1;
  }
  return head.subarray(0, end);
}

interface Utf8Parts extends EncodingChoice {
  readonly looksFar: boolean;
}

class Utf8Bytes implements ByteSource {
  readonly seekable: boolean;
  readonly arrives: boolean;
  encoding: Encoding | null;
  private readonly inner: ByteSource;
  private readonly parts: Utf8Parts;
  /** What was read to find the encoding out, from the start; then pieces. */
  private piece = new Uint8Array(ENCODING_BYTES);
  private pieceLength = 0;
  private innerPlace = 0;
  private transcoder: Transcoder | null = null;
  /** Place of the first of transcoder.bytes. */
  private textStart = 0;
  private ended = false;

  constructor(inner: ByteSource, parts: Utf8Parts) {
    this.inner = inner;
    this.parts = parts;
    this.seekable = inner.seekable;
    this.arrives = inner.arrives;
    this.encoding = parts.encoding;
    this.begin();
  }

  read(buffer: Uint8Array, at: number, length: number, place: number): number {
    if (this.encoding === null && !this.look()) return NOTHING_NOW;
    if (this.transcoder !== null) return this.readText(this.transcoder, buffer, at, length, place);
    if (place >= this.pieceLength) return this.inner.read(buffer, at, length, place);
    const count = Math.min(length, this.pieceLength - place);
    buffer.set(this.piece.subarray(place, place + count), at);
    return count;
  }

  readable(): Promise<void> {
    return this.inner.readable();
  }

  get openedBytes(): number | null {
    return this.inner.openedBytes;
  }

  /** Places are of what the text becomes, and a piece is made at once. */
  usedBytes(place: number): number {
    return this.transcoder === null ? this.inner.usedBytes(place) : this.innerPlace;
  }

  /** What is known of the text, and one byte for each that is still to be read. */
  size(): number {
    const known = this.textStart + (this.transcoder?.length ?? 0);
    return known + this.inner.size() - this.innerPlace;
  }

  replaced(): boolean {
    return this.inner.replaced();
  }

  close(): void {
    this.inner.close();
  }

  private begin(): void {
    if (this.encoding === null || this.encoding === 'utf-8') return;
    this.transcoder = new Transcoder(this.encoding);
    this.transcoder.take(this.piece, this.pieceLength);
  }

  /** False while nobody can say what the text is encoded in. */
  private look(): boolean {
    const { looksFar } = this.parts;
    const wanted = looksFar ? ENCODING_BYTES : MARK_BYTES;
    while (this.pieceLength < wanted) {
      const { piece, pieceLength } = this;
      const count = this.inner.read(piece, pieceLength, piece.length - pieceLength, pieceLength);
      if (count === NOTHING_NOW && !looksFar) return false;
      if (count <= 0) break;
      this.pieceLength += count;
    }
    this.innerPlace = this.pieceLength;
    const head = wholeCharacters(this.piece, this.pieceLength);
    this.encoding = looksFar ? textEncoding(head) : unicodeEncoding(head);
    this.begin();
    return true;
  }

  private readText(
    transcoder: Transcoder,
    buffer: Uint8Array,
    at: number,
    length: number,
    place: number,
  ): number {
    if (place < this.textStart) {
      this.restart();
      return this.read(buffer, at, length, place);
    }
    for (;;) {
      const from = place - this.textStart;
      if (from < transcoder.length) {
        const count = Math.min(length, transcoder.length - from);
        buffer.set(transcoder.bytes.subarray(from, from + count), at);
        return count;
      }
      if (this.ended) return 0;
      const count = this.inner.read(this.piece, 0, this.piece.length, this.innerPlace);
      if (count === NOTHING_NOW) return count;
      if (count === 0 && this.parts.follow) return 0;
      this.innerPlace += count;
      this.textStart += transcoder.length;
      transcoder.clear();
      this.ended = count === 0;
      if (this.ended) transcoder.end();
      else transcoder.take(this.piece, count);
    }
  }

  /** Of a regular file: what was made of it so far has to be made again. */
  private restart(): void {
    this.pieceLength = 0;
    this.innerPlace = 0;
    this.textStart = 0;
    this.ended = false;
    this.begin();
  }
}
