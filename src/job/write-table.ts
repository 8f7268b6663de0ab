/**
 * A generator table written somewhere real: one CREATE TABLE of a file as a job of its own, whose
 * rows go through the sink of a file or a topic. Owns which table that is and what becomes of its
 * options; the job runs as any other. `velo datagen` and the fixtures of the bench are made of it.
 */
import { ConfigError, SqlFaults } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import { CONNECTOR_FACTS, findConnector, openSink } from '../connectors/registry.js';
import type { SinkEnvironment } from '../connectors/connector.js';
import type { Sink } from '../connectors/sink.js';
import { createJob } from '../job.js';
import { isEndless } from './job-targets.js';
import { didYouMean } from '../plan/faults.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import { planScript } from '../plan/planner.js';
import type { TableDefinition } from '../plan/schema.js';
import type { JobProcessor } from '../processors/job-processor.js';
import type { CreateTable, Option, Script } from '../sql/ast.js';
import { parseScript } from '../sql/parser.js';

export interface WriteTarget {
  /** 'file' or 'kafka'. */
  readonly connector: string;
  /** WITH options of a sink of that kind. */
  readonly options: Readonly<Record<string, string>>;
}

export interface TableWrite {
  readonly source: SourceText;
  readonly variables: (name: string) => string | undefined;
  /** As SET in front of the file. */
  readonly settings: Readonly<Record<string, string>>;
  /** null: the only generator table of the file. */
  readonly table: string | null;
  /** Instead of the declared number; null: as declared, which may be without end. */
  readonly rows: number | null;
  /** Rows per second; null: as declared, or as fast as they are taken. */
  readonly rate: number | null;
  readonly target: WriteTarget;
  readonly notice: (line: string) => void;
}

export interface OpenTableWrite {
  /** Under the name that it has in the file. */
  readonly table: string;
  readonly processor: JobProcessor;
  /** Bytes of the rows written so far, as the sink encoded them; null where it does not count. */
  bytesWritten(): number | null;
}

/**
 * Compiles the write; nothing is opened before the processor's start(). Throws SqlFaults, and
 * ConfigError FLAG_INVALID when there is no such generator table.
 */
export function planTableWrite(write: TableWrite): OpenTableWrite {
  const { source, settings, target } = write;
  const { script, faults } = parseScript(source.text, {
    sourceName: source.name,
    variables: write.variables,
  });
  if (faults.length > 0) throw new SqlFaults(faults);
  const table = chosenTable(script, write);
  const planned = planScript(scriptOf(script, table, write), source, {
    settings,
    defaults: {},
    changelog: false,
    quotedSchemas: new Map(),
    connectors: CONNECTOR_FACTS,
  });
  if (planned.faults.length > 0 || planned.plan === null) throw new SqlFaults(planned.faults);
  let sink: Sink | null = null;
  const endless = isEndless(planned.plan.queries);
  const sinks: SinkEnvironment = {
    stdout: process.stdout,
    format: 'jsonl',
    onStdoutClosed: () => void processor.stop(),
  };
  const open = async (query: QueryPlan): Promise<Sink> => {
    sink = await openSink(
      {
        table: targetTable(table.name.name, target),
        schema: query.sink.schema,
        keyColumns: [],
        changelog: false,
        endless,
        notice: write.notice,
      },
      sinks,
    );
    return sink;
  };
  const processor: JobProcessor = createJob(
    { source, script, plan: planned.plan },
    {
      sinks,
      onError: 'fail',
      deadLetter: null,
      durationMs: null,
      batchRows: null,
      rate: write.rate,
      notice: write.notice,
      sinkFor: open,
    },
  );
  return {
    table: table.name.name,
    processor,
    bytesWritten: () => sink?.bytesWritten?.() ?? null,
  };
}

/** The sink as a table without declared columns: records have the names of the query's. */
export function targetTable(name: string, { connector, options }: WriteTarget): TableDefinition {
  return {
    name,
    connector,
    options,
    physical: [],
    columns: [],
    watermark: null,
    primaryKey: [],
    bounded: true,
  };
}

function chosenTable({ statements }: Script, { source, table }: TableWrite): CreateTable {
  const declared = statements.filter((statement) => statement.kind === 'create-table');
  const generators = declared.filter((statement) => generates(statement) !== null);
  const names = generators.map(({ name }) => name.name);
  const [only] = generators;
  if (table === null && only !== undefined && generators.length === 1) return only;
  const wanted = table?.toLowerCase();
  const found = generators.find(({ name }) => name.name.toLowerCase() === wanted);
  if (found !== undefined) return found;
  const other = declared.find(({ name }) => name.name.toLowerCase() === wanted);
  throw new ConfigError('FLAG_INVALID', {
    message: tableFault(source.name, table, other),
    hint:
      names.length === 0
        ? "declare one with 'connector' = 'generator'"
        : ((table === null ? undefined : didYouMean(table, names)) ??
          `its generator tables are ${names.map((name) => `"${name}"`).join(', ')}`),
  });
}

function tableFault(file: string, table: string | null, other: CreateTable | undefined): string {
  if (table === null)
    return `"${file}" has not exactly one generator table, so --table must name it`;
  if (other === undefined) return `"${file}" declares no table "${table}"`;
  const connector = connectorOf(other) ?? 'none';
  return `table "${table}" of "${file}" has the connector "${connector}", which generates no rows`;
}

/** How the table is told how many rows to make; null: it makes none. */
function generates(statement: CreateTable): { readonly rowsOption: string } | null {
  return findConnector(connectorOf(statement) ?? '')?.source?.generates ?? null;
}

function connectorOf({ options }: CreateTable): string | undefined {
  return options.find(({ key }) => key === 'connector')?.value;
}

/** What the file SETs, the table, and a query of all its columns. */
function scriptOf(script: Script, table: CreateTable, write: TableWrite): Script {
  const { start, end } = table.name.span;
  const query = parseScript(`SELECT * FROM ${write.source.text.slice(start, end)}`, {
    sourceName: write.source.name,
    variables: null,
  });
  const settings = script.statements.filter(({ kind }) => kind === 'set');
  const statements = [...settings, withRows(table, write.rows), ...query.script.statements];
  return { ...script, statements };
}

function withRows(table: CreateTable, rows: number | null): CreateTable {
  if (rows === null) return table;
  const { span } = table;
  const key = generates(table)?.rowsOption ?? 'rows';
  const option: Option = {
    key,
    keySpan: span,
    value: String(rows),
    valueSpan: span,
    span,
  };
  return { ...table, options: [...table.options.filter((each) => each.key !== key), option] };
}
