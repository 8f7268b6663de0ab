/**
 * Which reader reads which container. Owns only that choice; the readers, and the libraries that
 * they need, are loaded when a file of theirs is opened.
 */
import { assertNever } from '../../../base/assert.js';
import type {
  ContainerColumn,
  ContainerReader,
  PlacedBytes,
} from '../../../formats/container/container.js';
import type { DecoderColumn } from '../../../formats/decoder.js';
import type { ContainerFormat } from '../file-format.js';

export interface ContainerFiles {
  /** The columns that a file's schema has. */
  columns(bytes: PlacedBytes): readonly ContainerColumn[];
  open(bytes: PlacedBytes, columns: readonly DecoderColumn[]): ContainerReader;
}

export async function containerFiles(format: ContainerFormat): Promise<ContainerFiles> {
  switch (format) {
    case 'avro': {
      const avro = await import('../../../formats/avro/avro-container.js');
      return { columns: avro.avroFileColumns, open: avro.openAvroContainer };
    }
    case 'parquet': {
      const parquet = await import('../../../formats/parquet/parquet-container.js');
      const { parquetFileColumns } = await import('../../../formats/parquet/parquet-footer.js');
      return { columns: parquetFileColumns, open: parquet.openParquetContainer };
    }
    default:
      return assertNever(format);
  }
}
