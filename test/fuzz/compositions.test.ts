/**
 * Operators with state over operators with state, in random pairs and triples, over rows with
 * NULLs, late rows and broken ones: the result does not depend on batch sizes, workers or partitions
 * (laws 1 and 2), every −row was there (law 5), EMIT FINAL takes nothing back, and the same records
 * fail, are dropped as late, and become dead letters, whatever is to happen to them. What cannot be
 * is refused when it is bound, with a code, and everywhere alike. A run is one composition in one
 * configuration.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { runSql } from '../support/run-sql.js';
import type { RunSqlOptions, RunSqlResult } from '../support/run-sql.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

const ROWS = 60;

/** A relation of k BIGINT, x BIGINT and t TIMESTAMP over another one. */
type Stage = (input: string, random: Random) => string;

const size = (random: Random): string => random.pick(['3s', '5s', '8s']);
const bound = (random: Random): string =>
  random.pick(['window_start', 'window_end', 'window_time', 'window_end']);
const direction = (random: Random): string => random.pick(['', ' DESC']);

const STAGES: Readonly<Record<string, Stage>> = {
  tumbling: (input, random) =>
    `SELECT k, SUM(x) AS x, ${bound(random)} AS t FROM ${input} GROUP BY k WINDOW TUMBLING(t, ${size(random)})`,
  hopping: (input, random) =>
    `SELECT k % 2 AS k, COUNT(*) AS x, ${bound(random)} AS t FROM ${input} GROUP BY k % 2 WINDOW HOPPING(t, 6s, 2s)`,
  session: (input, random) =>
    `SELECT k, SUM(x) AS x, ${bound(random)} AS t FROM ${input} GROUP BY k WINDOW SESSION(t, ${random.pick(['700ms', '2s'])})`,
  'window table': (input, random) =>
    `SELECT k, x, ${bound(random)} AS t FROM TABLE(${random.pick([
      `TUMBLE(TABLE ${input}, DESCRIPTOR(t), INTERVAL '4' SECOND)`,
      `HOP(TABLE ${input}, DESCRIPTOR(t), INTERVAL '2' SECOND, INTERVAL '6' SECOND)`,
    ])})`,
  OVER: (input, random) =>
    `SELECT k, SUM(x) OVER (PARTITION BY k ORDER BY t ${random.pick([
      '',
      'ROWS BETWEEN 2 PRECEDING AND CURRENT ROW',
      "RANGE BETWEEN INTERVAL '3' SECOND PRECEDING AND CURRENT ROW",
    ])}) AS x, t FROM ${input}`,
  'ROWS WINDOW': (input, random) =>
    `SELECT k, ${random.pick(['SUM', 'MAX', 'COUNT'])}(x) OVER (ROWS WINDOW BUFFER 3 ROWS PARTITION BY k) AS x, t FROM ${input}`,
  'Top-N': (input, random) =>
    `SELECT k, x, t FROM (SELECT k, x, t, ROW_NUMBER() OVER (PARTITION BY k${random.pick(['', ', t'])} ORDER BY x${direction(random)}, t) AS n FROM ${input}) z WHERE n <= ${random.pick([1, 2])}`,
  'ranked Top-N': (input, random) =>
    `SELECT n AS k, x, t FROM (SELECT k, x, t, ROW_NUMBER() OVER (PARTITION BY t ORDER BY x${direction(random)}) AS n FROM ${input}) z WHERE n <= 2`,
  DISTINCT: (input) => `SELECT DISTINCT k, x % 5 AS x, t FROM ${input}`,
  'GROUP BY': (input, random) =>
    `SELECT k, ${random.pick(['SUM(x)', 'COUNT(*)', 'MAX(x)'])} AS x, MAX(t) AS t FROM ${input} GROUP BY k`,
  'GROUP BY t': (input) => `SELECT COUNT(*) AS k, SUM(x) AS x, t FROM ${input} GROUP BY t`,
  join: (input, random) =>
    `SELECT l.k, l.x + COALESCE(r.x, 0) AS x, l.t FROM ${input} l ${random.pick(['JOIN', 'LEFT JOIN'])} ${random.pick([input, 'b'])} r ON l.k = r.k AND ${random.pick(['l.t = r.t', 'l.x = r.x'])}`,
  'full join': (input) =>
    `SELECT COALESCE(l.k, r.k) AS k, COALESCE(l.x, 0) - COALESCE(r.x, 0) AS x, COALESCE(l.t, r.t) AS t FROM ${input} l FULL JOIN b r ON l.k = r.k AND l.t = r.t`,
  'UNION ALL': (input, random) =>
    `SELECT k, x, t FROM ${input} UNION ALL SELECT k, x, t FROM ${random.pick(['b', 'a'])} WHERE x % 3 = 0`,
  filter: (input) => `SELECT k, x, t FROM ${input} WHERE x % 4 <> 1`,
};

const NAMES = Object.keys(STAGES);
const folder = mkdtempSync(join(tmpdir(), 'velo-compositions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How often a row has what the strategies are about, of a hundred. */
interface Wrongs {
  readonly nulls: number;
  readonly late: number;
  readonly broken: number;
}

const BROKEN = ['{"k":1', '[]', '{"k":"a","x":1,"t":5}', '{"k":1,"x":{},"t":5}', '{"k":1,"x":2}'];

/** Event times that go forward with some disorder, some of it behind the bound of 2 seconds. */
function writeRows(name: string, random: Random, wrongs: Wrongs): void {
  let time = 0;
  const lines = Array.from({ length: ROWS }, () => {
    time += random.below(600);
    if (random.chance(wrongs.broken)) return random.pick(BROKEN);
    const late = random.chance(wrongs.late) ? random.below(5000) : 0;
    return JSON.stringify({
      k: random.chance(wrongs.nulls) ? null : random.below(4),
      x: random.chance(wrongs.nulls) ? null : random.below(9),
      t: Math.max(0, time - late),
    });
  });
  writeFileSync(join(folder, `${name}.jsonl`), `${lines.join('\n')}\n`);
}

function table(name: string): string {
  return `CREATE TABLE ${name} (k BIGINT, x BIGINT, t TIMESTAMP(3), WATERMARK FOR t AS t - INTERVAL '2' SECOND)
    WITH ('connector' = 'file', 'path' = '${join(folder, `${name}.jsonl`)}', 'format' = 'json');\n`;
}

const TWO_SOURCES = ['join', 'full join', 'UNION ALL'];

/** ROWS WINDOW is by arrival: between two sources that is how their blocks are read in turn. */
function isUnordered(stage: string, below: readonly string[]): boolean {
  return stage === 'ROWS WINDOW' && below.some((each) => TWO_SOURCES.includes(each));
}

/** A window's changes replace each other without −U: the ones in between stay, and depend on it, too. */
function showsOrder(stages: readonly string[]): boolean {
  const isWindow = stages.some((each) => ['tumbling', 'hopping', 'session'].includes(each));
  return isWindow && stages.some((each) => TWO_SOURCES.includes(each));
}

interface Composition {
  readonly title: string;
  readonly sql: string;
  /** Nothing may be taken back. */
  readonly isFinal: boolean;
  readonly options: RunSqlOptions;
}

const LETTERS = join(folder, 'letters.jsonl');

interface Strategies {
  readonly sets: string;
  readonly options: RunSqlOptions;
  /** A closed window may be corrected. */
  readonly letsIn: boolean;
}

/** What happens to records that fail and that are late. */
function strategiesOf(random: Random, mayLetIn: boolean): Strategies {
  const onError = random.pick(['skip', 'skip', 'dead-letter', 'fail'] as const);
  const drawn = random.pick(['', '', 'drop', 'process-all', 'process-with-warning', 'dead-letter']);
  const late = !mayLetIn && drawn.startsWith('process') ? '' : drawn;
  const lateness = mayLetIn ? random.pick(['', '', '1s', '10s']) : '';
  const sets = [
    late === '' ? '' : `SET 'late.strategy' = '${late}';\n`,
    lateness === '' ? '' : `SET 'allowed.lateness' = '${lateness}';\n`,
  ];
  const needsLetters = onError === 'dead-letter' || late === 'dead-letter';
  return {
    sets: sets.join(''),
    letsIn: lateness !== '' || late.startsWith('process'),
    options: { onError, changelog: true, ...(needsLetters ? { deadLetter: LETTERS } : {}) },
  };
}

function composition(random: Random): Composition {
  const drawn = Array.from({ length: 2 + random.below(2) }, () => random.pick(NAMES));
  const stages = drawn.map((stage, at) =>
    isUnordered(stage, drawn.slice(0, at)) ? 'OVER' : stage,
  );
  const picked = random.pick(['', 'EMIT FINAL', 'EMIT FINAL', 'EMIT CHANGES']);
  const emit = showsOrder(stages) && picked === 'EMIT CHANGES' ? '' : picked;
  const ctes = stages.map((stage, at) => {
    const input = at === 0 ? 'a' : `r${at}`;
    return `r${at + 1} AS (${STAGES[stage]!(input, random)})`;
  });
  const last = ctes
    .pop()!
    .replace(/^r\d+ AS \(/, '')
    .slice(0, -1);
  const cte = ctes.length === 0 ? '' : `WITH ${ctes.join(',\n')}\n`;
  const { sets, options, letsIn } = strategiesOf(random, !showsOrder(stages));
  return {
    title: `${stages.join(' → ')} ${emit}`.trim(),
    sql: `SET 'emit.changes' = 'delta';\n${sets}${table('a')}${table('b')}${cte}${last} ${emit};`,
    isFinal: emit === 'EMIT FINAL' && !letsIn,
    options,
  };
}

const SHAPES: readonly RunSqlOptions[] = [
  { batchRows: 1 },
  { batchRows: 7 },
  { partitioned: { partitions: 3, workers: 2 }, batchRows: 7 },
  { partitioned: { partitions: 2, workers: 1 }, batchRows: 1 },
  { partitioned: { partitions: 8, workers: 2 } },
];

/** Rows by what is left of them in the end; faults of law 5. */
function folded(lines: readonly string[]): { rows: string[]; faults: string[] } {
  const counts = new Map<string, number>();
  const faults: string[] = [];
  for (const line of lines) {
    const { op, ...row } = JSON.parse(line) as { op: string };
    const text = JSON.stringify(row);
    const count = (counts.get(text) ?? 0) + (op === '+I' || op === '+U' ? 1 : -1);
    if (count < 0) faults.push(`taken back before it was there: ${line}`);
    counts.set(text, count);
  }
  const rows = [...counts].flatMap(([row, count]) => (count === 0 ? [] : [`${count} × ${row}`]));
  return { rows: rows.sort(), faults };
}

interface Outcome {
  /** Why the job failed; empty: it did not. */
  readonly error: string;
  /** In the order of SHAPES all the same: what is compared. */
  readonly compared: Readonly<Record<string, readonly string[] | number>>;
  readonly faults: readonly string[];
}

async function outcomeOf(made: Composition, shape: RunSqlOptions): Promise<Outcome> {
  rmSync(LETTERS, { force: true });
  const run = await runSql(made.sql, { ...made.options, ...shape });
  const { rows, faults } = folded(run.lines);
  const taken = made.isFinal ? run.lines.filter((line) => !line.startsWith('{"op":"+I"')) : [];
  return {
    error: run.exit === 0 ? '' : run.errorText,
    compared: { rows, letters: letters(), ...accounts(run) },
    faults: [...faults, ...taken.map((line) => `EMIT FINAL takes back: ${line}`)],
  };
}

function accounts({ result }: RunSqlResult): Readonly<Record<string, number>> {
  const query = result?.queries[0];
  return {
    failed: query?.rowsFailed ?? 0,
    late: query?.rowsLate ?? 0,
    lateDropped: query?.rowsLateDropped ?? 0,
    lateExpired: query?.rowsLateExpired ?? 0,
  };
}

/** What became of which record: a letter's time is when it was written. */
function letters(): string[] {
  if (!existsSync(LETTERS)) return [];
  const lines = readFileSync(LETTERS, 'utf8').split('\n').slice(0, -1);
  return lines
    .map((line) => {
      const { code, raw } = JSON.parse(line) as { code: string; raw: string };
      return `${code} ${raw}`;
    })
    .sort();
}

const REFUSALS =
  /error\[VELO_(NOT_SUPPORTED|CHANGELOG_MODE|EMIT_INVALID|WINDOW_INVALID|WINDOW_MISPLACED)\]/;

const DATA_ERRORS = /error\[(VELO_DECODE|VELO_CONVERT|VELO_EVENT_TIME_NULL)\]/;

function errorOf(outcome: Outcome): string {
  return /error\[(\w+)\]/.exec(outcome.error)?.[1] ?? outcome.error;
}

/** How another configuration's outcome departs from the first one's. */
function departures(first: Outcome, other: Outcome): string[] {
  const found = [...other.faults];
  if (first.error !== '' || other.error !== '') {
    // Of two sources with broken records either may come first.
    const bothData = DATA_ERRORS.test(first.error) && DATA_ERRORS.test(other.error);
    return bothData ? [] : [`ends with ${other.error || 'no error'}`];
  }
  for (const [name, wanted] of Object.entries(first.compared)) {
    const got = other.compared[name];
    if (typeof wanted === 'number' || !Array.isArray(got)) {
      if (got !== wanted) found.push(`${name}: ${String(got)} instead of ${String(wanted)}`);
      continue;
    }
    const missing = minus(wanted, got);
    const added = minus(got, wanted);
    if (missing.length + added.length === 0) continue;
    const shown = [missing, added].map((rows) => rows.slice(0, 3).join());
    found.push(`${name}: missing ${shown[0] ?? ''} · added ${shown[1] ?? ''}`);
  }
  return found;
}

/** What is left of `some` without each of `others` once. */
function minus(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const each of others) left.set(each, (left.get(each) ?? 0) + 1);
  return some.filter((each) => {
    const count = left.get(each) ?? 0;
    left.set(each, count - 1);
    return count <= 0;
  });
}

async function compose(input: FuzzInput): Promise<void> {
  const { random } = input;
  const wrongs: Wrongs = {
    nulls: random.pick([0, 0, 10]),
    late: random.pick([0, 12, 12]),
    broken: random.pick([0, 0, 4]),
  };
  writeRows('a', random, wrongs);
  writeRows('b', random, wrongs);
  const made = composition(random);
  input.shows(`${made.title} ${JSON.stringify({ ...made.options, ...wrongs })}\n${made.sql}`);
  const first = await outcomeOf(made, {});
  if (REFUSALS.test(first.error) && first.error.includes('-->')) {
    input.counts(errorOf(first));
    return;
  }
  if (first.error !== '' && !DATA_ERRORS.test(first.error)) throw new Error(first.error);
  if (first.faults.length > 0) throw new Error(first.faults.join('\n'));
  const word = first.error === '' ? 'the same rows and accounts' : errorOf(first);
  input.counts(word);
  for (const shape of SHAPES) {
    const found = departures(first, await outcomeOf(made, shape));
    if (found.length > 0) throw new Error(`${JSON.stringify(shape)}: ${found.join('\n')}`);
    input.counts(word);
  }
}

fuzz({
  file: 'compositions',
  name: 'compositions of operators with state are the same in every configuration',
  sample: 40,
  run: compose,
});
