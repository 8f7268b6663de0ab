/**
 * Which files a table's path names: one, those of a folder, or those that a pattern matches. Owns
 * their order, which is that of their names, what is left out, and the errors when there is none.
 * Reading them is file.ts's; a pipe, a device and a followed file are always one.
 */
import { existsSync, lstatSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigError, ConnectorError } from '../../../base/errors.js';
import { visibleStats } from '../file-bytes.js';
import { isStagedName } from '../staging.js';
import { entriesOf, folderOf, isPattern, matches, statsOf } from './glob-pattern.js';

/** Each is a split with a buffer of its own. */
export const FILES_MAX = 10_000;
/** Names that an error lists. */
const NAMES_MAX = 5;
/** What buffers of all files of one table take together, and that of one at least. */
const WINDOWS_BYTES = 16 * 1024 * 1024;
const WINDOW_BYTES_MIN = 16 * 1024;

/** A path as the system takes it: `file:///…` names one, too. Throws ConfigError for a bad URI. */
export function pathOfUri(path: string): string {
  if (!/^file:\/\//i.test(path)) return path;
  try {
    return fileURLToPath(path);
  } catch (error) {
    throw new ConfigError('SETTING_INVALID', {
      message: `"${path}" names no file of this machine`,
      hint: 'write file:///folder/name, or the path alone',
      cause: error,
    });
  }
}

/** Whether the path surely names one file; a name that exists is no pattern. */
export function isOneFile(path: string): boolean {
  const stats = visibleStats(path);
  return stats === undefined ? !isPattern(path) : !stats.isDirectory();
}

/** All of them, by name. Throws ConnectorError DATA_FILE_MISSING. */
export function filesOf(path: string): readonly string[] {
  if (isOneFile(path)) return [path];
  const isFolder = visibleStats(path) !== undefined;
  const files: string[] = [];
  for (const file of isFolder ? below(path) : matches(path)) {
    if (isStagedName(file)) continue;
    files.push(file);
    if (files.length > FILES_MAX) throw tooMany(path);
  }
  if (files.length === 0) throw isFolder ? emptyFolder(path) : noMatch(path);
  return files.sort((a, b) => (a < b ? -1 : 1));
}

/** How much of each of so many files is read at once. */
export function windowBytesOf(files: number, bytesMost: number): number {
  const share = Math.floor(WINDOWS_BYTES / files);
  return Math.min(bytesMost, Math.max(WINDOW_BYTES_MIN, share));
}

/** Every file below a folder but for those that writers hide: .x and _SUCCESS. */
function* below(folder: string): Generator<string> {
  const front = folder.endsWith('/') ? folder : `${folder}/`;
  for (const { name } of entriesOf(front)) {
    if (/^[._]/.test(name)) continue;
    const path = `${front}${name}`;
    const stats = statsOf(path);
    if (stats?.isFile() === true) yield path;
    else if (stats?.isDirectory() === true && !lstatSync(path).isSymbolicLink()) yield* below(path);
  }
}

function noMatch(path: string): ConnectorError {
  const folder = folderOf(path);
  const names = entriesOf(folder)
    .map(({ name }) => name)
    .sort();
  const shown = names.slice(0, NAMES_MAX).join(', ');
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  const place = folder === '' ? 'the working directory' : `folder "${folder}"`;
  return new ConnectorError('DATA_FILE_MISSING', {
    message: `no data file matches "${path}"`,
    hint:
      names.length > 0
        ? `${place} has ${shown}${more}`
        : `${place} ${existsSync(folder || '.') ? 'is empty' : 'does not exist'}`,
  });
}

function emptyFolder(path: string): ConnectorError {
  return new ConnectorError('DATA_FILE_MISSING', {
    message: `folder "${path}" has no data file`,
    hint: 'names that start with . or _ are left out; name one of them to read it',
  });
}

function tooMany(path: string): ConnectorError {
  return new ConnectorError('FILE_READ', {
    message: `"${path}" names more than ${FILES_MAX} files`,
    hint: 'read them in several queries, with narrower patterns',
  });
}
