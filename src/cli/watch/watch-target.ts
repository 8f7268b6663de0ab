/**
 * What --watch looks at: single files, and all files of a folder or pattern that a query reads. Owns
 * which files of a job those are: not what the job writes, nor what grows while it is read, nor
 * pipes. A file is looked for in its folder, because editors put another file in its place.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { fileOptions } from '../../connectors/file/file-options.js';
import { folderOf, isPattern, statsOf } from '../../connectors/file/set/glob-pattern.js';
import { scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';

export interface WatchTarget {
  /** Exists. */
  readonly folder: string;
  /** With all folders below. */
  readonly deep: boolean;
  /** The one file; null: all that matches. */
  readonly file: string | null;
  /** Whether a path below the folder, absolute, is meant. */
  readonly matches: (path: string) => boolean;
}

export function fileTargetOf(path: string): WatchTarget {
  const file = resolve(path);
  const folder = nearestFolder(dirname(file));
  // Where its folder is still missing, the folder's coming is what is waited for.
  const matches = (changed: string): boolean => changed === file || file.startsWith(`${changed}/`);
  return { folder, deep: false, file, matches };
}

/** All files below a folder for which `isMeant` holds. */
export function folderTargetOf(
  path: string,
  isMeant: (path: string) => boolean = () => true,
): WatchTarget {
  const folder = nearestFolder(resolve(path));
  return { folder, deep: true, file: null, matches: isMeant };
}

/** What the queries of a job read. Throws ConfigError for stdin, which is read once. */
export function inputTargetsOf(queries: readonly QueryPlan[]): WatchTarget[] {
  const written = new Set(
    queries.flatMap(({ sink: { table } }) =>
      table?.connector === 'file' ? [resolve(fileOptions(table, 'written').path)] : [],
    ),
  );
  const paths = queries.flatMap(({ root }) =>
    scansOf(root).flatMap(({ table }) => {
      if (table.connector !== 'file' || !table.bounded) return [];
      return [fileOptions(table).path];
    }),
  );
  return [...new Set(paths)].flatMap((path) => targetsOf(path, written));
}

function targetsOf(path: string, written: ReadonlySet<string>): WatchTarget[] {
  if (path === '-' || path === '/dev/stdin') {
    throw new ConfigError('FLAG_INVALID', {
      message: 'what comes on stdin cannot be read again: --watch needs files',
      hint: 'write it into a file first',
    });
  }
  const isOther = (changed: string): boolean => !written.has(changed);
  const stats = statsOf(path);
  if (stats?.isDirectory() === true) return [folderTargetOf(path, isOther)];
  if (stats === undefined && isPattern(path)) return [folderTargetOf(folderOf(path), isOther)];
  const isPlain = stats === undefined || stats.isFile();
  return isPlain && isOther(resolve(path)) ? [fileTargetOf(path)] : [];
}

function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}
