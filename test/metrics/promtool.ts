/**
 * Checks a scrape with promtool (Debian's prometheus package) and with the strict parser. Where
 * promtool has to be there (VELO_REQUIRE_PROMTOOL, which .ci/run sets once it has installed it) a
 * missing one fails; elsewhere the parser has the last word.
 */
import { spawnSync } from 'node:child_process';
import { parseExposition } from './exposition.js';

/** Throws what either has to say. */
export function checkExposition(text: string): void {
  parseExposition(text);
  const run = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (run.error !== undefined) {
    if (!process.env['VELO_REQUIRE_PROMTOOL']) return;
    throw new Error('promtool is not installed: it is part of the Debian package prometheus', {
      cause: run.error,
    });
  }
  if (run.status !== 0 || run.stdout + run.stderr !== '') {
    throw new Error(`promtool, exit ${String(run.status)}: ${run.stdout}${run.stderr}`);
  }
}
