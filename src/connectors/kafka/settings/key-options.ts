/**
 * The options of records' keys, as Flink has them: 'key.format', 'key.fields', 'key.fields-prefix'
 * and 'value.fields-include'. Owns which columns lie in the key, under which names, and whether the
 * value has them too; the format's own options are schema-options.ts.
 *
 * Where velo takes more than Flink: 'key.fields' without 'key.format' also says by which columns a
 * source is distributed over its partitions, the PRIMARY KEY stands for it, and without 'key.format'
 * one column is raw and several are JSON.
 */
import type { TableDefinition } from '../../../plan/schema.js';
import { schemaOptions } from './schema-options.js';
import type { SchemaOptions } from './schema-options.js';
import type { KeyFormat, TopicReader } from './topic-schema.js';

/** What is read of a record's key. */
export interface KeyReadOptions {
  readonly format: KeyFormat;
  readonly schema: SchemaOptions | null;
  /** By the place of a physical column: its name in the key. */
  readonly columns: ReadonlyMap<number, string>;
}

/** The name that a key column has in the key itself. */
export function nameInKey(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** null: every column is in the value. What does not go together is a fault of the reader. */
export function keyReadOptions(reader: TopicReader, table: TableDefinition): KeyReadOptions | null {
  const columns = keyColumns(reader, table);
  if (!isExceptKey(reader)) return null;
  if (columns.size === 0 && reader.written('key.fields') === undefined) {
    const hint = "name the columns of the key with 'key.fields', and its format with 'key.format'";
    reader.invalid('value.fields-include', hint);
  }
  const format = reader.get('key.format') ?? (columns.size === 1 ? 'raw' : 'json');
  const physical = [...columns].flatMap(([at, name]) => {
    const column = table.physical[at];
    return column === undefined ? [] : [{ ...column, name }];
  });
  return { format, schema: schemaOptions({ ...table, physical }, format, reader, 'key'), columns };
}

/** The table with the columns that are in the value. */
export function valueTable(table: TableDefinition, key: KeyReadOptions | null): TableDefinition {
  if (key === null) return table;
  return { ...table, physical: table.physical.filter((_, at) => !key.columns.has(at)) };
}

export function isExceptKey(reader: TopicReader): boolean {
  return reader.get('value.fields-include') === 'EXCEPT_KEY';
}

/** What the names of the key's columns begin with, and in the key do not. */
export function keyPrefix(reader: TopicReader): string {
  const prefix = reader.get('key.fields-prefix') ?? '';
  if (prefix !== '' && !isExceptKey(reader)) {
    reader.invalid('key.fields-prefix', "add 'value.fields-include' = 'EXCEPT_KEY'");
  }
  return prefix;
}

/** The physical columns that 'key.fields', or else the PRIMARY KEY, names: their names in the key. */
export function keyColumns(
  reader: TopicReader,
  table: TableDefinition,
): ReadonlyMap<number, string> {
  const prefix = keyPrefix(reader);
  const columns = new Map<number, string>();
  for (const name of reader.get('key.fields') ?? table.primaryKey) {
    const at = table.physical.findIndex((column) => sameName(column.name, name));
    const own = table.physical[at]?.name;
    if (own === undefined) continue;
    columns.set(at, nameInKey(own, prefix));
    if (own.startsWith(prefix)) continue;
    reader.fault({
      key: 'key.fields',
      part: 'value',
      message: `option "key.fields" of ${reader.label} names the column "${own}", which does not begin with "${prefix}"`,
      hint: "with 'key.fields-prefix' every column of the key begins with it",
    });
  }
  if (columns.size > 1 && reader.get('key.format') === 'raw') {
    reader.fault({
      key: 'key.format',
      part: 'value',
      message: `option "key.format" of ${reader.label} cannot be "raw" with several key columns`,
      hint: "use 'key.format' = 'json'",
    });
  }
  return columns;
}

function sameName(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}
