/**
 * `velo checkpoints list|inspect|verify DIR`: the checkpoints of a job, beside the job if it runs: it
 * takes no lock and changes nothing. Owns flags and exit codes (verify: 1 when something is damaged);
 * what is shown is checkpoints-report.ts, reading is state/checkpoint.
 */
import type { Command } from 'commander';
import { systemClock } from '../base/clock.js';
import { StateError } from '../base/errors.js';
import { redact } from '../base/redact.js';
import { CheckpointReader } from '../state/checkpoint/checkpoint-reader.js';
import type { VerifiedCheckpoint } from '../state/checkpoint/checkpoint-reader.js';
import {
  checkpointsJson,
  inspectText,
  listText,
  verifyJson,
  verifyText,
} from './checkpoints-report.js';
import { addTalkFlags, verbosityOf, wholeFlag } from './options.js';
import type { TalkFlags } from './options.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Terminal } from './terminal/terminal.js';

interface CheckpointsFlags extends TalkFlags {
  readonly json?: boolean;
  readonly epoch?: number;
}

const EXAMPLES = `
Examples:
  $ velo checkpoints list state/orders
  $ velo checkpoints inspect state/orders --epoch 42
  $ velo checkpoints verify state/orders`;

export function addCheckpointsCommand(program: Command): void {
  const command = program
    .command('checkpoints')
    .description('list, inspect or verify the checkpoints in a folder, also while their job runs')
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES);
  action(command, 'list', 'one line for each: epoch, age, size, entries', list);
  action(command, 'inspect', 'one of them: sources, operators, sinks', inspect).option(
    '--epoch <n>',
    'which one (default: the newest)',
    wholeFlag('--epoch', 0),
  );
  action(command, 'verify', 'read every byte; exit 1 when something is damaged', verify).option(
    '--epoch <n>',
    'only this one',
    wholeFlag('--epoch', 0),
  );
}

/** Of one command of it. */
function exampleOf(name: string): string {
  const lines = EXAMPLES.split('\n').filter((line) => line.includes(` checkpoints ${name} `));
  return `\nExample:\n${lines.join('\n')}`;
}

type Action = (
  reader: CheckpointReader,
  flags: CheckpointsFlags,
  terminal: Terminal,
) => Promise<{ readonly text: string; readonly exit: number }>;

function action(parent: Command, name: string, about: string, run: Action): Command {
  const command = parent
    .command(name)
    .argument('<dir>', 'folder that was given as --checkpoint-dir')
    .description(about)
    .option('--json', 'one JSON document on stdout')
    .addHelpText('after', exampleOf(name))
    .exitOverride();
  return addTalkFlags(command).action(async (dir: string, flags: CheckpointsFlags) => {
    const terminal = new Terminal(verbosityOf(flags));
    try {
      const { text, exit } = await run(new CheckpointReader(dir), flags, terminal);
      process.stdout.write(`${redact(text)}\n`);
      process.exitCode = exit;
    } catch (error) {
      terminal.error(error);
      process.exitCode = exitCodeOf(error);
    }
  });
}

const list: Action = async (reader, { json }, terminal) => {
  const found = await reader.list();
  if (json === true) return { text: checkpointsJson(reader.dir, found), exit: 0 };
  const space = { ...terminal.outSpace, nowMs: systemClock.nowMs() };
  return { text: listText(reader.dir, found, space), exit: 0 };
};

const inspect: Action = async (reader, { json, epoch }, terminal) => {
  const [newest = 0] = epoch === undefined ? await reader.epochs() : [epoch];
  const manifest = await reader.inspect(newest);
  if (json === true) {
    const found = { epoch: newest, folder: reader.folderOf(newest), manifest, problem: null };
    return { text: checkpointsJson(reader.dir, [found]), exit: 0 };
  }
  const space = { ...terminal.outSpace, nowMs: systemClock.nowMs() };
  return { text: inspectText(manifest, space), exit: 0 };
};

const verify: Action = async (reader, { json, epoch }, terminal) => {
  const epochs = epoch === undefined ? await reader.epochs() : [epoch];
  const verified: VerifiedCheckpoint[] = [];
  for (const each of epochs) {
    terminal.progress(`verifies epoch ${each}`);
    const one = await verifyOne(reader, each, epoch === undefined);
    if (one !== null) verified.push(one);
  }
  terminal.stopProgress();
  const exit = verified.some(({ problems }) => problems.length > 0) ? 1 : 0;
  if (json === true) return { text: verifyJson(reader.dir, verified), exit };
  return { text: verifyText(reader.dir, verified, terminal.outSpace), exit };
};

/** null: a running job has removed it meanwhile, which is no damage. */
async function verifyOne(
  reader: CheckpointReader,
  epoch: number,
  mayGo: boolean,
): Promise<VerifiedCheckpoint | null> {
  try {
    const verified = await reader.verify(epoch);
    if (verified.problems.length === 0) return verified;
    return !mayGo || (await reader.epochs()).includes(epoch) ? verified : null;
  } catch (error) {
    const isGone = error instanceof StateError && error.key === 'CHECKPOINT_NOT_FOUND';
    if (isGone && mayGo) return null;
    throw error;
  }
}
