/**
 * The commands of velo, as commander knows them: help, completion, the manual page and the command
 * line itself are made of this one definition. Owns their list and order and what stands around
 * them; each is loaded only when it is asked for, because all of them take half a second.
 */
import { Command } from 'commander';

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
  ['checkpoints', async () => (await import('./checkpoints.js')).addCheckpointsCommand],
  ['job', async () => (await import('./job-commands.js')).addJobCommand],
  ['config', async () => (await import('./config.js')).addConfigCommand],
  ['init', async () => (await import('./init.js')).addInitCommand],
  ['doctor', async () => (await import('./doctor.js')).addDoctorCommand],
  ['completion', async () => (await import('./completion.js')).addCompletionCommand],
]);

/** It describes all the others. */
const DESCRIBES_ALL = 'completion';

export function isCommandName(name: string): boolean {
  return COMMANDS.has(name);
}

/** The program with the one command of that name; with all for help, a wrong name and for none. */
export async function createProgram(name?: string): Promise<Command> {
  const program = new Command('velo')
    .description('Run and benchmark SQL stream jobs on one machine.')
    .usage('[command] [options] [FILE.sql | "SQL"]')
    // What it prints is version.ts; here it stands in the help.
    .option('-V, --version', 'print version, build and features; with --json as one document')
    .addHelpText('after', HELP_END)
    .showSuggestionAfterError()
    // Flags behind a command of a command (bench compare) are that one's.
    .enablePositionalOptions()
    .exitOverride();
  const one = name === undefined || name === DESCRIBES_ALL ? undefined : COMMANDS.get(name);
  const loads = one === undefined ? [...COMMANDS.values()] : [one];
  for (const add of await Promise.all(loads.map((load) => load()))) add(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}
