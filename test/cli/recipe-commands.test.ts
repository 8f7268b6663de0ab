/**
 * The recipes of docs/recipes that need no broker write what they say, on V1 and on V2. Those that
 * need one are in test/kafka.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describePage } from '../support/page-commands.js';

const RECIPES = fileURLToPath(new URL('../../docs/recipes/', import.meta.url));
const RECIPES_MIN = 7;
/** It measures, and says itself what. */
const MEASURES = 'measure-a-query.md';

const pages = readdirSync(RECIPES).filter(
  (name) => !readFileSync(`${RECIPES}${name}`, 'utf8').includes('localhost:9092'),
);

it('has recipes without a broker', () => {
  expect(pages.length).toBeGreaterThanOrEqual(RECIPES_MIN);
});

for (const name of pages) {
  const run = { page: `docs/recipes/${name}`, commandsMin: 1, talk: 'stdout' } as const;
  describePage(`${name} on V1`, run);
  if (name === MEASURES) continue;
  const env = { VELO_NUM_PARTITIONS: '2', VELO_WORKERS: '2' };
  describePage(`${name} on V2`, { ...run, env, isUnordered: true });
}
