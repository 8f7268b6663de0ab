/**
 * Mutated pages of flat Parquet columns: values come out, no more than the footer says, or a
 * PageFault; never another error, and never more time or memory than the pages are worth. A run is
 * one mutant of one column read to its end.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll } from 'vitest';
import { ContainerBytes } from '../../src/connectors/file/container/container-bytes.js';
import { flatForm } from '../../src/formats/parquet/flat-form.js';
import { DenseValues } from '../../src/formats/parquet/pages/dense-values.js';
import { FlatChunk } from '../../src/formats/parquet/pages/flat-chunk.js';
import type { FlatChunkParts } from '../../src/formats/parquet/pages/flat-chunk.js';
import { PageFault } from '../../src/formats/parquet/pages/page-fault.js';
import {
  chunkBytes,
  chunkOf,
  readFooter,
  schemaOf,
} from '../../src/formats/parquet/parquet-footer.js';
import { pathOf } from '../connectors/file-support.js';
import { fuzz } from './fuzz.js';
import type { FuzzInput, Random } from './fuzz.js';

const CPU_MS_MAX = 3_000;
/** What fifty mutants may leave in memory. */
const MEMORY_BYTES_MAX = 768 << 20;
const ODD_BYTES = [0, 1, 2, 0x0f, 0x7f, 0x80, 0x81, 0xfe, 0xff];

Error.stackTraceLimit = 3;

const chunks: FlatChunkParts[] = [];

beforeAll(async () => {
  const duck = await (await DuckDBInstance.create(':memory:')).connect();
  const columns = `i AS n, (i * 7919) % 1000003 AS big, i // 50 AS few, i / 3.0 AS x, i % 3 = 0 AS b,
    's' || (i % 9) AS name, 'text ' || i AS text, md5(i::VARCHAR)::UUID AS u`;
  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw']) {
    for (const version of ['v1', 'v2']) {
      for (const nulls of ['', 'WHERE i % 3 > 0']) {
        const path = pathOf('pages.parquet');
        await duck.run(`COPY (SELECT ${columns} FROM range(300) r(j) LEFT JOIN
            (SELECT i FROM range(300) t(i) ${nulls}) ON i = j ORDER BY j)
          TO '${path}' (FORMAT parquet, COMPRESSION ${codec}, PARQUET_VERSION ${version})`);
        takeChunks(path);
      }
    }
  }
});

function takeChunks(path: string): void {
  const bytes = new ContainerBytes(path);
  const footer = readFooter(bytes);
  for (const node of schemaOf(bytes, footer).children) {
    const flat = flatForm(node);
    if (flat === null) throw new Error(`${node.element.name} is not flat`);
    const meta = chunkOf(footer.row_groups[0]!, [node.element.name]);
    const { form, isOptional } = flat;
    const { codec } = meta;
    chunks.push({ bytes: chunkBytes(bytes, meta), codec, form, isOptional, records: 300 });
  }
  bytes.close();
}

function mutate(bytes: Uint8Array, random: Random): Buffer {
  let out = Buffer.from(bytes);
  for (let left = 1 + random.below(3); left > 0 && out.length > 8; left -= 1) {
    // Headers are at the front of pages: half of what is changed is there.
    const at = random.below(random.below(2) === 0 ? Math.min(40, out.length) : out.length);
    const length = 1 + random.below(Math.min(24, out.length - at));
    switch (random.below(6)) {
      case 0:
        out[at]! ^= 1 << random.below(8);
        break;
      case 1:
        out[at] = random.below(256);
        break;
      case 2:
        out[at] = random.pick(ODD_BYTES);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      default:
        out = out.subarray(0, at + 1);
    }
  }
  return out;
}

const dense = new DenseValues();

function readAll(parts: FlatChunkParts, random: Random): string {
  const chunk = new FlatChunk(parts);
  try {
    let record = random.below(3) === 0 ? random.below(parts.records) : 0;
    chunk.skip(dense, record);
    while (record < parts.records) {
      const wanted = 1 + random.below(parts.records - record);
      const got = chunk.read(dense, 0, wanted);
      if (got <= 0 || got > wanted) throw new Error(`${got} records instead of ${wanted}`);
      if (dense.count + dense.nullCount !== got) throw new Error('a record is neither');
      record += got;
    }
    return 'values';
  } catch (error) {
    if (error instanceof PageFault) return error.message.replaceAll(/\d+/g, 'N').slice(0, 60);
    throw error;
  } finally {
    chunk.close();
  }
}

fuzz({
  file: 'pages',
  name: 'mutated pages are values or faults',
  sample: 400,
  cpuMsMax: CPU_MS_MAX,
  run: ({ random, counts, shows }: FuzzInput) => {
    const before = process.memoryUsage().arrayBuffers;
    for (let run = 0; run < 50; run += 1) {
      const parts = random.pick(chunks);
      const bytes = mutate(parts.bytes, random);
      shows(`${parts.codec} ${JSON.stringify(parts.form)} ${bytes.toString('hex')}`);
      counts(readAll({ ...parts, bytes }, random));
    }
    const more = process.memoryUsage().arrayBuffers - before;
    if (more > MEMORY_BYTES_MAX) throw new Error(`${more} bytes more in memory`);
  },
});
