/**
 * The list of connectors, and finding the one that a table or an address means. A new connector is
 * a folder with a connector.ts and one line here. Owns what plans are told of connectors
 * (CONNECTOR_FACTS) and opening by name; each connector reads its own options.
 */
import { ConfigError } from '../base/errors.js';
import type {
  ConnectorCatalog,
  ConnectorFacts,
  OptionFault,
  TableUse,
} from '../plan/connector-facts.js';
import { GENERATOR_COLUMN } from '../plan/schema.js';
import type { PhysicalColumn, Schema, TableDefinition } from '../plan/schema.js';
import { blackholeConnector } from './blackhole/connector.js';
import type {
  CommitSide,
  Connector,
  HandedSource,
  Identities,
  InferenceRemark,
  LineWriter,
  PreparedSource,
  SinkEnvironment,
  SinkSide,
  SinkTarget,
  SourceSide,
} from './connector.js';
import { datagenConnector } from './datagen/connector.js';
import { fakerConnector } from './faker/connector.js';
import type { FedDecoder } from './fed-source.js';
import { fileConnector } from './file/connector.js';
import { generatorConnector } from './generator/connector.js';
import { kafkaConnector } from './kafka/connector.js';
import type { OwnedSource } from './owned-source.js';
import type { SharedSource } from './shared-split.js';
import type { CommittingJob, SinkCommits } from './sink-commits.js';
import type { Sink, SinkRequest } from './sink.js';
import type { Source, SourceRequest } from './source.js';
import { stdoutConnector } from './stdout/connector.js';

/** An address is the first one's that knows its form: a file's may be any text. */
const CONNECTORS: readonly Connector[] = [
  kafkaConnector,
  fileConnector,
  generatorConnector,
  datagenConnector,
  fakerConnector,
  stdoutConnector,
  blackholeConnector,
];

/** Where rows go that no table takes. */
const DEFAULT_SINK = stdoutConnector;

export function findConnector(name: string): Connector | null {
  return CONNECTORS.find((each) => each.name === name || each.aliases.includes(name)) ?? null;
}

function connectorOf({ name, connector }: TableDefinition): Connector {
  const found = findConnector(connector);
  if (found !== null) return found;
  throw new ConfigError('SETTING_INVALID', {
    message: `connector "${connector}" of table "${name}" does not exist`,
    hint: `connectors are ${CONNECTORS.map((each) => each.name).join(', ')}`,
  });
}

/** Throws ConfigError SETTING_INVALID for a table that cannot be read. */
export function sourceOf(table: TableDefinition): SourceSide {
  const { source } = connectorOf(table);
  if (source !== null) return source;
  throw new ConfigError('SETTING_INVALID', {
    message: `connector "${table.connector}" of table "${table.name}" cannot be read from`,
    hint: `sources are ${namesOf(({ source: side }) => side !== null)}`,
  });
}

/** Throws ConfigError SETTING_INVALID for a table that cannot be written; null: stdout. */
export function sinkOf(table: TableDefinition | null): SinkSide {
  const { sink } = table === null ? DEFAULT_SINK : connectorOf(table);
  if (sink !== null) return sink;
  throw new ConfigError('SETTING_INVALID', {
    message: `connector "${table?.connector ?? ''}" of table "${table?.name ?? ''}" cannot be written to`,
    hint: `sinks are ${namesOf(({ sink: side }) => side !== null)}`,
  });
}

function namesOf(test: (connector: Connector) => boolean): string {
  return CONNECTORS.filter(test)
    .map(({ name }) => `'${name}'`)
    .join(', ');
}

/** In a worker, before a job: what main handed over to it. */
export function takeOverSources(handed: readonly HandedSource[]): void {
  for (const { name, source } of CONNECTORS) {
    const own = handed.filter(({ connector }) => connector === name);
    source?.takeOver?.(own.map(({ parts }) => parts));
  }
}

export function openSource(request: SourceRequest): Promise<Source> {
  return sourceOf(request.table).open(request);
}

/** Once, by main. */
export function prepareSource(request: SourceRequest): Promise<PreparedSource> {
  return sourceOf(request.table).prepare(request);
}

/** Only for tables that prepareSource() called 'shared'. */
export function openSharedSource(request: SourceRequest): SharedSource {
  const source = sourceOf(request.table);
  if (source.openShared === undefined) throw notRead(request.table, 'shared');
  return source.openShared(request);
}

/** Only for tables that prepareSource() called 'owned'. */
export function openOwnedSource(request: SourceRequest): Promise<OwnedSource> {
  const source = sourceOf(request.table);
  if (source.openOwned === undefined) throw notRead(request.table, 'owned');
  return source.openOwned(request);
}

/** Only for tables that prepareSource() called 'fed'. */
export function openFedDecoder(request: SourceRequest): Promise<FedDecoder> {
  const source = sourceOf(request.table);
  if (source.openFed === undefined) throw notRead(request.table, 'fed');
  return source.openFed(request);
}

function notRead(table: TableDefinition, reading: string): Error {
  return new Error(`connector "${table.connector}" says it is ${reading} and cannot be`);
}

export function openSink(request: SinkRequest, environment: SinkEnvironment): Promise<Sink> {
  return sinkOf(request.table).open(request, environment);
}

/** The rows of a table are seen with the state that they belong to. */
export function commitsOf(table: TableDefinition | null): CommitSide | null {
  const side = sinkOf(table).commits;
  return table !== null && side?.wants(table) === true ? side : null;
}

/** What those of the tables that ask for it are written through; null: none does. */
export async function openCommits(
  tables: readonly (TableDefinition | null)[],
  job: CommittingJob,
): Promise<SinkCommits | null> {
  const { side, asking } = committing(tables);
  return side === null ? null : side.open(asking, job);
}

/** Throws ConfigError where openCommits() would, for what the tables say. */
export function checkCommits(
  tables: readonly (TableDefinition | null)[],
  intervalMs: number | null,
): void {
  const { side, asking } = committing(tables);
  side?.check(asking, intervalMs);
}

function committing(tables: readonly (TableDefinition | null)[]): {
  readonly side: CommitSide | null;
  readonly asking: readonly TableDefinition[];
} {
  const asking = tables
    .filter((table) => table !== null)
    .filter((table) => commitsOf(table) !== null);
  return { side: commitsOf(asking[0] ?? null), asking };
}

/** Where a table's rows go; null: to where no two writers are in each other's way. */
export function sinkTarget(table: TableDefinition, schema: Schema): SinkTarget | null {
  return sinkOf(table).target?.(table, schema) ?? null;
}

/** The place that a table reads, to compare with a SinkTarget's; null: nobody writes it. */
export function sourceKey(table: TableDefinition): string | null {
  return sourceOf(table).key?.(table) ?? null;
}

/** What positions of a table's splits are positions in, however the table is called if it says so. */
export function sourceOrigin(table: TableDefinition): string {
  const source = sourceOf(table);
  return source.origin?.(table) ?? source.key?.(table) ?? table.name;
}

/** As SourceSide.identities, of all tables. */
export async function sourceIdentities(tables: readonly TableDefinition[]): Promise<Identities> {
  const all = await Promise.all(tables.map((table) => sourceOf(table).identities?.of(table)));
  return new Map(all.flatMap((own) => [...(own ?? [])]));
}

export function sourcesMayChange(tables: readonly TableDefinition[]): boolean {
  return tables.some((table) => sourceOf(table).identities?.mayChange(table) === true);
}

/** A sink that reads every row and keeps a digest. */
export function openDigest(request: SinkRequest, environment: SinkEnvironment): Promise<Sink> {
  return (blackholeConnector.sink as SinkSide).open(request, environment);
}

/** A source or sink that is named by its address. */
export interface Addressed {
  readonly connector: string;
  readonly options: TableDefinition['options'];
  /** Names among the options that the address spells out. */
  readonly parameters: readonly string[];
  /** Learning its schema takes the network. */
  readonly isRemote: boolean;
  /** A table of which nothing else is known. */
  readonly table: TableDefinition;
}

/** What an address stands for: `FROM '…'`, --source, --to, --dead-letter. */
export function addressed(address: string): Addressed {
  for (const { name, address: form, source } of CONNECTORS) {
    const found = form?.parse(address);
    if (form == null || found == null) continue;
    const { options, parameters } = found;
    const table = {
      name: address,
      connector: name,
      options,
      physical: [],
      columns: [],
      watermark: null,
      primaryKey: [],
      bounded: source?.isBounded(options) ?? true,
    };
    return { connector: name, options, parameters, isRemote: form.isRemote, table };
  }
  throw new Error('some connector takes every address');
}

/** Every fault of the options of an address. */
export function checkAddress(address: string, use: TableUse): readonly OptionFault[] {
  const { connector, table } = addressed(address);
  return findConnector(connector)?.check(table, use) ?? [];
}

/** What only loading a table's format can say; see Connector.verify. */
export async function verifyTable(
  table: TableDefinition,
  columns: readonly PhysicalColumn[],
): Promise<readonly OptionFault[]> {
  return (await findConnector(table.connector)?.verify?.(table, columns)) ?? [];
}

/** A source that a query names by its address. */
export interface QuotedSchema {
  readonly connector: string;
  readonly options: TableDefinition['options'];
  readonly columns: readonly PhysicalColumn[];
  readonly bounded: boolean;
  readonly oneSplit: boolean;
  readonly remark: InferenceRemark | null;
}

/** Schema and options of `FROM 'address'`, from at most 1,000 of its records. */
export async function inferQuotedSource(address: string): Promise<QuotedSchema> {
  const { connector, table } = addressed(address);
  const form = findConnector(connector)?.address;
  if (form == null) throw new Error(`connector "${connector}" has addresses`);
  const { columns, options, remark = null } = await form.infer(table);
  const source = sourceOf(table);
  const [bounded, oneSplit] = [source.isBounded(options), source.hasOneSplit(options)];
  return { connector, options, columns, bounded, oneSplit, remark };
}

/** Where dead letters go. */
export function openLineWriter(address: string): Promise<LineWriter> {
  const { table } = addressed(address);
  const open = sinkOf(table).openLines;
  if (open === undefined) throw new Error(`connector "${table.connector}" takes lines`);
  return open(table);
}

function factsOf(connector: Connector): ConnectorFacts {
  const { name, source, sink, rewrite } = connector;
  return {
    name,
    reads: source !== null,
    writes: sink !== null,
    columns: source?.columns ?? null,
    metadata: sink?.metadata ?? [],
    wantsTombstones: sink?.wantsTombstones ?? false,
    isBounded: (options) => source?.isBounded(options) ?? true,
    endHint: source?.endHint ?? null,
    hasOneSplit: (options) => source?.hasOneSplit(options) ?? false,
    ...(rewrite === undefined ? {} : { rewrite }),
    check: (table, use) => connector.check(table, use),
  };
}

/** What plans need to know of connectors. */
export const CONNECTOR_FACTS: ConnectorCatalog = {
  names: CONNECTORS.map(({ name }) => name),
  find: (name) => {
    const found = findConnector(name);
    return found === null ? null : factsOf(found);
  },
  oneRow: {
    name: 'one row',
    connector: generatorConnector.name,
    options: { rows: '1' },
    physical: [GENERATOR_COLUMN],
    columns: [],
    watermark: null,
    primaryKey: [],
    bounded: true,
    oneSplit: true,
  },
};
