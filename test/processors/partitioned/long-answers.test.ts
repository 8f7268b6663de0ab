/**
 * Law 15 on V2: an answer that is long leaves its partitions piece by piece, with a chance to stop
 * before each. Owns the partitions of one worker, driven as its turns would: what comes out between
 * two chances, in which order, and that nothing of a turn is left behind. A join is on top, so that
 * nothing behind it could cut its rows. Ends of whole jobs are test/cli/stop-matrix.
 */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import type { Batch } from '../../../src/columnar/batch.js';
import { BATCH_ROWS_MAX } from '../../../src/columnar/batch.js';
import { PartitionCells } from '../../../src/metrics/partition-metrics.js';
import type { FragmentPlan } from '../../../src/plan/fragments/fragment-plan.js';
import { planFragments } from '../../../src/plan/fragments/fragments.js';
import type { QueryPlan } from '../../../src/plan/pipeline/pipeline-plan.js';
import type { StreamPlace } from '../../../src/processors/partitioned/exchange/stream.js';
import { PartitionHost } from '../../../src/processors/partitioned/worker/partition-host.js';
import { PartitionStateManager } from '../../../src/processors/partitioned/worker/partition-state.js';
import { WorkerTime } from '../../../src/processors/partitioned/worker/worker-time.js';
import { PIECE_ROWS } from '../../../src/runtime/flow.js';
import { planSql } from '../../plan/support.js';
import { batchOf, RecordingContext } from '../../runtime/stream-support.js';

const TABLES = `
CREATE TABLE a (k BIGINT, v BIGINT) WITH ('connector' = 'file', 'path' = 'a', 'format' = 'json');
CREATE TABLE b (k BIGINT, w BIGINT) WITH ('connector' = 'file', 'path' = 'b', 'format' = 'json');
CREATE TABLE c (k BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'file', 'path' = 'c', 'format' = 'json');
CREATE TABLE d (k BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'file', 'path' = 'd', 'format' = 'json');
`;
const JOIN = 'SELECT a.v, b.w FROM a JOIN b ON a.k = b.k';
const windowsOf = (table: string): string => `SELECT k, window_end, COUNT(*) AS n FROM
  TABLE(TUMBLE(TABLE ${table}, DESCRIPTOR(ts), INTERVAL '1' SECOND))
  GROUP BY k, window_start, window_end`;
const JOIN_OF_WINDOWS = `SELECT x.k, x.n, y.n AS m FROM (${windowsOf('c')}) x
  JOIN (${windowsOf('d')}) y ON x.k = y.k AND x.window_end = y.window_end`;
/** A piece, and the batch that went beyond it. */
const PIECE_MAX = PIECE_ROWS + BATCH_ROWS_MAX;
/** Partitions that have put out less than a piece together, and one more. */
const AT_ONCE_MAX = PIECE_ROWS + PIECE_MAX;
const LEFT = 4000;
const RIGHT = 400;
const GROUPS = 40 * BATCH_ROWS_MAX;

function queryOf(sql: string): QueryPlan {
  const { plan, faults } = planSql(TABLES + sql);
  if (plan === null) throw new Error(faults.map(({ message }) => message).join('\n'));
  return plan.queries[0] as QueryPlan;
}

/** A batch that a partition put out. */
interface Emitted {
  readonly partition: number;
  readonly part: number;
  readonly rows: number;
}

class HostOfPartitions {
  readonly host: PartitionHost;
  readonly fragments: FragmentPlan;
  readonly emitted: Emitted[] = [];
  rows = 0;
  /** The most rows between two chances to stop. */
  mostAtOnce = 0;
  /** The most rows that whoever puts the streams in order had to keep. */
  mostKept = 0;
  turnsDone = 0;
  chances = 0;
  /** Called at each chance; may throw. */
  onChance: () => void = () => undefined;
  isUseless: () => boolean = () => false;
  private readonly partitions: number;
  private sinceChance = 0;
  private part = 0;
  /** Rows of the part at hand, by stream and the record that they answer to; Infinity: to none. */
  private kept: Map<number, number>[] = [];
  private place: StreamPlace | null = null;

  constructor(sql: string, partitions: number) {
    const query = queryOf(sql);
    this.partitions = partitions;
    this.fragments = planFragments(query, { strategy: null });
    const { fragments, edges, sources } = this.fragments;
    const { errors, late } = new RecordingContext([]);
    const cells = new PartitionCells(
      new Float64Array(PartitionCells.bytesFor(1, partitions) / Float64Array.BYTES_PER_ELEMENT),
      1,
      partitions,
    );
    expect(fragments.map(({ level, target }) => [level, target])).toEqual([[1, null]]);
    const managers = fragments.flatMap((fragment) =>
      Array.from(
        { length: partitions },
        (_, partition) =>
          new PartitionStateManager({
            partition,
            fragment,
            everyRowWatermark: false,
            errors,
            late,
            limitReached: () => undefined,
            emit: (from, batch) => this.take(from, batch),
            cells,
            worker: 0,
            memory: null,
            stream: partition,
            check: () => this.chance(),
            isUseless: () => this.isUseless(),
          }),
      ),
    );
    this.host = new PartitionHost({
      fragments: this.fragments,
      lanes: edges.map(({ index }) => ({
        source: sources.findIndex(({ edge }) => edge === index),
        at: 0,
        split: 0,
        sourceName: 'test',
        edge: index,
        idleTimeoutMs: 0,
        reading: 'shared',
        owner: null,
      })),
      workers: 1,
      managers,
      cells,
      worker: 0,
      time: new WorkerTime(systemClock).addQuery(cells.workerRow(0)),
      isCut: () => false,
      progress: (_, place) => this.told(place),
      check: () => this.chance(),
      turnDone: () => {
        this.turnsDone += 1;
        this.forget(0);
      },
      snapshot: () => undefined,
    });
  }

  /** A turn with one block of the source's rows, which go to the partitions in turn. */
  turn(source: number, columns: readonly (readonly number[])[], watermarkMs = -Infinity): void {
    const { edge } = this.fragments.sources[source] as { readonly edge: number };
    const batch = batchOf(columns);
    batch.header.watermarkAfter = watermarkMs;
    if (this.partitions === 1) this.host.wholeBatch(edge, batch);
    else this.host.rows(edge, batch, (partition) => this.rowsOf(partition, batch.rowCount));
    this.host.turnEnd({ lane: edge, watermarkMs, ingestMs: 0 }, 0, Number.POSITIVE_INFINITY);
  }

  private rowsOf(partition: number, count: number): Int32Array {
    const rows = Array.from({ length: count }, (_, row) => row);
    return Int32Array.from(rows.filter((row) => row % this.partitions === partition));
  }

  private chance(): void {
    this.chances += 1;
    this.sinceChance = 0;
    this.onChance();
  }

  private take(partition: number, { origins, selection, selectedCount }: Batch): void {
    const { part } = this.host;
    if (part !== this.part) this.forget(part);
    this.emitted.push({ partition, part, rows: selectedCount });
    this.rows += selectedCount;
    this.sinceChance += selectedCount;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.sinceChance);
    const kept = (this.kept[partition] ??= new Map<number, number>());
    for (let at = 0; at < selectedCount; at += 1) {
      const key = origins?.[selection === null ? at : (selection[at] as number)] ?? Infinity;
      if (this.isAtPlace(key, partition)) continue;
      kept.set(key, (kept.get(key) ?? 0) + 1);
    }
    const rows = this.kept.flatMap((counts) => [...counts.values()]);
    this.mostKept = Math.max(
      this.mostKept,
      rows.reduce((sum, each) => sum + each, 0),
    );
  }

  /** Rows up to the place are handed on: none may come before it any more. */
  private told(place: StreamPlace): void {
    expect(place.part).toBe(this.host.part);
    this.place = place;
    this.kept.forEach((counts, stream) => {
      for (const key of counts.keys())
        if (key < place.key || (key === place.key && stream <= place.stream)) counts.delete(key);
    });
  }

  /** Rows at the place are handed on as they come; behind it others may come before them. */
  private isAtPlace(key: number, stream: number): boolean {
    const { place } = this;
    if (place === null) return false;
    if (key === place.key && stream === place.stream) return true;
    if (key > place.key || (key === place.key && stream > place.stream)) return false;
    throw new Error(`record ${key} of stream ${stream} came behind ${JSON.stringify(place)}`);
  }

  private forget(part: number): void {
    this.part = part;
    this.kept = [];
    this.place = null;
  }
}

/** Rows whose key is that of their partition: each meets all of the other side that are there. */
function joinRows(count: number, partitions: number): number[][] {
  const rows = Array.from({ length: count }, (_, row) => row);
  return [rows.map((row) => row % partitions), rows];
}

function joinOf(partitions: number): HostOfPartitions {
  const job = new HostOfPartitions(JOIN, partitions);
  job.turn(0, joinRows(LEFT, partitions));
  expect(job.rows).toBe(0);
  return job;
}

describe.each([1, 4])('a join on top, over %i partitions', (partitions) => {
  const all = (LEFT * RIGHT) / partitions;

  it('puts out a bounded piece between two chances to stop, and all of it in its turn', () => {
    const job = joinOf(partitions);
    job.turn(1, joinRows(RIGHT, partitions));
    expect(job.rows).toBe(all);
    expect(new Set(job.emitted.map(({ part }) => part))).toEqual(new Set([1]));
    expect(job.mostAtOnce).toBeLessThanOrEqual(AT_ONCE_MAX);
    expect(job.chances).toBeGreaterThanOrEqual(Math.floor(all / AT_ONCE_MAX));
    expect(job.turnsDone).toBe(2);
  });

  it('lets who puts the partitions in order keep only some pieces of each', () => {
    const job = joinOf(partitions);
    job.turn(1, joinRows(RIGHT, partitions));
    expect(all).toBeGreaterThan(4 * partitions * PIECE_MAX);
    expect(job.mostKept).toBeLessThanOrEqual(2 * partitions * PIECE_MAX);
  });

  it('ends where it is told to stop', () => {
    const job = joinOf(partitions);
    const stop = new Error('stop');
    job.onChance = () => {
      if (job.rows > 5 * PIECE_MAX) throw stop;
    };
    expect(() => job.turn(1, joinRows(RIGHT, partitions))).toThrow(stop);
    expect(job.rows).toBeLessThanOrEqual(5 * PIECE_MAX + AT_ONCE_MAX);
  });

  it('ends where nobody needs its rows any more', () => {
    const job = joinOf(partitions);
    job.isUseless = () => job.rows > 5 * PIECE_MAX;
    job.turn(1, joinRows(RIGHT, partitions));
    expect(job.turnsDone).toBe(2);
    expect(job.rows).toBeLessThanOrEqual((5 + partitions) * PIECE_MAX);
  });
});

it('of many partitions, each with little to put out, has chances to stop between them', () => {
  const partitions = 64;
  const job = new HostOfPartitions(JOIN, partitions);
  for (let turn = 0; turn < 16; turn += 1) job.turn(0, joinRows(64 * partitions, partitions));
  // Eight rows of each partition, whose answers are half a piece.
  job.turn(1, joinRows(8 * partitions, partitions));
  expect(job.rows).toBe(64 * 8 * 1024);
  expect(job.mostAtOnce).toBeLessThanOrEqual(AT_ONCE_MAX);
});

describe.each([
  ['windows', windowsOf('c')],
  ['a join of windows', JOIN_OF_WINDOWS],
])('%s that close', (_, sql) => {
  it.each([1, 4])('give their rows in that turn, partition by partition of %i', (partitions) => {
    const job = new HostOfPartitions(sql, partitions);
    const sources = job.fragments.sources.map((_source, at) => at);
    for (const source of sources) {
      for (let from = 0; from < GROUPS; from += BATCH_ROWS_MAX) {
        const keys = Array.from({ length: BATCH_ROWS_MAX }, (_key, row) => from + row);
        job.turn(source, [keys, keys.map(() => 5)], 5);
      }
    }
    // Only when the last source has closed its window a join has rows.
    for (const source of sources) {
      expect(job.rows).toBe(0);
      job.turn(source, [[0], [5000]], 5000);
    }
    expect(job.rows).toBe(GROUPS);
    expect(job.mostAtOnce).toBeLessThanOrEqual(AT_ONCE_MAX);
    const order = job.emitted.map(({ partition }) => partition);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(job.emitted.map(({ part }) => part)).size).toBe(1);
    expect(job.mostKept).toBeLessThanOrEqual(2 * PIECE_MAX);
  });
});
