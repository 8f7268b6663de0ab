/** The connector 'stdout', which Flink calls 'print': rows in the format that the user chose. */
import { z } from 'zod';
import { createRowEncoder } from '../../formats/encoder-choice.js';
import type { TableDefinition } from '../../plan/schema.js';
import type { Connector } from '../connector.js';
import { OptionReader } from '../option-reader.js';
import type { OptionSchema } from '../option-reader.js';
import { choice, only } from '../option-types.js';
import { listenersOf, StreamSink } from '../stream-sink.js';
import { LiveTableSink } from './live-table-sink.js';
import { TableSink } from './table-sink.js';

const types = {
  format: choice(['table', 'jsonl', 'json', 'csv', 'markdown']),
  // Flink's 'print' has them.
  'standard-error': only('false', 'rows go to stdout'),
};
const STDOUT_OPTIONS: OptionSchema<typeof types> = { types: z.object(types) };

function reader(table: TableDefinition): OptionReader<typeof types> {
  return new OptionReader(STDOUT_OPTIONS, table);
}

export const stdoutConnector: Connector = Object.freeze<Connector>({
  name: 'stdout',
  aliases: ['print'],
  options: STDOUT_OPTIONS,
  check: (table, use) => reader(table).faultsFor(use),
  address: null,
  source: null,
  sink: {
    publishesAtEnd: false,
    place: 'main',
    wantsTombstones: false,
    metadata: [],
    open: ({ table, schema, changelog, updates = null }, environment) => {
      const given = table === null ? null : reader(table);
      given?.settle('written');
      const format = given?.get('format') ?? environment.format;
      const options = { changelog };
      const target = { stream: environment.stdout, ...listenersOf(environment) };
      if (format === 'table') {
        const { table: form, live } = environment;
        if (live !== undefined && form !== undefined && updates !== null && !changelog) {
          const parts = { schema, updates, form, screen: live };
          return Promise.resolve(new LiveTableSink(parts, target));
        }
        return Promise.resolve(new TableSink(schema, { ...options, form }, target));
      }
      const encoder = createRowEncoder(format, schema, options);
      const begun = environment.stdoutBegun === true;
      return Promise.resolve(new StreamSink(encoder, { ...target, begun }, { format, options }));
    },
  },
});
