/**
 * Random relational queries against DuckDB: each in both ways, the rows of EMIT FINAL and what its
 * changes leave, one way on V1 and the other on V2, in changing shapes. VELO_RELATIONAL says how
 * many (300); seed, first one and log are those of the fuzzers (test/fuzz/fuzz.ts), and the log gets
 * what differs, and counts for each 500. A query that fails is shrunk and
 * printed with the number that repeats it alone.
 */
import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIRST, LOG, Random, SEED, seedOf } from '../../fuzz/fuzz.js';
import { Choices, shrunkChoices, shrunkItems } from './choices.js';
import { relationalQuery } from './relational-query.js';
import type { RelationalQuery } from './relational-query.js';
import { RelationalRun } from './relational-run.js';
import type { Shape, Verdict, Way } from './relational-run.js';
import { TABLE_NAMES, randomRows } from './relational-tables.js';
import type { TableRows } from './relational-tables.js';

const COUNT = Number(process.env['VELO_RELATIONAL'] ?? 300);
/** Queries over one set of tables, queries of one job, queries of one line of the log. */
const PER_TABLES = 50;
const PER_JOB = 10;
const JOBS_AT_ONCE = 2;
const PER_CHUNK = 500;
const LOOKS = 600;
const REFUSED_MAX = 0.02;

const BATCH_ROWS = [1, 7, 1024];
const PARTITIONS = [1, 2, 3, 8];

type Different = Extract<Verdict, { readonly kind: 'different' }>;

let runs: RelationalRun;

beforeAll(async () => {
  runs = await RelationalRun.open();
}, 60_000);

afterAll(() => runs.close());

function rowsAt(number: number): TableRows {
  return randomRows(new Random(seedOf(-2 - Math.floor(number / PER_TABLES))));
}

function queryAt(number: number): RelationalQuery {
  return relationalQuery(new Random(seedOf(number)));
}

/** One way on V1 and the other on V2, for all queries of a job. */
function shapesAt(number: number): readonly [Shape, Shape] {
  const random = new Random(seedOf(-1_000_000_000 - Math.floor(number / PER_JOB)));
  const ways: readonly Way[] = random.chance(50) ? ['final', 'changes'] : ['changes', 'final'];
  const partitioned = { partitions: random.pick(PARTITIONS), workers: random.pick([1, 1, 2]) };
  return [
    { way: ways[0] as Way, batchRows: random.pick(BATCH_ROWS), partitioned: null },
    { way: ways[1] as Way, batchRows: random.pick(BATCH_ROWS), partitioned },
  ];
}

function write(text: string): void {
  if (LOG !== undefined) appendFileSync(LOG, `${text}\n`);
}

/** How many ended how. */
class Counts {
  readonly verdicts = new Map<string, number>();
  readonly features = new Map<string, number>();
  queries = 0;
  refused = 0;
  withRows = 0;

  take(query: RelationalQuery, verdicts: readonly Verdict[]): void {
    this.queries += 1;
    for (const feature of query.features) add(this.features, feature);
    for (const verdict of verdicts) {
      add(this.verdicts, verdict.kind === 'same' ? 'same' : `${verdict.kind} ${short(verdict)}`);
    }
    if (verdicts.some(({ kind }) => kind === 'refused')) this.refused += 1;
    if (verdicts.some((verdict) => verdict.kind === 'same' && verdict.rows > 0)) this.withRows += 1;
  }

  line(from: number): string {
    const of = (counts: ReadonlyMap<string, number>): string =>
      [...counts]
        .sort(([, one], [, two]) => two - one)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ');
    return `queries ${from} to ${from + this.queries - 1}: ${of(this.verdicts)}; with rows ${this.withRows}; ${of(this.features)}`;
  }
}

function short(verdict: Exclude<Verdict, { kind: 'same' }>): string {
  return verdict.kind === 'different' ? '' : verdict.why;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The smallest query and tables that still differ, as SQL and rows to try it with. */
async function shrunk(number: number, shape: Shape, isRefusal: boolean): Promise<string> {
  const differs = async (query: RelationalQuery, rows: TableRows): Promise<boolean> => {
    await runs.fill(rows);
    const verdict = await runs.judge(query, shape);
    // On the way to a smaller one DuckDB may refuse what it took before.
    return verdict.kind === 'different' && verdict.isRefusal === isRefusal;
  };
  const first = new Choices(seedOf(number));
  relationalQuery(first);
  let rows = rowsAt(number);
  const made = (choices: readonly number[]): RelationalQuery =>
    relationalQuery(new Choices(0, choices));
  const choices = await shrunkChoices(first.taken, (some) => differs(made(some), rows), LOOKS);
  const query = made(choices);
  for (const name of TABLE_NAMES) {
    const left = await shrunkItems(rows[name], (some) => differs(query, { ...rows, [name]: some }));
    rows = { ...rows, [name]: left };
  }
  await runs.fill(rows);
  const verdict = await runs.judge(query, shape);
  const tables = TABLE_NAMES.map(
    (name) => `${name}:\n${rows[name].map(({ json }) => json).join('')}`,
  );
  const why = verdict.kind === 'different' ? verdict.why : '';
  return `${why}\n${query.velo}\nDuckDB: ${query.duck}\n${tables.join('')}`;
}

interface Job {
  readonly numbers: readonly number[];
  readonly queries: readonly RelationalQuery[];
  readonly shapes: readonly [Shape, Shape];
}

function jobAt(from: number, count: number): Job {
  const numbers = Array.from({ length: count }, (_, at) => from + at);
  return { numbers, queries: numbers.map(queryAt), shapes: shapesAt(from) };
}

/** Jobs over the same tables, two at a time. */
async function judgeJobs(jobs: readonly Job[], counts: Counts): Promise<string[]> {
  await runs.fill(rowsAt(jobs[0]?.numbers[0] ?? 0));
  const judged: { readonly job: Job; readonly verdicts: readonly (readonly Verdict[])[] }[] = [];
  for (let at = 0; at < jobs.length; at += JOBS_AT_ONCE) {
    const some = jobs.slice(at, at + JOBS_AT_ONCE);
    const given = await Promise.all(some.map((job) => runs.start(job.queries, job.shapes)));
    for (const [place, job] of some.entries()) {
      const verdicts = await runs.judgeGiven(job.queries, job.shapes, given[place] ?? []);
      judged.push({ job, verdicts });
    }
  }
  const faults: string[] = [];
  for (const { job, verdicts } of judged) {
    for (const [at, number] of job.numbers.entries()) {
      const pair = verdicts[at] ?? [];
      counts.take(job.queries[at] as RelationalQuery, pair);
      const place = pair.findIndex(({ kind }) => kind === 'different');
      const shape = job.shapes[place];
      if (shape !== undefined) faults.push(await faultOf(number, shape, pair[place] as Different));
    }
  }
  return faults;
}

async function faultOf(number: number, shape: Shape, verdict: Different): Promise<string> {
  const repeat = `VELO_FUZZ_SEED=${SEED} VELO_FUZZ_FIRST=${number} VELO_RELATIONAL=1`;
  const text = await shrunk(number, shape, verdict.isRefusal);
  return `${repeat} ${JSON.stringify(shape)}\n${verdict.why}\nshrunk: ${text}`;
}

describe(`relational queries ${FIRST} to ${FIRST + COUNT - 1} of seed ${SEED}`, () => {
  const chunks = Array.from({ length: Math.ceil(COUNT / PER_CHUNK) }, (_, at) => ({
    from: FIRST + at * PER_CHUNK,
    count: Math.min(PER_CHUNK, COUNT - at * PER_CHUNK),
  }));

  it.each(chunks)(
    '$count from $from on give the rows of DuckDB in both ways',
    async ({ from, count }) => {
      const counts = new Counts();
      const jobs = new Map<number, Job[]>();
      for (let at = from; at < from + count;) {
        const next = Math.min(from + count, (Math.floor(at / PER_JOB) + 1) * PER_JOB);
        const tables = Math.floor(at / PER_TABLES);
        jobs.set(tables, [...(jobs.get(tables) ?? []), jobAt(at, next - at)]);
        at = next;
      }
      for (const some of jobs.values()) {
        for (const fault of await judgeJobs(some, counts)) {
          write(fault);
          expect.soft(fault).toBe('');
        }
      }
      write(counts.line(from));
      expect(counts.refused / counts.queries).toBeLessThan(REFUSED_MAX);
    },
    600_000 + COUNT * 2000,
  );
});
