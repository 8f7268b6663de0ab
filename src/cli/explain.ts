/**
 * `velo explain`: what would run, from the syntax tree to the generated kernels. Owns the choice
 * of stage and format; the texts are made by sql/printer, plan/explain and codegen. Reads at most
 * 1,000 records of quoted sources and starts nothing.
 */
import type { Command } from 'commander';
import { kernelTexts } from '../runtime/kernel-texts.js';
import { compileJob } from '../job.js';
import { explain } from '../plan/explain.js';
import { readOuterLayers } from './configuration.js';
import { exitCodeOf } from './exit-code.js';
import { addTalkFlags, choiceFlag, pairFlag, readSqlText, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { Terminal } from './terminal.js';

const STAGES = ['ast', 'logical', 'pipeline', 'kernels'] as const;
const FORMATS = ['text', 'json', 'mermaid'] as const;

interface ExplainFlags extends TalkFlags {
  readonly execute?: string;
  readonly stage: (typeof STAGES)[number];
  readonly format: (typeof FORMATS)[number];
  readonly set?: ReadonlyMap<string, string>;
  readonly changelog?: boolean;
}

export function addExplainCommand(program: Command): void {
  const command = program
    .command('explain')
    .argument('[file]', 'SQL file, or - for stdin')
    .description('show what would run')
    .option('-e, --execute <sql>', 'SQL text instead of a file')
    .option('--stage <stage>', STAGES.join(', '), choiceFlag('--stage', STAGES), 'pipeline')
    .option('--format <format>', FORMATS.join(', '), choiceFlag('--format', FORMATS), 'text')
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'))
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
    const source = await readSqlText(file, flags.execute);
    const outer = await readOuterLayers({ set: flags.set }, source.text);
    const job = await compileJob({
      source,
      variables: (name) => process.env[name],
      settings: Object.fromEntries(flags.set ?? []),
      defaults: outer.defaults,
      changelog: flags.changelog === true,
      redirects: new Map(),
      limit: null,
    });
    for (const warning of job.plan.warnings) terminal.warn(warning);
    process.stdout.write(`${stageText(job, flags)}\n`);
    return 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

function stageText(
  job: Awaited<ReturnType<typeof compileJob>>,
  { stage, format }: ExplainFlags,
): string {
  switch (stage) {
    case 'ast':
      return JSON.stringify(job.script, withoutSpans, 2);
    case 'kernels':
      return kernelTexts(job.plan).join('\n');
    case 'logical':
    case 'pipeline':
      return explain(job.plan, { stage, format });
  }
}

function withoutSpans(key: string, value: unknown): unknown {
  if (key === 'span' || key === 'valueSpan') return undefined;
  return typeof value === 'bigint' ? value.toString() : value;
}
