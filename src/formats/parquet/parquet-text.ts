/**
 * A record of a Parquet file as one JSON object, for dead letters: its columns have no bytes that
 * belong to one record. Owns only this form; whole numbers keep their digits, bytes that are no text
 * are hexadecimal.
 */
import { textOf } from '../message/value-writer.js';

export function recordText(values: readonly (readonly [string, unknown])[]): Uint8Array {
  const fields = values.map(([name, value]) => `${JSON.stringify(name)}:${valueText(value)}`);
  return Buffer.from(`{${fields.join(',')}}`);
}

function valueText(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) {
    return JSON.stringify(textOf(value) ?? Buffer.from(value).toString('hex'));
  }
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`;
  return JSON.stringify(value) ?? 'null';
}
