/**
 * What a file's name says about its content. Owns only the rules by extension that quoted paths,
 * tables without 'format' and schema inference share.
 */
import type { InputFormat } from '../formats/decoder-registry.js';

/** CSV for .csv and .tsv, else JSON lines. */
export function formatOfPath(path: string): InputFormat {
  return /\.[ct]sv$/i.test(path) ? 'csv' : 'json';
}

/** Between the fields of a CSV file: a tab in a .tsv file. */
export function delimiterOfPath(path: string): string {
  return /\.tsv$/i.test(path) ? '\t' : ',';
}
