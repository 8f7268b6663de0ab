/**
 * The connector 'file', which Flink calls 'filesystem': lines of JSON, CSV or text, and containers
 * of Avro and Parquet. Owns what there is to say of it; options are file-options.ts, opening is file.ts.
 */
import { typeText } from '../../columnar/types.js';
import { createDecoder } from '../../formats/decoder-registry.js';
import type { Connector } from '../connector.js';
import { decoderFaults } from '../verify-format.js';
import { fileExtent, fileSharing, openFileLineWriter, openFileSink, openFiles } from './file.js';
import { CSV_SHORT_NAMES, csvFileOptions, withoutNames } from '../format-options.js';
import { remarkLine } from '../csv/csv-remarks.js';
import { FILE_OPTIONS, fileAddress, fileOptions, readFileOptions } from './file-options.js';
import { isContainerFormat } from './file-format.js';
import { fileIdentities } from './set/file-identities.js';
import { targetKey } from './file-target.js';
import { inferFileSchema } from './infer-file.js';
import { leasePipe, takeOverPipes } from './pipes.js';
import type { HandedPipe } from './pipes.js';
import { filesOf, isOneFile, pathOfUri } from './set/file-set.js';
import { openSharedFile } from './shared-file.js';

export const fileConnector: Connector = Object.freeze<Connector>({
  name: 'file',
  aliases: ['filesystem'],
  options: FILE_OPTIONS,
  check: (table, use) => readFileOptions(table).faultsFor(use),
  verify: (table, columns) =>
    decoderFaults(table, () => {
      const { format } = fileOptions(table);
      // What a container's columns convert to its own schema says, once it is opened.
      if (!isContainerFormat(format)) createDecoder(format, columns);
    }),
  address: {
    parse: fileAddress,
    isRemote: false,
    infer: async (table) => {
      const sniff = table.options['format'] === undefined;
      const { path } = fileOptions(table);
      const found = await inferFileSchema(fileOptions(table), { sniff });
      const { columns, format, dialect, remarks, encoding } = found;
      const csv = dialect === null ? {} : csvFileOptions(dialect);
      const text = encoding === null ? {} : { encoding };
      // What is found out is declared from here on.
      const given = withoutNames(table.options, [...Object.keys(CSV_SHORT_NAMES), 'times']);
      const options = { ...given, format, ...text, ...csv };
      if (remarks.length === 0) return { columns, options, remark: null };
      const isUnsure = remarks.some((remark) => remark.isUnsure);
      return { columns, options, remark: { line: remarkLine(path, remarks), isUnsure } };
    },
  },
  source: {
    columns: null,
    generates: null,
    endHint: `no 'follow'`,
    isBounded: (options) => options['follow']?.toLowerCase() !== 'true',
    hasOneSplit: ({ path = '' }) => isOneFile(pathOfUri(path)),
    open: openFiles,
    prepare: ({ table, ...request }) => {
      const alone = { shared: [], blocks: null, lease: null };
      if (fileSharing(table) === 'shared') {
        const source = openSharedFile({ table, ...request });
        source.close();
        const { splits } = source;
        return Promise.resolve({ ...alone, splits, shared: splits, reading: 'shared' });
      }
      // A pipe can be opened once only, and only by the worker that reads it.
      const { path, follow } = fileOptions(table);
      const files = follow ? [path] : filesOf(path);
      const splits = files.map((sourceName, split) => ({
        split,
        sourceName,
        extent: follow ? null : fileExtent(sourceName),
      }));
      const pipe = leasePipe(path);
      const lease =
        pipe === null
          ? null
          : {
              handOver: () => ({ connector: 'file', parts: pipe.handOver() }),
              close: () => pipe.close(),
            };
      return Promise.resolve({ ...alone, splits, reading: 'local', lease });
    },
    key: (table) => targetKey(fileOptions(table).path),
    identities: {
      of: (table) => Promise.resolve(fileIdentities(table)),
      // As `tail -F`.
      mayChange: (table) => fileOptions(table).follow,
    },
    // Only its own leases come back.
    takeOver: (parts) => takeOverPipes(parts as readonly HandedPipe[]),
    openShared: openSharedFile,
  },
  sink: {
    publishesAtEnd: true,
    goesOn: true,
    place: 'main',
    wantsTombstones: false,
    metadata: [],
    open: openFileSink,
    target: (table, schema) => {
      const { path, format, csv, append, rolling } = fileOptions(table, 'written');
      const columns = schema.map(({ name }) => name);
      const typed = schema.map(({ name, type }) => [name, typeText(type)]);
      const more = format === 'csv' ? [csv, columns] : isContainerFormat(format) ? typed : [];
      const form = JSON.stringify([format, append, rolling, ...more]);
      return { key: targetKey(path), form, label: `file "${path}"` };
    },
    openLines: (table) => Promise.resolve(openFileLineWriter(fileOptions(table, 'written').path)),
  },
});
