/**
 * Reads the content of a state file (checkpoint/state-file.ts) here and now, a part of it at a time,
 * on the thread of the operator that needs it. Owns the way from a place in the content to the
 * pieces that hold it, and that each has its sum. Who wrote the file has its size and its end.
 */
import { readSync } from 'node:fs';
import { crc32c } from '../../base/crc32c.js';
import { HEAD_BYTES, HEADER_BYTES, PIECE_BYTES } from '../checkpoint/state-file.js';

export class EntryPieces {
  private readonly fd: number;
  private readonly bytes: number;
  private readonly damaged: (what: string) => Error;
  /** The piece that was read last, behind its head. */
  private framed: Uint8Array | null = null;
  private piece = -1;

  /** `bytes`: of the content, in pieces of PIECE_BYTES. `damaged` makes the error. */
  constructor(fd: number, bytes: number, damaged: (what: string) => Error) {
    this.fd = fd;
    this.bytes = bytes;
    this.damaged = damaged;
  }

  /** Fills `into` from place `from` of the content on. Throws the system's errors, and `damaged`. */
  read(from: number, into: Uint8Array): void {
    for (let got = 0; got < into.length;) {
      const at = from + got;
      const number = Math.floor(at / PIECE_BYTES);
      const piece = this.pieceAt(number);
      const start = at - number * PIECE_BYTES;
      const length = Math.min(piece.length - start, into.length - got);
      into.set(piece.subarray(start, start + length), got);
      got += length;
    }
  }

  /** Gives the memory of the last piece back. */
  rest(): void {
    this.framed = null;
    this.piece = -1;
  }

  private pieceAt(number: number): Uint8Array {
    const length = Math.min(PIECE_BYTES, this.bytes - number * PIECE_BYTES);
    this.framed ??= new Uint8Array(HEAD_BYTES + Math.min(PIECE_BYTES, this.bytes));
    const framed = this.framed.subarray(0, HEAD_BYTES + length);
    if (this.piece === number) return framed.subarray(HEAD_BYTES);
    this.piece = -1;
    const place = HEADER_BYTES + number * (HEAD_BYTES + PIECE_BYTES);
    for (let got = 0; got < framed.length;) {
      const read = readSync(this.fd, framed, got, framed.length - got, place + got);
      if (read === 0) throw this.damaged(`ends at byte ${place + got}`);
      got += read;
    }
    const view = new DataView(framed.buffer, framed.byteOffset);
    const isWhole =
      view.getUint32(0, true) === length &&
      view.getUint32(4, true) === crc32c(framed, HEAD_BYTES, framed.length);
    if (!isWhole) throw this.damaged(`has another sum at byte ${place} than was written`);
    this.piece = number;
    return framed.subarray(HEAD_BYTES);
  }
}
