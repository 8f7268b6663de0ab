/**
 * What a file's name says about its content. Owns only the rules by extension that quoted paths,
 * tables without 'format' and schema inference share.
 */
import { INPUT_FORMATS } from '../../formats/decoder-registry.js';
import type { InputFormat } from '../../formats/decoder-registry.js';
import { nameWithin } from './compressed/compression.js';

/** Binary files that hold their schema. */
export type ContainerFormat = 'avro' | 'parquet';
/** What a file may hold. */
export type FileFormat = InputFormat | ContainerFormat;
export const FILE_FORMATS: readonly FileFormat[] = [...INPUT_FORMATS, 'avro', 'parquet'];

export function isFileFormat(format: string): format is FileFormat {
  return (FILE_FORMATS as readonly string[]).includes(format);
}

export function isContainerFormat(format: string): format is ContainerFormat {
  return format === 'avro' || format === 'parquet';
}

/** CSV for .csv and .tsv, a container for .avro, .parquet and .pq, else JSON lines. */
export function formatOfPath(path: string): FileFormat {
  const name = nameWithin(path);
  if (/\.avro$/i.test(name)) return 'avro';
  if (/\.(?:parquet|pq)$/i.test(name)) return 'parquet';
  return /\.[ct]sv$/i.test(name) ? 'csv' : 'json';
}

/** Whether the name says it at all. */
export function saysFormat(path: string): boolean {
  return /\.(?:[ct]sv|jsonl?|ndjson|avro|parquet|pq)$/i.test(nameWithin(path));
}

/** Between the fields of a CSV file: a tab in a .tsv file. */
export function delimiterOfPath(path: string): string {
  return /\.tsv$/i.test(nameWithin(path)) ? '\t' : ',';
}
