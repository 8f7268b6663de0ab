/**
 * Finds out how a CSV file is written from its first records. Owns the choice, and what is to be
 * said of it; what a user says is never looked for. What is usual stays wherever it fits at all: a
 * sample that could be read two ways is read as it was before, and a line says so.
 *
 *   delimiter   , ; tab |   as many fields in every record, or the declared names in one of the first
 *   quotes      " '         and \ in front of a quote, where it does not fit otherwise
 *   skip-lines              what stands in front of the header and has fewer fields, in words
 *   comments    #           lines between records that begin so and have another number of fields
 *   header                  none where the first record has the types of those behind it
 *   NULL        \N, and NA, NULL … in columns that otherwise hold no text
 *   decimals    1,5         where no delimiter, and nothing has a point
 */
import type { CsvDialect, CsvQuoting } from '../../formats/text/csv-dialect.js';
import { CsvLayout, usualFieldCount } from './csv-layout.js';
import type { CsvSample, LayoutRecord } from './csv-layout.js';
import type { CsvRemark } from './csv-remarks.js';
import { sameNames } from './header-names.js';
import { fieldType, textType, widerType } from './csv-types.js';
import type { CsvField } from './csv-types.js';
import type { PhysicalColumn } from '../../plan/schema.js';
import type { SqlType } from '../../columnar/types.js';

const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Records that all ways of reading are tried on, and those that the one chosen is looked at in. */
const PROBED_RECORDS = 100;
const LOOKED_AT_RECORDS = 1000;
const VALUED_RECORDS = 20;
/** The header stands among so many lines. */
const PREAMBLE_LINES_MAX = 20;
const HASH = 35;
const DATABASE_NULL = '\\N';
/** What programs write for a value that is missing. */
const MISSING_WORDS = ['NULL', 'null', 'NA', 'N/A', 'n/a', 'NaN', 'nan', 'None'];

export interface SniffRequest {
  readonly sample: CsvSample;
  readonly given: Partial<CsvDialect>;
  readonly usual: CsvDialect;
  /** Columns that are declared; null: the file says which there are. */
  readonly columns: readonly PhysicalColumn[] | null;
}

export interface SniffedCsv {
  readonly dialect: CsvDialect;
  /** Fields of a record. */
  readonly fieldCount: number;
  readonly remarks: readonly CsvRemark[];
}

export function sniffCsv(request: SniffRequest): SniffedCsv {
  return new Sniffer(request).sniff();
}

class Sniffer {
  private readonly request: SniffRequest;
  private readonly remarks: CsvRemark[] = [];

  constructor(request: SniffRequest) {
    this.request = request;
  }

  sniff(): SniffedCsv {
    const { given, usual } = this.request;
    const quoting = this.quoting();
    const layout = new CsvLayout(this.request.sample, quoting, LOOKED_AT_RECORDS);
    const { records } = layout;
    const start = this.start(layout);
    const fieldCount = usualFieldCount(records.slice(start));
    this.remarkQuoting(quoting);
    const skipLines = given.skipLines ?? records[start]?.linesBefore ?? 0;
    if (given.skipLines === undefined) this.remarkSkipped(records.slice(0, start), skipLines);
    const comment = given.comment === undefined ? this.comment(records, start) : given.comment;
    const rows = records
      .slice(start)
      .filter(({ fieldCount: count }) => count > 0)
      .filter(({ firstByte }) => comment === null || firstByte !== comment.charCodeAt(0))
      .map((record) => layout.fields(record));
    const isNamed = this.request.columns === null || this.namesAt(layout) >= 0;
    const hasNames = given.header ?? isNamed;
    const found = this.values(quoting, hasNames ? rows.slice(1) : rows);
    const values = { ...usual, ...found, ...given };
    const header = given.header ?? this.header(rows, values);
    const dialect: CsvDialect = { ...values, ...quoting, skipLines, comment, header };
    return { dialect, fieldCount: rows[0]?.length ?? fieldCount, remarks: this.remarks };
  }

  private say(text: string, isUnsure = false): void {
    this.remarks.push({ text, isUnsure });
  }

  private quoting(): CsvQuoting {
    const { given, usual } = this.request;
    const quoting = { quote: usual.quote, escape: usual.escape, ...pick(given) };
    const plain = this.cuts(quoting);
    const named = plain.find((layout) => this.namesAt(layout) >= 0);
    if (named !== undefined) return this.otherQuotes(named).quoting;
    const scores = plain.map((layout) => this.score(layout));
    const chosen = this.consistent(scores);
    if (chosen.share === 1 && chosen.opens) return this.otherQuotes(chosen.layout).quoting;
    const others = this.otherQuotings(plain, quoting).map((other) => {
      const cuts = this.cuts(other).map((layout) => this.score(layout));
      return cuts.find(({ opens, share }) => opens && share === 1);
    });
    const other = others.find((score) => score !== undefined)?.layout;
    return (other ?? this.otherQuotes(chosen.layout)).quoting;
  }

  /** With every delimiter that it could be, the usual one first. */
  private cuts(quoting: Omit<CsvQuoting, 'delimiter'>): CsvLayout[] {
    const { given, usual } = this.request;
    const delimiters =
      given.delimiter === undefined ? orderFrom(usual.delimiter) : [given.delimiter];
    return delimiters.map((delimiter) => this.cut({ ...quoting, delimiter }));
  }

  /** Ways to quote that are tried where the usual one gives no even records. */
  private otherQuotings(
    plain: readonly CsvLayout[],
    quoting: Omit<CsvQuoting, 'delimiter'>,
  ): Omit<CsvQuoting, 'delimiter'>[] {
    const { given } = this.request;
    const isQuoted = plain.some(({ quotedFields, faults }) => quotedFields + faults > 0);
    const others: Omit<CsvQuoting, 'delimiter'>[] = [];
    if (given.escape === undefined && isQuoted) others.push({ ...quoting, escape: '\\' });
    if (given.quote === undefined && !isQuoted) others.push({ ...quoting, quote: "'" });
    return others;
  }

  private cut(quoting: CsvQuoting): CsvLayout {
    return new CsvLayout(this.request.sample, quoting, PROBED_RECORDS);
  }

  /** Index of one of the first records that holds all declared names; -1: there is none. */
  private namesAt(layout: CsvLayout): number {
    const { columns, given } = this.request;
    if (columns === null || columns.length === 0 || given.header === false) return -1;
    const names = columns.map(({ name }) => name);
    return layout.records.slice(0, PREAMBLE_LINES_MAX).findIndex((record) => {
      const found = sameNames(
        names,
        layout.fields(record).map(({ text }) => text.trim()),
      );
      return found.every((name) => name !== null);
    });
  }

  /** How well a way of reading fits. */
  private score(layout: CsvLayout): LayoutScore {
    const { records } = layout;
    const start = this.start(layout);
    const body = records.slice(start).filter((record) => isRecord(record));
    const fieldCount = usualFieldCount(body);
    const fitting = body.filter((record) => record.fieldCount === fieldCount && !record.isFaulty);
    const skips = records.slice(0, start).some((record) => isRecord(record));
    const opens = body[0]?.fieldCount === fieldCount && fieldCount > 1;
    return { layout, body, fieldCount, skips, opens, share: fitting.length / body.length };
  }

  /** The usual one where it fits; else one that gives every record as many fields. */
  private consistent(scores: readonly LayoutScore[]): LayoutScore {
    const [own, ...others] = scores as [LayoutScore, ...LayoutScore[]];
    const fits = own.opens && own.share >= 0.5 && !own.skips;
    const rivals = others.filter(({ opens, share }) => opens && share >= (fits ? 1 : 0.9));
    const [best] = rivals.sort(
      (a, b) =>
        Number(a.skips) - Number(b.skips) || b.share - a.share || b.fieldCount - a.fieldCount,
    );
    if (best === undefined) return own;
    if (!fits || own.share < 1) return best;
    if (best.skips || best.fieldCount < own.fieldCount) return own;
    const isBetter = best.fieldCount > own.fieldCount && valueCount(best) > valueCount(own);
    const [taken, left] = isBetter ? [best, own] : [own, best];
    this.say(
      `${shown(taken.layout.quoting.delimiter)} between fields, though ` +
        `${shown(left.layout.quoting.delimiter)} would fit as well`,
      true,
    );
    return taken;
  }

  /** Other quotes where the usual ones are nowhere, or do not fit. */
  private otherQuotes(layout: CsvLayout): CsvLayout {
    const { given } = this.request;
    const { quoting } = layout;
    if (given.escape === undefined && layout.faults > 0) {
      const escaped = this.cut({ ...quoting, escape: '\\' });
      if (escaped.faults === 0) return escaped;
    }
    if (given.quote === undefined && layout.quotedFields === 0) {
      const single = this.cut({ ...quoting, quote: "'" });
      const isUsed = single.quotedFields >= 2 && single.faults === 0;
      if (isUsed) return single;
    }
    return layout;
  }

  /** Index of the header or the first record. */
  private start(layout: CsvLayout): number {
    const { records } = layout;
    const { given } = this.request;
    const { skipLines } = given;
    if (skipLines !== undefined) {
      const at = records.findIndex(({ linesBefore }) => linesBefore >= skipLines);
      return at < 0 ? records.length : at;
    }
    const named = this.namesAt(layout);
    if (named >= 0) return named;
    const usual = usualFieldCount(records.filter((record) => isRecord(record)));
    const first = records.findIndex((record) => !isIntroduction(record, usual));
    if (first < 0 || usual === 1) return Math.max(0, first);
    return this.behindPreamble(layout, first, usual);
  }

  /** Lines in words in front of a record that names columns. */
  private behindPreamble(layout: CsvLayout, first: number, usual: number): number {
    const { records } = layout;
    const at = records.findIndex((record, index) => index >= first && record.fieldCount === usual);
    if (at <= first || (records[at]?.linesBefore ?? 0) > PREAMBLE_LINES_MAX) return first;
    const before = records.slice(first, at).filter(({ fieldCount }) => fieldCount > 0);
    const inWords = before.every((record) => {
      const text = layout
        .fields(record)
        .map((field) => field.text)
        .join(' ');
      return record.fieldCount * 2 <= usual && /\S[\s:]+\S|:$/.test(text.trim());
    });
    const names = layout.fields(records[at] as LayoutRecord).map(({ text }) => text);
    const areNames = names.every((name) => name !== '' && textType(name, '.').kind === 'varchar');
    return inWords && areNames && new Set(names).size === names.length ? at : first;
  }

  private comment(records: readonly LayoutRecord[], start: number): string | null {
    const { comment } = this.request.usual;
    const usual = usualFieldCount(records);
    const hashed = records.slice(start).filter(({ firstByte }) => firstByte === HASH);
    const areComments = hashed.every(({ fieldCount }) => fieldCount !== usual);
    if (usual === 1 || hashed.length === 0 || !areComments) return comment;
    this.say('lines that begin with # are left out as comments', true);
    return '#';
  }

  /** What stands for NULL and for a decimal point. */
  private values(
    { delimiter }: CsvQuoting,
    rows: readonly (readonly CsvField[])[],
  ): Partial<CsvDialect> {
    const { given } = this.request;
    const columns = columnsOf(rows);
    const found: { -readonly [K in keyof CsvDialect]?: CsvDialect[K] } = {};
    const plain = columns.flat().filter(({ quoted }) => !quoted);
    if (given.nullLiteral === undefined && plain.some(({ text }) => text === DATABASE_NULL)) {
      found.nullLiteral = DATABASE_NULL;
      this.say('\\N is NULL');
    }
    if (given.decimal === undefined && delimiter !== ',') {
      const fraction = decimalComma(columns);
      if (fraction === 'yes') {
        found.decimal = ',';
        this.say('decimals have a comma');
      } else if (fraction === 'perhaps') {
        this.say(
          "numbers such as 1,234 are texts: decimals? then say 'csv.decimal-separator'",
          true,
        );
      }
    }
    if (given.missing === undefined) {
      const decimal = given.decimal ?? found.decimal ?? '.';
      const words = missingWords(columns, decimal, given.nullLiteral ?? found.nullLiteral ?? null);
      if (words.length > 0) {
        found.missing = words;
        this.say(
          `${words.join(', ')} ${words.length > 1 ? 'are' : 'is'} NULL in columns that hold no text`,
          true,
        );
      }
    }
    return found;
  }

  private header(rows: readonly (readonly CsvField[])[], values: CsvDialect): boolean {
    const { columns } = this.request;
    const [first, ...rest] = rows;
    if (first === undefined) return true;
    if (columns !== null) return !this.fillsDeclared(columns, first, values);
    const types = first.map((field) => fieldType(field, values));
    // A word for NULL is none of a name.
    const isTyped = types.map(
      (type, index) => isValue(type) || (type === null && first[index]?.text !== ''),
    );
    if (!isTyped.includes(true)) return true;
    if (rest.length === 0 && types.some((type) => type?.kind === 'varchar')) return true;
    const below = columnsOf(rest).map((fields) =>
      fields.map((field) => fieldType(field, values)).reduce(widerType, null),
    );
    const fits = types.every((type, index) => {
      const other = below[index] ?? null;
      return other?.kind === 'varchar' || widerType(type, other)?.kind !== 'varchar';
    });
    const matches = isTyped.some((typed, index) => typed && isValue(below[index] ?? null));
    if (!fits || (!matches && rest.length > 0)) return true;
    this.say('no header line: its fields are called column0, column1 …', true);
    return false;
  }

  /** Whether a first record without a declared name holds values of the declared types. */
  private fillsDeclared(
    columns: readonly PhysicalColumn[],
    first: readonly CsvField[],
    values: CsvDialect,
  ): boolean {
    const found = sameNames(
      columns.map(({ name }) => name),
      first.map(({ text }) => text.trim()),
    );
    if (first.length !== columns.length || found.some((name) => name !== null)) return false;
    let typed = 0;
    for (const [index, { type }] of columns.entries()) {
      const seen = fieldType(first[index] as CsvField, values);
      if (seen === null || type.kind === 'varchar') continue;
      if (seen.kind === 'varchar' && !isTime(type, (first[index] as CsvField).text)) return false;
      typed += 1;
    }
    if (typed === 0) return false;
    this.say('no header line: its fields are the declared columns in order', true);
    return true;
  }

  private remarkQuoting({ delimiter, quote, escape }: CsvQuoting): void {
    const { given, usual } = this.request;
    if (given.delimiter === undefined && delimiter !== usual.delimiter) {
      this.say(`${shown(delimiter)} between fields`);
    }
    if (given.quote === undefined && quote !== usual.quote) this.say(`fields quoted with ${quote}`);
    if (given.escape === undefined && escape !== usual.escape) {
      this.say(`quotes escaped with ${escape}`);
    }
  }

  private remarkSkipped(skipped: readonly LayoutRecord[], skipLines: number): void {
    if (skipLines === 0) return;
    const lines = skipLines === 1 ? 'line 1 is' : `lines 1 to ${skipLines} are`;
    const isText = skipped.some(
      ({ fieldCount, firstByte }) => fieldCount > 0 && firstByte !== HASH,
    );
    this.say(`${lines} left out`, isText);
  }
}

interface LayoutScore {
  readonly layout: CsvLayout;
  readonly body: readonly LayoutRecord[];
  readonly fieldCount: number;
  /** Lines in words are left out in front of it. */
  readonly skips: boolean;
  /** The first record has as many fields as most, and more than one. */
  readonly opens: boolean;
  readonly share: number;
}

/** How many fields of the first records hold something else than text. */
function valueCount({ layout, body }: LayoutScore): number {
  const isComma = layout.quoting.delimiter === ',';
  const fields = body.slice(1, 1 + VALUED_RECORDS).flatMap((record) => layout.fields(record));
  const values = fields.filter(
    ({ text }) => isValue(textType(text, '.')) || (!isComma && isValue(textType(text, ','))),
  );
  return values.length;
}

/** Whether a type says more than that there is text. */
function isValue(type: SqlType | null): boolean {
  return type !== null && type.kind !== 'varchar';
}

function pick({ quote, escape }: Partial<CsvDialect>): Partial<CsvQuoting> {
  return { ...(quote === undefined ? {} : { quote }), ...(escape === undefined ? {} : { escape }) };
}

function orderFrom(delimiter: string): readonly string[] {
  return [delimiter, ...DELIMITERS.filter((other) => other !== delimiter)];
}

function shown(delimiter: string): string {
  return delimiter === '\t' ? 'tabs' : `"${delimiter}"`;
}

/** Whether a line counts: it is not blank, and no comment as far as one can tell. */
function isRecord({ fieldCount, firstByte }: LayoutRecord): boolean {
  return fieldCount > 0 && firstByte !== HASH;
}

/** A blank line, or one with # that is no record. */
function isIntroduction({ fieldCount, firstByte }: LayoutRecord, usual: number): boolean {
  return fieldCount === 0 ? usual > 1 : firstByte === HASH && usual > 1 && fieldCount !== usual;
}

function columnsOf(rows: readonly (readonly CsvField[])[]): CsvField[][] {
  const columns: CsvField[][] = [];
  for (const row of rows) {
    for (const [index, field] of row.entries()) (columns[index] ??= []).push(field);
  }
  return columns;
}

/** Words that stand in columns whose other fields are all of one type that is no text. */
function missingWords(
  columns: readonly (readonly CsvField[])[],
  decimal: CsvDialect['decimal'],
  nullLiteral: string | null,
): string[] {
  const dialect = { decimal, nullLiteral, missing: MISSING_WORDS };
  const words = columns.flatMap((fields) => {
    const type = fields.map((field) => fieldType(field, dialect)).reduce(widerType, null);
    if (type === null || type.kind === 'varchar') return [];
    return fields.filter(({ quoted }) => !quoted).map(({ text }) => text);
  });
  return MISSING_WORDS.filter((word) => words.includes(word));
}

/** 'perhaps': 1,234 may be one and a bit, or more than a thousand. */
function decimalComma(columns: readonly (readonly CsvField[])[]): 'yes' | 'perhaps' | 'no' {
  const ignored = { nullLiteral: DATABASE_NULL, missing: MISSING_WORDS };
  let isPerhaps = false;
  let isSure = false;
  for (const fields of columns) {
    const texts = fields.map(({ text }) => text);
    const as = (decimal: '.' | ','): SqlType | null =>
      fields.map((field) => fieldType(field, { ...ignored, decimal })).reduce(widerType, null);
    if (as('.')?.kind === 'double' && texts.some((text) => text.includes('.'))) return 'no';
    if (as(',')?.kind !== 'double' || !texts.some((text) => text.includes(','))) continue;
    isPerhaps = true;
    isSure ||= texts.some((text) => /^-?0,|,(?:\d\d?|\d{4,})(?:[eE]|$)/.test(text));
  }
  if (isSure) return 'yes';
  return isPerhaps ? 'perhaps' : 'no';
}

/** Texts of times have many forms: one that begins with a year is none of a header's names. */
function isTime({ kind }: SqlType, text: string): boolean {
  return (kind === 'timestamp' || kind === 'date') && /^\d{4}-\d\d/.test(text);
}
