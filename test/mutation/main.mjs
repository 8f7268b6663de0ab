/**
 * `npm run test:mutation -- [--seed 1] [--count 240] [--only 17,23] [--patience 1] [--tests a,b]
 * [--folder path]`: makes so many mutants of the engine, asks the tests that pass each whether they
 * notice, and writes the report. Results are kept below the folder, so a run that was ended goes on
 * where it was; `--only` asks again with the tests of now, `--patience 2` and more of them, `--tests`
 * these files alone, however long they take. Owns the order: cheapest files, SQL cases, slow files.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseMutants } from './choice.mjs';
import { CASES, LOADING, isAlone, reachOf } from './reach.mjs';
import { writeReport } from './report.mjs';
import { Trials, patternOf } from './trial.mjs';
import { buildCopy, renewTests } from './workshop.mjs';

/** Sums of what the units take without a mutant. */
const CHEAP_MS = 12_000;
const CASES_MS = 15_000;
/** Of the slow ones, for each step of `--patience` beyond the first. */
const LAST_MS = 20_000;
const NAMED_MS = 60_000;

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '240' },
    only: { type: 'string' },
    folder: { type: 'string' },
    patience: { type: 'string', default: '1' },
    tests: { type: 'string' },
  },
});
const print = (text) => process.stderr.write(`${text}\n`);
const folder = values.folder ?? join(realpathSync(tmpdir()), `velo-mutation-${values.seed}`);
const copy = join(folder, 'copy');
const resultsPath = join(folder, 'results.jsonl');
mkdirSync(folder, { recursive: true });

const { commit, mutants } = prepare();
const reach = await reachOf(copy, folder, print);
const trials = new Trials(copy, {});
const results = new Map(readHistory().map((result) => [result.id, result]));
const only = values.only?.split(',').map(Number);
for (const mutant of order(mutants)) {
  if (only === undefined ? results.has(mutant.id) : !only.includes(mutant.id)) continue;
  const result = await judge(mutant);
  results.set(mutant.id, result);
  appendFileSync(resultsPath, `${JSON.stringify(result)}\n`);
  print(
    `${mutant.id} ${mutant.file}:${mutant.line} ${mutant.kind}: ${result.how} ${result.by} (${results.size}/${mutants.length})`,
  );
}
trials.end();
await writeReport({ seed: Number(values.seed), commit, mutants, results, history: readHistory() });

/** The mutants, and the copy they are in: made once, so that numbers stay. */
function prepare() {
  const path = join(folder, 'mutants.json');
  if (existsSync(path)) {
    renewTests(root, copy);
    return JSON.parse(readFileSync(path, 'utf8'));
  }
  const chosen = chooseMutants({
    root,
    seed: Number(values.seed),
    count: Number(values.count),
  });
  buildCopy(root, copy, chosen);
  const made = {
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
    }).trim(),
    mutants: chosen,
  };
  writeFileSync(path, JSON.stringify(made));
  return made;
}

function readHistory() {
  if (!existsSync(resultsPath)) return [];
  const lines = readFileSync(resultsPath, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
}

/** So that a run that is ended early has asked about every folder. */
function order(all) {
  return [...all].sort((a, b) => ((a.id * 89) % 997) - ((b.id * 89) % 997));
}

async function judge(mutant) {
  const startMs = performance.now();
  const found = (result, ms) => ({
    id: mutant.id,
    ...result,
    ms: Math.round(ms),
    asked: asked.length,
  });
  const asked = [];
  for (const step of stepsOf(mutant)) {
    if (step.files.length === 0) continue;
    asked.push(...step.units);
    const ended = await trials.run({
      files: step.files,
      names: step.names,
      mutant: mutant.id,
      limitMs: (file) => step.limitMs(file) * 5 + 30_000,
      toTheEnd: false,
    });
    if (ended !== null) return found(ended, performance.now() - startMs);
  }
  const how = asked.length === 0 ? 'not reached' : 'survived';
  return found({ by: '', how, message: '' }, performance.now() - startMs);
}

/** Cheap files; the quickest cases; then the rest of both, as far as time allows. */
function stepsOf({ id }) {
  const named = values.tests?.split(',') ?? [];
  if (named.length > 0)
    return [
      stepOf(
        named.map((file) => [file, knownOf(file)]),
        [],
      ),
    ];
  const ofFile = [...reach].filter(([, { ok }]) => ok);
  const own = ofFile.filter(([, { ids }]) => ids.includes(id));
  const isLoading = own.length <= 1 && reach.get(LOADING).ids.includes(id);
  const units = (isLoading ? ofFile : own).sort(([, a], [, b]) => a.ms - b.ms);
  const patience = Number(values.patience);
  const isCase = ([unit]) => unit.startsWith(CASES);
  const cases = upTo(units.filter(isCase), CASES_MS * patience);
  const files = units.filter((each) => !isCase(each));
  const shared = files.filter(([unit]) => !isAlone(unit));
  const cheap = upTo(shared, CHEAP_MS);
  const rest = files.filter((each) => !cheap.includes(each));
  const last = upTo(rest, LAST_MS * (patience - 1));
  return [
    stepOf(cheap, cases),
    stepOf(
      last.filter(([unit]) => !isAlone(unit)),
      [],
    ),
    ...last.filter(([unit]) => isAlone(unit)).map((each) => stepOf([each], [])),
  ];
}

/** What a file takes; one that was too slow to record may take its time. */
function knownOf(file) {
  const known = reach.get(file);
  return known?.ok === true ? known : { ms: NAMED_MS };
}

function stepOf(files, cases) {
  const times = new Map(files.map(([unit, { ms }]) => [unit, ms]));
  const names = {};
  if (cases.length > 0) {
    times.set(
      CASES,
      cases.reduce((sum, [, { ms }]) => sum + ms, 0),
    );
    names[CASES] = patternOf(cases.map(([unit]) => unit.split(' > ')[1]));
  }
  return {
    files: [...times.keys()],
    units: [...files, ...cases].map(([unit]) => unit),
    names,
    limitMs: (file) => times.get(file) ?? 0,
  };
}

function upTo(units, limitMs) {
  let sum = 0;
  return units.filter(([, { ms }]) => (sum += ms) <= limitMs);
}
