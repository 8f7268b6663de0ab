/**
 * Completion for zsh: a function per command around _arguments, with descriptions. Owns the script
 * and how texts are quoted for it.
 */
import { allCommands, DEFAULT_COMMAND, firstFlags } from './command-model.js';
import type { CommandFlag, CommandModel, ValueKind } from './command-model.js';

export function zshScript(velo: CommandModel): string {
  const below = allCommands(velo).filter(({ path }) => path.length > 0);
  return `#compdef velo
# velo completion for zsh
${below.map(commandFunction).join('\n')}
_velo() {
  local -a commands
  commands=(
${velo.commands.map(described).join('\n')}
  )
  if (( CURRENT > 2 )) && (( $+functions[_velo_$words[2]] )); then
    local name="$words[2]"
    shift words
    (( CURRENT-- ))
    _velo_$name
  elif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands 'command' commands
    _files -g '*.sql'
  elif (( CURRENT == 2 )); then
    _arguments \\
      ${firstFlags(velo).flatMap(flagSpecs).join(' \\\n      ')}
  else
    # velo FILE.sql and velo --flag … are short for velo ${DEFAULT_COMMAND}.
    _velo_${DEFAULT_COMMAND}
  fi
}
compdef _velo velo`;
}

function described({ path, about }: CommandModel): string {
  return `    ${quoted(`${path.at(-1) ?? ''}:${about.replace(/[:\\]/g, '\\$&')}`)}`;
}

function commandFunction({ path, flags, args, commands }: CommandModel): string {
  const name = `_velo_${path.join('_')}`;
  const specs = flags.flatMap(flagSpecs);
  const rest = args.map(({ name: label, value, variadic }, at) =>
    quoted(`${variadic ? '*' : at + 1}:${label}:${action(value)}`),
  );
  const call = ['_arguments', ...specs, ...rest].join(' \\\n    ');
  if (commands.length === 0) return `${name}() {\n  ${call}\n}`;
  const names = commands.map(({ path: child }) => child.at(-1)).join('|');
  return `${name}() {
  if (( CURRENT > 2 )) && [[ $words[2] == (${names}) ]]; then
    local name="$words[2]"
    shift words
    (( CURRENT-- ))
    ${name}_$name
    return
  fi
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(
${commands.map((command) => `  ${described(command)}`).join('\n')}
    )
    _describe -t commands 'command' commands
  fi
  ${call}
}`;
}

function flagSpecs({ long, short, about, value, placeholder, repeatable }: CommandFlag): string[] {
  // Brackets, colons and backslashes would end the text.
  const text = `[${escaped(about)}]`;
  const label = placeholder.replace(/[<>[\]]/g, '');
  const behind = value === null ? '' : `:${escaped(label)}:${action(value)}`;
  const names = short === null ? [long] : [short, long];
  const others = repeatable ? '*' : short === null ? '' : `(${names.join(' ')})`;
  return names.map((name) => quoted(`${others}${name}${text}${behind}`));
}

function action(value: ValueKind): string {
  switch (value.kind) {
    case 'words':
      return `(${value.words.join(' ')})`;
    case 'file':
      return '_files';
    case 'text':
      return ' ';
  }
}

function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
