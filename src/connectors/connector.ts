/**
 * The connector contract: everything that the rest of velo asks of a connector, in one frozen object
 * that `connectors/<name>/connector.ts` exports and registry.ts lists. Owns the contract alone. Who
 * adds a connector writes such an object and one line of the list: docs/extending.md.
 */
import type { Writable } from 'node:stream';
import type { OutputFormat } from '../formats/encoder.js';
import type { OptionFault, TableUse } from '../plan/connector-facts.js';
import type { PhysicalColumn, Schema, TableDefinition, WritableMetadata } from '../plan/schema.js';
import type { CreateTable } from '../sql/ast.js';
import type { FedDecoder, SourceBlocks } from './fed-source.js';
import type { OptionSchema } from './option-reader.js';
import type { OwnedSource } from './owned-source.js';
import type { SharedOutputs } from './shared-outputs.js';
import type { SharedSource, SharedSplit, SplitExtent } from './shared-split.js';
import type { CommittingJob, SinkCommits } from './sink-commits.js';
import type { Sink, SinkRequest } from './sink.js';
import type { Source, SourceRequest } from './source.js';

export interface Connector {
  /** As 'connector' names it. */
  readonly name: string;
  /** Other names of the same: Flink's. */
  readonly aliases: readonly string[];
  /** Its WITH options. */
  readonly options: OptionSchema;
  /** Every fault of a table's options, for this use of the table. */
  check(table: TableDefinition, use: TableUse): readonly OptionFault[];
  /**
   * What is known only with what takes long to load, such as whether a schema can be read and fits
   * the columns that are used; asked of tables that check() finds nothing wrong with.
   */
  verify?(table: TableDefinition, columns: readonly PhysicalColumn[]): Promise<OptionFault[]>;
  /** What a quoted address says; null: tables of it are declared. */
  readonly address: AddressForm | null;
  /** null: tables cannot be read. */
  readonly source: SourceSide | null;
  /** null: tables cannot be written. */
  readonly sink: SinkSide | null;
  /**
   * The declaration in terms of another connector, for one that only spells it differently; then
   * nothing else here is asked for but options and check.
   */
  rewrite?(statement: CreateTable, report: (fault: OptionFault) => void): CreateTable;
}

/** FROM 'address', --source table=address, --to, --dead-letter. */
export interface AddressForm {
  /** The options that an address of this kind stands for; null: it is another connector's. */
  parse(address: string): AddressOptions | null;
  /** The schema that the first records give, at most 1,000 of them. Throws as opening does. */
  infer(table: TableDefinition): Promise<InferredTable>;
  /** Whether learning the schema takes the network. */
  readonly isRemote: boolean;
}

export interface AddressOptions {
  readonly options: TableDefinition['options'];
  /** Names among them that the address spells out, as ?name=value. */
  readonly parameters: readonly string[];
}

export interface InferredTable {
  readonly columns: readonly PhysicalColumn[];
  /** Options that were found out too; they replace those of the address. */
  readonly options: TableDefinition['options'];
  /** What to say of it; null or absent: nothing. */
  readonly remark?: InferenceRemark | null;
}

/** One line of talk about what was found out. */
export interface InferenceRemark {
  readonly line: string;
  /** It could be otherwise; what is sure is for those alone who asked for more. */
  readonly isUnsure: boolean;
}

/**
 * Who reads a table on V2. 'shared': all workers in turn; 'owned': each split is one worker's own;
 * 'fed': main, which hands blocks of records on; 'local': one worker alone, through its Source.
 */
export type Reading = 'shared' | 'owned' | 'fed' | 'local';

export interface SourceSide {
  /** The physical columns of all its tables, whose declared columns are computed; null: declared. */
  readonly columns: readonly PhysicalColumn[] | null;
  /** It makes its rows itself: the option that says how many. */
  readonly generates: { readonly rowsOption: string } | null;
  isBounded(options: TableDefinition['options']): boolean;
  /** How one that has no end is given one, as a hint says it. */
  readonly endHint: string;
  /** Whether the source surely has one split. */
  hasOneSplit(options: TableDefinition['options']): boolean;
  /** For one reader: V1, and what is read 'local'. */
  open(request: SourceRequest): Promise<Source>;
  /** On V2, once, by main: who reads, and the splits. */
  prepare(request: SourceRequest): Promise<PreparedSource>;
  /** What is read 'shared', by each worker. */
  openShared?(request: SourceRequest): SharedSource;
  /** A worker's share of what is 'owned': request.partitions. */
  openOwned?(request: SourceRequest): Promise<OwnedSource>;
  /** The place that a table reads, as its SinkTarget's key; absent: nothing that is written. */
  key?(table: TableDefinition): string;
  /** What positions of its splits are positions in; absent: the key, else the table. */
  origin?(table: TableDefinition): string;
  /** What tells the things that positions are positions in from later ones of their names. */
  readonly identities?: IdentitySide;
  /** In each worker, before a job: what main handed over to it, instead of the last job's. */
  takeOver?(parts: readonly unknown[]): void;
  /** What turns the blocks of a 'fed' source into batches, by each worker. */
  openFed?(request: SourceRequest): Promise<FedDecoder>;
}

/**
 * By `topic "orders"`, texts that stay as long as the thing does; of one that grows later texts are
 * of more of it, and two lists are of one thing where neither contradicts the other.
 */
export type Identities = ReadonlyMap<string, readonly string[]>;

export interface IdentitySide {
  /** Asks the outside world; rejects as opening does. */
  of(table: TableDefinition): Promise<Identities>;
  /** A running job may go over from one thing to the next of its name. */
  mayChange(table: TableDefinition): boolean;
}

/** A source as main found it. */
export interface PreparedSource {
  readonly reading: Reading;
  readonly splits: readonly PreparedSplit[];
  /** To place a restored position in a lane's cells; empty but for 'shared'. */
  readonly shared: readonly SharedSplit[];
  /** Open: main reads it, or else commits what workers read of it. null: nothing is held open. */
  readonly blocks: SourceBlocks | null;
  /** What main holds of a 'local' source for the worker that reads it; null: nothing. */
  readonly lease: SourceLease | null;
}

export interface PreparedSplit {
  readonly split: number;
  readonly sourceName: string;
  /** What its lane's position goes through; null: it has no end that is known. */
  readonly extent: SplitExtent | null;
}

/** A source that only main can open, and only a worker reads. */
export interface SourceLease {
  /** From here on main reads it no more. */
  handOver(): HandedSource;
  /** The job is over. */
  close(): void;
}

/** Such a source on its way to its worker: plain data and shared memory. */
export interface HandedSource {
  readonly connector: string;
  /** The connector's own. */
  readonly parts: unknown;
}

export interface SinkSide {
  /** Rows appear when the sink is closed: they are lost with the process until then. */
  readonly publishesAtEnd: boolean;
  /** Its sinks have a position(): a job that goes on from a checkpoint writes each row once. */
  readonly goesOn?: boolean;
  /** Of sinks whose rows may be seen with the state that they belong to. */
  readonly commits?: CommitSide;
  /** Where rows go on V2: to main, or into a digest of each worker. */
  readonly place: 'main' | 'digest';
  /** A row that is gone must be written as gone. */
  readonly wantsTombstones: boolean;
  /** What records take beside their value. */
  readonly metadata: readonly WritableMetadata[];
  open(request: SinkRequest, environment: SinkEnvironment): Promise<Sink>;
  /** What is written, where writers can be in each other's way; absent: they never are. */
  target?(table: TableDefinition, schema: Schema): SinkTarget;
  /** For lines that are no rows: dead letters. `table` is what its address stands for. */
  openLines?(table: TableDefinition): Promise<LineWriter>;
}

export interface CommitSide {
  /** The table asks for it. */
  wants(table: TableDefinition): boolean;
  /** Who sees its rows exactly once, as people read it. */
  readonly readers: string;
  /**
   * Throws ConfigError where such tables of a job cannot be written together; `intervalMs`: how often
   * a state is kept, null: that is not known.
   */
  check(tables: readonly TableDefinition[], intervalMs: number | null): void;
  /** For all such tables of a job. */
  open(tables: readonly TableDefinition[], job: CommittingJob): Promise<SinkCommits>;
}

export interface SinkTarget {
  /** The same text for every spelling of one place. */
  readonly key: string;
  /** What all who write there must have in common. */
  readonly form: string;
  /** As an error names it. */
  readonly label: string;
}

/** What a sink may need of the process and of its job. */
export interface SinkEnvironment {
  readonly stdout: Writable;
  readonly format: OutputFormat | 'table';
  /** How tables on stdout are to be. Default: as wide as their cells, with all rows. */
  readonly table?: TableForm;
  /** Where tables of results that update are drawn over themselves; absent: rows pass as they come. */
  readonly live?: LiveScreen;
  /** The reader of stdout went away. */
  readonly onStdoutClosed: () => void;
  /** Rows are on stdout already, of a life of the job before this one: no head again. Default: false. */
  readonly stdoutBegun?: boolean;
  /** Called before each write to stdout. */
  readonly beforeStdout?: () => void;
  /** The job was stopped, and what stdout's reader has not taken is given up. */
  readonly onStdoutStalled?: () => void;
  /** Of the job; absent: nothing is shared with other queries. */
  readonly shared?: SharedOutputs;
}

export interface TableForm {
  /** Columns of the terminal at the moment; null: lines may have any length. */
  width(): number | null;
  /** Rows that are drawn at most, half of them the last ones; null: all, as they come. */
  readonly rowsMax: number | null;
  /** The same of a table that is drawn when all its rows are known. */
  readonly wholeRowsMax: number | null;
}

/** A terminal that several tables may share. */
export interface LiveScreen {
  /** `view` gives the lines of a table that fits, whenever it is drawn; the result ends that. */
  show(
    view: (space: { readonly columns: number; readonly rows: number }) => readonly string[],
  ): () => void;
}

/** Bytes that are not rows: dead letters. */
export interface LineWriter {
  write(line: Uint8Array): void;
  close(): Promise<void>;
}
