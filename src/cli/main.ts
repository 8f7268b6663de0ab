/**
 * The velo command: starts what its arguments name, turns commander's own complaints into exit 2.
 * Owns no command and no flag (commands.ts), and what stands for `velo run` without saying so.
 */
import { statSync } from 'node:fs';
import { CommanderError } from 'commander';
import { isAnythingLeftBehind } from '../base/left-behind.js';
import { createProgram, isCommandName } from './commands.js';
import { isSqlArgument } from './options.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { StandardStreams } from './terminal/streams.js';
import { Terminal } from './terminal/terminal.js';

const VERSION_FLAGS: readonly string[] = ['-V', '--version'];
/** Flags that are velo's own; any other in front is one of `run`. */
const OWN_FLAGS: readonly string[] = ['-h', '--help', ...VERSION_FLAGS];

/** Whatever it holds: `run` says what it looks like if it is no SQL. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** What follows `velo`: a SQL file, SQL text or a flag in front is short for `velo run`. */
function withCommand(args: readonly string[]): readonly string[] {
  const [first = ''] = args;
  const runs =
    !isCommandName(first) &&
    !OWN_FLAGS.includes(first) &&
    (first.startsWith('-') || /\.sql$/i.test(first) || isSqlArgument(first) || isFile(first));
  return runs ? ['run', ...args] : args;
}

/** Of a process whose command waits for what never comes, as Node has it. */
const UNSETTLED = 13;

async function main(): Promise<void> {
  let settled = false;
  process.once('exit', (code) => {
    if (!settled && code === 0) process.exitCode = UNSETTLED;
  });
  const streams = new StandardStreams();
  streams.watch();
  // Node would open a debugger.
  process.on('SIGUSR1', () => undefined);
  process.exitCode = await exitOf(withCommand(process.argv.slice(2)));
  const failure = await streams.stdoutFailure();
  settled = true;
  if (failure !== null && process.exitCode === 0) {
    new Terminal('normal').error(failure);
    process.exitCode = exitCodeOf(failure);
  }
  if (isAnythingLeftBehind()) process.exit();
}

/** What the command exits with; it has said why. */
async function exitOf(args: readonly string[]): Promise<number> {
  try {
    const [first = ''] = args;
    if (VERSION_FLAGS.includes(first)) {
      const { versionText } = await import('./version.js');
      process.stdout.write(versionText(args.slice(1)));
      return 0;
    }
    const program = await createProgram(first);
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    new Terminal('normal').error(error);
    return exitCodeOf(error);
  }
}

void main();
