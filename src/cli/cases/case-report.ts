/**
 * What `velo test` says of its cases: text for people, a JSON document, JUnit's XML for build
 * servers. Owns their forms and how much of a difference is shown; what differs is row-diff.ts.
 */
import type { ChalkInstance } from 'chalk';
import { redact } from '../../base/redact.js';
import { visibleText } from '../../base/visible-text.js';
import { shownText } from '../terminal/error-text.js';
import type { CaseEngine } from './case-run.js';
import type { RowFault } from './row-diff.js';

export interface RunReport {
  readonly engine: CaseEngine;
  readonly seconds: number;
  /** Empty: the run was as expected. */
  readonly faults: readonly RowFault[];
}

export interface CaseReport {
  readonly file: string;
  readonly about: string;
  /** faulty: the file makes no sense; skipped: it runs on no engine that was asked for. */
  readonly status: 'passed' | 'failed' | 'faulty' | 'skipped';
  /** --update wrote the file. */
  readonly written: boolean;
  readonly runs: readonly RunReport[];
  /** Why a file is faulty: errors as they are printed. */
  readonly errors: readonly string[];
}

/** Rows of a difference that are shown. */
const FAULTS_SHOWN_MAX = 20;

/** A line for a case that passed; what differs for one that failed. Faulty files have errors. */
export function caseText(report: CaseReport, color: ChalkInstance): string {
  const { file, about, status, written, runs } = report;
  const name = shownText(file);
  const engines = runs.map(({ engine }) => engineText(engine)).join(', ');
  const tail = written ? ' · written' : '';
  if (status === 'passed') return `${color.green('ok')}    ${name}  ${color.dim(engines)}${tail}\n`;
  if (status === 'skipped') return `${color.yellow('skip')}  ${name}\n`;
  const lines = [`${color.red('FAIL')}  ${name}${tail}`];
  if (about !== '') lines.push(`      ${shownText(about.replaceAll('\n', ' '))}`);
  for (const { engines: names, faults } of sameFaults(runs)) {
    lines.push(`      ${color.bold(names)}`, ...faultLines(faults, color));
  }
  return `${lines.join('\n')}\n`;
}

/** Runs that failed in the same way, together. */
function sameFaults(
  runs: readonly RunReport[],
): readonly { readonly engines: string; readonly faults: readonly RowFault[] }[] {
  const groups = new Map<string, { engines: string; readonly faults: readonly RowFault[] }>();
  for (const { engine, faults } of runs) {
    if (faults.length === 0) continue;
    const key = JSON.stringify(faults);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { engines: engineText(engine), faults });
    else group.engines += `, ${engineText(engine)}`;
  }
  return [...groups.values()];
}

const MARKS = { missing: '-', extra: '+', note: ' ' } as const;

function faultLines(faults: readonly RowFault[], color: ChalkInstance): string[] {
  const colors = { missing: color.red, extra: color.green, note: (text: string) => text };
  const shown = faults
    .slice(0, FAULTS_SHOWN_MAX)
    .flatMap(({ kind, text }) =>
      text.split('\n').map((line) => `      ${colors[kind](`${MARKS[kind]} ${shownText(line)}`)}`),
    );
  const more = faults.length - FAULTS_SHOWN_MAX;
  return more > 0 ? [...shown, `        and ${more} more`] : shown;
}

export function engineText({ arch, partitions, workers }: CaseEngine): string {
  return arch === 'v1' ? 'v1' : `v2 ${partitions}×${workers}`;
}

export interface CaseCounts {
  readonly passed: number;
  readonly failed: number;
  readonly faulty: number;
  readonly skipped: number;
}

export function countsOf(reports: readonly CaseReport[]): CaseCounts {
  const count = (wanted: CaseReport['status']): number =>
    reports.filter(({ status }) => status === wanted).length;
  return {
    passed: count('passed'),
    failed: count('failed'),
    faulty: count('faulty'),
    skipped: count('skipped'),
  };
}

export function countsText(counts: CaseCounts): string {
  return Object.entries(counts)
    .filter(([name, count]) => count > 0 || name === 'passed')
    .map(([name, count]) => `${count} ${name}`)
    .join(' · ');
}

/** `{schema: 1, passed, failed, faulty, skipped, cases: […]}`. */
export function casesJson(reports: readonly CaseReport[]): string {
  const document = { schema: 1, ...countsOf(reports), cases: reports };
  return `${redact(JSON.stringify(document, null, 2))}\n`;
}

/** One testcase for each run of a case. */
export function junitXml(reports: readonly CaseReport[]): string {
  const suites = reports.map(suiteXml);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="velo test">\n${suites.join('')}</testsuites>\n`;
}

function suiteXml(report: CaseReport): string {
  const { file, about, status, runs, errors } = report;
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0);
  const failures = runs.filter(({ faults }) => faults.length > 0).length;
  const cases = runs.map((run) => {
    const text = run.faults.map(({ kind, text: row }) => `${MARKS[kind]} ${row}`).join('\n');
    const body = text === '' ? '' : `<failure message="${xml(about)}">${xml(text)}</failure>`;
    return testCase({ file, name: engineText(run.engine), seconds: run.seconds }, body);
  });
  if (status === 'faulty') {
    const body = `<error message="faulty case file">${xml(errors.join('\n'))}</error>`;
    cases.push(testCase({ file, name: 'case file', seconds: 0 }, body));
  }
  if (status === 'skipped') {
    cases.push(testCase({ file, name: 'skipped', seconds: 0 }, '<skipped/>'));
  }
  const counts = `tests="${cases.length}" failures="${failures}" errors="${status === 'faulty' ? 1 : 0}" skipped="${status === 'skipped' ? 1 : 0}"`;
  return `  <testsuite name="${xml(file)}" ${counts} time="${seconds.toFixed(3)}">\n${cases.join('')}  </testsuite>\n`;
}

function testCase(
  run: { readonly file: string; readonly name: string; readonly seconds: number },
  body: string,
): string {
  const { file, name, seconds } = run;
  return `    <testcase classname="${xml(file)}" name="${xml(name)}" time="${seconds.toFixed(3)}">${body}</testcase>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Characters that XML has no way to write are shown as what they are. */
function xml(text: string): string {
  const lines = redact(text).split('\n').map(visibleText);
  return lines.join('\n').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
