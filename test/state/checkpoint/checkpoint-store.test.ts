/**
 * Checkpoints of a job in a folder: what is written is read, files that did not change are linked,
 * old ones go, damaged ones are passed over, and one job has the folder. Crashes are
 * checkpoint-crash.test.ts, damage by chance test/fuzz/checkpoints.test.ts.
 */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StateError } from '../../../src/base/errors.js';
import { ownPlace } from '../../../src/base/process-place.js';
import { systemClock } from '../../../src/base/clock.js';
import { systemFiles } from '../../../src/state/checkpoint/checkpoint-files.js';
import { CheckpointReader } from '../../../src/state/checkpoint/checkpoint-reader.js';
import { CheckpointStore } from '../../../src/state/checkpoint/checkpoint-store.js';
import { operatorKey } from '../../../src/state/checkpoint/epoch-writer.js';
import { summedText } from '../../../src/state/checkpoint/manifest-text.js';
import type { JobState } from '../../../src/state/checkpoint/job-state.js';
import { Random } from '../../oracle/random-data.js';
import { MemoryFiles } from './memory-files.js';
import { contentOf, DIR, entriesOf, openStore, randomState, textOf } from './sample-states.js';

const SEED = 20261130;
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function diskFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'velo-checkpoints-'));
  folders.push(folder);
  return join(folder, 'of', 'a-job');
}

function oneOperator(bytes: Uint8Array, query = 'q'): JobState {
  const operators = [{ operator: 'aggregate', bytes }];
  return [{ query, ended: false, sink: null, splits: [], operators }];
}

async function failure(work: Promise<unknown>): Promise<StateError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StateError);
  return error as StateError;
}

/** Three checkpoints, 1 to 3, of one operator that changes. */
async function threeCheckpoints(files = new MemoryFiles()): Promise<MemoryFiles> {
  const { store } = await openStore(files);
  for (let epoch = 1; epoch <= 3; epoch += 1) {
    await store.write(contentOf(epoch, oneOperator(entriesOf(new Random(epoch), 20))));
  }
  await store.close();
  return files;
}

const path = (epoch: number, name: string): string => `${DIR}/epoch-000000000${epoch}/${name}`;
const STATE = '0001-aggregate.state';

describe('a checkpoint', () => {
  it('is read as it was written, whatever state it holds', async () => {
    const random = new Random(SEED);
    const { store } = await openStore(new MemoryFiles());
    for (let epoch = 0; epoch < 60; epoch += 1) {
      const state = randomState(random, 30);
      const content = contentOf(epoch, state);
      const published = await store.write(content);
      const found = await store.latest();
      expect(found?.epoch).toBe(epoch);
      expect(textOf(found?.state ?? [])).toBe(textOf(state));
      expect(found?.manifest).toEqual(published.manifest);
      const { trigger, arch, partitions, job } = content;
      expect(found?.manifest).toMatchObject({ trigger, arch, partitions, job, epoch });
      for (const { query, counters, operators } of found?.manifest.queries ?? []) {
        expect(counters).toEqual({ rowsRead: epoch, rowsOut: Number.NaN });
        for (const { id, signature } of operators) {
          expect(signature).toBe(content.signatures.get(operatorKey(query, id)));
        }
      }
    }
  });

  it('of many megabytes lies in files that are linked where nothing changed', async () => {
    const dir = diskFolder();
    const store = await CheckpointStore.open(dir, { notice: () => undefined, clock: systemClock });
    const entries = entriesOf(new Random(SEED), 700_000);
    const full = await store.write(contentOf(1, oneOperator(entries)));
    expect(full.bytesLinked).toBe(0);
    expect(full.manifest.queries[0]?.operators[0]?.files.length).toBeGreaterThan(3);
    const changed = entries.slice();
    changed[changed.length - 1] = 1 ^ (changed.at(-1) ?? 0);
    const added = Buffer.concat([entriesOf(new Random(7), 100), changed]);
    const next = await store.write(contentOf(2, oneOperator(added)));
    expect(next.bytesWritten + next.bytesLinked).toBeGreaterThan(entries.length);
    // The file at either end was changed; those between lie as they lay.
    expect(next.bytesLinked).toBeGreaterThan(entries.length / 3);
    const files = next.manifest.queries[0]?.operators[0]?.files ?? [];
    const links = files.map(({ name }) => statSync(join(next.folder, name)).nlink);
    expect(links).toEqual(files.map(({ since }) => (since === 1 ? 2 : 1)));
    expect(Math.max(...files.map(({ bytes }) => bytes))).toBeLessThanOrEqual(8 * 1024 * 1024);
    const found = await store.latest();
    expect(textOf(found?.state ?? [])).toBe(textOf(oneOperator(added)));
    await store.close();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  it('is written anew where there are no links, or the older file is not what it was', async () => {
    const state = oneOperator(entriesOf(new Random(SEED), 20));
    const files = new MemoryFiles();
    const { store } = await openStore(files);
    await store.write(contentOf(1, state));
    const file = files.file(path(1, STATE));
    file.bytes = file.bytes.slice(0, 100);
    expect((await store.write(contentOf(2, state))).bytesLinked).toBe(0);
    files.link = () => Promise.reject(Object.assign(new Error('no'), { code: 'EPERM' }));
    expect((await store.write(contentOf(3, state))).bytesLinked).toBe(0);
    expect((await store.verify(3)).problems).toEqual([]);
    await store.close();
    // Also the lock needs none.
    await (await openStore(files)).store.close();
    expect((await files.list(DIR)).toSorted().at(-1)).toBe('epoch-0000000003');
  });

  it('ends its write when it is told to, and leaves nothing', async () => {
    const files = new MemoryFiles();
    const { store } = await openStore(files);
    const stopping = new AbortController();
    const content = contentOf(1, oneOperator(entriesOf(new Random(SEED), 20)));
    const work = store.write({ ...content, signal: stopping.signal });
    stopping.abort(new Error('stopped'));
    await expect(work).rejects.toThrow('stopped');
    expect(await files.list(DIR)).toEqual(['lock']);
    await store.write(content);
    expect(store.newestEpoch).toBe(1);
  });
});

describe('old checkpoints', () => {
  it('go when newer ones are there, but for those that are pinned', async () => {
    const files = new MemoryFiles();
    const { store } = await openStore(files, { keep: 2 });
    store.pinned.add(2);
    for (let epoch = 1; epoch <= 6; epoch += 1) await store.write(contentOf(epoch, []));
    expect(await store.epochs()).toEqual([6, 5, 2]);
    store.pinned.clear();
    await store.write(contentOf(7, []));
    expect(await store.epochs()).toEqual([7, 6]);
  });

  it('stay while those that are newer are damaged', async () => {
    const files = await threeCheckpoints();
    await files.remove(path(2, STATE));
    await files.remove(path(3, 'manifest'));
    const { store } = await openStore(files, { keep: 2 });
    expect((await store.latest())?.epoch).toBe(1);
    await store.write(contentOf(store.newestEpoch + 1, []));
    expect(await store.epochs()).toEqual([4, 3, 2, 1]);
    await store.write(contentOf(5, []));
    expect(await store.epochs()).toEqual([5, 4]);
  });

  it('that cannot be removed are said once, and the newest is there', async () => {
    const files = new MemoryFiles();
    const { store, notices } = await openStore(files, { keep: 1 });
    await store.write(contentOf(1, []));
    const rename = files.rename.bind(files);
    files.rename = (from, to) =>
      to.includes('.old')
        ? Promise.reject(
            Object.assign(new Error('EACCES: permission denied, x'), { code: 'EACCES' }),
          )
        : rename(from, to);
    await store.write(contentOf(2, []));
    await store.write(contentOf(3, []));
    expect(notices).toEqual([`an old checkpoint in "${DIR}" stays: permission denied`]);
    expect((await store.latest())?.epoch).toBe(3);
  });

  it('remain alone when newer ones are discarded', async () => {
    const { store } = await openStore(await threeCheckpoints());
    expect(await store.discardNewer(1)).toEqual([3, 2]);
    expect(store.newestEpoch).toBe(1);
    await store.write(contentOf(2, []));
    expect((await store.latest())?.epoch).toBe(2);
  });
});

describe('what is damaged', () => {
  const damages: readonly [string, (files: MemoryFiles) => unknown, RegExp][] = [
    ['a file that is missing', (files) => files.remove(path(3, STATE)), /0001.*is missing/],
    [
      'a manifest that is missing',
      (files) => files.remove(path(3, 'manifest')),
      /manifest.*missing/,
    ],
    ['a short file', (files) => cut(files, STATE, -1), /0001.*shorter.*\d+ of \d+ bytes/],
    ['a long file', (files) => cut(files, STATE, 1), /0001.*longer/],
    ['an empty file', (files) => cut(files, STATE, -1e9), /0001.*shorter/],
    ['a flipped bit', (files) => flip(files, STATE, 60), /0001.*another sum at byte 28/],
    ['a header', (files) => flip(files, STATE, 17), /0001.*damaged header/],
    [
      'a file of something else',
      (files) => flip(files, STATE, 0),
      /does not start as a state file/,
    ],
    ['a manifest', (files) => flip(files, 'manifest', 30), /manifest.*another sum/],
    ['a torn manifest', (files) => cut(files, 'manifest', -40), /does not end with its sum/],
    ['another epoch', (files) => swapFolders(files), /is of epoch 2, in the folder of epoch 3/],
    ['the file of another epoch', (files) => take(files), /another file than the one/],
  ];

  function cut(files: MemoryFiles, name: string, by: number): void {
    const file = files.file(path(3, name));
    const length = Math.max(0, file.bytes.length + by);
    file.bytes = Buffer.concat([file.bytes, Buffer.alloc(Math.max(0, by))]).subarray(0, length);
  }
  function flip(files: MemoryFiles, name: string, at: number): void {
    const file = files.file(path(3, name));
    file.bytes = file.bytes.slice();
    file.bytes[at] = 1 ^ (file.bytes[at] ?? 0);
  }
  function swapFolders(files: MemoryFiles): void {
    const { names } = files.folder(DIR);
    names.set('epoch-0000000003', files.folder(`${DIR}/epoch-0000000002`));
  }
  function take(files: MemoryFiles): void {
    const other = files.file(path(2, STATE));
    files.folder(`${DIR}/epoch-0000000003`).names.set(STATE, other);
  }

  it.each(damages)('is found and passed over: %s', async (_, damage, message) => {
    const files = await threeCheckpoints();
    await damage(files);
    const { store } = await openStore(files);
    const found = await store.latest();
    expect(found?.epoch).toBe(2);
    expect(found?.passedOver).toHaveLength(1);
    expect(found?.passedOver[0]).toMatch(/^checkpoint epoch 3 is passed over: checkpoint file /);
    expect(found?.passedOver[0]).toMatch(message);
    const error = await failure(store.read(3));
    expect(error.code).toBe('VELO_CHECKPOINT_DAMAGED');
    expect((await store.verify(3)).problems.map(({ message: text }) => text)).toEqual([
      error.message,
    ]);
    expect((await store.verify(2)).problems).toEqual([]);
  });

  it('altogether is an error that names each, and so is an epoch that is not there', async () => {
    const files = await threeCheckpoints();
    for (const epoch of [1, 2, 3]) await files.remove(path(epoch, STATE));
    const { store } = await openStore(files);
    const error = await failure(store.latest());
    expect(error.code).toBe('VELO_CHECKPOINT_DAMAGED');
    expect(error.detail).toMatch(/epoch 3.*epoch 2.*epoch 1/);
    expect((await failure(store.read(9))).code).toBe('VELO_CHECKPOINT_NOT_FOUND');
    expect((await failure(store.read(9))).hint).toBe('it has 3, 2, 1');
  });

  it('is not what a newer velo wrote, or what may not be read: nothing older takes its place', async () => {
    const files = await threeCheckpoints();
    const newer = { format: 3, velo: '9.1.0', of: 'tomorrow' };
    files.file(path(3, 'manifest')).bytes = summedText(newer);
    const { store } = await openStore(files);
    const error = await failure(store.latest());
    expect(error.code).toBe('VELO_CHECKPOINT_VERSION');
    expect(error.message).toContain('was written by velo 9.1.0 in form 3');
    expect(error.detail).toMatch(/this is velo \d+\.\d+\.\d+, which reads form 2/);
    const open = files.open.bind(files);
    files.open = (name) =>
      name.includes('epoch')
        ? Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }))
        : open(name);
    expect((await failure(store.latest())).code).toBe('VELO_CHECKPOINT_READ');
  });

  it('takes no memory for bytes that a manifest only claims', async () => {
    const files = await threeCheckpoints();
    const { manifest } = await new CheckpointReader(DIR, files).read(3);
    const claims = JSON.parse(JSON.stringify(manifest)) as {
      queries: { operators: { parts: number[]; files: { bytes: number }[] }[] }[];
    };
    const operator = claims.queries[0]?.operators[0];
    if (operator?.files[0] === undefined) throw new Error('the sample has an operator');
    // JSON has no form for the number that is none.
    Object.assign(claims.queries[0] ?? {}, { counters: {} });
    operator.parts = [2 ** 40];
    operator.files[0].bytes = 2 ** 40;
    files.file(path(3, 'manifest')).bytes = summedText(claims);
    const { store } = await openStore(files);
    expect((await store.latest())?.passedOver[0]).toMatch(/shorter than it was written/);
  });
});

describe('a checkpoint folder', () => {
  it('has one job: a second is refused, whoever holds it', async () => {
    const files = new MemoryFiles();
    const { store } = await openStore(files);
    const error = await failure(openStore(files));
    expect(error.code).toBe('VELO_CHECKPOINT_LOCKED');
    expect(error.message).toContain(`in use, by process ${process.pid} on "`);
    const elsewhere = await failure(openStore(files, { place: { ...ownPlace(), host: 'other' } }));
    expect(elsewhere.hint).toContain(`remove "${DIR}/lock"`);
    await store.close();
    await (await openStore(files)).store.close();
    expect(await files.list(DIR)).toEqual([]);
  });

  it.each([
    ['a process that is no more', { pid: 2 ** 30 }],
    ['another process with its number', { began: '1' }],
    ['an earlier start of this machine', { boot: 'before' }],
    ['a container that was started again', { pidNamespace: 'pid:[1]' }],
  ])('is taken over from %s, with a line', async (_, holder) => {
    const files = new MemoryFiles();
    await openStore(files, { place: { ...ownPlace(), ...holder } });
    await files.makeFolder(`${DIR}/epoch-0000000007.partial`);
    const { store, notices } = await openStore(files);
    expect(notices).toEqual([
      expect.stringMatching(/is taken over from process \d+ .* is no more$/),
    ]);
    expect(await files.list(DIR)).toEqual(['lock']);
    await store.close();
  });

  it('whose lock is torn is refused with what to do', async () => {
    const files = await threeCheckpoints();
    await (await files.create(`${DIR}/lock`)).write(Buffer.from('{"pid":'));
    const error = await failure(openStore(files));
    expect(error.message).toContain('its lock cannot be read');
    expect(error.hint).toContain('remove');
  });

  it('that another job has taken gets no more checkpoints of the first', async () => {
    const files = new MemoryFiles();
    const { store } = await openStore(files, { place: { ...ownPlace(), pidNamespace: 'pid:[1]' } });
    await store.write(contentOf(1, []));
    const second = await openStore(files);
    const error = await failure(store.write(contentOf(2, [])));
    expect(error.code).toBe('VELO_CHECKPOINT_LOCKED');
    await store.close();
    await second.store.write(contentOf(2, []));
    expect(await second.store.epochs()).toEqual([2, 1]);
    await second.store.close();
  });

  it('is taken by one of many that start together over a dead one', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const files = new MemoryFiles();
      await openStore(files, { place: { ...ownPlace(), pid: 2 ** 30 } });
      const opened = await Promise.allSettled(Array.from({ length: 5 }, () => openStore(files)));
      const stores = opened.flatMap((each) =>
        each.status === 'fulfilled' ? [each.value.store] : [],
      );
      const written = await Promise.allSettled(
        stores.map((store) => store.write(contentOf(1, []))),
      );
      expect(written.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('that vanishes, is a file or takes no more is an error that names it', async () => {
    const dir = diskFolder();
    const store = await CheckpointStore.open(dir, { notice: () => undefined, clock: systemClock });
    await store.write(contentOf(1, []));
    rmSync(dir, { recursive: true });
    const error = await failure(store.write(contentOf(2, [])));
    expect(error.code).toBe('VELO_CHECKPOINT_WRITE');
    expect(error.message).toContain(
      `"${dir}/epoch-0000000002.partial" cannot be written: no such file`,
    );
    expect(error.hint).toContain('was removed under the job');
    await store.close();
    writeFileSync(dir, '');
    const notice = (): void => undefined;
    const opened = await failure(CheckpointStore.open(dir, { notice, clock: systemClock }));
    expect(opened.code).toBe('VELO_CHECKPOINT_WRITE');
    expect((await failure(new CheckpointReader(`${dir}-none`).list())).message).toContain(
      'does not exist',
    );
    expect(readdirSync(join(dir, '..'))).toEqual(['a-job']);
  });

  it('is read beside the job that has it', async () => {
    const files = await threeCheckpoints();
    await openStore(files);
    const listed = await new CheckpointReader(DIR, files).list();
    expect(listed.map(({ epoch, manifest }) => [epoch, manifest?.epoch])).toEqual([
      [3, 3],
      [2, 2],
      [1, 1],
    ]);
  });

  it('keeps others out of what it writes', async () => {
    const dir = diskFolder();
    const store = await CheckpointStore.open(dir, {
      notice: () => undefined,
      clock: systemClock,
      files: systemFiles,
    });
    const { folder } = await store.write(contentOf(1, oneOperator(entriesOf(new Random(1), 5))));
    for (const name of readdirSync(folder))
      expect(statSync(join(folder, name)).mode & 0o77).toBe(0);
    await store.close();
  });
});
