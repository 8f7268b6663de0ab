/**
 * docs/architecture.md keeps up with the tree: every file and folder that it names exists, and the
 * list of files in each room is made of the first sentence of each file's header
 * (`npx vitest run test/docs -u` writes it). The headings of rooms are written by hand.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
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
const named = [...TEXT.matchAll(/`((?:src|test|cases|docs)\/[^`\s]*)`/g)]
  .flatMap(([, name = '']) => expanded(name))
  .map((name) => name.replace(/^cases\//, 'test/cases/'));

/** Every file and folder of the project's own. */
const paths = ['src', 'test', 'docs'].flatMap((folder) => [
  folder,
  ...readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map(
    (path) => `${folder}/${path.replaceAll('\\', '/')}`,
  ),
]);

/** What a name with asterisks stands for; cases are named without their ending. */
function matches(name: string, path: string): boolean {
  const plain = name.replace(/\/$/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  return new RegExp(`^${plain}(\\.case)?$`).test(path);
}

const sources = paths.filter((path) => path.startsWith('src/') && path.endsWith('.ts')).sort();

/** The first sentence of a file's header, on one line. */
function roleOf(path: string): string {
  const header = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(`${ROOT}${path}`, 'utf8'))?.[1] ?? '';
  const text = header
    .replace(/^\s*\*? ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  return /^.*?\.(?= |$)/.exec(text.replace(/(?<=\d)\.(?=\d)/g, '·'))?.[0] ?? text;
}

function withRoles(text: string): string {
  return text.replace(
    /^(### `(src\/[^`]*)`: .*\n)\n(?:- .*\n)*/gm,
    (_, heading: string, room: string) => {
      const files = sources.filter((path) => `${dirname(path)}/` === room);
      const lines = files.map((path) => `- \`${path.slice(room.length)}\`: ${roleOf(path)}\n`);
      return `${heading}\n${lines.join('')}`;
    },
  );
}

describe('docs/architecture.md', () => {
  it.each([...new Set(named)])('names %s, which exists', (name) => {
    expect(paths.some((path) => matches(name, path))).toBe(true);
  });

  it('has a heading for every room', () => {
    const headings = [...TEXT.matchAll(/^### `(src\/[^`]*)`/gm)].map(([, room]) => room);
    const rooms = [...new Set(sources.map((path) => `${dirname(path)}/`))];
    expect(rooms.filter((room) => !headings.includes(room))).toEqual([]);
    expect(headings.filter((room) => !rooms.includes(room ?? ''))).toEqual([]);
  });

  it('says of every file what it is, in the words of its header', async () => {
    expect(sources.filter((path) => roleOf(path) === '')).toEqual([]);
    await expect(withRoles(TEXT)).toMatchFileSnapshot('../../docs/architecture.md');
  });
});
