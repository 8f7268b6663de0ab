/**
 * Law 15: an answer that is put out piece by piece, interrupted wherever it may be, is the same
 * answer. Every operator, with pieces of one row and a sink that is full at random moments.
 */
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/columnar/batch.js';
import type { QueryPlan } from '../../src/plan/pipeline/pipeline-plan.js';
import { Flow, PIECE_ROWS } from '../../src/runtime/flow.js';
import type { Work } from '../../src/runtime/flow.js';
import { buildPipeline } from '../../src/runtime/pipeline.js';
import { planSql } from '../plan/support.js';
import type { TableBlock, Values } from './fragment-run.js';
import { batchFor, newContext, runWholeQuery } from './fragment-run.js';
import { WindowAggregateOperator } from '../../src/runtime/operators/window/window-aggregate.js';
import { RecordingContext, seededRandom } from './stream-support.js';
import { recordBatch, windowNode } from './window-harness.js';

const TABLES = `
CREATE TABLE bid (k STRING, v BIGINT, price DOUBLE, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'file', 'path' = 'bid.jsonl', 'format' = 'json');
CREATE TABLE person (k STRING, city STRING, v BIGINT, ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'file', 'path' = 'person.jsonl', 'format' = 'json');
`;
const LATE = "SET 'late.strategy' = 'process-all'; SET 'allowed.lateness' = '5 s';";
const HOP =
  "TABLE(HOP(TABLE bid, DESCRIPTOR(ts), INTERVAL '100' MILLISECOND, INTERVAL '1' SECOND))";
const SESSION =
  "TABLE(SESSION(TABLE bid PARTITION BY k, DESCRIPTOR(ts), INTERVAL '300' MILLISECOND))";
const BY_WINDOW = 'GROUP BY k, window_start, window_end';
const TOTALS = 'SELECT k, COUNT(*) AS n, SUM(v) AS s FROM bid GROUP BY k';
const RANKED = 'ROW_NUMBER() OVER (PARTITION BY k ORDER BY price DESC) AS r';

const QUERIES: readonly (readonly [string, string])[] = [
  ['a projection', 'SELECT k, v + 1 AS w FROM bid WHERE v > 20'],
  ['a join', 'SELECT b.k, b.v, p.city FROM bid b JOIN person p ON b.k = p.k'],
  [
    'a join whose condition fails for some',
    'SELECT b.v, p.city FROM bid b JOIN person p ON b.k = p.k AND 100 / (b.v - p.v) < 50',
  ],
  [
    'an outer join',
    'SELECT b.k, b.v, p.city FROM bid b FULL JOIN person p ON b.k = p.k AND b.v < p.v',
  ],
  [
    'a join of totals that change',
    `SELECT a.k, a.n, a.s, p.city FROM (${TOTALS}) a JOIN person p ON a.k = p.k`,
  ],
  [
    'an outer join of totals that change',
    `SELECT a.k, a.n, p.city FROM (${TOTALS}) a FULL JOIN person p ON a.k = p.k AND a.n > 2`,
  ],
  [
    'a join behind a join',
    `SELECT a.k, a.v, q.v AS w FROM (SELECT b.k, b.v FROM bid b JOIN person p ON b.k = p.k) a
     JOIN person q ON a.k = q.k`,
  ],
  [
    'totals that change, only those that stand',
    `SELECT a.k, a.n, p.city FROM (${TOTALS}) a JOIN person p ON a.k = p.k EMIT FINAL`,
  ],
  ['a limit of what stands', `SELECT k, n FROM (${TOTALS}) LIMIT 3`],
  [
    'a limit within a query',
    'SELECT a.k, p.city FROM (SELECT k FROM bid LIMIT 9) a JOIN person p ON a.k = p.k',
  ],
  ['totals at the end', `${TOTALS} EMIT FINAL`],
  ['totals that change', TOTALS],
  ['totals of totals', `SELECT n, COUNT(*) AS m FROM (${TOTALS}) GROUP BY n`],
  ['many windows', `SELECT k, window_end, SUM(v) AS s FROM ${HOP} ${BY_WINDOW}`],
  [
    'many windows that change',
    `SELECT k, window_end, SUM(v) AS s FROM ${HOP} ${BY_WINDOW} EMIT CHANGES`,
  ],
  [
    'late records of many windows',
    `${LATE} SELECT k, window_end, SUM(v) AS s FROM ${HOP} ${BY_WINDOW}`,
  ],
  ['sessions', `SELECT k, window_end, SUM(v) AS s FROM ${SESSION} ${BY_WINDOW}`],
  [
    'sessions with late records',
    `${LATE} SELECT k, window_end, SUM(v) AS s FROM ${SESSION} ${BY_WINDOW}`,
  ],
  ['a window function', `SELECT k, v, window_start FROM ${HOP}`],
  [
    'windows of windows',
    `SELECT window_end, COUNT(*) AS n FROM (SELECT k, window_start, window_end, SUM(v) AS s
     FROM ${HOP} ${BY_WINDOW}) GROUP BY window_start, window_end`,
  ],
  ['an order', 'SELECT k, v, price FROM bid ORDER BY price DESC, v'],
  ['an order of totals', `SELECT k, n, s FROM (${TOTALS}) ORDER BY n DESC, k`],
  ['an order with a limit', 'SELECT k, v FROM bid ORDER BY v, k LIMIT 7'],
  [
    'an order within windows',
    `SELECT k, window_end, SUM(v) AS s FROM ${HOP} ${BY_WINDOW} ORDER BY window_end, s, k`,
  ],
  ['ranks', `SELECT k, v, r FROM (SELECT k, v, ${RANKED} FROM bid) WHERE r <= 5`],
  ['the best rows', `SELECT k, v FROM (SELECT k, v, ${RANKED} FROM bid) WHERE r <= 3`],
  ['running sums', 'SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS s FROM bid'],
  ['the row in front', 'SELECT k, LAG(v) OVER (PARTITION BY k ORDER BY ts) AS s FROM bid'],
  [
    'a buffer of rows',
    'SELECT k, MEDIAN(v) OVER (ROWS WINDOW BUFFER 5 ROWS PARTITION BY k ORDER BY v) AS m FROM bid',
  ],
  ['a union', 'SELECT k, v FROM bid UNION ALL SELECT k, v FROM person'],
  ['different rows', 'SELECT DISTINCT k, v FROM bid'],
];

function queryOf(sql: string): QueryPlan {
  const { plan, faults } = planSql(TABLES + sql);
  if (plan === null) throw new Error(faults.map(({ message }) => message).join('\n'));
  return plan.queries.at(-1) as QueryPlan;
}

function randomBlocks(seed: number): TableBlock[] {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return Array.from({ length: 30 }, (_, block) => ({
    table: random() < 0.7 ? 'bid' : 'person',
    split: below(2),
    rows: Array.from({ length: below(12) }, (): Values => {
      const isLate = random() < 0.1;
      return {
        k: random() < 0.1 ? null : `k${below(3)}`,
        city: `c${below(3)}`,
        v: below(20),
        price: below(100) / 8,
        ts: 1_700_000_000_000 + block * 250 + below(900) - (isLate ? 3000 : 0),
      };
    }),
  }));
}

/** Interrupted behind every row that counts, and by a sink that is full now and then. */
function runInPieces(
  query: QueryPlan,
  blocks: readonly TableBlock[],
  seed: number,
): RecordingContext {
  const random = seededRandom(seed);
  const context = newContext(query);
  const { errors, late, counters, limitReached } = context;
  const sink = {
    emit: (batch: Batch): void => {
      context.output.emit(batch);
      if (random() < 0.5) pipeline.flow.suspend();
    },
    watermark: context.output.watermark,
  };
  const pipeline = buildPipeline(
    query.root,
    { sink, errors, late, counters, limitReached },
    { suspends: true, pieceRows: 1 },
  );
  const { scans, flow } = pipeline;
  const settle = (): void => {
    while (flow.suspended) flow.resume();
  };
  const push = (call: () => void): void => {
    if (random() < 0.5) flow.suspend();
    call();
    settle();
  };
  for (const port of scans) push(() => port.setSplits([0, 1]));
  for (const block of blocks) {
    for (const port of scans) {
      if (port.node.table.name !== block.table) continue;
      const batch = batchFor(port.node, block);
      push(() => port.process(batch));
    }
  }
  for (const port of scans) {
    push(() => port.splitEnded(0));
    // What ends at once must not overtake either.
    port.splitEnded(1);
    port.end(true);
    settle();
  }
  return context;
}

describe('an answer in pieces', () => {
  test.each(QUERIES)('%s is what it is in one', (_, sql) => {
    const query = queryOf(sql);
    for (let seed = 1; seed <= 8; seed += 1) {
      const blocks = randomBlocks(seed);
      const whole = runWholeQuery(query, { blocks, splits: [0, 1] });
      const pieces = runInPieces(query, blocks, seed);
      expect(pieces.rows).toEqual(whole.rows);
      expect(pieces.ops).toEqual(whole.ops);
      expect(pieces.watermarks).toEqual(whole.watermarks);
      expect(pieces.failures).toEqual(whole.failures);
      expect(pieces.lateRecords).toEqual(whole.lateRecords);
      expect(pieces.counters).toEqual(whole.counters);
    }
  });
});

describe('a batch whose memory is used again while its answer is interrupted', () => {
  test.each([
    // So many windows that only some rows are brought to theirs at once.
    ['many windows', { kind: 'hopping', sizeMs: 10_000, advanceMs: 1 }],
    ['sessions', { kind: 'session', gapMs: 3 }],
  ] as const)('is answered as it was when it came: %s', (_, window) => {
    const node = windowNode({
      window,
      emission: 'final',
      strategy: 'drop',
      latenessMs: 0,
      boundMs: 0,
      splits: [0],
      flush: true,
      batchRows: 8,
    });
    const batchOfTimes = (): Batch => {
      const times = [5, 0, 3, 9, 2, 7, 1, 8];
      const batch = recordBatch(
        times.map((time, at) => ({ split: 0, time, key: `k${at % 2}`, value: at })),
      );
      batch.rowWatermarks = new Float64Array(times.length).fill(-1);
      return batch;
    };
    const types = node.schema.map(({ type }) => type);
    const whole = new RecordingContext(types);
    const undisturbed = new WindowAggregateOperator(node, whole);
    undisturbed.process(0, batchOfTimes());
    undisturbed.end(0, true);

    const { output, errors, late, counters, limitReached, rows } = new RecordingContext(types);
    const flow = new Flow(1);
    const gate = flow.newGate();
    const context = { output, errors, late, counters, limitReached, flow: gate };
    const operator = new WindowAggregateOperator(node, context);
    const batch = batchOfTimes();
    flow.suspend();
    operator.process(0, batch);
    expect(flow.suspended).toBe(true);
    for (const column of batch.columns) if (column.kind === 'f64') column.values.fill(4);
    while (flow.suspended) flow.resume();
    operator.end(0, true);
    while (flow.suspended) flow.resume();
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map(String).join('\n')).toBe(whole.rows.map(String).join('\n'));
  });
});

describe('a flow', () => {
  test('goes on with the last operator first, and lets nothing overtake', () => {
    const flow = new Flow(PIECE_ROWS);
    const sink = flow.newGate();
    const source = flow.newGate();
    const seen: string[] = [];
    function* work(name: string, steps: number): Work {
      for (let step = 0; step < steps; step += 1) {
        seen.push(`${name}${step}`);
        yield;
      }
    }
    sink.run(work('sink', 2), null);
    source.run(work('source', 2), null);
    sink.wait(() => seen.push('behind'), false);
    expect(flow.suspended).toBe(true);
    while (flow.suspended) flow.resume();
    expect(seen).toEqual(['sink0', 'source0', 'sink1', 'behind', 'source1']);
  });

  test('that is dropped does nothing more', () => {
    const flow = new Flow(PIECE_ROWS);
    const gate = flow.newGate();
    let steps = 0;
    function* endless(): Work {
      for (;;) {
        steps += 1;
        yield;
      }
    }
    gate.run(endless(), null);
    flow.resume();
    flow.drop();
    flow.resume();
    expect([steps, gate.busy, flow.suspended]).toEqual([2, false, false]);
  });
});
