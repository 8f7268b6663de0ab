/** In a recording run: writes down which test runs now, for what the places passed belong to. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, beforeEach, expect } from 'vitest';

const folder = process.env.MUTANT_REACH ?? '';
if (folder !== '') {
  const now = (name) => {
    const file = relative(process.cwd(), expect.getState().testPath ?? '');
    writeFileSync(`${folder}/now`, name === '' ? file : `${file} > ${name}`);
  };
  now('');
  beforeEach(({ task }) => now(task.name));
  afterAll(() => now(''));
}
