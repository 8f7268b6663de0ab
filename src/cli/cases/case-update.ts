/**
 * `velo test --update`: the text of a case file with what a run came to in place of what it
 * expected. Owns where that is written; everything else in the file stays as it is.
 */
import type { Span } from '../../base/span.js';
import type { ExpectedSummary, SqlCase } from './case-file.js';
import { countedRows, diffSummary, diffRows, sumOf } from './row-diff.js';
import { expectsSomething, lackingOf, meantOutputs } from './case-verify.js';
import type { CaseOutcome } from './case-verify.js';

interface Edit {
  readonly span: Span;
  readonly text: string;
}

/**
 * null: there is nothing to write, also where rows are expected and the job failed, or the other
 * way round. A case that expects nothing gets its rows.
 */
export function updatedText(sqlCase: SqlCase, outcome: CaseOutcome): string | null {
  const { text } = sqlCase.source;
  const { exit, outputs } = outcome;
  if ((exit !== 0) !== (sqlCase.error !== null)) return null;
  if (!expectsSomething(sqlCase)) return `${text.trimEnd()}\n${newSections(outputs)}`;
  const edits = [
    ...errorEdits(sqlCase, outcome),
    ...rowEdits(sqlCase, outputs),
    ...summaryEdits(sqlCase.summary, outputs),
  ];
  if (edits.length === 0) return null;
  return edits
    .sort((a, b) => b.span.start - a.span.start)
    .reduce((result, edit) => replaced(result, edit), text);
}

type Outputs = CaseOutcome['outputs'];

/** Of several queries, a section for each table. */
function newSections(outputs: Outputs): string {
  if (outputs.length === 1) return rowsText('=== rows', outputs[0]?.lines ?? []);
  const tables = [...new Set(outputs.map(({ table }) => table))];
  return tables
    .map((table) => {
      const lines = outputs.flatMap((output) => (output.table === table ? output.lines : []));
      return rowsText(table === null ? '=== rows' : `=== rows into ${table}`, lines);
    })
    .join('');
}

function rowsText(heading: string, lines: readonly string[]): string {
  return `${[heading, ...lines].join('\n')}\n`;
}

/** The code of the error: its text may name the folder of one run. */
function errorEdits(sqlCase: SqlCase, outcome: CaseOutcome): Edit[] {
  const { error } = sqlCase;
  if (error === null || (error.lines.length > 0 && lackingOf(sqlCase, outcome).length === 0)) {
    return [];
  }
  const code = /^error\[\w+\]/.exec(outcome.errorText)?.[0] ?? 'error';
  return [{ span: error.body, text: `${code}\n` }];
}

function rowEdits(sqlCase: SqlCase, outputs: Outputs): Edit[] {
  return sqlCase.rows.flatMap((rows) => {
    const meant = meantOutputs(rows, sqlCase, outputs);
    const lines = meant.flatMap((output) => output.lines);
    const isOrdered = rows.order === null && meant.length === 1 && meant[0]?.ordered === true;
    const order = isOrdered ? 'ordered' : rows.order;
    if (diffRows({ ...rows, order }, lines).length === 0) return [];
    const counted = countedRows(rows, lines);
    return [{ span: rows.body, text: counted.map((line) => `${line}\n`).join('') }];
  });
}

function summaryEdits(summary: ExpectedSummary | null, outputs: Outputs): Edit[] {
  const lines = outputs.flatMap((output) => output.lines);
  if (summary === null || diffSummary(summary, lines).length === 0) return [];
  const columns = Object.keys(summary.sum);
  const sum = Object.fromEntries(columns.map((column) => [column, sumOf(column, lines)]));
  const sums = columns.length === 0 ? {} : { sum };
  return [{ span: summary.body, text: `${JSON.stringify({ rows: lines.length, ...sums })}\n` }];
}

/** Empty lines at the end of the section stay. */
function replaced(text: string, { span, text: body }: Edit): string {
  const blank = /\n(\n*)$/.exec(text.slice(span.start, span.end))?.[1] ?? '';
  const before = text.slice(0, span.start);
  const newline = before.endsWith('\n') ? '' : '\n';
  return `${before}${newline}${body}${blank}${text.slice(span.end)}`;
}
