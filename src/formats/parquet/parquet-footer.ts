/**
 * The footer of a Parquet file: its schema, and where the columns of its row groups lie. Owns reading
 * it, by hyparquet, and finding a column's bytes; whatever it says is checked against the file.
 *
 *   file   := "PAR1" · row group* · footer · length of the footer, 4 bytes · "PAR1"
 */
import { parquetMetadata, parquetSchema } from 'hyparquet';
import type { ColumnChunk, ColumnMetaData, FileMetaData, RowGroup, SchemaTree } from 'hyparquet';
import type { ContainerColumn, PlacedBytes } from '../container/container.js';
import { damaged, unsupported } from '../container/damage.js';
import { parquetType } from './parquet-schema.js';

const MAGIC = Buffer.from('PAR1', 'latin1');
/** Length of the footer, and the magic bytes. */
const TAIL_BYTES = 8;
const FOOTER_BYTES_MAX = 512 * 1024 * 1024;

/** Throws ConnectorError FILE_READ or FILE_DAMAGED. */
export function readFooter(bytes: PlacedBytes): FileMetaData {
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

/** The root of the schema; its children are the columns. */
export function schemaOf(bytes: PlacedBytes, footer: FileMetaData): SchemaTree {
  try {
    return parquetSchema(footer);
  } catch (error) {
    throw damaged(bytes.path, 'its footer', 'its schema cannot be read', error);
  }
}

export function parquetFileColumns(bytes: PlacedBytes): readonly ContainerColumn[] {
  return schemaOf(bytes, readFooter(bytes)).children.flatMap((node) => {
    const { type } = parquetType(node);
    return type === null ? [] : [{ name: node.element.name, type }];
  });
}

/** What the footer says of a leaf in a row group, by the names on the way to it. Throws Error. */
export function chunkOf(group: RowGroup, path: readonly string[]): ColumnMetaData {
  const isIt = ({ meta_data: meta }: ColumnChunk): boolean =>
    meta?.path_in_schema.length === path.length &&
    path.every((part, index) => meta.path_in_schema[index] === part);
  const chunk = group.columns.find(isIt);
  if (chunk?.meta_data === undefined) throw new Error('the row group lacks it');
  if (chunk.file_path !== undefined) throw new Error('its values are in another file');
  return chunk.meta_data;
}

/** The pages of a leaf in a row group. Throws Error. */
export function chunkBytes(bytes: PlacedBytes, meta: ColumnMetaData): Buffer {
  const dictionary = Number(meta.dictionary_page_offset ?? 0n);
  const start = dictionary > 0 ? dictionary : Number(meta.data_page_offset);
  const length = Number(meta.total_compressed_size);
  const isWithin = start >= MAGIC.length && length >= 0 && start + length <= bytes.size;
  if (isWithin) return bytes.read(start, length);
  throw new Error(`its values end at byte ${start + length}, and the file has ${bytes.size}`);
}
