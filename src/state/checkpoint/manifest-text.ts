/**
 * The text of a manifest: JSON for people and programs, a line for whatever has one level, and a
 * last line with the CRC-32C of what stands before it. Owns text and sum; what a manifest says is
 * checkpoint-manifest.ts.
 */
import { isUtf8 } from 'node:buffer';
import { crc32c } from '../../base/crc32c.js';
import { damaged } from './checkpoint-failures.js';

const SUM_LINE = /^crc32c ([0-9a-f]{8})\n$/;
const SUM_LINE_BYTES = 'crc32c 00000000\n'.length;

/** A number, also one that JSON has no form for. */
export type ExactNumber = number | 'NaN' | 'Infinity' | '-Infinity';

/** `value` as JSON holds it without loss. */
export function exactNumber(value: number): ExactNumber {
  return Number.isFinite(value) ? value : (String(value) as ExactNumber);
}

export function summedText(value: unknown): Uint8Array {
  const text = Buffer.from(`${printed(value, '')}\n`);
  const sum = crc32c(text, 0, text.length).toString(16).padStart(8, '0');
  return Buffer.concat([text, Buffer.from(`crc32c ${sum}\n`)]);
}

/** What `summedText` was given. Throws StateError CHECKPOINT_DAMAGED. */
export function readSummed(bytes: Uint8Array, path: string): unknown {
  const end = bytes.length - SUM_LINE_BYTES;
  const last = Buffer.from(bytes.subarray(Math.max(0, end))).toString('latin1');
  const sum = SUM_LINE.exec(last)?.[1];
  if (end <= 0 || sum === undefined) throw damaged(path, 'does not end with its sum');
  if (parseInt(sum, 16) !== crc32c(bytes, 0, end)) {
    throw damaged(path, 'has another sum than was written');
  }
  const text = bytes.subarray(0, end);
  if (!isUtf8(text)) throw damaged(path, 'is no UTF-8');
  try {
    return JSON.parse(Buffer.from(text).toString('utf8'));
  } catch (error) {
    throw damaged(path, 'is no JSON', error);
  }
}

function printed(value: unknown, indent: string): string {
  const members = membersOf(value);
  if (members === null || members.every(([, member]) => isFlat(member))) {
    return JSON.stringify(value);
  }
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const lines = members.map(([name, member]) => {
    const text = printed(member, inner);
    return isList ? `${inner}${text}` : `${inner}${JSON.stringify(name)}: ${text}`;
  });
  return `${isList ? '[' : '{'}\n${lines.join(',\n')}\n${indent}${isList ? ']' : '}'}`;
}

/** Without those that JSON leaves out. */
function membersOf(value: unknown): [string, unknown][] | null {
  if (typeof value !== 'object' || value === null) return null;
  return Object.entries(value).filter(([, member]) => member !== undefined);
}

/** A scalar, or a short list of those. */
function isFlat(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Array.isArray(value) && value.every((each) => typeof each !== 'object');
}
