/**
 * Completion for fish: one `complete` line per command, flag and argument, with descriptions. Owns
 * the script, and the function that says at which command the line stands.
 */
import { allCommands, DEFAULT_COMMAND } from './command-model.js';
import type { CommandFlag, CommandModel, ValueKind } from './command-model.js';

export function fishScript(velo: CommandModel): string {
  const commands = allCommands(velo);
  const paths = commands.filter(({ path }) => path.length > 0).map(({ path }) => path.join(' '));
  return `# velo completion for fish
# Whether the commands typed so far are one of the arguments; velo FILE.sql is velo ${DEFAULT_COMMAND}.
function __velo_at
    set -l typed (commandline -opc)
    set -l at ''
    for word in $typed[2..-1]
        set -l next (string trim "$at $word")
        contains -- "$next" ${paths.map(quoted).join(' ')}
        or break
        set at "$next"
    end
    test -z "$at" -a (count $typed) -gt 1
    and set at ${DEFAULT_COMMAND}
    contains -- "$at" $argv
end
${commands.flatMap(linesOf).join('\n')}`;
}

function linesOf({ path, flags, args, commands }: CommandModel): string[] {
  const here = quoted(`__velo_at ${quoted(path.join(' '))}`);
  const [first] = args;
  return [
    ...commands.map(
      ({ path: child, about }) =>
        `complete -c velo -n ${here} -a ${child.at(-1) ?? ''} -d ${quoted(about)}`,
    ),
    ...(first?.value.kind === 'words'
      ? [`complete -c velo -n ${here} -f -a ${quoted(first.value.words.join(' '))}`]
      : []),
    ...flags.map((flag) => flagLine(flag, conditionOf(path))),
  ];
}

/** Flags in front of everything are those of the default command. */
function conditionOf(path: readonly string[]): string {
  const places = path.join(' ') === DEFAULT_COMMAND ? [DEFAULT_COMMAND, ''] : [path.join(' ')];
  return quoted(`__velo_at ${places.map(quoted).join(' ')}`);
}

function flagLine({ long, short, about, value }: CommandFlag, condition: string): string {
  const name = `-l ${long.slice(2)}${short === null ? '' : ` -s ${short.slice(1)}`}`;
  return `complete -c velo -n ${condition} ${name}${takes(value)} -d ${quoted(about)}`;
}

function takes(value: ValueKind | null): string {
  switch (value?.kind) {
    case undefined:
      return '';
    case 'words':
      return ` -x -a ${quoted(value.words.join(' '))}`;
    case 'file':
      return ' -r -F';
    case 'text':
      return ' -x';
  }
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
