/**
 * No thread that works on columns detaches a buffer. Until one does, V8 compiles accesses to typed
 * arrays without a look at whether their buffer is still there; from then on every loop over columns
 * takes a fifth longer, in all of the thread, for good. The memory of WebAssembly that grows is
 * enough, and a package may do that as it is loaded. V8 itself says when it happens.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { VELO } from '../support/velo-process.js';

const DETACHED = 'Invalidating protector cell ArrayBufferDetaching';

const folder = mkdtempSync(join(tmpdir(), 'velo-detaching-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a process prints that runs with V8's trace. */
async function traced(args: readonly string[]): Promise<string> {
  const flags = ['--trace-protector-invalidation'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...args]);
  return stdout;
}

const COUNTED = 'SELECT k, COUNT(*) AS n FROM t GROUP BY k EMIT FINAL;';
const generated = `CREATE TABLE t (k BIGINT AS i % 3)
  WITH ('connector' = 'generator', 'rows' = '30000'); ${COUNTED}`;

function read(format: 'json' | 'csv', text: string): string {
  const path = join(folder, `t.${format}`);
  writeFileSync(path, text);
  return `CREATE TABLE t (k BIGINT)
    WITH ('connector' = 'file', 'path' = '${path}', 'format' = '${format}'); ${COUNTED}`;
}

it('is said by V8 where it happens', async () => {
  const detaching = 'const b = new ArrayBuffer(8); structuredClone(b, { transfer: [b] });';
  expect(await traced(['-e', detaching])).toContain(DETACHED);
});

describe('no buffer is detached', () => {
  it.each([
    ['generated rows', generated],
    ['a file of JSON', read('json', '{"k":0}\n{"k":1}\n{"k":2}\n')],
    ['a file of CSV', read('csv', 'k\n0\n1\n2\n')],
  ])('by a job over %s, on V1 and V2', async (_, sql) => {
    for (const how of [
      ['--arch', 'v1'],
      ['--partitions', '2', '--workers', '2'],
    ]) {
      const said = await traced([VELO, 'run', '-e', sql, ...how]);
      expect(said.split('\n').filter((line) => line.startsWith('{"k":'))).toHaveLength(3);
      expect(said).not.toContain(DETACHED);
    }
  });

  it('by columnar fetch, with blocks of lz4 that are larger than those before', async () => {
    const dist = new URL('../../dist/', import.meta.url).href;
    const program = `
      for (const file of ['topic-source', 'owned-topic', 'block-decoder', 'topic-sink']) {
        await import(\`${dist}connectors/kafka/\${file}.js\`);
      }
      const { unpackLz4Block } = await import('${dist}formats/codecs/lz4-block.js');
      const none = { bytes: new Uint8Array(), from: 0, to: 0 };
      for (let size = 1; size <= 1 << 22; size *= 4) {
        // One literal, repeated size times; the last sequence is empty.
        const bytes = new Uint8Array(6 + Math.ceil(size / 255));
        bytes.set([0x1f, 7, 1, 0]);
        bytes.fill(255, 4, -2);
        const block = { bytes, from: 0, to: bytes.length };
        const unpacked = unpackLz4Block(block, none, 300 + 2 * size);
        if (unpacked === null || unpacked.some((byte) => byte !== 7)) throw new Error('broken');
      }
      console.log('unpacked');`;
    const said = await traced(['--input-type=module', '-e', program]);
    expect(said).toContain('unpacked');
    expect(said).not.toContain(DETACHED);
  });
});
