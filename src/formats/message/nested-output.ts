/**
 * Lists and maps of SQL values as libraries of message formats take them, where Avro and Protobuf
 * agree: an array, and an object without a prototype. Owns those two shapes; what stands in them,
 * NULL included, is the format's (avro-output.ts, protobuf-output.ts). @hot
 */
import { isSqlMap } from '../../columnar/types.js';
import type { SqlValue } from '../../columnar/types.js';
import type { CellValue } from '../columns/cell-reader.js';
import { RowFault } from '../message-encoder.js';

/** What a library is to write for a value that is not NULL. Throws RowFault. */
export type CellOutput = (value: CellValue) => unknown;

/** What it is to write for a value inside another, NULL included. Throws RowFault. */
export type InnerOutput = (value: SqlValue) => unknown;

export function listOutput(item: InnerOutput): CellOutput {
  // Checked boundary: an ARRAY is an array.
  return (value) => (value as readonly SqlValue[]).map(item);
}

export function mapOutput(entry: InnerOutput): CellOutput {
  return (value) => {
    // No prototype: keys may have any name.
    const map = Object.create(null) as Record<string, unknown>;
    if (Buffer.isBuffer(value) || !isSqlMap(value)) return map;
    value.keys.forEach((key, at) => {
      if (key === null) throw new RowFault('holds a map with the key NULL');
      map[String(key)] = entry(value.values[at] ?? null);
    });
    return map;
  };
}
