/**
 * What `velo job` shows: running jobs as a table, one of them in full, what was written and how one
 * ended; and JSON. Owns these forms; sizes and ages are spelled in state-text.ts.
 */
import type { ChalkInstance } from 'chalk';
import { figureTable } from '../base/figure-table.js';
import type { FigureColumn } from '../base/figure-table.js';
import { visibleText } from '../base/visible-text.js';
import type { JobStatus, StoppedJob } from '../job/control/control-messages.js';
import type { WrittenState } from '../job/written-state.js';
import { ageText, agoText, sizeText } from './terminal/state-text.js';
import { countText, durationText, rateText } from './terminal/terminal.js';

export interface ReportSpace {
  readonly color: ChalkInstance;
  readonly width: number | null;
  readonly nowMs: number;
}

/** A folder that a process has; status null: it cannot be asked, and `problem` says why. */
export interface ListedJob {
  readonly folder: string;
  readonly pid: number;
  readonly host: string;
  readonly status: JobStatus | null;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

const right = (head: string, expendable = 0): FigureColumn => ({
  head,
  align: 'right',
  expendable,
});
const left = (head: string, expendable = 0): FigureColumn => ({ head, align: 'left', expendable });

const LIST_COLUMNS: readonly FigureColumn[] = [
  { head: 'folder', align: 'left', expendable: 0, cut: true },
  left('job', 5),
  right('process', 4),
  left('state'),
  left('ran on', 6),
  right('for', 3),
  right('rows in', 2),
  right('rec/s'),
  right('state size', 1),
  right('checkpoint'),
];

export function jobsText(jobs: readonly ListedJob[], { color, width, nowMs }: ReportSpace): string {
  if (jobs.length === 0) return 'no job runs in these folders';
  const rows = jobs.map(({ folder, pid, status }) => {
    if (status === null) {
      return [visibleText(folder), '', String(pid), color.yellow('not reached')];
    }
    const { last } = status.checkpoints;
    return [
      visibleText(folder),
      visibleText(status.job),
      String(pid),
      status.state,
      ranOn(status),
      ageText(nowMs - status.startedMs),
      countText(status.rowsIn),
      rateText(status.recordsPerSecond),
      sizeText(status.stateBytes),
      last === null ? 'none yet' : agoText(nowMs - last.takenAtMs),
    ];
  });
  const { lines } = figureTable(LIST_COLUMNS, rows, { width, paintHead: color.dim });
  const problems = jobs.flatMap(({ problem }) =>
    problem === null ? [] : [color.yellow(visibleText(problem.message))],
  );
  return [...lines, ...problems].join('\n');
}

function ranOn({ arch, partitions, workers }: JobStatus): string {
  return arch === 'v1' ? 'v1' : `v2 × ${partitions} on ${workers}`;
}

/** Of names in front of what they name. */
const HEAD_COLUMNS = 12;

export function jobText(status: JobStatus, space: ReportSpace): string {
  const { color, nowMs } = space;
  const { rowsIn, rowsOut, rowsFailed, rowsLate, lag, restarts } = status;
  const cuts = status.rescales + status.rebalances;
  const rows = [
    `${countText(rowsIn)} in`,
    `${countText(rowsOut)} out`,
    `${countText(rowsFailed)} failed`,
    `${countText(rowsLate)} late`,
    `${rateText(status.recordsPerSecond)} rec/s`,
    ...(lag === null ? [] : [`${countText(lag)} to read`]),
  ];
  const running = [`${status.state} for ${ageText(nowMs - status.startedMs)}`, ranOn(status)];
  if (cuts > 0) running.push(`cut anew ${cuts === 1 ? 'once' : `${countText(cuts)} times`}`);
  if (restarts > 0) running.push(`${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`);
  const head = [
    ['job', `${status.job}, process ${status.pid}, velo ${status.velo}`],
    ['', running.join(' · ')],
    ['rows', rows.join(' · ')],
    ['state', sizesText(status)],
    ['checkpoints', checkpointsText(status, nowMs)],
  ].map(
    ([name = '', value = '']) => `${color.dim(name.padEnd(HEAD_COLUMNS))}${visibleText(value)}`,
  );
  return [...head, ...queryTables(status, space), ...operatorTable(status, space)].join('\n');
}

function sizesText({ stateRows, stateBytes }: JobStatus): string {
  return `${countText(stateRows)} rows · ${sizeText(stateBytes)}`;
}

function checkpointsText({ checkpoints }: JobStatus, nowMs: number): string {
  const { last, written, failed, intervalMs } = checkpoints;
  const counts = [`every ${durationText(intervalMs * 1000)}`, `${countText(written)} written`];
  if (failed > 0) counts.push(`${countText(failed)} failed`);
  if (last === null) return [...counts, 'none of this run yet'].join(' · ');
  return [
    `epoch ${last.epoch}, ${agoText(nowMs - last.takenAtMs)}`,
    `${sizeText(last.bytes)}, ${sizeText(last.bytesWritten)} written in ${durationText(last.writeMs * 1000)}`,
    `pause ${durationText(last.pauseMs * 1000)}`,
    ...counts,
  ].join(' · ');
}

const PARTITION_COLUMNS: readonly FigureColumn[] = [
  { head: 'query', align: 'left', expendable: 1, cut: true },
  right('partition'),
  right('rows in'),
  right('state rows'),
  right('state'),
];

function queryTables({ queries }: JobStatus, { color, width }: ReportSpace): string[] {
  const rows = queries.flatMap(({ query, partitions }) =>
    partitions.map(({ partition, rowsIn, stateRows, stateBytes }) => [
      visibleText(query),
      String(partition),
      countText(rowsIn),
      countText(stateRows),
      sizeText(stateBytes),
    ]),
  );
  if (rows.length === 0) return [];
  return ['', ...figureTable(PARTITION_COLUMNS, rows, { width, paintHead: color.dim }).lines];
}

const OPERATOR_COLUMNS: readonly FigureColumn[] = [
  { head: 'query', align: 'left', expendable: 1, cut: true },
  { head: 'operator', align: 'left', expendable: 0, cut: true },
  right('entries'),
  right('in the checkpoint'),
];

function operatorTable({ checkpoints: { last } }: JobStatus, space: ReportSpace): string[] {
  if (last === null || last.operators.length === 0) return [];
  const { color, width } = space;
  const rows = last.operators.map(({ query, operator, entries, bytes }) => [
    visibleText(query),
    visibleText(operator),
    countText(entries),
    sizeText(bytes),
  ]);
  return ['', ...figureTable(OPERATOR_COLUMNS, rows, { width, paintHead: color.dim }).lines];
}

export function writtenText({ epoch, folder, entries, bytes, bytesWritten }: WrittenState): string {
  const size = `${countText(entries)} entries, ${sizeText(bytes)}, ${sizeText(bytesWritten)} written`;
  return `epoch ${epoch} in ${visibleText(folder)}: ${size}`;
}

export function stoppedText({ end, rowsIn, rowsOut, savepoint }: StoppedJob): string {
  const line = `${end} · ${countText(rowsIn)} in · ${countText(rowsOut)} out`;
  return savepoint === null ? line : `${writtenText(savepoint)}\n${line}`;
}

export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
