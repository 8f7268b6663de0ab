/**
 * The velo command: registers the commands, turns commander's own complaints into exit 2, and
 * starts. Owns no command, and loads only the one that is asked for: all of them take half a second.
 */
import { readFileSync, statSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { isAnythingLeftBehind } from '../base/left-behind.js';
import { isSqlArgument } from './options.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { StandardStreams } from './terminal/streams.js';
import { Terminal } from './terminal/terminal.js';

const HELP_END = `
Examples:
  $ velo query.sql
  $ velo "SELECT symbol, COUNT(*) AS n FROM 'trades.jsonl' GROUP BY symbol EMIT FINAL"
  $ zcat trades.jsonl.gz | velo "SELECT symbol, price FROM '-' WHERE price > 100"
  $ velo bench
  $ velo explain query.sql --stage pipeline
  $ velo check query.sql other.sql
  $ velo test cases
  $ velo datagen query.sql --table orders --to kafka://localhost:9092/orders`;

type AddCommand = (program: Command) => void;

/** In the order of the help. */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ['run', async () => (await import('./run.js')).addRunCommand],
  ['bench', async () => (await import('./bench.js')).addBenchCommand],
  ['explain', async () => (await import('./explain.js')).addExplainCommand],
  ['check', async () => (await import('./check.js')).addCheckCommand],
  ['test', async () => (await import('./test.js')).addTestCommand],
  ['datagen', async () => (await import('./datagen.js')).addDatagenCommand],
  ['config', async () => (await import('./config.js')).addConfigCommand],
  ['completion', async () => (await import('./completion.js')).addCompletionCommand],
]);
/** It describes all the others. */
const DESCRIBES_ALL = 'completion';

/** Flags that are velo's own; any other in front is one of `run`. */
const OWN_FLAGS: readonly string[] = ['-h', '--help', '-V', '--version'];

/** Whatever it holds: `run` says what it looks like if it is no SQL. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** What follows `velo`: a SQL file, SQL text or a flag in front is short for `velo run`. */
function withCommand(args: readonly string[]): readonly string[] {
  const [first = ''] = args;
  const runs =
    !COMMANDS.has(first) &&
    !OWN_FLAGS.includes(first) &&
    (first.startsWith('-') || /\.sql$/i.test(first) || isSqlArgument(first) || isFile(first));
  return runs ? ['run', ...args] : args;
}

/** The command that is named first; all of them for help, for a wrong name and for none. */
function asked(first = ''): (() => Promise<AddCommand>)[] {
  if (first === '--version' || first === '-V') return [];
  const load = first === DESCRIBES_ALL ? undefined : COMMANDS.get(first);
  return load === undefined ? [...COMMANDS.values()] : [load];
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

async function main(): Promise<void> {
  const streams = new StandardStreams();
  streams.watch();
  // Node would open a debugger.
  process.on('SIGUSR1', () => undefined);
  const args = withCommand(process.argv.slice(2));
  const program = new Command('velo')
    .description('Run and benchmark SQL stream jobs on one machine.')
    .usage('[command] [options] [FILE.sql | "SQL"]')
    .version(version())
    .addHelpText('after', HELP_END)
    .showSuggestionAfterError()
    // Flags behind a command of a command (bench compare) are that one's.
    .enablePositionalOptions()
    .exitOverride();
  for (const add of await Promise.all(asked(args[0]).map((load) => load()))) add(program);
  for (const command of program.commands) command.exitOverride();
  process.exitCode = await exitOf(program, args);
  const failure = await streams.stdoutFailure();
  if (failure !== null && process.exitCode === 0) {
    new Terminal('normal').error(failure);
    process.exitCode = exitCodeOf(failure);
  }
  if (isAnythingLeftBehind()) process.exit();
}

/** What the command exits with; it has said why. */
async function exitOf(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    new Terminal('normal').error(error);
    return exitCodeOf(error);
  }
}

await main();
