/**
 * The WITH options of a generator table. Owns their types and what they give; see
 * shared-generator.ts for what they do.
 */
import { z } from 'zod';
import type { TableDefinition } from '../../plan/schema.js';
import { checkKeyFields } from '../key-fields.js';
import { OptionReader } from '../option-reader.js';
import type { OptionSchema } from '../option-reader.js';
import { columnNames, duration, whole } from '../option-types.js';

const ROWS = { example: '5000' };

const types = {
  rows: whole({ least: 0, ...ROWS }),
  'rows-per-second': whole({ least: 1, ...ROWS }),
  splits: whole({ least: 1, most: 65_536, example: '4' }),
  'key.fields': columnNames(),
  'source.idle-timeout': duration(),
};

export const GENERATOR_OPTIONS: OptionSchema<typeof types> = { types: z.object(types) };

export interface GeneratorOptions {
  /** null: unbounded. */
  readonly rows: number | null;
  /** null: as fast as possible. */
  readonly rowsPerSecond: number | null;
  readonly splits: number;
}

/** With the faults of key fields. */
export function readGeneratorOptions(table: TableDefinition): OptionReader<typeof types> {
  const reader = new OptionReader(GENERATOR_OPTIONS, table);
  checkKeyFields(reader, table);
  return reader;
}

/** Throws ConfigError SETTING_INVALID for bad options. */
export function generatorOptions(table: TableDefinition): GeneratorOptions {
  const reader = readGeneratorOptions(table);
  reader.settle('read');
  return {
    rows: reader.get('rows') ?? null,
    rowsPerSecond: reader.get('rows-per-second') ?? null,
    splits: reader.get('splits') ?? 1,
  };
}
