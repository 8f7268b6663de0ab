/**
 * `velo run`: compiles a file and runs it on this terminal. Owns its flags, the resolved line, the
 * progress line, ^C, the summary and --stats-json; the work is job.ts and the processors.
 */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError, SqlError, SqlFaults } from '../base/errors.js';
import { compileJob, createJob, scansOf } from '../job.js';
import type { CompiledJob } from '../job.js';
import { describeEmission, describeWatermark } from '../plan/describe.js';
import { planFragments } from '../plan/fragments.js';
import type { QueryPlan } from '../plan/pipeline-plan.js';
import type { MetricsServer, QueryMetricsForExport } from '../metrics/prometheus.js';
import type { JobProcessor, JobResult } from '../processors/job-processor.js';
import { jobConfiguration, readOuterLayers } from './configuration.js';
import type { Configuration } from './configuration.js';
import { addEngineFlags, addPlacementFlags, settingFlag } from './engine-flags.js';
import type { SettingFlags } from './engine-flags.js';
import { exitCodeOf } from './exit-code.js';
import { Interrupt } from './interrupt.js';
import {
  addTalkFlags,
  durationFlag,
  pairFlag,
  readSqlText,
  verbosityOf,
  wholeFlag,
} from './options.js';
import type { TalkFlags } from './options.js';
import { LivePartitionTable } from './partition-table.js';
import { bytesText, countText, durationText, rateText, Terminal } from './terminal.js';
import { workerLines, workerTimes } from './worker-times.js';

const PROGRESS_MS = 200;

interface RunFlags extends TalkFlags, SettingFlags {
  readonly execute?: string;
  readonly source?: ReadonlyMap<string, string>;
  readonly changelog?: boolean;
  readonly limit?: number;
  readonly duration?: number;
  readonly statsJson?: string;
  readonly json?: boolean;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .argument('[file]', 'SQL file, or - for stdin')
    .description('run a SQL file as a stream job')
    .option('-e, --execute <sql>', 'SQL text instead of a file')
    .option(
      '--source <table=URI>',
      'read a declared table from a file or kafka://',
      pairFlag('--source'),
    )
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'))
    .option(
      '--format <format>',
      'table, jsonl, csv, markdown (default: table on a terminal, else jsonl)',
      settingFlag('--format', 'format'),
    )
    .option('--changelog', 'show the op (+I -U +U -D) of each row')
    .option('--limit <rows>', 'stop after so many result rows', wholeFlag('--limit', 0))
    .option('--duration <time>', 'stop after 30s, 5m …', durationFlag('--duration'))
    .option(
      '--on-error <policy>',
      'fail (the default), skip or dead-letter records that fail',
      settingFlag('--on-error', 'on_error'),
    )
    .option(
      '--dead-letter <URI>',
      'where failed and late records go: a file or kafka://…',
      settingFlag('--dead-letter', 'dead_letter'),
    )
    .option('--stats-json <file>', 'write the run statistics as JSON')
    .option('--json', 'the same as --format jsonl');
  addTalkFlags(addEngineFlags(addPlacementFlags(command)))
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: RunFlags) => {
      process.exitCode = await runFile(file, flags);
    });
}

const EXAMPLES = `
Examples:
  $ velo run query.sql
  $ velo run query.sql --format csv > rows.csv
  $ velo run query.sql --partitions 8 --workers 2
  $ velo run -e "SELECT symbol, COUNT(*) AS n FROM 'trades.jsonl' GROUP BY symbol EMIT FINAL"
  $ velo run query.sql --source trades=kafka://localhost:9092/trades --limit 10`;

async function runFile(file: string | undefined, flags: RunFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const source = await readSqlText(file, flags.execute);
    const outer = await readOuterLayers(flags, source.text);
    const job = await compileJob({
      source,
      variables: (name) => process.env[name],
      settings: Object.fromEntries(flags.set ?? []),
      defaults: outer.defaults,
      changelog: flags.changelog === true,
      redirects: flags.source ?? new Map(),
      limit: flags.limit ?? null,
    });
    if (job.plan.queries.length === 0) throw nothingToRun(source);
    for (const warning of job.plan.warnings) terminal.warn(warning);
    const configuration = jobConfiguration(outer, job, source);
    for (const notice of configuration.notices) terminal.note(notice);
    return await runJob(job, { flags, configuration, terminal });
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function nothingToRun(source: { readonly name: string; readonly text: string }): SqlFaults {
  const fault = new SqlError('STATEMENT_INVALID', {
    message: 'the file declares tables but has no query',
    span: { start: 0, end: 1 },
    source,
    hint: 'add a SELECT or an INSERT INTO',
  });
  return new SqlFaults([fault]);
}

interface Run {
  readonly flags: RunFlags;
  readonly configuration: Configuration;
  readonly terminal: Terminal;
}

async function runJob(job: CompiledJob, run: Run): Promise<number> {
  const { flags, configuration, terminal } = run;
  const { values, mode, partitioned, batchRows } = configuration;
  terminal.note(terminal.color.dim(resolvedLine(job, configuration)));
  const interrupt = new Interrupt(terminal);
  const processor = createJob(job, {
    sinks: {
      stdout: process.stdout,
      format: outputFormat(flags, configuration),
      onStdoutClosed: () => void processor.stop(),
    },
    onError: values.on_error,
    deadLetter: values.dead_letter,
    durationMs: flags.duration ?? null,
    batchRows,
    mode,
    partitioned,
    notice: (line) => terminal.note(line),
    detail: (line) => terminal.detail(line),
  });
  const server = await startMetrics(processor, values.metrics_port, terminal);
  interrupt.watch(processor);
  const rowsOnTerminal =
    process.stdout.isTTY && job.plan.queries.some((query) => query.sink.table === null);
  const progress = rowsOnTerminal ? null : showProgress(processor, run);
  try {
    const result = await processor.start();
    progress?.stop({ keep: true });
    terminal.note(summaryLine(result, terminal));
    const { queries } = processor.observed();
    for (const line of workerLines(queries)) terminal.detail(line);
    if (flags.statsJson !== undefined) await writeStats(flags.statsJson, result, queries);
    return interrupt.exitCode ?? 0;
  } finally {
    progress?.stop({ keep: false });
    await server?.close();
    interrupt.unwatch();
  }
}

/** Listens before the job starts, so that a port in use ends the command and not the job. */
async function startMetrics(
  processor: JobProcessor,
  port: number | null,
  terminal: Terminal,
): Promise<MetricsServer | null> {
  if (port === null) return null;
  const { MetricsServer } = await import('../metrics/prometheus.js');
  const server = await MetricsServer.start(port, () => processor.observed());
  terminal.note(`metrics at http://127.0.0.1:${server.port}/metrics`);
  return server;
}

interface Progress {
  /** Once or oftener; what is drawn may stay. */
  stop(options: { readonly keep: boolean }): void;
}

/** One line for V1, the partitions for V2; nothing where there is no terminal. */
function showProgress(processor: JobProcessor, { configuration, terminal }: Run): Progress {
  if (configuration.partitioned !== null) {
    return new LivePartitionTable(terminal, () => ({
      headline: progressText(processor),
      queries: processor.observed().queries,
    }));
  }
  const timer = setInterval(() => terminal.progress(progressText(processor)), PROGRESS_MS);
  return {
    stop: () => {
      clearInterval(timer);
      terminal.stopProgress();
    },
  };
}

function outputFormat(
  flags: RunFlags,
  { values }: Configuration,
): 'table' | 'jsonl' | 'csv' | 'markdown' {
  if (flags.format === undefined && flags.json === true) return 'jsonl';
  if (values.format !== 'auto') return values.format;
  return process.stdout.isTTY ? 'table' : 'jsonl';
}

function resolvedLine(job: CompiledJob, configuration: Configuration): string {
  const { partitioned, architecture, mode } = configuration;
  const parts = [
    architecture,
    plural(partitioned?.partitions ?? 1, 'partition'),
    plural(partitioned?.workers ?? 1, 'worker'),
  ];
  if (mode.kind !== 'batch') parts.push(mode.kind);
  for (const query of job.plan.queries) {
    const tables = scansOf(query.root).map(({ table }) => `${table.name} (${table.connector})`);
    parts.push(`source ${[...new Set(tables)].join(', ')}`);
    const watermark = describeWatermark(query.root);
    if (watermark !== null) parts.push(`watermark ${watermark}`);
    const emission = describeEmission(query.root);
    parts.push(emission);
    if (partitioned !== null) parts.push(...partitionedParts(query, partitioned, emission));
  }
  return parts.join(' · ');
}

/** What V2 adds to the line of a query. */
function partitionedParts(
  query: QueryPlan,
  { strategy }: NonNullable<Configuration['partitioned']>,
  emission: string,
): string[] {
  const { name } = planFragments(query, { strategy }).strategy;
  const perPartition = emission === 'EMIT CHANGES (snapshot)';
  return [`partitioning ${name}`, ...(perPartition ? ['snapshots per partition'] : [])];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function progressText(processor: JobProcessor): string {
  const { rowsRead, rowsOut, rowsTotal, seconds, rowsFailed } = processor.metrics();
  const share =
    rowsTotal === null ? '' : ` (${((100 * rowsRead) / Math.max(1, rowsTotal)).toFixed(0)} %)`;
  const failed = rowsFailed === 0 ? '' : ` · ${countText(rowsFailed)} failed`;
  const rate = seconds > 0 ? ` · ${rateText(rowsRead / seconds)} rec/s` : '';
  return `${countText(rowsRead)} in${share} · ${countText(rowsOut)} out${failed}${rate}`;
}

const ENDINGS = {
  'end-of-input': 'end of input',
  limit: 'LIMIT reached',
  duration: 'duration over',
  stopped: 'stopped',
} as const;

function summaryLine(result: JobResult, terminal: Terminal): string {
  const { p50, p99 } = result.latencyUs.percentiles();
  const rate = result.seconds > 0 ? result.rowsRead / result.seconds : Number.NaN;
  const parts = [
    terminal.color.green(ENDINGS[result.end]),
    `${countText(result.rowsRead)} in`,
    `${countText(result.rowsOut)} out`,
    `${countText(result.rowsFailed)} failed`,
    `${countText(result.rowsLate)} late`,
    `${rateText(rate)} rec/s`,
    `service time p50 ${durationText(p50)} p99 ${durationText(p99)}`,
    `peak memory ${bytesText(result.rssPeakBytes)}`,
  ];
  return parts.join(' · ');
}

async function writeStats(
  file: string,
  result: JobResult,
  queries: readonly QueryMetricsForExport[],
): Promise<void> {
  const stats = {
    schema: 1,
    rowsIn: result.rowsRead,
    rowsOut: result.rowsOut,
    rowsFailed: result.rowsFailed,
    rowsLate: result.rowsLate,
    seconds: result.seconds,
    recordsPerSecond: result.seconds > 0 ? result.rowsRead / result.seconds : 0,
    cpuSeconds: result.cpuSeconds,
    rssPeakBytes: result.rssPeakBytes,
    latencyUs: { kind: 'service', ...result.latencyUs.percentiles() },
    end: result.end,
    queries: result.queries,
    partitions: result.queries.flatMap((query) => query.partitions),
    workers: workerTimes(queries),
  };
  try {
    await writeFile(file, `${JSON.stringify(stats, null, 2)}\n`);
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `--stats-json cannot write "${file}": ${(error as Error).message}`,
      cause: error,
    });
  }
}
