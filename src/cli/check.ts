/**
 * `velo check`: every fault of every file in one go. Reads at most 1,000 records of quoted files,
 * asks the network for those of topics only with --resolve, and starts nothing. Exit 2 when any file has a fault.
 */
import type { Command } from 'commander';
import { checkDeadLetters } from '../job.js';
import { checkCommitInterval } from '../job/job-targets.js';
import { jobConfiguration } from './configuration/configuration.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { RESOLVE_HELP, addTalkFlags, pairFlag, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { compileScript } from './script-file.js';
import { Terminal } from './terminal/terminal.js';

interface CheckFlags extends TalkFlags {
  readonly resolve?: boolean;
  readonly set?: ReadonlyMap<string, string>;
}

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .argument('<files...>', 'SQL files')
    .description('report every fault of every file, start nothing')
    .option('--set <key=value>', 'as SET in front of each file', pairFlag('--set'))
    .option('--resolve', RESOLVE_HELP);
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
      const resolve = flags.resolve === true;
      const { source, outer, job } = await compileScript({
        file,
        flags,
        resolve,
        compile: { remark: (remark) => terminal.remark(remark) },
      });
      const { values } = jobConfiguration(outer, job, source);
      checkDeadLetters(job, { onError: values.on_error, deadLetter: values.dead_letter });
      checkCommitInterval(job.plan.queries, values['checkpoint.interval']);
      for (const warning of job.plan.warnings) terminal.warn(warning);
      const queries = job.plan.queries.length;
      terminal.note(`${file}: ${queries} ${queries === 1 ? 'query' : 'queries'}, no fault`);
    } catch (error) {
      terminal.error(error);
      exitCode = Math.max(exitCode, exitCodeOf(error));
    }
  }
  return exitCode;
}
