/**
 * Parquet files: a footer with the schema and the places of row groups, each of which is a block.
 * Owns reading the footer and the column chunks that the query needs, and what is said of damage;
 * pages and their codecs are hyparquet's, converting values is formats/message's.
 *
 *   file   := "PAR1" · row group* · footer · length of the footer, 4 bytes · "PAR1"
 *   place  := number of a row group
 *
 * A row group is in memory as a whole, in the columns that are needed: its writer chose its size.
 */
import { parquetMetadata, parquetSchema } from 'hyparquet';
import type { ColumnChunk, FileMetaData, RowGroup, SchemaTree } from 'hyparquet';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { compressors } from 'hyparquet-compressors';
import { assert } from '../../base/assert.js';
import { ConfigError } from '../../base/errors.js';
import { BATCH_ROWS_MAX } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import type { RecordFailure } from '../../runtime/operator.js';
import { createTarget } from '../columns/create-target.js';
import type { TargetColumn } from '../columns/target.js';
import type {
  ContainerColumn,
  ContainerReader,
  OpenBlock,
  PlacedBytes,
} from '../container/container.js';
import { damaged, unsupported } from '../container/damage.js';
import type { DecoderColumn, LineBlock } from '../decoder.js';
import { RecordWriter, WRITTEN } from '../message/record-writer.js';
import { ShapeFault } from '../message/value-shape.js';
import type { FieldShape } from '../message/value-shape.js';
import { recordText } from './parquet-text.js';
import { assembler } from './parquet-nesting.js';
import type { RowValue } from './parquet-nesting.js';
import { leafElement, parquetType } from './parquet-schema.js';

const MAGIC = Buffer.from('PAR1', 'latin1');
/** Length of the footer, and the magic bytes. */
const TAIL_BYTES = 8;
const FOOTER_BYTES_MAX = 512 * 1024 * 1024;

type Values = ArrayLike<unknown>;

/** INT96 as nanoseconds; nothing else is converted. */
const PARSERS = { ...DEFAULT_PARSERS, timestampFromNanoseconds: (nanos: bigint) => nanos };

/** Throws ConnectorError FILE_READ or FILE_DAMAGED. */
function readFooter(bytes: PlacedBytes): FileMetaData {
  const { path, size } = bytes;
  const start = bytes.read(0, Math.min(MAGIC.length, size));
  if (!start.equals(MAGIC)) {
    throw unsupported(
      path,
      'it is no Parquet file: it does not begin with "PAR1"',
      "say what it is: 'format' = 'json', 'csv', 'raw' or 'avro'",
    );
  }
  const tailPlace = size - TAIL_BYTES;
  const tail = bytes.read(Math.max(0, tailPlace), Math.min(TAIL_BYTES, size));
  if (tailPlace < MAGIC.length || !tail.subarray(4).equals(MAGIC)) {
    throw damaged(path, `byte ${size}`, 'its footer does not end in "PAR1"');
  }
  const length = tail.readUInt32LE(0);
  if (length > tailPlace - MAGIC.length || length > FOOTER_BYTES_MAX) {
    throw damaged(path, `byte ${tailPlace}`, `its footer has ${length} bytes, more than the file`);
  }
  const footer = bytes.read(tailPlace - length, length + TAIL_BYTES);
  try {
    // Statistics of texts, which nobody asks for here, may be cut in the middle of a character.
    return parquetMetadata(footer, { geoparquet: false });
  } catch (error) {
    throw damaged(path, `byte ${tailPlace - length}`, 'its footer cannot be read', error);
  }
}

function schemaOf(bytes: PlacedBytes, footer: FileMetaData): readonly SchemaTree[] {
  try {
    return parquetSchema(footer).children;
  } catch (error) {
    throw damaged(bytes.path, 'its footer', 'its schema cannot be read', error);
  }
}

export function parquetFileColumns(bytes: PlacedBytes): readonly ContainerColumn[] {
  return schemaOf(bytes, readFooter(bytes)).flatMap((node) => {
    const { type } = parquetType(node);
    return type === null ? [] : [{ name: node.element.name, type }];
  });
}

/** Throws as reading the columns does, and ConfigError for columns that the schema does not fill. */
export function openParquetContainer(
  bytes: PlacedBytes,
  columns: readonly DecoderColumn[],
): ContainerReader {
  return new ParquetContainer(bytes, columns);
}

/** A column of the file that the query needs. */
interface NeededColumn {
  readonly name: string;
  readonly node: SchemaTree;
  value: RowValue;
}

const NOTHING: RowValue = () => null;

class ParquetContainer implements ContainerReader {
  readonly columns: Column[];
  private readonly bytes: PlacedBytes;
  private readonly groups: readonly RowGroup[];
  private readonly root: SchemaTree;
  private readonly needed: readonly NeededColumn[];
  private readonly targets: readonly TargetColumn[];
  private readonly writer: RecordWriter;
  private group = 0;
  /** Number in the row group of the batch's first record, and of the one that failed. */
  private first = 0;
  private failedRecord = 0;
  private failedColumn = 0;

  constructor(bytes: PlacedBytes, columns: readonly DecoderColumn[]) {
    this.bytes = bytes;
    const footer = readFooter(bytes);
    this.groups = footer.row_groups;
    const nodes = schemaOf(bytes, footer);
    this.root = parquetSchema(footer);
    this.targets = columns.map((column) => createTarget(column.type, BATCH_ROWS_MAX));
    this.columns = this.targets.map((target) => target.column);
    this.needed = nodes
      .filter((node) => columns.some(({ name }) => name === node.element.name))
      .map((node) => ({ name: node.element.name, node, value: NOTHING }));
    const shapes = this.needed.map((needed): FieldShape => {
      // A record is the number of its row in the row group.
      const get = (record: unknown): unknown => needed.value(record as number);
      return { name: needed.name, shape: parquetType(needed.node).shape, get };
    });
    try {
      this.writer = new RecordWriter(shapes, { columns, targets: this.targets });
    } catch (error) {
      if (!(error instanceof ShapeFault)) throw error;
      throw new ConfigError('SETTING_INVALID', {
        message: `the schema of file "${bytes.path}" does not fit the columns: ${error.message}`,
        hint: 'compare the types of the columns with those of the file',
        cause: error,
      });
    }
  }

  begin(): void {
    for (const target of this.targets) target.begin();
  }

  decode(): number {
    assert(false, 'records of a row group have no bytes of their own');
    return 0;
  }

  open(place: number): OpenBlock | null {
    const group = this.groups[place];
    if (group === undefined) return null;
    this.group = place;
    const records = Number(group.num_rows);
    for (const needed of this.needed) {
      try {
        needed.value = this.readNeeded(group, needed.node, records);
      } catch (error) {
        throw this.damage(needed.name, error);
      }
    }
    return { records, next: place + 1 };
  }

  decodeLines(_bytes: Uint8Array, from: number, to: number, lines: LineBlock): number {
    const { writer, columns, targets } = this;
    this.first = from - lines.rowCount;
    let record = from;
    for (; record < to && lines.rowCount < lines.rowsMax; record += 1) {
      const row = lines.rowCount;
      lines.rowCount += 1;
      const column = writer.write(record, row);
      if (column === WRITTEN) continue;
      this.failedRecord = record;
      this.failedColumn = column;
      for (const {
        column: { nulls },
      } of targets)
        if (nulls !== null) nulls[row] = 0;
      lines.refused(row);
    }
    targets.forEach(({ column }, index) => {
      columns[index] = column;
    });
    return record;
  }

  failure(): RecordFailure {
    return {
      key: 'CONVERT',
      message: this.writer.describe(this.failedRecord, this.failedColumn),
    };
  }

  /** The columns that are needed, as JSON. */
  rawRecord(row: number): Uint8Array {
    const record = this.first + row;
    return recordText(this.needed.map(({ name, value }) => [name, value(record)]));
  }

  close(): void {
    for (const needed of this.needed) needed.value = NOTHING;
  }

  /** The values of a column in a row group. */
  private readNeeded(group: RowGroup, node: SchemaTree, records: number): RowValue {
    const chunks = group.columns.filter(
      (chunk) => chunk.meta_data?.path_in_schema[0] === node.element.name,
    );
    const leaves = leavesOf(node).map((path) => {
      const chunk = chunks.find(({ meta_data }) =>
        sameParts(meta_data?.path_in_schema, namesOf(path)),
      );
      if (chunk === undefined) throw new Error('the row group lacks it');
      return this.readLeaf(chunk, [this.root, ...path], records);
    });
    const [only] = leaves;
    assert(only !== undefined, 'every column has a leaf');
    if (node.children.length === 0 && node.element.repetition_type !== 'REPEATED') {
      return (row) => only[row] ?? null;
    }
    const assemble = assembler(node);
    return (row) => {
      try {
        return assemble(leaves.map((leaf) => leaf[row]));
      } catch (error) {
        throw this.damage(node.element.name, error);
      }
    };
  }

  private readLeaf(chunk: ColumnChunk, path: readonly SchemaTree[], records: number): Values {
    const { bytes } = this;
    const { meta_data: meta } = chunk;
    const leaf = path.at(-1);
    if (meta === undefined || leaf === undefined || chunk.file_path !== undefined) {
      throw new Error('its values are in another file');
    }
    const dictionary = Number(meta.dictionary_page_offset ?? 0n);
    const start = dictionary > 0 ? dictionary : Number(meta.data_page_offset);
    const length = Number(meta.total_compressed_size);
    if (start < MAGIC.length || length < 0 || start + length > bytes.size) {
      throw new Error(`its values end at byte ${start + length}, and the file has ${bytes.size}`);
    }
    const view = bytes.read(start, length);
    const decoder: Parameters<typeof readColumn>[2] = {
      pathInSchema: meta.path_in_schema,
      type: meta.type,
      codec: meta.codec,
      element: leafElement(leaf.element),
      schemaPath: [...path],
      parsers: PARSERS,
      compressors,
      utf8: false,
    };
    const reader = { view: new DataView(view.buffer, view.byteOffset, view.length), offset: 0 };
    const rows = { groupStart: 0, selectStart: 0, selectEnd: records, groupRows: records };
    const { data } = readColumn(reader, rows, decoder);
    const values = joined(data);
    if (values.length === records) return values;
    throw new Error(`it has ${values.length} values for ${records} rows`);
  }

  private damage(column: string, error: unknown): Error {
    const why = error instanceof Error ? error.message : String(error);
    return damaged(this.bytes.path, `row group ${this.group}, column "${column}"`, why, error);
  }
}

/** The paths from a column to its leaves. */
function leavesOf(node: SchemaTree): readonly (readonly SchemaTree[])[] {
  if (node.children.length === 0) return [[node]];
  return node.children.flatMap((child) => leavesOf(child).map((path) => [node, ...path]));
}

function namesOf(path: readonly SchemaTree[]): readonly string[] {
  return path.map(({ element }) => element.name);
}

function sameParts(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a?.length === b.length && b.every((part, index) => a[index] === part);
}

/** Pages behind one another; mostly there is one array already. */
function joined(pages: readonly Values[]): Values {
  const [only] = pages;
  if (only !== undefined && pages.length === 1) return only;
  const values: unknown[] = [];
  for (const page of pages) {
    for (let at = 0; at < page.length; at += 1) values.push(page[at]);
  }
  return values;
}
