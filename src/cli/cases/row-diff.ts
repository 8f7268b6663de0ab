/**
 * Expected rows beside those that a job put out, both as JSON lines: what is missing, what is too
 * much, what stands elsewhere. Owns when two rows are the same: numbers by their digits, with a
 * tolerance if the case gives one; how a difference is shown is case-report.ts.
 */
import type { ExpectedRows, ExpectedSummary } from './case-file.js';

export interface RowFault {
  /** A row that did not come, one that nobody expects, or a sentence. */
  readonly kind: 'missing' | 'extra' | 'note';
  readonly text: string;
}

/** What differs; empty when nothing. A missing row stands in front of one that came in its place. */
export function diffRows(
  expected: Pick<ExpectedRows, 'order' | 'keys' | 'tolerance' | 'lines'>,
  got: readonly string[],
): RowFault[] {
  const { tolerance, order } = expected;
  const want = expected.lines.map(parseRow);
  const rows = countedRows(expected, got).map(parseRow);
  const faults = tolerance === 0 ? exactDiff(want, rows) : closeDiff(want, rows, tolerance);
  if (faults.length > 0 || order !== 'ordered') return faults;
  const at = want.findIndex((row, index) => !same(row, rows[index], tolerance));
  if (at < 0) return [];
  return [
    { kind: 'note', text: `the same rows in another order, from row ${at + 1} on` },
    { kind: 'missing', text: want[at]?.raw ?? '' },
    { kind: 'extra', text: rows[at]?.raw ?? '' },
  ];
}

/** The rows that count: all, or the last one of each key. */
export function countedRows(
  { order, keys }: Pick<ExpectedRows, 'order' | 'keys'>,
  got: readonly string[],
): readonly string[] {
  if (order !== 'last-per') return got;
  const last = new Map<string, string>();
  for (const line of got) {
    const value = JSON.parse(line) as Record<string, unknown>;
    last.set(JSON.stringify(keys.map((key) => value[key])), line);
  }
  return [...last.values()];
}

export function diffSummary(expected: ExpectedSummary, got: readonly string[]): RowFault[] {
  const texts =
    got.length === expected.rows ? [] : [`${got.length} rows instead of ${expected.rows}`];
  for (const [column, want] of Object.entries(expected.sum)) {
    const sum = sumOf(column, got);
    const holds = Math.abs(sum - want) <= expected.tolerance * Math.abs(want);
    if (!holds) texts.push(`SUM(${column}) is ${sum} instead of ${want}`);
  }
  return texts.map((text) => ({ kind: 'note', text }));
}

export function sumOf(column: string, lines: readonly string[]): number {
  return lines.reduce((total, line) => {
    const row = JSON.parse(line) as Record<string, unknown>;
    return total + Number(row[column] ?? Number.NaN);
  }, 0);
}

interface Row {
  readonly raw: string;
  readonly tokens: readonly string[];
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

function parseRow(raw: string): Row {
  return { raw, tokens: (raw.match(TOKEN) ?? []).map(canonical) };
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

/** In time proportional to the rows. */
function exactDiff(want: readonly Row[], rows: readonly Row[]): RowFault[] {
  const open = new Map<string, Row[]>();
  for (const row of want) {
    const key = row.tokens.join(' ');
    const same = open.get(key);
    if (same === undefined) open.set(key, [row]);
    else same.push(row);
  }
  const extra = rows.filter((row) => open.get(row.tokens.join(' '))?.pop() === undefined);
  return faultsOf([...open.values()].flat(), extra);
}

function closeDiff(want: readonly Row[], rows: readonly Row[], tolerance: number): RowFault[] {
  const rest = [...rows];
  const missing = want.filter((row) => {
    const at = rest.findIndex((other) => same(row, other, tolerance));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  return faultsOf(missing, rest);
}

function faultsOf(missing: readonly Row[], extra: readonly Row[]): RowFault[] {
  const waiting = new Map<string, Row[]>();
  for (const row of extra) {
    const same = waiting.get(firstValue(row));
    if (same === undefined) waiting.set(firstValue(row), [row]);
    else same.push(row);
  }
  const pairs = missing.flatMap((row): RowFault[] => {
    const other = waiting.get(firstValue(row))?.shift();
    return [
      { kind: 'missing', text: row.raw.trim() },
      ...(other === undefined ? [] : [{ kind: 'extra' as const, text: other.raw }]),
    ];
  });
  const rest = [...waiting.values()].flat();
  return [...pairs, ...rest.map(({ raw }) => ({ kind: 'extra' as const, text: raw }))];
}

/** What the first column holds, which often is a key: `{`, name, `:`, value. */
function firstValue({ tokens }: Row): string {
  return tokens[3] ?? '';
}

function same(a: Row, b: Row | undefined, tolerance: number): boolean {
  if (b === undefined || a.tokens.length !== b.tokens.length) return false;
  return a.tokens.every((token, at) => close(token, b.tokens[at] ?? '', tolerance));
}

function close(a: string, b: string, tolerance: number): boolean {
  if (a === b) return true;
  if (tolerance === 0 || !NUMBER.test(a) || !NUMBER.test(b)) return false;
  return (
    Math.abs(Number(a) - Number(b)) <=
    tolerance * Math.max(1, Math.abs(Number(a)), Math.abs(Number(b)))
  );
}
