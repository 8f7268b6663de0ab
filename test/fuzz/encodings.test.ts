/**
 * Texts in other encodings than UTF-8: in pieces of any size they are what Node's decoders make of
 * them, from any place on; what is malformed is no UTF-8. A run is one text.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { NOTHING_NOW } from '../../src/connectors/file/file-bytes.js';
import type { ByteSource } from '../../src/connectors/file/file-bytes.js';
import { textEncoding } from '../../src/connectors/file/encoding/text-encoding.js';
import type { Encoding } from '../../src/connectors/file/encoding/text-encoding.js';
import { utf8Bytes } from '../../src/connectors/file/encoding/utf8-bytes.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

/** Bytes that come in pieces; with pauses where they are a pipe's. */
function inPieces(bytes: Uint8Array, random: Random, seekable: boolean): ByteSource {
  let next = 0;
  return {
    seekable,
    arrives: !seekable,
    openedBytes: seekable ? bytes.length : null,
    read: (buffer, at, length, place) => {
      if (!seekable && random.chance(20)) return NOTHING_NOW;
      const from = seekable ? place : next;
      const count = Math.min(length, 1 + random.below(9), bytes.length - from);
      buffer.set(bytes.subarray(from, from + count), at);
      next = from + count;
      return count;
    },
    readable: () => Promise.resolve(),
    usedBytes: (place) => place,
    size: () => bytes.length,
    replaced: () => false,
    close: () => undefined,
  };
}

function readFrom(source: ByteSource, place: number, random: Random): Buffer {
  const pieces: Buffer[] = [];
  for (let at = place; ;) {
    const piece = Buffer.alloc(1 + random.below(20));
    const count = source.read(piece, 0, piece.length, at);
    if (count === NOTHING_NOW) continue;
    if (count === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, count));
    at += count;
  }
}

const UNITS = ['a', '1', ',', '\n', '"', '\u00fc', '\u20ac', '\u65e5', '\u{1f600}', '\ufeff', ' '];

function pieces(input: FuzzInput): void {
  const { random } = input;
  const encoding = random.pick(['utf-16le', 'utf-16be', 'windows-1252'] as const);
  const text = Array.from({ length: random.below(60) }, () => random.pick(UNITS)).join('');
  const written = Uint8Array.from(
    Buffer.from(text, encoding === 'windows-1252' ? 'latin1' : 'utf16le'),
  );
  if (encoding === 'utf-16be') Buffer.from(written.buffer).swap16();
  const isDamaged = random.chance(30);
  const bytes = isDamaged ? damaged(written, random) : written;
  input.shows(`${encoding} ${Buffer.from(bytes).toString('hex')}`);
  // Node's decoder of Windows-1252 takes a first byte 0xff for a mark.
  const marked = encoding === 'windows-1252' ? Buffer.concat([Buffer.from('x'), bytes]) : bytes;
  const all = new TextDecoder(encoding, { ignoreBOM: true }).decode(marked);
  const expected = encoding === 'windows-1252' ? all.slice(1) : all;
  const isPipe = random.chance(40);
  const source = utf8Bytes(inPieces(bytes, random, !isPipe), {
    encoding,
    format: 'csv',
    follow: false,
  });
  const whole = readFrom(source, 0, random);
  if (decoded(whole) !== expected) throw new Error(`${whole.toString()} instead of ${expected}`);
  if (!expected.includes('\ufffd') && !isUtf8(whole)) throw new Error('malformed');
  input.counts('the whole text');
  if (isPipe) return;
  for (let tries = 0; tries < 4; tries += 1) {
    const place = random.below(whole.length + 1);
    const rest = readFrom(source, place, random);
    if (!rest.equals(whole.subarray(place))) throw new Error(`another text from ${place} on`);
    input.counts('the rest of a text');
  }
}

/** A byte that no UTF-8 has stands for what is malformed. */
function decoded(bytes: Buffer): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const middle = random.pick([[], [0xd8], [0xdc, 0xd8], [0, 0xd8], [0x81], [0xff, 0xff]]);
  return Uint8Array.from([...bytes.subarray(0, at), ...middle, ...bytes.subarray(at + 1)]);
}

/** Valid UTF-8 stays what it is, however it looks; UTF-16 of ASCII, and words, are recognized. */
function recognized(input: FuzzInput): void {
  const { random } = input;
  const word = (): string => random.pick(['Zo\u00eb', 'gr\u00fc\u00dfe', 'na\u00efve', 'ab', '12']);
  const text = `id,${Array.from({ length: 1 + random.below(20) }, word).join(random.pick([',', ' ']))}\n`;
  input.shows(text);
  const as = (encoding: BufferEncoding): Buffer => Buffer.from(text, encoding);
  const big = as('utf16le').swap16();
  const hasLetters = /[\u0080-\u00ff]/.test(text);
  const expected: readonly (readonly [Uint8Array, Encoding])[] = [
    [as('utf8'), 'utf-8'],
    [Buffer.from(`\ufeff${text}`), 'utf-8'],
    [as('utf16le'), 'utf-16le'],
    [Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16le'],
    [big, 'utf-16be'],
    [as('latin1'), hasLetters ? 'windows-1252' : 'utf-8'],
    [Buffer.concat([as('latin1'), as('utf8')]), 'utf-8'],
  ];
  for (const [bytes, encoding] of expected) {
    const found = textEncoding(bytes);
    if (found !== encoding) throw new Error(`${found} instead of ${encoding}`);
    input.counts(found);
  }
}

fuzz({
  file: 'encodings',
  name: 'texts in pieces are what decoders make of them',
  sample: 1_000,
  run: pieces,
});
fuzz({
  file: 'encodings',
  name: 'encodings are recognized',
  sample: 300,
  run: recognized,
});
