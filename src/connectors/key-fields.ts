/**
 * The table option 'key.fields': columns by which the records of a source are already distributed
 * over its splits. Owns its syntax and that it names columns; what follows from it is the
 * planner's, and what a Kafka record's key is, the Kafka sink's.
 */
import { ConfigError } from '../base/errors.js';
import type { TableDefinition } from '../plan/schema.js';

/**
 * The columns named, as the table spells them; null without the option. Names are separated by
 * commas, or by semicolons as in Flink. Throws ConfigError SETTING_INVALID for a name that is no
 * column of the table.
 */
export function keyFields(table: TableDefinition): readonly string[] | null {
  const text = table.options['key.fields'];
  return text === undefined ? null : keyFieldNames(text).map((name) => columnNamed(table, name));
}

/** The names in the option's value. */
export function keyFieldNames(text: string): readonly string[] {
  return text.split(/[,;]/).map((name) => name.trim());
}

function columnNamed(table: TableDefinition, name: string): string {
  const names = table.columns.map((column) => column.name);
  if (names.includes(name)) return name;
  const found = names.find((each) => each.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "key.fields" of table "${table.name}" names the column "${name}", which it does not have`,
    hint: `its columns are ${names.join(', ')}`,
  });
}
