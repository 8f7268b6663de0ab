/**
 * Files of containers: their bytes at any place, and which kind of container a file is by the bytes
 * that it begins with, whatever its name says. Owns only that; the layouts are formats/avro's and
 * formats/parquet's. Loads neither.
 */
import { closeSync, readSync } from 'node:fs';
import { ConnectorError } from '../../../base/errors.js';
import type { PlacedBytes } from '../../../formats/container/container.js';
import { FileBytes, openForReading, readFailure, visibleStats } from '../file-bytes.js';
import type { ContainerFormat } from '../file-format.js';

const MAGIC_BYTES = 4;
const MAGIC: Readonly<Record<string, ContainerFormat>> = { 'Obj\x01': 'avro', PAR1: 'parquet' };

/** What a regular file begins as; null: as neither, or it is no regular file. Throws if it cannot be opened. */
export function containerOf(path: string): ContainerFormat | null {
  if (visibleStats(path)?.isFile() !== true) return null;
  const file = openForReading(path);
  try {
    const bytes = Buffer.alloc(MAGIC_BYTES);
    const magic = bytes.toString('latin1', 0, readSync(file, bytes, 0, MAGIC_BYTES, 0));
    return Object.hasOwn(MAGIC, magic) ? (MAGIC[magic] as ContainerFormat) : null;
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    closeSync(file);
  }
}

export class ContainerBytes implements PlacedBytes {
  readonly path: string;
  readonly size: number;
  private readonly file: FileBytes;

  /** Throws ConnectorError DATA_FILE_MISSING, and FILE_READ for a pipe. */
  constructor(path: string) {
    this.path = path;
    this.file = new FileBytes(path);
    if (!this.file.seekable) {
      this.file.close();
      throw new ConnectorError('FILE_READ', {
        message: `data file "${path}" cannot be read: a pipe cannot be read at any place`,
        hint: 'write its bytes to a file first, and read that',
      });
    }
    this.size = this.file.openedBytes ?? 0;
  }

  read(place: number, length: number): Buffer {
    const bytes = Buffer.from(new ArrayBuffer(length));
    let got = 0;
    while (got < length) {
      const count = this.file.read(bytes, got, length - got, place + got);
      if (count <= 0) break;
      got += count;
    }
    return bytes.subarray(0, got);
  }

  close(): void {
    this.file.close();
  }
}
