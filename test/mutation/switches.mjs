/**
 * One program that holds every chosen mutant behind its number: `isMutant(17) ? mutated : original`.
 * Owns the changed text and the module that reads the number, which threads and child processes
 * inherit from the environment. In a recording run no mutant is on and each place that is passed is
 * written down together with the test that passed it.
 */

/**
 * The text of a file with its mutants in it; lines stay where they are.
 * @param {string} text
 * @param {readonly { id: number, start: number, end: number, whole: boolean, original: string,
 *   mutated: string }[]} mutants of this file, none within another
 * @param {string} module of `isMutant`, as this file imports it
 */
export function switched(text, mutants, module) {
  let out = text;
  for (const { id, start, end, whole, original, mutated } of [...mutants].sort(
    (a, b) => b.start - a.start,
  )) {
    const either = whole
      ? `{ if (!isMutant(${id})) ${original} }`
      : `(isMutant(${id}) ? (${mutated}) : (${original}))`;
    out = out.slice(0, start) + either + out.slice(end);
  }
  return `import { isMutant } from '${module}'; ${out}`;
}

/** The module: MUTANT is the number that is on, MUTANT_REACH the folder of a recording run. */
export const SWITCH_MODULE = `
import { appendFileSync, readFileSync } from 'node:fs';
const chosen = Number(process.env.MUTANT ?? 0);
const folder = process.env.MUTANT_REACH ?? '';
const passed = new Set();
let clearedMs = 0;
function record(id) {
  // A worker outlives a test, so what it passed counts as new after a while.
  const nowMs = performance.now();
  if (nowMs - clearedMs > 20) {
    passed.clear();
    clearedMs = nowMs;
  }
  if (passed.has(id)) return;
  passed.add(id);
  try {
    const test = readFileSync(folder + '/now', 'utf8');
    appendFileSync(folder + '/reached', test + '\\t' + id + '\\n');
  } catch {
    return;
  }
}
export function isMutant(id) {
  if (folder !== '') record(id);
  return id === chosen;
}
`;
