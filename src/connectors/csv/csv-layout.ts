/**
 * A sample of a CSV file cut into records by one way of quoting: how many fields each has, where it
 * begins, and what its fields are. Owns cutting; which way is the file's is csv-sniffer.ts.
 */
import { decodeText } from '../../columnar/text-bytes.js';
import type { CsvQuoting } from '../../formats/text/csv-dialect.js';
import { CARRIAGE_RETURN, CsvScanner, UNFINISHED } from '../../formats/text/csv-scanner.js';
import type { CsvField } from './csv-types.js';

/** Whole lines of a file. */
export interface CsvSample {
  readonly bytes: Uint8Array;
  readonly from: number;
  /** Behind the last line end. */
  readonly to: number;
  readonly lineEnd: number;
  /** Nothing follows: a quote that is not closed here never is. */
  readonly isAll: boolean;
}

export interface LayoutRecord {
  readonly at: number;
  /** Lines of the file in front of it. */
  readonly linesBefore: number;
  /** 0: a blank line. */
  readonly fieldCount: number;
  /** Its quotes do not fit: it is only its line. */
  readonly isFaulty: boolean;
  /** Its first byte. */
  readonly firstByte: number;
}

export class CsvLayout {
  readonly quoting: CsvQuoting;
  readonly records: readonly LayoutRecord[];
  readonly quotedFields: number;
  private readonly sample: CsvSample;
  private readonly scanner: CsvScanner;

  constructor(sample: CsvSample, quoting: CsvQuoting, recordsMax: number) {
    this.sample = sample;
    this.quoting = quoting;
    this.scanner = new CsvScanner(quoting, sample.lineEnd);
    const records: LayoutRecord[] = [];
    let quotedFields = 0;
    let linesBefore = 0;
    let at = sample.from;
    while (at < sample.to && records.length < recordsMax) {
      const counted = this.count(at);
      if (counted === null) break;
      const { next, lines, quoted, ...record } = counted;
      records.push({ ...record, at, linesBefore, firstByte: sample.bytes[at] ?? 0 });
      quotedFields += quoted;
      linesBefore += lines;
      at = next;
    }
    this.records = records;
    this.quotedFields = quotedFields;
  }

  get faults(): number {
    return this.records.filter(({ isFaulty }) => isFaulty).length;
  }

  /** The fields of one of the records. */
  fields({ at, fieldCount, isFaulty }: LayoutRecord): CsvField[] {
    const { sample, scanner } = this;
    const fields: CsvField[] = [];
    if (isFaulty) return fields;
    let place = at;
    while (fields.length < fieldCount) {
      place = scanner.field(sample.bytes, place, sample.to) + 1;
      const { bytes, start, end, quoted } = scanner;
      fields.push({ text: decodeText(bytes, start, end - start), quoted });
    }
    return fields;
  }

  /** null: the record goes on behind the sample. */
  private count(from: number) {
    const { scanner, sample } = this;
    const { bytes, to, lineEnd } = sample;
    const lineTo = bytes.indexOf(lineEnd, from);
    const isBlank = lineTo === from || (lineTo === from + 1 && bytes[from] === CARRIAGE_RETURN);
    if (isBlank) return { next: lineTo + 1, lines: 1, quoted: 0, fieldCount: 0, isFaulty: false };
    scanner.innerLines = 0;
    let at = from;
    let quoted = 0;
    for (let fieldCount = 1; ; fieldCount += 1) {
      at = scanner.field(bytes, at, to);
      if (at < 0) {
        if (at === UNFINISHED && !sample.isAll) return null;
        return { next: lineTo + 1, lines: 1, quoted, fieldCount, isFaulty: true };
      }
      if (scanner.quoted) quoted += 1;
      if (scanner.isLast(bytes, at)) {
        const lines = 1 + scanner.innerLines;
        return { next: at + 1, lines, quoted, fieldCount, isFaulty: false };
      }
      at += 1;
    }
  }
}

/** The number of fields that most records have, of two at least; 1 where none have. */
export function usualFieldCount(records: readonly LayoutRecord[]): number {
  const counts = new Map<number, number>();
  for (const { fieldCount } of records) {
    if (fieldCount > 1) counts.set(fieldCount, (counts.get(fieldCount) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, m], [b, n]) => n - m || b - a);
  return most?.[0] ?? 1;
}
