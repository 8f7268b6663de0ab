/**
 * Draws comparisons: a line per lane and measure with its verdict. Owns layout and wording only.
 */
import type { ChalkInstance } from 'chalk';
import { figureTable } from '../../base/figure-table.js';
import type { FigureColumn } from '../../base/figure-table.js';
import type { Verdict } from './comparison.js';
import { fitted, rate } from '../report.js';
import type { ReportSpace } from '../report.js';
import type { LaneComparison } from './result-file.js';

const COLUMNS: readonly FigureColumn[] = [
  { head: 'lane', align: 'left', expendable: 0, cut: true },
  { head: 'measure', align: 'left', expendable: 1 },
  { head: 'before', align: 'right', expendable: 3 },
  { head: 'after', align: 'right', expendable: 3 },
  { head: 'ratio', align: 'right', expendable: 0 },
  { head: '95 % interval', align: 'right', expendable: 2 },
  { head: 'p', align: 'right', expendable: 4 },
  { head: 'verdict', align: 'left', expendable: 0 },
];

export function comparisonTable(
  lanes: readonly LaneComparison[],
  { color, width }: ReportSpace,
): string {
  const rows = lanes.map(({ lane, measure, before, after, comparison }) => {
    const { ratio, ci95, p, verdict, tooFew } = comparison;
    return [
      lane,
      measure,
      rate(before),
      rate(after),
      ratio.toFixed(3),
      ci95.map((end) => end.toFixed(3)).join(' – '),
      p.toPrecision(2),
      colorOf(verdict, color)(tooFew ? `${verdict} (too few runs)` : verdict),
    ];
  });
  const paintHead = color.level === 0 ? (text: string): string => text : color.cyan;
  return figureTable(COLUMNS, rows, { width, paintHead }).lines.join('\n');
}

/** How many came out how, the worst first. */
export function verdictLine(lanes: readonly LaneComparison[]): string {
  const counted = (verdict: Verdict): number =>
    lanes.filter(({ comparison }) => comparison.verdict === verdict).length;
  const [slower, faster, same] = [counted('slower'), counted('faster'), counted('no change')];
  return `compared: ${slower} slower, ${faster} faster, ${same} without a change`;
}

export function comparisonVerdict(
  lanes: readonly LaneComparison[],
  { color, width }: ReportSpace,
): string {
  const isSlower = lanes.some(({ comparison }) => comparison.verdict === 'slower');
  return (isSlower ? color.red : color.green)(fitted(verdictLine(lanes), width));
}

function colorOf(verdict: Verdict, color: ChalkInstance): (text: string) => string {
  if (verdict === 'slower') return color.red;
  return verdict === 'faster' ? color.green : (text) => text;
}

/** What a reader must not overlook. */
export function verdictLines(lanes: readonly LaneComparison[]): string[] {
  return lanes.flatMap(({ lane, measure, comparison: { verdict, ratio, p, tooFew } }) => {
    if (tooFew) return [`${lane}, ${measure}: too few runs to show any difference`];
    if (verdict !== 'slower') return [];
    return [`${lane} is slower: ${measure} × ${ratio.toFixed(3)}, p = ${p.toPrecision(2)}`];
  });
}
