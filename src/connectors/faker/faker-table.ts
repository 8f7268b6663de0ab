/**
 * A 'faker' table as a generator's: its options, and an expression for each column. Values depend on
 * 'seed', the column's place and the row's number alone.
 */
import type { TableDefinition } from '../../plan/schema.js';
import type { CreateTable } from '../../sql/ast.js';
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
import { text } from '../option-types.js';
import { FakerFault, fakerSql } from './faker-expressions.js';

export const FAKER_OPTIONS = fieldOptions({
  expression: text("an expression, such as '#{Name.firstName}'"),
  'null-rate': nullRate,
});

export function readFakerOptions(
  table: Pick<TableDefinition, 'name' | 'connector' | 'options'>,
): FieldsReader {
  return new OptionReader(FAKER_OPTIONS, table);
}

export function rewriteFaker(statement: CreateTable, report: Report): CreateTable {
  const options = writtenOptions(statement);
  const reader = readFakerOptions({ name: statement.name.name, connector: 'faker', options });
  checkFieldNames(reader, statement, options);
  const seed = reader.get('seed') ?? 0;
  const rows = reader.get('number-of-rows');
  const made = generatedTable(statement, {
    rows: rows === undefined ? null : { key: 'number-of-rows', value: String(rows) },
    rowsPerSecond: rowsPerSecond(reader),
    expressionOf: (column) => {
      const key = `fields.${column.name.name}.expression`;
      const own = (seed * 1000 + statement.columns.indexOf(column) + 1) * 100;
      if (reader.written(key) === undefined) {
        reader.missing(key, "an expression, such as '#{Name.firstName}'");
        return null;
      }
      const given = reader.made(key);
      if (typeof given !== 'string') return null;
      try {
        const share = reader.made(`fields.${column.name.name}.null-rate`) as number | undefined;
        return withNulls(castTo(fakerSql(given, own), column), own + 99, share);
      } catch (error) {
        if (!(error instanceof FakerFault)) throw error;
        reader.fault({ key, part: 'value', message: error.message, hint: error.hint });
        return null;
      }
    },
  });
  for (const fault of reader.faultsFor('read')) report(fault);
  return made;
}
