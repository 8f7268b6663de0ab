/** Compressed files, read and written: what they hold, in whatever members, and where they are damaged. */
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { NOTHING_NOW } from '../../src/connectors/file/file-bytes.js';
import type { ByteSource } from '../../src/connectors/file/file-bytes.js';
import { packingOf } from '../../src/connectors/file/compressed/packing.js';
import { openContent } from '../../src/connectors/file/compressed/unpacked-bytes.js';
import { fileSharing } from '../../src/connectors/file/file.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { runSql } from '../support/run-sql.js';
import { fileTable, ID, pathOf, writeInput } from './file-support.js';

const lineOf = (id: number): string => `{"id":${id},"s":"${(id * 2654435761) >>> 0}"}\n`;

/** `{"id":0}` … of so many bytes at least. */
function lines(bytesLeast: number): string {
  const parts: string[] = [];
  for (let id = 0, length = 0; length < bytesLeast; id += 1) {
    const line = lineOf(id);
    parts.push(line);
    length += line.length;
  }
  return parts.join('');
}

/** Blocks of a zstd frame: as they are, 128 KiB each, or one byte as often. */
const BLOCK = 128 * 1024;

/** A frame without compression: any tool unpacks it. */
function zstd(content: string): Buffer {
  const bytes = Buffer.from(content);
  const frame: Uint8Array[] = [Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38)];
  for (let at = 0; at === 0 || at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    frame.push(blockHeader(0, block.length, at + BLOCK >= bytes.length), block);
  }
  return Buffer.concat(frame);
}

function blockHeader(kind: number, length: number, isLast: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((isLast ? 1 : 0) | (kind << 1) | (length << 3), 0, 3);
  return header;
}

/** Zeros: four bytes for 128 KiB of them. */
function zstdZeros(blocks: number): Buffer {
  const frame: Uint8Array[] = [Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38)];
  for (let at = 1; at <= blocks; at += 1) {
    frame.push(blockHeader(1, BLOCK, at === blocks), Buffer.of(0));
  }
  return Buffer.concat(frame);
}

/** The first 60 of lines(), as the command zstd -19 packs them, with its checksum. */
const ZSTD_LINES = Buffer.from(
  'KLUv/QRoNQ0AVitTEsBXOl0//v0TKaVMKSWmK57DAlIASwBLABMipQyid15Y43UhQTfRjHu9qIju5lJ/z8RKeorP' +
    'LEfJ5A9TvdEW3tAIN3NUZiXDoZ43BQ2DHqpqSaQV0lFdjJN57QsHcBAiCISCEBACYYAgGASdRmuWalGG86noiBsR' +
    'MYbx6OlF4emmSmtncLKSec16g0xW6aItKidZdP0GPZLIxMpfsMGqFK012g2+p82UO59xxl2EMqpsnyhNtgcsy2Ml' +
    'exhE35g15bVxM72gksy9WdqPVNHw5zVTuxrbVlOQegtN5nRqIgnHxKQ1Uys2fOnCuNxtzY0pWUucy6ctO1LFlWRl' +
    'fCJlGQEAB6HmELFqdZqhuZXSZ1Eqmprz914TyodCHCH0L2xMHjJ/QvPEbB8xiVmdf2VKltwjXuG2NK5sl4XoRHJp' +
    'RTs4pk1I2TRxT5ZP7h12qBFgcGGEOL4bgLvsBhCEke8GIBi+AVNWvc74niyNuNvzQJFDHxg/f5ziQqO3DRi5XZk6' +
    'KTgbcnKRIk2Xp22gHMx4UKXd9Wp5qSoMG1auLn1bYpCwrAI12nEL',
  'base64',
);
const SIXTY = Array.from({ length: 60 }, (_, id) => lineOf(id)).join('');

/** All bytes, and the failure that they end in. */
async function readAll(source: ByteSource): Promise<{ text: string; failure: string | null }> {
  const parts: Buffer[] = [];
  const buffer = new Uint8Array(100_000);
  let failure: string | null = null;
  let place = 0;
  for (;;) {
    try {
      const count = source.read(buffer, 0, buffer.length, place);
      if (count === 0) break;
      place += Math.max(0, count);
      if (count === NOTHING_NOW) await source.readable();
      else parts.push(Buffer.from(buffer.slice(0, count)));
    } catch (error) {
      failure = (error as ConnectorError).message;
      break;
    }
  }
  source.close();
  return { text: Buffer.concat(parts).toString(), failure };
}

const content = (
  name: string,
  bytes: Uint8Array,
): Promise<{ text: string; failure: string | null }> =>
  readAll(openContent(writeInput(name, bytes), { files: 100 }));

const big = lines(6_000_000);

describe('what is in a compressed file', () => {
  const two = Buffer.concat([gzipSync('{"id":1}\n'), gzipSync('{"id":2}\n')]);
  const skippable = Buffer.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);

  it.each([
    ['gzip', 'a.jsonl.gz', gzipSync('{"id":1}\n'), '{"id":1}\n'],
    ['of many pieces', 'big.jsonl.gz', gzipSync(big), big],
    ['members behind one another', 'two.jsonl.gz', two, '{"id":1}\n{"id":2}\n'],
    [
      'zeros that fill it up',
      'tape.gz',
      Buffer.concat([two, Buffer.alloc(700)]),
      '{"id":1}\n{"id":2}\n',
    ],
    ['another suffix', 'lie.jsonl', two, '{"id":1}\n{"id":2}\n'],
    ['the suffix alone', 'plain.jsonl.gz', Buffer.from('{"id":1}\n'), '{"id":1}\n'],
    ['nothing', 'nothing.gz', Buffer.of(), ''],
    ['zstd', 'a.jsonl.zst', zstd('{"id":1}\n'), '{"id":1}\n'],
    ['zstd of many blocks', 'big.jsonl.zst', zstd(big), big],
    [
      'frames',
      'frames.zst',
      Buffer.concat([zstd('1\n'), skippable, zstd(''), zstd('2\n')]),
      '1\n2\n',
    ],
    ['a skippable frame first', 'skip.zst', Buffer.concat([skippable, zstd('1\n')]), '1\n'],
    ['zstd as its command packs it', 'real.zst', ZSTD_LINES, SIXTY],
    ['a bomb', 'bomb.zst', zstdZeros(400), '\0'.repeat(400 * BLOCK)],
  ])('is its content: %s', async (_, name, bytes, text) => {
    const seen = await content(name, bytes);
    expect(seen.failure).toBeNull();
    expect(seen.text === text).toBe(true);
  });

  const packed = gzipSync(big);
  const packedZstd = zstd(big);
  const broken19 = Buffer.from(ZSTD_LINES).fill(0x55, 60, 70);
  const broken = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    copy.fill(0x55, copy.length >> 1, (copy.length >> 1) + 40);
    return copy;
  };

  it.each([
    [
      'cut.gz',
      packed.subarray(0, 300_000),
      'gzip data: it ends at byte 300000, where its data go on',
    ],
    ['head.gz', packed.subarray(0, 5), 'gzip data: it ends at byte 5, where its data go on'],
    ['check.gz', Buffer.concat([packed.subarray(0, -8), Buffer.alloc(8)]), 'incorrect data check'],
    ['broken.gz', broken(packed), 'gzip data: '],
    [
      'rest.gz',
      Buffer.concat([gzipSync('{"id":1}\n'), Buffer.from('rest')]),
      'incorrect header check',
    ],
    [
      'cut.zst',
      packedZstd.subarray(0, 300_000),
      'zstd data: it ends at byte 300000, where its data go on',
    ],
    ['broken.zst', broken19, 'zstd data: '],
    ['rest.zst', Buffer.concat([zstd('{"id":1}\n'), Buffer.alloc(30, 'x')]), 'zstd data: invalid'],
  ])(
    'is an error where it is damaged, behind what can be read: %s',
    async (name, bytes, message) => {
      const seen = await content(name, bytes);
      expect(seen.failure).toContain(`data file "${pathOf(name)}" has damaged `);
      expect(seen.failure).toContain(message);
      expect(seen.text.length).toBeLessThanOrEqual(big.length);
    },
  );

  it('says what it cannot unpack', () => {
    const path = writeInput('x.jsonl.bz2', Buffer.from('BZh91AY&SY'));
    expect(() => openContent(path)).toThrow(/compressed with bzip2, which velo does not unpack/);
  });

  it('is not unpacked further than somebody reads', async () => {
    const source = openContent(writeInput('ahead.gz', gzipSync(big)), { files: 64 });
    await source.readable();
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(source.size()).toBeGreaterThan(0);
    expect(source.size()).toBeLessThan(1_000_000);
    source.close();
  });

  it('is read by one worker, and has the format of the name within', async () => {
    const path = writeInput('rows.csv.gz', gzipSync('id,s\n1,x\n'));
    expect(fileOptions(fileTable({ path }, [])).format).toBe('csv');
    const { columns } = await inferFileSchema(fileOptions(fileTable({ path }, [])), {
      sniff: true,
    });
    expect(columns.map(({ name }) => name)).toEqual(['id', 's']);
    expect(fileSharing(fileTable({ path: writeInput('s.jsonl', gzipSync('{}')) }, ID))).toBe(
      'local',
    );
  });

  it('is an error of its schema only where it is damaged before any record', async () => {
    const options = (name: string, bytes: Uint8Array): ReturnType<typeof fileOptions> =>
      fileOptions(fileTable({ path: writeInput(name, bytes) }, []));
    const late = inferFileSchema(options('late.jsonl.gz', packed.subarray(0, -4)), { sniff: true });
    expect((await late).columns).toHaveLength(2);
    const early = inferFileSchema(options('early.jsonl.gz', packed.subarray(0, 9)), {
      sniff: true,
    });
    await expect(early).rejects.toThrow('it ends at byte 9');
  });
});

describe('a query', () => {
  it.each([null, 1, 3])('reads and writes them at %s partitions', async (partitions) => {
    const [from, to] = [writeInput('in.jsonl.gz', packedOf(3)), pathOf(`out-${partitions}.csv.gz`)];
    const zst = writeInput('in.jsonl.zst', zstd(lines(100)));
    const sink = `CREATE TABLE o (id BIGINT) WITH ('connector' = 'file', 'path' = '${to}');`;
    const place = partitions === null ? {} : { partitioned: { partitions, workers: 2 } };
    const { errorText } = await runSql(`${sink} INSERT INTO o SELECT id FROM '${from}'`, place);
    expect(errorText).toBe('');
    expect(gunzipSync(readFileSync(to)).toString()).toBe('id\n0\n1\n2\n');
    const both = `SELECT COUNT(*) AS n FROM '${from}' UNION ALL SELECT COUNT(*) AS n FROM '${zst}'`;
    const { lines: rows } = await runSql(both, place);
    expect(rows.at(-1)).toMatch(/"n":[0-9]+/);
  });

  it('whose file has no rows writes one that can be unpacked', async () => {
    const to = pathOf('none.jsonl.gz');
    const sink = `CREATE TABLE o (id BIGINT) WITH ('connector' = 'file', 'path' = '${to}');`;
    const from = writeInput('some.jsonl', '{"id":1}\n');
    await runSql(`${sink} INSERT INTO o SELECT id FROM '${from}' WHERE id > 5`, {});
    expect(gunzipSync(readFileSync(to)).toString()).toBe('');
  });

  it('refuses to write what it cannot pack', () => {
    expect(() => packingOf('a.bz2')).toThrow(ConnectorError);
    expect(packingOf('a.gz')).not.toBeNull();
    expect(packingOf('a.csv')).toBeNull();
  });
});

function packedOf(rows: number): Buffer {
  return gzipSync(Array.from({ length: rows }, (_, id) => `{"id":${id}}\n`).join(''));
}
