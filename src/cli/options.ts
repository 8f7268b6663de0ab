/**
 * Flags that several commands share: their parsing and checking. A bad value is a ConfigError with
 * the flag's name and an example; what the values mean is the commands' business.
 */
import { isUtf8 } from 'node:buffer';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError, SqlError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import type { Verbosity } from './terminal/terminal.js';

export interface TalkFlags {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Of --resolve. */
export const RESOLVE_HELP = 'ask topics for their schemas, put variables into quoted addresses';

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

/** A flag's parser that says which words the flag takes, for completion. */
export interface WordParser<T> {
  (text: string): T;
  readonly words: readonly string[];
}

export function withWords<T>(parse: (text: string) => T, words: readonly string[]): WordParser<T> {
  return Object.assign((text: string) => parse(text), { words });
}

/** The words that a flag or an argument takes; none where it takes others. */
export function wordsOf(parse: unknown): readonly string[] {
  return typeof parse === 'function' && 'words' in parse && Array.isArray(parse.words)
    ? (parse.words as readonly string[])
    : [];
}

export function choiceFlag<T extends string>(flag: string, choices: readonly T[]): WordParser<T> {
  return withWords((value) => {
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw flagError(flag, value, `choose one of ${choices.join(', ')}`);
  }, choices);
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

/** Whether what stands for a SQL file is the SQL itself: several words, and no file of that name. */
export function isSqlArgument(argument: string): boolean {
  return /\S\s+\S/.test(argument) && !/\.sql$/i.test(argument) && !existsSync(argument);
}

/** The SQL text of FILE, `-` (stdin), -e, or an argument that is the text itself. */
export async function readSqlText(
  file: string | undefined,
  expression: string | undefined,
): Promise<SourceText> {
  if (expression !== undefined) return { name: '-e', text: expression };
  if (file === undefined) {
    throw new ConfigError('FLAG_INVALID', {
      message: 'no SQL file given',
      hint: 'give a file, - for stdin, or the SQL itself: "SELECT …"',
    });
  }
  if (isSqlArgument(file)) return { name: 'sql', text: file };
  if (file === '-') return sourceOf('stdin', await readStdin());
  return sourceOf(file, await readSqlFile(file));
}

async function readSqlFile(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
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

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Throws SqlError SYNTAX at the first byte that is no UTF-8: it would be read as another text. */
function sourceOf(name: string, bytes: Buffer): SourceText {
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return { name, text };
  const at = firstReplaced(bytes, text);
  const byte = (bytes[Buffer.byteLength(text.slice(0, at))] ?? 0).toString(16);
  const isUtf16 = bytes.subarray(0, 2).equals(UTF_16) || bytes.subarray(0, 2).equals(UTF_16_BIG);
  throw new SqlError('SYNTAX', {
    message: `byte 0x${byte.padStart(2, '0')} is no UTF-8`,
    span: { start: at, end: at + 1 },
    source: { name, text },
    hint: isUtf16 ? 'the file looks like UTF-16: save it as UTF-8' : 'save the file as UTF-8',
  });
}

const UTF_16 = Buffer.of(0xff, 0xfe);
const UTF_16_BIG = Buffer.of(0xfe, 0xff);
const REPLACEMENT = '\ufffd';

/** Where the text first has a replacement character that is not in the bytes. */
function firstReplaced(bytes: Buffer, text: string): number {
  const own = Buffer.from(REPLACEMENT);
  for (let at = text.indexOf(REPLACEMENT); ; at = text.indexOf(REPLACEMENT, at + 1)) {
    const start = Buffer.byteLength(text.slice(0, at));
    if (!bytes.subarray(start, start + own.length).equals(own)) return at;
  }
}
