/**
 * `velo check`: every fault of every file in one go. Reads at most 1,000 records of quoted sources
 * and starts nothing. Exit 2 when any file has a fault.
 */
import type { Command } from 'commander';
import { compileJob } from '../job.js';
import { jobConfiguration, readOuterLayers } from './configuration.js';
import { exitCodeOf } from './exit-code.js';
import { addTalkFlags, pairFlag, readSqlText, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { Terminal } from './terminal.js';

interface CheckFlags extends TalkFlags {
  readonly set?: ReadonlyMap<string, string>;
}

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .argument('<files...>', 'SQL files')
    .description('report every fault of every file, start nothing')
    .option('--set <key=value>', 'as SET in front of each file', pairFlag('--set'));
  addTalkFlags(command)
    .addHelpText('after', '\nExample:\n  $ velo check jobs/*.sql')
    .action(async (files: string[], flags: CheckFlags) => {
      process.exitCode = await checkFiles(files, flags);
    });
}

async function checkFiles(files: readonly string[], flags: CheckFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  let exitCode = 0;
  for (const file of files) {
    try {
      const source = await readSqlText(file, undefined);
      const outer = await readOuterLayers(flags, source.text);
      const job = await compileJob({
        source,
        variables: (name) => process.env[name],
        settings: Object.fromEntries(flags.set ?? []),
        defaults: outer.defaults,
        changelog: false,
        redirects: new Map(),
        limit: null,
      });
      jobConfiguration(outer, job, source);
      for (const warning of job.plan.warnings) terminal.warn(`${file}: ${warning}`);
      const queries = job.plan.queries.length;
      terminal.note(`${file}: ${queries} ${queries === 1 ? 'query' : 'queries'}, no fault`);
    } catch (error) {
      terminal.error(error);
      exitCode = Math.max(exitCode, exitCodeOf(error));
    }
  }
  return exitCode;
}
