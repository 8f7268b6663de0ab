/**
 * A query that was changed between two runs: what of its state is kept, begun and dropped, what is
 * said of it, and the rows that come of it, on V1 and V2. The first run keeps its state behind the
 * fourth of eight records; the second goes on there with the changed text.
 */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VeloError } from '../../../src/base/errors.js';
import { meaningOf } from '../../../src/job/restore/saved-meaning.js';
import { compileJob } from '../../../src/job.js';
import type { TakenState } from '../../../src/processors/checkpoint-pace.js';
import type { JobState } from '../../../src/state/checkpoint/job-state.js';
import { AGGREGATE_EDITS } from './aggregate-edits.js';
import { G } from './edit.js';
import type { Edit, Expected } from './edit.js';
import { JOB_EDITS } from './job-edits.js';
import { at, folder, opened, recordsAt, run, TABLES } from './kept-runs.js';
import { OPERATOR_EDITS } from './operator-edits.js';

/** By its text: the folder with the state of a first run. */
const firstRuns = new Map<string, Promise<string>>();

function firstRun(sql: string): Promise<string> {
  const known = firstRuns.get(sql);
  if (known !== undefined) return known;
  const dir = mkdtempSync(join(folder, 'state-'));
  const made = run(`${TABLES}\n${sql}`, {
    dir,
    partitions: null,
    restore: 'none',
    keep: at(4),
  }).then(() => dir);
  firstRuns.set(sql, made);
  return made;
}

/** What comes of an edit: rows and what is said, or what is refused. */
async function again(edit: Edit, partitions: number | null): Promise<Expected> {
  const dir = mkdtempSync(join(folder, 'copy-'));
  cpSync(await firstRun(edit.before), dir, { recursive: true });
  const place = { dir, partitions, allowStateLoss: edit.allow ?? [] };
  try {
    const { rows, said } = await run(`${TABLES}\n${edit.after}`, { ...place, restore: 'latest' });
    return { rows, said: said.map(withoutFolder) };
  } catch (error) {
    if (!(error instanceof VeloError)) throw error;
    const { message, detail = '' } = error;
    const [, first = message] = /does not fit this job: (.*)/.exec(message) ?? [];
    const refused = [first, ...detail.split('; ')].filter((text) => text !== '');
    return { refused: refused.map(withoutFolder) };
  }
}

function withoutFolder(text: string): string {
  return text.replaceAll(`${folder}/`, '');
}

describe('a changed query', () => {
  it.each([...AGGREGATE_EDITS, ...OPERATOR_EDITS, ...JOB_EDITS])('$name', async (edit) => {
    expect(await again(edit, null), 'V1').toEqual(edit.expected);
    expect(await again(edit, 2), 'V2').toEqual(edit.expected);
  });
});

describe('an aggregate that was added', () => {
  const ADDED = `${TABLES}
    SELECT k, COUNT(*) AS n, SUM(w) AS x, MIN(w) AS m, SUM(v) AS s FROM t GROUP BY k EMIT FINAL`;

  it.each([null, 2])(
    'counts from its restore on after later ones, too (%s)',
    async (partitions) => {
      const dir = mkdtempSync(join(folder, 'chain-'));
      await run(`${TABLES}\n${G}`, { dir, partitions: null, restore: 'none', keep: at(4) });
      const second = await run(ADDED, { dir, partitions: null, restore: 'latest', keep: at(6) });
      expect(second.rows).toEqual(['a 4 130 50 17', 'b 3 60 60 12', 'c 1 70 70 7']);
      const third = await run(ADDED, { dir, partitions, restore: 'latest' });
      expect(third).toEqual({ rows: second.rows, said: [] });
      const dropped = await run(`${TABLES}\n${G}`, { dir, partitions, restore: 'latest' });
      expect(dropped.rows).toEqual(['a 4 17', 'b 3 12', 'c 1 7']);
    },
  );

  it('counts from there on in the parts of partitions, too', async () => {
    const file = join(folder, 'many.jsonl');
    const events = Array.from({ length: 400 }, (_, i) => ({ k: `k${i % 7}`, v: i, w: 3 * i }));
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const table = `CREATE TABLE t (k STRING, v BIGINT, w BIGINT)
      WITH ('connector' = 'file', 'path' = '${file}', 'format' = 'json');`;
    let records = 0;
    const dir = mkdtempSync(join(folder, 'parts-'));
    await run(`${table}\n${G}`, {
      dir,
      partitions: 2,
      restore: 'none',
      keep: (states) => {
        const open = states.filter((state) => state.some(({ ended }) => !ended));
        const kept = open[Math.floor(open.length / 2)];
        records = recordsAt(kept!.flatMap(({ splits }) => splits)[0]!);
        return kept;
      },
    });
    const sql = `${table} SELECT SUM(w) AS x, k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL`;
    const { rows, said } = await run(sql, { dir, partitions: 2, restore: 'latest' });
    expect(said).toHaveLength(2);
    const expected = [...new Set(events.map(({ k }) => k))].map((k) => {
      const of = events.filter((event) => event.k === k);
      const since = events.slice(records).filter((event) => event.k === k);
      const sum = since.length === 0 ? null : since.reduce((total, { w }) => total + w, 0);
      return `${sum} ${k} ${of.length}`;
    });
    expect(rows, `${records} records before`).toEqual(expected.sort());
  });

  it('counts nothing where no row has come since', async () => {
    const dir = mkdtempSync(join(folder, 'none-'));
    await run(`${TABLES}\n${G}`, { dir, partitions: null, restore: 'none', keep: at(7) });
    const { rows } = await run(ADDED, { dir, partitions: null, restore: 'latest' });
    expect(rows).toEqual(['a 4 80 80 17', 'b 3 null null 12', 'c 1 null null 7']);
  });
});

describe('a query that writes elsewhere now', () => {
  it('keeps its state and leaves what it wrote before as it is', async () => {
    const dir = mkdtempSync(join(folder, 'sink-'));
    const into = (name: string): string => `${TABLES}
      INSERT INTO '${join(folder, name)}' SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES`;
    await run(into('one.jsonl'), { dir, partitions: null, restore: 'none', keep: at(4) });
    const before = readFileSync(join(folder, 'one.jsonl'), 'utf8');
    const { said } = await run(into('two.jsonl'), { dir, partitions: null, restore: 'latest' });
    expect(said).toEqual([]);
    expect(readFileSync(join(folder, 'one.jsonl'), 'utf8')).toBe(before);
    const counts = readFileSync(join(folder, 'two.jsonl'), 'utf8').match(/"n":\d/g);
    expect(counts).toEqual(['"n":3', '"n":3', '"n":1', '"n":4']);
  });
});

describe('--changelog', () => {
  it.each([null, 2])('shows what a state without it goes on with (%s)', async (partitions) => {
    const dir = mkdtempSync(join(folder, 'changelog-'));
    const sql = `${TABLES} SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT CHANGES`;
    await run(sql, { dir, partitions: null, restore: 'none', keep: at(4) });
    const shown = await run(sql, { dir, partitions, restore: 'latest', changelog: true });
    expect(shown.said).toEqual([]);
    const rows = ['+I c 1', '+U a 3', '+U a 4', '+U b 3', '-U a 2', '-U a 3', '-U b 2'];
    expect(shown.rows).toEqual(rows);
  });
});

describe('a job that goes on after a crash', () => {
  const CHANGED = `${TABLES}
    SELECT k, SUM(w) AS x, COUNT(*) AS n, SUM(v) AS s FROM t WHERE v > 0 GROUP BY k EMIT FINAL`;

  it('takes in what it wrote itself without another word, and loses nothing again', async () => {
    const dir = mkdtempSync(join(folder, 'crash-'));
    await run(`${TABLES}\n${G}`, { dir, partitions: null, restore: 'none', keep: at(4) });
    const allowStateLoss = ['query-1/aggregate-1'];
    const place = { dir, partitions: null, restore: 'latest', allowStateLoss } as const;
    const second = await run(CHANGED, { ...place, keep: at(6) });
    const { checkpoints, said } = await opened(CHANGED, { ...place, allowStateLoss: [] });
    try {
      expect(second.said).toHaveLength(1);
      const before = checkpoints.restore;
      await checkpoints.target.take(takenAt(before ?? []))();
      await checkpoints.again();
      expect(checkpoints.restore).toEqual(before);
      expect(before?.[0]?.operators[0]?.bytes.length).toBeGreaterThan(0);
      expect(said).toEqual([]);
    } finally {
      await checkpoints.close();
    }
  });
});

describe('a topic', () => {
  async function meant(table: string, options: string): Promise<string | undefined> {
    const { plan } = await compileJob({
      source: {
        name: 'test.sql',
        text: `CREATE TABLE ${table} (v BIGINT) WITH ('connector' = 'kafka', 'format' = 'json',
          ${options}); SELECT v FROM ${table}`,
      },
      variables: () => undefined,
      settings: {},
      changelog: false,
      redirects: new Map(),
      limit: null,
    });
    return meaningOf(plan.queries[0]!).operators.get('scan-1')?.rows.join();
  }

  it('is what positions are of, whatever the table and the brokers are called', async () => {
    const orders = await meant('t', `'topic' = 'orders', 'properties.bootstrap.servers' = 'a:1'`);
    expect(orders).toBe('from kafka orders');
    const moved = await meant('u', `'topic' = 'orders', 'properties.bootstrap.servers' = 'b:1'`);
    expect(moved).toBe(orders);
    const other = await meant('t', `'topic' = 'returns', 'properties.bootstrap.servers' = 'a:1'`);
    expect(other).toBe('from kafka returns');
  });
});

function takenAt(state: JobState): TakenState {
  return { state: Promise.resolve(state), trigger: 'interval', pauseMs: 0 };
}
