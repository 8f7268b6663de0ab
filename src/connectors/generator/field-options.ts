/**
 * Options of connectors that stand for the generator: those of the table, and `fields.NAME.OPTION`
 * of a column. Owns how both are read and the faults of their names; what an option means for the
 * column's values is the connector's.
 */
import { z } from 'zod';
import type { TableDefinition } from '../../plan/schema.js';
import type { CreateTable } from '../../sql/ast.js';
import type { OptionReader, OptionSchema, OptionShape } from '../option-reader.js';
import { columnNames, custom, duration, whole } from '../option-types.js';

const tableTypes = {
  'rows-per-second': whole({ least: 1, example: '10000' }),
  'number-of-rows': whole({ least: 0, example: '1000' }),
  seed: whole({ least: 0, example: '7' }),
  'key.fields': columnNames(),
  'source.idle-timeout': duration(),
};

/** Of the rows of a second, when the table does not say. */
const ROWS_PER_SECOND = 10_000;

export const nullRate = custom((given) => {
  const value = Number(given);
  return given.trim() !== '' && value >= 0 && value <= 1 ? value : undefined;
}, "give a share from 0 to 1, such as '0.1'");

export type FieldsReader = OptionReader<typeof tableTypes>;

/** Names of columns come before the last dot: they may hold dots. */
const FIELD = /^fields\.(.+)\.([\w-]+)$/;

/** `fieldTypes`: the options of a column. */
export function fieldOptions(fieldTypes: OptionShape): OptionSchema<typeof tableTypes> {
  const names = Object.keys(fieldTypes);
  const listed = [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ');
  return {
    types: z.object(tableTypes),
    more: (options) => {
      const found: Record<string, OptionShape[string]> = {};
      for (const name of Object.keys(options)) {
        const option = FIELD.exec(name)?.[2] ?? '';
        const type = Object.hasOwn(fieldTypes, option) ? fieldTypes[option] : undefined;
        if (type !== undefined) found[name] = type;
      }
      return found;
    },
    strange: (name) =>
      name.startsWith('fields.') ? `options of a column are ${listed}` : undefined,
  };
}

/** The WITH clause of a declaration but for the connector's name. */
export function writtenOptions({ options }: CreateTable): TableDefinition['options'] {
  return Object.fromEntries(
    options.flatMap(({ key, value }) => (key === 'connector' ? [] : [[key, value]])),
  );
}

export function rowsPerSecond(reader: FieldsReader): { key: string; value: string } {
  return {
    key: 'rows-per-second',
    value: String(reader.get('rows-per-second') ?? ROWS_PER_SECOND),
  };
}

/** Options of columns that the table does not have are faults. */
export function checkFieldNames(
  reader: FieldsReader,
  { columns }: CreateTable,
  options: TableDefinition['options'],
): void {
  const names = columns
    .filter(({ computed, metadata }) => computed === null && metadata === null)
    .map(({ name }) => name.name);
  for (const key of Object.keys(options)) {
    const name = FIELD.exec(key)?.[1];
    if (name === undefined || names.includes(name)) continue;
    reader.fault({
      key,
      part: 'key',
      message: `option "${key}" of ${reader.label} names the column "${name}", which it does not have`,
      hint: `its columns are ${names.join(', ')}`,
    });
  }
}
