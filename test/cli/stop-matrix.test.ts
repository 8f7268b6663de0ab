/**
 * Law 15 from outside: whatever a job is doing, it ends when it is asked to, and keeps little
 * meanwhile. Operators with long answers × ways to end × V1 and V2, as processes of their own. A
 * seeded sample; all of them with VELO_STOP_MATRIX=all, and VELO_STOP_LOG names a file for what they
 * took. What counts is processor time after the request, and the time of day at this machine's pace:
 * a busy one fails nothing. Memory behind a reader who stalls is compared with that of the same job
 * behind one who reads on. Needs /proc.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, appendFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { atThisPace } from '../support/machine-pace.js';
import { velo, VELO } from '../support/velo-process.js';

const LIMIT_MS = 240_000;
/** How long an end may take, and what it may cost. */
const END_MS = 2000;
const END_CPU_MS = 2000;
const MEMORY_MIB = 500;
/** Of the same job behind a reader who reads on. */
const MEMORY_RATIO = 1.5;
const SIGINT_BIT = 1n << 1n;
/** Clock ticks of /proc per second. */
const TICKS = 100;
const SAMPLE = 8;
const SILENT_MS = 2000;

const LONG = `'some text to make the row longer ........................................' AS t`;

function numbers(name: string, rows: number | null): string {
  const bound = rows === null ? '' : `, 'rows' = '${rows}'`;
  return `CREATE TABLE ${name} (i BIGINT, k BIGINT AS i % 1000,
    ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i, 3), WATERMARK FOR ts AS ts)
    WITH ('connector' = 'generator'${bound});\n`;
}

const TWO = numbers('a', 30_000) + numbers('b', 30_000);
const HOP = `TABLE(HOP(TABLE g, DESCRIPTOR(ts), INTERVAL '1' MILLISECOND, INTERVAL '1' SECOND))`;

/** Each with an answer, or a piece of work, that is long. */
const QUERIES: Readonly<Record<string, string>> = {
  projection: `${numbers('g', null)} SELECT i, i * 2 AS j, ${LONG} FROM g`,
  'wide join': `${TWO} SELECT a.i, b.i AS j, ${LONG} FROM a JOIN b ON MOD(a.i, 1) = MOD(b.i, 1)`,
  'join over many keys': `${TWO} SELECT a.i, b.i AS j, ${LONG} FROM a JOIN b
    ON MOD(a.i, 7) = MOD(b.i, 7)`,
  'outer join': `${TWO} SELECT a.i, b.i AS j, ${LONG} FROM a FULL JOIN b
    ON MOD(a.i, 1) = MOD(b.i, 1)`,
  'join of windows': `${numbers('a', 60_000)}${numbers('b', 60_000)} SELECT x.i, y.i AS j, ${LONG}
    FROM (SELECT i, window_end FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' DAY))
      GROUP BY i, window_start, window_end) x
    FULL JOIN (SELECT i, window_end FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' DAY))
      GROUP BY i, window_start, window_end) y ON x.i = y.i + 1000000 AND x.window_end = y.window_end`,
  'join that finds nothing': `${TWO} SELECT a.i, b.i AS j FROM a JOIN b
    ON MOD(a.i, 1) = MOD(b.i, 1) AND a.i + b.i < 0`,
  'groups at the end': `${numbers('g', 400_000)} SELECT i, COUNT(*) AS n, ${LONG} FROM g
    GROUP BY i EMIT FINAL`,
  'groups that change': `${numbers('g', null)} SELECT k, COUNT(*) AS n, ${LONG} FROM g GROUP BY k`,
  'many windows': `${numbers('g', 20_000)} SELECT window_end, COUNT(*) AS n, ${LONG} FROM ${HOP}
    GROUP BY window_start, window_end`,
  'many windows that change': `${numbers('g', 20_000)} SELECT window_end, COUNT(*) AS n, ${LONG}
    FROM ${HOP} GROUP BY window_start, window_end EMIT CHANGES`,
  'a window function': `${numbers('g', null)} SELECT i, window_start, ${LONG} FROM ${HOP}`,
  snapshots: `${numbers('g', 200_000)} SELECT i, COUNT(*) AS n, ${LONG} FROM
    TABLE(TUMBLE(TABLE g, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY i, window_start, window_end
    EMIT CHANGES`,
  sessions: `${numbers('g', 300_000)} SELECT i, COUNT(*) AS n, ${LONG} FROM
    TABLE(SESSION(TABLE g PARTITION BY i, DESCRIPTOR(ts), INTERVAL '1' DAY))
    GROUP BY i, window_start, window_end`,
  over: `${numbers('g', 400_000)} SELECT i, SUM(i) OVER (PARTITION BY k ORDER BY ts) AS s, ${LONG}
    FROM g`,
  'buffers of rows': `${numbers('g', null)} SELECT i, MEDIAN(i) OVER
    (ROWS WINDOW BUFFER 5000 ROWS PARTITION BY i % 2 ORDER BY k) AS m FROM g`,
  ranks: `${numbers('g', null)} SELECT i, r, ${LONG} FROM (SELECT i, ROW_NUMBER() OVER
    (PARTITION BY i % 2 ORDER BY i DESC) AS r FROM g) WHERE r <= 5000`,
  order: `${numbers('g', 400_000)} SELECT i, k, ${LONG} FROM g ORDER BY k DESC, i`,
  distinct: `${numbers('g', null)} SELECT DISTINCT i, ${LONG} FROM g`,
  union: `${numbers('a', null)}${numbers('b', null)} SELECT i, ${LONG} FROM a
    UNION ALL SELECT i, ${LONG} FROM b`,
  lists: `${numbers('g', null)} SELECT ARRAY[i, k, i + k] AS l, ARRAY_CONTAINS(ARRAY[i, k], 5) AS c,
    ${LONG} FROM g`,
};

const WAYS = ['int', 'term', 'duration', 'limit', 'head', 'stalled'] as const;
/** 'reading': what 'stalled' is compared with. */
type Way = (typeof WAYS)[number] | 'reading';
const EXITS: Readonly<Record<Way, number>> = {
  int: 130,
  term: 143,
  duration: 0,
  limit: 0,
  head: 0,
  stalled: 130,
  reading: 130,
};
const BY_SIGNAL: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 };
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  V1: ['--arch', 'v1'],
  V2: ['--arch', 'v2', '--partitions', '2', '--workers', '2'],
};

interface End {
  /** null: it did not end by itself. */
  readonly exit: number | null;
  readonly ms: number;
  readonly cpuMs: number;
  readonly peakMib: number;
}

interface Status {
  readonly cpuMs: number;
  readonly peakMib: number;
  /** Whether it listens to SIGINT: there is a job. */
  readonly listens: boolean;
}

function status(pid: number): Status | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const peak = /VmHWM:\s+(\d+)/.exec(text);
    const caught = BigInt(`0x${/SigCgt:\s+(\w+)/.exec(text)?.[1] ?? '0'}`);
    const ticks = Number(fields[11]) + Number(fields[12]);
    return {
      cpuMs: (ticks * 1000) / TICKS,
      peakMib: Number(peak?.[1] ?? 0) / 1024,
      listens: (caught & SIGINT_BIT) !== 0n,
    };
  } catch {
    return null;
  }
}

/** Runs the job, asks it to end once it is at work, and says what the end took. */
function endOf(sql: string, way: Way, flags: readonly string[], quietMs: number): Promise<End> {
  const ends = { duration: ['--duration', '1s'], limit: ['--limit', '10'] } as const;
  const extra = way === 'duration' || way === 'limit' ? ends[way] : [];
  const args = [VELO, 'run', '-q', '-e', sql, ...flags, ...extra];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const pid = child.pid!;
  let [askedMs, cpuBefore, cpuAfter, peakMib] = [Number.NaN, 0, 0, 0];
  let silent: NodeJS.Timeout | undefined;
  let soon: NodeJS.Timeout | undefined;
  const look = (): void => {
    const seen = status(pid);
    if (seen === null) return;
    cpuAfter = seen.cpuMs;
    peakMib = Math.max(peakMib, seen.peakMib);
    // Some have nothing to say for a long time: they are asked all the same.
    if (seen.listens) silent ??= setTimeout(ask, SILENT_MS + 4 * quietMs);
  };
  const ask = (): void => {
    if (!Number.isNaN(askedMs)) return;
    look();
    askedMs = performance.now();
    cpuBefore = cpuAfter;
    if (way === 'int' || way === 'stalled' || way === 'reading') child.kill('SIGINT');
    if (way === 'term') child.kill('SIGTERM');
    if (way === 'head') child.stdout.destroy();
  };
  child.stdout.on('data', () => {
    if (way === 'stalled') child.stdout.pause();
    if (way === 'head' || way === 'limit') ask();
    else soon ??= setTimeout(ask, way === 'stalled' || way === 'reading' ? quietMs : 100);
  });
  child.stdout.on('error', () => undefined);
  const looking = setInterval(look, 20);
  const kill = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS / 2);
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      // One that is still opening lets the system end it: a shell says the same of both.
      const exit = code ?? (signal === null ? null : (BY_SIGNAL[signal] ?? null));
      clearInterval(looking);
      clearTimeout(silent);
      clearTimeout(soon);
      clearTimeout(kill);
      const ms = Number.isNaN(askedMs) ? 0 : performance.now() - askedMs;
      resolve({ exit, ms, cpuMs: cpuAfter - cpuBefore, peakMib });
    });
  });
}

function lineOf(cell: string, end: End, reading: End | null): string {
  const ratio =
    reading === null ? '' : `  ${(end.peakMib / reading.peakMib).toFixed(2)} of reading on`;
  const took = `${end.ms.toFixed(0).padStart(6)} ms ${end.cpuMs.toFixed(0).padStart(5)} ms of processor`;
  return `${cell.padEnd(40)} exit ${end.exit} ${took} ${end.peakMib.toFixed(0).padStart(5)} MiB${ratio}`;
}

function note(line: string): void {
  const log = process.env['VELO_STOP_LOG'];
  if (log !== undefined) appendFileSync(log, `${line}\n`);
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What gives no row has no reader that could leave, and no limit. */
const SILENT_WAYS: readonly Way[] = ['int', 'term', 'duration'];

function waysOf(query: string): readonly Way[] {
  if (query === 'join that finds nothing') return SILENT_WAYS;
  // Its rows may be taken back: which ten of them stand is known when all of them are.
  return query === 'outer join' || query === 'join of windows'
    ? WAYS.filter((way) => way !== 'limit')
    : WAYS;
}

const ALL = Object.keys(QUERIES).flatMap((query) =>
  waysOf(query).flatMap((way) =>
    Object.keys(ARCHITECTURES).map((architecture) => [query, way, architecture] as const),
  ),
);

function chosen(): readonly (readonly [string, Way, string])[] {
  if (process.env['VELO_STOP_MATRIX'] === 'all') return ALL;
  const next = random(15);
  return Array.from({ length: SAMPLE }, () => ALL[Math.floor(next() * ALL.length)]!);
}

describe.runIf(existsSync('/proc/self/stat'))('a job ends when it is asked to', () => {
  let oneRowMs = 0;

  beforeAll(async () => {
    oneRowMs = (await velo(['run', '-q', '-e', 'SELECT 1 AS a'])).ms;
  }, LIMIT_MS);

  it.each(chosen())(
    '%s: %s on %s',
    async (query, way, architecture) => {
      const flags = ARCHITECTURES[architecture]!;
      const limitMs = atThisPace(END_MS);
      const end = await endOf(QUERIES[query]!, way, flags, oneRowMs);
      const reading =
        way === 'stalled' ? await endOf(QUERIES[query]!, 'reading', flags, oneRowMs) : null;
      note(lineOf(`${query}: ${way} on ${architecture}`, end, reading));
      // A job that had nothing more to do when it was asked has ended well.
      expect([0, EXITS[way]]).toContain(end.exit);
      if (way !== 'duration') {
        expect(end.ms).toBeLessThan(Math.max(limitMs, atThisPace(END_MS)));
        expect(end.cpuMs).toBeLessThan(END_CPU_MS);
      }
      expect(end.peakMib).toBeLessThan(MEMORY_MIB);
      if (reading !== null) {
        expect(end.peakMib / reading.peakMib).toBeLessThan(MEMORY_RATIO);
      }
    },
    LIMIT_MS,
  );
});
