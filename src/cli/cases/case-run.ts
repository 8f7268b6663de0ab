/**
 * Runs a case on V1 or V2 and gives back what came of it. Owns the folder of its inputs, the tables
 * that are read from there and the capture of every query's rows: nothing that the SQL writes to is
 * opened. Settings are those of `velo run`; what is expected is case-verify.ts.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { Chalk } from 'chalk';
import { environmentVariable } from '../../base/environment-variable.js';
import { ConfigError, SqlError, SqlFaults, VeloError } from '../../base/errors.js';
import type { SourceText } from '../../base/errors.js';
import { StreamSink } from '../../connectors/stream-sink.js';
import { createRowEncoder } from '../../formats/encoder-choice.js';
import { createJob } from '../../job.js';
import type { CompiledJob } from '../../job.js';
import type { LogicalNode } from '../../plan/logical/logical-plan.js';
import { scansOf } from '../../plan/pipeline/pipeline-plan.js';
import type { QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import type { JobProcessor } from '../../processors/job-processor.js';
import { parseScript } from '../../sql/parser.js';
import { jobConfiguration } from '../configuration/configuration.js';
import type { SettingFlags } from '../configuration/engine-flags.js';
import { readSqlText } from '../options.js';
import { compileSource } from '../script-file.js';
import { errorTexts } from '../terminal/error-text.js';
import { exitCodeOf } from '../terminal/exit-code.js';
import { CaseFaults, linesOf } from './case-file.js';
import type { SqlCase } from './case-file.js';
import type { CaseOutcome, CaseOutput } from './case-verify.js';

/** V1, or V2 at so many partitions and workers. */
export interface CaseEngine {
  readonly arch: 'v1' | 'v2';
  readonly partitions: number | 'auto';
  readonly workers: number | 'auto';
}

export interface CaseRunOptions {
  /** --config. */
  readonly config: string | undefined;
  readonly timeoutMs: number;
  readonly notice: (line: string) => void;
  /** Told of each job before it starts, and when it is over. */
  readonly watch: (processor: JobProcessor) => void;
  readonly unwatch: () => void;
}

/** A case with its SQL, and a folder of its own. */
export interface OpenCase {
  readonly sqlCase: SqlCase;
  readonly script: SourceText;
  /** Holds the inputs (DIR) and, beside them, rows of tables and dead letters. */
  readonly folder: string;
  readonly redirects: ReadonlyMap<string, string>;
}

/** Throws CaseFaults for tables that are not declared, ConfigError for a SQL file that is not there. */
export async function openCase(sqlCase: SqlCase): Promise<OpenCase> {
  const { sql, source } = sqlCase;
  const script =
    'file' in sql
      ? await readSqlText(join(dirname(source.name), sql.file), undefined)
      : { name: source.name, text: sql.text };
  checkTables(sqlCase, script);
  const folder = await mkdtemp(join(tmpdir(), 'velo-case-'));
  const opened = { sqlCase, script, folder, redirects: redirectsOf(sqlCase, folder) };
  try {
    await writeInputs(opened);
    return opened;
  } catch (error) {
    await closeCase(opened);
    throw error;
  }
}

export async function closeCase({ folder }: OpenCase): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

function checkTables({ tables, source }: SqlCase, script: SourceText): void {
  if (tables.length === 0) return;
  const { statements } = parseScript(script.text, {
    sourceName: script.name,
    variables: null,
  }).script;
  const declared = statements.flatMap((statement) =>
    statement.kind === 'create-table' ? [statement.name.name] : [],
  );
  const known = new Set(declared.map((name) => name.toLowerCase()));
  const faults = tables.flatMap(({ name, span }) => {
    if (known.has(name.toLowerCase())) return [];
    const message = `the SQL declares no table "${name}"`;
    const hint = declared.length === 0 ? 'it declares none' : `it declares ${declared.join(', ')}`;
    return [new ConfigError('CASE_INVALID', { message, span, source, hint })];
  });
  if (faults.length > 0) throw new CaseFaults(faults);
}

/** What the folder of a case holds. */
const INPUTS = 'inputs';
const TABLES = 'tables';

function redirectsOf({ tables }: SqlCase, folder: string): Map<string, string> {
  return new Map(
    tables.map(({ name, format }, at) => [
      name,
      join(folder, TABLES, `${at}.${format === 'csv' ? 'csv' : 'jsonl'}`),
    ]),
  );
}

async function writeInputs({ sqlCase, folder, redirects }: OpenCase): Promise<void> {
  const { inputs, tables } = sqlCase;
  const files = [
    ...inputs.map(({ name, body }) => [join(folder, INPUTS, name), body] as const),
    ...tables.map(({ name, body }) => [redirects.get(name) ?? '', body] as const),
  ];
  for (const name of [INPUTS, TABLES]) await mkdir(join(folder, name));
  for (const [path, body] of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, body);
  }
}

/** Never throws: what goes wrong is the outcome. */
export async function runCase(
  opened: OpenCase,
  engine: CaseEngine,
  options: CaseRunOptions,
): Promise<CaseOutcome & { readonly error: unknown }> {
  try {
    const outputs = await rowsOf(opened, engine, options);
    return { exit: 0, errorText: '', outputs, error: null };
  } catch (error) {
    const errorText = errorTexts(error, new Chalk({ level: 0 })).join('\n');
    return { exit: exitCodeOf(error), errorText, outputs: [], error };
  }
}

async function rowsOf(
  { sqlCase, script, folder, redirects }: OpenCase,
  engine: CaseEngine,
  options: CaseRunOptions,
): Promise<CaseOutput[]> {
  const { changelog } = sqlCase.flags;
  const { source, outer, job } = await compileSource(script, {
    flags: flagsOf(sqlCase, engine, options),
    resolve: true,
    compile: {
      changelog,
      redirects,
      variables: (name) => (name === 'DIR' ? join(folder, INPUTS) : environmentVariable(name)),
    },
  });
  const { values, mode, partitioned, batchRows } = jobConfiguration(outer, job, source);
  const captures = new Map<QueryPlan, Capture>();
  const processor = createJob(job, {
    sinks: { stdout: new Capture(), format: 'jsonl', onStdoutClosed: () => undefined },
    sinkFor: (query) => {
      const capture = new Capture();
      captures.set(query, capture);
      const encoder = createRowEncoder('jsonl', query.sink.schema, { changelog: query.changelog });
      return new StreamSink(encoder, { stream: capture, onClosed: () => undefined });
    },
    onError: values.on_error,
    deadLetter: join(folder, 'dead-letters.jsonl'),
    durationMs: options.timeoutMs,
    maxMemoryBytes: values.max_memory,
    batchRows,
    mode,
    partitioned,
    nowMs: sqlCase.nowMs,
    notice: options.notice,
  });
  options.watch(processor);
  try {
    const { end } = await processor.start();
    if (end === 'duration') throw tooLong(job, options.timeoutMs);
  } finally {
    options.unwatch();
  }
  return job.plan.queries.map((query, at) => ({
    table: query.sink.table?.name ?? null,
    ordered: isOrdered(job.plan.logical[at]?.root),
    lines: captures.get(query)?.lines() ?? [],
  }));
}

function flagsOf(
  { flags }: SqlCase,
  { arch, partitions, workers }: CaseEngine,
  { config }: CaseRunOptions,
): SettingFlags {
  return {
    arch,
    set: flags.settings,
    ...(arch === 'v1' ? {} : { partitions, workers }),
    ...(config === undefined ? {} : { config }),
    ...(flags.onError === null ? {} : { onError: flags.onError }),
  };
}

function tooLong({ plan }: CompiledJob, timeoutMs: number): ConfigError {
  const endless = plan.queries.flatMap(({ root }) =>
    scansOf(root).flatMap(({ table }) => (table.bounded ? [] : [table.name])),
  );
  const [name] = endless;
  return new ConfigError('CASE_INVALID', {
    message: `the job had not ended after ${timeoutMs / 1000} s`,
    hint:
      name === undefined
        ? 'give it longer with --timeout'
        : `table "${name}" has no end: give it rows with "=== table ${name}"`,
  });
}

/** Rows come in an order that the query names. */
function isOrdered(node: LogicalNode | undefined): boolean {
  if (node?.kind === 'project' || node?.kind === 'limit') return isOrdered(node.input);
  return node?.kind === 'sort';
}

/** Keeps what is written to it. */
class Capture extends Writable {
  private readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }

  lines(): string[] {
    return linesOf(Buffer.concat(this.chunks).toString('utf8'));
  }
}

/** The error with its places in the case file, where the SQL stands there. */
export function errorInCase(error: unknown, { sqlCase, script }: OpenCase): unknown {
  const { sql, source } = sqlCase;
  if ('file' in sql) return error;
  const placed = <E extends VeloError>(fault: E): VeloError => {
    const { key, message, span, detail, hint, cause } = fault;
    if (span === undefined || fault.source?.text !== script.text) return fault;
    const moved = { start: span.start + sql.start, end: span.end + sql.start };
    const fields = { message, span: moved, source, detail, hint, cause };
    return fault instanceof SqlError ? new SqlError(key, fields) : new VeloError(key, fields);
  };
  if (error instanceof SqlFaults) {
    return new SqlFaults(error.faults.map((fault) => placed(fault) as SqlError));
  }
  return error instanceof VeloError ? placed(error) : error;
}
