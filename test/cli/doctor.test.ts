/**
 * `velo doctor`: each thing that it looks at when it is well, worth a note and broken; brokers and
 * registries are servers on loopback. Logins and TLS are in test/kafka/cluster-secured.test.ts.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cgroupCpus } from '../../src/cli/installation/cgroup-limits.js';
import type { LibrdkafkaState } from '../../src/cli/installation/features.js';
import type { Finding } from '../../src/cli/installation/finding.js';
import {
  folderFinding,
  librdkafkaFinding,
  nodeFinding,
  processorsFinding,
} from '../../src/cli/installation/machine-checks.js';
import { brokersFindings, registryFindings } from '../../src/cli/installation/outside-checks.js';
import { LoopbackBroker } from '../kafka/loopback-broker.js';
import { TestRegistry } from '../support/schema-registry.js';
import { velo } from '../support/velo-process.js';

const THERE: LibrdkafkaState = { version: '2.12.0', features: [], absence: null };
const ABSENT: LibrdkafkaState = {
  version: null,
  absence: { kind: 'not compiled', detail: 'no compiler', hint: 'run "npm rebuild node-rdkafka"' },
};
const OPTIONS = { timeoutMs: 5_000, librdkafka: THERE };

const folder = mkdtempSync(join(tmpdir(), 'velo-doctor-test-'));
let broker: LoopbackBroker;
const registry = new TestRegistry();
const servers: Server[] = [];

beforeAll(async () => {
  broker = await LoopbackBroker.start();
  await registry.start();
});
afterEach(() => {
  registry.credentials = null;
  registry.failWith = null;
});
afterAll(async () => {
  await broker.close();
  await registry.stop();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A server that says `greeting` to whoever connects; null: that says nothing. */
async function foreignServer(greeting: string | null): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (greeting === null) return;
    socket.once('data', () => socket.end(greeting));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the machine', () => {
  it.each([
    ['v20.19.4', 'ok'],
    ['v20.20.0', 'ok'],
    ['v22.0.0', 'ok'],
    ['v20.19.3', 'broken'],
    ['v20.9.9', 'broken'],
    ['v18.20.8', 'broken'],
    ['v24.0.0-nightly1', 'ok'],
  ] as const)('Node %s is %s', (version, status) => {
    expect(nodeFinding(version, '>=20.19.4').status).toBe(status);
  });

  it('says how many workers a cgroup is good for', () => {
    expect(processorsFinding(8, null)).toEqual({
      name: 'processors',
      status: 'ok',
      text: '8 cores',
    });
    expect(processorsFinding(1, 4).text).toBe('1 core');
    const limited = processorsFinding(8, 1.5);
    expect(limited).toMatchObject({ status: 'note', text: '8 cores, of which a cgroup gives 1.5' });
    expect(limited.hint).toContain('--workers 1');
    expect(processorsFinding(8, 0.25).hint).toContain('--workers 1');
  });

  it('lacks librdkafka without being broken, and says what helps', () => {
    expect(librdkafkaFinding({ librdkafka: THERE }).status).toBe('ok');
    expect(librdkafkaFinding({ librdkafka: ABSENT })).toMatchObject({
      status: 'note',
      text: expect.stringContaining('not compiled') as string,
      detail: 'no compiler',
      hint: 'run "npm rebuild node-rdkafka"',
    });
  });

  it('has a folder that can be written, and leaves nothing in it', () => {
    expect(folderFinding('temporary', folder)).toMatchObject({ status: 'ok' });
    const missing = folderFinding('temporary', join(folder, 'missing'));
    expect(missing).toMatchObject({
      status: 'broken',
      hint: expect.stringContaining('TMPDIR=') as string,
    });
    expect(missing.text).toContain('(ENOENT)');
  });
});

describe('the processors of a cgroup', () => {
  const tree = (name: string, files: Readonly<Record<string, string>>): string => {
    const root = join(folder, name);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  };

  it.each([
    ['none', {}, null],
    ['unlimited', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' }, null],
    [
      'container',
      { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '150000 100000\n' },
      1.5,
    ],
    [
      'above',
      {
        'proc/self/cgroup': '0::/a/b\n',
        'sys/fs/cgroup/a/b/cpu.max': 'max 100000\n',
        'sys/fs/cgroup/a/cpu.max': '50000 100000\n',
      },
      0.5,
    ],
    [
      'older',
      {
        'proc/self/cgroup': '5:cpu,cpuacct:/docker/x\n0::/\n',
        'sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us': '200000\n',
        'sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us': '100000\n',
      },
      2,
    ],
    [
      'older, unlimited',
      {
        'proc/self/cgroup': '5:cpu:/\n',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      null,
    ],
  ])('%s', (name, files, expected) => {
    expect(cgroupCpus(tree(name, files))).toBe(expected);
  });
});

describe('brokers', () => {
  it('that answer are counted', async () => {
    const [found, ...rest] = await brokersFindings(broker.address, OPTIONS);
    expect(rest).toEqual([]);
    expect(found?.status).toBe('ok');
    expect(found?.text).toMatch(new RegExp(`^${broker.address}: 1 broker, answered in \\d+ ms$`));
  });

  it('are asked one after the other until one answers', async () => {
    const [found] = await brokersFindings(`127.0.0.1:1,${broker.address}`, OPTIONS);
    expect(found?.status).toBe('ok');
  });

  it('that nobody reaches under the name they give are broken', async () => {
    const away = await LoopbackBroker.start({ advertised: 'broker.invalid' });
    try {
      const findings = await brokersFindings(away.address, OPTIONS);
      expect(findings.map(({ status }) => status)).toEqual(['ok', 'broken']);
      expect(findings[1]?.text).toContain('broker.invalid');
      expect(findings[1]?.hint).toContain('advertised.listeners');
    } finally {
      await away.close();
    }
  });

  it.each([
    ['nothing listens', () => Promise.resolve('127.0.0.1:1'), 'no Kafka broker answers'],
    ['it speaks HTTP', () => foreignServer('HTTP/1.1 400 Bad Request\r\n\r\n'), 'Kafka'],
  ])('are broken where %s', async (_, start, text) => {
    const findings = await brokersFindings(await start(), OPTIONS);
    expect(findings).toMatchObject([{ name: 'brokers', status: 'broken' }]);
    expect(findings[0]?.text).toContain(text);
    expect(findings[0]?.detail ?? findings[0]?.hint).toBeDefined();
  });

  it('that say nothing are given up when their time is over', async () => {
    const mute = await foreignServer(null);
    const [found] = await brokersFindings(mute, { ...OPTIONS, timeoutMs: 200 });
    expect(found).toMatchObject({
      status: 'broken',
      detail: expect.stringContaining('0.2 s') as string,
    });
  });

  it('that only librdkafka can talk to need it', async () => {
    const kerberos = `${broker.address}?properties.security.protocol=SASL_PLAINTEXT`;
    const [there] = await brokersFindings(kerberos, OPTIONS);
    expect(there).toMatchObject({ status: 'note' });
    const [absent] = await brokersFindings(kerberos, { ...OPTIONS, librdkafka: ABSENT });
    expect(absent).toMatchObject({ status: 'broken', hint: 'run "npm rebuild node-rdkafka"' });
  });

  it('with an option that there is not are broken, with its name', async () => {
    const [found] = await brokersFindings('localhost:1?propertys.x=1', OPTIONS);
    expect(found).toMatchObject({ status: 'broken' });
    expect(found?.text).toContain('propertys.x');
  });
});

describe('a registry', () => {
  const statuses = (findings: readonly Finding[]): string[] => findings.map(({ status }) => status);

  it('that answers says how many subjects it has', async () => {
    registry.register('orders-value', '"string"');
    const [found] = await registryFindings(registry.url, OPTIONS);
    expect(found?.text).toMatch(/: 1 subject, answered in \d+ ms$/);
  });

  it('takes user and password of the address, and refuses others', async () => {
    registry.credentials = 'alice:opensesame';
    const right = registry.url.replace('//', '//alice:opensesame@');
    const [found] = await registryFindings(right, OPTIONS);
    expect(found?.status).toBe('ok');
    expect(found?.text).not.toContain('opensesame');
    const wrong = await registryFindings(registry.url.replace('//', '//alice:nothing@'), OPTIONS);
    expect(wrong).toMatchObject([
      { status: 'broken', text: expect.stringContaining('refuses the user') as string },
    ]);
  });

  it('is broken where it fails, where nothing listens and where something else does', async () => {
    registry.failWith = 503;
    expect(statuses(await registryFindings(registry.url, OPTIONS))).toEqual(['broken']);
    expect(statuses(await registryFindings('http://127.0.0.1:1', OPTIONS))).toEqual(['broken']);
    const page = await foreignServer('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<ht>');
    const [found] = await registryFindings(`http://${page}`, OPTIONS);
    expect(found?.text).toContain('no schema registry');
    expect(statuses(await registryFindings('localhost', OPTIONS))).toEqual(['broken']);
  });
});

describe('velo doctor', () => {
  it('says that all is well where nothing is broken', async () => {
    const { exit, stdout, stderr } = await velo(['doctor', '--brokers', broker.address], {
      cwd: folder,
    });
    expect({ exit, stderr }).toMatchObject({
      exit: 0,
      stderr: expect.stringMatching(/^nothing is broken/) as string,
    });
    const names = stdout.split('\n').filter((line) => /^(ok|note|broken) /.test(line));
    expect(names.map((line) => line.split(/\s+/)[1])).toEqual([
      'node',
      'processors',
      'memory',
      'librdkafka',
      'zstd',
      'temporary',
      'settings',
      'brokers',
    ]);
  });

  it('--json is one document, and exit 1 says that something is broken', async () => {
    const args = ['doctor', '--registry', 'http://u:sesame-open@127.0.0.1:1', '--json', '-q'];
    const { exit, stdout, stderr } = await velo(args, { cwd: folder });
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: '' });
    const document = JSON.parse(stdout) as { ok: boolean; checks: Finding[] };
    expect(document).toMatchObject({ schema: 1, ok: false });
    expect(document.checks.at(-1)).toMatchObject({ name: 'registry', status: 'broken' });
    expect(stdout).not.toContain('sesame-open');
  });

  it('names what a folder or a setting gets wrong', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'workerz: 2\n');
    const args = ['doctor', '-q', '--config', 'bad.yaml'];
    const env = { TMPDIR: join(folder, 'nowhere') };
    const { exit, stdout } = await velo(args, { cwd: folder, env });
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^broken +temporary +.*nowhere cannot be written/m);
    expect(stdout).toMatch(/^broken +settings +.*workerz/m);
    expect(stdout).not.toMatch(/^ok/m);
  });

  it('asks for the brokers, topics and registries of a SQL file', async () => {
    const table = (name: string, topic: string): string =>
      `CREATE TABLE ${name} (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${topic}',
        'properties.bootstrap.servers' = '${broker.address}', 'format' = 'avro-confluent',
        'avro-confluent.url' = '${registry.url}', 'scan.bounded.mode' = 'latest-offset');\n`;
    const file = join(folder, 'tables.sql');
    writeFileSync(
      file,
      `${table('there', 't')}${table('gone', 'u')}${table('unused', 'v')}${table('out', 'w')}
       INSERT INTO out SELECT a.id FROM there a UNION ALL SELECT id FROM gone;`,
    );
    const { exit, stdout } = await velo(['doctor', file, '--json', '-q'], { cwd: folder });
    const { checks } = JSON.parse(stdout) as { checks: Finding[] };
    const asked = checks.slice(checks.findIndex(({ name }) => name === 'file'));
    expect(asked.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'file ok',
      'brokers ok',
      'topic ok',
      'registry ok',
      'brokers ok',
      'topic broken',
      'registry ok',
      'brokers ok',
      'registry ok',
    ]);
    expect(asked[2]?.text).toBe('"t" of table "there": 1 partition');
    expect(asked[5]?.text).toContain('topic "u" of table "gone" does not exist');
    expect(exit).toBe(1);
  });

  it.each([
    ['SELECT nothing FROM nowhere', 'the SQL has a fault'],
    ['SELECT a FROM x; SELECT b FROM y', 'the SQL has 2 faults'],
  ])('a SQL file with faults is broken: %s', async (sql, text) => {
    const file = join(folder, 'faults.sql');
    writeFileSync(file, sql);
    const { exit, stdout } = await velo(['doctor', file, '-q'], { cwd: folder });
    expect(exit).toBe(1);
    expect(stdout).toContain(text);
    expect(stdout).toContain('velo check');
  });
});
