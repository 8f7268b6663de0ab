/**
 * Draws benchmark results: one table, per scenario a latency and a throughput histogram, and what
 * did not verify. Owns layout only; colours come from the caller's chalk.
 */
import type { ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import type { BenchEnvironment } from './environment.js';
import type { BenchResult } from './runner.js';

const BAR_WIDTH = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export function environmentLine(environment: BenchEnvironment): string {
  const { cpu, cores, node, commit, dirty, load } = environment;
  const build = commit === null ? 'no git commit' : `commit ${commit}${dirty ? ' + changes' : ''}`;
  return `${cpu}, ${cores} cores, Node ${node}, ${build}, load ${load}`;
}

export function resultTable(results: readonly BenchResult[], color: ChalkInstance): string {
  const table = new Table({
    head: [
      'scenario',
      'arch',
      'P×W',
      'source',
      'rows in',
      'rows out',
      'verified',
      'rec/s',
      '95 % interval',
      'rows out/s',
      'p50',
      'p95',
      'p99',
      'cpu s',
      'memory',
    ],
    colAligns: [
      'left',
      'left',
      'left',
      'left',
      'right',
      'right',
      'left',
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
    ],
    style: { head: color.level === 0 ? [] : ['cyan'], border: color.level === 0 ? [] : ['gray'] },
  });
  for (const result of results) table.push(tableRow(result, color));
  return table.toString();
}

function tableRow(result: BenchResult, color: ChalkInstance): string[] {
  const { recordsPerSecond, latencyUs } = result;
  return [
    `${result.scenario} ${result.title}`,
    result.arch,
    `${result.partitions}×${result.workers}`,
    result.groups === 20 ? result.source : `${result.source}, ${result.groups} groups`,
    count(result.rowsIn),
    count(result.rowsOut),
    result.verified ? color.green('true') : color.red('false'),
    color.bold(rate(recordsPerSecond.median)),
    recordsPerSecond.ci95.map(rate).join(' – '),
    rate(result.rowsOutPerSecond),
    time(latencyUs.p50),
    time(latencyUs.p95),
    time(latencyUs.p99),
    result.cpuSeconds.toFixed(2),
    `${(result.rssPeakBytes / 2 ** 20).toFixed(0)} MiB`,
  ];
}

export function histograms(result: BenchResult, color: ChalkInstance): string {
  const title = color.bold(`${result.scenario} ${result.title}`);
  const latency = bars(
    result.latencySteps.map(([us, records]) => ({ label: `≥ ${time(us)}`, size: records })),
    (records) => count(records),
  );
  const throughput = bars(rateBuckets(result.rates), (intervals) => `${intervals} intervals`);
  return [
    title,
    `  service time per record (time from reading its batch to its rows being out)`,
    ...latency,
    `  throughput per 100 ms interval, records per second`,
    ...throughput,
  ].join('\n');
}

interface Bar {
  readonly label: string;
  readonly size: number;
}

function bars(items: readonly Bar[], text: (size: number) => string): string[] {
  const most = Math.max(1, ...items.map((item) => item.size));
  const width = Math.max(0, ...items.map((item) => item.label.length));
  return items.map((item) => {
    const eighths = Math.round((item.size / most) * BAR_WIDTH * 8);
    const bar = '█'.repeat(eighths >> 3) + (EIGHTHS[eighths & 7] ?? '');
    return `    ${item.label.padStart(width)} │${bar} ${text(item.size)}`;
  });
}

/** The intervals' rates in at most eight equal steps; the last interval is partial and left out. */
function rateBuckets(rates: readonly number[]): Bar[] {
  const whole = rates.length > 1 ? rates.slice(0, -1) : rates;
  const low = Math.min(...whole);
  const high = Math.max(...whole);
  const buckets = Math.min(8, Math.max(1, whole.length));
  const step = (high - low) / buckets || 1;
  const sizes = new Array<number>(buckets).fill(0);
  for (const value of whole) {
    const at = Math.min(buckets - 1, Math.floor((value - low) / step));
    sizes[at] = (sizes[at] ?? 0) + 1;
  }
  return sizes
    .map((size, at) => ({ label: `≥ ${rate(low + at * step)}`, size }))
    .filter((bar) => bar.size > 0);
}

export function faultLines(results: readonly BenchResult[]): string[] {
  return results.flatMap((result) =>
    result.faults.map((fault) => `scenario ${result.scenario} does not verify: ${fault}`),
  );
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`;
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)} K`;
  return perSecond.toFixed(0);
}

function time(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(2)} s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(1)} ms`;
  return `${us.toFixed(0)} µs`;
}
