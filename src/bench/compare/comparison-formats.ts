/**
 * Comparisons for other programs: a markdown table for a pull request, JUnit's XML for a build
 * server, and the JSON that github-action-benchmark keeps (its tool `customBiggerIsBetter`). Owns
 * these forms; the table for people is comparison-report.ts.
 */
import { visibleText } from '../../base/visible-text.js';
import { count, rate } from '../report.js';
import { verdictLine } from './comparison-report.js';
import type { DocumentComparison, LaneComparison } from './result-file.js';

export const COMPARISON_FORMATS = ['table', 'markdown', 'junit', 'github'] as const;
export type ComparisonFormat = (typeof COMPARISON_FORMATS)[number];

/** Everything that goes to stdout, without a line feed at its end. */
export function comparisonText(
  format: Exclude<ComparisonFormat, 'table'>,
  comparison: DocumentComparison,
): string {
  switch (format) {
    case 'markdown':
      return markdown(comparison);
    case 'junit':
      return junit(comparison);
    case 'github':
      return github(comparison);
  }
}

function markdown({ lanes, notes }: DocumentComparison): string {
  const head = ['lane', 'measure', 'before', 'after', 'ratio', '95 % interval', 'p', 'verdict'];
  const rule = ['---', '---', '---:', '---:', '---:', '---:', '---:', '---'];
  const rows = lanes.map(({ lane, measure, before, after, comparison }) => [
    ...[lane, measure, rate(before), rate(after), comparison.ratio.toFixed(3)],
    ...[intervalText(comparison.ci95), comparison.p.toPrecision(2), verdictText(comparison)],
  ]);
  const table = [head, rule, ...rows.map((row) => row.map(markdownCell))];
  return [
    `**${verdictLine(lanes)}**`,
    '',
    ...table.map((row) => `| ${row.join(' | ')} |`),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `- not compared: ${inline(note)}`)]),
  ].join('\n');
}

function markdownCell(text: string): string {
  return inline(text).replaceAll('|', '\\|');
}

/** What markdown and HTML would take for their own. */
function inline(text: string): string {
  return visibleText(text).replace(/[\\`*_<>&]/g, '\\$&');
}

/** A test case per lane and measure; what could not be compared is skipped. */
function junit({ lanes, notes }: DocumentComparison): string {
  const slower = lanes.filter(({ comparison }) => comparison.verdict === 'slower').length;
  const skipped = notes.length + lanes.filter(({ comparison }) => comparison.tooFew).length;
  const counts = `tests="${lanes.length + notes.length}" failures="${slower}" errors="0" skipped="${skipped}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="velo bench compare" ${counts}>`,
    ...lanes.map(junitCase),
    ...notes.map(
      (note) =>
        `    <testcase classname="velo.bench" name="${xml(note)}"><skipped message="not compared"/></testcase>`,
    ),
    '  </testsuite>',
    '</testsuites>',
  ].join('\n');
}

function junitCase({ lane, measure, before, after, comparison }: LaneComparison): string {
  const { verdict, tooFew, ratio, p } = comparison;
  const figures =
    `${measure} × ${ratio.toFixed(3)} (${intervalText(comparison.ci95)}), ` +
    `p = ${p.toPrecision(2)}: ${whole(before)} before, ${whole(after)} after`;
  const body = tooFew
    ? '<skipped message="too few runs to show any difference"/>'
    : verdict === 'slower'
      ? `<failure type="slower" message="${xml(figures)}"/>`
      : `<system-out>${xml(`${verdict}: ${figures}`)}</system-out>`;
  return `    <testcase classname="velo.bench" name="${xml(`${lane}, ${measure}`)}">${body}</testcase>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
};

/** XML allows no control characters, not even as references. */
function xml(text: string): string {
  return visibleText(text).replace(/[<>&"]/g, (char) => ENTITIES[char] ?? char);
}

/** One entry per lane and measure; larger is better. */
function github({ lanes }: DocumentComparison): string {
  const entries = lanes.map(({ lane, measure, before, after, comparison }) => ({
    name: `${lane}, ${measure}`,
    unit: measure,
    value: after,
    range: `${intervalText(comparison.ci95)} of before`,
    extra: [
      `before: ${whole(before)}`,
      `ratio: ${comparison.ratio.toFixed(3)}`,
      `p: ${comparison.p.toPrecision(2)}`,
      `verdict: ${verdictText(comparison)}`,
    ].join('\n'),
  }));
  return JSON.stringify(entries, null, 2);
}

function intervalText(interval: readonly number[]): string {
  return interval.map((end) => end.toFixed(3)).join(' – ');
}

function verdictText({ verdict, tooFew }: LaneComparison['comparison']): string {
  return tooFew ? `${verdict} (too few runs)` : verdict;
}

function whole(perSecond: number): string {
  return count(Math.round(perSecond));
}
