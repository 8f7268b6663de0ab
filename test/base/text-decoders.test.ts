/**
 * U+FEFF inside a text is data: a TextDecoder drops one at the start unless it is told not to. Only
 * what opens a file may take it for a mark.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeText } from '../../src/columnar/text-bytes.js';

const SOURCES = join(import.meta.dirname, '../../src');

it('every TextDecoder keeps U+FEFF', () => {
  const careless = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => {
      const text = readFileSync(join(SOURCES, name), 'utf8');
      return (text.match(/new TextDecoder\([^)]*\)/g) ?? []).some(
        (made) => !/ignoreBOM: true/.test(made),
      );
    });
  expect(careless).toEqual([]);
});

it('the text of a column keeps U+FEFF', () => {
  const bytes = new TextEncoder().encode('\ufeffab\ufeff');
  expect(decodeText(bytes, 0, bytes.length)).toBe('\ufeffab\ufeff');
});
