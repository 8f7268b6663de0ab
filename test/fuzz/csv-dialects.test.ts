/**
 * CSV files of random dialects: what is found out of one reads the values that were written, by a
 * quoted path and by a declared table; and random texts as CSV are read, refused as records, or an
 * error that says what is wrong with the file. A run is one file.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import { ConnectorError } from '../../src/base/errors.js';
import { VARCHAR } from '../../src/columnar/types.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { csvFileOptions } from '../../src/connectors/format-options.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import type { PhysicalColumn } from '../../src/plan/schema.js';
import { fileTable, OpenFile, writeInput } from '../connectors/file-support.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

interface Written {
  readonly delimiter: string;
  readonly quote: string;
  readonly isEscaped: boolean;
  readonly decimal: string;
  /** null: every value is written. */
  readonly nullText: string | null;
  readonly lineEnd: string;
  readonly hasHeader: boolean;
  readonly encoding: 'utf8' | 'utf16le';
}

function aDialect(random: Random): Written {
  const delimiter = random.pick([',', ';', '\t', '|']);
  const quote = random.chance(75) ? '"' : "'";
  const decimal = delimiter !== ',' && random.chance(40) ? ',' : '.';
  // Even records with the wrong delimiter hide that quotes are escaped.
  const isEscaped = quote === '"' && decimal === '.' && random.chance(20);
  return {
    delimiter,
    quote,
    isEscaped,
    decimal,
    nullText: random.pick(['', '', '\\N', 'NA']),
    // Whether lines end in CR is seen by the usual quotes alone.
    lineEnd: random.pick(['\n', '\n', '\r\n', quote === '"' && !isEscaped ? '\r' : '\n']),
    hasHeader: random.chance(80),
    encoding: random.chance(80) ? 'utf8' : 'utf16le',
  };
}

type Kind = 'whole' | 'decimal' | 'word' | 'quoted';

/** A value, and how it is written. */
function aCell(kind: Kind, written: Written, random: Random): readonly [SqlValue, string] {
  const { quote, decimal, nullText } = written;
  // A word for NULL is one where no text is.
  const isText = kind === 'word' || kind === 'quoted';
  const isNull = random.chance(8) && nullText !== null && !(isText && nullText !== '\\N');
  if (isNull) return [null, nullText];
  const whole = random.below(100_000) - 50_000;
  if (kind === 'whole') return [BigInt(whole), String(whole)];
  if (kind === 'decimal') {
    const value = whole + (1 + random.below(7)) / 8;
    return [value, String(value).replace('.', decimal)];
  }
  const word = random.pick(['ab', 'Cologne', 'größe', 'x y', 'it’s', '日本']);
  if (kind === 'word') return [word, word];
  const text = word + random.pick([written.delimiter, quote, '\n', `${quote}${quote}`, 'z']) + word;
  const isDoubled = !written.isEscaped;
  const inside = text.replaceAll(quote, isDoubled ? quote + quote : `\\${quote}`);
  return [text, `${quote}${inside}${quote}`];
}

async function readsBack(input: FuzzInput): Promise<void> {
  const { random } = input;
  const written = aDialect(random);
  const kinds: Kind[] = ['whole', random.pick(['decimal', 'word'] as const), 'quoted'];
  for (let more = random.below(3); more > 0; more -= 1) {
    kinds.push(random.pick(['whole', 'decimal', 'word', 'quoted'] as const));
  }
  const names = kinds.map((kind, index) => `${kind} ${index}`);
  const rows = Array.from({ length: 5 + random.below(40) }, () =>
    kinds.map((kind) => aCell(kind, written, random)),
  );
  // A first record whose only value is NULL looks like a header.
  if (!written.hasHeader)
    rows.unshift(kinds.map((kind) => aCell(kind, { ...written, nullText: null }, random)));
  const lines = rows.map((row) => row.map(([, text]) => text).join(written.delimiter));
  if (written.hasHeader) lines.unshift(names.join(written.delimiter));
  const text = lines.join(written.lineEnd);
  input.shows(`${JSON.stringify(written)}\n${text}`);
  const path = writeInput(`fuzz-${input.number}.csv`, Buffer.from(text, written.encoding));
  const expected = rows.map((row) => row.map(([value]) => value));
  const found = await inferFileSchema(fileOptions(fileTable({ path }, [])), { sniff: false });
  if (found.dialect === null) throw new Error('no CSV');
  const quoted = new OpenFile(
    { path, ...csvFileOptions(found.dialect) },
    { physical: found.columns },
  );
  compare(quoted, expected);
  input.counts('a quoted path reads what was written');
  const declared = found.columns.map((column, index): PhysicalColumn => {
    const name = names[index] ?? '';
    return { ...column, name: random.chance(50) ? name : name.toUpperCase().replace(' ', '_') };
  });
  compare(new OpenFile({ path, format: 'csv' }, { physical: declared }), expected);
  input.counts('a declared table reads what was written');
}

function compare(file: OpenFile, expected: readonly SqlValue[][]): void {
  const rows = file.rows();
  const [fault] = file.failures;
  if (fault !== undefined) throw new Error(`${fault.message} in line ${fault.line}`);
  if (!isDeepStrictEqual(rows, expected)) {
    const at = expected.findIndex((row, index) => !isDeepStrictEqual(row, rows[index]));
    throw new Error(`row ${at}: ${inspect(rows[at])} instead of ${inspect(expected[at])}`);
  }
}

const SIGNS = [
  ...['a', 'b1', '7', '-2.5', '1,5', 'NA', '\\N', '#', '"', "'", '\\', ',', ';', '\t', '|', ' '],
  ...['\n', '\n', '\r\n', '\r', '""', 'true', '2024-01-02', '\u00fc', '\ufeff', '\0', '[', '{'],
];

async function anyText(input: FuzzInput): Promise<void> {
  const { random } = input;
  const text = Array.from({ length: random.below(80) }, () => random.pick(SIGNS)).join('');
  input.shows(JSON.stringify(text));
  const path = writeInput(`any-${input.number}.csv`, text);
  try {
    const found = await inferFileSchema(fileOptions(fileTable({ path }, [])), { sniff: false });
    if (found.dialect === null) throw new Error('no CSV');
    const options = { path, ...csvFileOptions(found.dialect) };
    const file = new OpenFile(options, { physical: found.columns });
    const rows = file.rows();
    const small = new OpenFile(options, { physical: found.columns, batchRowsMax: 1 });
    if (!isDeepStrictEqual(small.rows(), rows)) throw new Error('other rows in small batches');
    input.counts(file.failures.length === 0 ? 'rows' : 'rows and refused records');
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    input.counts(error.code);
  }
  try {
    const physical = ['a', 'b1'].map((name) => ({ name, type: VARCHAR }));
    new OpenFile({ path, format: 'csv' }, { physical }).rows();
    input.counts('rows of a declared table');
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    input.counts(error.code);
  }
}

fuzz({
  file: 'csv-dialects',
  name: 'files of random dialects are read as they were written',
  sample: 300,
  run: readsBack,
});
fuzz({
  file: 'csv-dialects',
  name: 'any text as CSV is rows, refused records, or an error of the file',
  sample: 300,
  run: anyText,
});
