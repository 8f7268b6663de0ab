/**
 * Writes report.md: the figures, and each mutant that no test noticed with its place, its change and
 * the reason that reasons.json gives it. Owns no judgement: a survivor without a reason says so.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { FOLDERS } from './choice.mjs';

const REPORT = new URL('report.md', import.meta.url);
const REASONS = new URL('reasons.json', import.meta.url);
const KILLED = ['failed', 'late', 'crashed'];
const HEADINGS = {
  equivalent: 'Equivalent: no input can tell them from the original',
  slower: 'Only slower, or more memory: the answers are the same',
  open: 'Not noticed, and a test could',
};

/**
 * @param {{ seed: number, commit: string, mutants: readonly object[],
 *   results: ReadonlyMap<number, object>, history: readonly object[] }} run
 *   `history`: every result in order, so that a mutant that died of a later test is told apart
 */
export async function writeReport({ seed, commit, mutants, results, history }) {
  const reasons = existsSync(REASONS) ? JSON.parse(readFileSync(REASONS, 'utf8')) : {};
  const asked = mutants.filter(({ id }) => results.has(id));
  const isKilled = ({ id }) => KILLED.includes(results.get(id).how);
  const survivors = asked.filter((mutant) => !isKilled(mutant));
  const wasAlive = new Set(history.filter(({ how }) => !KILLED.includes(how)).map(({ id }) => id));
  const later = asked.filter((mutant) => isKilled(mutant) && wasAlive.has(mutant.id));
  const lines = [
    '# Mutation run',
    '',
    `Written by \`npm run test:mutation -- --seed ${seed} --count ${mutants.length}\` on commit ${commit}:`,
    `${asked.length} of ${mutants.length} chosen mutants were asked.`,
    '',
    ...countTable(asked, isKilled, (mutant) => reasonOf(reasons, mutant).kind),
    '',
    '## Survivors',
    ...Object.entries(HEADINGS).flatMap(([kind, heading]) => {
      const own = survivors.filter((mutant) => reasonOf(reasons, mutant).kind === kind);
      return own.length === 0
        ? []
        : ['', `### ${heading}`, '', ...own.map((m) => line(m, reasonOf(reasons, m).why))];
    }),
    '',
    '## Survived at first, killed by slower tests or by tests written for them',
    '',
    ...later.map((mutant) => line(mutant, `killed by ${code(results.get(mutant.id).by)}`)),
    '',
    '## Killed by',
    '',
    '| tests | mutants |',
    '| --- | --- |',
    ...killers(asked.filter(isKilled), results).map(([file, count]) => `| ${file} | ${count} |`),
    '',
  ];
  const options = await resolveConfig(fileURLToPath(REPORT));
  writeFileSync(REPORT, await format(lines.join('\n'), { ...options, parser: 'markdown' }));
}

/** Line numbers move, texts seldom do: a reason belongs to a file, a line's text and the change. */
function keyOf({ file, text, original, mutated }) {
  return `${file} | ${text} | ${flat(original)} => ${flat(mutated)}`;
}

function reasonOf(reasons, mutant) {
  return reasons[keyOf(mutant)] ?? { kind: 'open', why: 'not looked into' };
}

/** The last share is of mutants whose answers can differ: without equivalent ones and slower ones. */
function countTable(asked, isKilled, kindOf) {
  const row = (name, own) => {
    const killed = own.filter(isKilled);
    const alive = own.filter((mutant) => !isKilled(mutant));
    const count = (kind) => alive.filter((mutant) => kindOf(mutant) === kind).length;
    const [equivalent, slower] = [count('equivalent'), count('slower')];
    const share = (whole) => (whole === 0 ? '' : `${((100 * killed.length) / whole).toFixed(1)} %`);
    const counts = [own.length, killed.length, share(own.length), equivalent, slower];
    return `| ${name} | ${counts.join(' | ')} | ${share(own.length - equivalent - slower)} |`;
  };
  return [
    '| folder | mutants | killed | share | equivalent | slower | share of the others |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...FOLDERS.map((folder) =>
      row(
        `src/${folder}`,
        asked.filter((mutant) => mutant.folder === folder),
      ),
    ),
    row('all', asked),
  ];
}

function killers(killed, results) {
  const counts = new Map();
  for (const { id } of killed) {
    const { by, how } = results.get(id);
    const file = how === 'late' ? `${by.split(' > ')[0]}, by its time limit` : by.split(' > ')[0];
    counts.set(file, (counts.get(file) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function line(mutant, why) {
  const change =
    mutant.mutated === ';'
      ? `without ${code(mutant.original)}`
      : `${code(mutant.original)} → ${code(mutant.mutated)}`;
  return `- ${mutant.file}:${mutant.line}, ${change}: ${why}`;
}

function code(text) {
  const short = flat(text);
  return `\`${short.length > 90 ? `${short.slice(0, 90)}…` : short}\``.replaceAll('``', '`');
}

function flat(text) {
  return text.replaceAll(/\s+/g, ' ').replaceAll('`', "'");
}
