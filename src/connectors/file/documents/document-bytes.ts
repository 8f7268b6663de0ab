/**
 * The bytes of a JSON file as lines, whatever its layout: lines pass as they are, documents become
 * lines (document-lines.ts). Owns finding out which from the first bytes, and reading on from a
 * place of what the documents have become. Memory: a piece of 64 KiB and its lines. @hot
 */
import type { FileFormat } from '../file-format.js';
import { FileBytes, NOTHING_NOW } from '../file-bytes.js';
import type { ByteSource } from '../file-bytes.js';
import { holdsDocuments, LAYOUT_BYTES_MAX } from './document-layout.js';
import { DocumentLines } from './document-lines.js';

/** What a file is asked for first: most say in it what they hold. */
const FIRST_BYTES = 4096;

const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

/** What the records of a file are looked for in; a followed file may yet become anything. */
export function recordBytes(
  bytes: ByteSource,
  { format, follow }: { readonly format: FileFormat; readonly follow: boolean },
): ByteSource {
  return format === 'json' && !follow ? new DocumentBytes(bytes) : bytes;
}

/** Whether a regular file holds documents. Throws as FileBytes does. */
export function isDocumentFile(path: string): boolean {
  const bytes = new DocumentBytes(new FileBytes(path));
  bytes.close();
  return bytes.documents === true;
}

export class DocumentBytes implements ByteSource {
  readonly seekable: boolean;
  readonly arrives: boolean;
  readonly openedBytes: number | null;
  /** null: not known yet. */
  documents: boolean | null = null;
  private readonly inner: ByteSource;
  /** The start of the file, as far as it was read to find out; then pieces of it. */
  private piece = new Uint8Array(FIRST_BYTES);
  private pieceLength = 0;
  /** Place in the file behind the piece. */
  private innerPlace = 0;
  private lines = new DocumentLines();
  /** Place of the first of lines.bytes in what the documents become. */
  private linesStart = 0;
  private markBytes = 0;
  private ended = false;

  constructor(inner: ByteSource) {
    this.inner = inner;
    this.seekable = inner.seekable;
    this.arrives = inner.arrives;
    this.openedBytes = inner.openedBytes;
    if (!inner.arrives) this.look();
  }

  read(buffer: Uint8Array, at: number, length: number, place: number): number {
    if (this.documents === null && !this.look()) return NOTHING_NOW;
    if (this.documents === true) return this.readLines(buffer, at, length, place);
    if (place >= this.pieceLength || this.seekable) {
      return this.inner.read(buffer, at, length, place);
    }
    // What was read of a pipe to find out.
    const count = Math.min(length, this.pieceLength - place);
    buffer.set(this.piece.subarray(place, place + count), at);
    return count;
  }

  readable(): Promise<void> {
    return this.inner.readable();
  }

  size(): number {
    return this.inner.size();
  }

  /** Documents have become lines of another length. */
  usedBytes(place: number): number {
    return this.inner.usedBytes(this.documents === true ? this.innerPlace : place);
  }

  replaced(): boolean {
    return this.inner.replaced();
  }

  close(): void {
    this.inner.close();
  }

  /** Reads on at the start; false while nobody can say what it holds. */
  private look(): boolean {
    for (let isAll = false; ;) {
      const known = holdsDocuments(this.piece, this.pieceLength, isAll);
      if (known !== null) {
        this.documents = known;
        if (known) this.makeLines();
        return true;
      }
      if (this.pieceLength === this.piece.length) {
        const larger = new Uint8Array(LAYOUT_BYTES_MAX);
        larger.set(this.piece);
        this.piece = larger;
      }
      const room = this.piece.length - this.pieceLength;
      const count = this.inner.read(this.piece, this.pieceLength, room, this.pieceLength);
      if (count === NOTHING_NOW) return false;
      isAll = count === 0;
      this.pieceLength += count;
      this.innerPlace = this.pieceLength;
    }
  }

  private readLines(buffer: Uint8Array, at: number, length: number, place: number): number {
    if (place < this.markBytes) {
      const count = Math.min(length, this.markBytes - place);
      buffer.set(BYTE_ORDER_MARK.subarray(place, place + count), at);
      return count;
    }
    if (place < this.linesStart) this.restart();
    for (;;) {
      const from = place - this.linesStart;
      if (from < this.lines.length) {
        const count = Math.min(length, this.lines.length - from);
        buffer.set(this.lines.bytes.subarray(from, from + count), at);
        return count;
      }
      if (this.ended) return 0;
      const count = this.inner.read(this.piece, 0, this.piece.length, this.innerPlace);
      if (count === NOTHING_NOW) return count;
      this.pieceLength = count;
      this.innerPlace += count;
      this.linesStart += this.lines.length;
      if (count === 0) {
        this.ended = true;
        this.lines.end();
      } else {
        this.lines.take(this.piece, 0, count);
      }
    }
  }

  /** The first lines, behind a byte order mark, which is none of them. */
  private makeLines(): void {
    this.markBytes = this.piece[0] === BYTE_ORDER_MARK[0] ? BYTE_ORDER_MARK.length : 0;
    this.lines.take(this.piece, this.markBytes, this.pieceLength);
    this.linesStart = this.markBytes;
    if (this.piece.length === LAYOUT_BYTES_MAX) return;
    this.piece = new Uint8Array(LAYOUT_BYTES_MAX);
  }

  /** Of a regular file: what was made of it so far has to be made again. */
  private restart(): void {
    this.lines = new DocumentLines();
    this.ended = false;
    this.linesStart = this.markBytes;
    this.innerPlace = this.markBytes;
    this.pieceLength = 0;
  }
}
