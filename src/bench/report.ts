/**
 * Draws benchmark results: the verdict, one table, and if asked a latency and a throughput histogram
 * per lane, within the width of a terminal. Owns layout only; colours come from the caller's chalk.
 */
import type { ChalkInstance } from 'chalk';
import { wrapToWidth } from '../base/display-width.js';
import { figureTable } from '../base/figure-table.js';
import type { FigureColumn } from '../base/figure-table.js';
import type { BenchEnvironment } from './environment.js';
import type { BenchResult } from './results.js';

const BAR_WIDTH = 40;
/** Beside a bar: its label, and how many. */
const BESIDE_BAR = 30;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export function environmentLine(environment: BenchEnvironment): string {
  const { cpu, cores, node, commit, dirty, load } = environment;
  const build = commit === null ? 'no git commit' : `commit ${commit}${dirty ? ' + changes' : ''}`;
  return `${cpu}, ${cores} cores, Node ${node}, ${build}, load ${load}`;
}

/** How reports are drawn. */
export interface ReportSpace {
  readonly color: ChalkInstance;
  /** Of the terminal; null: lines may have any length. */
  readonly width: number | null;
}

interface Column extends FigureColumn {
  readonly cell: (result: BenchResult, color: ChalkInstance) => string;
  /** Whether it has anything to say. Default: it has. */
  readonly when?: (results: readonly BenchResult[]) => boolean;
  /** Said once where all results have the same. */
  readonly common?: boolean;
}

const COLUMNS: readonly Column[] = [
  {
    head: 'scenario',
    align: 'left',
    expendable: 0,
    cut: true,
    cell: nameText,
  },
  { head: 'engine', align: 'left', expendable: 0, cell: engineText },
  { head: 'source', align: 'left', expendable: 6, common: true, cell: sourceText },
  {
    head: 'rows in',
    align: 'right',
    expendable: 5,
    common: true,
    cell: (result) => count(result.rowsIn),
  },
  { head: 'rows out', align: 'right', expendable: 7, cell: (result) => count(result.rowsOut) },
  {
    head: 'verified',
    align: 'left',
    expendable: 0,
    // Where all are, the verdict says so.
    when: (results) => results.some(({ verified }) => !verified),
    cell: ({ verified }, color) => (verified ? color.green('true') : color.red('false')),
  },
  {
    head: 'rec/s',
    align: 'right',
    expendable: 0,
    cell: (result, color) => color.bold(rate(result.recordsPerSecond.median)),
  },
  {
    head: '95 % interval',
    align: 'right',
    expendable: 2,
    cell: (result) => result.recordsPerSecond.ci95.map(rate).join(' – '),
  },
  {
    head: 'rows out/s',
    align: 'right',
    expendable: 7,
    cell: (result) => rate(result.rowsOutPerSecond),
  },
  {
    head: '÷ V1',
    align: 'right',
    expendable: 1,
    cell: ({ ratioToV1 }) => ratioText(ratioToV1),
    when: hasV2,
  },
  { head: 'efficiency', align: 'right', expendable: 4, cell: efficiencyText, when: hasV2 },
  { head: 'latency', align: 'left', expendable: 6, common: true, cell: kindText },
  { head: 'p50', align: 'right', expendable: 4, cell: (result) => time(result.latencyUs.p50) },
  { head: 'p95', align: 'right', expendable: 8, cell: (result) => time(result.latencyUs.p95) },
  { head: 'p99', align: 'right', expendable: 1, cell: (result) => time(result.latencyUs.p99) },
  { head: 'cpu s', align: 'right', expendable: 9, cell: (result) => result.cpuSeconds.toFixed(2) },
  {
    head: 'memory',
    align: 'right',
    expendable: 5,
    cell: (result) => `${(result.rssPeakBytes / 2 ** 20).toFixed(0)} MiB`,
  },
];

/** What all of it comes to, in a line or a few. */
export function verdictOf(results: readonly BenchResult[], { color, width }: ReportSpace): string {
  const wrong = results.filter(({ verified }) => !verified);
  const lanes = results.length === 1 ? 'the result is' : `all ${results.length} results are`;
  const verdict =
    wrong.length === 0
      ? color.green(`${lanes} verified`)
      : color.red(
          fitted(
            `${wrong.length} of ${results.length} not verified: ${wrong.map(laneOf).join('; ')}`,
            width,
          ),
        );
  const ratios = results.flatMap(({ ratioToV1 }) => ratioToV1?.median ?? []);
  if (ratios.length === 0) return verdict;
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2));
  const range = low === high ? `${low} times` : `${low} to ${high} times`;
  return `${verdict}\n${fitted(`v2 is ${range} as fast as v1`, width)}`;
}

/** One line per result; what all of them have in common stands above, what found no room is said. */
export function resultTable(results: readonly BenchResult[], space: ReportSpace): string {
  const { color, width } = space;
  const columns = COLUMNS.filter(({ when }) => when === undefined || when(results));
  const isCommon = ({ common, cell }: Column): boolean =>
    common === true &&
    results.length > 1 &&
    new Set(results.map((result) => cell(result, color))).size === 1;
  const common = columns
    .filter(isCommon)
    .flatMap(({ head, cell }) => results.slice(0, 1).map((one) => `${head} ${cell(one, color)}`));
  const own = columns.filter((column) => !isCommon(column));
  const { lines, columnsShown } = figureTable(
    own,
    results.map((result) => own.map(({ cell }) => cell(result, color))),
    { width, paintHead: color.level === 0 ? (text) => text : color.cyan },
  );
  const all = [
    ...(common.length === 0 ? [] : [fitted(`all: ${common.join(' · ')}`, width)]),
    ...lines,
  ];
  if (columnsShown < own.length) {
    const note = `${columnsShown} of ${own.length} columns shown (--json FILE has every figure)`;
    all.push(color.dim(fitted(note, width)));
  }
  return all.join('\n');
}

/** The text in lines that a terminal does not break. */
export function fitted(text: string, width: number | null): string {
  return width === null ? text : wrapToWidth(text, width).join('\n');
}

function hasV2(results: readonly BenchResult[]): boolean {
  return results.some(({ arch }) => arch === 'v2');
}

/** A user's file has no title but its name. */
function nameText({ scenario, title }: BenchResult): string {
  return title === scenario ? scenario : `${scenario} ${title}`;
}

function engineText({ arch, partitions, workers }: BenchResult): string {
  return arch === 'v1' ? 'v1' : `v2 ${partitions}×${workers}`;
}

function laneOf(result: BenchResult): string {
  return `scenario ${result.scenario}, ${engineText(result)}`;
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

export function histograms(result: BenchResult, { color, width }: ReportSpace): string {
  const { latencyUs } = result;
  const barWidth =
    width === null ? BAR_WIDTH : Math.max(1, Math.min(BAR_WIDTH, width - BESIDE_BAR));
  const latency = bars(
    result.latencySteps.map(([us, records]) => ({ label: `≥ ${time(us)}`, size: records })),
    barWidth,
    (records) => count(records),
  );
  const throughput = bars(
    rateBuckets(result.rates),
    barWidth,
    (intervals) => `${intervals} intervals`,
  );
  const kind =
    latencyUs.kind === 'service'
      ? `service time per record (time from reading its batch to its rows being out)`
      : `open-loop latency per record (time from when it was due to its rows being out)`;
  return [
    color.bold(fitted(`${nameText(result)}${engineOf(result)}`, width)),
    ...fitted(kind, width === null ? null : width - 2)
      .split('\n')
      .map((line) => `  ${line}`),
    ...latency,
    `  throughput per 100 ms interval, records per second`,
    ...throughput,
  ].join('\n');
}

interface Bar {
  readonly label: string;
  readonly size: number;
}

function bars(items: readonly Bar[], barWidth: number, text: (size: number) => string): string[] {
  const most = Math.max(1, ...items.map((item) => item.size));
  const width = Math.max(0, ...items.map((item) => item.label.length));
  return items.map((item) => {
    const eighths = Math.round((item.size / most) * barWidth * 8);
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
