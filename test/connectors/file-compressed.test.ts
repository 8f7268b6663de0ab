/** Compressed files, read and written: what they hold, in whatever members, and where they are damaged. */
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ConnectorError } from '../../src/base/errors.js';
import { NOTHING_NOW } from '../../src/connectors/file/file-bytes.js';
import type { ByteSource } from '../../src/connectors/file/file-bytes.js';
import { packingOf } from '../../src/connectors/file/compressed/packing.js';
import { openContent, PipedContent } from '../../src/connectors/file/compressed/content.js';
import { fileSharing } from '../../src/connectors/file/file.js';
import { fileOptions } from '../../src/connectors/file/file-options.js';
import { inferFileSchema } from '../../src/connectors/file/infer-file.js';
import { runSql } from '../support/run-sql.js';
import { BZIP2_BLOCKS, BZIP2_LINES, BZIP2_NOTHING, BZIP2_ZEROS } from './bzip2-fixtures.js';
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
    ['bzip2', 'a.jsonl.bz2', BZIP2_LINES, SIXTY],
    ['bzip2 of many blocks', 'blocks.bz2', BZIP2_BLOCKS, '{"id":7}\n'.repeat(130_000)],
    [
      'bzip2 streams, one of nothing',
      'streams.bz2',
      Buffer.concat([BZIP2_LINES, BZIP2_NOTHING, BZIP2_BLOCKS, BZIP2_LINES]),
      `${SIXTY}${'{"id":7}\n'.repeat(130_000)}${SIXTY}`,
    ],
    ['bzip2 of nothing', 'nothing.bz2', BZIP2_NOTHING, ''],
    ['bzip2 by another name', 'lie.csv', BZIP2_LINES, SIXTY],
    [
      'bzip2 that zeros fill up',
      'tape.bz2',
      Buffer.concat([BZIP2_LINES, Buffer.alloc(600_000)]),
      SIXTY,
    ],
    ['text that starts like bzip2', 'text.csv', Buffer.from('BZhou,n\n1,2\n'), 'BZhou,n\n1,2\n'],
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

  const brokenAt = (bytes: Buffer, at: number): Buffer => Buffer.from(bytes).fill(0x55, at, at + 4);

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
    [
      'cut.bz2',
      BZIP2_BLOCKS.subarray(0, 300),
      'bzip2 data: it ends at byte 300, where its data go',
    ],
    ['head.bz2', BZIP2_LINES.subarray(0, 5), 'bzip2 data: it ends at byte 5, where its data go on'],
    ['broken.bz2', brokenAt(BZIP2_BLOCKS, 400), 'bzip2 data: invalid block, between byte 373 and'],
    [
      'check.bz2',
      brokenAt(BZIP2_LINES, BZIP2_LINES.length - 4),
      'bzip2 data: incorrect data check',
    ],
    [
      'rest.bz2',
      Buffer.concat([BZIP2_LINES, Buffer.from('rest')]),
      `bzip2 data: what follows on byte ${BZIP2_LINES.length} is not compressed`,
    ],
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

  it('gives what comes in front of a damaged block of bzip2', async () => {
    const seen = await content('second.bz2', brokenAt(BZIP2_BLOCKS, 400));
    expect(seen.text).toMatch(/^(?:\{"id":7\}\n)+/);
    expect(seen.text.length).toBeGreaterThan(300_000);
    expect(seen.text.length).toBeLessThan(900_000);
  });

  it('is no memory full of zeros where one block is a bomb', async () => {
    const source = openContent(writeInput('bomb.bz2', BZIP2_ZEROS));
    await source.readable();
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(source.size()).toBeGreaterThan(0);
    expect(source.size()).toBeLessThan(100_000_000);
    source.close();
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

/** A pipe into which the pieces come, one at each time that nothing more can be read. */
function pipeOf(pieces: readonly Uint8Array[]): ByteSource {
  const left = [...pieces];
  let now: Uint8Array = Buffer.of();
  return {
    seekable: false,
    arrives: true,
    openedBytes: null,
    read: (buffer, at, length) => {
      if (now.length === 0 && left.length === 0) return 0;
      if (now.length === 0) return NOTHING_NOW;
      const part = now.subarray(0, length);
      now = now.subarray(part.length);
      buffer.set(part, at);
      return part.length;
    },
    readable: () => {
      if (now.length === 0) now = left.shift() ?? now;
      return Promise.resolve();
    },
    usedBytes: (place) => place,
    size: () => 0,
    replaced: () => false,
    close: () => undefined,
  };
}

const inPieces = (bytes: Uint8Array, length: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
    bytes.subarray(at * length, (at + 1) * length),
  );

describe('a pipe', () => {
  it.each([
    ['gzip', gzipSync(SIXTY), SIXTY],
    ['gzip members', Buffer.concat([gzipSync(SIXTY), gzipSync(SIXTY)]), SIXTY + SIXTY],
    ['gzip that zeros fill up', Buffer.concat([gzipSync(SIXTY), Buffer.alloc(90)]), SIXTY],
    ['zstd', ZSTD_LINES, SIXTY],
    ['bzip2', BZIP2_LINES, SIXTY],
    ['bzip2 streams', Buffer.concat([BZIP2_LINES, BZIP2_LINES]), SIXTY + SIXTY],
    ['text', Buffer.from(SIXTY), SIXTY],
    ['a short text', Buffer.from('1'), '1'],
    ['what could become gzip', Buffer.of(0x1f), '\x1f'],
    ['nothing', Buffer.of(), ''],
  ])('is told by its first bytes, however they come: %s', async (_, bytes, text) => {
    for (const length of [1, 3, 7, 1000, 1e6]) {
      const seen = await readAll(new PipedContent(pipeOf(inPieces(bytes, length)), '-'));
      expect([length, seen.failure, seen.text === text]).toEqual([length, null, true]);
    }
  });

  it.each([
    ['cut', gzipSync(SIXTY).subarray(0, 80), 'gzip data: it ends at byte 80, where its data go on'],
    [
      'followed by other bytes',
      Buffer.concat([BZIP2_LINES, Buffer.alloc(9), Buffer.from('rest')]),
      `bzip2 data: what follows on byte ${BZIP2_LINES.length + 9} is not compressed`,
    ],
  ])('is an error where it is %s', async (_, bytes, message) => {
    for (const length of [1, 50, 1e6]) {
      const seen = await readAll(new PipedContent(pipeOf(inPieces(bytes, length)), '-'));
      expect(seen.failure).toContain(message);
    }
  });

  it('gives a short line of text before more has come', async () => {
    const content = new PipedContent(pipeOf([Buffer.from('1\n'), Buffer.from('2\n')]), '-');
    const buffer = new Uint8Array(10);
    expect(content.read(buffer, 0, 10, 0)).toBe(NOTHING_NOW);
    await content.readable();
    expect(content.read(buffer, 0, 10, 0)).toBe(2);
  });
});

describe('a query', () => {
  it.each([null, 1, 3])('reads and writes them at %s partitions', async (partitions) => {
    const [from, to] = [writeInput('in.jsonl.gz', packedOf(3)), pathOf(`out-${partitions}.csv.gz`)];
    const bz2 = writeInput('in.jsonl.bz2', BZIP2_LINES);
    const zst = writeInput('in.jsonl.zst', zstd(lines(100)));
    const sink = `CREATE TABLE o (id BIGINT) WITH ('connector' = 'file', 'path' = '${to}');`;
    const place = partitions === null ? {} : { partitioned: { partitions, workers: 2 } };
    const { errorText } = await runSql(`${sink} INSERT INTO o SELECT id FROM '${from}'`, place);
    expect(errorText).toBe('');
    expect(gunzipSync(readFileSync(to)).toString()).toBe('id\n0\n1\n2\n');
    const both = `SELECT COUNT(*) AS n FROM '${from}' UNION ALL SELECT COUNT(*) AS n FROM '${zst}'`;
    const { lines: rows } = await runSql(both, place);
    expect(rows.at(-1)).toMatch(/"n":[0-9]+/);
    const sixty = await runSql(
      `SELECT COUNT(*) AS n, MAX(id) AS m FROM '${bz2}' EMIT FINAL`,
      place,
    );
    expect(sixty.lines).toEqual(['{"n":60,"m":59}']);
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
