/**
 * What tells the files that a table reads from others that have their paths later: sums of their
 * first bytes, of more of them the longer the file is, so that one that grows stays the same. Owns
 * these sums; pipes and devices have none.
 */
import { closeSync, readSync } from 'node:fs';
import { crc32c } from '../../../base/crc32c.js';
import type { TableDefinition } from '../../../plan/schema.js';
import type { Identities } from '../../connector.js';
import { openForReading, visibleStats } from '../file-bytes.js';
import { fileOptions } from '../file-options.js';
import { filesOf } from './file-set.js';

/** A file has the sum of so many of its first bytes once it is as long. */
const PREFIXES = [16, 64, 256, 1024, 4096] as const;
const HEAD_BYTES = PREFIXES[PREFIXES.length - 1] ?? 0;

/** By `file "orders.jsonl"`. A file that is not there is left to who opens it. */
export function fileIdentities(table: TableDefinition): Identities {
  const { path, follow } = fileOptions(table);
  const found = new Map<string, readonly string[]>();
  for (const file of follow ? [path] : filesOf(path)) {
    if (visibleStats(file)?.isFile() === true) found.set(`file "${file}"`, sumsOf(file));
  }
  return found;
}

function sumsOf(path: string): readonly string[] {
  const head = new Uint8Array(HEAD_BYTES);
  const file = openForReading(path);
  try {
    let bytes = 0;
    for (let read = 1; read > 0 && bytes < HEAD_BYTES; bytes += read) {
      read = readSync(file, head, bytes, HEAD_BYTES - bytes, bytes);
    }
    return PREFIXES.filter((length) => length <= bytes).map((length) =>
      crc32c(head, 0, length).toString(16),
    );
  } finally {
    closeSync(file);
  }
}
