/**
 * The mutator itself: which places it sees, that a switched program is the original until a number is
 * on, and that a choice is spread over files by their size.
 */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { spread } from './choice.mjs';
import { sitesOf } from './sites.mjs';
import { switched } from './switches.mjs';

const isNumber = (node: ts.Node): boolean => !ts.isStringLiteral(node);

function sites(text: string) {
  const file = ts.createSourceFile('a.ts', text, ts.ScriptTarget.ES2023, true);
  return sitesOf(file, isNumber, () => 0);
}

function changes(text: string): string[] {
  return sites(text).map(({ original, mutated }) => `${original} => ${mutated}`);
}

describe('places', () => {
  it.each([
    ['const a = b < c;', ['b < c => (b) <= (c)']],
    ['const a = b === c && d;', ['b === c && d => (b === c) || (d)', 'b === c => (b) !== (c)']],
    ['a += 1;', ['a += 1 => a -= 1', '1 => 0']],
    ['const a = !b ? x : y;', ['!b => b']],
    ['if (a) b();', ['a => !(a)', 'b(); => ;']],
    ['while (a.next()) break;', ['a.next() => !(a.next())', 'break; => ;']],
    ['function f() { return true; }', ['true => false']],
    ['a.b = c;', ['a.b = c; => ;']],
    ['const a = b + c;', ['b + c => (b) - (c)']],
    ['const a = code`${b} === c`;', ['code`${b} === c` => code`${b} !== c`']],
  ])('%s', (text, expected) => {
    expect(changes(text)).toEqual(expected);
  });

  it.each([
    "const a = 'b' + c;",
    'type A = 0 | 1;',
    'throw new Error(a < b ? `c` : `d`);',
    "assert(a < b, 'holds');",
    'const a = `${b === 2 ? c : d} rows`;',
    'class A { constructor(b: number) { this.b = b; } }',
  ])('none in %s', (text) => {
    expect(changes(text)).toEqual([]);
  });
});

describe('switches', () => {
  const text = 'let a = 5; if (a >= 5) a = a - 2; else a = 9; a;';
  const found = sites(text).map((site, at) => ({ id: at + 1, ...site }));

  it.each([
    [0, 3],
    [1, 9],
    [2, 5],
    [3, 7],
  ])('with %i on the program gives %i', (on, expected) => {
    for (const mutant of found) {
      const body = switched(text, [mutant], './m.js').replace(/^import .*?; /, '');
      const run = (): unknown => eval(`const isMutant = (id) => id === ${on}; ${body}`);
      expect(run()).toBe(mutant.id === on ? expected : 3);
    }
  });
});

describe('spread', () => {
  it('gives a file its share, and nothing within what was taken', () => {
    const place = (file: string, start: number) => ({ file, start, end: start + 1 });
    const places = [
      ...Array.from({ length: 90 }, (_, at) => place('large', at * 2)),
      ...Array.from({ length: 10 }, (_, at) => place('small', at * 2)),
    ];
    const taken = spread(places, 20, () => 0.5);
    expect(taken.filter(({ file }) => file === 'small')).toHaveLength(2);
    expect(taken).toHaveLength(20);
    const nested = [place('a', 0), { file: 'a', start: 0, end: 9 }, place('a', 4), place('a', 9)];
    expect(spread(nested.slice(1), 3, () => 0).map(({ start }) => start)).toEqual([0, 9]);
  });
});
