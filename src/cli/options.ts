/**
 * Flags that several commands share: their parsing and checking. A bad value is a ConfigError with
 * the flag's name and an example; what the values mean is the commands' business.
 */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import type { Verbosity } from './terminal.js';

export interface TalkFlags {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export function verbosityOf(flags: TalkFlags): Verbosity {
  if (flags.quiet === true) return 'quiet';
  return flags.verbose === true ? 'verbose' : 'normal';
}

export function addTalkFlags(command: Command): Command {
  return command
    .option('-q, --quiet', 'only errors on stderr')
    .option('-v, --verbose', 'more talk on stderr, stack traces of internal faults');
}

function flagError(flag: string, value: string, hint: string): ConfigError {
  return new ConfigError('FLAG_INVALID', { message: `bad value "${value}" for ${flag}`, hint });
}

/** The whole number that `text` writes; `10m`, `5k` and `1_000` are read too. NaN for the rest. */
export function readWhole(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmb]?)$/i.exec(text.replaceAll('_', '').replaceAll(',', ''));
  const factor = { '': 1, k: 1e3, m: 1e6, b: 1e9 }[(match?.[2] ?? '').toLowerCase()] ?? 1;
  const number = match === null ? Number.NaN : Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(number) ? number : Number.NaN;
}

/** Whole number of at least `least`. */
export function wholeFlag(flag: string, least: number): (value: string) => number {
  return (value) => {
    const number = readWhole(value);
    if (number >= least) return number;
    throw flagError(flag, value, `give a whole number of at least ${least}, like 5000 or 10m`);
  };
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };

/** `30s`, `500ms`, `2m`, `1h` in milliseconds. */
export function durationFlag(flag: string): (value: string) => number {
  return (value) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value);
    if (match !== null) return Number(match[1]) * (DURATION_UNITS[match[2] as string] as number);
    throw flagError(flag, value, 'give a number with its unit: 500ms, 30s, 2m or 1h');
  };
}

export function choiceFlag<T extends string>(
  flag: string,
  choices: readonly T[],
): (value: string) => T {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw flagError(flag, value, `choose one of ${choices.join(', ')}`);
  };
}

/** Repeatable `key=value`. */
export function pairFlag(
  flag: string,
): (value: string, previous: ReadonlyMap<string, string> | undefined) => Map<string, string> {
  return (value, previous) => {
    const at = value.indexOf('=');
    if (at <= 0) throw flagError(flag, value, `write ${flag} key=value`);
    const pairs = new Map(previous ?? []);
    return pairs.set(value.slice(0, at), value.slice(at + 1));
  };
}

/** The SQL text of FILE, `-` (stdin) or -e. */
export async function readSqlText(
  file: string | undefined,
  expression: string | undefined,
): Promise<SourceText> {
  if (expression !== undefined) return { name: '-e', text: expression };
  if (file === undefined) {
    throw new ConfigError('FLAG_INVALID', {
      message: 'no SQL file given',
      hint: `give a file, - for stdin, or -e "SELECT …"`,
    });
  }
  if (file === '-') return { name: 'stdin', text: await readStdin() };
  try {
    return { name: file, text: await readFile(file, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError('SQL_FILE_MISSING', {
      message: `SQL file "${file}" cannot be read (${code ?? 'unknown reason'})`,
      hint:
        code === 'ENOENT' ? 'check the path; it is relative to the working directory' : undefined,
      cause: error,
    });
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
