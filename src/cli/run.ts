/**
 * `velo run`: compiles a file and runs it on this terminal. Owns its flags, the resolved line, the
 * progress line, ^C, the summary and --stats-json; the work is job.ts and the processors.
 */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.js';
import { ConfigError } from '../base/errors.js';
import type { TableForm } from '../connectors/connector.js';
import { openCheckpoints } from '../job/checkpointing.js';
import type { OpenCheckpoints } from '../job/checkpointing.js';
import { ControlServer } from '../job/control/control-server.js';
import { answerRequest } from '../job/control/job-control.js';
import type { RestoreChoice } from '../job/job-options.js';
import type { RestartingJob } from '../job/restarting-job.js';
import { isEndless } from '../job/job-targets.js';
import { clearPages, stateMemoryOf } from '../job/state-memory.js';
import type { StateMemoryChoice } from '../job/state-memory.js';
import { createJob, createRestartingJob } from '../job.js';
import type { CompiledJob, RunOptions } from '../job.js';
import { resultUpdates } from '../plan/pipeline/result-updates.js';
import { lateStrategiesOf } from '../plan/pipeline/pipeline-plan.js';
import type { MetricsServer } from '../metrics/prometheus.js';
import type { JobProcessor } from '../processors/job-processor.js';
import { jobConfiguration } from './configuration/configuration.js';
import type { Configuration } from './configuration/configuration.js';
import type { SettingValues } from './configuration/configuration-schema.js';
import { addEngineFlags, addPlacementFlags, settingFlag } from './configuration/engine-flags.js';
import type { SettingFlags } from './configuration/engine-flags.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { HeldOutput } from './terminal/held-output.js';
import { Interrupt } from './terminal/interrupt.js';
import { addTalkFlags, durationFlag, pairFlag, verbosityOf, wholeFlag } from './options.js';
import type { TalkFlags } from './options.js';
import { compileScript } from './script-file.js';
import { runAgain } from './watch/watched-script.js';
import type { WatchedScript } from './watch/watched-script.js';
import { LiveTables } from './terminal/live-tables.js';
import { progressText } from './terminal/progress-text.js';
import { LivePartitionTable } from './terminal/partition-table.js';
import { rebalancedText, rescaledText } from './terminal/rescaled-text.js';
import { Terminal, stdoutWidth } from './terminal/terminal.js';
import {
  checkpointParts,
  lateWarnings,
  resolvedLine,
  summaryLine,
  writeStats,
} from './terminal/run-report.js';
import { workerLines } from './terminal/worker-times.js';

const PROGRESS_MS = 200;
/** How often it is asked why nothing comes out. */
const HELD_LOOK_MS = 1000;

interface RunFlags extends TalkFlags, SettingFlags {
  readonly execute?: string;
  readonly source?: ReadonlyMap<string, string>;
  readonly to?: string;
  readonly changelog?: boolean;
  readonly maxRows?: number | 'all';
  readonly live?: boolean;
  readonly limit?: number;
  readonly duration?: number;
  readonly restore?: RestoreChoice;
  readonly allowStateLoss?: readonly string[];
  readonly restoreFrom?: string;
  readonly statsJson?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .argument('[file]', 'SQL file, SQL text, or - for stdin')
    .description('run a SQL file as a stream job')
    .option('-e, --execute <sql>', 'SQL text instead of a file')
    .option(
      '--source <table=URI>',
      'read a declared table from a file or kafka://',
      pairFlag('--source'),
    )
    .option('--to <URI>', 'write the rows of SELECTs to a file or kafka:// instead of stdout')
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'))
    .option(
      '--format <format>',
      'table, jsonl, csv, markdown (default: table on a terminal, else jsonl)',
      settingFlag('--format', 'format'),
    )
    .option(
      '--max-rows <n>',
      'tables: show the first and the last of more rows, or all (default: 40 on a terminal)',
      maxRowsFlag,
    )
    .option('--live', 'a table that is drawn over itself, of results that update (on a terminal)')
    .option('--no-live', 'every change of such a result as a row of its own')
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
    .option(
      '--checkpoint-dir <dir>',
      'keep the state of the job there, and go on from what is there',
      settingFlag('--checkpoint-dir', 'checkpoint.dir'),
    )
    .option(
      '--checkpoint-interval <time>',
      'how often, like 30s (default: 10s)',
      settingFlag('--checkpoint-interval', 'checkpoint.interval'),
    )
    .option(
      '--restore <which>',
      'go on from the latest checkpoint (the default), that of an epoch, or none',
      restoreFlag,
    )
    .option(
      '--allow-state-loss <operator>',
      'begin this operator empty where its state does not fit, like query-1/aggregate-1 (repeatable)',
      listFlag,
    )
    .option(
      '--restore-from <dir>',
      'begin with the newest checkpoint of another folder: a savepoint, or a copy',
    )
    .option('--stats-json <file>', 'write the run statistics as JSON')
    .option('--watch', 'run again whenever the SQL, velo.yaml or a data file changes')
    .option('--json', 'the same as --format jsonl');
  addTalkFlags(addEngineFlags(addPlacementFlags(command)))
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: RunFlags) => {
      process.exitCode =
        flags.watch === true
          ? await runAgain(file, flags, (watched) => runFile(file, flags, watched))
          : await runFile(file, flags);
    });
}

const EXAMPLES = `
Examples:
  $ velo run query.sql
  $ velo run query.sql --format csv > rows.csv
  $ velo run query.sql --to rows.csv.gz
  $ velo run query.sql --watch
  $ velo run query.sql --partitions 8 --workers 2
  $ velo run "SELECT symbol, COUNT(*) AS n FROM 'trades.jsonl' GROUP BY symbol EMIT FINAL"
  $ velo run query.sql --source trades=kafka://localhost:9092/trades --limit 10
  $ velo run query.sql --checkpoint-dir state --checkpoint-interval 30s`;

async function runFile(
  file: string | undefined,
  flags: RunFlags,
  watched?: WatchedScript,
): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const { source, outer, job } = await compileScript({
      file,
      execute: flags.execute,
      flags,
      resolve: true,
      compile: {
        changelog: flags.changelog === true,
        redirects: flags.source ?? new Map(),
        to: flags.to ?? null,
        limit: flags.limit ?? null,
        remark: (remark) => terminal.remark(remark),
      },
    });
    watched?.compiled(job);
    for (const warning of job.plan.warnings) terminal.warn(warning);
    const configuration = jobConfiguration(outer, job, source);
    for (const notice of configuration.notices) terminal.note(notice);
    for (const line of unusedDeadLetters(job, configuration.values)) terminal.warn(line);
    return await runJob(job, { flags, configuration, terminal, watched });
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

interface Run {
  readonly flags: RunFlags;
  readonly configuration: Configuration;
  readonly terminal: Terminal;
  readonly watched: WatchedScript | undefined;
}

async function runJob(job: CompiledJob, run: Run): Promise<number> {
  const checkpoints = await checkpointsOf(job, run);
  // What a dead process has left: the folder is this job's now.
  if (checkpoints !== null) clearPages(stateMemoryFor(run.configuration.values));
  try {
    return await runWith(checkpoints, job, run);
  } finally {
    clearPages(stateMemoryFor(run.configuration.values));
    await checkpoints?.close();
  }
}

function stateMemoryFor(values: SettingValues): StateMemoryChoice {
  return stateMemoryOf(
    values['state.memory'],
    values['state.memory_dir'],
    values['checkpoint.dir'],
  );
}

/** The folder of the job's state; null: it keeps none. */
async function checkpointsOf(
  { plan, source }: CompiledJob,
  { flags, configuration, terminal }: Run,
): Promise<OpenCheckpoints | null> {
  const { values, partitioned } = configuration;
  const dir = values['checkpoint.dir'];
  const { restore = 'latest', restoreFrom = null, allowStateLoss = [] } = flags;
  if (dir === null) {
    const [flag] = [
      ...(flags.restore === undefined ? [] : ['--restore']),
      ...(restoreFrom === null ? [] : ['--restore-from']),
      ...(allowStateLoss.length === 0 ? [] : ['--allow-state-loss']),
    ];
    if (flag === undefined) return null;
    const hint = 'add --checkpoint-dir DIR';
    throw new ConfigError('FLAG_INVALID', { message: `${flag} has nothing to go on from`, hint });
  }
  if (restoreFrom !== null && restore !== 'latest') {
    throw new ConfigError('FLAG_INVALID', {
      message: `--restore ${restore} contradicts --restore-from`,
      hint: 'leave one of them away',
    });
  }
  const { 'checkpoint.interval': intervalMs, 'checkpoint.keep': keep } = values;
  return openCheckpoints(
    {
      name: basename(source.name),
      queries: plan.queries,
      arch: partitioned === null ? 'v1' : 'v2',
      partitions: partitioned?.partitions ?? 1,
      clock: systemClock,
      notice: (line) => terminal.note(line),
      warn: (line) => terminal.warn(line),
    },
    { dir, intervalMs, restore, restoreFrom, keep, allowStateLoss },
  );
}

async function runWith(
  checkpoints: OpenCheckpoints | null,
  job: CompiledJob,
  run: Run,
): Promise<number> {
  const { flags, configuration, terminal } = run;
  const { values, mode, partitioned, batchRows } = configuration;
  const parts = [resolvedLine(job, configuration)];
  if (checkpoints !== null) {
    parts.push(...checkpointParts(checkpoints, job, values['checkpoint.interval']));
  }
  terminal.note(parts.join(' · '), terminal.color.dim);
  if (checkpoints?.isOver === true) {
    terminal.note('all queries had ended: nothing goes on (--restore none begins anew)');
    return 0;
  }
  const format = outputFormat(flags, configuration);
  if (flags.maxRows !== undefined && format !== 'table') {
    terminal.warn(`--max-rows says nothing to ${format}: it is for --format table`);
  }
  const interrupt = new Interrupt(terminal);
  let stalled = false;
  const live = liveTables(job, run, format);
  const options: RunOptions = {
    sinks: {
      ...(live === null ? {} : { live }),
      stdout: process.stdout,
      format,
      table: tableForm(job, flags),
      // Progress stands where the next row goes.
      beforeStdout: () => {
        if (process.stdout.isTTY) terminal.makeRoom();
      },
      onStdoutClosed: () => void processor.stop(),
      onStdoutStalled: () => {
        stalled = true;
        terminal.note('the reader of stdout takes nothing: the rows it has not taken are given up');
      },
    },
    onError: values.on_error,
    deadLetter: values.dead_letter,
    durationMs: flags.duration ?? null,
    checkpoints,
    maxMemoryBytes: values.max_memory,
    stateMemory: stateMemoryFor(values),
    stateLimits: { rows: values['state.max_rows'], bytes: values['state.max_bytes'] },
    batchRows,
    mode,
    partitioned,
    notice: (line) => terminal.note(line),
    detail: (line) => terminal.detail(line),
  };
  if (values.rebalance === 'auto' && (checkpoints === null || partitioned === null)) {
    const without = partitioned === null ? 'on v1' : 'without --checkpoint-dir';
    terminal.warn(`rebalance = auto says nothing ${without}`);
  }
  const policy = { attempts: values['restart.attempts'], delayMs: values['restart.delay'] };
  const restarting =
    checkpoints === null
      ? null
      : createRestartingJob(job, options, {
          checkpoints,
          policy,
          rescaled: (cut) => terminal.note(rescaledText(cut)),
          rebalanced: (cut) => terminal.note(rebalancedText(cut)),
        });
  const processor = restarting ?? createJob(job, options);
  const server = await startMetrics(processor, values.metrics_port, terminal);
  const control =
    checkpoints === null || restarting === null
      ? null
      : await openControl(checkpoints, restarting, job, run);
  interrupt.watch(processor);
  const rowsOnTerminal =
    process.stdout.isTTY && job.plan.queries.some((query) => query.sink.table === null);
  const held = new HeldOutput(job.plan.queries, (line) => terminal.note(line));
  const look = (): void => held.observe(systemClock.monotonicNs() / 1e6, processor.metrics());
  const heldTimer = setInterval(look, HELD_LOOK_MS);
  const progress = showProgress(processor, run, { rowsOnTerminal, live });
  try {
    if (run.watched?.isStale() === true) return 0;
    run.watched?.started(processor);
    const result = await processor.start();
    progress.stop({ keep: true });
    terminal.summary(summaryLine(result, checkpoints?.publishedEpoch ?? null));
    for (const line of lateWarnings(job, result)) terminal.warn(line);
    const { queries } = processor.observed();
    for (const line of workerLines(queries)) terminal.detail(line);
    if (flags.statsJson !== undefined) await writeStats(flags.statsJson, result, queries);
    // What waits for that reader would keep the process alive for as long as it stalls.
    if (stalled) process.exit(interrupt.exitCode ?? 0);
    return interrupt.exitCode ?? 0;
  } finally {
    progress.stop({ keep: false });
    clearInterval(heldTimer);
    await server?.close();
    await control?.close();
    interrupt.unwatch();
  }
}

/** `velo job` asks it there. */
function openControl(
  checkpoints: OpenCheckpoints,
  processor: RestartingJob,
  { source }: CompiledJob,
  { configuration: { architecture }, terminal }: Run,
): Promise<ControlServer | null> {
  const controlled = {
    processor,
    checkpoints,
    name: basename(source.name),
    arch: architecture,
    startedMs: systemClock.nowMs(),
  };
  return ControlServer.listen(
    checkpoints.dir,
    (request) => answerRequest(controlled, request),
    (line) => terminal.note(line),
  );
}

/** A place for dead letters that nothing will be sent to. */
function unusedDeadLetters(
  { plan }: CompiledJob,
  values: Configuration['values'],
): readonly string[] {
  const { dead_letter: place, on_error: onError } = values;
  const sends = plan.queries.some(({ root }) =>
    lateStrategiesOf(root).some((strategy) => strategy !== 'drop'),
  );
  if (place === null || onError === 'dead-letter' || sends) return [];
  return [
    `--dead-letter ${place} stays empty: add --on-error dead-letter, or late.strategy = dead-letter`,
  ];
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

/**
 * One line for V1 and below rows, the partitions for V2 where no rows are; nothing where there is no
 * terminal.
 */
function showProgress(
  processor: JobProcessor,
  { configuration, terminal }: Run,
  { rowsOnTerminal, live }: { readonly rowsOnTerminal: boolean; readonly live: LiveTables | null },
): Progress {
  if (live !== null) {
    live.start(() => progressText(processor.metrics()));
    return live;
  }
  if (configuration.partitioned !== null && !rowsOnTerminal) {
    return new LivePartitionTable(terminal, () => ({
      headline: progressText(processor.metrics()),
      queries: processor.observed().queries,
    }));
  }
  const timer = setInterval(
    () => terminal.progress(progressText(processor.metrics())),
    PROGRESS_MS,
  );
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

/** Rows of a table on a terminal that are drawn, where nobody says how many. */
const ROWS_ON_TERMINAL = 40;

/** On a terminal some rows, unless their end would be waited for in vain; in a pipe all. */
function tableForm({ plan }: CompiledJob, { maxRows }: RunFlags): TableForm {
  const { stdout } = process;
  const usual = stdout.isTTY ? ROWS_ON_TERMINAL : 'all';
  const whole = maxRows ?? usual;
  const chosen = isEndless(plan.queries) ? (maxRows ?? 'all') : whole;
  return {
    width: stdoutWidth,
    rowsMax: chosen === 'all' ? null : chosen,
    wholeRowsMax: whole === 'all' ? null : whole,
  };
}

/** Where both streams are a terminal, and some result that is shown there updates. */
function liveTables(
  { plan }: CompiledJob,
  { flags, terminal }: Run,
  format: string,
): LiveTables | null {
  const { live, changelog } = flags;
  if (live === true && changelog === true) {
    throw new ConfigError('FLAG_INVALID', {
      message: '--live shows what stands, --changelog every change',
      hint: 'leave one of them away',
    });
  }
  const updates = plan.queries.some(
    (query) => query.sink.table === null && resultUpdates(query) !== null,
  );
  if (live === true && !updates) {
    terminal.warn('--live says nothing here: no result on stdout updates rows that it names');
  }
  const isShown = process.stdout.isTTY && terminal.live && format === 'table';
  if (!isShown || !updates || live === false || changelog === true) return null;
  return new LiveTables(terminal);
}

function listFlag(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), text];
}

function restoreFlag(text: string): RestoreChoice {
  return text === 'latest' || text === 'none' ? text : wholeFlag('--restore', 0)(text);
}

function maxRowsFlag(text: string): number | 'all' {
  return text === 'all' ? text : wholeFlag('--max-rows', 1)(text);
}
