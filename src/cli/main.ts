/**
 * The velo command: registers the commands, turns commander's own complaints into exit 2, and
 * starts. Owns no command.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addBenchCommand } from './bench.js';
import { addCheckCommand } from './check.js';
import { addCompletionCommand } from './completion.js';
import { addConfigCommand } from './config.js';
import { addDatagenCommand } from './datagen.js';
import { exitCodeOf } from './exit-code.js';
import { addExplainCommand } from './explain.js';
import { addRunCommand } from './run.js';
import { Terminal } from './terminal.js';

const HELP_END = `
Examples:
  $ velo run query.sql
  $ velo bench
  $ velo explain query.sql --stage pipeline
  $ velo check query.sql other.sql
  $ velo datagen query.sql --table orders --to kafka://localhost:9092/orders`;

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

async function main(): Promise<void> {
  const program = new Command('velo')
    .description('Run and benchmark SQL stream jobs on one machine.')
    .version(version())
    .addHelpText('after', HELP_END)
    .showSuggestionAfterError()
    // Flags behind a command of a command (bench compare) are that one's.
    .enablePositionalOptions()
    .exitOverride();
  addRunCommand(program);
  addBenchCommand(program);
  addExplainCommand(program);
  addCheckCommand(program);
  addDatagenCommand(program);
  addConfigCommand(program);
  addCompletionCommand(program);
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
