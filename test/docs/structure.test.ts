/**
 * How the sources hang together: no two files of one name, rooms that one can look over, and no
 * imports in circles. That imports point down is the linter's (`npm run lint`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
/** A room that has outgrown this wants a door through its middle. */
const ROOM_FILES_MAX = 22;

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replaceAll('\\', '/'));

const IMPORT = /^(?:import|export)\s+(type\s)?[^;]*?from\s+'(\.[^']+)\.js'/gms;

/** What each file imports, with values and altogether. */
const imports = new Map(
  files.map((file) => {
    const found = [...readFileSync(join(SOURCE, file), 'utf8').matchAll(IMPORT)].map(
      ([, type, path = '']) => ({
        path: `${join(dirname(file), path)}.ts`.replaceAll('\\', '/'),
        values: type === undefined,
      }),
    );
    return [file, found] as const;
  }),
);

/** Groups of files that reach each other (Tarjan 1972), with more than one member. */
function circles(next: (file: string) => readonly string[]): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.size - 1);
    stack.push(file);
    for (const to of next(file)) {
      if (!index.has(to)) visit(to);
      if (stack.includes(to)) low.set(file, Math.min(low.get(file) ?? 0, low.get(to) ?? 0));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1) found.push(group.sort());
  };
  for (const file of files) if (!index.has(file)) visit(file);
  return found;
}

describe('the sources', () => {
  it('have no two files of one name', () => {
    // The one file that every connector has is found by its folder.
    const named = files.filter((file) => !/^connectors\/\w+\/connector\.ts$/.test(file));
    const names = named.map((file) => basename(file));
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it('stand in rooms that one can look over', () => {
    const counts = new Map<string, number>();
    for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > ROOM_FILES_MAX)).toEqual([]);
  });

  it('find each other: the look at imports sees most files', () => {
    const known = [...imports.values()].flat().filter(({ path }) => imports.has(path));
    expect(known.length).toBeGreaterThan(files.length * 3);
  });

  it('import no values in circles', () => {
    const next = (file: string): string[] =>
      (imports.get(file) ?? []).filter(({ values }) => values).map(({ path }) => path);
    expect(circles(next)).toEqual([]);
  });

  it('import no types in circles', () => {
    expect(circles((file) => (imports.get(file) ?? []).map(({ path }) => path))).toEqual([]);
  });
});
