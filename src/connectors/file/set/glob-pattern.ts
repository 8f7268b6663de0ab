/**
 * Patterns of file names: `*` and `?` within one name, `[a-z]` and `[!a-z]`, `{a,b}`, and a name
 * `**` for any folders, none included. Owns what a pattern matches and walking the folders it can
 * match in; what a table's path means is file-set.ts's.
 */
import { readdirSync, statSync } from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { openFailure } from '../file-bytes.js';

const ANY_FOLDERS = '**';
const SPECIAL = /[*?[{]/;

export function isPattern(path: string): boolean {
  return SPECIAL.test(path);
}

/** Regular files that the pattern matches, each once. Throws ConnectorError for closed folders. */
export function* matches(pattern: string): Generator<string> {
  const seen = new Set<string>();
  for (const plain of withoutBraces(pattern)) {
    const root = plain.startsWith('/') ? '/' : '';
    const names = plain.split('/').filter((name) => name !== '' && name !== '.');
    for (const path of walk(root, names)) {
      if (!seen.has(path)) yield path;
      seen.add(path);
    }
  }
}

/** The folders in front of the first name that is a pattern; '' for the working directory. */
export function folderOf(pattern: string): string {
  const names = pattern.split('/');
  const first = names.findIndex((name) => SPECIAL.test(name));
  return names.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '');
}

/** `folder` is '' or ends in a slash. */
function* walk(folder: string, names: readonly string[]): Generator<string> {
  const [name, ...rest] = names;
  if (name === undefined) return;
  if (name === ANY_FOLDERS) {
    // `a/**` is every file below a.
    yield* walk(folder, rest.length === 0 ? ['*'] : rest);
    for (const entry of entriesOf(folder)) {
      // Not through links: they may lead in circles.
      if (entry.isDirectory() && !entry.name.startsWith('.')) {
        yield* walk(`${folder}${entry.name}/`, names);
      }
    }
    return;
  }
  if (!SPECIAL.test(name)) {
    yield* found(`${folder}${name}`, rest);
    return;
  }
  const expression = expressionOf(name);
  for (const entry of entriesOf(folder)) {
    if (expression.test(entry.name)) yield* found(`${folder}${entry.name}`, rest);
  }
}

function* found(path: string, rest: readonly string[]): Generator<string> {
  const stats = statsOf(path);
  if (rest.length > 0) {
    if (stats?.isDirectory() === true) yield* walk(`${path}/`, rest);
  } else if (stats?.isFile() === true) {
    yield path;
  }
}

/** What a name in a folder stands for; undefined: nothing. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw openFailure(path, error);
  }
}

/** What is in a folder; nothing where there is none. Throws where it cannot be listed. */
export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder === '' ? '.' : folder, { withFileTypes: true });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw openFailure(folder, error);
  }
}

/** Of one name; a name that starts with a dot is only matched by a dot. */
function expressionOf(name: string): RegExp {
  let text = name.startsWith('.') ? '' : '(?!\\.)';
  for (let at = 0; at < name.length; at += 1) {
    const character = name.charAt(at);
    const end = character === '[' ? name.indexOf(']', at + 2) : -1;
    if (character === '*') text += '.*';
    else if (character === '?') text += '.';
    else if (end > 0) {
      const inside = name.slice(at + 1, end).replaceAll(/[\\\]^]/g, '\\$&');
      text += inside.startsWith('!') ? `[^${inside.slice(1)}]` : `[${inside}]`;
      at = end;
    } else text += character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&');
  }
  return new RegExp(`^${text}$`, 'su');
}

/** `a{b,c}d` is `abd` and `acd`; braces may stand in one another. One without its end is a letter. */
function withoutBraces(pattern: string): string[] {
  const open = pattern.indexOf('{');
  if (open < 0) return [pattern];
  const cuts = [open];
  let depth = 0;
  for (let at = open; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (character === '{') depth += 1;
    if (character === ',' && depth === 1) cuts.push(at);
    if (character === '}') depth -= 1;
    if (depth > 0) continue;
    cuts.push(at);
    const [front, back] = [pattern.slice(0, open), pattern.slice(at + 1)];
    return cuts
      .slice(1)
      .flatMap((cut, index) =>
        withoutBraces(`${front}${pattern.slice((cuts[index] ?? 0) + 1, cut)}${back}`),
      );
  }
  return [pattern];
}
