/**
 * SQL cases: text files of sections, one behaviour each (test/cases). Owns their format and the
 * comparison of rows; running them is case-run.ts.
 *
 *   === about                    the rule this shows
 *   === input NAME [unterminated]   lines of an input file
 *   === sequence NAME N          an input file of N lines {"i":0}, {"i":1} …
 *   === sql                      the statements; ${DIR} is the folder of the inputs
 *   === flags                    --changelog and --on-error are understood
 *   === partitions 1 2 8 | v1 only   the V2 runs that follow the V1 run
 *   === rows ordered|unordered|last-per K,K [tolerance=T]
 *   === summary [tolerance=T]    {"rows":N,"sum":{"column":N}}
 *   === error                    what the printed error must hold; `~ PATTERN` is a regular expression
 *   === exit N
 */
import { readFileSync } from 'node:fs';

export interface CaseInput {
  readonly name: string;
  readonly body: string;
}
export type Expected =
  | {
      readonly kind: 'rows';
      readonly order: 'ordered' | 'unordered' | 'last-per';
      readonly keys: readonly string[];
      readonly tolerance: number;
      readonly lines: readonly string[];
    }
  | {
      readonly kind: 'summary';
      readonly tolerance: number;
      readonly rows: number;
      readonly sum: Readonly<Record<string, number>>;
    };

export interface SqlCase {
  readonly file: string;
  readonly about: string;
  readonly inputs: readonly CaseInput[];
  readonly sql: string;
  readonly flags: readonly string[];
  readonly partitions: readonly number[];
  readonly expected: Expected | null;
  readonly error: readonly string[] | null;
  readonly exit: number;
}

export function readCase(file: string): SqlCase {
  const sections = readFileSync(file, 'utf8').split(/^=== /m).slice(1).map(section);
  const one = (kind: string): Section | undefined => sections.find((item) => item.kind === kind);
  const error =
    one('error')
      ?.body.split('\n')
      .map((line) => line.trim())
      .filter(Boolean) ?? null;
  const sql = one('sql')?.body;
  if (sql === undefined) throw new Error(`${file} has no sql section`);
  const exit = one('exit')?.args[0];
  const partitions = one('partitions')?.args ?? ['1', '2', '8'];
  return {
    file,
    about: one('about')?.body.trim() ?? '',
    inputs: sections.flatMap(inputOf),
    sql,
    flags: one('flags')?.body.trim().split(/\s+/) ?? [],
    partitions: partitions.includes('only') ? [] : partitions.map(Number),
    expected: expectedOf(one('rows'), one('summary')),
    error,
    exit: exit === undefined ? (error === null ? 0 : 2) : Number(exit),
  };
}

interface Section {
  readonly kind: string;
  readonly args: readonly string[];
  readonly body: string;
}

function section(chunk: string): Section {
  const newline = chunk.indexOf('\n');
  const [kind = '', ...args] = chunk.slice(0, newline).trim().split(/\s+/);
  return { kind, args, body: chunk.slice(newline + 1) };
}

function inputOf({ kind, args, body }: Section): CaseInput[] {
  const [name = '', option] = args;
  if (kind === 'input') return [{ name, body: option === 'unterminated' ? body.trimEnd() : body }];
  if (kind !== 'sequence') return [];
  const lines = Array.from({ length: Number(option) }, (_, i) => `{"i":${i}}\n`);
  return [{ name, body: lines.join('') }];
}

function expectedOf(rows: Section | undefined, summary: Section | undefined): Expected | null {
  const found = rows ?? summary;
  if (found === undefined) return null;
  const text = found.args.find((arg) => arg.startsWith('tolerance='));
  const tolerance = Number(text?.slice('tolerance='.length) ?? 0);
  if (rows === undefined) {
    const { rows: count, sum } = JSON.parse(found.body) as {
      rows: number;
      sum?: Record<string, number>;
    };
    return { kind: 'summary', tolerance, rows: count, sum: sum ?? {} };
  }
  const order = rows.args[0] as 'ordered' | 'unordered' | 'last-per';
  const keys = order === 'last-per' ? (rows.args[1]?.split(',') ?? []) : [];
  return { kind: 'rows', order, keys, tolerance, lines: linesOf(rows.body) };
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** What differs between the expectation and the JSON lines a job wrote; empty when nothing. */
export function diffRows(expected: Expected, got: readonly string[]): string[] {
  if (expected.kind === 'summary') return diffSummary(expected, got);
  const want = expected.lines.map(parseRow);
  const rows = got.map(parseRow);
  if (expected.order === 'ordered') {
    const length = Math.max(want.length, rows.length);
    const at = Array.from({ length }, (_, i) => i).find(
      (i) => !same(want[i], rows[i], expected.tolerance),
    );
    return at === undefined
      ? []
      : [`row ${at + 1}: ${want[at]?.raw ?? 'end'} instead of ${rows[at]?.raw ?? 'end'}`];
  }
  const rest = expected.order === 'last-per' ? lastPer(rows, expected.keys) : [...rows];
  const missing = want.filter((row) => {
    const at = rest.findIndex((other) => same(row, other, expected.tolerance));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  return [
    ...missing.map((row) => `missing ${row.raw}`),
    ...rest.map((row) => `unexpected ${row.raw}`),
  ].slice(0, 12);
}

interface Row {
  readonly raw: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly tokens: readonly string[];
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

function parseRow(raw: string): Row {
  const value = JSON.parse(raw) as Record<string, unknown>;
  return { raw, value, tokens: (raw.match(TOKEN) ?? []).map(canonical) };
}

/** Numbers as sign, significant digits and exponent, so that 1.50 = 1.5 and 2^53 + 1 stays itself. */
function canonical(token: string): string {
  if (token.startsWith('"')) return JSON.stringify(JSON.parse(token));
  const match = NUMBER.exec(token);
  if (match === null) return token;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

function same(a: Row | undefined, b: Row | undefined, tolerance: number): boolean {
  if (a === undefined || b === undefined || a.tokens.length !== b.tokens.length) return false;
  return a.tokens.every((token, at) => close(token, b.tokens[at] as string, tolerance));
}

function close(a: string, b: string, tolerance: number): boolean {
  if (a === b) return true;
  if (tolerance === 0 || !NUMBER.test(a) || !NUMBER.test(b)) return false;
  return (
    Math.abs(Number(a) - Number(b)) <=
    tolerance * Math.max(1, Math.abs(Number(a)), Math.abs(Number(b)))
  );
}

function lastPer(rows: readonly Row[], keys: readonly string[]): Row[] {
  return [
    ...new Map(
      rows.map((row) => [JSON.stringify(keys.map((key) => row.value[key])), row]),
    ).values(),
  ];
}

function diffSummary(
  expected: Extract<Expected, { kind: 'summary' }>,
  got: readonly string[],
): string[] {
  const rows = got.map((line) => JSON.parse(line) as Record<string, number>);
  const faults =
    rows.length === expected.rows ? [] : [`${rows.length} rows instead of ${expected.rows}`];
  for (const [column, want] of Object.entries(expected.sum)) {
    const sum = rows.reduce((total, row) => total + (row[column] ?? Number.NaN), 0);
    const holds = Math.abs(sum - want) <= expected.tolerance * Math.abs(want);
    if (!holds) faults.push(`SUM(${column}) is ${sum} instead of ${want}`);
  }
  return faults;
}
