/**
 * Open-loop accounting with a clock by hand: latency counts from when a record was due.
 */
import { describe, expect, it } from 'vitest';
import { LatencyLog } from '../../src/processors/latency-log.js';

const MS = 1e6;

/** 1,000 records, one due each ms and read at once, but for a stall of 100 ms in the middle. */
function stalled(
  record: (log: LatencyLog, read: { ns: number; first: number; rows: number }) => void,
) {
  const log = new LatencyLog({ nowMs: () => 0, monotonicNs: () => 0 });
  for (let row = 0; row < 500; row += 1) record(log, { ns: row * MS, first: row, rows: 1 });
  record(log, { ns: 600 * MS, first: 500, rows: 101 });
  for (let row = 601; row < 1000; row += 1) record(log, { ns: row * MS, first: row, rows: 1 });
  return log;
}

const SERVICE_NS = 20_000;

describe('latency log', () => {
  it('shows a stall in all records that were due in it, although service was short', () => {
    const open = stalled((log, { ns, first, rows }) => {
      const dueFirstNs = first * MS;
      const dueLastNs = (first + rows - 1) * MS;
      log.done({ readNs: ns, dueFirstNs, dueLastNs }, rows, ns + SERVICE_NS);
    });
    const { p50, p95, p99, max } = open.latencyUs.percentiles();
    expect(open.openLoop).toBe(true);
    expect(open.latencyUs.totalCount).toBe(1000);
    expect(p50).toBeLessThan(25);
    expect(p95).toBeGreaterThan(40_000);
    expect(p99).toBeGreaterThan(80_000);
    expect(max).toBeGreaterThan(99_000);

    const service = stalled((log, { ns, rows }) => {
      const noRate = { dueFirstNs: Number.NaN, dueLastNs: Number.NaN };
      log.done({ readNs: ns, ...noRate }, rows, ns + SERVICE_NS);
    });
    expect(service.openLoop).toBe(false);
    expect(service.latencyUs.percentiles().max).toBeLessThan(25);
  });

  it('gives records that were due together one latency, the longest', () => {
    const log = new LatencyLog({ nowMs: () => 0, monotonicNs: () => 0 });
    log.done({ readNs: 5 * MS, dueFirstNs: 0, dueLastNs: 40_000 }, 100, 10 * MS);
    expect(log.latencyUs.totalCount).toBe(100);
    expect(log.latencyUs.percentiles().p50).toBeGreaterThan(9990);
  });

  it('counts rows by the interval in which they were read, empty ones too', () => {
    const log = new LatencyLog({ nowMs: () => 0, monotonicNs: () => 0 });
    log.read({ readNs: 7 * MS, rowsRead: 3 });
    log.read({ readNs: 106 * MS, rowsRead: 4 });
    log.read({ readNs: 307 * MS, rowsRead: 5 });
    expect(log.intervalRows()).toEqual([7, 0, 0, 5]);
  });
});
