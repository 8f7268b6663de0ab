/**
 * Memory of a running job: nothing is allocated per row, and what is resident does not grow with
 * the records that went through.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { VELO } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Scenario 2 into the blackhole. */
const SQL = (rows: number): string => `
  CREATE TABLE market_data (trader_id STRING AS 'TRADER' || i % 20, symbol STRING AS 'SYM' || i % 10,
    price DOUBLE AS 100.0 + (i % 50), quantity BIGINT AS 100 + (i % 1000))
    WITH ('connector' = 'generator', 'rows' = '${rows}');
  CREATE TABLE o (trader_id STRING, symbol STRING, trade_count BIGINT, avg_price DOUBLE,
    total_quantity BIGINT, total_value DOUBLE) WITH ('connector' = 'blackhole');
  INSERT INTO o SELECT trader_id, symbol, COUNT(*), AVG(price), SUM(quantity), SUM(price * quantity)
  FROM market_data GROUP BY trader_id, symbol;`;

interface Run {
  /** Collections of the young generation, each after at most 16 MiB of allocation. */
  readonly scavenges: number;
  readonly rssPeakBytes: number;
}

function run(rows: number): Run {
  const stats = join(folder, `stats-${rows}.json`);
  const args = ['--trace-gc', VELO, 'run', '-q', '-e', SQL(rows), '--stats-json', stats];
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 240_000,
  });
  expect(status).toBe(0);
  const { rssPeakBytes } = JSON.parse(readFileSync(stats, 'utf8')) as { rssPeakBytes: number };
  return { scavenges: stdout.match(/Scavenge/g)?.length ?? 0, rssPeakBytes };
}

describe('scenario 2', () => {
  it('allocates less than 3 bytes per extra row, and stays resident within 10 %', () => {
    const few = run(2_000_000);
    const many = run(12_000_000);
    expect(few.scavenges).toBeGreaterThan(0);
    expect(many.scavenges - few.scavenges).toBeLessThanOrEqual(2);
    expect(many.rssPeakBytes / few.rssPeakBytes).toBeLessThan(1.1);
  }, 240_000);
});
