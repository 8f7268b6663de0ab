/**
 * The table option 'key.fields': columns by which the records of a source are already distributed
 * over its splits. Owns its syntax and that it names columns; what follows from it is the
 * planner's, and what a Kafka record's key is, the Kafka sink's.
 */
import { ConfigError } from '../base/errors.js';
import type { TableDefinition } from '../plan/schema.js';

/**
 * The columns named, null without the option. Names are separated by commas, or by semicolons as
 * in Flink. Throws ConfigError SETTING_INVALID for a name that is no column of the table.
 */
export function keyFields(table: TableDefinition): readonly string[] | null {
  const text = table.options['key.fields'];
  if (text === undefined) return null;
  const names = text.split(/[,;]/).map((name) => name.trim());
  const unknown = names.find((name) => !table.columns.some((column) => column.name === name));
  if (unknown === undefined) return names;
  throw new ConfigError('SETTING_INVALID', {
    message: `option "key.fields" of table "${table.name}" names the column "${unknown}", which it does not have`,
    hint: `its columns are ${table.columns.map((column) => column.name).join(', ')}`,
  });
}
