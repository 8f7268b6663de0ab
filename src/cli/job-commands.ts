/**
 * `velo job list|status|checkpoint|savepoint|rescale|stop`: asks running jobs by the folders of their
 * checkpoints. Owns flags and which folders `list` looks into; how a job is asked is job/control,
 * what is shown job-report.ts.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.js';
import { VeloError } from '../base/errors.js';
import { redact } from '../base/redact.js';
import { askJob } from '../job/control/control-client.js';
import type { GivenAnswer } from '../job/control/control-client.js';
import type { ControlRequest } from '../job/control/control-messages.js';
import { holderOf } from '../state/checkpoint/checkpoint-lock.js';
import { jobsText, jobText, jsonText, stoppedText, writtenText } from './job-report.js';
import type { ListedJob } from './job-report.js';
import { addTalkFlags, verbosityOf, wholeFlag } from './options.js';
import type { TalkFlags } from './options.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { rescaledText } from './terminal/rescaled-text.js';
import { Terminal } from './terminal/terminal.js';

interface JobFlags extends TalkFlags {
  readonly json?: boolean;
  readonly to?: string;
  readonly savepoint?: string;
  readonly drain?: boolean;
  readonly partitions?: number;
  readonly workers?: number;
}

/** A job at work answers within milliseconds. */
const STATUS_LIMIT_MS = 10_000;
/** Folders below a folder that `list` is given: state/orders of the working directory. */
const LIST_DEPTH = 2;

const EXAMPLES = `
Examples:
  $ velo job list
  $ velo job status state/orders
  $ velo job checkpoint state/orders
  $ velo job savepoint state/orders --to copies/orders-monday
  $ velo job rescale state/orders --partitions 8
  $ velo job stop state/orders --savepoint copies/orders-last
  $ velo job stop state/orders --drain`;

export function addJobCommand(program: Command): void {
  const command = program
    .command('job')
    .description(
      'list, look at, copy the state of, rescale or stop running jobs with a checkpoint folder',
    )
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES);
  action(command, 'list', 'the jobs that run in these folders, and in those below them', list);
  action(command, 'status', 'rows, rates, state and checkpoints of a job', status);
  action(command, 'checkpoint', 'take a checkpoint now', checkpoint);
  action(
    command,
    'savepoint',
    'write its state to another folder, whole; it goes on',
    savepoint,
  ).requiredOption('--to <dir>', 'folder that is to have it, which has no checkpoints yet');
  action(command, 'rescale', 'go on with other partitions or workers, from where it is', rescale)
    .requiredOption('--partitions <n>', '1 to 64', wholeFlag('--partitions', 1))
    .option('--workers <n>', '1 to 64 (default: as many as it has)', wholeFlag('--workers', 1));
  action(command, 'stop', 'stop it, with a last checkpoint', stop)
    .option('--savepoint <dir>', 'write the state at which it stops to that folder as well')
    .option('--drain', 'as if its input had ended: open windows are emitted, and nothing goes on');
}

/** Of one command of it. */
function exampleOf(name: string): string {
  const lines = EXAMPLES.split('\n').filter((line) => `${line} `.includes(` job ${name} `));
  return `\nExample:\n${lines.join('\n')}`;
}

type Action = (dirs: readonly string[], flags: JobFlags, terminal: Terminal) => Promise<string>;

function action(parent: Command, name: string, about: string, run: Action): Command {
  const many = name === 'list';
  const command = parent
    .command(name)
    .argument(
      many ? '[dirs...]' : '<dir>',
      many
        ? 'folders (default: the working directory)'
        : 'folder that was given as --checkpoint-dir',
    )
    .description(about)
    .option('--json', 'one JSON document on stdout')
    .addHelpText('after', exampleOf(name))
    .exitOverride();
  return addTalkFlags(command).action(async (given: string | string[], flags: JobFlags) => {
    const terminal = new Terminal(verbosityOf(flags));
    try {
      const text = await run([given].flat(), flags, terminal);
      process.stdout.write(`${redact(text)}\n`);
    } catch (error) {
      terminal.error(error);
      process.exitCode = exitCodeOf(error);
    }
  });
}

const list: Action = async (dirs, { json }, terminal) => {
  const found: ListedJob[] = [];
  for (const dir of dirs.length === 0 ? ['.'] : dirs) {
    for (const folder of await foldersBelow(dir, LIST_DEPTH)) {
      const job = await listed(folder);
      if (job !== null) found.push(job);
    }
  }
  if (json === true) return jsonText({ schema: 1, jobs: found });
  return jobsText(found, { ...terminal.outSpace, nowMs: systemClock.nowMs() });
};

/** The folder and those in it, in the order of their names. */
async function foldersBelow(dir: string, depth: number): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    // One that is named is to be there; others may be somebody else's, or have gone.
    if (depth < LIST_DEPTH) return [];
    throw new VeloError('JOB_NOT_FOUND', {
      message: `there is no folder "${dir}"`,
      hint: 'name folders that were given as --checkpoint-dir, or those above them',
      cause: error,
    });
  });
  if (depth === 0 || entries.some(({ name }) => name === 'lock')) return [dir];
  const below = entries
    .filter((entry) => entry.isDirectory() && !LEFT_OUT.test(entry.name))
    .map(({ name }) => name)
    .sort();
  const folders: string[] = [];
  for (const name of below) folders.push(...(await foldersBelow(join(dir, name), depth - 1)));
  return [dir, ...folders];
}

/** Where no job keeps its state. */
const LEFT_OUT = /^(?:\.|node_modules$|epoch-)/;

/** null: no job has that folder. */
async function listed(folder: string): Promise<ListedJob | null> {
  const holder = await holderOf(folder).catch(() => null);
  if (holder === null || holder.presence === 'gone') return null;
  const { pid, host } = holder.place;
  try {
    const answer = await askJob(folder, { kind: 'status' }, { limitMs: STATUS_LIMIT_MS });
    if (answer.kind !== 'status') throw strange();
    return { folder, pid, host, status: answer.status, problem: null };
  } catch (error) {
    if (!(error instanceof VeloError)) throw error;
    const { code, message, key } = error;
    if (key === 'JOB_NOT_FOUND' || key === 'JOB_ENDED') return null;
    return { folder, pid, host, status: null, problem: { code, message } };
  }
}

const status: Action = async ([dir = ''], { json }, terminal) => {
  const answer = await askJob(dir, { kind: 'status' }, { limitMs: STATUS_LIMIT_MS });
  if (answer.kind !== 'status') throw strange();
  if (json === true) return jsonText(answer.status);
  return jobText(answer.status, { ...terminal.outSpace, nowMs: systemClock.nowMs() });
};

const checkpoint: Action = (dirs, flags, terminal) =>
  written(dirs, { kind: 'checkpoint' }, flags, terminal);

const savepoint: Action = (dirs, flags, terminal) =>
  written(dirs, { kind: 'savepoint', to: resolve(flags.to ?? '') }, flags, terminal);

async function written(
  [dir = '']: readonly string[],
  request: ControlRequest,
  { json }: JobFlags,
  terminal: Terminal,
): Promise<string> {
  terminal.progress('the job takes its state');
  const answer = await asked(dir, request, terminal);
  if (answer.kind !== 'written') throw strange();
  return json === true ? jsonText({ schema: 1, ...answer.written }) : writtenText(answer.written);
}

const rescale: Action = async ([dir = ''], { json, partitions = 0, workers }, terminal) => {
  terminal.progress('the job is cut anew');
  const request: ControlRequest = { kind: 'rescale', partitions, workers: workers ?? null };
  const answer = await asked(dir, request, terminal);
  if (answer.kind !== 'rescaled') throw strange();
  const { rescaled } = answer;
  return json === true ? jsonText({ schema: 1, ...rescaled }) : rescaledText(rescaled);
};

const stop: Action = async ([dir = ''], { json, savepoint: to, drain }, terminal) => {
  terminal.progress('the job stops');
  const request: ControlRequest = {
    kind: 'stop',
    savepoint: to === undefined ? null : resolve(to),
    drain: drain === true,
  };
  const answer = await asked(dir, request, terminal);
  if (answer.kind !== 'stopped') throw strange();
  return json === true ? jsonText({ schema: 1, ...answer.stopped }) : stoppedText(answer.stopped);
};

/** What takes as long as the job's state and sinks do. */
async function asked(
  dir: string,
  request: ControlRequest,
  terminal: Terminal,
): Promise<GivenAnswer> {
  try {
    return await askJob(dir, request, { limitMs: null });
  } finally {
    terminal.stopProgress();
  }
}

function strange(): VeloError {
  return new VeloError('JOB_UNREACHABLE', {
    message: 'the job answers something else than it was asked',
    hint: 'ask it with the velo that runs it',
  });
}
