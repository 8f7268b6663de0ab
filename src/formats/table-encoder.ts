/**
 * Rows as a table for a terminal, drawn with cli-table3 batch by batch: the header comes with the
 * first rows, and later rows keep its column widths. Values are written as the JSON encoder
 * writes them, NULL as an empty cell.
 */
import Table from 'cli-table3';
import type { Batch } from '../columnar/batch.js';
import type { Schema } from '../plan/schema.js';
import { ByteBuffer } from './byte-buffer.js';
import type { EncoderOptions, RowEncoder } from './encoder.js';
import { createJsonEncoder } from './json-encoder.js';

const CELL_WIDTH_MAX = 60;
const CELL_WIDTH_MIN = 8;
const decoder = new TextDecoder();

export class TableEncoder implements RowEncoder {
  private readonly headers: readonly string[];
  private readonly numeric: readonly boolean[];
  private readonly rowEncoder: RowEncoder;
  private readonly scratch = new ByteBuffer(1024);
  private widths: number[] | null = null;

  constructor(schema: Schema, options: EncoderOptions) {
    const op = options.changelog ? ['op'] : [];
    this.headers = [...op, ...schema.map((column) => column.name)];
    const numbers = schema.map(({ type }) => ['bigint', 'double', 'decimal'].includes(type.kind));
    this.numeric = [...op.map(() => false), ...numbers];
    this.rowEncoder = createJsonEncoder(schema, options);
  }

  begin(): void {
    // The header is drawn with the first rows, whose widths it takes.
  }

  encode(batch: Batch, out: ByteBuffer): number {
    const rows: string[][] = [];
    this.bind(batch);
    for (let k = 0; k < batch.selectedCount; k += 1) {
      const row = batch.selection === null ? k : (batch.selection[k] as number);
      this.scratch.clear();
      if (this.rowEncoder.encodeRow(row, this.scratch)) rows.push(this.cells());
    }
    if (rows.length > 0) this.draw(rows, out);
    return rows.length;
  }

  bind(batch: Batch): void {
    this.rowEncoder.bind(batch);
  }

  encodeRow(row: number, out: ByteBuffer): boolean {
    this.scratch.clear();
    if (!this.rowEncoder.encodeRow(row, this.scratch)) return false;
    this.draw([this.cells()], out);
    return true;
  }

  finish(out: ByteBuffer): void {
    if (this.widths === null) this.draw([], out);
  }

  /** The cells of the row in the scratch buffer: raw JSON texts, strings without their quotes. */
  private cells(): string[] {
    const text = decoder.decode(this.scratch.view());
    return topLevelValues(text).map(cellText);
  }

  private draw(rows: readonly (readonly string[])[], out: ByteBuffer): void {
    const first = this.widths === null;
    this.widths ??= this.headers.map((header, at) => {
      const longest = Math.max(header.length, ...rows.map((row) => (row[at] ?? '').length));
      return Math.min(CELL_WIDTH_MAX, Math.max(CELL_WIDTH_MIN, longest)) + 2;
    });
    const table = new Table({
      ...(first ? { head: [...this.headers] } : {}),
      colWidths: this.widths,
      colAligns: this.numeric.map((numeric) => (numeric ? 'right' : 'left')),
      style: { head: [], border: [], compact: true },
      chars: first ? {} : { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
    });
    table.push(...rows.map((row) => [...row]));
    out.appendText(`${table.toString()}\n`);
  }
}

/** A string, or a run of text without strings, brackets, commas and colons. */
const JSON_PIECE = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:]+/g;

/** The raw texts of an object's values: numbers keep the digits that a double would change. */
function topLevelValues(text: string): string[] {
  const values: string[] = [];
  let depth = 0;
  let inValue = false;
  for (const [piece] of text.matchAll(JSON_PIECE)) {
    if (piece === '}' || piece === ']') depth -= 1;
    if (inValue && !(depth === 1 && piece === ',') && depth > 0) values[values.length - 1] += piece;
    if (piece === '{' || piece === '[') depth += 1;
    if (depth === 1 && piece === ':' && !inValue) {
      inValue = true;
      values.push('');
    } else if (depth === 1 && piece === ',') {
      inValue = false;
    }
  }
  return values;
}

function cellText(raw: string): string {
  if (raw === 'null') return '';
  return raw.startsWith('"') ? (JSON.parse(raw) as string) : raw;
}
