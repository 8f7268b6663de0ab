/**
 * State that expires by event time, against a naive model: on V1 and V2 at any number of partitions
 * and size of batches the rows are those of a table in which each key is forgotten when a row finds
 * it older than the TTL. Records are random; TTL_SEED repeats a run.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from '../support/run-sql.js';
import { seededRandom } from '../runtime/stream-support.js';

const SEED = Number(process.env['TTL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RECORDS = 3000;
const BOUND_MS = 2000;
const TTL_MS = 20_000;
const LIMIT_MS = 240_000;
const folder = mkdtempSync(join(tmpdir(), 'velo-ttl-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Event {
  readonly k: string | null;
  readonly v: number;
  readonly at: number;
}

/** Keys of all ages, some NULL; times that fall back now and then, and jump now and then. */
function events(seed: number): Event[] {
  const random = seededRandom(seed);
  let clock = 1_000_000;
  return Array.from({ length: RECORDS }, () => {
    clock += random() < 0.005 ? TTL_MS : Math.floor(random() * 300);
    const late = random() < 0.1 ? Math.floor(random() * 30_000) : Math.floor(random() * 2500);
    const key = Math.floor(random() ** 3 * 400);
    const k = key === 7 ? null : `k${key}`;
    return { k, v: Math.floor(random() * 100), at: clock - late };
  });
}

const all = events(SEED);
const joined = events(SEED + 1).slice(0, RECORDS / 2);

interface Group {
  n: number;
  s: number;
  last: number;
}

/** Each record with its group before it (null: not there) and behind it. */
function* naive(
  of: readonly Event[],
): Generator<{ event: Event; before: Group | null; now: Group }> {
  const groups = new Map<string | null, Group>();
  let highest = Number.NEGATIVE_INFINITY;
  for (const event of of) {
    highest = Math.max(highest, event.at);
    const now = highest - BOUND_MS;
    const known = groups.get(event.k);
    const before = known === undefined || now >= known.last + TTL_MS ? null : { ...known };
    const group = before === null ? { n: 0, s: 0, last: now } : { ...before };
    group.n += 1;
    group.s += event.v;
    group.last = now;
    groups.set(event.k, group);
    yield { event, before, now: group };
  }
}

function changesOf(of: readonly Event[]): string[] {
  return [...naive(of)].flatMap(({ event: { k }, before, now }) => {
    const row = (op: string, { n, s }: Group): string => JSON.stringify({ op, k, n, s });
    return before === null ? [row('+I', now)] : [row('-U', before), row('+U', now)];
  });
}

function distinctOf(of: readonly Event[]): string[] {
  return [...naive(of)].flatMap(({ event: { k }, before }) =>
    before === null ? [JSON.stringify({ k })] : [],
  );
}

/** Each record with the time at it. */
function* timed(of: readonly Event[]): Generator<{ event: Event; now: number }> {
  let highest = Number.NEGATIVE_INFINITY;
  for (const event of of) {
    highest = Math.max(highest, event.at);
    yield { event, now: highest - BOUND_MS };
  }
}

/** The two least values of each key; only a row that becomes one of them is an update. */
function leastOf(of: readonly Event[]): string[] {
  const keys = new Map<string | null, { least: Event[]; last: number }>();
  return [...timed(of)].flatMap(({ event, now }) => {
    const known = keys.get(event.k);
    const kept = known === undefined || now >= known.last + TTL_MS ? [] : known.least;
    const place = kept.findIndex(({ v }) => v > event.v);
    if (kept.length === 2 && place < 0) return [];
    const least = [...kept];
    least.splice(place < 0 ? kept.length : place, 0, event);
    keys.set(event.k, { least: least.slice(0, 2), last: now });
    const row = (op: string, { k, v }: Event): string => JSON.stringify({ op, k, v });
    return [...least.slice(2).map((gone) => row('-D', gone)), row('+I', event)];
  });
}

/** The first row of each key, which is all that is kept. */
function firstOf(of: readonly Event[]): string[] {
  const keys = new Map<string | null, number>();
  return [...timed(of)].flatMap(({ event: { k, v }, now }) => {
    if (now < (keys.get(k) ?? Number.NEGATIVE_INFINITY) + TTL_MS) return [];
    keys.set(k, now);
    return [JSON.stringify({ k, v })];
  });
}

/** The sum of the last three rows of each key. */
function bufferedOf(of: readonly Event[]): string[] {
  const keys = new Map<string | null, { values: number[]; last: number }>();
  return [...timed(of)].map(({ event: { k, v }, now }) => {
    const known = keys.get(k);
    const kept = known === undefined || now >= known.last + TTL_MS ? [] : known.values;
    const values = [...kept, v].slice(-3);
    keys.set(k, { values, last: now });
    return JSON.stringify({ k, v, s: values.reduce((sum, value) => sum + value, 0) });
  });
}

/** A pair meets when neither row had expired at the time of the other, whatever came first. */
function pairsOf(
  lefts: readonly Event[],
  rights: readonly Event[],
  hasCondition: boolean,
): [Event, Event][] {
  const timed = (of: readonly Event[]): { event: Event; ms: number }[] => {
    let highest = Number.NEGATIVE_INFINITY;
    return of.map((event) => {
      highest = Math.max(highest, event.at);
      return { event, ms: highest };
    });
  };
  const others = timed(rights);
  return timed(lefts).flatMap(({ event, ms }) =>
    others
      .filter((other) => event.k !== null && other.event.k === event.k)
      .filter((other) => Math.abs(other.ms - ms) < TTL_MS)
      .filter((other) => !hasCondition || event.v < other.event.v)
      .map((other): [Event, Event] => [event, other.event]),
  );
}

const pairText = (left: Event, right: Event | null): string =>
  JSON.stringify({ k: left.k, v: left.v, w: right === null ? null : right.v });

function joinedOf(hasCondition: boolean): string[] {
  return pairsOf(all, joined, hasCondition)
    .map(([left, right]) => pairText(left, right))
    .sort();
}

/** What stands of a LEFT JOIN in the end. */
function leftJoinedOf(): string[] {
  const pairs = pairsOf(all, joined, true);
  const met = new Set(pairs.map(([left]) => left));
  const alone = all.filter((event) => !met.has(event)).map((event) => pairText(event, null));
  return [...pairs.map(([left, right]) => pairText(left, right)), ...alone].sort();
}

/** The rows that a changelog leaves. */
function standing(lines: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const { op, ...row } = JSON.parse(line) as { op: string };
    const text = JSON.stringify(row);
    const count = (counts.get(text) ?? 0) + (op === '+I' || op === '+U' ? 1 : -1);
    if (count < 0) throw new Error(`${text} is taken back, and is not there`);
    counts.set(text, count);
  }
  return [...counts].flatMap(([text, count]) => Array.from({ length: count }, () => text)).sort();
}

const sqlOf = (query: string): string => `
  CREATE TABLE u (k STRING, v BIGINT, at BIGINT, ts AS TO_TIMESTAMP_LTZ(at, 3),
    WATERMARK FOR ts AS ts - INTERVAL '${BOUND_MS / 1000}' SECOND)
  WITH ('connector' = 'file', 'path' = '${join(folder, 'joined.jsonl')}', 'format' = 'json');
  CREATE TABLE t (k STRING, v BIGINT, at BIGINT, ts AS TO_TIMESTAMP_LTZ(at, 3),
    WATERMARK FOR ts AS ts - INTERVAL '${BOUND_MS / 1000}' SECOND)
  WITH ('connector' = 'file', 'path' = '${join(folder, 'events.jsonl')}', 'format' = 'json');
  SET 'state.ttl' = '${TTL_MS / 1000}s';
  SET 'state.ttl.time' = 'event';
  ${query};`;

const ENGINES = [null, 1, 2, 3, 8].flatMap((partitions) =>
  [1, 7, undefined].map((batchRows) => ({ partitions, batchRows })),
);

describe(`state that expires by event time, TTL_SEED=${SEED}`, () => {
  beforeAll(() => {
    const lines = all.map((event) => JSON.stringify(event));
    writeFileSync(join(folder, 'events.jsonl'), `${lines.join('\n')}\n`);
    const others = joined.map((event) => JSON.stringify(event));
    writeFileSync(join(folder, 'joined.jsonl'), `${others.join('\n')}\n`);
  });

  it('has groups that expire, and groups that come back before they do', () => {
    const seen = new Set<string | null>();
    const counts = { expired: 0, kept: 0 };
    for (const { event, before } of naive(all)) {
      if (before !== null) counts.kept += 1;
      else if (seen.has(event.k)) counts.expired += 1;
      seen.add(event.k);
    }
    expect(counts.expired).toBeGreaterThan(100);
    expect(counts.kept).toBeGreaterThan(100);
  });

  it.each([
    {
      name: 'GROUP BY',
      query: 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES',
      changelog: true,
      expected: () => changesOf(all),
    },
    {
      name: 'GROUP BY of filtered rows',
      query:
        'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM (SELECT v, k FROM t WHERE TRUE) GROUP BY k EMIT CHANGES',
      changelog: true,
      expected: () => changesOf(all),
    },
    {
      name: 'Top-N',
      query: `SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS r
        FROM t) WHERE r <= 2`,
      changelog: true,
      expected: () => leastOf(all),
    },
    {
      name: 'deduplication',
      query: `SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY one) AS r
        FROM (SELECT k, v, v * 0 AS one FROM t)) WHERE r = 1`,
      changelog: false,
      expected: () => firstOf(all),
    },
    {
      name: 'a ROWS buffer',
      query: `SELECT k, v, SUM(v) OVER (ROWS WINDOW BUFFER 3 ROWS PARTITION BY k ORDER BY ts) AS s
        FROM t`,
      changelog: false,
      isOrdered: false,
      expected: () => bufferedOf(all),
    },
    {
      name: 'a ROWS buffer whose rows are kept whole',
      query: `SELECT k, v, CAST(SUM(v) FILTER (WHERE v >= 0) OVER (ROWS WINDOW BUFFER 3 ROWS
        PARTITION BY k ORDER BY ts) AS BIGINT) AS s FROM t`,
      changelog: false,
      isOrdered: false,
      expected: () => bufferedOf(all),
    },
    {
      name: 'DISTINCT',
      query: 'SELECT DISTINCT k FROM t',
      changelog: false,
      expected: () => distinctOf(all),
    },
  ])(
    '$name is the same everywhere',
    async ({ query, changelog, expected, isOrdered = true }) => {
      const rows = expected();
      for (const { partitions, batchRows } of ENGINES) {
        const { lines, errorText } = await runSql(sqlOf(query), {
          changelog,
          ...(batchRows === undefined ? {} : { batchRows }),
          ...(partitions === null ? {} : { partitioned: { partitions, workers: 2 } }),
        });
        const at = JSON.stringify({ partitions, batchRows });
        expect(errorText, at).toBe('');
        expect(isOrdered ? lines : [...lines].sort(), at).toEqual(
          isOrdered ? rows : [...rows].sort(),
        );
      }
    },
    LIMIT_MS,
  );

  it.each([
    {
      name: 'a join',
      query: 'SELECT t.k, t.v, u.v AS w FROM t JOIN u ON t.k = u.k',
      changelog: false,
      expected: () => joinedOf(false),
    },
    {
      name: 'a join with a condition',
      query: 'SELECT t.k, t.v, u.v AS w FROM t JOIN u ON t.k = u.k AND t.v < u.v',
      changelog: false,
      expected: () => joinedOf(true),
    },
    {
      name: 'a LEFT JOIN',
      query: 'SELECT t.k, t.v, u.v AS w FROM t LEFT JOIN u ON t.k = u.k AND t.v < u.v',
      changelog: true,
      expected: leftJoinedOf,
    },
  ])(
    '$name has the same rows everywhere, whichever input is ahead',
    async ({ query, changelog, expected }) => {
      const rows = expected();
      for (const { partitions, batchRows } of ENGINES) {
        const { lines, errorText } = await runSql(sqlOf(query), {
          changelog,
          ...(batchRows === undefined ? {} : { batchRows }),
          ...(partitions === null ? {} : { partitioned: { partitions, workers: 2 } }),
        });
        const at = JSON.stringify({ partitions, batchRows });
        expect(errorText, at).toBe('');
        expect(changelog ? standing(lines) : [...lines].sort(), at).toEqual(rows);
      }
    },
    LIMIT_MS,
  );
});
