/**
 * A thousand rows that are easy to spoil: whole numbers beyond 2^53, texts with delimiters, quotes,
 * line ends and umlauts, NULL beside the empty text, decimals, times, booleans. Owns the rows, the
 * forms in which tests write them, and what the two queries over them give, computed without velo.
 */

export interface ThousandRow {
  readonly id: bigint;
  readonly name: string;
  readonly note: string | null;
  /** Four digits behind the point. */
  readonly price: string | null;
  readonly atMs: number | null;
  readonly ok: boolean | null;
}

/** The forms of one value: JSON's and CSV's texts. */
type ValueText = (row: ThousandRow) => string;

const ROWS = 1000;
const BEYOND = 2n ** 53n + 1n;
const START_MS = Date.UTC(2024, 2, 1, 10, 0, 0, 123);
const STEP_MS = 61_007;

const NAMES = [
  'plain',
  'a, b; c|d\te',
  'say "hi"',
  "it's",
  'Zoë Müller ß €',
  'two\nlines',
  ' spaces ',
  '# no comment',
  'NULL',
  'back\\slash',
];

function priceOf(index: number): string {
  const units = (index * 7919 + 1) * (index % 2 === 0 ? 1 : -1);
  const digits = String(Math.abs(units)).padStart(5, '0');
  const point = digits.length - 4;
  return `${units < 0 ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

export const THOUSAND: readonly ThousandRow[] = Array.from({ length: ROWS }, (_, index) => ({
  id: (index % 2 === 0 ? 1n : -1n) * (BEYOND + BigInt(index)),
  name: NAMES[index % NAMES.length] as string,
  note: [null, '', `n${index}`][index % 3] as string | null,
  price: index % 10 === 9 ? null : priceOf(index),
  atMs: index % 7 === 3 ? null : START_MS + index * STEP_MS,
  ok: [true, false, null][(index >> 1) % 3] as boolean | null,
}));

/** 2024-03-01 10:00:00.123 */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

export const DECLARED =
  'id BIGINT, name STRING, note STRING, price DECIMAL(18, 4), at TIMESTAMP(3), ok BOOLEAN';

export const COLUMNS = ['id', 'name', 'note', 'price', 'at', 'ok'] as const;
type ColumnName = (typeof COLUMNS)[number];

const JSON_VALUES: Readonly<Record<ColumnName, ValueText>> = {
  id: ({ id }) => String(id),
  name: ({ name }) => JSON.stringify(name),
  note: ({ note }) => JSON.stringify(note),
  price: ({ price }) => price ?? 'null',
  at: ({ atMs }) => (atMs === null ? 'null' : `"${timeText(atMs)}"`),
  ok: ({ ok }) => String(ok),
};

/** Keys and values of a row as JSON, in that order. */
export function jsonPairs(
  row: ThousandRow,
  columns: readonly ColumnName[] = COLUMNS,
): readonly (readonly [name: ColumnName, json: string])[] {
  return columns.map((name) => [name, JSON_VALUES[name](row)]);
}

export function jsonObject(row: ThousandRow, between = ','): string {
  const pairs = jsonPairs(row).map(([name, json]) => `"${name}":${json}`);
  return `{${pairs.join(between)}}`;
}

export interface CsvForm {
  readonly delimiter: string;
  readonly quote: string;
  /** Stands in front of a quote in a text; the quote itself by default. */
  readonly escape: string;
  readonly decimal: string;
  readonly lineEnd: string;
  readonly header: boolean;
  /** Of a field that is NULL. */
  readonly nullText: string;
  readonly columns: readonly ColumnName[];
}

export const CSV: CsvForm = {
  delimiter: ',',
  quote: '"',
  escape: '"',
  decimal: '.',
  lineEnd: '\n',
  header: true,
  nullText: '',
  columns: COLUMNS,
};

/** Texts are quoted, so that the empty one is not NULL. */
export function csvText(rows: readonly ThousandRow[], form: Partial<CsvForm> = {}): string {
  const csv = { ...CSV, ...form };
  const { quote, escape, nullText } = csv;
  const quoted = (text: string | null): string => {
    if (text === null) return nullText;
    const inner = escape === quote ? text : text.replaceAll(escape, escape + escape);
    return quote + inner.replaceAll(quote, escape + quote) + quote;
  };
  const values: Readonly<Record<ColumnName, ValueText>> = {
    id: ({ id }) => String(id),
    name: ({ name }) => quoted(name),
    note: ({ note }) => quoted(note),
    price: ({ price }) => price?.replace('.', csv.decimal) ?? nullText,
    at: ({ atMs }) => (atMs === null ? nullText : timeText(atMs)),
    ok: ({ ok }) => (ok === null ? nullText : String(ok)),
  };
  const lines = rows.map((row) => csv.columns.map((name) => values[name](row)).join(csv.delimiter));
  const head = csv.header ? [csv.columns.join(csv.delimiter)] : [];
  return [...head, ...lines, ''].join(csv.lineEnd);
}

/** The queries over a relation with these columns. */
export function queriesOver(relation: string): string {
  return `SELECT id, name, note, price, at, ok FROM ${relation};
    SELECT ok, COUNT(*) AS n, COUNT(note) AS notes, SUM(price) AS total, MIN(id) AS low, MAX(id) AS high,
      MAX(at) AS last FROM ${relation} GROUP BY ok EMIT FINAL;`;
}

/** What the first gives, as sorted JSON lines. */
export const ALL_ROWS: readonly string[] = THOUSAND.map((row) => {
  const at = row.atMs === null ? 'null' : String(row.atMs);
  const pairs = jsonPairs(row).map(([name, json]) => `"${name}":${name === 'at' ? at : json}`);
  return `{${pairs.join(',')}}`;
}).sort();

/** What the second gives. */
export const GROUPS: readonly string[] = [true, false, null].map(groupOf).sort();

function groupOf(ok: boolean | null): string {
  const rows = THOUSAND.filter((row) => row.ok === ok);
  const ids = rows.map(({ id }) => id).sort((a, b) => (a < b ? -1 : 1));
  const notes = rows.filter(({ note }) => note !== null).length;
  const units = rows.reduce((sum, { price }) => sum + BigInt((price ?? '0').replace('.', '')), 0n);
  const sign = units < 0n ? '-' : '';
  const digits = String(units < 0n ? -units : units).padStart(5, '0');
  const total = `${sign}${digits.slice(0, -4)}.${digits.slice(-4)}`;
  const last = Math.max(...rows.map(({ atMs }) => atMs ?? 0));
  return `{"ok":${ok},"n":${rows.length},"notes":${notes},"total":${total},"low":${ids[0]},"high":${ids.at(-1)},"last":${last}}`;
}

/** The rows as Avro: every number of 64 bits, which avsc alone does not write. */
export const AVRO_SCHEMA = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'name', type: 'string' },
    { name: 'note', type: ['null', 'string'] },
    {
      name: 'price',
      type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 4 }],
    },
    { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-millis' }] },
    { name: 'ok', type: ['null', 'boolean'] },
  ],
} as const;

/** A record of AVRO_SCHEMA, nothing in front. */
export function avroRecord({ id, name, note, price, atMs, ok }: ThousandRow): Buffer {
  const orNull = <T>(value: T | null, bytes: (value: T) => Buffer): Buffer =>
    value === null ? Buffer.of(0) : Buffer.concat([Buffer.of(2), bytes(value)]);
  return Buffer.concat([
    avroLong(id),
    avroBytes(Buffer.from(name)),
    orNull(note, (text) => avroBytes(Buffer.from(text))),
    orNull(price, (text) => avroBytes(bigEndian(BigInt(text.replace('.', ''))))),
    orNull(atMs, (ms) => avroLong(BigInt(ms))),
    orNull(ok, (value) => Buffer.of(value ? 1 : 0)),
  ]);
}

function avroBytes(bytes: Buffer): Buffer {
  return Buffer.concat([avroLong(BigInt(bytes.length)), bytes]);
}

/** Zigzag, seven bits a byte. */
function avroLong(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.of(...bytes, Number(rest));
}

/** Two's complement. */
function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
