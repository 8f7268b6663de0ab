/**
 * `velo config`: every setting, its value and where it came from. Owns the listing; the layers are
 * configuration.ts. Reads at most 1,000 records of a file's quoted files and starts nothing.
 */
import type { Command } from 'commander';
import { redact } from '../base/redact.js';
import { visibleText } from '../base/visible-text.js';
import {
  jobConfiguration,
  readOuterLayers,
  resolveConfiguration,
} from './configuration/configuration.js';
import type { Configuration } from './configuration/configuration.js';
import { SETTING_KEYS } from './configuration/configuration-schema.js';
import type { SettingKey } from './configuration/configuration-schema.js';
import { addEngineFlags, addPlacementFlags } from './configuration/engine-flags.js';
import type { SettingFlags } from './configuration/engine-flags.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { RESOLVE_HELP, addTalkFlags, choiceFlag, pairFlag, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { compileScript } from './script-file.js';
import { Terminal } from './terminal/terminal.js';

const FORMATS = ['text', 'json'] as const;

interface ConfigFlags extends TalkFlags, Omit<SettingFlags, 'format'> {
  readonly format: (typeof FORMATS)[number];
  readonly resolve?: boolean;
}

const EXAMPLES = `
Examples:
  $ velo config
  $ velo config query.sql --format json
  $ VELO_NUM_PARTITIONS=8 velo config query.sql --workers 2`;

export function addConfigCommand(program: Command): void {
  const command = program
    .command('config')
    .argument('[file]', 'SQL file whose annotations and SET count')
    .description('print every setting, its value and where it came from')
    .option('--format <format>', FORMATS.join(', '), choiceFlag('--format', FORMATS), 'text')
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'))
    .option('--resolve', RESOLVE_HELP);
  addTalkFlags(addEngineFlags(addPlacementFlags(command)))
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: ConfigFlags) => {
      process.exitCode = await printConfiguration(file, flags);
    });
}

async function printConfiguration(file: string | undefined, flags: ConfigFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  try {
    const configuration = await configurationOf(file, flags, terminal);
    for (const line of configuration.notices) terminal.note(line);
    const text = flags.format === 'json' ? jsonText(configuration) : table(configuration, terminal);
    process.stdout.write(`${redact(text)}\n`);
    return 0;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

async function configurationOf(
  file: string | undefined,
  { format: _of, ...flags }: ConfigFlags,
  terminal: Terminal,
): Promise<Configuration> {
  if (file === undefined) {
    const nothing = new Map();
    const outer = await readOuterLayers(flags, '');
    return resolveConfiguration({ ...outer, annotations: nothing, settings: nothing });
  }
  const { source, outer, job } = await compileScript({
    file,
    flags,
    resolve: flags.resolve === true,
    compile: { needsQuery: false, remark: (remark) => terminal.remark(remark) },
  });
  for (const warning of job.plan.warnings) terminal.warn(warning);
  return jobConfiguration(outer, job, source);
}

const DURATIONS: readonly SettingKey[] = [
  'target_latency',
  'backpressure.latency_threshold',
  'throttle.min_delay',
  'throttle.max_delay',
  'checkpoint.interval',
  'restart.delay',
  'allowed_lateness',
  'source_idle_timeout',
  'state_ttl',
];

/** A value as velo.yaml would write it. */
function plainValue(key: SettingKey, { values }: Configuration): string | number | boolean | null {
  const value = values[key];
  if (typeof value === 'object' && value !== null) return value.kind;
  if (key === 'metrics_port' && value === null) return 'off';
  return DURATIONS.includes(key) ? `${String(value)}ms` : value;
}

function table(configuration: Configuration, terminal: Terminal): string {
  const rows = SETTING_KEYS.map((key) => [
    key,
    visibleText(String(plainValue(key, configuration) ?? 'none')),
  ]);
  const width = (column: number): number =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [keyWidth, valueWidth] = [width(0), width(1)];
  const lines = rows.map(([key = '', value = '']) => {
    const origin = configuration.origins[key as SettingKey];
    const { dim } = terminal.outColor;
    return `${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${origin === 'default' ? dim(origin) : origin}`;
  });
  return lines.join('\n');
}

function jsonText(configuration: Configuration): string {
  const entries = SETTING_KEYS.map((key) => [
    key,
    { value: plainValue(key, configuration), origin: configuration.origins[key] },
  ]);
  return JSON.stringify({ schema: 1, settings: Object.fromEntries(entries) }, null, 2);
}
