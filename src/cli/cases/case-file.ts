/**
 * The form of case files: text in, a case or all of its faults with their places out. Owns the
 * sections and what may stand in them; rows are compared by row-diff.ts, and a case is run by
 * case-run.ts. docs/testing.md describes the form to users; the project's own cases have it too.
 *
 *   === about                    the rule this shows
 *   === sql [FILE]               the statements, or the file that has them; ${DIR} is the folder of the inputs
 *   === table NAME [json|csv]    rows of a declared table, whatever it reads otherwise
 *   === input NAME [unterminated | utf16le | latin1 | base64]   an input file, UTF-8 otherwise
 *   === sequence NAME N          an input file of N lines {"i":0}, {"i":1} …
 *   === now TIME                 when every record is read, in UTC
 *   === flags                    --changelog, --on-error skip, --set key=value
 *   === partitions 1 2 8 | v1 only   where it runs, beside V1
 *   === rows [into TABLE] [ordered|unordered|last-per K,K] [tolerance=T]
 *   === summary [tolerance=T]    {"rows":N,"sum":{"column":N}}
 *   === error                    what the printed error must hold; `~ PATTERN` is a regular expression
 *   === exit N
 */
import { ConfigError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import type { Span } from '../../base/span.js';
import { didYouMean } from '../../plan/faults.js';
import { readCaseFlags } from './case-flags.js';
import type { CaseFlags } from './case-flags.js';
import { caseSections } from './case-sections.js';
import type { Section, Word } from './case-sections.js';

export interface CaseInput {
  readonly name: string;
  readonly body: string | Uint8Array;
}

/** Rows of a declared table. */
export interface CaseTable {
  readonly name: string;
  readonly body: string;
  readonly format: 'json' | 'csv';
  /** Of the name. */
  readonly span: Span;
}

export type RowOrder = 'ordered' | 'unordered' | 'last-per';

export interface ExpectedRows {
  readonly kind: 'rows';
  /** The table that the rows are inserted into; null: of every query that no other section names. */
  readonly into: string | null;
  /** null: ordered where the query has an ORDER BY. */
  readonly order: RowOrder | null;
  readonly keys: readonly string[];
  readonly tolerance: number;
  readonly lines: readonly string[];
  /** Where the rows stand in the file. */
  readonly body: Span;
}

export interface ExpectedSummary {
  readonly kind: 'summary';
  readonly tolerance: number;
  readonly rows: number;
  readonly sum: Readonly<Record<string, number>>;
  readonly body: Span;
}

export interface ExpectedError {
  readonly lines: readonly string[];
  readonly body: Span;
}

export interface SqlCase {
  readonly source: SourceText;
  readonly about: string;
  readonly inputs: readonly CaseInput[];
  readonly tables: readonly CaseTable[];
  /** The statements and where they begin in the file. */
  readonly sql: { readonly text: string; readonly start: number } | { readonly file: string };
  readonly flags: CaseFlags;
  /** null: the time that it is. */
  readonly nowMs: number | null;
  /** Partitions of V2; none: V1 only; null: not said. */
  readonly partitions: readonly number[] | null;
  readonly rows: readonly ExpectedRows[];
  readonly summary: ExpectedSummary | null;
  readonly error: ExpectedError | null;
  readonly exit: number | null;
}

/** Throws CaseFaults. */
export function parseCase(source: SourceText): SqlCase {
  const reader = new CaseReader(source);
  const found = reader.read();
  if (found === null || reader.faults.length > 0) throw new CaseFaults(reader.faults);
  return found;
}

/** Every fault of a case file at once. */
export class CaseFaults extends Error {
  override readonly name = 'CaseFaults';
  readonly faults: readonly ConfigError[];
  constructor(faults: readonly ConfigError[]) {
    super(faults.map((fault) => fault.message).join('\n'));
    this.faults = faults;
  }
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Sections, and how often they may stand in a file. */
const SECTIONS = {
  about: 'once',
  sql: 'once',
  table: 'often',
  input: 'often',
  sequence: 'often',
  rows: 'often',
  now: 'once',
  flags: 'once',
  partitions: 'once',
  summary: 'once',
  error: 'once',
  exit: 'once',
} as const;
type SectionKind = keyof typeof SECTIONS;

const TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z?$/;
const ORDERS: readonly string[] = ['ordered', 'unordered', 'last-per'];

class CaseReader {
  readonly faults: ConfigError[] = [];
  private readonly source: SourceText;
  private readonly sections: readonly Section[];

  constructor(source: SourceText) {
    this.source = source;
    this.sections = caseSections(source.text);
  }

  /** null: there is no SQL. */
  read(): SqlCase | null {
    this.checkSections();
    this.checkNames();
    const sql = this.sql();
    const error = this.error();
    const rows = this.all('rows').map((section) => this.rows(section));
    const summary = this.summary();
    this.checkExpectations({ rows, summary, error });
    const found = {
      source: this.source,
      about: this.one('about')?.body.trim() ?? '',
      inputs: [
        ...this.all('input').map((section) => this.input(section)),
        ...this.all('sequence').map((section) => this.sequence(section)),
      ],
      tables: this.all('table').map((section) => this.table(section)),
      flags: this.flags(),
      nowMs: this.now(),
      partitions: this.partitions(),
      rows,
      summary,
      error,
      exit: this.exit(),
    };
    return sql === null ? null : { ...found, sql };
  }

  private fault(message: string, span: Span, hint?: string): void {
    this.faults.push(new ConfigError('CASE_INVALID', { message, span, source: this.source, hint }));
  }

  private all(kind: SectionKind): Section[] {
    return this.sections.filter((section) => section.kind === kind);
  }

  private one(kind: SectionKind): Section | undefined {
    return this.sections.find((section) => section.kind === kind);
  }

  private checkSections(): void {
    const { text } = this.source;
    const first = this.sections[0]?.span.start ?? text.length;
    const at = text.slice(0, first).search(/\S/);
    if (at >= 0) {
      this.fault(
        'text stands in front of the first section',
        { start: at, end: at + 1 },
        'begin with "=== about" and a sentence',
      );
    }
    const seen = new Set<string>();
    for (const { kind, span } of this.sections) {
      const often = Object.entries(SECTIONS).find(([name]) => name === kind)?.[1];
      if (often === undefined) {
        const names = Object.keys(SECTIONS);
        const hint = didYouMean(kind, names) ?? `sections are ${names.join(', ')}`;
        this.fault(`there is no section "${kind}"`, span, hint);
      } else if (often === 'once' && seen.has(kind)) {
        this.fault(`"=== ${kind}" stands in the file twice`, span);
      }
      seen.add(kind);
    }
  }

  /** Two inputs would be one file, two tables one table, or a file would be a folder. */
  private checkNames(): void {
    const seen: string[] = [];
    for (const { kind, args } of this.sections) {
      const [name] = args;
      if (name === undefined || !['input', 'sequence', 'table'].includes(kind)) continue;
      const path = kind === 'table' ? `table ${name.text.toLowerCase()}` : `input ${name.text}`;
      const other = seen.find(
        (each) => each === path || each.startsWith(`${path}/`) || path.startsWith(`${each}/`),
      );
      if (other !== undefined) this.fault(`there is ${other} already`, name.span);
      seen.push(path);
    }
  }

  private sql(): SqlCase['sql'] | null {
    const section = this.one('sql');
    if (section === undefined) {
      const hint = 'add "=== sql" and the statements, or "=== sql FILE"';
      this.fault('the case has no SQL', { start: 0, end: 1 }, hint);
      return null;
    }
    const { args, body, bodySpan, span } = section;
    const [file] = args;
    if (file === undefined) return { text: body, start: bodySpan.start };
    if (body.trim() !== '') {
      this.fault('the SQL stands in a file and here too', span, 'leave one of the two away');
    }
    return { file: args.map(({ text }) => text).join(' ') };
  }

  private input(section: Section): CaseInput {
    const { args, body } = section;
    const option = args[1]?.text;
    const name = this.fileName(section, 'input');
    switch (option) {
      case undefined:
        return { name, body };
      case 'unterminated':
        return { name, body: body.trimEnd() };
      case 'utf16le':
      case 'latin1':
      case 'base64':
        return { name, body: Buffer.from(body, option) };
      default: {
        const hint = 'write unterminated, utf16le, latin1 or base64';
        this.fault(`"${option}" says nothing to an input`, args[1]?.span ?? section.span, hint);
        return { name, body };
      }
    }
  }

  private sequence(section: Section): CaseInput {
    const [, count] = section.args;
    const length = this.whole(count, section, 'write how many lines: === sequence t.jsonl 1000');
    const lines = Array.from({ length: Math.min(length, 10_000_000) }, (_, i) => `{"i":${i}}\n`);
    return { name: this.fileName(section, 'sequence'), body: lines.join('') };
  }

  /** A name within the folder of the inputs. */
  private fileName({ args, span }: Section, kind: string): string {
    const [name] = args;
    if (name === undefined) {
      this.fault(`"=== ${kind}" needs the name of its file`, span, `=== ${kind} orders.jsonl`);
      return '';
    }
    if (/(^|[\\/])\.\.?([\\/]|$)|^[\\/]|\0/.test(name.text)) {
      const hint = 'write a name without ".." and without "/" in front';
      this.fault(`input "${name.text}" would leave the folder of the inputs`, name.span, hint);
    }
    return name.text;
  }

  private table({ args, span, body }: Section): CaseTable {
    const [name, form] = args;
    if (name === undefined) {
      this.fault('"=== table" needs the name of a table', span, '=== table orders');
    }
    const format = form?.text ?? 'json';
    if (form !== undefined && format !== 'json' && format !== 'csv') {
      this.fault(`rows of a table have no format "${format}"`, form.span, 'write json or csv');
    }
    return {
      name: name?.text ?? '',
      span: name?.span ?? span,
      format: format === 'csv' ? 'csv' : 'json',
      body,
    };
  }

  private flags(): CaseFlags {
    const section = this.one('flags');
    const words = section === undefined ? [] : [...section.args, ...section.bodyWords];
    return readCaseFlags(words, (message, span, hint) => this.fault(message, span, hint));
  }

  private now(): number | null {
    const section = this.one('now');
    if (section === undefined) return null;
    const text = section.args.map((word) => word.text).join(' ');
    const iso = text.replace(' ', 'T').replace(/Z?$/, 'Z');
    const ms = TIME.test(text) ? Date.parse(iso) : Number.NaN;
    if (Number.isNaN(ms)) {
      this.fault(`"${text}" is no time`, section.span, '=== now 2024-03-01 10:00:00');
      return null;
    }
    return ms;
  }

  private partitions(): number[] | null {
    const section = this.one('partitions');
    if (section === undefined) return null;
    if (section.args.map(({ text }) => text).join(' ') === 'v1 only') return [];
    const hint = 'write "=== partitions 1 2 8" or "=== partitions v1 only"';
    if (section.args.length === 0) this.fault('no number of partitions', section.span, hint);
    return section.args.map((word) => {
      const count = this.whole(word, section, hint);
      if (count < 1 || count > 1024) this.fault('partitions are 1 to 1024', word.span, hint);
      return count;
    });
  }

  private rows(section: Section): ExpectedRows {
    const words = [...section.args];
    let into: string | null = null;
    let order: RowOrder | null = null;
    let keys: readonly string[] = [];
    let tolerance = 0;
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      const { text } = word;
      if (text === 'into') into = this.wordBehind(word, words, 'the name of a table');
      else if (ORDERS.includes(text)) {
        order = text as RowOrder;
        if (order === 'last-per') keys = this.wordBehind(word, words, 'columns: a,b').split(',');
      } else if (text.startsWith('tolerance=')) tolerance = this.tolerance(word);
      else {
        const hint = 'write into TABLE, ordered, unordered, last-per COLUMNS or tolerance=1e-9';
        this.fault(`"${text}" says nothing to rows`, word.span, hint);
      }
    }
    const lines = linesOf(section.body);
    this.checkRows(section);
    return { kind: 'rows', into, order, keys, tolerance, lines, body: section.bodySpan };
  }

  private checkRows({ body, bodySpan }: Section): void {
    let start = bodySpan.start;
    for (const line of body.split('\n')) {
      const span = { start, end: start + Math.max(1, line.length) };
      start += line.length + 1;
      if (line.trim() === '' || isObject(line)) continue;
      const hint = 'rows are JSON objects, one in a line: {"k":"a","n":2}';
      this.fault('this is no row', span, hint);
    }
  }

  private summary(): ExpectedSummary | null {
    const section = this.one('summary');
    if (section === undefined) return null;
    const tolerances = section.args.map((word) => this.tolerance(word));
    const { body, bodySpan } = section;
    const found = isObject(body) ? (JSON.parse(body) as Record<string, unknown>) : {};
    const sum = found['sum'] ?? {};
    const sums = typeof sum === 'object' ? Object.entries(sum) : [];
    if (typeof found['rows'] !== 'number' || sums.some(([, value]) => typeof value !== 'number')) {
      const hint = '{"rows":1000,"sum":{"amount":250.5}}';
      this.fault('this is no summary', section.span, hint);
    }
    return {
      kind: 'summary',
      tolerance: tolerances[0] ?? 0,
      rows: Number(found['rows']),
      sum: Object.fromEntries(sums.map(([column, value]) => [column, Number(value)])),
      body: bodySpan,
    };
  }

  private error(): ExpectedError | null {
    const section = this.one('error');
    if (section === undefined) return null;
    const lines = linesOf(section.body).map((line) => line.trim());
    for (const line of lines.filter((text) => text.startsWith('~ '))) {
      try {
        new RegExp(line.slice(2), 'im');
      } catch {
        this.fault(`"${line.slice(2)}" is no regular expression`, section.span);
      }
    }
    return { lines, body: section.bodySpan };
  }

  private checkExpectations(expected: Pick<SqlCase, 'rows' | 'summary' | 'error'>): void {
    const { rows, summary, error } = expected;
    const targets = rows.map(({ into }) => into?.toLowerCase() ?? null);
    const twice = targets.findIndex((target, at) => targets.indexOf(target) !== at);
    const again = this.all('rows')[twice];
    if (again !== undefined) {
      this.fault(
        'two sections "=== rows" speak of the same rows',
        again.span,
        'write "=== rows into TABLE" for what is inserted into a table',
      );
    }
    const both = this.one('error');
    if (error !== null && both !== undefined && (rows.length > 0 || summary !== null)) {
      this.fault('a case expects rows or an error, not both', both.span);
    }
    const sums = this.one('summary');
    if (sums !== undefined && rows.length > 0) {
      this.fault('a case expects rows or a summary, not both', sums.span);
    }
  }

  private exit(): number | null {
    const section = this.one('exit');
    if (section === undefined) return null;
    return this.whole(section.args[0], section, 'write "=== exit 1"');
  }

  private whole(word: Word | undefined, { span }: Section, hint: string): number {
    if (word !== undefined && /^\d{1,9}$/.test(word.text)) return Number(word.text);
    const message =
      word === undefined ? 'a number is missing' : `"${word.text}" is no whole number`;
    this.fault(message, word?.span ?? span, hint);
    return 1;
  }

  private tolerance({ text, span }: Word): number {
    const value = /^tolerance=([\d.]+(e[-+]?\d+)?)$/i.exec(text)?.[1];
    if (value !== undefined && Number.isFinite(Number(value))) return Number(value);
    this.fault(`"${text}" is no tolerance`, span, 'write tolerance=1e-9');
    return 0;
  }

  private wordBehind({ text, span }: Word, words: Word[], what: string): string {
    const next = words.shift();
    if (next === undefined) this.fault(`"${text}" wants ${what}`, span);
    return next?.text ?? '';
  }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
