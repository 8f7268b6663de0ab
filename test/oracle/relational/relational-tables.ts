/**
 * The tables of the relational queries: few rows with few values, so that keys meet, and NULLs in
 * every column. Owns their columns, their rows by a seed and their declarations in both languages.
 */
import { COLUMNS, randomTable } from '../random-data.js';
import type { Random, RandomColumn, RandomRow } from '../random-data.js';
import type { Kind } from './relational-values.js';

interface TableColumn extends RandomColumn {
  readonly as: Kind;
}

function column(name: string, like: string, values: readonly string[], as?: Kind): TableColumn {
  const found = COLUMNS.find((each) => each.name === like) as RandomColumn;
  const { kind, veloType, duckType } = found;
  return { name, kind, veloType, duckType, values, as: as ?? kind };
}

const DAY = { kind: 'date', veloType: 'DATE', duckType: 'DATE', as: 'date' } as const;

/** Numbers that are equal across BIGINT, DECIMAL and DOUBLE; halves, so that they stay exact. */
const TABLE_COLUMNS: readonly TableColumn[] = [
  column('a', 'a', ['0', '1', '-1', '2', '3']),
  column('b', 'b', ['-7', '0', '1', '2', '10', '2147483648']),
  column('w', 'a', ['9007199254740993', '9007199254740992', '-9007199254740993', '1'], 'wide'),
  column('x', 'x', ['0', '-0.0', '1', '2', '0.5', '-3.75', '1024']),
  column('d', 'd', ['0.00', '1.00', '2', '-0.10', '1.25', '19.99']),
  { ...column('e', 'd', ['0.000', '1.000', '1.250', '-0.125']), ...decimal('DECIMAL(9, 3)') },
  column('s', 's', ['""', '"a"', '"ab"', '"Ab"', '"é"', '"😀x"', '"～"', '" a "']),
  column('k', 'k', ['"a"', '"q"', '""', '"r"']),
  column('f', 'f', ['true', 'false']),
  column('ts', 'ts', ['0', '-1', '1000', '86400000', '86399999', '-61000']),
  { ...DAY, name: 'day', values: ['"1970-01-01"', '"1970-01-02"', '"1969-12-31"', '"2024-02-29"'] },
];

function decimal(type: string): { readonly veloType: string; readonly duckType: string } {
  return { veloType: type, duckType: type };
}

export const TABLE_NAMES = ['t', 'u', 'v'] as const;
export type TableName = (typeof TABLE_NAMES)[number];
export type TableRows = Readonly<Record<TableName, readonly RandomRow[]>>;

/** Every column of every table; `id` counts its rows. */
export const COLUMNS_OF_TABLES: readonly { readonly name: string; readonly kind: Kind }[] = [
  { name: 'id', kind: 'bigint' },
  ...TABLE_COLUMNS.map(({ name, as }) => ({ name, kind: as })),
];

export const ROWS_MAX = 16;

export function randomRows(random: Random): TableRows {
  const rows = (): RandomRow[] =>
    randomTable(random, random.chance(10) ? random.below(3) : 5 + random.below(ROWS_MAX - 4), [
      ...TABLE_COLUMNS,
    ]);
  return { t: rows(), u: rows(), v: rows() };
}

export function veloDeclarations(path: (name: TableName) => string): string {
  const columns = TABLE_COLUMNS.map(({ name, veloType }) => `${name} ${veloType}`).join(', ');
  return TABLE_NAMES.map(
    (name) => `CREATE TABLE ${name} (id BIGINT, ${columns})
  WITH ('connector' = 'file', 'path' = '${path(name)}', 'format' = 'json');\n`,
  ).join('');
}

export function duckStatements(rows: TableRows): string {
  const columns = TABLE_COLUMNS.map(({ name, duckType }) => `${name} ${duckType}`).join(', ');
  return TABLE_NAMES.map((name) => {
    const values = rows[name].map(({ duck }) => duck).join(',\n');
    return `CREATE OR REPLACE TABLE ${name} (id BIGINT, ${columns});
${values === '' ? '' : `INSERT INTO ${name} VALUES ${values};\n`}`;
  }).join('');
}
