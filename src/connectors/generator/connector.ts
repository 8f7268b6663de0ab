/**
 * The connector 'generator': rows that are computed from their number `i`. Owns what there is to
 * say of it; its options are read in generator-options.ts, its splits are shared-generator.ts.
 */
import { GENERATOR_COLUMN } from '../../plan/schema.js';
import type { Connector } from '../connector.js';
import { openGenerator } from './generator.js';
import { GENERATOR_OPTIONS, readGeneratorOptions } from './generator-options.js';
import { openSharedGenerator } from './shared-generator.js';

export const generatorConnector: Connector = Object.freeze<Connector>({
  name: 'generator',
  aliases: [],
  options: GENERATOR_OPTIONS,
  check: (table, use) => readGeneratorOptions(table).faultsFor(use),
  address: null,
  source: {
    columns: [GENERATOR_COLUMN],
    generates: { rowsOption: 'rows' },
    endHint: 'a number of rows',
    isBounded: (options) => options['rows'] !== undefined,
    hasOneSplit: (options) => Number((options['splits'] ?? '1').replaceAll('_', '')) === 1,
    open: (request) => Promise.resolve(openGenerator(request)),
    prepare: (request) => {
      const source = openSharedGenerator(request);
      source.close();
      const { splits } = source;
      return Promise.resolve({
        reading: 'shared',
        splits,
        shared: splits,
        blocks: null,
        lease: null,
      });
    },
    openShared: openSharedGenerator,
  },
  sink: null,
});
