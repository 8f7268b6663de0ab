/**
 * Runs jobs whose workers fail, each at one call of one method, in a process of its own: prints how
 * they ended as JSON. Started with failure-plan.mjs as a preload; `failing-jobs.mjs SEED POINTS`,
 * POINTS 0 for all of them. A job that is not over in time is a hang: the process ends with it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { mulberry32 } from '../../../../dist/bench/statistics.js';
import { compileJob, createPartitionedJob } from '../../../../dist/job.js';
import { PARTITIONED_DEFAULTS } from '../../../../dist/processors/partitioned/job-settings.js';
import { BAD_DATA, DEFECT, FailurePlan } from './failure-plan.mjs';

const [seed, points] = process.argv.slice(2).map(Number);
/** Far beyond what a job takes, on a machine that is busy, too. */
const HANG_MS = 60_000;
const ROWS = 300;
const random = mulberry32(seed);
const plan = new FailurePlan();

const folder = mkdtempSync(join(tmpdir(), 'velo-failures-'));
const FILE = join(folder, 't.jsonl');
writeFileSync(
  FILE,
  Array.from({ length: ROWS }, (_, i) => `{"k":${i % 7},"v":${i},"ts":${i * 100}}\n`).join(''),
);

const WATERMARK = `WATERMARK FOR ts AS ts - INTERVAL '1' SECOND`;
const TABLES = `
  CREATE TABLE f (k BIGINT, v BIGINT, ts TIMESTAMP(3), ${WATERMARK})
    WITH ('connector' = 'file', 'path' = '${FILE}', 'format' = 'json');
  CREATE TABLE g (k BIGINT AS i % 7, v BIGINT AS i, ts TIMESTAMP(3) AS TO_TIMESTAMP_LTZ(i * 100, 3),
    ${WATERMARK}) WITH ('connector' = 'generator', 'rows' = '${ROWS}', 'splits' = '3');
`;
const WINDOW = `WINDOW TUMBLING(ts, INTERVAL '4' SECOND)`;
const QUERIES = [
  'SELECT k, v FROM g WHERE v % 3 = 0',
  'SELECT k, COUNT(*) AS n FROM f GROUP BY k EMIT CHANGES',
  'SELECT k, SUM(v) AS s FROM g GROUP BY k EMIT FINAL',
  `SELECT k, COUNT(*) AS n FROM g GROUP BY k ${WINDOW}`,
  'SELECT n, COUNT(*) AS c FROM (SELECT k, COUNT(*) AS n FROM f GROUP BY k) z GROUP BY n',
  'SELECT a.v, b.v AS w FROM f a JOIN g b ON a.v = b.v',
  `SELECT v AS x FROM f UNION ALL SELECT COUNT(*) FROM g GROUP BY k ${WINDOW}`,
  'SELECT v FROM (SELECT v FROM f LIMIT 40) z UNION ALL SELECT v FROM g',
  'SELECT k, v FROM g ORDER BY v DESC LIMIT 20',
  `SELECT v, COUNT(*) OVER (PARTITION BY k ORDER BY ts) AS n FROM f`,
];
const SHAPES = [
  { partitions: 2, workers: 1, batchRows: 40 },
  { partitions: 3, workers: 2, batchRows: 16 },
  { partitions: 8, workers: 3, batchRows: 33 },
];

async function run(scenario) {
  const { sql, partitions, workers, batchRows, blackhole } = scenario;
  const compiled = await compileJob({
    source: { name: 'failing.sql', text: TABLES + sql },
    variables: () => undefined,
    settings: {},
    changelog: false,
    redirects: new Map(),
    limit: null,
  });
  const settings = { ...PARTITIONED_DEFAULTS, ringSlots: 16, partitions, workers };
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
  const job = createPartitionedJob(compiled, settings, {
    sinks: { stdout, format: 'jsonl', onStdoutClosed: () => undefined },
    onError: 'fail',
    deadLetter: null,
    durationMs: null,
    batchRows,
    notice: () => undefined,
    ...(blackhole ? { sink: 'blackhole' } : {}),
  });
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, HANG_MS, 'hang');
  });
  const ended = job.start().then(
    () => 'a good end',
    (error) => error.message,
  );
  const end = await Promise.race([ended, late]);
  clearTimeout(timer);
  return end;
}

/** Which calls of a method fail: the first ones, the last, some between. */
function callsOf(calls) {
  const chosen = [1, 2, 3, Math.ceil(calls / 2), calls, 1 + Math.floor(random() * calls)];
  return [...new Set(chosen.filter((call) => call <= calls))];
}

async function pointsOf(scenario) {
  plan.count();
  const end = await run(scenario);
  if (end !== 'a good end') throw new Error(`${scenario.sql}: ${end}`);
  return plan.calls().flatMap(({ method, calls, name }) =>
    callsOf(calls).map((call) => ({
      ...scenario,
      method,
      name,
      call,
      kind: random() < 0.5 ? DEFECT : BAD_DATA,
    })),
  );
}

async function pointOutcome(point) {
  plan.failAt(point.kind, point.method, point.call);
  const end = await run(point);
  if (end.includes('an injected')) return 'its error';
  if (end === 'hang') return 'hang';
  // Which thread does what differs from run to run: some calls never come.
  if (!plan.fired) return 'not reached';
  return end;
}

/** A record that fails behind a LIMIT does not matter, as on one thread. */
function mayEndWell({ kind, sql }) {
  return kind === BAD_DATA && sql.includes('LIMIT');
}

const all = [];
for (const sql of QUERIES) {
  for (const [at, shape] of SHAPES.entries()) {
    // Of a sample, one shape of each query is enough.
    if (points > 0 && at !== Math.floor(random() * SHAPES.length)) continue;
    all.push(...(await pointsOf({ sql, ...shape, blackhole: random() < 0.3 })));
  }
}
const order = all.map((point) => ({ point, place: random() }));
order.sort((a, b) => a.place - b.place);
const chosen = points === 0 ? order : order.slice(0, points);
const ends = {};
const faults = [];
for (const { point } of chosen) {
  const end = await pointOutcome(point);
  ends[end] = (ends[end] ?? 0) + 1;
  if (end === 'its error' || end === 'not reached') continue;
  if (end === 'a good end' && mayEndWell(point)) continue;
  const { sql, partitions, workers, name, call, kind } = point;
  const what = kind === DEFECT ? 'a defect' : 'bad data';
  faults.push(`${end}: ${what} at call ${call} of ${name}, ${partitions} × ${workers}, ${sql}`);
  if (end === 'hang') break;
}
rmSync(folder, { recursive: true, force: true });
const methods = new Set(chosen.map(({ point }) => point.name)).size;
process.stdout.write(
  JSON.stringify({ points: chosen.length, of: all.length, methods, ends, faults }),
);
process.exit();
