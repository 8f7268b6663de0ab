/**
 * The connector 'faker', as files for Flink's faker use it: columns of made-up values. Owns its
 * place in the list; options are faker-table.ts, what expressions mean faker-expressions.ts.
 */
import type { Connector } from '../connector.js';
import { generatorConnector } from '../generator/connector.js';
import { FAKER_OPTIONS, readFakerOptions, rewriteFaker } from './faker-table.js';

const { source } = generatorConnector;

export const fakerConnector: Connector = Object.freeze<Connector>({
  name: 'faker',
  aliases: ['flink-faker'],
  options: FAKER_OPTIONS,
  check: (table, use) => readFakerOptions(table).faultsFor(use),
  address: null,
  source:
    source === null
      ? null
      : { ...source, columns: null, generates: { rowsOption: 'number-of-rows' } },
  sink: null,
  rewrite: rewriteFaker,
});
