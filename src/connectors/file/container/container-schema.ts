/**
 * The schema of container files that a query names by path: the files say it. Owns how the schemas
 * of several files become one: a column of any of them, with the type of the first that has it.
 */
import { ConnectorError } from '../../../base/errors.js';
import type { PhysicalColumn } from '../../../plan/schema.js';
import type { ContainerFormat } from '../file-format.js';
import { ContainerBytes } from './container-bytes.js';
import { containerFiles } from './container-formats.js';

/** Throws ConnectorError DATA_FILE_MISSING, FILE_READ, FILE_DAMAGED or SCHEMA_INFERENCE. */
export async function containerColumns(
  paths: readonly string[],
  format: ContainerFormat,
): Promise<readonly PhysicalColumn[]> {
  const files = await containerFiles(format);
  const columns = new Map<string, PhysicalColumn>();
  for (const path of paths) {
    const bytes = new ContainerBytes(path);
    try {
      for (const column of files.columns(bytes)) {
        if (!columns.has(column.name)) columns.set(column.name, column);
      }
    } finally {
      bytes.close();
    }
  }
  if (columns.size > 0) return [...columns.values()];
  throw new ConnectorError('SCHEMA_INFERENCE', {
    message: `schema of file "${paths[0] ?? ''}" cannot be inferred: none of its columns has a type that velo knows`,
    hint: 'declare the columns with CREATE TABLE',
  });
}
