/**
 * The table option 'key.fields': columns by which the records of a source are already distributed
 * over its splits. Owns its syntax and that it names columns; what follows from it is the
 * planner's, and what a Kafka record's key is, the Kafka sink's.
 */
import { didYouMean } from '../plan/faults.js';
import type { TableDefinition } from '../plan/schema.js';
import type { OptionReader } from './option-reader.js';

/** A reader of options that has key fields among them. */
type KeyFieldsReader = Pick<OptionReader<Record<string, never>>, 'made' | 'fault' | 'label'>;

/**
 * The columns that 'key.fields' names, as the table spells them; null without the option. A name
 * that is no column of the table is a fault.
 */
export function checkKeyFields(
  reader: KeyFieldsReader,
  table: TableDefinition,
): readonly string[] | null {
  const names = reader.made('key.fields') as readonly string[] | undefined;
  if (names === undefined) return null;
  const columns = table.columns.map((column) => column.name);
  return names.map((name) => {
    if (columns.includes(name) || columns.length === 0) return name;
    const found = columns.find((each) => each.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
    reader.fault({
      key: 'key.fields',
      part: 'value',
      message: `option "key.fields" of ${reader.label} names the column "${name}", which it does not have`,
      hint: didYouMean(name, columns) ?? `its columns are ${columns.join(', ')}`,
    });
    return name;
  });
}
