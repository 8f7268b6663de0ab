/**
 * Completion for bash (3.2 and newer): commands, flags, the words that a flag takes, and files by
 * readline itself wherever nothing better is known. Owns the script.
 */
import { allCommands, DEFAULT_COMMAND, firstFlags } from './command-model.js';
import type { CommandModel } from './command-model.js';

export function bashScript(velo: CommandModel): string {
  const commands = allCommands(velo);
  const paths = commands.filter(({ path }) => path.length > 0).map(({ path }) => path.join(' '));
  return `# velo completion for bash
_velo() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path="" word at words=""
  COMPREPLY=()
  # --flag=value comes as three words.
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" ]]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${path:+$path }\${COMP_WORDS[at]}"
    case "$word" in
      ${paths.map((path) => `'${path}'`).join(' | ')}) path="$word" ;;
      *) break ;;
    esac
  done
  # velo FILE.sql and velo --flag … are short for velo ${DEFAULT_COMMAND}.
  if [[ -z $path && $COMP_CWORD -gt 1 ]]; then
    path='${DEFAULT_COMMAND}'
  fi
  case "$path $previous" in
${valueCases(commands)}
  esac
  if [[ -z $words ]]; then
    case "$path" in
${commands.map(wordCase).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -z $path ]]; then
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -X '!*.sql' -- "$current"))
  fi
}
complete -o default -F _velo velo`;
}

/** What stands behind a flag: its words, files by readline, or nothing that could be guessed. */
function valueCases(commands: readonly CommandModel[]): string {
  const cases = commands.flatMap(({ path, flags }) =>
    flags.flatMap(({ long, short, value }) => {
      if (value === null) return [];
      const patterns = (short === null ? [long] : [long, short]).map(
        (name) => `'${[...path, name].join(' ')}'`,
      );
      const action =
        value.kind === 'words'
          ? `words="${value.words.join(' ')}"`
          : value.kind === 'file'
            ? 'return'
            : 'compopt +o default 2>/dev/null; return';
      return [`    ${patterns.join(' | ')}) ${action} ;;`];
    }),
  );
  return cases.join('\n');
}

/** What may stand where no value of a flag is due; flags only once a dash is there. */
function wordCase(command: CommandModel): string {
  const { path, args, commands } = command;
  const flags = path.length === 0 ? firstFlags(command) : command.flags;
  const names = flags.flatMap(({ long, short }) => (short === null ? [long] : [long, short]));
  const first = args[0]?.value;
  const words = [
    ...commands.map(({ path: child }) => child.at(-1)),
    ...(first?.kind === 'words' ? first.words : []),
  ];
  return `      '${path.join(' ')}')
        if [[ $current == -* ]]; then
          words="${names.join(' ')}"
        else
          words="${words.join(' ')}"
        fi
        ;;`;
}
