/**
 * `velo bench compare A B`: two result files, or two installed builds or SQL files, run in turn. Owns
 * flags, output and exit codes; schedule and statistics are bench/.
 */
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { assert } from '../base/assert.js';
import { ConfigError } from '../base/errors.js';
import {
  compareBuilds,
  compareQueries,
  installedBuild,
  REPEATS,
  ROUNDS,
} from '../bench/compare/build-comparison.js';
import { COMPARISON_FORMATS, comparisonText } from '../bench/compare/comparison-formats.js';
import type { ComparisonFormat } from '../bench/compare/comparison-formats.js';
import {
  comparisonTable,
  comparisonVerdict,
  verdictLines,
} from '../bench/compare/comparison-report.js';
import type { BuildComparisonOptions } from '../bench/compare/build-comparison.js';
import { benchEnvironment } from '../bench/environment.js';
import { environmentLine } from '../bench/report.js';
import {
  compareDocuments,
  readDocument,
  requireSameMachine,
  requireVerdict,
  writeDocument,
} from '../bench/compare/result-file.js';
import type { DocumentComparison, ResultDocument } from '../bench/compare/result-file.js';
import { benchScenarios } from './bench-scenarios.js';
import { addLaneFlags } from './flags/bench-flags.js';
import type { LaneFlags } from './flags/bench-flags.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Interrupt, stoppable } from './terminal/interrupt.js';
import { choiceFlag, verbosityOf, wholeFlag } from './options.js';
import { Terminal } from './terminal/terminal.js';

interface CompareFlags extends LaneFlags {
  readonly rounds: number;
  readonly repeat: number;
  readonly format: ComparisonFormat;
  readonly json?: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  $ velo bench compare monday.json today.json
  $ velo bench compare monday.json today.json --format junit > bench.xml
  $ velo bench compare ../before ../after --scenario 2,3a
  $ velo bench compare old.sql new.sql --rounds 12
  $ velo bench compare ../before . --arch both --partitions 8 --rounds 12 --json compared.json`;

export function addBenchCompareCommand(bench: Command): void {
  const command = bench
    .command('compare')
    .description(
      'faster, slower or no change: two result files, or two builds or SQL files run in turn',
    )
    .argument('<before>', 'result file, SQL file, or folder of a build')
    .argument('<after>', 'result file, SQL file, or folder of a build');
  addLaneFlags(command)
    .option(
      '--rounds <n>',
      'builds, SQL: pairs of trials per lane',
      wholeFlag('--rounds', 1),
      ROUNDS,
    )
    .option(
      '--repeat <n>',
      'builds, SQL: measured runs in each trial, of which the fastest counts',
      wholeFlag('--repeat', 1),
      REPEATS,
    )
    .option(
      '--format <format>',
      'table, markdown, junit, or github (for github-action-benchmark)',
      choiceFlag('--format', COMPARISON_FORMATS),
      'table',
    )
    .option('--json <file>', 'write the comparison as JSON')
    .option('--force', 'compare files even of different machines')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .action(async (before: string, after: string, flags: CompareFlags) => {
      process.exitCode = await compare(before, after, flags);
    });
}

async function compare(before: string, after: string, flags: CompareFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const [kind, other] = [kindOf(before), kindOf(after)];
    if (kind !== other) {
      throw new ConfigError('FLAG_INVALID', {
        message: `a ${kind} and a ${other} cannot be compared`,
        hint: 'give two result files, two SQL files or two folders',
      });
    }
    const stopping = new AbortController();
    const interrupt = new Interrupt(terminal);
    const files = kind === 'result file' ? readPair(before, after, flags) : null;
    const comparison =
      files === null
        ? await compareMeasured([before, after], flags, { terminal, stopping, interrupt })
        : compareDocuments(files.then, files.now, flags);
    const { lanes, notes } = comparison;
    terminal.stopProgress();
    if (interrupt.exitCode !== null && lanes.length === 0) return interrupt.exitCode;
    process.stdout.write(`${textOf(comparison, flags, terminal)}\n`);
    for (const note of notes) terminal.warn(`not compared: ${note}`);
    for (const line of verdictLines(lanes)) terminal.warn(line);
    if (flags.json !== undefined) {
      const environment = benchEnvironment(flags.seed);
      const document = { schema: 1, environment, before, after, lanes, notes } as const;
      await writeDocument(flags.json, document, '--json');
    }
    if (interrupt.exitCode !== null) return interrupt.exitCode;
    requireVerdict(files?.now ?? null, comparison);
    return lanes.some((lane) => lane.comparison.verdict === 'slower') ? 3 : 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function textOf(
  comparison: DocumentComparison,
  { format }: CompareFlags,
  terminal: Terminal,
): string {
  if (format !== 'table') return comparisonText(format, comparison);
  const space = terminal.outSpace;
  const { lanes } = comparison;
  return [comparisonVerdict(lanes, space), comparisonTable(lanes, space)].join('\n\n');
}

function kindOf(path: string): 'result file' | 'SQL file' | 'build' {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return 'build';
  return /\.sql$/i.test(path) ? 'SQL file' : 'result file';
}

function readPair(
  before: string,
  after: string,
  flags: CompareFlags,
): { readonly then: ResultDocument; readonly now: ResultDocument } {
  const then = readDocument(before);
  const now = readDocument(after);
  if (flags.force !== true) requireSameMachine(then.environment, now.environment);
  return { then, now };
}

interface Talk {
  readonly terminal: Terminal;
  readonly stopping: AbortController;
  readonly interrupt: Interrupt;
}

async function compareMeasured(
  [before, after]: readonly [string, string],
  flags: CompareFlags,
  { terminal, stopping, interrupt }: Talk,
): Promise<DocumentComparison> {
  const isSql = kindOf(before) === 'SQL file';
  const builds = isSql ? null : ([installedBuild(before), installedBuild(after)] as const);
  const { scenarios, engines } = await benchScenarios(selectionOf(before, flags), flags, terminal);
  const [newer] = isSql ? (await benchScenarios(after, flags, terminal)).scenarios : [];
  terminal.note(environmentLine(benchEnvironment(flags.seed)));
  const options: BuildComparisonOptions = {
    scenarios,
    engines,
    records: flags.records ?? null,
    groups: flags.groups === '200' ? 200 : 20,
    stepMs: flags.step,
    rounds: flags.rounds,
    repeats: flags.repeat,
    settings: Object.fromEntries(flags.set ?? []),
    maxRegression: flags.maxRegression,
    seed: flags.seed,
    onProgress: (line) => (terminal.live ? terminal.progress(line) : terminal.detail(line)),
    signal: stopping.signal,
  };
  interrupt.watch(stoppable(stopping));
  try {
    const [older] = scenarios;
    if (older !== undefined && newer !== undefined) {
      const warn = (line: string): void => terminal.warn(line);
      return { lanes: await compareQueries([older, newer], options, warn), notes: [] };
    }
    assert(builds !== null, 'what is not SQL is a build');
    return { lanes: await compareBuilds(...builds, options), notes: [] };
  } finally {
    interrupt.unwatch();
  }
}

function selectionOf(before: string, { scenario }: CompareFlags): string {
  if (kindOf(before) !== 'SQL file') return scenario ?? 'all';
  if (scenario === undefined) return before;
  throw new ConfigError('FLAG_INVALID', {
    message: `--scenario ${scenario} says nothing to two SQL files`,
    hint: 'leave --scenario away, or give two builds',
  });
}
