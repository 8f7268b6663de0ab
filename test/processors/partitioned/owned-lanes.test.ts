/**
 * Topics whose partitions workers read by themselves, on real worker threads over a topic without a
 * broker (owned/fake-topic.mjs): results are those that follow from the records whatever the number
 * of workers, nothing waits for a worker whose partitions are silent, and stopping, pausing, killing
 * and restoring hold what they promise.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { recordAt } from './owned/fake-topic.mjs';
import type { TopicRecord } from './owned/fake-topic.mjs';

const FOLDER = fileURLToPath(new URL('./owned/', import.meta.url));
const LIMIT_MS = 240_000;

interface Step {
  readonly sql: string;
  readonly partitions: number;
  readonly workers: number;
  readonly batchRows: number | null;
  /** What befalls the job, each when it has written so many rows; 'read': has read so many. */
  readonly events?: readonly (readonly [string, number?])[];
  /** Index of the step whose snapshot it starts from. */
  readonly restoreOf?: number;
}

interface Answer {
  readonly lines: readonly string[];
  readonly end: string | null;
  readonly rowsRead: number | null;
  readonly partitionRows: readonly number[];
  readonly failure: { readonly code: string | null; readonly message: string } | null;
  readonly notices: readonly string[];
  readonly committed: readonly number[];
}

async function play(steps: readonly Step[]): Promise<Answer[]> {
  const child = spawn(process.execPath, ['--import', `${FOLDER}hooks.mjs`, `${FOLDER}play.mjs`], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
  });
  child.stdin.end(JSON.stringify(steps));
  return JSON.parse(await text(child.stdout)) as Answer[];
}

const COUNTS = [500, 300, 0, 700, 90];
const SHAPES = [
  { partitions: 8, workers: 2 },
  { partitions: 3, workers: 2 },
  { partitions: 5, workers: 3 },
  { partitions: 3, workers: 1 },
  { partitions: 1, workers: 1 },
] as const;

function table(options: Readonly<Record<string, string>>): string {
  const all = {
    connector: 'kafka',
    topic: 't',
    'properties.bootstrap.servers': 'nowhere:1',
    format: 'json',
    'scan.startup.mode': 'earliest-offset',
    'scan.bounded.mode': 'latest-offset',
    'properties.fake.records': COUNTS.join(),
    ...options,
  };
  const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
  return `CREATE TABLE t (id BIGINT, k STRING, d DOUBLE, ms BIGINT,
    ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts - INTERVAL '40' SECOND)
    WITH (${list.join(', ')});`;
}

const ENDLESS = { 'properties.fake.end': 'wait', 'scan.bounded.mode': 'unbounded' };
const WINDOWS = `SELECT window_start, COUNT(*) AS n, SUM(id) AS s
  FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECONDS))
  GROUP BY window_start EMIT FINAL;`;

const RECORDS: readonly TopicRecord[] = COUNTS.flatMap((count, partition) =>
  Array.from({ length: count }, (_, offset) => recordAt(partition, offset)),
);

function groups(keyOf: (record: TopicRecord) => string | number): Map<string, TopicRecord[]> {
  const found = new Map<string, TopicRecord[]>();
  for (const record of RECORDS) {
    const key = String(keyOf(record));
    found.set(key, [...(found.get(key) ?? []), record]);
  }
  return found;
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, each) => total + each, 0);
const rows = (answer: Answer | undefined): Record<string, unknown>[] =>
  (answer?.lines ?? []).map((line) => JSON.parse(line) as Record<string, unknown>);
const ids = (...answers: (Answer | undefined)[]): number[] =>
  answers.flatMap((answer) => rows(answer).map(({ id }) => Number(id))).sort((a, b) => a - b);
const rowsOf = (answer: Answer | undefined, partition: number): number =>
  ids(answer).filter((id) => id % 100 === partition).length;
const ALL_IDS = RECORDS.map(({ id }) => id).sort((a, b) => a - b);

it(
  'give the same results, whoever reads which partition',
  async () => {
    const grouped = `SELECT k, COUNT(*) AS n, SUM(id) AS s, SUM(d) AS d FROM t GROUP BY k EMIT FINAL;`;
    const queries = [
      `SELECT id, _partition AS p, _offset AS o FROM t;`,
      grouped,
      `SELECT k, COUNT(*) AS n FROM t GROUP BY k ORDER BY n DESC, k LIMIT 3 EMIT FINAL;`,
    ];
    const steps = SHAPES.flatMap((shape) =>
      queries.map((query) => ({ ...shape, sql: `${table({})} ${query}`, batchRows: 16 })),
    );
    const answers = await play(steps);
    const byKey = groups(({ k }) => k);
    const top = [...byKey].map(([k, records]) => ({ k, n: records.length }));
    top.sort((a, b) => b.n - a.n || (a.k < b.k ? -1 : 1));
    for (let at = 0; at < answers.length; at += queries.length) {
      const [records, groupRows, topRows] = answers.slice(at, at + queries.length);
      expect(records?.failure).toBeNull();
      expect(ids(records)).toEqual(ALL_IDS);
      expect(rows(records).every(({ id, p, o }) => id === Number(o) * 100 + Number(p))).toBe(true);
      expect(records?.rowsRead).toBe(RECORDS.length);
      expect(sum(records?.partitionRows ?? [])).toBe(RECORDS.length);
      expect(records?.committed).toEqual(COUNTS);
      expect(rows(groupRows)).toHaveLength(byKey.size);
      for (const { k, n, s, d } of rows(groupRows)) {
        const group = byKey.get(String(k)) ?? [];
        expect([n, s]).toEqual([group.length, sum(group.map(({ id }) => id))]);
        const exact = sum(group.map((record) => record.d));
        expect(Math.abs(Number(d) - exact) / exact).toBeLessThan(1e-12);
      }
      expect(rows(topRows)).toEqual(top.slice(0, 3));
    }
  },
  LIMIT_MS,
);

it(
  'close windows while one partition is done, or far ahead, and another goes on',
  async () => {
    // Partition 0 ends early, 1 goes on: the worker of 0 has groups, and no turn any more.
    const bounded = { 'properties.fake.records': '200,3000' };
    const endless = { ...ENDLESS, 'properties.fake.records': '3000,2999' };
    const two = { partitions: 2, workers: 2, batchRows: 16 };
    const [drained, stopped] = await play([
      { ...two, sql: `${table(bounded)} ${WINDOWS}` },
      { ...two, sql: `${table(endless)} ${WINDOWS}`, events: [['stop', 20]] },
    ]);
    const counted = (answer: Answer | undefined): number =>
      sum(rows(answer).map(({ n }) => Number(n)));
    expect(drained?.failure).toBeNull();
    expect(counted(drained)).toBe(3200);
    expect(stopped?.end).toBe('stopped');
    // 3,000 records of 100 ms each, less the bound of 40 s: windows before 260 s are complete.
    const complete = rows(stopped).slice(0, 20);
    expect(complete.length).toBe(20);
    for (const { n } of complete.slice(4)) expect(n).toBeGreaterThan(150);
  },
  LIMIT_MS,
);

it(
  'go on behind a stop exactly where they were left',
  async () => {
    const two = { partitions: 3, workers: 2, batchRows: 8 };
    const sql = `${table(ENDLESS)} SELECT id FROM t;`;
    const [first] = await play([{ ...two, sql, events: [['stop', 100]] }]);
    expect(first?.failure).toBeNull();
    const read = ids(first);
    expect(read.length).toBe(first?.rowsRead);
    // What is committed is what was read, partition by partition.
    const offsets = COUNTS.map(
      (_, partition) => read.filter((id) => id % 100 === partition).length,
    );
    expect(first?.committed).toEqual(offsets);
  },
  LIMIT_MS,
);

it(
  'start again from a snapshot, with other workers, without loss or doubling',
  async () => {
    const grouped = `SELECT k, COUNT(*) AS n, SUM(id) AS s FROM t GROUP BY k EMIT FINAL;`;
    const list = `SELECT id FROM t;`;
    const sql = `${table({})} ${grouped}`;
    const answers = await play([
      {
        sql: `${table({})} ${list}`,
        partitions: 3,
        workers: 2,
        batchRows: 4,
        events: [['pause', 200], ['snapshot', 200], ['stop']],
      },
      { sql: `${table({})} ${list}`, partitions: 2, workers: 1, batchRows: 64, restoreOf: 0 },
      {
        sql,
        partitions: 3,
        workers: 2,
        batchRows: 2,
        events: [['read', 300], ['snapshot'], ['stop']],
      },
      { sql, partitions: 5, workers: 3, batchRows: 64, restoreOf: 2 },
    ]);
    expect(answers.map(({ failure }) => failure)).toEqual([null, null, null, null]);
    // Nothing was read while it was paused: the first job's rows are those before the snapshot.
    expect(ids(answers[0], answers[1])).toEqual(ALL_IDS);
    const byKey = groups(({ k }) => k);
    expect(rows(answers[3])).toHaveLength(byKey.size);
    for (const { k, n } of rows(answers[3])) expect(n).toBe(byKey.get(String(k))?.length);
  },
  LIMIT_MS,
);

it(
  'end the job with the error of a source, and with a worker that dies',
  async () => {
    const two = { partitions: 3, workers: 2, batchRows: 8 };
    const hole = { ...ENDLESS, 'properties.fake.fail': '3:96' };
    const [failed, killed, drained] = await play([
      { ...two, sql: `${table(hole)} SELECT id FROM t;` },
      { ...two, sql: `${table(ENDLESS)} SELECT id FROM t;`, events: [['kill', 50]] },
      {
        ...two,
        sql: `${table({ ...ENDLESS, 'properties.fake.records': '3000,2999' })} ${WINDOWS}`,
        events: [['drain', 20]],
      },
    ]);
    expect(failed?.failure).toMatchObject({ code: 'VELO_OFFSET_OUT_OF_RANGE' });
    // Its records before the hole have arrived.
    expect(rowsOf(failed, 3)).toBe(96);
    // On a slow machine something was committed before: never more than what was written.
    failed?.committed.forEach((offset, partition) => {
      expect(offset).toBeLessThanOrEqual(rowsOf(failed, partition));
    });
    expect(killed?.failure).toMatchObject({ code: 'VELO_WORKER_DIED' });
    expect(drained?.end).toBe('drained');
    expect(sum(rows(drained).map(({ n }) => Number(n)))).toBe(drained?.rowsRead);
  },
  LIMIT_MS,
);
