/**
 * `velo bench`: the scenarios, verified, the verdict first, and whether they are slower than a
 * baseline. Owns flags, progress and exit codes; the measuring is bench/.
 */
import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import {
  comparisonTable,
  comparisonVerdict,
  verdictLines,
} from '../bench/compare/comparison-report.js';
import { benchEnvironment } from '../bench/environment.js';
import type { BenchEnvironment } from '../bench/environment.js';
import type { BenchOptions, BenchRate, BenchSource } from '../bench/trial-lanes.js';
import {
  environmentLine,
  faultLines,
  fitted,
  histograms,
  resultTable,
  verdictOf,
} from '../bench/report.js';
import { partitionLines } from '../bench/partition-report.js';
import {
  compareDocuments,
  readDocument,
  requireSameMachine,
  requireVerdict,
  writeDocument,
} from '../bench/compare/result-file.js';
import type {
  DocumentComparison,
  FullDocument,
  ResultDocument,
} from '../bench/compare/result-file.js';
import type { BenchResult } from '../bench/results.js';
import { runBench } from '../bench/runner.js';
import type { BenchRun } from '../bench/runner.js';
import { addBenchCompareCommand } from './bench-compare.js';
import { benchScenarios } from './bench-scenarios.js';
import { addLaneFlags, rateFlag } from './flags/bench-flags.js';
import { addKafkaFlags, kafkaBenchOf } from './flags/bench-kafka-flags.js';
import type { KafkaFlags } from './flags/bench-kafka-flags.js';
import type { LaneFlags } from './flags/bench-flags.js';
import { BenchProgress } from './terminal/bench-progress.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Interrupt, stoppable } from './terminal/interrupt.js';
import { choiceFlag, verbosityOf, wholeFlag } from './options.js';
import { Terminal } from './terminal/terminal.js';

interface BenchFlags extends LaneFlags, KafkaFlags {
  readonly source: BenchSource;
  readonly rate: BenchRate;
  readonly runs?: number;
  readonly warmup: number;
  readonly repeat: number;
  readonly histograms?: boolean;
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
  $ velo bench --arch v2 --mode individual --rate half --histograms
  $ velo bench --source kafka --brokers localhost:9092 --codec lz4 --arch both
  $ velo bench my-query.sql --arch both --runs 5
  $ velo bench my-query.sql --records 1m
  $ velo bench --save-baseline base.json
  $ velo bench --baseline base.json --max-regression 7%
  $ velo bench compare ../before ../after`;

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .argument('[file]', 'SQL file of your own, or SQL text, instead of the scenarios')
    .description('run the scenarios or a query of your own, verify, print rates and latencies')
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
    .option('--histograms', 'show latency and throughput of each lane as bars, too')
    .option('--json <file>', 'write the results as JSON')
    .option('--save-baseline <file>', 'write them to compare with later')
    .option('--baseline <file>', 'exit 3 when slower than this')
    .option('--force', "compare even with another machine's baseline")
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: BenchFlags) => {
      process.exitCode = await bench(file, flags);
    });
  addBenchCompareCommand(command);
}

async function bench(file: string | undefined, flags: BenchFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const environment = benchEnvironment(flags.seed);
    const baseline = flags.baseline === undefined ? null : readDocument(flags.baseline);
    if (baseline !== null && flags.force !== true) {
      requireSameMachine(baseline.environment, environment);
    }
    const progress = new BenchProgress(terminal);
    const stopping = new AbortController();
    const options = {
      ...(await benchOptions(file, flags, { terminal, progress })),
      signal: stopping.signal,
    };
    terminal.note(environmentLine(environment));
    const stopped = new Interrupt(terminal);
    stopped.watch(stoppable(stopping));
    const run = await runBench(options, environment.cores).finally(() => {
      progress.stop();
      stopped.unwatch();
    });
    if (stopped.exitCode !== null) {
      await printStopped(run, { flags, terminal, environment });
      return stopped.exitCode;
    }
    const { results } = run;
    const document: FullDocument = { schema: 1, environment, results };
    // What is compared is what a reader of the written file would see.
    const now = JSON.parse(JSON.stringify(document)) as ResultDocument;
    const comparison = baseline === null ? null : compareDocuments(baseline, now, flags);
    print({ results, comparison }, flags, terminal);
    if (flags.json !== undefined) await writeDocument(flags.json, document, '--json');
    if (flags.saveBaseline !== undefined) {
      await writeDocument(flags.saveBaseline, document, '--save-baseline');
    }
    // Output that does not verify is exit 3 here, whatever the baseline says.
    const verified = results.every((result) => result.verified);
    if (comparison !== null && verified) requireVerdict(now, comparison);
    const slower = comparison?.lanes.some((lane) => lane.comparison.verdict === 'slower') ?? false;
    return verified && !slower ? 0 : 3;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function scenarioOf(file: string | undefined, { scenario }: BenchFlags): string {
  if (file === undefined) return scenario ?? 'all';
  if (scenario === undefined) return file;
  throw new ConfigError('FLAG_INVALID', {
    message: `--scenario ${scenario} and "${file}" both say what is run`,
    hint: `give --scenario ${scenario},${file}`,
  });
}

interface Talk {
  readonly terminal: Terminal;
  readonly progress: BenchProgress;
}

async function benchOptions(
  file: string | undefined,
  flags: BenchFlags,
  { terminal, progress }: Talk,
): Promise<Omit<BenchOptions, 'signal'>> {
  return {
    ...(await benchScenarios(scenarioOf(file, flags), flags, terminal)),
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

/** What ^C has of a benchmark that was not finished: no baseline, and no verdict over one. */
async function printStopped(
  { results, runs, runsAsked }: BenchRun,
  { flags, terminal, environment }: Stopped,
): Promise<void> {
  terminal.note(`stopped after ${runs} of ${runsAsked} runs`);
  if (results.length === 0) return;
  print({ results, comparison: null }, flags, terminal);
  if (flags.json !== undefined) {
    const document = { schema: 1, environment, results, interrupted: true } as const;
    await writeDocument(flags.json, document, '--json');
  }
  const { baseline, saveBaseline } = flags;
  if (saveBaseline !== undefined) terminal.warn(`"${saveBaseline}" is not written`);
  if (baseline !== undefined) terminal.warn(`"${baseline}" is not compared with`);
}

interface Stopped {
  readonly flags: BenchFlags;
  readonly terminal: Terminal;
  readonly environment: BenchEnvironment;
}

function runsOf({ runs, baseline, saveBaseline }: BenchFlags): number {
  if (baseline === undefined && saveBaseline === undefined) return runs ?? RUNS;
  if (runs === undefined || runs >= BASELINE_RUNS_MIN) return runs ?? BASELINE_RUNS;
  throw new ConfigError('FLAG_INVALID', {
    message: `${runs} runs cannot show a difference`,
    hint: `give --runs ${BASELINE_RUNS_MIN} or more`,
  });
}

interface Printed {
  readonly results: readonly BenchResult[];
  /** With the baseline, where there is one. */
  readonly comparison: DocumentComparison | null;
}

/** The verdict first: what a reader looks for. */
function print({ results, comparison }: Printed, flags: BenchFlags, terminal: Terminal): void {
  const space = terminal.outSpace;
  const { lanes, notes } = comparison ?? { lanes: [], notes: [] };
  const verdicts = [verdictOf(results, space)];
  if (comparison !== null) verdicts.push(comparisonVerdict(lanes, space));
  const partitions = partitionLines(results).map((line) => fitted(line, space.width));
  const blocks = [
    verdicts.join('\n'),
    resultTable(results, space),
    ...(partitions.length === 0 ? [] : [partitions.join('\n')]),
    ...(comparison === null ? [] : [comparisonTable(lanes, space)]),
    ...(flags.histograms === true ? results.map((result) => histograms(result, space)) : []),
  ];
  process.stdout.write(`${blocks.join('\n\n')}\n`);
  for (const line of faultLines(results)) terminal.warn(line);
  for (const note of notes) terminal.warn(`not compared: ${note}`);
  for (const line of verdictLines(lanes)) terminal.warn(line);
}
