/**
 * The velo command: registers the commands, turns commander's own complaints into exit 2, and
 * starts. Owns no command, and loads only the one that is asked for: all of them take half a second.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { exitCodeOf } from './exit-code.js';
import { Terminal } from './terminal.js';

const HELP_END = `
Examples:
  $ velo run query.sql
  $ velo bench
  $ velo explain query.sql --stage pipeline
  $ velo check query.sql other.sql
  $ velo datagen query.sql --table orders --to kafka://localhost:9092/orders`;

type AddCommand = (program: Command) => void;

/** In the order of the help. */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ['run', async () => (await import('./run.js')).addRunCommand],
  ['bench', async () => (await import('./bench.js')).addBenchCommand],
  ['explain', async () => (await import('./explain.js')).addExplainCommand],
  ['check', async () => (await import('./check.js')).addCheckCommand],
  ['datagen', async () => (await import('./datagen.js')).addDatagenCommand],
  ['config', async () => (await import('./config.js')).addConfigCommand],
  ['completion', async () => (await import('./completion.js')).addCompletionCommand],
]);
/** It describes all the others. */
const DESCRIBES_ALL = 'completion';

/** The command that is named first; all of them for help, for a wrong name and for none. */
function asked(): (() => Promise<AddCommand>)[] {
  const [first = ''] = process.argv.slice(2);
  if (first === '--version' || first === '-V') return [];
  const load = first === DESCRIBES_ALL ? undefined : COMMANDS.get(first);
  return load === undefined ? [...COMMANDS.values()] : [load];
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** A pager, or head, may have enough of a text. Where rows are written, their sink listens too. */
function readerMayLeave(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && stream.listenerCount('error') === 1) throw error;
  });
}

async function main(): Promise<void> {
  readerMayLeave(process.stdout);
  readerMayLeave(process.stderr);
  const program = new Command('velo')
    .description('Run and benchmark SQL stream jobs on one machine.')
    .version(version())
    .addHelpText('after', HELP_END)
    .showSuggestionAfterError()
    // Flags behind a command of a command (bench compare) are that one's.
    .enablePositionalOptions()
    .exitOverride();
  for (const add of await Promise.all(asked().map((load) => load()))) add(program);
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    new Terminal('normal').error(error);
    process.exitCode = exitCodeOf(error);
  }
}

await main();
