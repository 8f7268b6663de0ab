/**
 * The live table of a job's partitions: one row each, drawn over itself on a terminal, at most five
 * times a second and never higher than the screen. Owns which columns and rows fit and what the
 * rest adds up to; Terminal draws, and in a pipe nothing is drawn at all.
 */
import type { ChalkInstance } from 'chalk';
import { cutToWidth } from '../../base/display-width.js';
import { figureTable } from '../../base/figure-table.js';
import { SEVERITIES } from '../../metrics/partition-metrics.js';
import type { PartitionSnapshot, Severity } from '../../metrics/partition-metrics.js';
import type { QueryMetricsForExport } from '../../metrics/prometheus.js';
import { hotPartitions } from '../../metrics/rates.js';
import { bytesText, countText, durationText, rateText } from './terminal.js';
import type { Terminal } from './terminal.js';

export const REDRAW_MS = 200;

/** What is drawn at one moment. */
export interface PartitionTableView {
  /** One line above the table: progress of the whole job. */
  readonly headline: string;
  readonly queries: readonly QueryMetricsForExport[];
}

/** Starts drawing at once; the first stop() leaves the last state on the screen, or nothing. */
export class LivePartitionTable {
  private readonly terminal: Terminal;
  private readonly view: () => PartitionTableView;
  private timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal, view: () => PartitionTableView) {
    this.terminal = terminal;
    this.view = view;
    if (!terminal.live) return;
    this.timer = setInterval(() => this.draw(), REDRAW_MS);
    this.timer.unref();
    this.draw();
  }

  stop(options: { readonly keep: boolean }): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    if (options.keep) {
      this.draw();
      this.terminal.keepDrawing();
    } else {
      this.terminal.eraseDrawing();
    }
  }

  private draw(): void {
    drawPartitions(this.terminal, this.view());
  }
}

/** Draws the table once, in place of what was drawn before; nothing where there is no terminal. */
export function drawPartitions(
  terminal: Terminal,
  { headline, queries }: PartitionTableView,
): void {
  const { rows } = terminal.size;
  // A line that ends in the last column would lose its last character to the clearing behind it.
  const columns = terminal.size.columns - 1;
  // The headline, the table's own head, and the line that the cursor stands on.
  const table = partitionTable(queries, { columns, rowsMax: rows - 3, color: terminal.color });
  terminal.draw(`${cutToWidth(headline, columns)}\n${table}`);
}

/** One drawn row: a partition, or what several add up to. */
interface Line {
  readonly query: string;
  readonly partition: string;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rate: number;
  readonly queueRows: number;
  readonly utilisation: number;
  readonly latencyUs: number;
  readonly rowsLate: number;
  readonly rowsFailed: number;
  readonly stateRows: number;
  readonly stateBytes: number;
  readonly lagMs: number | null;
  readonly severity: Severity;
  readonly hot: boolean;
}

interface Column {
  readonly head: string;
  readonly text: (line: Line) => string;
  readonly paint?: (text: string, line: Line, color: ChalkInstance) => string;
  readonly left?: true;
  /** Columns of the highest number go first where the terminal is narrow. */
  readonly expendable: number;
}

const BAR_CELLS = 8;

const COLUMNS: readonly Column[] = [
  { head: 'query', text: (line) => line.query, left: true, expendable: 3 },
  { head: 'partition', text: (line) => line.partition, expendable: 0 },
  { head: 'in', text: (line) => countText(line.rowsIn), expendable: 0 },
  { head: 'out', text: (line) => countText(line.rowsOut), expendable: 2 },
  {
    head: 'rec/s',
    text: (line) => `${line.hot ? '▲ ' : ''}${rateText(line.rate)}`,
    paint: (text, line, color) => (line.hot ? color.yellow.bold(text) : text),
    expendable: 0,
  },
  { head: 'queue', text: (line) => countText(line.queueRows), expendable: 4 },
  {
    head: 'use',
    text: (line) => `${bar(line.utilisation)} ${percent(line.utilisation)}`,
    paint: (text, line, color) => severityColor(line.severity, color)(text),
    left: true,
    expendable: 5,
  },
  { head: 'latency', text: (line) => durationText(line.latencyUs), expendable: 3 },
  {
    head: 'late',
    text: (line) => countText(line.rowsLate),
    paint: (text, line, color) => (line.rowsLate > 0 ? color.yellow(text) : text),
    expendable: 6,
  },
  {
    head: 'failed',
    text: (line) => countText(line.rowsFailed),
    paint: (text, line, color) => (line.rowsFailed > 0 ? color.red(text) : text),
    expendable: 5,
  },
  { head: 'state', text: (line) => countText(line.stateRows), expendable: 7 },
  { head: 'bytes', text: (line) => bytesText(line.stateBytes), expendable: 9 },
  {
    head: 'lag',
    text: (line) => (line.lagMs === null ? '–' : durationText(line.lagMs * 1e3)),
    expendable: 8,
  },
  {
    head: 'pressure',
    text: (line) => line.severity,
    paint: (text, line, color) => severityColor(line.severity, color)(text),
    left: true,
    expendable: 1,
  },
];

export interface PartitionTableSpace {
  readonly columns: number;
  /** Rows below the head; what does not fit is added up into one. */
  readonly rowsMax: number;
  readonly color: ChalkInstance;
}

/** The table as text, lines of at most `columns` characters (as far as the first columns fit). */
export function partitionTable(
  queries: readonly QueryMetricsForExport[],
  { columns, rowsMax, color }: PartitionTableSpace,
): string {
  const lines = linesThatFit(queries.flatMap(linesOf), Math.max(1, rowsMax));
  const offered = queries.length > 1 ? COLUMNS : COLUMNS.filter(({ head }) => head !== 'query');
  const cells = lines.map((line) =>
    offered.map(({ text, paint }) => paint?.(text(line), line, color) ?? text(line)),
  );
  const shape = offered.map(({ head, left, expendable }) => ({
    head,
    align: left === true ? ('left' as const) : ('right' as const),
    expendable,
  }));
  return figureTable(shape, cells, { width: columns, paintHead: color.dim }).lines.join('\n');
}

function linesOf({ query, snapshot, rates }: QueryMetricsForExport): Line[] {
  const hot = new Set(hotPartitions(rates));
  return snapshot.partitions.map((snapshotOfOne: PartitionSnapshot) => ({
    ...snapshotOfOne,
    query,
    partition: String(snapshotOfOne.partition),
    rate: rates[snapshotOfOne.partition] ?? 0,
    latencyUs: snapshotOfOne.latencyUsLast,
    lagMs: snapshotOfOne.watermarkLagMs,
    hot: hot.has(snapshotOfOne.partition),
  }));
}

/** All lines, or those in trouble and the first others, in order, and one for the rest. */
function linesThatFit(lines: readonly Line[], rowsMax: number): readonly Line[] {
  if (lines.length <= rowsMax) return lines;
  const troubled = (line: Line): boolean => line.hot || line.severity !== 'healthy';
  const kept = new Set(
    [...lines.filter(troubled), ...lines.filter((line) => !troubled(line))].slice(0, rowsMax - 1),
  );
  const rest = lines.filter((line) => !kept.has(line));
  return [...lines.filter((line) => kept.has(line)), sumOf(rest)];
}

/** Counts add up; of use, latency, lag and severity the worst stands for all. */
function sumOf(lines: readonly Line[]): Line {
  const sum = (of: (line: Line) => number): number =>
    lines.reduce((total, line) => total + of(line), 0);
  const most = (of: (line: Line) => number): number => Math.max(...lines.map(of));
  const lagMs = most((line) => line.lagMs ?? -1);
  return {
    query: '',
    partition: `${lines.length} more`,
    rowsIn: sum((line) => line.rowsIn),
    rowsOut: sum((line) => line.rowsOut),
    rate: sum((line) => line.rate),
    queueRows: sum((line) => line.queueRows),
    utilisation: most((line) => line.utilisation),
    latencyUs: most((line) => line.latencyUs),
    rowsLate: sum((line) => line.rowsLate),
    rowsFailed: sum((line) => line.rowsFailed),
    stateRows: sum((line) => line.stateRows),
    stateBytes: sum((line) => line.stateBytes),
    lagMs: lagMs < 0 ? null : lagMs,
    severity: SEVERITIES[most((line) => SEVERITIES.indexOf(line.severity))] ?? 'healthy',
    hot: lines.some((line) => line.hot),
  };
}

function bar(share: number): string {
  const filled = Math.min(BAR_CELLS, Math.max(0, Math.round(share * BAR_CELLS)));
  return '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`.padStart(5);
}

function severityColor(severity: Severity, color: ChalkInstance): ChalkInstance {
  switch (severity) {
    case 'healthy':
      return color.green;
    case 'warning':
      return color.yellow;
    case 'critical':
      return color.red;
    case 'saturated':
      return color.red.bold;
  }
}
