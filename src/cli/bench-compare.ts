/**
 * `velo bench compare A B`: two result files, or two installed builds that are run in turn. Owns
 * flags, output and exit codes; schedule and statistics are bench/.
 */
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { compareBuilds, installedBuild, REPEATS, ROUNDS } from '../bench/build-comparison.js';
import { comparisonTable, verdictLines } from '../bench/comparison-report.js';
import { benchEnvironment } from '../bench/environment.js';
import { environmentLine } from '../bench/report.js';
import {
  compareDocuments,
  readDocument,
  requireSameMachine,
  writeDocument,
} from '../bench/result-file.js';
import type { DocumentComparison } from '../bench/result-file.js';
import { selectScenarios } from '../bench/scenario.js';
import { addLaneFlags, enginesOf } from './bench-flags.js';
import type { LaneFlags } from './bench-flags.js';
import { exitCodeOf } from './exit-code.js';
import { verbosityOf, wholeFlag } from './options.js';
import { Terminal } from './terminal.js';

interface CompareFlags extends LaneFlags {
  readonly rounds: number;
  readonly repeat: number;
  readonly json?: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  $ velo bench compare monday.json today.json
  $ velo bench compare ../before ../after --scenario 2,3a
  $ velo bench compare ../before . --arch both --partitions 8 --rounds 12 --json compared.json`;

export function addBenchCompareCommand(bench: Command): void {
  const command = bench
    .command('compare')
    .description('faster, slower or no change: two result files, or two builds run in turn')
    .argument('<before>', 'result file, or folder of a build')
    .argument('<after>', 'result file, or folder of a build');
  addLaneFlags(command)
    .option('--rounds <n>', 'builds: pairs of trials per lane', wholeFlag('--rounds', 1), ROUNDS)
    .option(
      '--repeat <n>',
      'builds: measured runs in each trial, of which the fastest counts',
      wholeFlag('--repeat', 1),
      REPEATS,
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
    const folders = [before, after].filter(isFolder).length;
    if (folders === 1) {
      throw new ConfigError('FLAG_INVALID', {
        message: 'a result file and a build cannot be compared',
        hint: 'give two result files or two folders',
      });
    }
    const { lanes, notes } =
      folders === 2
        ? await compareFolders(before, after, flags, terminal)
        : compareFiles(before, after, flags);
    terminal.stopProgress();
    process.stdout.write(`${comparisonTable(lanes, terminal.outColor)}\n`);
    for (const note of notes) terminal.warn(`not compared: ${note}`);
    for (const line of verdictLines(lanes)) terminal.warn(line);
    if (flags.json !== undefined) {
      const environment = benchEnvironment(flags.seed);
      const document = { schema: 1, environment, before, after, lanes, notes } as const;
      await writeDocument(flags.json, document, '--json');
    }
    return lanes.some((lane) => lane.comparison.verdict === 'slower') ? 3 : 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function compareFiles(before: string, after: string, flags: CompareFlags): DocumentComparison {
  const then = readDocument(before);
  const now = readDocument(after);
  if (flags.force !== true) requireSameMachine(then.environment, now.environment);
  return compareDocuments(then, now, flags);
}

async function compareFolders(
  before: string,
  after: string,
  flags: CompareFlags,
  terminal: Terminal,
): Promise<DocumentComparison> {
  const builds = [installedBuild(before), installedBuild(after)] as const;
  const { engines, notices } = await enginesOf(flags);
  for (const notice of notices) terminal.warn(notice);
  terminal.note(environmentLine(benchEnvironment(flags.seed)));
  const lanes = await compareBuilds(...builds, {
    scenarios: selectScenarios(flags.scenario),
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
  });
  return { lanes, notes: [] };
}
