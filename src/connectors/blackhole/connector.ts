/** The connector 'blackhole': reads every value that it is given and keeps a digest. */
import { z } from 'zod';
import type { Connector } from '../connector.js';
import { OptionReader } from '../option-reader.js';
import type { OptionSchema } from '../option-reader.js';
import { BlackholeSink } from './blackhole.js';

const BLACKHOLE_OPTIONS: OptionSchema = { types: z.object({}) };

export const blackholeConnector: Connector = Object.freeze<Connector>({
  name: 'blackhole',
  aliases: [],
  options: BLACKHOLE_OPTIONS,
  check: (table, use) => new OptionReader(BLACKHOLE_OPTIONS, table).faultsFor(use),
  address: null,
  source: null,
  sink: {
    publishesAtEnd: false,
    place: 'digest',
    wantsTombstones: false,
    metadata: [],
    open: (request) => Promise.resolve(new BlackholeSink(request)),
  },
});
