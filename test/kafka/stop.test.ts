/**
 * A job that is stopped ends, whatever its broker does: it does not answer, holds the client back for
 * weeks, refuses, or takes no connection any more. V1 and V2, over a broker on loopback.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';
import { JobRun, kafkaDdl } from './job-run.js';
import type { Shape } from './job-run.js';
import { LoopbackBroker, idBatches } from './loopback-broker.js';
import type { AnswerField } from './answer-fields.js';
import type { ApiName } from './loopback-broker.js';

/** Stopping takes 2 s at most; a busy machine adds to that, and what it must not take is 10. */
const STOP_MS_MAX = 6_000;
const WEEKS = Buffer.from([0x7f, 0xff, 0xff, 0xff]);
const NOT_LEADER = Buffer.from([0, 6]);
const TOO_FEW_REPLICAS = Buffer.from([0, 19]);

let broker: LoopbackBroker | null = null;
afterEach(async () => {
  await broker?.close();
  broker = null;
});

const SHAPES: readonly (readonly [string, Shape | null])[] = [
  ['V1', null],
  ['V2', { partitions: 2, workers: 2 }],
];

type Misdeed = (fields: readonly AnswerField[]) => Buffer | null;

function withField(name: string, bytes: Buffer): Misdeed {
  return (fields) =>
    Buffer.concat(fields.map((field) => (field.name === name ? bytes : field.bytes)));
}

const mute: Misdeed = () => null;

/** The broker behaves until a job has begun, then it answers `api` in its own way. */
async function misbehaving(api: ApiName, misdeed: Misdeed, logs = idBatches(9, 3)) {
  broker = await LoopbackBroker.start({ logs: [logs], committed: 0 });
  broker.hook = (request, fields) => (request.api === api ? { body: misdeed(fields) } : null);
  return broker;
}

async function reading(from: LoopbackBroker, shape: Shape | null, group: boolean): Promise<JobRun> {
  const start = group
    ? { 'properties.group.id': 'g', 'scan.bounded.mode': 'latest-offset' }
    : { 'scan.startup.mode': 'earliest-offset' };
  const options = { ...start, fetch: 'columnar' };
  return JobRun.start(
    `${kafkaDdl(from.address, 't', options, 'id BIGINT')} SELECT id FROM t;`,
    shape,
  );
}

async function writing(to: LoopbackBroker, shape: Shape | null): Promise<JobRun> {
  const table = kafkaDdl(to.address, 't', { produce: 'columnar' }, 'id BIGINT', 'o');
  const sql = `CREATE TABLE g (id BIGINT AS i)
      WITH ('connector' = 'generator', 'rows-per-second' = '100');
    ${table} INSERT INTO o SELECT id FROM g;`;
  return JobRun.start(sql, shape);
}

async function asked(from: LoopbackBroker, api: ApiName, times: number): Promise<void> {
  while (from.count(api) < times) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** How long the job takes to end, well or with an error. */
async function stopMs(run: JobRun): Promise<number> {
  const startedMs = performance.now();
  await run.stop();
  await run.result.catch(() => undefined);
  return performance.now() - startedMs;
}

describe.each(SHAPES)('stopped on %s', (_, shape) => {
  it.each<[string, ApiName, Misdeed, number]>([
    ['answers no Fetch', 'fetch', mute, 1],
    ['holds reading back for weeks', 'fetch', withField('throttle', WEEKS), 1],
    ['leads nothing any more', 'fetch', withField('partition error', NOT_LEADER), 3],
  ])(
    'while a broker %s',
    async (_what, api, misdeed, times) => {
      const from = await misbehaving(api, misdeed);
      const run = await reading(from, shape, false);
      await asked(from, api, times);
      expect(await stopMs(run)).toBeLessThan(STOP_MS_MAX);
      if (misdeed !== mute && times === 1) expect(run.notices[0]).toMatch(/back for 2147484 s/);
    },
    60_000,
  );

  it('while a broker answers no commit', async () => {
    const from = await misbehaving('offsetCommit', mute);
    const run = await reading(from, shape, true);
    await asked(from, 'fetch', 1);
    expect(await stopMs(run)).toBeLessThan(STOP_MS_MAX);
  }, 60_000);

  it.each(['columnar', 'librdkafka'] as const)(
    'as a member of a group whose coordinator answers no commit (%s)',
    async (fetch) => {
      const from = await misbehaving('offsetCommit', mute);
      const options = { 'properties.group.id': 'g', fetch };
      const table = kafkaDdl(from.address, 't', options, 'id BIGINT');
      const run = await JobRun.start(`${table} SELECT id FROM t LIMIT 9;`, shape);
      await asked(from, 'offsetCommit', 1);
      expect(await stopMs(run)).toBeLessThan(STOP_MS_MAX);
    },
    60_000,
  );

  it.each<[string, Misdeed]>([
    ['answers no Produce', mute],
    ['holds writing back for weeks', withField('throttle', WEEKS)],
    ['has too few replicas', withField('error', TOO_FEW_REPLICAS)],
  ])(
    'while a broker %s',
    async (_what, misdeed) => {
      const to = await misbehaving('produce', misdeed, []);
      const run = await writing(to, shape);
      await asked(to, 'produce', 1);
      expect(await stopMs(run)).toBeLessThan(STOP_MS_MAX);
    },
    60_000,
  );

  it('while a broker that went away takes no connection', async () => {
    const from = await misbehaving('fetch', mute);
    const run = await reading(from, shape, false);
    await asked(from, 'fetch', 1);
    const { port } = from;
    await from.close();
    // Takes connections, and says nothing.
    const deaf = createServer(() => undefined);
    await new Promise<void>((resolve) => deaf.listen(port, '127.0.0.1', resolve));
    const connections = new Promise((resolve) => deaf.once('connection', resolve));
    expect((deaf.address() as AddressInfo).port).toBe(port);
    await connections;
    expect(await stopMs(run)).toBeLessThan(STOP_MS_MAX);
    deaf.close();
  }, 60_000);
});

describe('the command', () => {
  it.each([
    ['as a member of a group', {}],
    ['to the end of the topic, in a group', { 'scan.bounded.mode': 'latest-offset' }],
  ])(
    'ends with its job, whose coordinator answers no commit: %s',
    async (_, options) => {
      const from = await misbehaving('offsetCommit', mute);
      const all = { 'properties.group.id': 'g', fetch: 'librdkafka', ...options };
      const table = kafkaDdl(from.address, 't', all, 'id BIGINT');
      let interrupt: () => void = () => undefined;
      const run = velo(['run', '-e', `${table} SELECT id FROM t LIMIT 9;`], {
        limitMs: 60_000,
        started: (signal) => {
          interrupt = () => signal('SIGINT');
        },
      });
      await asked(from, 'offsetCommit', 1);
      interrupt();
      const { exit, stdout, stderr } = await run;
      expect(exit).toBe(130);
      expect(stdout.trim().split('\n')).toHaveLength(9);
      expect(stderr).toContain('offsets of group "g" could not be committed (no answer for 1 s)');
    },
    90_000,
  );

  it('ends at the second signal, whatever librdkafka waits for', async () => {
    const deaf = createServer(() => undefined);
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const asks = new Promise((resolve) => deaf.once('connection', resolve));
    const { port } = deaf.address() as AddressInfo;
    const options = { fetch: 'librdkafka', 'connect.timeout': '60s' };
    const table = kafkaDdl(`127.0.0.1:${port}`, 't', options, 'id BIGINT');
    let signal: (name: NodeJS.Signals) => void = () => undefined;
    const run = velo(['run', '-e', `${table} SELECT id FROM t;`], {
      limitMs: 90_000,
      started: (send) => {
        signal = send;
      },
    });
    await asks;
    const askedMs = performance.now();
    signal('SIGINT');
    signal('SIGTERM');
    const { exit, stderr } = await run;
    expect(performance.now() - askedMs).toBeLessThan(STOP_MS_MAX);
    expect([exit, stderr]).toEqual([null, expect.stringContaining('once more stops at once')]);
    expect(stderr).not.toContain('being opened');
    deaf.close();
  }, 120_000);
});
