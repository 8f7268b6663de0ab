/**
 * `velo doctor`: what this machine lacks, and whether what a job talks to answers. Owns flags, the
 * report on stdout and the exit code: 0 when all is well or there are only notes, 1 when something
 * is broken. What is looked at is installation/.
 */
import type { Command } from 'commander';
import { learnSecretsOf, redactData } from '../base/redact.js';
import { scansOf } from '../plan/pipeline/pipeline-plan.js';
import { readOuterLayers } from './configuration/configuration.js';
import { features } from './installation/features.js';
import { findingOf } from './installation/finding.js';
import type { Finding, FindingStatus } from './installation/finding.js';
import { machineFindings } from './installation/machine-checks.js';
import { brokersFindings, registryFindings, tableFindings } from './installation/outside-checks.js';
import type { OutsideOptions } from './installation/outside-checks.js';
import { addTalkFlags, durationFlag, pairFlag, verbosityOf } from './options.js';
import type { TalkFlags } from './options.js';
import { compileScript } from './script-file.js';
import { shownText } from './terminal/error-text.js';
import { exitCodeOf } from './terminal/exit-code.js';
import { Terminal } from './terminal/terminal.js';

interface DoctorFlags extends TalkFlags {
  readonly brokers?: string;
  readonly registry?: string;
  readonly timeout?: number;
  readonly set?: ReadonlyMap<string, string>;
  readonly config?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  $ velo doctor
  $ velo doctor query.sql
  $ velo doctor --brokers localhost:9092 --registry http://localhost:8081
  $ velo doctor --brokers 'kafka:9093?properties.security.protocol=SSL' --timeout 3s --json`;

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .argument('[file]', 'SQL file whose brokers, topics and registries are asked')
    .description('say what this machine lacks, and whether brokers and registries answer')
    .option('--brokers <host:port>', 'ask these brokers, with ?option=value as in WITH')
    .option('--registry <URL>', 'ask this schema registry')
    .option(
      '--timeout <time>',
      "how long each may take (default: the table's connect.timeout, 10s)",
      durationFlag('--timeout'),
    )
    .option('--set <key=value>', 'as SET in front of the file', pairFlag('--set'))
    .option('--config <file>', 'settings file (default: velo.yaml of the working directory)')
    .option('--json', 'one JSON document on stdout');
  addTalkFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: DoctorFlags) => {
      process.exitCode = await examine(file, flags);
    });
}

async function examine(file: string | undefined, flags: DoctorFlags): Promise<number> {
  const terminal = new Terminal(verbosityOf(flags));
  for (const text of [flags.brokers, flags.registry]) learnSecretsOf(text ?? '');
  try {
    const findings = await allFindings(file, flags, terminal);
    terminal.stopProgress();
    const broken = findings.filter(({ status }) => status === 'broken').length;
    process.stdout.write(flags.json === true ? json(findings) : report(findings, flags, terminal));
    const notes = findings.filter(({ status }) => status === 'note').length;
    terminal.note(verdict(broken, notes));
    return broken === 0 ? 0 : 1;
  } catch (error) {
    terminal.error(error);
    return exitCodeOf(error);
  }
}

async function allFindings(
  file: string | undefined,
  flags: DoctorFlags,
  terminal: Terminal,
): Promise<Finding[]> {
  const found = features();
  const options = { timeoutMs: flags.timeout ?? null, librdkafka: found.librdkafka };
  const findings = [...machineFindings(found), await settingsFinding(flags)];
  if (flags.brokers !== undefined) {
    terminal.progress(`asking ${flags.brokers}`);
    findings.push(...(await brokersFindings(flags.brokers, options)));
  }
  if (flags.registry !== undefined) {
    terminal.progress(`asking ${flags.registry}`);
    findings.push(...(await registryFindings(flags.registry, options)));
  }
  if (file !== undefined) {
    terminal.progress(`asking the tables of ${file}`);
    findings.push(...(await fileFindings(file, flags, options)));
  }
  return findings;
}

async function settingsFinding(flags: DoctorFlags): Promise<Finding> {
  const name = 'settings';
  try {
    const { yaml, environment } = await readOuterLayers(flags, '');
    const count = `${yaml.size} in velo.yaml, ${environment.size} in the environment`;
    return { name, status: 'ok', text: count };
  } catch (error) {
    return findingOf(name, error);
  }
}

/** Each table once, whatever reads it. */
async function fileFindings(
  file: string,
  flags: DoctorFlags,
  options: OutsideOptions,
): Promise<Finding[]> {
  try {
    const { job } = await compileScript({ file, flags, resolve: true });
    const { queries } = job.plan;
    const read = new Map(
      queries.flatMap(({ root }) => scansOf(root)).map(({ table }) => [table.name, table]),
    );
    const written = new Map(
      queries.flatMap(({ sink }) => (sink.table === null ? [] : [[sink.table.name, sink.table]])),
    );
    const findings: Finding[] = [
      { name: 'file', status: 'ok', text: `${file}: ${read.size + written.size} tables` },
    ];
    for (const [use, tables] of [
      ['read', read],
      ['written', written],
    ] as const) {
      for (const table of tables.values()) {
        if (table.connector !== 'kafka') continue;
        findings.push(...(await tableFindings(table, use, options)));
      }
    }
    return findings;
  } catch (error) {
    return [findingOf('file', error)];
  }
}

function json(findings: readonly Finding[]): string {
  const ok = findings.every(({ status }) => status !== 'broken');
  return `${JSON.stringify(redactData({ schema: 1, ok, checks: findings }), null, 2)}\n`;
}

/** With -q what is well is left out. */
function report(findings: readonly Finding[], flags: DoctorFlags, terminal: Terminal): string {
  const { green, yellow, red, dim } = terminal.outColor;
  const paint: Readonly<Record<FindingStatus, (text: string) => string>> = {
    ok: green,
    note: yellow,
    broken: red,
  };
  const shown = flags.quiet === true ? findings.filter(({ status }) => status !== 'ok') : findings;
  const width = Math.max(0, ...shown.map(({ name }) => name.length));
  const indent = ' '.repeat(8 + width + 2);
  const lines = shown.flatMap(({ name, status, text, detail, hint }) => [
    `${paint[status](status.padEnd(8))}${name.padEnd(width)}  ${shownText(text)}`,
    ...(detail === undefined ? [] : [dim(`${indent}${shownText(detail)}`)]),
    ...(hint === undefined ? [] : [`${indent}hint: ${shownText(hint)}`]),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

function verdict(broken: number, notes: number): string {
  const noted = notes === 0 ? '' : `, ${notes} ${notes === 1 ? 'note' : 'notes'}`;
  return broken === 0 ? `nothing is broken${noted}` : `${broken} broken${noted}`;
}
