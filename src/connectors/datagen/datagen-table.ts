/**
 * A 'datagen' table as a generator's: Flink's options, and the expression that each gives a column.
 * Values depend on 'seed', the column's place and the row's number alone. Where velo differs from
 * Flink: DOUBLE and DECIMAL are from 0 to 1 and from 0 on unless the table says otherwise, and
 * nested types are not made.
 */
import type { TableDefinition } from '../../plan/schema.js';
import type { ColumnDefinition, CreateTable } from '../../sql/ast.js';
import {
  checkFieldNames,
  fieldOptions,
  nullRate,
  rowsPerSecond,
  writtenOptions,
} from '../generator/field-options.js';
import type { FieldsReader } from '../generator/field-options.js';
import { castTo, generatedTable, withNulls } from '../generator/generated-table.js';
import type { Report } from '../generator/generated-table.js';
import { OptionReader } from '../option-reader.js';
import type { OptionShape } from '../option-reader.js';
import { choice, custom, duration, flag, whole } from '../option-types.js';

const number = custom(
  (given) => (/^\s*[+-]?\d+(?:\.\d+)?\s*$/.test(given) ? given.trim() : undefined),
  "give a number, such as '100'",
);

/** Of `fields.NAME.`. */
const FIELD_TYPES = {
  kind: choice(['random', 'sequence']),
  min: number,
  max: number,
  'max-past': duration(),
  start: number,
  end: number,
  length: whole({ least: 0, most: 1_000_000, example: '10' }),
  'var-len': flag(),
  'null-rate': nullRate,
} as const satisfies OptionShape;
type FieldOption = keyof typeof FIELD_TYPES;

export const DATAGEN_OPTIONS = fieldOptions(FIELD_TYPES);

export function readDatagenOptions(
  table: Pick<TableDefinition, 'name' | 'connector' | 'options'>,
): FieldsReader {
  return new OptionReader(DATAGEN_OPTIONS, table);
}

export function rewriteDatagen(statement: CreateTable, report: Report): CreateTable {
  const options = writtenOptions(statement);
  const reader = readDatagenOptions({ name: statement.name.name, connector: 'datagen', options });
  checkFieldNames(reader, statement, options);
  const seed = reader.get('seed') ?? 0;
  const fields = statement.columns.map(
    (column, at) => new Field(reader, column, (seed * 1000 + at + 1) * 4),
  );
  const lengths = fields.flatMap((field) => field.sequenceRows() ?? []);
  const rows = reader.get('number-of-rows');
  const least = Math.min(...lengths, rows ?? Infinity);
  const texts = new Map(fields.map((field) => [field.column, field.expression()]));
  const made = generatedTable(statement, {
    rows: least === Infinity ? null : { key: 'number-of-rows', value: String(least) },
    rowsPerSecond: rowsPerSecond(reader),
    expressionOf: (column) => texts.get(column) ?? null,
  });
  for (const fault of reader.faultsFor('read')) report(fault);
  return made;
}

/** Whole numbers of each type, as Flink has them without 'min' and 'max'. */
const RANGES: Readonly<Record<string, readonly [string, string]>> = {
  TINYINT: ['-128', '127'],
  SMALLINT: ['-32768', '32767'],
  INT: ['-2147483648', '2147483647'],
  INTEGER: ['-2147483648', '2147483647'],
  BIGINT: ['-9223372036854775807', '9223372036854775807'],
};
const TEXTS = new Set(['CHAR', 'VARCHAR', 'STRING', 'TEXT']);
const FRACTIONS = new Set(['DOUBLE', 'FLOAT', 'REAL', 'DECIMAL', 'NUMERIC', 'DEC']);
const TIMES = new Set(['TIMESTAMP', 'TIMESTAMP_LTZ', 'DATE']);
const TEXT_LENGTH = 100;

class Field {
  readonly column: ColumnDefinition;
  private readonly reader: FieldsReader;
  private readonly seed: number;
  private readonly type: string;

  constructor(reader: FieldsReader, column: ColumnDefinition, seed: number) {
    this.reader = reader;
    this.column = column;
    this.seed = seed;
    this.type = column.type?.name ?? '';
  }

  /** How many rows a sequence has; null: it is none. */
  sequenceRows(): number | null {
    if (this.option('kind') !== 'sequence') return null;
    const [start, end] = [this.option('start'), this.option('end')];
    if (start === undefined || end === undefined) return null;
    const rows = Number(end) - Number(start) + 1;
    if (rows >= 0 && Number.isSafeInteger(rows)) return rows;
    this.reader.invalid(this.key('end'), `give a whole number from ${String(start)} on`);
    return null;
  }

  /** null: there is none, which is a fault. */
  expression(): string | null {
    const { column } = this;
    if (column.computed !== null || column.metadata !== null) return null;
    const text = this.option('kind') === 'sequence' ? this.sequence() : this.random();
    if (text === null) return null;
    const nullShare = this.option('null-rate') as number | undefined;
    return withNulls(castTo(text, column), this.seed + 3, nullShare);
  }

  private sequence(): string | null {
    for (const name of ['start', 'end'] as const) {
      if (this.reader.written(this.key(name)) !== undefined) continue;
      this.reader.missing(this.key(name), 'a whole number: a sequence has a start and an end');
    }
    const start = this.option('start') as string | undefined;
    const counts = Object.hasOwn(RANGES, this.type) || TEXTS.has(this.type);
    if (!counts && !FRACTIONS.has(this.type)) {
      this.reader.invalid(this.key('kind'), `a sequence of ${this.type} is not made: use 'random'`);
      return null;
    }
    return start === undefined ? null : `${start} + i`;
  }

  private random(): string | null {
    const { seed, type } = this;
    const whole = Object.hasOwn(RANGES, type) ? RANGES[type] : undefined;
    if (whole !== undefined) {
      const [low, high] = this.range(whole);
      return `RANDOM_BIGINT_AT(${seed}, i, CAST(${low} AS BIGINT), CAST(${high} AS BIGINT))`;
    }
    if (TEXTS.has(type)) {
      const length = String(
        this.option('length') ?? this.column.type?.parameters[0] ?? TEXT_LENGTH,
      );
      const isVaried = this.option('var-len') === true;
      const chosen = isVaried ? `RANDOM_BIGINT_AT(${seed + 1}, i, 1, ${length})` : length;
      return `RANDOM_TEXT_AT(${seed}, i, ${chosen})`;
    }
    if (FRACTIONS.has(type)) {
      const [low, high] = this.range(['0', '1']);
      return `${low} + RANDOM_AT(${seed}, i) * (CAST(${high} AS DOUBLE) - ${low})`;
    }
    if (TIMES.has(type)) {
      const past = this.option('max-past');
      if (past === undefined) return '_TIMESTAMP';
      return `_TIMESTAMP - RANDOM_BIGINT_AT(${seed}, i, 0, ${String(past)})`;
    }
    if (type === 'BOOLEAN') return `RANDOM_AT(${seed}, i) < 0.5`;
    this.reader.fault({
      key: null,
      part: 'value',
      message: `column "${this.column.name.name}" of ${this.reader.label} is ${type}, which is not made`,
      hint: 'declare a computed column: name AS an expression over the others',
    });
    return null;
  }

  private range([least, most]: readonly [string, string]): readonly [string, string] {
    const low = (this.option('min') as string | undefined) ?? least;
    const high = (this.option('max') as string | undefined) ?? most;
    if (Number(low) <= Number(high)) return [low, high];
    this.reader.invalid(
      this.reader.written(this.key('max')) === undefined ? this.key('min') : this.key('max'),
      `give a number from ${low} on`,
    );
    return [least, most];
  }

  private option(name: FieldOption): unknown {
    return this.reader.made(this.key(name));
  }

  private key(name: FieldOption): string {
    return `fields.${this.column.name.name}.${name}`;
  }
}
