/** What the sources say about pages: every docs/*.md that a comment or a message names exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const files = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => `src/${path.replaceAll('\\', '/')}`);

const named = files.flatMap((file) =>
  [...readFileSync(`${ROOT}${file}`, 'utf8').matchAll(/\bdocs\/[\w./-]+\.md\b/g)].map(([page]) => ({
    file,
    page,
  })),
);

describe('pages that the sources name', () => {
  it('are some', () => {
    expect(named.length).toBeGreaterThan(5);
  });

  it.each(named)('$page exists, which $file names', ({ page }) => {
    expect(existsSync(`${ROOT}${page}`)).toBe(true);
  });
});
