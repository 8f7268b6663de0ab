/**
 * `velo bench`: the scenarios, verified, with their histograms, and whether they are slower than a
 * baseline. Owns flags, progress and exit codes; the measuring is bench/.
 */
import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { comparisonTable, verdictLines } from '../bench/comparison-report.js';
import { benchEnvironment } from '../bench/environment.js';
import type { BenchOptions, BenchRate, BenchSource } from '../bench/lanes.js';
import { environmentLine, faultLines, histograms, resultTable } from '../bench/report.js';
import { partitionLines } from '../bench/partition-report.js';
import {
  compareDocuments,
  readDocument,
  requireSameMachine,
  writeDocument,
} from '../bench/result-file.js';
import type { FullDocument, ResultDocument } from '../bench/result-file.js';
import type { BenchResult } from '../bench/results.js';
import { runBench } from '../bench/runner.js';
import { selectScenarios } from '../bench/scenario.js';
import { addBenchCompareCommand } from './bench-compare.js';
import { addLaneFlags, enginesOf, rateFlag } from './bench-flags.js';
import { addKafkaFlags, kafkaBenchOf } from './bench-kafka-flags.js';
import type { KafkaFlags } from './bench-kafka-flags.js';
import type { LaneFlags } from './bench-flags.js';
import { BenchProgress } from './bench-progress.js';
import { exitCodeOf } from './exit-code.js';
import { choiceFlag, verbosityOf, wholeFlag } from './options.js';
import { Terminal } from './terminal.js';

interface BenchFlags extends LaneFlags, KafkaFlags {
  readonly source: BenchSource;
  readonly rate: BenchRate;
  readonly runs?: number;
  readonly warmup: number;
  readonly repeat: number;
  readonly json?: string;
  readonly saveBaseline?: string;
  readonly baseline?: string;
  readonly force?: boolean;
}

/** Runs without --runs; a baseline needs more, because few samples can show nothing. */
const RUNS = 3;
const BASELINE_RUNS = 10;
/** With five runs on each side, all slower than all others, p is 0.008. */
const BASELINE_RUNS_MIN = 5;

const EXAMPLES = `
Examples:
  $ velo bench
  $ velo bench --arch both --partitions 8 --workers 1,2 --runs 5
  $ velo bench --arch v2 --partitions 8 --groups 200 --json out.json
  $ velo bench --arch v2 --mode individual --rate half
  $ velo bench --source kafka --brokers localhost:9092 --codec lz4 --arch both
  $ velo bench --scenario my-query.sql --runs 5
  $ velo bench --save-baseline base.json
  $ velo bench --baseline base.json --max-regression 7%
  $ velo bench compare ../before ../after`;

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('run the scenarios, verify their output, print rates and histograms')
    // --scenario behind "compare" is compare's.
    .enablePositionalOptions();
  addKafkaFlags(addLaneFlags(command))
    .option(
      '--source <source>',
      'generated, file (JSON lines), or kafka (a topic that is filled first)',
      choiceFlag('--source', ['generated', 'file', 'kafka'] as const),
      'generated',
    )
    .option('--rate <rate>', 'rows per second, half of what is sustained, or max', rateFlag, 'max')
    .option('--runs <n>', `measured runs per lane (default: ${RUNS})`, wholeFlag('--runs', 1))
    .option('--warmup <n>', 'warm-up runs in each trial', wholeFlag('--warmup', 0), 2)
    .option(
      '--repeat <n>',
      'measured runs in each trial, of which the fastest counts',
      wholeFlag('--repeat', 1),
      1,
    )
    .option('--json <file>', 'write the results as JSON')
    .option('--save-baseline <file>', 'write them to compare with later')
    .option('--baseline <file>', 'exit 3 when slower than this')
    .option('--force', "compare even with another machine's baseline")
    .addHelpText('after', EXAMPLES)
    .action(async (flags: BenchFlags) => {
      process.exitCode = await bench(flags);
    });
  addBenchCompareCommand(command);
}

async function bench(flags: BenchFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const environment = benchEnvironment(flags.seed);
    const baseline = flags.baseline === undefined ? null : readDocument(flags.baseline);
    if (baseline !== null && flags.force !== true) {
      requireSameMachine(baseline.environment, environment);
    }
    const progress = new BenchProgress(terminal);
    const options = await benchOptions(flags, terminal, progress);
    terminal.note(environmentLine(environment));
    const results = await runBench(options, environment.cores).finally(() => progress.stop());
    print(results, terminal);
    const document: FullDocument = { schema: 1, environment, results };
    if (flags.json !== undefined) await writeDocument(flags.json, document, '--json');
    if (flags.saveBaseline !== undefined) {
      await writeDocument(flags.saveBaseline, document, '--save-baseline');
    }
    const slower = baseline !== null && isSlower(baseline, document, flags, terminal);
    return results.every((result) => result.verified) && !slower ? 0 : 3;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

async function benchOptions(
  flags: BenchFlags,
  terminal: Terminal,
  progress: BenchProgress,
): Promise<BenchOptions> {
  const { engines, notices } = await enginesOf(flags);
  for (const notice of notices) terminal.warn(notice);
  return {
    scenarios: selectScenarios(flags.scenario),
    engines,
    records: flags.records ?? null,
    groups: flags.groups === '200' ? 200 : 20,
    stepMs: flags.step,
    source: flags.source,
    kafka: kafkaBenchOf(flags),
    rate: flags.rate,
    runs: runsOf(flags),
    warmups: flags.warmup,
    repeats: flags.repeat,
    settings: Object.fromEntries(flags.set ?? []),
    seed: flags.seed,
    onProgress: (line) => progress.began(line),
    onNote: (line) => terminal.note(line),
    onObserved: terminal.live ? (observed) => progress.observed(observed) : null,
  };
}

function runsOf({ runs, baseline, saveBaseline }: BenchFlags): number {
  if (baseline === undefined && saveBaseline === undefined) return runs ?? RUNS;
  if (runs === undefined || runs >= BASELINE_RUNS_MIN) return runs ?? BASELINE_RUNS;
  throw new ConfigError('FLAG_INVALID', {
    message: `${runs} runs cannot show a difference`,
    hint: `give --runs ${BASELINE_RUNS_MIN} or more`,
  });
}

function print(results: readonly BenchResult[], terminal: Terminal): void {
  for (const result of results)
    process.stdout.write(`${histograms(result, terminal.outColor)}\n\n`);
  process.stdout.write(`${resultTable(results, terminal.outColor)}\n`);
  for (const line of partitionLines(results)) process.stdout.write(`${line}\n`);
  for (const line of faultLines(results)) terminal.warn(line);
}

function isSlower(
  baseline: ResultDocument,
  document: FullDocument,
  flags: BenchFlags,
  terminal: Terminal,
): boolean {
  // What is compared is what a reader of the written file would see.
  const now = JSON.parse(JSON.stringify(document)) as ResultDocument;
  const { lanes, notes } = compareDocuments(baseline, now, flags);
  process.stdout.write(`\n${comparisonTable(lanes, terminal.outColor)}\n`);
  for (const note of notes) terminal.warn(`not compared: ${note}`);
  for (const line of verdictLines(lanes)) terminal.warn(line);
  return lanes.some((lane) => lane.comparison.verdict === 'slower');
}
