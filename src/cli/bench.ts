/**
 * `velo bench`: the scenarios, verified, with their histograms. Owns flags, progress and exit
 * codes; the measuring is bench/.
 */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { benchEnvironment } from '../bench/environment.js';
import { environmentLine, faultLines, histograms, resultTable } from '../bench/report.js';
import { runBench } from '../bench/runner.js';
import type { BenchResult, BenchSource } from '../bench/runner.js';
import { selectScenarios } from '../bench/scenario.js';
import { ConfigError } from '../base/errors.js';
import { exitCodeOf } from './exit-code.js';
import {
  addTalkFlags,
  choiceFlag,
  durationFlag,
  pairFlag,
  verbosityOf,
  wholeFlag,
} from './options.js';
import type { TalkFlags } from './options.js';
import { Terminal } from './terminal.js';

interface BenchFlags extends TalkFlags {
  readonly scenario: string;
  readonly arch: 'v1' | 'v2' | 'both';
  readonly records?: number;
  readonly groups: '20' | '200';
  readonly step: number;
  readonly source: BenchSource;
  readonly runs: number;
  readonly warmup: number;
  readonly batchSize?: number;
  readonly set?: ReadonlyMap<string, string>;
  readonly seed: number;
  readonly json?: string;
}

const EXAMPLES = `
Examples:
  $ velo bench
  $ velo bench --arch v1 --records 5000 --json out.json
  $ velo bench --scenario 2,3a,3b --groups 200
  $ velo bench --scenario 3b --records 5000 --step 1s
  $ velo bench --scenario my-query.sql --runs 5`;

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('run the scenarios, verify their output, print rates and histograms')
    .option('--scenario <ids>', '0, 1, 2, 3a, 3b, all, or SQL files', 'all')
    .option('--arch <arch>', 'v1', choiceFlag('--arch', ['v1', 'v2', 'both'] as const), 'v1')
    .option('--records <n>', 'records per run (default: about a second)', wholeFlag('--records', 1))
    .option(
      '--groups <n>',
      '20, or 200 for the wide variant of 2, 3a, 3b',
      choiceFlag('--groups', ['20', '200'] as const),
      '20',
    )
    .option('--step <time>', 'event time between two records: 1ms or 1s', durationFlag('--step'), 1)
    .option(
      '--source <source>',
      'generated, or file (JSON lines)',
      choiceFlag('--source', ['generated', 'file'] as const),
      'generated',
    )
    .option('--runs <n>', 'measured runs per scenario', wholeFlag('--runs', 1), 3)
    .option('--warmup <n>', 'warm-up runs in each trial', wholeFlag('--warmup', 0), 2)
    .option('--batch-size <rows>', 'rows per batch at most', wholeFlag('--batch-size', 1))
    .option('--set <key=value>', 'as SET in front of the scenario', pairFlag('--set'))
    .option('--seed <n>', 'seed of the bootstrap', wholeFlag('--seed', 0), 1)
    .option('--json <file>', 'write the results as JSON');
  addTalkFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: BenchFlags) => {
      process.exitCode = await bench(flags);
    });
}

async function bench(flags: BenchFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    if (flags.arch !== 'v1') throw notBuilt();
    const environment = benchEnvironment(flags.seed);
    terminal.note(environmentLine(environment));
    const results = await runBench({
      scenarios: selectScenarios(flags.scenario),
      records: flags.records ?? null,
      groups: flags.groups === '200' ? 200 : 20,
      stepMs: flags.step,
      source: flags.source,
      runs: flags.runs,
      warmups: flags.warmup,
      batchRows: flags.batchSize ?? null,
      settings: Object.fromEntries(flags.set ?? []),
      seed: flags.seed,
      onProgress: (line) => (terminal.live ? terminal.progress(line) : terminal.detail(line)),
    });
    terminal.stopProgress();
    print(results, terminal);
    if (flags.json !== undefined)
      await writeResults(flags.json, { schema: 1, environment, results });
    return results.every((result) => result.verified) ? 0 : 3;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function notBuilt(): ConfigError {
  return new ConfigError('FLAG_INVALID', {
    message: 'only --arch v1 is built',
    hint: 'leave --arch away or give v1',
  });
}

function print(results: readonly BenchResult[], terminal: Terminal): void {
  for (const result of results)
    process.stdout.write(`${histograms(result, terminal.outColor)}\n\n`);
  process.stdout.write(`${resultTable(results, terminal.outColor)}\n`);
  for (const line of faultLines(results)) terminal.warn(line);
}

async function writeResults(file: string, document: object): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `--json cannot write "${file}": ${(error as Error).message}`,
      cause: error,
    });
  }
}
