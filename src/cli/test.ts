/**
 * `velo test`: the user's own cases, each on V1 and V2, compared with what it expects. Owns its
 * flags, which engines a case runs on, and the exit code: 0 all as expected, 1 a case failed, 2 a
 * case file makes no sense. What a case is stands in cases/.
 */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Chalk } from 'chalk';
import { systemClock } from '../base/clock.js';
import { ConfigError, VeloError } from '../base/errors.js';
import { CaseFaults } from './cases/case-file.js';
import type { SqlCase } from './cases/case-file.js';
import { findCases, readCase } from './cases/case-folder.js';
import { casesJson, caseText, countsOf, countsText, junitXml } from './cases/case-report.js';
import type { CaseReport, RunReport } from './cases/case-report.js';
import { closeCase, errorInCase, openCase, runCase } from './cases/case-run.js';
import type { CaseEngine, CaseRunOptions, OpenCase } from './cases/case-run.js';
import { updatedText } from './cases/case-update.js';
import { expectsSomething, verifyCase } from './cases/case-verify.js';
import type { CaseOutcome } from './cases/case-verify.js';
import { countsFlag } from './flags/bench-flags.js';
import type { Count } from './flags/bench-flags.js';
import { addTalkFlags, choiceFlag, durationFlag, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { errorTexts } from './terminal/error-text.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Interrupt } from './terminal/interrupt.js';
import { Terminal } from './terminal/terminal.js';
import { testAgain } from './watch/watched-cases.js';
import type { WatchedRun } from './watch/watch-loop.js';

interface TestFlags extends TalkFlags {
  readonly arch: 'v1' | 'v2' | 'both';
  readonly partitions?: readonly Count[];
  readonly workers?: readonly Count[];
  readonly filter?: string;
  readonly update?: boolean;
  readonly timeout?: number;
  readonly json?: boolean;
  readonly junit?: string;
  readonly config?: string;
  readonly watch?: boolean;
}

/** Of V2, where neither the case nor a flag says any. */
const PARTITIONS: readonly Count[] = [2];
const WORKERS: readonly Count[] = [2];
const TIMEOUT_MS = 60_000;

const EXAMPLES = `
Examples:
  $ velo test cases
  $ velo test cases/orders-late.case --update
  $ velo test cases --filter orders --partitions 1,2,8 --workers 1,2
  $ velo test cases --watch
  $ velo test cases --junit cases.xml`;

export function addTestCommand(program: Command): void {
  const command = program
    .command('test')
    .argument('<paths...>', 'folders of .case files, or case files')
    .description('run your own cases on V1 and V2, compare the rows with those you expect')
    .option(
      '--arch <arch>',
      'v1, v2, or both',
      choiceFlag('--arch', ['v1', 'v2', 'both'] as const),
      'both',
    )
    .option(
      '--partitions <list>',
      'v2: partitions, like 1,2,8 (default: those of the case, else 2)',
      countsFlag('partitions'),
    )
    .option('--workers <list>', 'v2: worker threads, like 1,2 (default: 2)', countsFlag('workers'))
    .option('--filter <text>', 'only cases with this in their path or their about')
    .option('--update', 'write the rows that come out into the cases')
    .option(
      '--timeout <time>',
      'how long one run may take (default: 60s)',
      durationFlag('--timeout'),
    )
    .option('--watch', 'run them again whenever a case, its SQL file or velo.yaml changes')
    .option('--json', 'one JSON document on stdout')
    .option('--junit <file>', 'write the results as JUnit XML')
    .option('--config <file>', 'settings file (default: velo.yaml of the working directory)');
  addTalkFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (paths: string[], flags: TestFlags) => {
      process.exitCode =
        flags.watch === true
          ? await testAgain(paths, flags, (watched) => testPaths(paths, flags, watched))
          : await testPaths(paths, flags);
    });
}

async function testPaths(
  paths: readonly string[],
  flags: TestFlags,
  watched?: WatchedRun,
): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  const interrupt = new Interrupt(terminal);
  const options: CaseRunOptions = {
    config: flags.config,
    timeoutMs: flags.timeout ?? TIMEOUT_MS,
    notice: (line) => terminal.detail(line),
    watch: (processor) => {
      interrupt.watch(processor);
      watched?.started(processor);
    },
    unwatch: () => interrupt.unwatch(),
  };
  const reports: CaseReport[] = [];
  try {
    const files = await findCases(paths);
    for (const [at, file] of files.entries()) {
      terminal.progress(`${at + 1}/${files.length} ${file}`);
      const isStale = (): boolean => watched?.isStale() === true;
      const report = await testFile(file, { flags, options, terminal, isStale });
      terminal.stopProgress();
      if (interrupt.exitCode !== null) return interrupt.exitCode;
      if (isStale()) return 0;
      if (report === null) continue;
      reports.push(report);
      show(report, flags, terminal);
    }
    if (reports.length === 0) throw nothingMatches(flags.filter);
    await finish(reports, flags, terminal);
    const { failed, faulty } = countsOf(reports);
    return faulty > 0 ? 2 : failed > 0 ? 1 : 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

interface Testing {
  readonly flags: TestFlags;
  readonly options: CaseRunOptions;
  readonly terminal: Terminal;
  /** --watch: what comes of it is not shown any more. */
  readonly isStale: () => boolean;
}

/** null: --filter leaves it out. */
async function testFile(file: string, testing: Testing): Promise<CaseReport | null> {
  const { flags, terminal } = testing;
  const isMeant = (text: string): boolean =>
    text.toLowerCase().includes((flags.filter ?? '').toLowerCase());
  try {
    const sqlCase = await readCase(file);
    if (!isMeant(file) && !isMeant(sqlCase.about)) return null;
    if (!expectsSomething(sqlCase) && flags.update !== true) throw expectsNothing(sqlCase);
    return await testCase(sqlCase, testing);
  } catch (error) {
    const faults = error instanceof CaseFaults ? error.faults : [error];
    if (!faults.every((fault) => fault instanceof VeloError)) throw error;
    if (!isMeant(file)) return null;
    for (const fault of faults) terminal.error(fault);
    const errors = faults.flatMap((fault) => errorTexts(fault, new Chalk({ level: 0 })));
    return { file, about: '', status: 'faulty', written: false, runs: [], errors };
  }
}

function expectsNothing({ source }: SqlCase): CaseFaults {
  return new CaseFaults([
    new ConfigError('CASE_INVALID', {
      message: 'the case expects nothing',
      span: { start: 0, end: 1 },
      source,
      hint: 'add "=== rows" or "=== error", or let --update write what comes out',
    }),
  ]);
}

async function testCase(sqlCase: SqlCase, testing: Testing): Promise<CaseReport> {
  const { flags, options, isStale } = testing;
  const opened = await openCase(sqlCase);
  const engines = enginesOf(sqlCase, flags);
  const runs: RunReport[] = [];
  let expected = sqlCase;
  try {
    for (const engine of engines) {
      if (isStale()) break;
      const beganNs = systemClock.monotonicNs();
      const outcome = await runCase(opened, engine, options);
      const seconds = (systemClock.monotonicNs() - beganNs) / 1e9;
      if (flags.update === true && runs.length === 0) {
        expected = await update(sqlCase, outcome);
      }
      runs.push({ engine, seconds, faults: faultsOf(expected, outcome, opened) });
    }
  } finally {
    await closeCase(opened);
  }
  const isFailed = runs.some(({ faults }) => faults.length > 0);
  return {
    file: sqlCase.source.name,
    about: sqlCase.about,
    status: runs.length === 0 ? 'skipped' : isFailed ? 'failed' : 'passed',
    written: expected !== sqlCase,
    runs,
    errors: [],
  };
}

function enginesOf({ partitions }: SqlCase, flags: TestFlags): CaseEngine[] {
  const engines: CaseEngine[] = [];
  if (flags.arch !== 'v2') engines.push({ arch: 'v1', partitions: 1, workers: 1 });
  if (flags.arch === 'v1' || partitions?.length === 0) return engines;
  for (const count of flags.partitions ?? partitions ?? PARTITIONS) {
    for (const workers of flags.workers ?? WORKERS)
      engines.push({ arch: 'v2', partitions: count, workers });
  }
  return engines;
}

/** Writes the file if there is something to write; the case as it then is. */
async function update(sqlCase: SqlCase, outcome: CaseOutcome): Promise<SqlCase> {
  const text = updatedText(sqlCase, outcome);
  if (text === null) return sqlCase;
  await writeFile(sqlCase.source.name, text);
  return readCase(sqlCase.source.name);
}

function faultsOf(
  expected: SqlCase,
  outcome: CaseOutcome & { readonly error: unknown },
  opened: OpenCase,
): RunReport['faults'] {
  const placed = (): string =>
    errorTexts(errorInCase(outcome.error, opened), new Chalk({ level: 0 })).join('\n');
  return verifyCase(expected, outcome).map((fault) =>
    fault.kind === 'note' && fault.text === outcome.errorText
      ? { kind: 'note', text: placed() }
      : fault,
  );
}

function show(report: CaseReport, flags: TestFlags, terminal: Terminal): void {
  const { status, written } = report;
  if (flags.json === true || status === 'faulty') return;
  if (flags.quiet === true && status !== 'failed' && !written) return;
  process.stdout.write(caseText(report, terminal.outColor));
}

async function finish(
  reports: readonly CaseReport[],
  flags: TestFlags,
  terminal: Terminal,
): Promise<void> {
  if (flags.json === true) process.stdout.write(casesJson(reports));
  if (flags.junit !== undefined) await writeJunit(flags.junit, junitXml(reports));
  terminal.note(countsText(countsOf(reports)));
}

async function writeJunit(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `--junit cannot write "${file}": ${(error as Error).message}`,
      cause: error,
    });
  }
}

function nothingMatches(filter = ''): ConfigError {
  return new ConfigError('FLAG_INVALID', {
    message: `no case has "${filter}" in its path or its about`,
    hint: 'leave --filter away to run them all',
  });
}
