/**
 * The end of memory from outside: kinds of state and of values that grow × heaps of 128, 256 and
 * 512 MiB × V1 and V2, as processes of their own. Each completes, or ends with an error that says
 * which operator holds how much and what helps; none ends by a signal, with a dump of V8's or with
 * its words. A seeded sample, one cell for each kind but the slowest; all with VELO_MEMORY_MATRIX=all, and
 * VELO_MEMORY_LOG names a file for what became of them.
 */
import { spawn } from 'node:child_process';
import { readFileSync, appendFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VELO } from '../support/velo-process.js';

const LIMIT_MS = 600_000;

function numbers(name: string, rows: number): string {
  return `CREATE TABLE ${name} (i BIGINT, k AS i % 1000, t AS REPEAT('x', 100) || i,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i, 3), WATERMARK FOR ts AS ts)
    WITH ('connector' = 'generator', 'rows' = '${rows}');\n`;
}

const TWO = numbers('a', 600_000) + numbers('b', 600_000);
const G = numbers('g', 700_000);

/** Each holds more with every record. */
const QUERIES: Readonly<Record<string, string>> = {
  'many groups': `${G} SELECT i, COUNT(*) AS n, SUM(k) AS s FROM g GROUP BY i EMIT FINAL`,
  'groups that change': `${G} SELECT i, COUNT(*) AS n, MIN(t) AS t FROM g GROUP BY i`,
  'text keys': `${G} SELECT t, COUNT(*) AS n FROM g GROUP BY t EMIT FINAL`,
  'distinct counts': `${G} SELECT COUNT(DISTINCT t) AS n, COUNT(DISTINCT i) AS m FROM g EMIT FINAL`,
  'distinct counts of groups': `${G} SELECT k, COUNT(DISTINCT t) AS n FROM g GROUP BY k EMIT FINAL`,
  lists: `${G} SELECT k, ARRAY_AGG(t) AS l FROM g GROUP BY k EMIT FINAL`,
  'one list': `${G} SELECT ARRAY_AGG(i) AS l FROM g EMIT FINAL`,
  'joined texts': `${G} SELECT k, LISTAGG(t) AS l FROM g GROUP BY k EMIT FINAL`,
  'one joined text': `${G} SELECT LENGTH(STRING_AGG(REPEAT('x', 1000), '')) AS n FROM g EMIT FINAL`,
  'joined rows': `${TWO} SELECT a.i, a.t, b.t AS u FROM a JOIN b ON a.i = b.i + 50000000`,
  'outer join': `${TWO} SELECT a.i, a.t, b.t AS u FROM a FULL JOIN b ON a.i = b.i`,
  'a limit of what stands': `${numbers('a', 30_000)}${numbers('b', 30_000)} SELECT a.i, b.i AS j, a.t
    FROM a FULL JOIN b ON MOD(a.i, 1) = MOD(b.i, 1) LIMIT 10`,
  'interval join': `${TWO} SELECT a.i, a.t, b.t AS u FROM a JOIN b ON a.k = b.k
    AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1' DAY AND a.i + b.i < 0`,
  sessions: `${G} SELECT t, COUNT(*) AS n FROM
    TABLE(SESSION(TABLE g PARTITION BY t, DESCRIPTOR(ts), INTERVAL '1' DAY))
    GROUP BY t, window_start, window_end`,
  'many windows': `${numbers('g', 60_000)} SELECT k, window_end, COUNT(*) AS n FROM
    TABLE(HOP(TABLE g, DESCRIPTOR(ts), INTERVAL '1' MILLISECOND, INTERVAL '2' SECOND))
    GROUP BY k, window_start, window_end`,
  over: `${G} SELECT i, LAST_VALUE(t) OVER (PARTITION BY i ORDER BY ts) AS s FROM g`,
  'over a range': `${G} SELECT i, MAX(t) OVER (PARTITION BY k ORDER BY ts
    RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW) AS s FROM g`,
  'buffers of rows': `${G} SELECT i, COUNT(t) OVER
    (ROWS WINDOW BUFFER 1000000 ROWS PARTITION BY k ORDER BY i) AS m FROM g`,
  'numbered rows': `${G} SELECT i, t FROM (SELECT i, t, ROW_NUMBER() OVER
    (PARTITION BY k ORDER BY i) AS r FROM g) WHERE r <= 1000000`,
  'distinct rows': `${G} SELECT DISTINCT i, t FROM g`,
  order: `${G} SELECT i, t FROM g ORDER BY k DESC, t`,
  'final rows': `${G} SELECT i, MAX(t) AS t, COUNT(*) AS n FROM g GROUP BY i ORDER BY n, i LIMIT 500000`,
  'a union of groups': `${TWO} SELECT t, COUNT(*) AS n FROM (SELECT t FROM a UNION ALL
    SELECT t || 'b' FROM b) GROUP BY t EMIT FINAL`,
  'wide rows': `CREATE TABLE g (i BIGINT, ${Array.from({ length: 60 }, (_, c) => `c${c} AS REPEAT('w', 200) || (i + ${c})`).join(', ')})
    WITH ('connector' = 'generator', 'rows' = '40000'); SELECT * FROM g ORDER BY c0 DESC`,
  'texts that grow': `CREATE TABLE g (i BIGINT, s AS REPEAT('a', 2000)) WITH ('connector' = 'generator',
    'rows' = '10000'); SELECT REPLACE(REPLACE(s, 'a', s), 'a', s) AS l FROM g`,
  'JSON out': `CREATE TABLE g (i BIGINT, s AS REPEAT('"', 1000000)) WITH ('connector' = 'generator',
    'rows' = '20'); SELECT ARRAY[s, s, s, s] AS l, s FROM g`,
  'long values': `CREATE TABLE g (i BIGINT, s AS REPEAT('é', 300000) || i) WITH ('connector' = 'generator',
    'rows' = '400'); SELECT s, UPPER(s) AS u, COUNT(*) AS n FROM g GROUP BY s EMIT FINAL`,
};

const HEAPS = [128, 256, 512];
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  V1: ['--arch', 'v1'],
  V2: ['--arch', 'v2', '--partitions', '4', '--workers', '2'],
};

interface End {
  readonly exit: number | string | null;
  readonly stderr: string;
  readonly ms: number;
  readonly peakMib: number;
}

function endOf(sql: string, heapMib: number, flags: readonly string[]): Promise<End> {
  const startMs = performance.now();
  const child = spawn(process.execPath, [VELO, 'run', '-q', '-e', sql, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: `--max-old-space-size=${heapMib}` },
  });
  let [stderr, peakMib] = ['', 0];
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString('utf8')));
  const looking = setInterval(() => {
    try {
      const seen = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
      peakMib = Math.max(peakMib, Number(seen?.[1] ?? 0) / 1024);
    } catch {
      // Over, or a system without /proc: the figure is for the log alone.
    }
  }, 50);
  const kill = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS / 2);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearInterval(looking);
      clearTimeout(kill);
      resolve({ exit: code ?? signal, stderr, ms: performance.now() - startMs, peakMib });
    });
  });
}

function note(line: string): void {
  const log = process.env['VELO_MEMORY_LOG'];
  if (log !== undefined) appendFileSync(log, `${line}\n`);
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Cell = readonly [string, number, string];

/** They take a minute or two to fill a heap: not in the sample. */
const SLOW: ReadonlySet<string> = new Set(['many windows', 'buffers of rows']);

function cells(): readonly Cell[] {
  const next = random(19);
  return Object.keys(QUERIES).flatMap((query) => {
    const all = HEAPS.flatMap((heap) =>
      Object.keys(ARCHITECTURES).map((architecture): Cell => [query, heap, architecture]),
    );
    if (process.env['VELO_MEMORY_MATRIX'] === 'all') return all;
    const chosen = all[Math.floor(next() * all.length)]!;
    return SLOW.has(query) ? [] : [chosen];
  });
}

describe('a job whose memory ends', () => {
  it.each(cells())(
    '%s, a heap of %i MiB, %s: says so, or completes',
    async (query, heapMib, architecture) => {
      const end = await endOf(QUERIES[query]!, heapMib, ARCHITECTURES[architecture]!);
      const [first, ...rest] = end.stderr.trim().split('\n');
      const place = `${query.padEnd(26)} ${heapMib} MiB ${architecture}`;
      const cost = `${(end.ms / 1e3).toFixed(1).padStart(6)} s ${end.peakMib.toFixed(0).padStart(5)} MiB`;
      note(
        [`${place} ${cost}  exit ${end.exit}  ${first}`, ...rest.map((l) => `    ${l}`)].join('\n'),
      );
      expect(end.stderr).not.toMatch(
        /FATAL|VELO_INTERNAL|    at |allocation failed|length$|maximum size|RangeError|heap out of/im,
      );
      if (end.exit === 0) return;
      expect(end.exit).toBe(1);
      expect(end.stderr).toMatch(
        /^error\[VELO_(MEMORY_EXHAUSTED|VALUE_INVALID|STATE_TOO_LARGE|RECORD_TOO_LARGE)\]/,
      );
      expect(end.stderr).toMatch(/^hint: /m);
    },
    LIMIT_MS,
  );
});
