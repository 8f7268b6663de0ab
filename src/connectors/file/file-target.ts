/**
 * What a path that is written to names: the file behind its links, which stays the same file with
 * the same mode and owner, or something that rows go to as they come (a pipe, a device, a descriptor
 * of this process). Owns the rules; writing is output-file.ts and the stdout sink.
 */
import { readlinkSync, realpathSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { systemOutput, visibleStats } from './file-bytes.js';
import { descriptorOf } from './pipe-pump.js';

const LINKS_MAX = 40;

export type FileTarget =
  /** A regular file, or none yet, at the end of all links. */
  | { readonly kind: 'file'; readonly path: string; readonly stats: Stats | null }
  /** An open file of this process: 1 is stdout. */
  | { readonly kind: 'descriptor'; readonly fd: number }
  /** A FIFO; it may have to wait for a reader. */
  | { readonly kind: 'fifo'; readonly path: string }
  | { readonly kind: 'device'; readonly path: string };

export function fileTarget(path: string): FileTarget {
  const fd = descriptorOf(systemOutput(path));
  if (fd !== null) return { kind: 'descriptor', fd };
  const stats = visibleStats(path);
  if (stats?.isFIFO() === true) return { kind: 'fifo', path };
  if (stats !== undefined && !stats.isFile() && !stats.isDirectory()) {
    return { kind: 'device', path };
  }
  return { kind: 'file', path: withoutLinks(path), stats: stats ?? null };
}

/** The same text for every spelling of a path that is written to. */
export function targetKey(path: string): string {
  const target = fileTarget(path);
  return target.kind === 'descriptor' ? `descriptor ${target.fd}` : withoutLinks(target.path);
}

/** The path behind all links, whether there is a file or not. */
function withoutLinks(path: string): string {
  let at = resolve(path);
  for (let links = 0; links < LINKS_MAX; links += 1) {
    try {
      return realpathSync(at);
    } catch {
      const next = linkedFrom(at);
      if (next === null) break;
      at = next;
    }
  }
  try {
    return join(realpathSync(dirname(at)), basename(at));
  } catch {
    return at;
  }
}

/** null: it is no link, or one may not look. */
function linkedFrom(path: string): string | null {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return null;
  }
}
