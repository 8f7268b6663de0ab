/**
 * `velo completion bash|zsh|fish`: a script for the shell, made from the commands that are there.
 * Completes command names, their flags with descriptions where the shell shows them, and files
 * everywhere else. The script holds all it needs: pressing Tab starts no velo.
 */
import type { Command, Option } from 'commander';
import { choiceFlag } from './options.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const EXAMPLES = `
Examples:
  $ velo completion bash > /etc/bash_completion.d/velo
  $ velo completion zsh > "\${fpath[1]}/_velo"
  $ velo completion fish > ~/.config/fish/completions/velo.fish`;

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '), choiceFlag('completion', SHELLS))
    .description('print a completion script for a shell')
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => {
      process.stdout.write(`${SCRIPTS[shell](commandsOf(program))}\n`);
    });
}

interface CompletedCommand {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly CompletedFlag[];
}

interface CompletedFlag {
  readonly long: string;
  readonly short: string | undefined;
  readonly about: string;
  readonly takesValue: boolean;
}

const HELP: CompletedFlag = {
  long: '--help',
  short: '-h',
  about: 'display help for command',
  takesValue: false,
};

function commandsOf(program: Command): CompletedCommand[] {
  return program.commands.map((command) => ({
    name: command.name(),
    about: command.description(),
    flags: [...command.options.flatMap(flagOf), HELP],
  }));
}

function flagOf(option: Option): CompletedFlag[] {
  const { long, short, description, required, optional } = option;
  if (option.hidden || long == null) return [];
  return [
    { long, short: short ?? undefined, about: description, takesValue: required || optional },
  ];
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function namesOf({ flags }: CompletedCommand): string {
  return flags
    .flatMap(({ long, short }) => (short === undefined ? [long] : [long, short]))
    .join(' ');
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const cases = commands.map((command) => `    ${command.name}) words="${namesOf(command)}" ;;`);
  return `# velo completion for bash
_velo() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -o default -F _velo velo`;
}

function zshScript(commands: readonly CompletedCommand[]): string {
  const named = commands.map(({ name, about }) => `    ${zshText(`${name}:${about}`)}`);
  const cases = commands.map((command) => {
    const specs = command.flags.map((flag) => `        ${zshSpec(flag)} \\`);
    return `      ${command.name})\n        _arguments \\\n${specs.join('\n')}\n          '*:file:_files' ;;`;
  });
  return `#compdef velo
# velo completion for zsh
_velo() {
  local -a commands
  commands=(
${named.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
  else
    local name="$words[2]"
    shift words
    (( CURRENT-- ))
    case "$name" in
${cases.join('\n')}
    esac
  fi
}
compdef _velo velo`;
}

/** One flag for _arguments: brackets and colons of its text would end the text. */
function zshSpec({ long, short, about, takesValue }: CompletedFlag): string {
  const text = `[${about.replace(/[[\]:\\]/g, '\\$&')}]${takesValue ? ':value:_files' : ''}`;
  const names = short === undefined ? [long] : [short, long];
  return names.map((name) => zshText(`${name}${text}`)).join(' ');
}

function zshText(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = ['# velo completion for fish'];
  for (const { name, about, flags } of commands) {
    lines.push(`complete -c velo -n __fish_use_subcommand -a ${name} -d ${fishText(about)}`);
    for (const { long, short, about: text, takesValue } of flags) {
      const shortText = short === undefined ? '' : ` -s ${short.slice(1)}`;
      const value = takesValue ? ' -r' : '';
      lines.push(
        `complete -c velo -n '__fish_seen_subcommand_from ${name}' -l ${long.slice(2)}${shortText}${value} -d ${fishText(text)}`,
      );
    }
  }
  return lines.join('\n');
}

function fishText(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
