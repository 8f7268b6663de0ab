/**
 * Several topics as one table: lists and patterns, on V1 and V2, by both ways to fetch, bounded and
 * without end, in groups; topics that come into being meanwhile. A real broker.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, startKafkaBroker } from '../support/kafka-broker.mjs';
import type { KafkaBroker } from '../support/kafka-broker.mjs';
import { javaSuiteRuns } from '../support/java.mjs';
import { inferQuotedSource } from '../../src/connectors/registry.js';
import { addPartitions, committedOffsets } from './group-processes.js';
import { failureOf, ids, newTopic, produce, range } from './harness.js';
import { JobRun } from './job-run.js';
import type { Row, Shape } from './job-run.js';

const LIMIT_MS = 240_000;
const POLL = { timeout: LIMIT_MS, interval: 50 } as const;
const ALL = { 'scan.bounded.mode': 'latest-offset' } as const;
const V2: Shape = { partitions: 3, workers: 2 };
const WAYS = [
  ['V1 by columnar', null, 'columnar'],
  ['V1 by librdkafka', null, 'librdkafka'],
  ['V2 by columnar', V2, 'columnar'],
  ['V2 by librdkafka', V2, 'librdkafka'],
] as const satisfies readonly (readonly [string, Shape | null, string])[];

describe.runIf(javaSuiteRuns('several topics as one table'))('several topics', () => {
  let broker: KafkaBroker;

  beforeAll(async () => {
    broker = await startKafkaBroker();
  }, 90_000);

  afterAll(async () => {
    await broker.stop();
  });

  /** Topics `<stem>-a`, `<stem>-b` … with so many partitions, each with `rows` ids of its own. */
  async function topicsOf(
    partitions: readonly number[],
    rows: number,
  ): Promise<{ stem: string; names: string[] }> {
    const stem = newTopic('several');
    const names = partitions.map((_, at) => `${stem}-${'abcdef'.charAt(at)}`);
    await createTopics(
      broker.brokers,
      names.map((topic, at) => ({ topic, partitions: partitions[at] ?? 1 })),
    );
    for (const [at, topic] of names.entries()) {
      await produce(broker.brokers, topic, ids(rows, partitions[at] ?? 1, at * rows));
    }
    return { stem, names };
  }

  function ddl(options: Readonly<Record<string, string>>, columns = 'id BIGINT'): string {
    const all = {
      connector: 'kafka',
      'properties.bootstrap.servers': broker.brokers,
      'scan.startup.mode': 'earliest-offset',
      format: 'json',
      ...options,
    };
    const list = Object.entries(all).map(([name, value]) => `'${name}' = '${value}'`);
    return `CREATE TABLE t (${columns}) WITH (${list.join(', ')});`;
  }

  const PLACES =
    "id BIGINT, name STRING METADATA FROM 'topic' VIRTUAL, p INT METADATA FROM 'partition' VIRTUAL";
  const SELECT = 'SELECT id, name, p, _TOPIC AS topic, _PARTITION AS pp, _OFFSET AS o FROM t;';

  /** Every id once, in its topic and partition, at the offset where it was written. */
  function expectAll(
    rows: readonly Row[],
    names: readonly string[],
    counts: readonly number[],
    each: number,
  ): void {
    const expected = names.flatMap((topic, at) =>
      range(each, at * each).map((id) => {
        const partitions = counts[at] ?? 1;
        const p = id % partitions;
        return { id, name: topic, p, topic, pp: p };
      }),
    );
    const sorted = [...rows].sort((a, b) => Number(a['id']) - Number(b['id']));
    expect(sorted.map(({ o: _, ...row }) => row)).toEqual(expected);
    for (const topic of names) {
      for (const p of new Set(sorted.map((row) => row['p']))) {
        const offsets = rows.filter((row) => row['topic'] === topic && row['p'] === p);
        expect(offsets.map(({ o }) => o)).toEqual(range(offsets.length));
      }
    }
  }

  it.each(WAYS)('are read to their ends on %s', { timeout: LIMIT_MS }, async (...way) => {
    const [, shape, fetch] = way;
    const { stem, names } = await topicsOf([2, 3, 1], 600);
    const listed = ddl({ ...ALL, fetch, topic: names.join(';') }, PLACES);
    expectAll(await JobRun.rowsOf(listed + SELECT, shape), names, [2, 3, 1], 600);
    const matching = ddl({ ...ALL, fetch, 'topic-pattern': `${stem}-[ab]` }, PLACES);
    expectAll(await JobRun.rowsOf(matching + SELECT, shape), names.slice(0, 2), [2, 3], 600);
    // Whole names, and none of the cluster's own.
    const inside = ddl({ ...ALL, fetch, 'topic-pattern': `.*${stem.slice(2)}-c` }, PLACES);
    expect(await JobRun.rowsOf(inside + SELECT, shape)).toHaveLength(600);
    const start = ddl({ ...ALL, fetch, 'topic-pattern': stem }, PLACES);
    const none = await failureOf(() => JobRun.rowsOf(start + SELECT, shape));
    expect(none.error).toMatchObject({
      code: 'VELO_TOPIC_NOT_FOUND',
      message: `no topic matches the pattern "${stem}" of table "t"`,
    });
  });

  it('are addressed with commas and stars, and have the columns of all', async () => {
    const stem = newTopic('addressed');
    const [a, b] = [`${stem}-a`, `${stem}-b`];
    await createTopics(broker.brokers, [{ topic: a }, { topic: b, partitions: 2 }]);
    const rows = (from: number, more: string): { value: string }[] =>
      range(1500, from).map((id) => ({ value: `{"id":${id}${more}}` }));
    await produce(broker.brokers, a, rows(0, ',"left":1'));
    await produce(broker.brokers, b, rows(1500, ',"left":1.5,"right":"x"'));
    for (const path of [`/${a},${b}`, `/${stem}-*`, `?topic-pattern=${stem}-.*`]) {
      const uri = `kafka://${broker.brokers}${path}`;
      const { columns } = await inferQuotedSource(uri);
      expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
        ['id', 'bigint'],
        ['left', 'double'],
        ['right', 'varchar'],
      ]);
      const ending = `${uri}${uri.includes('?') ? '&' : '?'}scan.bounded.mode=latest-offset`;
      const sql = `SELECT _TOPIC AS t, COUNT(*) AS n, COUNT("right") AS r FROM '${ending}' GROUP BY _TOPIC EMIT FINAL;`;
      const found = await JobRun.rowsOf(sql, null);
      expect(found.sort((x, y) => String(x['t']).localeCompare(String(y['t'])))).toEqual([
        { t: a, n: 1500, r: 0 },
        { t: b, n: 1500, r: 1500 },
      ]);
    }
  });

  it("keep no keys together, whatever 'key.fields' says", { timeout: LIMIT_MS }, async () => {
    const { names } = await topicsOf([2, 3], 300);
    for (const topic of names) {
      const again = range(300).map((id) => ({ value: `{"id":${id % 50}}`, partition: id % 2 }));
      await produce(broker.brokers, topic, again);
    }
    const table = ddl({ ...ALL, topic: names.join(';'), 'key.fields': 'id' });
    const sql = `${table} SELECT id, COUNT(*) AS n FROM t WHERE id < 50 GROUP BY id EMIT FINAL;`;
    const sorted = (rows: readonly Row[]): Row[] =>
      [...rows].sort((a, b) => Number(a['id']) - Number(b['id']));
    expect(sorted(await JobRun.rowsOf(sql, V2))).toEqual(range(50).map((id) => ({ id, n: 13 })));
  });

  it.each([
    ['V1', null],
    ['V2', V2],
  ] as const)(
    'share a group, each with its offsets, on %s',
    { timeout: LIMIT_MS },
    async (_, shape) => {
      const { stem, names } = await topicsOf([2, 1], 400);
      const group = `${stem}-g`;
      const options = { 'properties.group.id': group, 'scan.startup.mode': 'group-offsets' };
      const table = ddl({ ...options, 'topic-pattern': `${stem}-.*` }, PLACES);
      const run = await JobRun.start(table + SELECT, shape);
      await expect.poll(() => run.rows().length, POLL).toBe(800);
      await run.stop();
      await run.result;
      expectAll(run.rows(), names, [2, 1], 400);
      const offsets = async (): Promise<number[][]> =>
        Promise.all(
          names.map(async (topic, at) => {
            const place = { topic, partitions: [2, 1][at] ?? 1 };
            return [...(await committedOffsets(broker.brokers, group, place)).values()];
          }),
        );
      expect(await offsets()).toEqual([[200, 200], [400]]);
      await produce(broker.brokers, names[1] ?? '', ids(30, 1, 5000));
      const second = await JobRun.start(table + SELECT, shape);
      await expect.poll(() => second.rows().length, POLL).toBe(30);
      await second.stop();
      await second.result;
      expect(second.rows().map(({ id }) => Number(id))).toEqual(range(30, 5000));
      expect(await offsets()).toEqual([[200, 200], [430]]);
    },
  );

  it('are shared out between members of a group', { timeout: LIMIT_MS }, async () => {
    const { stem, names } = await topicsOf([4, 3], 400);
    const options = {
      'properties.group.id': `${stem}-g`,
      'scan.startup.mode': 'group-offsets',
      topic: names.join(';'),
    };
    const sql = `${ddl(options, PLACES)} ${SELECT}`;
    const first = await JobRun.start(sql, null);
    await expect.poll(() => first.rows().length, POLL).toBe(800);
    const second = await JobRun.start(sql, V2);
    let made = 800;
    // Until the group has given the second one something.
    await expect
      .poll(async () => {
        for (const [at, topic] of names.entries()) {
          await produce(broker.brokers, topic, ids(12, 4 - at, 10_000 + made + at * 12));
        }
        made += 24;
        return second.rows().length;
      }, POLL)
      .toBeGreaterThan(0);
    await expect.poll(() => first.rows().length + second.rows().length, POLL).toBe(made);
    for (const run of [first, second]) {
      await run.stop();
      await run.result;
    }
    const read = [...first.rows(), ...second.rows()].map(({ id }) => Number(id));
    expect(new Set(read).size).toBe(made);
  });

  it.each(WAYS)(
    'come into being while a pattern is read on %s',
    { timeout: LIMIT_MS },
    async (...way) => {
      const [, shape, fetch] = way;
      const { stem, names } = await topicsOf([2], 100);
      const often = { 'scan.topic-partition-discovery.interval': '200ms' };
      const table = ddl({ ...often, fetch, 'topic-pattern': `${stem}-.*` }, PLACES);
      const run = await JobRun.start(table + SELECT, shape);
      await expect.poll(() => run.rows().length, POLL).toBe(100);
      const added = `${stem}-z`;
      await createTopics(broker.brokers, [{ topic: added, partitions: 2 }, { topic: `x-${stem}` }]);
      await produce(broker.brokers, added, ids(50, 2, 1000));
      const isRead = shape === null;
      const line = `topic pattern "${stem}-.*" has a new topic "${added}": it is read ${
        isRead ? 'from its beginning' : 'when the job is started again'
      }`;
      await expect.poll(() => run.notices, POLL).toContain(line);
      // What was there goes on, and gets partitions.
      await produce(broker.brokers, names[0] ?? '', ids(20, 2, 2000));
      await expect.poll(() => run.rows().length, POLL).toBe(isRead ? 170 : 120);
      if (isRead) {
        await addPartitions(broker.brokers, names[0] ?? '', 3);
        await produce(broker.brokers, names[0] ?? '', ids(30, 3, 3000));
        await expect.poll(() => run.rows().length, POLL).toBe(200);
        expect(
          run
            .rows()
            .filter(({ topic }) => topic === added)
            .map(({ p }) => p),
        ).toContain(1);
      }
      await run.stop();
      await run.result;
      const read = run.rows().map(({ id }) => Number(id));
      expect(new Set(read).size).toBe(read.length);
      expect(run.notices.filter((each) => each === line)).toHaveLength(1);
    },
  );

  it.each(WAYS)('are named by errors on %s', { timeout: LIMIT_MS }, async (...way) => {
    const [, shape, fetch] = way;
    const { names } = await topicsOf([1, 2], 10);
    await produce(broker.brokers, names[1] ?? '', [{ value: '{"id":"x"}', partition: 1 }]);
    const sql = `${ddl({ ...ALL, fetch, topic: names.join(';') })} SELECT id FROM t;`;
    const { error } = await failureOf(() => JobRun.rowsOf(sql, shape));
    expect(error).toMatchObject({ detail: `${names[1] ?? ''}, partition 1, offset 5` });
    const gone = `${ddl({ ...ALL, fetch, topic: `${names[0] ?? ''};no-such-topic` })} SELECT id FROM t;`;
    const missing = await failureOf(() => JobRun.rowsOf(gone, shape));
    expect(missing.error).toMatchObject({
      code: 'VELO_TOPIC_NOT_FOUND',
      message: 'topic "no-such-topic" of table "t" does not exist',
    });
  });
});
