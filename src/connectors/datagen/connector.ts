/**
 * Flink's connector 'datagen': columns of random or counted values, made by the generator. Owns its
 * place in the list; options and columns are datagen-table.ts.
 */
import type { Connector } from '../connector.js';
import { generatorConnector } from '../generator/connector.js';
import { DATAGEN_OPTIONS, readDatagenOptions, rewriteDatagen } from './datagen-table.js';

const { source } = generatorConnector;

export const datagenConnector: Connector = Object.freeze<Connector>({
  name: 'datagen',
  aliases: [],
  options: DATAGEN_OPTIONS,
  check: (table, use) => readDatagenOptions(table).faultsFor(use),
  address: null,
  source:
    source === null
      ? null
      : { ...source, columns: null, generates: { rowsOption: 'number-of-rows' } },
  sink: null,
  rewrite: rewriteDatagen,
});
