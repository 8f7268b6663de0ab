/** Fragments of a query around exchanges give the rows of the whole pipeline; ports of exchanges. */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import { BIGINT, VARCHAR } from '../../src/columnar/types.js';
import { planFragments } from '../../src/plan/fragments/fragments.js';
import type {
  ExchangeNode,
  PipelineNode,
  QueryPlan,
} from '../../src/plan/pipeline/pipeline-plan.js';
import type { PipelineEnvironment } from '../../src/runtime/pipeline.js';
import { buildPipeline } from '../../src/runtime/pipeline.js';
import { planSql } from '../plan/support.js';
import { PrefixChain } from './exchange-support.js';
import type { TableBlock, Values } from './fragment-run.js';
import { runFragments, runWholeQuery, sortedRows } from './fragment-run.js';
import { batchOf, RecordingContext, seededRandom } from './stream-support.js';

const TABLES = `
CREATE TABLE bid (k STRING, v BIGINT, price DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'file', 'path' = 'bid.jsonl', 'format' = 'json');
CREATE TABLE person (k STRING, city STRING, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'file', 'path' = 'person.jsonl', 'format' = 'json');
`;

function queryOf(sql: string): QueryPlan {
  const { plan, faults } = planSql(TABLES + sql);
  if (plan === null) throw new Error(faults.map(({ message }) => message).join('\n'));
  return plan.queries.at(-1) as QueryPlan;
}

function randomBlocks(seed: number, splits: number): TableBlock[] {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return Array.from({ length: 80 }, (_, block) => {
    const table = random() < 0.8 ? 'bid' : 'person';
    const split = below(splits);
    const rows = Array.from({ length: below(8) }, (): Values => {
      const isLate = random() < 0.08;
      return {
        k: random() < 0.1 ? null : `k${below(6)}`,
        city: `c${below(3)}`,
        v: below(100),
        price: below(1000) / 8,
        ts: 1_700_000_000_000 + block * 250 + split * 100 + below(1500) - (isLate ? 9000 : 0),
      };
    });
    return { table, split, rows };
  });
}

const WINDOWED = `FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '2' SECOND))
  GROUP BY k, window_start, window_end`;

const QUERIES: readonly (readonly [string, string])[] = [
  ['a stateless query', 'SELECT k, v + 1 AS w FROM bid WHERE v > 20'],
  [
    'windows',
    `SELECT k, window_end, COUNT(*) AS n, SUM(price) AS s, MAX(v) AS m ${WINDOWED} EMIT FINAL`,
  ],
  [
    'hopping windows of a filtered stream',
    `SELECT window_start, COUNT(DISTINCT k) AS n
     FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND))
     WHERE v < 60 GROUP BY window_start, window_end EMIT FINAL`,
  ],
  [
    'sessions',
    `SELECT k, window_start, window_end, COUNT(*) AS n
     FROM TABLE(SESSION(TABLE bid PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' SECOND))
     GROUP BY k, window_start, window_end EMIT FINAL`,
  ],
  ['every change', `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM bid GROUP BY k EMIT CHANGES`],
  ['final groups', `SELECT k, COUNT(*) AS n, AVG(price) AS a FROM bid GROUP BY k EMIT FINAL`],
  ['one group of all', `SELECT COUNT(*) AS n, SUM(v) AS s, MIN(k) AS m FROM bid EMIT FINAL`],
  [
    'final groups behind HAVING',
    `SELECT k, SUM(v) AS s FROM bid GROUP BY k HAVING SUM(v) > 500 EMIT FINAL`,
  ],
  [
    'a buffer of rows',
    `SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts
       ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS s FROM bid`,
  ],
  ['a join', `SELECT b.k, b.v, p.city FROM bid b JOIN person p ON b.k = p.k WHERE b.v > 80`],
];

describe.each(QUERIES)('%s', (_, sql) => {
  test.each([1, 2, 3])(
    'gives the rows of the whole pipeline, seed %i',
    { timeout: 240_000 },
    (seed) => {
      const query = queryOf(sql);
      const splits = Array.from({ length: seed }, (_each, split) => split);
      const input = { blocks: randomBlocks(seed, seed), splits };
      const whole = runWholeQuery(query, input);
      const wanted = sortedRows([whole]);
      expect(wanted.length).toBeGreaterThan(0);
      for (const [workers, partitions] of [
        [1, 1],
        [2, 3],
        [3, 8],
      ] as const) {
        const options = { workers, partitions, random: seededRandom(seed) };
        const contexts = runFragments(query, input, options);
        expect(sortedRows(contexts)).toEqual(wanted);
        const sum = (pick: (context: RecordingContext) => number): number =>
          contexts.reduce((total, context) => total + pick(context), 0);
        expect(sum(({ counters }) => counters.late)).toBe(whole.counters.late);
        expect(sum(({ counters }) => counters.lateDropped)).toBe(whole.counters.lateDropped);
      }
    },
  );
});

const LEAF: ExchangeNode = {
  kind: 'exchange',
  id: 'exchange-0',
  schema: [
    { name: 'k', type: VARCHAR },
    { name: 'v', type: BIGINT },
  ],
  mode: 'append',
  edge: 4,
};

function environment(context: RecordingContext): PipelineEnvironment {
  const { output, errors, late, counters, limitReached } = context;
  return { sink: output, errors, late, counters, limitReached };
}

function rowsOf(...values: number[]): Batch {
  return batchOf([values.map((value) => `k${value}`), values]);
}

function portOf(root: PipelineNode, context: RecordingContext) {
  const { exchanges, scans, operators } = buildPipeline(root, environment(context));
  expect(scans).toEqual([]);
  return { exchanges, operators };
}

describe('the port of an exchange', () => {
  test('hands rows and rising watermarks to the sink of a fragment without operators', () => {
    const context = new RecordingContext([VARCHAR, BIGINT]);
    const { exchanges, operators } = portOf(LEAF, context);
    expect(operators).toEqual([]);
    const [port] = exchanges;
    expect(port?.edge).toBe(4);
    port?.process(rowsOf(1, 2));
    for (const watermark of [5, 5, 3, 8]) port?.watermark(watermark);
    port?.end(true);
    expect(context.rows).toEqual([
      ['k1', 1n],
      ['k2', 2n],
    ]);
    expect(context.watermarks).toEqual([5, 8]);
    expect(() => port?.mergePartials(new Uint8Array(0))).toThrow(/aggregation/);
  });

  test('ends what follows when all inputs have ended', () => {
    const plan = planFragments(
      queryOf(`SELECT k, COUNT(*) AS n FROM
      (SELECT k FROM bid UNION ALL SELECT k FROM person) GROUP BY k EMIT FINAL`),
      {
        strategy: null,
      },
    );
    const fragment = plan.fragments[0]!;
    const context = new RecordingContext(fragment.root.schema.map(({ type }) => type));
    const { exchanges } = portOf(fragment.root, context);
    expect(exchanges.map(({ edge }) => edge)).toEqual(plan.edges.map(({ index }) => index));
    exchanges.forEach((port) => port.process(rowsOf(1, 2)));
    exchanges.forEach((port, at) => {
      expect(context.rows).toHaveLength(0);
      port.end(true);
      if (at + 1 < exchanges.length) expect(context.rows).toHaveLength(0);
    });
    expect(context.rows).toHaveLength(2);
  });

  test('flushes nothing when the job is stopped', () => {
    const plan = planFragments(queryOf(`SELECT k, COUNT(*) AS n FROM bid GROUP BY k EMIT FINAL`), {
      strategy: null,
    });
    const context = new RecordingContext([VARCHAR, BIGINT]);
    const { exchanges } = portOf(plan.fragments[0]!.root, context);
    exchanges[0]?.process(rowsOf(1, 2));
    exchanges[0]?.end(false);
    expect(context.rows).toEqual([]);
  });
});

test('a source fragment gives the watermark before every row when the plan says so', () => {
  const query = queryOf(`SELECT k, COUNT(*) AS n ${WINDOWED} EMIT FINAL`);
  const { root, scan } = planFragments(query, { strategy: null }).sources[0]!;
  const seen = (everyRowWatermark?: boolean): boolean => {
    const context = new RecordingContext(root.schema.map(({ type }) => type));
    let filled = false;
    context.onBatch = (batch) => {
      filled = batch.rowWatermarks !== null;
    };
    const options = { prefix: new PrefixChain() };
    const { scans } = buildPipeline(root, environment(context), {
      ...options,
      ...(everyRowWatermark === undefined ? {} : { everyRowWatermark }),
    });
    scans[0]?.process(batchOf(scan.schema.map(({ name }) => (name === 'k' ? ['a'] : [7]))));
    return filled;
  };
  expect([seen(), seen(false), seen(true)]).toEqual([false, false, true]);
});
