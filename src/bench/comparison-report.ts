/**
 * Draws comparisons: a line per lane and measure with its verdict. Owns layout and wording only.
 */
import type { ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import type { Verdict } from './comparison.js';
import { rate, tableStyle } from './report.js';
import type { LaneComparison } from './result-file.js';

export function comparisonTable(lanes: readonly LaneComparison[], color: ChalkInstance): string {
  const table = new Table({
    head: ['lane', 'measure', 'before', 'after', 'ratio', '95 % interval', 'p', 'verdict'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'],
    style: tableStyle(color),
  });
  for (const { lane, measure, before, after, comparison } of lanes) {
    const { ratio, ci95, p, verdict, tooFew } = comparison;
    const text = tooFew ? `${verdict} (too few runs to tell)` : verdict;
    table.push([
      lane,
      measure,
      rate(before),
      rate(after),
      ratio.toFixed(3),
      ci95.map((end) => end.toFixed(3)).join(' – '),
      p.toPrecision(2),
      colorOf(verdict, color)(text),
    ]);
  }
  return table.toString();
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
