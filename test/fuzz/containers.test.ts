/** Avro and Parquet files with bytes changed, cut off or doubled: rows come out, or one of our errors. */
import { DuckDBInstance } from '@duckdb/node-api';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VeloError } from '../../src/base/errors.js';
import { BIGINT, DOUBLE, VARCHAR, decimalType } from '../../src/columnar/types.js';
import type { SqlType } from '../../src/columnar/types.js';
import { avroFile, readContainer } from '../connectors/container-support.js';
import { pathOf, writeInput } from '../connectors/file-support.js';

const RUNS = 300;
const COLUMNS: readonly { readonly name: string; readonly type: SqlType }[] = [
  { name: 'id', type: BIGINT },
  { name: 'name', type: VARCHAR },
  { name: 'x', type: DOUBLE },
  { name: 'price', type: decimalType(12, 2) },
  { name: 'tags', type: { kind: 'array', element: VARCHAR } },
];

/** Bytes that are set, and where the file is cut. */
const mutation = fc.record({
  set: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  }),
  cut: fc.option(fc.nat(), { freq: 5 }),
});

async function survives(format: 'avro' | 'parquet', whole: Buffer): Promise<void> {
  await fc.assert(
    fc.asyncProperty(mutation, async ({ set, cut }) => {
      const content = Buffer.from(whole);
      for (const [at, byte] of set) content[at % content.length] = byte;
      const kept = cut === null ? content : content.subarray(0, cut % content.length);
      const path = writeInput(`mutated.${format}`, kept);
      try {
        const { rows, failures } = await readContainer({ path, format }, COLUMNS);
        expect(rows.length + failures.length).toBeLessThanOrEqual(1_000_000);
      } catch (error) {
        expect(error).toBeInstanceOf(VeloError);
      }
    }),
    { numRuns: RUNS, seed: 7 },
  );
}

describe('damaged containers', () => {
  test.each(['null', 'deflate', 'snappy', 'zstandard'])('Avro, codec %s', async (codec) => {
    const schema = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'name', type: ['null', 'string'] },
        { name: 'x', type: 'double' },
        { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
        { name: 'tags', type: { type: 'array', items: 'string' } },
      ],
    };
    const price = Buffer.from([1, 2]);
    const record = (id: number): object => ({
      id,
      name: id % 2 ? 'n' : null,
      x: id,
      price,
      tags: ['a'],
    });
    const records = Array.from({ length: 20 }, (_, id) => record(id));
    await survives('avro', avroFile(schema, [records, records], codec));
  });

  test.each(['uncompressed', 'snappy', 'zstd', 'gzip'])('Parquet, codec %s', async (codec) => {
    const path = pathOf(`whole-${codec}.parquet`);
    const duck = await (await DuckDBInstance.create(':memory:')).connect();
    await duck.run(
      `COPY (SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'n' || i END AS name, i / 3.0 AS x,
               i::DECIMAL(12, 2) AS price, ['a', NULL] AS tags FROM range(40) t(i))
       TO '${path}' (FORMAT parquet, COMPRESSION ${codec})`,
    );
    await survives('parquet', readFileSync(path));
  });
});
