/**
 * docs/architecture.md keeps up with the tree: every file that it names exists, and every file of
 * the folders below has its role.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEXT = readFileSync(`${ROOT}docs/architecture.md`, 'utf8');

/** `…/{a,b}.ts` is two names. */
function expanded(name: string): readonly string[] {
  const match = /^(.*)\{([^}]*)\}(.*)$/.exec(name);
  if (match === null) return [name];
  const [, before = '', list = '', behind = ''] = match;
  return list.split(',').map((part) => `${before}${part}${behind}`);
}

/** Paths in backticks, from the root of the repository. */
const named = [...TEXT.matchAll(/`((?:src|test|cases|docs|…)\/[^`\s]*)`/g)]
  .flatMap(([, name = '']) => expanded(name))
  .map((name) => name.replace(/^…\//, 'src/processors/').replace(/^cases\//, 'test/cases/'));

/** Every file and folder of the project's own. */
const paths = ['src', 'test', 'docs'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map(
    (path) => `${folder}/${path.replaceAll('\\', '/')}`,
  ),
);

/** What a name with asterisks stands for; cases are named without their ending. */
function matches(name: string, path: string): boolean {
  const plain = name.replace(/\/$/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  return new RegExp(`^${plain}(\\.case)?$`).test(path);
}

const WHOLE_FOLDERS = ['bench', 'cli', 'metrics', 'processors', 'processors/partitioned'];

describe('docs/architecture.md', () => {
  it.each([...new Set(named)])('names %s, which exists', (name) => {
    expect(paths.some((path) => matches(name, path))).toBe(true);
  });

  it.each(WHOLE_FOLDERS)('has a role for every file of src/%s', (folder) => {
    const files = paths.filter((path) => matches(`src/${folder}/*.ts`, path));
    const withoutRole = files.filter((file) => !named.some((name) => matches(name, file)));
    expect(withoutRole).toEqual([]);
  });
});
