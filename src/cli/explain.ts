/**
 * `velo explain`: what would run, from the syntax tree to the generated kernels. Owns the choice
 * of stage and format; the texts are made by sql/printer, plan/explain/explain-plan and codegen. Reads at most
 * 1,000 records of quoted files, of topics only with --resolve, and starts nothing.
 */
import type { Command } from 'commander';
import { kernelTexts } from '../runtime/kernel-texts.js';
import { redact, redactData } from '../base/redact.js';
import { visibleLines } from '../base/visible-text.js';
import type { CompiledJob } from '../job.js';
import { explain } from '../plan/explain/explain-plan.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { isSpanKey } from '../sql/walk.js';
import { RESOLVE_HELP, addTalkFlags, choiceFlag, pairFlag, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { compileScript } from './script-file.js';
import { Terminal } from './terminal/terminal.js';

const STAGES = ['ast', 'logical', 'pipeline', 'kernels'] as const;
const FORMATS = ['text', 'json', 'mermaid'] as const;

interface ExplainFlags extends TalkFlags {
  readonly execute?: string;
  readonly stage: (typeof STAGES)[number];
  readonly format: (typeof FORMATS)[number];
  readonly set?: ReadonlyMap<string, string>;
  readonly changelog?: boolean;
  readonly resolve?: boolean;
}

export function addExplainCommand(program: Command): void {
  const command = program
    .command('explain')
    .argument('[file]', 'SQL file, SQL text, or - for stdin')
    .description('show what would run')
    .option('-e, --execute <sql>', 'SQL text instead of a file')
    .option('--stage <stage>', STAGES.join(', '), choiceFlag('--stage', STAGES), 'pipeline')
    .option('--format <format>', FORMATS.join(', '), choiceFlag('--format', FORMATS), 'text')
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'))
    .option('--resolve', RESOLVE_HELP)
    .option('--changelog', 'plan for a visible changelog');
  addTalkFlags(command)
    .addHelpText(
      'after',
      '\nExample:\n  $ velo explain query.sql --stage pipeline --format mermaid',
    )
    .action(async (file: string | undefined, flags: ExplainFlags) => {
      process.exitCode = await explainFile(file, flags);
    });
}

async function explainFile(file: string | undefined, flags: ExplainFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const { job } = await compileScript({
      file,
      execute: flags.execute,
      flags: { set: flags.set },
      resolve: flags.resolve === true,
      compile: {
        changelog: flags.changelog === true,
        remark: (remark) => terminal.remark(remark),
      },
    });
    for (const warning of job.plan.warnings) terminal.warn(warning);
    process.stdout.write(`${visibleLines(redact(stageText(job, flags)))}\n`);
    return 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function stageText(job: CompiledJob, { stage, format }: ExplainFlags): string {
  switch (stage) {
    case 'ast':
      return JSON.stringify(redactData(job.script), withoutSpans, 2);
    case 'kernels':
      return kernelTexts(job.plan).join('\n');
    case 'logical':
    case 'pipeline':
      return explain(job.plan, { stage, format });
  }
}

function withoutSpans(key: string, value: unknown): unknown {
  if (isSpanKey(key)) return undefined;
  return typeof value === 'bigint' ? value.toString() : value;
}
