/**
 * `velo init`: writes a small project into a folder. Owns its flags, that nothing is overwritten
 * unasked, and that either all files can be written or none is; the files are project/.
 */
import { constants } from 'node:fs';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import { visibleText } from '../base/visible-text.js';
import { addTalkFlags, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { projectFiles } from './project/project-files.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Terminal } from './terminal/terminal.js';

interface InitFlags extends TalkFlags {
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  $ velo init
  $ velo init turnover && cd turnover && velo query.sql
  $ velo init turnover --force`;

export function addInitCommand(program: Command): void {
  const command = program
    .command('init')
    .argument('[folder]', 'where to write it (default: the working directory)')
    .description('write a small project: a query, its data, a case, a workflow with a gate')
    .option('--force', 'overwrite files of these names');
  addTalkFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string | undefined, flags: InitFlags) => {
      process.exitCode = await init(folder ?? '.', flags);
    });
}

async function init(folder: string, flags: InitFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    await writeProject(folder, flags.force === true);
    for (const { path } of projectFiles()) {
      process.stdout.write(`${visibleText(join(folder, path))}\n`);
    }
    const enter = folder === '.' ? '' : `cd ${folder} && `;
    terminal.note(`next: ${enter}velo query.sql; velo test cases`);
    return 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

async function writeProject(folder: string, force: boolean): Promise<void> {
  const files = projectFiles();
  const present: string[] = [];
  for (const { path } of files) if (await exists(join(folder, path))) present.push(path);
  if (present.length > 0 && !force) {
    throw new ConfigError('FLAG_INVALID', {
      message: `"${folder}" holds ${present.map((path) => `"${path}"`).join(', ')} already`,
      hint: 'name another folder, or overwrite them with --force',
    });
  }
  try {
    for (const { path, text } of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      // What has come in between is not overwritten either.
      await writeFile(join(folder, path), text, { flag: force ? 'w' : 'wx' });
    }
  } catch (error) {
    throw new ConfigError('FLAG_INVALID', {
      message: `the project cannot be written to "${folder}": ${(error as Error).message}`,
      hint: 'name a folder that can be written',
      cause: error,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK);
    return true;
  } catch (error) {
    // Anything else that is in the way is said when it is written.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    return (error as NodeJS.ErrnoException).code !== 'ENOTDIR';
  }
}
