/**
 * Which tests pass which mutants, and how long they take: one recording run without a mutant. A unit
 * is a test file, or one of the SQL cases. Owns what is remembered of it between runs (reach.json): a
 * unit whose text has changed is recorded again. Units that fail or take too long are not asked.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Trials, patternOf } from './trial.mjs';

export const CASES = 'test/cases/cases.test.ts';
/** Rooms whose tests judge a mutant by what the program does. */
const ROOMS = [
  'columnar',
  'formats',
  'functions',
  'state',
  'runtime',
  'plan',
  'codegen',
  'metrics',
  'connectors',
  'oracle',
  'processors',
  'scenarios',
  'cli',
];
/** These share folders that the first of them removes: each runs in a process of its own. */
const ALONE = /^test\/(connectors|cli)\//;
/** Golden texts would change with any mutant of generated code, right or wrong. */
const NOT_ASKED = /golden\.test\.ts$|kafka|memory\.test|bench\.test|metrics-port|partition-table/;
const UNIT_LIMIT_MS = 60_000;
/** Where ids stand that were passed outside tests: modules are loaded once, for whoever came first. */
export const LOADING = 'loading';

/**
 * @returns {Promise<Map<string, { hash: string, ms: number, ok: boolean, ids: number[] }>>}
 *   by unit: a file, or `CASES > name`; ids passed while modules load count for every unit
 */
export async function reachOf(copy, folder, print) {
  const store = join(folder, 'reach.json');
  const known = new Map(existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : []);
  const units = unitsOf(copy);
  const stale = [...units].filter(([unit, hash]) => known.get(unit)?.hash !== hash);
  for (const unit of known.keys()) if (!units.has(unit) && unit !== LOADING) known.delete(unit);
  let left = stale.map(([unit]) => unit);
  while (left.length > 0) {
    print(`recording ${left.length} of ${units.size} units`);
    const { done, loading } = await record(copy, folder, left);
    for (const [unit, found] of done) known.set(unit, { hash: units.get(unit), ...found });
    known.set(LOADING, {
      ms: 0,
      ok: false,
      ids: [...new Set([...(known.get(LOADING)?.ids ?? []), ...loading])],
    });
    const before = left.length;
    left = left.filter((unit) => !done.has(unit));
    writeFileSync(store, JSON.stringify([...known]));
    if (left.length === before) throw new Error(`nothing recorded of ${left.join(' ')}`);
  }
  return known;
}

export function isAlone(unit) {
  return ALONE.test(unit);
}

/** The units with a digest of their text; a case's is that of its file. */
function unitsOf(copy) {
  const units = new Map();
  const digest = (path) => createHash('sha1').update(readFileSync(path)).digest('hex').slice(0, 12);
  for (const room of ROOMS)
    for (const name of readdirSync(join(copy, 'test', room), { recursive: true })) {
      const file = `test/${room}/${name}`;
      if (file.endsWith('.test.ts') && !NOT_ASKED.test(file))
        units.set(file, digest(join(copy, file)));
    }
  const cases = join(copy, 'test/cases');
  for (const name of readdirSync(cases, { recursive: true }))
    if (name.endsWith('.case')) units.set(`${CASES} > ${name}`, digest(join(cases, name)));
  return units;
}

/** One recording run; what came to its end, and what the run was ended for. */
async function record(copy, folder, units) {
  const reach = join(folder, 'reach');
  rmSync(reach, { recursive: true, force: true });
  mkdirSync(reach, { recursive: true });
  writeFileSync(join(reach, 'now'), LOADING);
  writeFileSync(join(reach, 'reached'), '');
  const cases = units.filter((unit) => unit.startsWith(CASES)).map((unit) => unit.split(' > ')[1]);
  const onlyCases = cases.length > 0;
  const shared = units.filter((unit) => !isAlone(unit));
  const files = onlyCases ? [CASES] : shared.length > 0 ? shared : units.slice(0, 1);
  const done = new Map();
  const failed = new Set();
  const trials = new Trials(copy, { MUTANT_REACH: reach });
  const ended = await trials.run({
    files,
    names: onlyCases ? { [CASES]: patternOf(cases) } : {},
    mutant: 0,
    limitMs: () => (onlyCases ? 20 * UNIT_LIMIT_MS : UNIT_LIMIT_MS),
    toTheEnd: true,
    event(event) {
      if (event.kind === 'test' && event.state === 'failed') failed.add(event.file);
      if (event.kind === 'test' && event.file === CASES)
        done.set(`${CASES} > ${event.name}`, unit(event.ms, event.state === 'passed'));
      if (event.kind === 'end' && event.file !== CASES)
        done.set(event.file, unit(event.ms, event.state === 'passed' && !failed.has(event.file)));
    },
  });
  trials.end();
  if (ended !== null && units.includes(ended.by) && !done.has(ended.by))
    done.set(ended.by, unit(UNIT_LIMIT_MS, false));
  const loading = new Set();
  for (const line of readFileSync(join(reach, 'reached'), 'utf8').split('\n')) {
    const [test, id] = line.split('\t');
    if (id === undefined) continue;
    if (!test.includes(' > ')) loading.add(Number(id));
    const of = test.startsWith(CASES) ? test : test.split(' > ')[0];
    done.get(of)?.ids.add(Number(id));
  }
  const plain = [...done].map(([name, found]) => [name, { ...found, ids: [...found.ids] }]);
  return { done: new Map(plain), loading };
}

function unit(ms, ok) {
  return { ms: Math.round(ms), ok, ids: new Set() };
}
