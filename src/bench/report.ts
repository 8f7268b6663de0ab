/**
 * Draws benchmark results: one table, per scenario a latency and a throughput histogram, and what
 * did not verify. Owns layout only; colours come from the caller's chalk.
 */
import type { ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import type { BenchEnvironment } from './environment.js';
import type { BenchResult } from './results.js';

const BAR_WIDTH = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export function environmentLine(environment: BenchEnvironment): string {
  const { cpu, cores, node, commit, dirty, load } = environment;
  const build = commit === null ? 'no git commit' : `commit ${commit}${dirty ? ' + changes' : ''}`;
  return `${cpu}, ${cores} cores, Node ${node}, ${build}, load ${load}`;
}

interface Column {
  readonly head: string;
  readonly align: 'left' | 'right';
  readonly cell: (result: BenchResult, color: ChalkInstance) => string;
  /** Only where some result has more than one thread. */
  readonly v2Only?: boolean;
}

const COLUMNS: readonly Column[] = [
  { head: 'scenario', align: 'left', cell: (result) => `${result.scenario} ${result.title}` },
  { head: 'arch', align: 'left', cell: (result) => result.arch },
  { head: 'P×W', align: 'left', cell: (result) => `${result.partitions}×${result.workers}` },
  { head: 'source', align: 'left', cell: sourceText },
  { head: 'rows in', align: 'right', cell: (result) => count(result.rowsIn) },
  { head: 'rows out', align: 'right', cell: (result) => count(result.rowsOut) },
  {
    head: 'verified',
    align: 'left',
    cell: ({ verified }, color) => (verified ? color.green('true') : color.red('false')),
  },
  {
    head: 'rec/s',
    align: 'right',
    cell: (result, color) => color.bold(rate(result.recordsPerSecond.median)),
  },
  {
    head: '95 % interval',
    align: 'right',
    cell: (result) => result.recordsPerSecond.ci95.map(rate).join(' – '),
  },
  { head: 'rows out/s', align: 'right', cell: (result) => rate(result.rowsOutPerSecond) },
  { head: '÷ V1', align: 'right', cell: ({ ratioToV1 }) => ratioText(ratioToV1), v2Only: true },
  { head: 'efficiency', align: 'right', cell: efficiencyText, v2Only: true },
  { head: 'latency', align: 'left', cell: (result) => kindText(result) },
  { head: 'p50', align: 'right', cell: (result) => time(result.latencyUs.p50) },
  { head: 'p95', align: 'right', cell: (result) => time(result.latencyUs.p95) },
  { head: 'p99', align: 'right', cell: (result) => time(result.latencyUs.p99) },
  { head: 'cpu s', align: 'right', cell: (result) => result.cpuSeconds.toFixed(2) },
  {
    head: 'memory',
    align: 'right',
    cell: (result) => `${(result.rssPeakBytes / 2 ** 20).toFixed(0)} MiB`,
  },
];

export function resultTable(results: readonly BenchResult[], color: ChalkInstance): string {
  const parallel = results.some((result) => result.arch === 'v2');
  const columns = COLUMNS.filter((column) => parallel || column.v2Only !== true);
  const table = new Table({
    head: columns.map((column) => column.head),
    colAligns: columns.map((column) => column.align),
    style: tableStyle(color),
  });
  for (const result of results) table.push(columns.map((column) => column.cell(result, color)));
  return table.toString();
}

export function tableStyle(color: ChalkInstance): { head: string[]; border: string[] } {
  return { head: color.level === 0 ? [] : ['cyan'], border: color.level === 0 ? [] : ['gray'] };
}

function sourceText({ source, groups, conditions: { kafka } }: BenchResult): string {
  const wide = groups === 20 ? '' : `, ${groups} groups`;
  if (kafka === undefined) return `${source}${wide}`;
  const { fetch, codec, partitions } = kafka;
  return `${source} ${fetch}, ${codec}, ${partitions}p${wide}`;
}

/** Rows out where snapshots hold less on V2, and says so. */
function ratioText(ratio: BenchResult['ratioToV1']): string {
  if (ratio === null) return '–';
  return `${ratio.median.toFixed(2)}${ratio.of === 'records' ? '' : ' rows out'}`;
}

function efficiencyText({ efficiency, aboveCores, arch }: BenchResult): string {
  const share = efficiency === null ? '–' : `${(efficiency * 100).toFixed(0)} %`;
  return arch === 'v2' && aboveCores ? `${share} above cores` : share;
}

function kindText({ latencyUs, rate: paced }: BenchResult): string {
  if (latencyUs.kind === 'service') return 'service';
  return paced === null ? 'open loop' : `open loop, ${rate(paced)}/s`;
}

export function histograms(result: BenchResult, color: ChalkInstance): string {
  const { scenario, title, latencyUs } = result;
  const latency = bars(
    result.latencySteps.map(([us, records]) => ({ label: `≥ ${time(us)}`, size: records })),
    (records) => count(records),
  );
  const throughput = bars(rateBuckets(result.rates), (intervals) => `${intervals} intervals`);
  return [
    color.bold(`${scenario} ${title}${engineOf(result)}`),
    latencyUs.kind === 'service'
      ? `  service time per record (time from reading its batch to its rows being out)`
      : `  open-loop latency per record (time from when it was due to its rows being out)`,
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
    result.faults.map(
      (fault) => `scenario ${result.scenario}${engineOf(result)} does not verify: ${fault}`,
    ),
  );
}

function engineOf({ arch, partitions, workers }: BenchResult): string {
  return arch === 'v1' ? '' : `, v2 ${partitions}×${workers}`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`;
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)} K`;
  return perSecond.toFixed(0);
}

function time(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(2)} s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(1)} ms`;
  return `${us.toFixed(0)} µs`;
}
