/**
 * Files that are no SQL at all: data, archives, scripts given by mistake. One error that says what
 * the file looks like helps; a fault for every character does not. Owns the guess, which is made
 * only where the text does not begin like a statement; whatever it does not know goes to the parser.
 */
import { SqlError } from '../base/errors.js';
import type { SourceText } from '../base/errors.js';
import { closest } from './suggest.js';

/** What statements begin with, in velo or elsewhere: the parser says what it thinks of those. */
// prettier-ignore
const STATEMENT_WORDS = [
  'SELECT', 'WITH', 'INSERT', 'CREATE', 'SET', 'VALUES', 'TABLE', 'FROM', 'EXPLAIN', 'DESCRIBE',
  'DROP', 'ALTER', 'USE', 'SHOW', 'ADD', 'BEGIN', 'END', 'EXECUTE', 'UPDATE', 'DELETE', 'MERGE',
  'UPSERT', 'ANALYZE', 'TRUNCATE', 'RESET', 'LOAD', 'CALL', 'REPLACE', 'COPY', 'PRAGMA', 'EMIT',
];

/** First bytes of formats that are no text, as they look when they were read as UTF-8. */
const BINARY: readonly (readonly [RegExp, string])[] = [
  [/^PAR1/, 'a Parquet file'],
  [/^Obj\u0001/, 'an Avro file'],
  [/^PK\u0003\u0004/, 'a ZIP archive'],
  [/^\u001f[\u008b\ufffd]/, 'a gzip archive'],
  [/^BZh[1-9]/, 'a bzip2 archive'],
  [/^\(\ufffd\/\ufffd/, 'a Zstandard archive'],
  [/^SQLite format 3\u0000/, 'a SQLite database'],
  [/^\u0089?\ufffd?PNG\r\n/, 'a PNG image'],
  [/^%PDF-/, 'a PDF document'],
];

const DELIMITERS = [',', '\t', ';', '|'];
/** So many lines must agree on a delimiter, where there are as many. */
const SAMPLE_LINES = 5;
/** Characters that are looked at. */
const SAMPLE_LENGTH = 65_536;

/** The fault of a text that is no SQL; null: it may be some. */
export function foreignText(source: SourceText): SqlError | null {
  const sample = source.text.slice(0, SAMPLE_LENGTH);
  const [kind, isData] = kindOf(sample);

  const isText = !/[\u0000-\u0008\ufffd]/.test(sample);
  if (kind === null) return null;
  const start = sample.search(/\S/);
  const line = /[^\n\r]*/.exec(sample.slice(start))?.[0] ?? '';
  const place = isText ? { source, span: { start, end: start + Math.min(line.length, 40) } } : {};
  return new SqlError('SYNTAX', {
    message: `"${source.name}" is no SQL: it looks like ${kind}`,
    ...place,
    hint: isData
      ? `to read it as data: velo run -e "SELECT * FROM '${source.name}'"`
      : 'give a file with SQL statements',
  });
}

function kindOf(sample: string): readonly [kind: string | null, isData: boolean] {
  const binary = BINARY.find(([magic]) => magic.test(sample));
  if (binary !== undefined) return [binary[1], false];
  if (/^\s*#!/.test(sample)) return ['a script', false];
  const text = sample.replace(/^(?:\s+|--[^\n]*\n|\/\*[\s\S]*?\*\/)*/, '');
  const word = /^[A-Za-z_]+/.exec(text)?.[0] ?? '';
  if (word !== '' && isStatementWord(word, text)) return [null, false];
  if (/[\u0000-\u0008]/.test(sample)) return ['binary data', false];
  if (/^\{\s*["}]/.test(text) || /^\[\s*[[{"\d\]]/.test(text)) return ['JSON', true];
  if (/^<[!?A-Za-z]/.test(text)) return ['XML or HTML', false];
  const delimiter = delimiterOf(text);
  if (delimiter !== null) return [delimiter === '\t' ? 'TSV' : 'CSV', true];
  if (/^[\w.-]+:(?:\s|$)/.test(text)) return ['YAML', false];
  if (/^(?:\d{1,3}\.){3}\d{1,3} \S+ \S+ \[/.test(text)) return ['the log of a web server', false];
  return [null, false];
}

function isStatementWord(word: string, text: string): boolean {
  const upper = word.toUpperCase();
  const ends = /^[\s(;*]|^$/.test(text.slice(word.length));
  if (STATEMENT_WORDS.includes(upper)) return ends;
  return ends && closest(word, STATEMENT_WORDS) !== undefined;
}

/** The delimiter of which all first lines have the same number, if there are two lines at least. */
function delimiterOf(text: string): string | null {
  const lines = text.split(/\r?\n/, SAMPLE_LINES + 1).filter((line) => line !== '');
  // The last line of the sample may be cut.
  const whole = text.length < SAMPLE_LENGTH ? lines : lines.slice(0, -1);
  if (whole.length < 2) return null;
  for (const delimiter of DELIMITERS) {
    const counts = whole
      .slice(0, SAMPLE_LINES)
      .map((line) => unquoted(line).split(delimiter).length);
    const [first = 1] = counts;
    if (first > 1 && counts.every((count) => count === first)) return delimiter;
  }
  return null;
}

function unquoted(line: string): string {
  return line.replace(/"(?:[^"]|"")*"/g, '');
}
