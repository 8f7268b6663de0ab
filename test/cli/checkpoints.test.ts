/**
 * `velo checkpoints`: what docs/checkpoints.md shows, exit codes, JSON, and lines that fit. Needs the
 * built command.
 */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Chalk } from 'chalk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/base/display-width.js';
import { inspectText, listText, verifyText } from '../../src/cli/checkpoints-report.js';
import { CheckpointReader } from '../../src/state/checkpoint/checkpoint-reader.js';
import { CheckpointStore } from '../../src/state/checkpoint/checkpoint-store.js';
import { StateWriter } from '../../src/state/snapshot.js';
import { velo } from '../support/velo-process.js';

const PAGE = readFileSync(
  fileURLToPath(new URL('../../docs/checkpoints.md', import.meta.url)),
  'utf8',
);
const NOON_MS = Date.UTC(2026, 2, 1, 12);
const NOW_MS = NOON_MS + 12_000;
const TAKEN_MS = new Map([
  [41, NOON_MS - 60_000],
  [42, NOON_MS],
  [43, NOON_MS + 10_000],
]);
const SHOWN_DIR = 'state/orders';
const color = new Chalk({ level: 0 });

const root = mkdtempSync(join(tmpdir(), 'velo-checkpoints-'));
const dir = join(root, 'state', 'orders');
const reader = new CheckpointReader(dir);
afterAll(() => rmSync(root, { recursive: true, force: true }));

function entries(count: number, valueBytes: number, salt: number): Uint8Array {
  const writer = new StateWriter();
  for (let entry = 0; entry < count; entry += 1) {
    writer.beginEntry(entry % 1024);
    for (let at = 0; at < valueBytes; at += 4) writer.writeU32(entry + salt);
    writer.endEntry();
  }
  return writer.finish();
}

/** The folder that the page shows. */
beforeAll(async () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicNs: () => 0 };
  const store = await CheckpointStore.open(dir, { notice: () => undefined, clock });
  for (const [epoch, takenMs] of TAKEN_MS) {
    nowMs = takenMs;
    const half = entries(1000, 8, epoch);
    await store.write({
      epoch,
      trigger: 'interval',
      arch: 'v2',
      partitions: 8,
      job: { name: 'orders.sql' },
      signatures: new Map(),
      counters: new Map([['revenue', { rowsRead: epoch * 1000, rowsOut: epoch * 10 }]]),
      state: [
        {
          query: 'revenue',
          ended: false,
          sink: JSON.stringify({ epoch }),
          splits: [0, 1].map((split) => ({
            scan: 'orders',
            split,
            sourceName: 'orders',
            position: JSON.stringify({ offset: epoch * 100 + split }),
            highestMs: split === 0 ? NOON_MS - 1500 : -Infinity,
            ended: false,
            next: split === 0,
          })),
          operators: [
            { operator: 'window-aggregate', bytes: half },
            { operator: 'join', bytes: entries(600, 12, 7) },
            { operator: 'window-aggregate', bytes: half },
          ],
        },
      ],
    });
  }
  await store.close();
});

/** What stands behind a command of the page. */
function shown(command: string): string {
  const at = PAGE.indexOf(`\`\`\`sh\nvelo checkpoints ${command}`);
  const [, block = ''] = /```text\n([\s\S]*?)\n```/.exec(PAGE.slice(at)) ?? [];
  expect(at).toBeGreaterThan(0);
  return block;
}

const space = { color, width: null, nowMs: NOW_MS };

describe('velo checkpoints', () => {
  it('lists and inspects as the page shows', async () => {
    expect(listText(SHOWN_DIR, await reader.list(), space)).toBe(shown('list'));
    const manifest = await reader.inspect(42);
    const version = `velo ${manifest.velo}`;
    expect(inspectText(manifest, space).replace(version, 'velo 0.1.0')).toBe(shown('inspect'));
  });

  it.each([40, 60, 80])('fits %i columns', async (width) => {
    const narrow = { ...space, width };
    const texts = [
      listText(dir, await reader.list(), narrow),
      inspectText(await reader.inspect(42), narrow),
    ];
    const lines = texts.flatMap((text) => text.split('\n'));
    expect(lines.filter((line) => displayWidth(line) > width)).toEqual([]);
  });

  it('verifies with exit 0, and 1 when a file is damaged, which is named', async () => {
    const whole = await velo(['checkpoints', 'verify', dir]);
    expect(whole).toMatchObject({ exit: 0, stderr: '' });
    expect(whole.stdout).toBe('epoch 43: whole\nepoch 42: whole\nepoch 41: whole\n');
    const file = join(dir, 'epoch-0000000043', '0001-window-aggregate.state');
    const bytes = readFileSync(file);
    truncateSync(file, 1000);
    const run = await velo(['checkpoints', 'verify', dir]);
    expect(run).toMatchObject({ exit: 1, stderr: '' });
    expect(run.stdout.replace(root, '').replace('/state/', 'state/').trimEnd()).toBe(
      shown('verify'),
    );
    const verified = await Promise.all([43, 42].map((epoch) => reader.verify(epoch)));
    const lines = verifyText(dir, verified, { color, width: 50 }).split('\n');
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(50);
    const one = await velo(['checkpoints', 'verify', dir, '--epoch', '42', '--json']);
    expect(one.exit).toBe(0);
    expect(JSON.parse(one.stdout)).toEqual({
      schema: 1,
      folder: dir,
      checkpoints: [
        { epoch: 42, folder: join(dir, 'epoch-0000000042'), whole: true, problems: [] },
      ],
    });
    writeFileSync(file, bytes);
  });

  it('gives JSON with manifest and sums, and says what cannot be read', async () => {
    const manifest = join(dir, 'epoch-0000000041', 'manifest');
    const text = readFileSync(manifest);
    writeFileSync(manifest, 'torn');
    const { exit, stdout } = await velo(['checkpoints', 'list', dir, '--json']);
    expect(exit).toBe(0);
    const { checkpoints } = JSON.parse(stdout) as { checkpoints: unknown[] };
    expect(checkpoints).toMatchObject([
      { epoch: 43, problem: null, size: { entries: 2600, files: 2, bytes: 44_000 } },
      { epoch: 42, manifest: { queries: [{ splits: [{ position: '{"offset":4200}' }, {}] }] } },
      { epoch: 41, problem: { code: 'VELO_CHECKPOINT_DAMAGED' } },
    ]);
    const listed = await velo(['checkpoints', 'list', dir]);
    expect(listed.stdout).toContain(`epoch 41: checkpoint file "${manifest}" does not end with`);
    writeFileSync(manifest, text);
  });

  it.each([
    [['list', '/does/not/exist'], 1, 'checkpoint folder "/does/not/exist" does not exist'],
    [['inspect', dir, '--epoch', '7'], 1, 'has no epoch 7\nhint: it has 43, 42, 41'],
    [['inspect', dir, '--epoch', 'x'], 2, 'bad value "x" for --epoch'],
    [['forget', dir], 2, "unknown command 'forget'"],
  ])('%j exits with %i', async (args, exit, message) => {
    const run = await velo(['checkpoints', ...args]);
    expect(run.exit).toBe(exit);
    expect(run.stderr).toContain(message);
    expect(run.stdout).toBe('');
  });
});
