/**
 * What `velo checkpoints` shows: tables as wide as the terminal, and JSON. Owns both forms and how
 * sizes and ages are spelled; which checkpoints there are is state/checkpoint/checkpoint-reader.ts.
 */
import type { ChalkInstance } from 'chalk';
import type { StateError } from '../base/errors.js';
import { wrapToWidth } from '../base/display-width.js';
import { figureTable } from '../base/figure-table.js';
import type { FigureColumn } from '../base/figure-table.js';
import { visibleText } from '../base/visible-text.js';
import type {
  CheckpointManifest,
  OperatorManifest,
  QueryManifest,
} from '../state/checkpoint/checkpoint-manifest.js';
import type {
  ListedCheckpoint,
  VerifiedCheckpoint,
} from '../state/checkpoint/checkpoint-reader.js';
import { ageText, sizeText } from './terminal/state-text.js';
import { countText } from './terminal/terminal.js';

interface Space {
  readonly color: ChalkInstance;
  readonly width: number | null;
}

interface DatedSpace extends Space {
  readonly nowMs: number;
}

/** Of names in front of what they name. */
const HEAD_COLUMNS = 9;

function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '–' : date.toISOString().replace('T', ' ').slice(0, 23);
}

interface Size {
  readonly entries: number;
  readonly bytes: number;
  readonly bytesWritten: number;
  readonly bytesLinked: number;
  readonly files: number;
}

/** Of state; heads and the manifest come to little. */
function sizeOf(operators: readonly OperatorManifest[], epoch: number): Size {
  const files = operators.flatMap((operator) => operator.files);
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);
  const bytes = sum(files.map((file) => file.bytes));
  const own = files.filter(({ since }) => since === epoch);
  const bytesWritten = sum(own.map((file) => file.bytes));
  return {
    entries: sum(files.map((file) => file.entries)),
    bytes,
    bytesWritten,
    bytesLinked: bytes - bytesWritten,
    files: files.length,
  };
}

function totalOf({ queries, epoch }: CheckpointManifest): Size {
  return sizeOf(
    queries.flatMap(({ operators }) => operators),
    epoch,
  );
}

function ranOn({ arch, partitions }: CheckpointManifest): string {
  return arch === 'v1' ? 'v1' : `v2 × ${partitions}`;
}

const right = (head: string, expendable = 0): FigureColumn => ({
  head,
  align: 'right',
  expendable,
});
const left = (head: string, expendable = 0): FigureColumn => ({ head, align: 'left', expendable });

const LIST_COLUMNS: readonly FigureColumn[] = [
  right('epoch'),
  right('age'),
  left('trigger', 3),
  left('ran on', 4),
  right('state'),
  right('written', 1),
  right('linked', 2),
  right('entries'),
  { head: 'job', align: 'left', expendable: 5, cut: true },
];

export function listText(
  dir: string,
  found: readonly ListedCheckpoint[],
  { color, width, nowMs }: DatedSpace,
): string {
  if (found.length === 0) return `no checkpoints in "${visibleText(dir)}"`;
  const rows = found.map(({ epoch, manifest, problem }) => {
    if (manifest === null) return [String(epoch), color.red(wordFor(problem))];
    const { entries, bytes, bytesWritten, bytesLinked } = totalOf(manifest);
    return [
      String(epoch),
      ageText(nowMs - manifest.takenAtMs),
      manifest.trigger,
      ranOn(manifest),
      sizeText(bytes),
      sizeText(bytesWritten),
      sizeText(bytesLinked),
      countText(entries),
      visibleText(manifest.job.name),
    ];
  });
  const { lines } = figureTable(LIST_COLUMNS, rows, { width, paintHead: color.dim });
  const problems = found.flatMap(({ epoch, problem }) =>
    problem === null ? [] : folded(`epoch ${epoch}: ${problem.message}`, width),
  );
  return [...lines, ...problems.map((line) => color.red(line))].join('\n');
}

function wordFor(problem: StateError | null): string {
  if (problem?.key === 'CHECKPOINT_VERSION') return 'newer velo';
  return problem?.key === 'CHECKPOINT_READ' ? 'unread' : 'damaged';
}

const OPERATOR_COLUMNS: readonly FigureColumn[] = [
  { head: 'operator', align: 'left', expendable: 0, cut: true },
  right('entries'),
  right('state'),
  right('written', 2),
  right('linked', 3),
  right('files', 4),
  right('parts', 5),
];

const SPLIT_COLUMNS: readonly FigureColumn[] = [
  { head: 'source', align: 'left', expendable: 3 },
  right('split'),
  { head: 'position', align: 'left', expendable: 0, cut: true },
  left('highest event time', 1),
  left('ended', 2),
];

export function inspectText(manifest: CheckpointManifest, space: DatedSpace): string {
  const { epoch, takenAtMs, velo, trigger, job, queries } = manifest;
  const { nowMs } = space;
  const { entries, bytes, bytesWritten, bytesLinked } = totalOf(manifest);
  const head = [
    ['epoch', String(epoch)],
    ['taken', `${timeText(takenAtMs)} UTC (${ageText(nowMs - takenAtMs)} ago), ${trigger}`],
    ['job', `${job.name}, on ${ranOn(manifest)}, velo ${velo}`],
    ['state', `${countText(entries)} entries, ${sizeText(bytes)}`],
    ['on disk', `${sizeText(bytesWritten)} written, ${sizeText(bytesLinked)} linked`],
  ].flatMap(([name = '', value = '']) => headLines(name, value, space));
  const below = queries.flatMap((query) => ['', ...queryLines(query, epoch, space)]);
  return [...head, ...below].join('\n');
}

function headLines(name: string, value: string, { color, width }: Space): string[] {
  const lines = folded(value, width === null ? null : width - HEAD_COLUMNS);
  return lines.map((line, at) => {
    const front = (at === 0 ? name : '').padEnd(HEAD_COLUMNS);
    return `${color.dim(front)}${line}`;
  });
}

function queryLines(query: QueryManifest, epoch: number, { color, width }: Space): string[] {
  const { sink, counters, operators, splits, ended } = query;
  const counted = Object.entries(counters).map(([name, count]) => `${name} ${countText(count)}`);
  const lines = [color.bold(`query ${visibleText(query.query)}${ended ? ', ended' : ''}`)];
  if (counted.length > 0) lines.push(...folded(counted.join(' · '), width));
  if (sink !== null) lines.push(...folded(`sink goes on at ${sink}`, width));
  const paintHead = color.dim;
  if (splits.length > 0) {
    const rows = splits.map((split) => [
      visibleText(split.sourceName),
      String(split.split),
      visibleText(split.position),
      timeText(split.highestMs),
      split.ended ? 'yes' : '',
    ]);
    lines.push(...figureTable(SPLIT_COLUMNS, rows, { width, paintHead }).lines);
  }
  if (operators.length > 0) {
    const rows = operators.map((operator) => {
      const size = sizeOf([operator], epoch);
      return [
        visibleText(operator.id),
        countText(size.entries),
        sizeText(size.bytes),
        sizeText(size.bytesWritten),
        sizeText(size.bytesLinked),
        countText(size.files),
        countText(operator.parts.length),
      ];
    });
    lines.push(...figureTable(OPERATOR_COLUMNS, rows, { width, paintHead }).lines);
  }
  return lines;
}

export function verifyText(
  dir: string,
  verified: readonly VerifiedCheckpoint[],
  { color, width }: Space,
): string {
  if (verified.length === 0) return `no checkpoints in "${visibleText(dir)}"`;
  return verified
    .flatMap(({ epoch, problems }) => {
      if (problems.length === 0) return [`epoch ${epoch}: ${color.green('whole')}`];
      return problems
        .flatMap(({ message }) => folded(`epoch ${epoch}: damaged, ${message}`, width))
        .map((line) => color.red(line));
    })
    .join('\n');
}

/** Text of one line as lines that a terminal does not break. */
function folded(text: string, width: number | null): readonly string[] {
  const shown = visibleText(text);
  return width === null ? [shown] : wrapToWidth(shown, width);
}

/** Of `list` and `inspect`: what the manifests say, and sums of it. */
export function checkpointsJson(dir: string, found: readonly ListedCheckpoint[]): string {
  const checkpoints = found.map(({ epoch, folder, manifest, problem }) => ({
    epoch,
    folder,
    problem: problem === null ? null : { code: problem.code, message: problem.message },
    ...(manifest === null ? {} : { size: totalOf(manifest), manifest }),
  }));
  return jsonText({ schema: 1, folder: dir, checkpoints });
}

export function verifyJson(dir: string, verified: readonly VerifiedCheckpoint[]): string {
  const checkpoints = verified.map(({ epoch, folder, problems }) => ({
    epoch,
    folder,
    whole: problems.length === 0,
    problems: problems.map(({ code, message }) => ({ code, message })),
  }));
  return jsonText({ schema: 1, folder: dir, checkpoints });
}

/** Numbers that JSON does not have are null: no event time yet. */
function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
