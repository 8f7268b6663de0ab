/** Helpers of the tests of Avro and Parquet files: making Avro files, reading sources to their end. */
import { crc32, deflateRawSync } from 'node:zlib';
import avsc from 'avsc';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import type { Batch } from '../../src/columnar/batch.js';
import { rowOffset } from '../../src/columnar/batch.js';
import { columnValue } from '../../src/columnar/column.js';
import type { SqlValue } from '../../src/columnar/types.js';
import { openFiles } from '../../src/connectors/file/file.js';
import type { Source, SourceRequest } from '../../src/connectors/source.js';
import type { PhysicalColumn } from '../../src/plan/schema.js';
import type { RecordFailure } from '../../src/runtime/operator.js';
import { fileTable } from './file-support.js';

export const SYNC = Buffer.from('0123456789abcdef');

const PACK: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  null: (data) => data,
  deflate: (data) => deflateRawSync(data),
  snappy: (data) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(data));
    return Buffer.concat([snappyCompress(data), sum]);
  },
  // A frame of one block that is not compressed.
  zstandard: (data) => {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0]);
    frame.writeUInt32LE(data.length, 5);
    frame.writeUIntLE(1 + data.length * 8, 9, 3);
    return Buffer.concat([frame, data]);
  },
};

const LONG = avsc.Type.forSchema('long');
const META = avsc.Type.forSchema({ type: 'map', values: 'bytes' });

/** An Avro container file with a block of each list of records, or of records that are bytes already. */
export function avroFile(
  schema: object,
  blocks: readonly (readonly unknown[])[],
  codec = 'null',
): Buffer {
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  const meta = {
    'avro.schema': Buffer.from(JSON.stringify(schema)),
    'avro.codec': Buffer.from(codec),
  };
  const pack = PACK[codec] ?? ((data: Buffer) => data);
  return Buffer.concat([
    Buffer.from('Obj\x01', 'latin1'),
    META.toBuffer(meta),
    SYNC,
    ...blocks.flatMap((records) => {
      const bytes = records.map((record) =>
        Buffer.isBuffer(record) ? record : type.toBuffer(record),
      );
      const data = pack(Buffer.concat(bytes));
      return [LONG.toBuffer(records.length), LONG.toBuffer(data.length), data, SYNC];
    }),
  ]);
}

export interface ContainerRead {
  readonly rows: SqlValue[][];
  readonly offsets: number[];
  readonly failures: (RecordFailure & { readonly offset: number; readonly raw: string })[];
  readonly batches: number;
}

export interface ContainerOptions {
  readonly batchRowsMax?: number;
  readonly needed?: readonly number[];
  /** Where to start, and after how many batches to stop. */
  readonly from?: string;
  readonly batchesMax?: number;
}

/** Rows of the first split; also where it stopped. */
export async function readContainer(
  options: Readonly<Record<string, string>>,
  physical: readonly PhysicalColumn[],
  read: ContainerOptions = {},
): Promise<ContainerRead & { readonly position: string }> {
  const needed = read.needed ?? physical.map((_, index) => index);
  const found = { rows: [] as SqlValue[][], offsets: [] as number[], batches: 0 };
  const failures: ContainerRead['failures'] = [];
  const request: SourceRequest = {
    table: fileTable(options, physical),
    physical: needed,
    system: [],
    batchRowsMax: read.batchRowsMax ?? 4096,
    errors: {
      recordFailed: (header, row, failure) => {
        const raw = Buffer.from(header.rawRecord!(row)).toString('utf8');
        failures.push({ ...failure, offset: rowOffset(header, row), raw });
      },
    },
    clock: { nowMs: () => 0, monotonicNs: () => 0 },
    notice: () => undefined,
  };
  const source: Source = await openFiles(request);
  const split = source.splits[0]!;
  if (read.from !== undefined) split.seek(read.from);
  try {
    while (found.batches < (read.batchesMax ?? Number.POSITIVE_INFINITY)) {
      const batch = split.next();
      if (typeof batch === 'string') break;
      found.batches += 1;
      takeRows(batch, found, { needed, physical });
    }
    return { ...found, failures, position: split.position() };
  } finally {
    await source.close();
  }
}

function takeRows(
  batch: Batch,
  { rows, offsets }: Pick<ContainerRead, 'rows' | 'offsets'>,
  {
    needed,
    physical,
  }: { readonly needed: readonly number[]; readonly physical: readonly PhysicalColumn[] },
): void {
  for (let k = 0; k < batch.selectedCount; k += 1) {
    const row = batch.selection === null ? k : batch.selection[k]!;
    offsets.push(rowOffset(batch.header, row));
    rows.push(
      needed.map((index, at) => columnValue(batch.columns[at]!, physical[index]!.type, row)),
    );
  }
}
