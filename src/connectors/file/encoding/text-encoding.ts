/**
 * Encodings of text files: their names, and which one the first bytes of a file are in. Owns
 * recognizing; making UTF-8 of the others is transcoder.ts. What is valid UTF-8 is never taken for
 * anything else.
 *
 *   UTF-16         a byte order mark, or every other byte of the first ones is 0
 *   Windows-1252   no UTF-8: bytes above 127 are letters beside letters, or signs of that table;
 *                  not in JSON, which is Unicode
 */
import { isUtf8 } from 'node:buffer';
import { utf8Length } from '../../../formats/json/json-scanner.js';

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** As users write them. ISO 8859-1 is read as browsers read it: as the table that holds more. */
const NAMES: Readonly<Record<string, Encoding>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-16': 'utf-16le',
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
  'windows-1252': 'windows-1252',
  cp1252: 'windows-1252',
  latin1: 'windows-1252',
  'iso-8859-1': 'windows-1252',
};

export const ENCODING_HINT =
  "use 'utf-8', 'utf-16le', 'utf-16be', 'windows-1252' or 'latin1'; without it the file says it";

export function encodingNamed(name: string): Encoding | undefined {
  const known = name.trim().toLowerCase();
  return Object.hasOwn(NAMES, known) ? NAMES[known] : undefined;
}

/** Bytes that are looked at. */
export const ENCODING_BYTES = 64 * 1024;

/** UTF-16 by its mark or its zeros; 'utf-8' for all else. Four bytes are enough. */
export function unicodeEncoding(bytes: Uint8Array): Encoding {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe && !(c === 0 && d === 0)) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (bytes.length < 4) return 'utf-8';
  if (isAscii(a) && b === 0 && isAscii(c) && d === 0) return 'utf-16le';
  if (a === 0 && isAscii(b) && c === 0 && isAscii(d)) return 'utf-16be';
  return 'utf-8';
}

/** The same, and Windows-1252, from as many bytes as there are; more may follow. */
export function textEncoding(bytes: Uint8Array): Encoding {
  const unicode = unicodeEncoding(bytes);
  if (unicode !== 'utf-8' || isUtf8(bytes)) return unicode;
  return isWindows1252(bytes) ? 'windows-1252' : 'utf-8';
}

function isAscii(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0 && byte < 128;
}

/** Codes of the table that stand for nothing. */
const UNUSED = [0x81, 0x8d, 0x8f, 0x90, 0x9d];
const LETTERS_BELOW_C0 = [0x8a, 0x8c, 0x8e, 0x9a, 0x9c, 0x9e, 0x9f];

function isLetter(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  if (byte < 128) return (byte | 32) >= 97 && (byte | 32) <= 122;
  return byte >= 0xc0 ? byte !== 0xd7 && byte !== 0xf7 : LETTERS_BELOW_C0.includes(byte);
}

/** Whether bytes that are no UTF-8 make words; a character of UTF-8 among them says no. */
function isWindows1252(bytes: Uint8Array): boolean {
  let letters = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) return false;
    if (byte < 128) continue;
    if (utf8Length(bytes, at) > 0) return false;
    if (UNUSED.includes(byte)) return false;
    if (!isLetter(byte)) continue;
    if (!isLetter(bytes[at - 1]) && !isLetter(bytes[at + 1])) return false;
    letters += 1;
  }
  return letters > 0;
}
