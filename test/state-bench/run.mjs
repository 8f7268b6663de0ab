/**
 * What state costs: throughput and latency with checkpoints beside the same job without, how long a
 * restore takes until the first row, and how much of a state that hardly changed is written again.
 * Rounds are in turn, in one run, each in processes of its own; ratios are what to compare.
 *
 *   npm run bench:state -- [--groups 10000000] [--rounds 3] [--interval 10s] [--partitions 8] [--only restore]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    groups: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '3' },
    interval: { type: 'string', default: '10s' },
    partitions: { type: 'string' },
    rate: { type: 'string', default: '500000' },
    only: { type: 'string', default: 'throughput,latency,restore,incremental' },
  },
});
const groups = Number(options.groups);
const rounds = Number(options.rounds);
const place = options.partitions === undefined ? [] : ['--partitions', options.partitions];
const velo = new URL('../../bin/velo.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'velo-state-bench-'));

/** Every key comes again only when all others have come, in no order of their groups. */
function query(rows, { rate = '', key = `(i * 7919) % ${groups}`, sink = 'blackhole' } = {}) {
  const pace = rate === '' ? '' : `, 'rows-per-second' = '${rate}'`;
  const path = join(folder, `query-${rows}-${rate}-${sink}-${key.length}.sql`);
  const into = sink === 'blackhole' ? 'INSERT INTO out ' : '';
  writeFileSync(
    path,
    `CREATE TABLE events (k BIGINT AS ${key}, v DOUBLE AS (i % 1000) * 0.5)
     WITH ('connector' = 'generator', 'rows' = '${rows}'${pace});
     CREATE TABLE out (k BIGINT, n BIGINT, s DOUBLE, m DOUBLE) WITH ('connector' = 'blackhole');
     ${into}SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM events GROUP BY k EMIT CHANGES;`,
  );
  return path;
}

/** Runs velo; its statistics, seconds until the first row on stdout, and seconds altogether. */
function run(args, { stopAtFirstRow = false } = {}) {
  const stats = join(folder, 'stats.json');
  rmSync(stats, { force: true });
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn('node', [velo, 'run', ...args, ...place, '--stats-json', stats], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let firstRowS = null;
    let told = '';
    child.stdout.on('data', () => {
      firstRowS ??= (performance.now() - startedAt) / 1000;
      if (stopAtFirstRow) child.kill('SIGKILL');
    });
    child.stderr.on('data', (text) => (told += text));
    child.on('close', (code) => {
      if (code !== 0 && !stopAtFirstRow) {
        reject(new Error(`velo run ${args.join(' ')}: exit ${code}\n${told}`));
        return;
      }
      const seconds = (performance.now() - startedAt) / 1000;
      const json = stopAtFirstRow ? null : JSON.parse(readFileSync(stats, 'utf8'));
      resolve({ json, firstRowS, seconds, told });
    });
  });
}

/** The newest checkpoint that was taken while the job ran. */
function checkpoints(dir) {
  return new Promise((resolve) => {
    const child = spawn('node', [velo, 'checkpoints', 'list', dir, '--json']);
    let text = '';
    child.stdout.on('data', (part) => (text += part));
    child.on('close', () => resolve(JSON.parse(text)));
  });
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const mib = (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`;
const rateOf = ({ json }) => json.recordsPerSecond;

async function throughput() {
  const rows = groups * 12;
  const ratios = [];
  for (let round = 0; round < rounds; round += 1) {
    const dir = join(folder, `throughput-${round}`);
    const keep = ['--checkpoint-dir', dir, '--checkpoint-interval', options.interval];
    const turns = [() => run([query(rows)]), () => run([query(rows), ...keep])];
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    const results = [];
    for (const at of order) results[at] = await turns[at]();
    const [without, kept] = results;
    if (without.json.rowsOut !== kept.json.rowsOut) throw new Error('not the same rows');
    const { written, longestPauseMs } = kept.json.checkpoints;
    ratios.push(rateOf(kept) / rateOf(without));
    console.log(
      `throughput, round ${round + 1}: ${(rateOf(without) / 1e6).toFixed(2)} M rec/s without, ` +
        `${(rateOf(kept) / 1e6).toFixed(2)} with (${written} checkpoints, longest pause ` +
        `${longestPauseMs.toFixed(1)} ms), ratio ${ratios.at(-1).toFixed(3)}, memory ` +
        `${mib(without.json.rssPeakBytes)} and ${mib(kept.json.rssPeakBytes)}`,
    );
    rmSync(dir, { recursive: true });
  }
  console.log(`throughput with checkpoints: ${median(ratios).toFixed(3)} (median)`);
}

async function latency() {
  const rows = Number(options.rate) * 40;
  const sql = query(rows, { rate: options.rate });
  for (let round = 0; round < rounds; round += 1) {
    const dir = join(folder, `latency-${round}`);
    const keep = ['--checkpoint-dir', dir, '--checkpoint-interval', options.interval];
    const without = await run([sql]);
    const kept = await run([sql, ...keep]);
    const shown = ({ json: { latencyUs } }) =>
      `p50 ${(latencyUs.p50 / 1000).toFixed(2)} p99 ${(latencyUs.p99 / 1000).toFixed(2)} max ${(latencyUs.max / 1000).toFixed(1)} ms`;
    console.log(
      `latency at ${options.rate} rows/s, round ${round + 1}: without ${shown(without)}; ` +
        `with ${kept.json.checkpoints.written} checkpoints ${shown(kept)}, longest pause ` +
        `${kept.json.checkpoints.longestPauseMs.toFixed(1)} ms`,
    );
    rmSync(dir, { recursive: true });
  }
}

async function restore() {
  const dir = join(folder, 'restore');
  const sql = query(groups * 1000, { sink: 'stdout' });
  const keep = ['--checkpoint-dir', dir, '--checkpoint-interval', '1h'];
  // All groups, and no more: the last checkpoint is one of a job that goes on.
  const filled = query(groups * 1000);
  await run([filled, ...keep, '--duration', `${Math.ceil(groups / 3e6) + 2}s`]);
  const { checkpoints: found } = await checkpoints(dir);
  for (let round = 0; round < rounds; round += 1) {
    const { firstRowS: withState, told } = await run([sql, ...keep], { stopAtFirstRow: true });
    if (!told.includes('restored from')) throw new Error(`nothing was restored: ${told}`);
    const { firstRowS: empty } = await run([sql], { stopAtFirstRow: true });
    console.log(
      `restore, round ${round + 1}: first row after ${withState.toFixed(2)} s with ` +
        `${mib(found[0].size.bytes)} of state, after ${empty.toFixed(2)} s without`,
    );
  }
}

async function incremental() {
  const dir = join(folder, 'incremental');
  const rows = groups + 20_000_000;
  const key = `CASE WHEN i < ${groups} THEN i ELSE i % 1000 END`;
  const sql = query(rows, { key, rate: '' });
  await run([sql, '--checkpoint-dir', dir, '--checkpoint-interval', '1s']);
  const { checkpoints: found } = await checkpoints(dir);
  for (const { epoch, size } of found) {
    const { bytes, bytesWritten } = size;
    console.log(
      `incremental: epoch ${epoch}: ${mib(bytes)} of state, ${mib(bytesWritten)} written`,
    );
  }
}

try {
  console.log(
    `${groups.toLocaleString('en-US')} groups, ${place.length > 0 ? place.join(' ') : 'V1'}`,
  );
  const parts = { throughput, latency, restore, incremental };
  for (const name of options.only.split(',')) await parts[name]();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
