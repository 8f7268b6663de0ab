/**
 * What metrics and backpressure cost, each part by itself for 64 partitions and against its target:
 * microseconds a call, as the median of the rounds. Owns the parts, the targets and the table; every
 * part checks its own result. bench/micro runs it and turns a missed target into its exit code.
 */
import Table from 'cli-table3';
import { assert } from '../../base/assert.js';
import { systemClock } from '../../base/clock.js';
import {
  PartitionCells,
  PartitionCounter,
  PartitionRegistry,
  SEVERITIES,
} from '../../metrics/partition-metrics.js';
import type { Severity } from '../../metrics/partition-metrics.js';
import { PrometheusExport } from '../../metrics/prometheus.js';
import { Backpressure } from '../../processors/partitioned/pressure/backpressure.js';
import { PARTITIONED_DEFAULTS } from '../../processors/partitioned/job-settings.js';
import { throttleDelayMs } from '../../processors/partitioned/pressure/throttle.js';
import { median } from '../statistics.js';

const PARTITIONS = 64;
const WORKERS = 2;
const HOT = 41;
const WARM_UP_ROUNDS = 8;
const ROUNDS = 9;
const ROUND_MS = 20;

export interface OverheadPart {
  readonly name: string;
  /** A call must take less, by the median of the rounds. */
  readonly targetUs: number;
  /** Makes `calls` calls and checks what they did. */
  readonly run: (calls: number) => void | Promise<void>;
}

export interface OverheadResult {
  readonly name: string;
  readonly targetUs: number;
  readonly medianUs: number;
  readonly worstUs: number;
}

export function overheadParts(): readonly OverheadPart[] {
  return [updatePart(), detectionPart(), hotPart(), throttlePart(), exportPart()];
}

/** Runs every part in turn. Rounds of the warm-up, until the code is compiled, are not counted. */
export async function measureOverheads(
  parts: readonly OverheadPart[],
): Promise<readonly OverheadResult[]> {
  const results: OverheadResult[] = [];
  for (const { name, targetUs, run } of parts) {
    const rounds: number[] = [];
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
      const us = await usPerCall(run);
      if (round >= 0) rounds.push(us);
    }
    results.push({ name, targetUs, medianUs: median(rounds), worstUs: Math.max(...rounds) });
  }
  return results;
}

/** Against the targets; false when one is missed. */
export function overheadTable(results: readonly OverheadResult[]): {
  readonly text: string;
  readonly met: boolean;
} {
  const table = new Table({
    head: ['overhead', 'median', 'worst round', 'target', ''],
    colAligns: ['left', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const { name, targetUs, medianUs, worstUs } of results) {
    const verdict = medianUs < targetUs ? 'met' : 'MISSED';
    table.push([name, usText(medianUs), usText(worstUs), `< ${targetUs} µs`, verdict]);
  }
  return {
    text: table.toString(),
    met: results.every(({ medianUs, targetUs }) => medianUs < targetUs),
  };
}

function usText(us: number): string {
  return `${us < 10 ? us.toFixed(3) : us.toFixed(0)} µs`;
}

/** Doubles the calls until a round is long enough for the clock. */
async function usPerCall(run: OverheadPart['run']): Promise<number> {
  for (let calls = 1; ; calls *= 2) {
    const startNs = systemClock.monotonicNs();
    await run(calls);
    const ns = systemClock.monotonicNs() - startNs;
    if (ns >= ROUND_MS * 1e6) return ns / calls / 1e3;
  }
}

function newCells(): PartitionCells {
  const memory = new Float64Array(PartitionCells.bytesFor(WORKERS, PARTITIONS) / 8);
  return new PartitionCells(memory, WORKERS, PARTITIONS);
}

/** All that a worker writes for one batch of one partition: eight cells, and the latency's four. */
function updatePart(): OverheadPart {
  const cells = newCells();
  let batches = 0;
  return {
    name: 'metric update, a batch of one partition',
    targetUs: 10,
    run: (calls) => {
      for (let call = 0; call < calls; call += 1) {
        const partition = call % PARTITIONS;
        const worker = partition % WORKERS;
        cells.add(worker, partition, PartitionCounter.rowsIn, 512);
        cells.add(worker, partition, PartitionCounter.rowsOut, 20);
        cells.add(worker, partition, PartitionCounter.rowsTaken, 512);
        cells.add(worker, partition, PartitionCounter.batches, 1);
        cells.add(worker, partition, PartitionCounter.busyUs, 3);
        cells.set(worker, partition, PartitionCounter.stateRows, 200);
        cells.set(worker, partition, PartitionCounter.watermarkMs, call);
        cells.set(worker, partition, PartitionCounter.utilisation, 0.5);
        cells.latency(worker, partition, 100);
      }
      batches += calls;
      assert(totalOf(cells, PartitionCounter.batches) === batches, 'every batch is counted');
      assert(totalOf(cells, PartitionCounter.rowsIn) === batches * 512, 'every row is counted');
    },
  };
}

function totalOf(cells: PartitionCells, counter: PartitionCounter): number {
  let total = 0;
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    total += cells.sum(partition, counter);
  }
  return total;
}

/** One call looks at every partition, and one of them rises and falls each time. */
function detectionPart(): OverheadPart {
  const backpressure = new Backpressure(PARTITIONED_DEFAULTS.backpressure, PARTITIONS);
  let rises = 0;
  return {
    name: 'backpressure detection, all partitions',
    targetUs: 1000,
    run: (calls) => {
      for (let call = 0; call < calls; call += 1) {
        const full = call % PARTITIONS;
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          backpressure.observe(partition, partition === full ? 0.9 : 0.3, 5, call);
        }
        assert(backpressure.worst() === 'critical', 'the full partition is seen');
      }
      // The partition that was full before falls as the next one rises.
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        backpressure.observe(partition, 0, 0, calls);
      }
      rises += calls;
      assert(backpressure.events === rises, 'every rise is counted once');
    },
  };
}

/** A registry with a second of counts, one partition far above the others. */
function countedRegistry(): PartitionRegistry {
  const cells = newCells();
  let ns = 0;
  const clock = { ...systemClock, monotonicNs: () => ns };
  const registry = new PartitionRegistry(cells, clock);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const rows = partition === HOT ? 900_000 : 1587;
    cells.add(partition % WORKERS, partition, PartitionCounter.rowsIn, rows);
    cells.set(partition % WORKERS, partition, PartitionCounter.watermarkMs, 1e12 + partition);
    cells.latency(partition % WORKERS, partition, 250 + partition);
  }
  ns = 1e9;
  registry.tick();
  return registry;
}

function hotPart(): OverheadPart {
  const registry = countedRegistry();
  return {
    name: 'hot-partition check, all partitions',
    targetUs: 10,
    run: (calls) => {
      for (let call = 0; call < calls; call += 1) {
        const hot = registry.hot();
        assert(hot.length === 1 && hot[0] === HOT, 'the hot partition is named, and it only');
      }
    },
  };
}

function throttlePart(): OverheadPart {
  const { throttle } = PARTITIONED_DEFAULTS;
  return {
    name: 'throttle calculation',
    targetUs: 1,
    run: (calls) => {
      let units = 0;
      for (let call = 0; call < calls; call += 1) {
        const severity = SEVERITIES[call % 4] as Severity;
        // In tenths of a millisecond, so that the sum is exact.
        units += Math.round(throttleDelayMs(severity, throttle) * 10);
      }
      const rest = [0, 0, 1, 3][calls % 4] as number;
      assert(units === Math.floor(calls / 4) * 103 + rest, 'every delay is the one of its tier');
    },
  };
}

/** From the cells to the text of a scrape. */
function exportPart(): OverheadPart {
  const registry = countedRegistry();
  const scrape = new PrometheusExport();
  const counts = { rowsIn: 1e6, rowsOut: 0, rowsLate: 0, rowsFailed: 0 };
  const hotLine = `velo_partition_records_in_total{query="q",partition="${HOT}"} 900000\n`;
  return {
    name: 'Prometheus export, all partitions',
    targetUs: 1000,
    run: async (calls) => {
      for (let call = 0; call < calls; call += 1) {
        const [rates, readRate] = [registry.rates(), registry.readRate()];
        const measured = { snapshot: registry.snapshot(), rates, readRate };
        const queries = [{ query: 'q', ...counts, ...measured }];
        const text = await scrape.text({ state: 'running', queries });
        assert(text.includes(hotLine), 'the text has the counters');
      }
    },
  };
}
