/**
 * State that is numbered with 32 bits: where a place is full the job ends with an error that names
 * it, on every way there is to fill one; never with rows of something else. The limits are small
 * here; docs/limits.md has the real ones.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { countRoom, entryRoom, snapshotRoom } from '../../dist/columnar/byte-room.js';
import { StateReader, StateWriter } from '../../dist/state/snapshot.js';
import { DistinctSketches } from '../../dist/state/values/distinct-sketch.js';
import { runSql } from '../support/run-sql.js';

const ENTRIES = entryRoom.entriesMax;
const COUNT = countRoom.countMax;
const SNAPSHOT = snapshotRoom.bytesMax;
const folder = mkdtempSync(join(tmpdir(), 'velo-number-room-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  entryRoom.entriesMax = ENTRIES;
  countRoom.countMax = COUNT;
  snapshotRoom.bytesMax = SNAPSHOT;
});

const ROWS = 300;
const rows = Array.from({ length: ROWS }, (_, i) => `{"i":${i},"s":"t${i}","ts":${i * 5000}}\n`);
writeFileSync(join(folder, 't.jsonl'), rows.join(''));
const TABLE = `CREATE TABLE t (i BIGINT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' DAY)
  WITH ('connector' = 'file', 'path' = '${join(folder, 't.jsonl')}', 'format' = 'json');\n`;

const FULL: readonly (readonly [string, string])[] = [
  ['groups', 'SELECT i, COUNT(*) AS n FROM t GROUP BY i'],
  ['groups', 'SELECT DISTINCT i FROM t'],
  ['groups', 'SELECT i, COUNT(*) AS n FROM t GROUP BY i WINDOW TUMBLING(ts, 1d)'],
  ['different texts', 'SELECT MAX(s) AS a, COUNT(DISTINCT s) AS n FROM t GROUP BY i % 2'],
  ['different values of groups', 'SELECT COUNT(DISTINCT i) AS n FROM t'],
  ['groups', 'SELECT i % 2 AS k, COUNT(*) AS n FROM t GROUP BY i % 2 WINDOW SESSION(ts, 1s)'],
  ['kept rows', 'SELECT a.i FROM t a JOIN t b ON a.i % 2 = b.i % 2 AND a.i < b.i - 290'],
  ['kept rows', 'SELECT i, SUM(i) OVER (ORDER BY ts) AS n FROM t'],
  [
    'kept rows',
    'SELECT i FROM (SELECT i, ROW_NUMBER() OVER (PARTITION BY i % 2 ORDER BY i) AS n FROM t) AS x WHERE n <= 200',
  ],
  [
    'rows of ROWS buffers',
    'SELECT i, SUM(i) OVER (ROWS WINDOW BUFFER 200 ROWS PARTITION BY i % 2) AS n FROM t',
  ],
];

/** Groups with one count: equal rows that may be taken back. */
const EQUAL = '(SELECT COUNT(*) AS n FROM t GROUP BY i)';
const MANY: readonly (readonly [string, string])[] = [
  ['equal rows', `SELECT a.n FROM ${EQUAL} AS a JOIN (SELECT i FROM t) AS b ON a.n = b.i`],
  [
    'partners of a row',
    `SELECT a.i FROM (SELECT i FROM t WHERE i < 9) AS a LEFT JOIN t b ON a.i % 1 = b.i % 1`,
  ],
];

describe('a place that is full', () => {
  it.each(FULL)('of %s ends the job with its name: %s', async (what, query) => {
    const whole = await runSql(`${TABLE}${query};`);
    expect(whole.exit, whole.errorText).toBe(0);
    entryRoom.entriesMax = 128;
    const { exit, errorText } = await runSql(`${TABLE}${query};`, { onError: 'skip' });
    expect(errorText).toContain('error[VELO_STATE_TOO_LARGE]');
    expect(errorText).toContain(`${what} are more than 128 in one place`);
    expect(exit).toBe(1);
  });

  it.each(MANY)('of %s ends the job with its name: %s', async (what, query) => {
    const whole = await runSql(`${TABLE}${query};`);
    expect(whole.exit, whole.errorText).toBe(0);
    countRoom.countMax = 40;
    const { exit, errorText } = await runSql(`${TABLE}${query};`, { onError: 'skip' });
    expect(errorText).toContain('error[VELO_STATE_TOO_LARGE]');
    expect(errorText).toContain(`${what} are more than 40`);
    expect(exit).toBe(1);
  });

  it('of hashes is the largest estimate, never NaN', () => {
    const writer = new StateWriter();
    writer.beginEntry(1);
    writer.writeBoolean(true);
    // 2^14 registers, each with the highest rank that 32 bits of hash allow.
    writer.writeBytes(new Uint8Array(2 ** 14).fill(19), 0, 2 ** 14);
    writer.endEntry();
    const reader = new StateReader(writer.finish());
    reader.nextEntry();
    const sketches = new DistinctSketches(null as never, 0);
    sketches.restore(reader, 0);
    const values = new Float64Array(1);
    sketches.write(0, { columns: [{ kind: 'f64', values }] } as never, 0, 0);
    expect(values[0]).toBeGreaterThan(2 ** 32);
    expect(values[0]).toBeLessThan(2 ** 37);
  });

  it('of a snapshot is an error, not a length that wrapped', () => {
    snapshotRoom.bytesMax = 10_000;
    const writer = new StateWriter();
    writer.beginEntry(1);
    expect(() => {
      for (let at = 0; at < 2000; at += 1) writer.writeF64(at);
    }).toThrow(expect.objectContaining({ code: 'VELO_STATE_TOO_LARGE' }) as Error);
    expect(writer.byteCount).toBeLessThanOrEqual(10_000);
  });
});

describe('the limits', () => {
  it('are what 32-bit numbers and masks of twice as many places hold', () => {
    expect([ENTRIES, COUNT, SNAPSHOT]).toEqual([2 ** 30, 2 ** 31 - 1, 2 ** 32 - 1]);
    expect((2 * ENTRIES - 1) | 0).toBe(2 * ENTRIES - 1);
  });
});
