/**
 * The commands as plain data, read out of commander's definition: what completion scripts and the
 * manual page are made of, so that neither can say otherwise than `--help`. Owns what kind of value
 * a flag takes; how a shell or a page writes it down is theirs.
 */
import type { Argument, Command, Option } from 'commander';
import { wordsOf } from '../options.js';

/** What a value is: one of some words (or another), a file, or a text that nobody can guess. */
export type ValueKind =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' }
  | { readonly kind: 'text' };

export interface CommandFlag {
  readonly long: string;
  readonly short: string | null;
  readonly about: string;
  /** As the help writes it: `<file>`. */
  readonly placeholder: string;
  readonly value: ValueKind | null;
  readonly repeatable: boolean;
  /** null: none, or one that the description says. */
  readonly preset: string | null;
}

export interface CommandArgument {
  readonly name: string;
  readonly about: string;
  readonly value: ValueKind;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface CommandModel {
  /** Without `velo`; empty for velo itself. */
  readonly path: readonly string[];
  readonly about: string;
  readonly flags: readonly CommandFlag[];
  readonly args: readonly CommandArgument[];
  readonly commands: readonly CommandModel[];
}

/** Stands for `velo FILE.sql`. */
export const DEFAULT_COMMAND = 'run';

const FILE_PLACEHOLDER = /file|path|uri|folder|dir/i;

const HELP: CommandFlag = {
  long: '--help',
  short: '-h',
  about: 'display help for command',
  placeholder: '',
  value: null,
  repeatable: false,
  preset: null,
};

export function commandModel(command: Command, path: readonly string[] = []): CommandModel {
  return {
    path,
    about: command.description(),
    flags: [...command.options.flatMap(flagOf), HELP],
    args: command.registeredArguments.map(argumentOf),
    commands: command.commands.map((child) => commandModel(child, [...path, child.name()])),
  };
}

/** The model and all below it, in the order of the help. */
export function allCommands(model: CommandModel): CommandModel[] {
  return [model, ...model.commands.flatMap(allCommands)];
}

/** What may stand behind `velo` at once: its own flags, and those of the default command. */
export function firstFlags({ flags, commands }: CommandModel): readonly CommandFlag[] {
  const [standard] = commands.filter(({ path }) => path.join(' ') === DEFAULT_COMMAND);
  const own = flags.filter(({ long }) => long !== HELP.long);
  return [...own, ...(standard?.flags ?? [])];
}

function flagOf(option: Option): CommandFlag[] {
  const { long, short, flags, description, required, optional, parseArg, defaultValue } = option;
  if (option.hidden || long == null) return [];
  const placeholder = /[<[].*$/.exec(flags)?.[0] ?? '';
  const preset: unknown = defaultValue;
  const isShown = typeof preset === 'string' || typeof preset === 'number';
  return [
    {
      long,
      short: short ?? null,
      about: description,
      placeholder,
      value: required || optional ? valueOf(parseArg, placeholder) : null,
      // What gathers its values takes the earlier ones as its second parameter.
      repeatable: option.variadic || (parseArg?.length ?? 0) > 1,
      preset: isShown ? String(preset) : null,
    },
  ];
}

function argumentOf(argument: Argument): CommandArgument {
  const { description, required, variadic, parseArg } = argument;
  const words = wordsOf(parseArg);
  return {
    name: argument.name(),
    about: description,
    value: words.length > 0 ? { kind: 'words', words } : { kind: 'file' },
    required,
    variadic,
  };
}

function valueOf(parse: unknown, placeholder: string): ValueKind {
  const words = wordsOf(parse);
  if (words.length > 0) return { kind: 'words', words };
  return { kind: FILE_PLACEHOLDER.test(placeholder) ? 'file' : 'text' };
}
