/**
 * Container files for one reader: each a split, its blocks read one by one and handed out in
 * batches, none of which reaches over a block. Owns where a split is; batches are file-batch.ts,
 * the blocks of a format are formats/avro's and formats/parquet's.
 *
 * A position is `block:record:within`: the place of the block, the number of the next record in the
 * file, and its number in the block.
 */
import type { ContainerReader } from '../../../formats/container/container.js';
import type { DecoderColumn } from '../../../formats/decoder.js';
import type { PhysicalColumn } from '../../../plan/schema.js';
import type { NextBatch, ReadProgress, Source, SourceRequest, SplitReader } from '../../source.js';
import { FileBatch, parsePosition, positionText } from '../file-batch.js';
import type { ContainerFormat } from '../file-format.js';
import { fileOptions } from '../file-options.js';
import { filesOf } from '../set/file-set.js';
import { ContainerBytes } from './container-bytes.js';
import { containerFiles } from './container-formats.js';
import type { ContainerFiles } from './container-formats.js';

const NO_BYTES = new Uint8Array(0);

/** Opens every file at once; throws as openFileSource does, and for files that are no such container. */
export async function openContainerSource(
  request: SourceRequest,
  format: ContainerFormat,
): Promise<Source> {
  const { table, physical } = request;
  const { path: named } = fileOptions(table);
  const files = await containerFiles(format);
  const columns = physical.map((index) => table.physical[index] as PhysicalColumn);
  const parts = { request, files, columns };
  const splits = (request.splitNames ?? filesOf(named)).map(
    (path, split) => new ContainerSplit(parts, { path, split }),
  );
  return {
    bounded: true,
    splits,
    commit: () => Promise.resolve(),
    close: () => {
      for (const split of splits) split.close();
      return Promise.resolve();
    },
  };
}

interface ContainerParts {
  readonly request: SourceRequest;
  readonly files: ContainerFiles;
  readonly columns: readonly DecoderColumn[];
}

/** A file that is being read; let go at its end, because a table may have thousands. */
interface Reading {
  readonly reader: ContainerReader;
  readonly batch: FileBatch;
}

class ContainerSplit implements SplitReader {
  readonly split: number;
  private readonly parts: ContainerParts;
  private readonly path: string;
  private readonly bytes: ContainerBytes;
  private reading: Reading | null = null;
  private ended = false;
  /** Place of the open block or of the next one to open, and of the one behind it. */
  private place = 0;
  private nextPlace = 0;
  private isOpen = false;
  /** Records of the open block, and the number of the next one in it. */
  private records = 0;
  private within = 0;
  private record = 0;
  private recordsBefore = 0;
  private sequence = 0;

  constructor(
    parts: ContainerParts,
    { path, split }: { readonly path: string; readonly split: number },
  ) {
    this.parts = parts;
    this.path = path;
    this.split = split;
    this.bytes = new ContainerBytes(path);
    // What is no such file says so before anything is read.
    parts.files.columns(this.bytes);
  }

  next(): NextBatch {
    if (this.ended) return 'end';
    this.reading ??= this.begin();
    const { reader, batch } = this.reading;
    while (!this.isOpen || this.within >= this.records) {
      if (this.isOpen) this.leaveBlock();
      const block = reader.open(this.place);
      if (block === null) return this.end();
      this.isOpen = true;
      this.records = block.records;
      this.nextPlace = block.next;
    }
    const { split, path, sequence, record } = this;
    batch.begin({ split, path, sequence, record, line: 1 });
    this.within = batch.decode(NO_BYTES, this.within, this.records, true);
    this.record += batch.rowCount;
    this.sequence += 1;
    return batch.finish();
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  position(): string {
    if (this.isOpen && this.within >= this.records) this.leaveBlock();
    return positionText({ byte: this.place, record: this.record, line: this.within });
  }

  seek(position: string): void {
    const { byte, record, line } = parsePosition(this.path, position);
    this.place = byte;
    this.record = record;
    this.recordsBefore = record;
    this.within = line;
  }

  rowsRead(): number {
    return this.record - this.recordsBefore;
  }

  progress(): ReadProgress | null {
    return null;
  }

  letGo(): void {
    this.close();
  }

  close(): void {
    this.reading?.reader.close();
    this.reading = null;
    this.ended = true;
    this.bytes.close();
  }

  private begin(): Reading {
    const { request, files, columns } = this.parts;
    const reader = files.open(this.bytes, columns);
    const rawRecord = (row: number): Uint8Array => reader.rawRecord(row);
    const parts = { request, decoder: reader, recordBytesMax: 0, documents: false, rawRecord };
    return { reader, batch: new FileBatch(parts) };
  }

  private leaveBlock(): void {
    this.place = this.nextPlace;
    this.within = 0;
    this.records = 0;
    this.isOpen = false;
  }

  private end(): 'end' {
    const { place, record } = this;
    this.close();
    this.place = place;
    this.record = record;
    return 'end';
  }
}
