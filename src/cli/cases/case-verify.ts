/**
 * What a case expects beside what a run of it came to: exit code, error text and rows. Owns which
 * rows a section speaks of; when rows are the same is row-diff.ts.
 */
import type { ExpectedRows, SqlCase } from './case-file.js';
import { diffRows, diffSummary } from './row-diff.js';
import type { RowFault } from './row-diff.js';

export interface CaseOutcome {
  readonly exit: number;
  /** What the command line would print for the error, without colour; empty: there was none. */
  readonly errorText: string;
  /** What each query put out. */
  readonly outputs: readonly CaseOutput[];
}

export interface CaseOutput {
  /** The table that the query inserts into; null: stdout. */
  readonly table: string | null;
  /** The query has an ORDER BY. */
  readonly ordered: boolean;
  /** Rows as JSON lines. */
  readonly lines: readonly string[];
}

type Expectations = Pick<SqlCase, 'rows' | 'summary' | 'error' | 'exit'>;

/** Whether the case says anything of what comes out. */
export function expectsSomething({ rows, summary, error, exit }: Expectations): boolean {
  return rows.length > 0 || summary !== null || error !== null || exit !== null;
}

/** Every difference; empty when the run was as expected. */
export function verifyCase(expected: Expectations, outcome: CaseOutcome): RowFault[] {
  const exit = exitFault(expected, outcome);
  if (exit !== null) return notes(outcome.errorText === '' ? [exit] : [exit, outcome.errorText]);
  const lacking = lackingOf(expected, outcome);
  if (lacking.length > 0) {
    return notes([...lacking.map((want) => `the error lacks ${want}`), outcome.errorText]);
  }
  const lines = outcome.outputs.flatMap((output) => output.lines);
  const sums = expected.summary === null ? [] : diffSummary(expected.summary, lines);
  return [...sums, ...expected.rows.flatMap((rows) => rowFaults(rows, expected, outcome))];
}

/** What the error is expected to hold, and does not. */
export function lackingOf(
  { error }: Pick<Expectations, 'error'>,
  { errorText }: CaseOutcome,
): readonly string[] {
  return (error?.lines ?? []).filter((want) => !holds(want, errorText));
}

function notes(texts: readonly string[]): RowFault[] {
  return texts.map((text) => ({ kind: 'note', text }));
}

function exitFault({ exit, error }: Expectations, outcome: CaseOutcome): string | null {
  if (exit !== null) {
    return outcome.exit === exit ? null : `exit ${outcome.exit} instead of ${exit}`;
  }
  if (error === null) return outcome.exit === 0 ? null : 'the job failed';
  return outcome.exit === 0 ? 'the job succeeded although an error is expected' : null;
}

function holds(want: string, text: string): boolean {
  return want.startsWith('~ ')
    ? new RegExp(want.slice(2), 'im').test(text)
    : text.toLowerCase().includes(want.toLowerCase());
}

function rowFaults(
  rows: ExpectedRows,
  expected: Expectations,
  { outputs }: CaseOutcome,
): RowFault[] {
  const meant = meantOutputs(rows, expected, outputs);
  if (rows.into !== null && meant.length === 0) {
    return notes([`no query inserts into "${rows.into}"`]);
  }
  const faults = diffRows(
    { ...rows, order: rows.order ?? naturalOrder(meant) },
    meant.flatMap(({ lines }) => lines),
  );
  const heading = rows.into === null ? [] : notes([`rows into ${rows.into}`]);
  return faults.length === 0 ? [] : [...heading, ...faults];
}

/** The outputs that a section speaks of: of its table, or those of no other section. */
export function meantOutputs(
  { into }: ExpectedRows,
  { rows }: Pick<Expectations, 'rows'>,
  outputs: readonly CaseOutput[],
): readonly CaseOutput[] {
  const named = rows.flatMap((other) => other.into?.toLowerCase() ?? []);
  return outputs.filter(({ table }) => {
    const name = table?.toLowerCase() ?? null;
    return into === null ? name === null || !named.includes(name) : name === into.toLowerCase();
  });
}

function naturalOrder(outputs: readonly CaseOutput[]): 'ordered' | 'unordered' {
  return outputs.length === 1 && outputs[0]?.ordered === true ? 'ordered' : 'unordered';
}
