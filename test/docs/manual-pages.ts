/**
 * The manual as docs/commands.md and as man/velo.1: both are made of the commands that commander
 * has, with the examples of their --help. Owns the two forms of writing.
 */
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/commands.js';
import { allCommands, commandModel } from '../../src/cli/shells/command-model.js';
import type { CommandFlag, CommandModel } from '../../src/cli/shells/command-model.js';

export interface ManualCommand extends CommandModel {
  readonly usage: string;
  /** Lines as one types them, without the prompt; continued ones with their indentation. */
  readonly examples: readonly string[];
}

/** velo itself, then every command in the order of the help. */
export async function manualCommands(): Promise<ManualCommand[]> {
  const program = await createProgram();
  return allCommands(commandModel(program)).map((model) => {
    const command = commandAt(program, model.path);
    return { ...model, usage: usageOf(command, model.path), examples: examplesOf(command) };
  });
}

function commandAt(program: Command, path: readonly string[]): Command {
  return path.reduce<Command>((at, name) => {
    const child = at.commands.find((command) => command.name() === name);
    if (child === undefined) throw new Error(`no command ${name}`);
    return child;
  }, program);
}

function usageOf(command: Command, path: readonly string[]): string {
  return ['velo', ...path, command.usage()].join(' ');
}

/** What stands behind "Examples:" in the help, where addHelpText has put it. */
function examplesOf(command: Command): string[] {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  const [, text = ''] = help.split(/^Examples?:\n/m);
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.replace(/^ {2}(\$ )?/, ''));
}

/** `-q, --quiet`, `--config <file>` */
function flagText({ short, long, placeholder }: CommandFlag): string {
  const names = short === null ? long : `${short}, ${long}`;
  return placeholder === '' ? names : `${names} ${placeholder}`;
}

function aboutText({ about, preset }: CommandFlag): string {
  return preset === null ? about : `${about} (default: ${preset})`;
}

const INTRODUCTION = `# Commands

Generated from the definitions that \`--help\`, \`man velo\` and completion are made of. \`velo FILE.sql\`, \`velo "SELECT …"\`
and \`velo --flag …\` are short for \`velo run\`. The settings of a job are in [configuration.md](configuration.md).
`;

export function commandsMarkdown(commands: readonly ManualCommand[]): string {
  const exits = EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |\n`).join('');
  const sections = commands.map(markdownSection).join('\n');
  return `${INTRODUCTION}\n${sections}\n## Exit codes\n\n| code | meaning |\n|--|--|\n${exits}`;
}

function markdownSection(command: ManualCommand): string {
  const { path, about, usage, args, flags, examples } = command;
  const title = path.length === 0 ? 'velo' : `velo ${path.join(' ')}`;
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const rows = [
    ...args.map(({ name, about: text }) => `| \`${name}\` | ${cell(text)} |`),
    ...flags
      .filter(({ long }) => long !== '--help')
      .map((flag) => `| \`${flagText(flag).replaceAll('|', '\\|')}\` | ${cell(aboutText(flag))} |`),
  ];
  const table =
    rows.length === 0 ? '' : `\n| argument, flag | meaning |\n|--|--|\n${rows.join('\n')}\n`;
  const shown = examples.map((line) => `${/^\s/.test(line) ? '' : '$ '}${line}`).join('\n');
  return `## ${title}\n\n\`${usage}\`\n\n${sentence(about)}\n${table}\n\`\`\`console\n${shown}\n\`\`\`\n`;
}

function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return first.endsWith('.') ? first : `${first}.`;
}

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'the job failed: data, a connector, state; a case of velo test failed'],
  ['2', 'a bad flag or setting, a missing SQL file, or a fault of the SQL text'],
  ['3', 'a benchmark is slower than its baseline, or its output did not verify'],
  ['4', 'a baseline that says nothing about this machine, without --force'],
  ['130, 143, 129', 'ended by SIGINT, SIGTERM or SIGHUP, after a clean stop'],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['VELO_…', 'every setting of velo config, in capitals and with underscores: VELO_WORKERS=2'],
  ['NO_COLOR, FORCE_COLOR', 'no colours, or colours although nothing is a terminal'],
  [
    '${NAME} in SQL',
    'variables of the environment stand in SQL text as ${NAME} or ${NAME:-default}',
  ],
];

const SYNOPSIS = [
  'velo [command] [options] [FILE.sql | "SQL"]',
  'velo FILE.sql',
  'velo "SELECT …"',
];

/** man(7), which groff and mandoc read. */
export function manPage(commands: readonly ManualCommand[], version: string): string {
  const [velo] = commands;
  const sections = commands.filter(({ path }) => path.length > 0).map(manSection);
  return [
    `.\\" Generated from the commands of velo by test/docs/manual-pages.ts.`,
    `.TH VELO 1 "" "velo ${version}" "User Commands"`,
    '.SH NAME',
    'velo \\- run and benchmark SQL stream jobs on one machine',
    '.SH SYNOPSIS',
    ...SYNOPSIS.flatMap((line, at) => (at === 0 ? [roff(line)] : ['.br', roff(line)])),
    '.SH DESCRIPTION',
    'Runs SQL files as stream jobs, from Kafka, files or generated data, on one thread or on partitions over',
    'worker threads, and measures itself. Rows go to standard output, everything else to standard error.',
    '.B velo FILE.sql',
    'is short for',
    '.BR "velo run FILE.sql" .',
    '.SH OPTIONS',
    ...(velo?.flags ?? []).flatMap(manFlag),
    '.SH COMMANDS',
    ...sections.flat(),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(definition),
    '.SH FILES',
    ...definition(['velo.yaml', 'settings of the working directory; --config names another file']),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(definition),
    '.SH EXAMPLES',
    ...manExamples(velo?.examples ?? []),
    '',
  ].join('\n');
}

function manSection({ path, about, usage, args, flags, examples }: ManualCommand): string[] {
  return [
    `.SS ${roff(`velo ${path.join(' ')}`)}`,
    roff(usage),
    '.PP',
    roff(sentence(about)),
    ...args.flatMap(({ name, about: text }) => ['.TP', `.I ${roff(name)}`, roff(text)]),
    ...flags.filter(({ long }) => long !== '--help').flatMap(manFlag),
    '.PP',
    ...manExamples(examples),
  ];
}

function manFlag(flag: CommandFlag): string[] {
  return ['.TP', `.B ${roff(flagText(flag))}`, roff(aboutText(flag))];
}

function definition([term = '', text = '']: readonly string[]): string[] {
  return ['.TP', `.B ${roff(term)}`, roff(text)];
}

function manExamples(lines: readonly string[]): string[] {
  return ['.EX', ...lines.map((line) => `  ${roff(line)}`), '.EE'];
}

/** No character of the text means something to roff; a dash is one that can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('`', '\\(ga')
    .replace(/^\./, '\\&.')
    .replaceAll("'", '\\(aq')
    .replaceAll('×', '\\(mu')
    .replaceAll('"', '\\(dq');
}
