/**
 * bzip2 as a stream, which node:zlib has not: blocks are decoded by unbzip2-stream, in this thread,
 * one between two turns of its event loop. Owns the stream around it: bits of what has come, streams
 * behind one another, and how much is decoded ahead (a block: 900 kB, 46 MB where it is one run). @hot
 *
 *   window  | used | blocks, the first from bit `at` on | free |
 */
import { Duplex } from 'node:stream';
import type { BitReader, BlockDecoder } from 'unbzip2-stream/lib/bzip2.js';

/** A block is asked for when so many packed bytes are there; one that needs more is tried again. */
const BLOCK_BYTES = 1_000_000;
const UNIT_BYTES = 100_000;
const PIECE_BYTES = 1024 * 1024;
/** Behind the window, so that the bits at its end can be read as those before. */
const PADDING_BYTES = 8;
/** "BZh": how a stream starts. */
const START = [0x42, 0x5a, 0x68];

/** More bytes are needed than are there. */
class NeedsMore extends Error {}

/** What follows on a stream is none. */
export class NoStream extends Error {
  readonly place: number;

  constructor(place: number) {
    super('no stream');
    this.place = place;
  }
}

export class Bzip2Unpacker extends Duplex {
  /** Packed bytes that are unpacked, as streams of node:zlib count. */
  bytesWritten = 0;
  private decoder: BlockDecoder | null = null;
  private window = new Uint8Array(BLOCK_BYTES + PADDING_BYTES);
  private length = 0;
  /** Bits of the window that were used. */
  private at = 0;
  private blockBytes = 0;
  /** A block before its bytes are put in order. */
  private block = new Int32Array(0);
  private checksum = 0;
  private needed = BLOCK_BYTES;
  private isEnd = false;
  /** Behind the last stream there is something that is none. */
  private isBehind = false;
  private isHungry = false;
  /** The next block waits for its turn. */
  private goesOn = false;
  /** Asks for what follows. */
  private written: (() => void) | null = null;
  private piece = new Uint8Array(PIECE_BYTES);
  private pieceLength = 0;

  override _construct(done: (error?: Error | null) => void): void {
    import('unbzip2-stream/lib/bzip2.js').then(
      (library) => {
        this.decoder = library.default;
        done();
      },
      (error: unknown) => done(error as Error),
    );
  }

  override _write(packed: Uint8Array, _: BufferEncoding, done: () => void): void {
    this.append(packed);
    this.written = done;
    this.goOn();
  }

  override _final(done: () => void): void {
    this.isEnd = true;
    done();
    this.goOn();
  }

  override _read(): void {
    this.isHungry = true;
    this.goOn();
  }

  /** Decodes one block, if somebody wants it, or asks for more. */
  private goOn(): void {
    if (!this.isHungry || this.goesOn || this.destroyed || this.decoder === null) return;
    const left = this.length - (this.at >> 3);
    if (!this.isEnd && left < this.needed) return this.ask();
    try {
      if (this.blockBytes === 0 && (left === 0 || this.isBehind || !this.startsStream())) {
        return this.passRest();
      }
      this.decode(this.decoder);
    } catch (error) {
      if (!(error instanceof NeedsMore)) return void this.destroy(namedFault(error));
      // The part of a block that was decoded is decoded again.
      this.pieceLength = 0;
      if (this.isEnd) return void this.destroy(endsEarly());
      this.needed = left * 2;
      return this.ask();
    }
    this.needed = BLOCK_BYTES;
    this.goesOn = true;
    setImmediate(() => {
      this.goesOn = false;
      this.goOn();
    });
  }

  private ask(): void {
    const { written } = this;
    this.written = null;
    written?.();
  }

  /** Whether another stream begins; what is no stream is its file's to judge. */
  private startsStream(): boolean {
    const from = this.at >> 3;
    return START.every(
      (byte, index) => from + index >= this.length || this.window[from + index] === byte,
    );
  }

  /** Zeros may fill the file up, as tapes are, and nothing else. */
  private passRest(): void {
    const rest = this.window.subarray(this.at >> 3, this.length);
    const found = rest.findIndex((byte) => byte !== 0);
    if (found >= 0) throw new NoStream(this.bytesWritten + found);
    this.isBehind = true;
    this.at = this.length * 8;
    this.bytesWritten += rest.length;
    if (!this.isEnd) return this.ask();
    this.isHungry = false;
    this.push(null);
  }

  private decode(decoder: BlockDecoder): void {
    const from = this.at;
    try {
      if (this.blockBytes === 0) {
        this.blockBytes = decoder.header(this.bits) * UNIT_BYTES;
        if (this.block.length < this.blockBytes) this.block = new Int32Array(this.blockBytes);
        this.checksum = 0;
      } else {
        const { block, blockBytes } = this;
        const checksum = decoder.decompress(this.bits, this.put, block, blockBytes, this.checksum);
        this.checksum = checksum ?? 0;
        if (checksum === null) this.blockBytes = 0;
      }
    } catch (error) {
      this.at = from;
      throw error;
    }
    this.bytesWritten += (this.at >> 3) - (from >> 3);
    if (this.pieceLength > 0) this.handOut();
  }

  private readonly put = (byte: number): void => {
    if (this.pieceLength === this.piece.length) this.grow();
    this.piece[this.pieceLength] = byte;
    this.pieceLength += 1;
  };

  private grow(): void {
    const larger = new Uint8Array(this.piece.length * 2);
    larger.set(this.piece);
    this.piece = larger;
  }

  private handOut(): void {
    this.isHungry = this.push(this.piece.slice(0, this.pieceLength));
    this.pieceLength = 0;
    if (this.piece.length > PIECE_BYTES) this.piece = new Uint8Array(PIECE_BYTES);
  }

  private readonly bits: BitReader = (count) => {
    if (count === null) {
      this.at = (this.at + 7) & ~7;
      return 0;
    }
    if (count > 24) return (this.bits(count - 16) << 16) | this.bits(16);
    const { at, window } = this;
    if (at + count > this.length * 8) throw new NeedsMore();
    this.at = at + count;
    const byte = at >> 3;
    const four =
      (window[byte]! << 24) |
      (window[byte + 1]! << 16) |
      (window[byte + 2]! << 8) |
      window[byte + 3]!;
    return count === 0 ? 0 : (four << (at & 7)) >>> (32 - count);
  };

  /** Behind what was not used yet, which goes to the front. */
  private append(packed: Uint8Array): void {
    const used = this.at >> 3;
    const left = this.length - used;
    if (left + packed.length + PADDING_BYTES > this.window.length) {
      const larger = new Uint8Array((left + packed.length) * 2 + PADDING_BYTES);
      larger.set(this.window.subarray(used, this.length));
      this.window = larger;
    } else {
      this.window.copyWithin(0, used, this.length);
    }
    this.window.set(packed, left);
    this.length = left + packed.length;
    this.at &= 7;
  }
}

/** With zlib's code for it. */
function endsEarly(): Error {
  return Object.assign(new Error('unexpected end of file'), { code: 'Z_BUF_ERROR' });
}

/** The library's own words are jokes, but for one. */
function namedFault(error: unknown): Error {
  const { name, message } = error as Error;
  // TypeError and RangeError: a table that is none leads out of an array.
  if (!['Bzip2Error', 'TypeError', 'RangeError'].includes(name)) return error as Error;
  return new Error(/crc32/.test(message) ? 'incorrect data check' : 'invalid block', {
    cause: error,
  });
}
