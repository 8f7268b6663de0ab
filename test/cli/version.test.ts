/**
 * `velo --version`, and what is said of node-rdkafka that cannot be loaded: each way in which Node,
 * the loader or npm words it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildCommit } from '../../src/base/build-commit.js';
import { ConnectorError } from '../../src/base/errors.js';
import { librdkafkaState } from '../../src/cli/installation/features.js';
import { versionText } from '../../src/cli/version.js';
import { rdkafkaAbsence } from '../../src/connectors/kafka/librdkafka/rdkafka-absence.js';
import { velo } from '../support/velo-process.js';

const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };
const folder = mkdtempSync(join(tmpdir(), 'velo-version-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('velo --version', () => {
  it.each(['--version', '-V'])('%s begins with a line for scripts', async (flag) => {
    const { exit, stdout, stderr } = await velo([flag]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    const [first, ...rest] = stdout.trimEnd().split('\n');
    expect(first).toBe(`velo ${manifest.version}`);
    expect(rest.map((line) => line.split(' ')[0])).toEqual([
      'build',
      'node',
      'librdkafka',
      'files',
      'topics',
    ]);
    expect(stdout).toContain(`node        ${process.version}`);
  });

  it('--json is one document of the same', async () => {
    const { stdout } = await velo(['--version', '--json']);
    const document = JSON.parse(stdout) as Record<string, unknown>;
    expect(document).toMatchObject({
      schema: 1,
      version: manifest.version,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      files: { read: ['gzip', 'zstd', 'bzip2'] },
      topics: { read: ['gzip', 'snappy', 'lz4', 'zstd'] },
      dirty: expect.any(Boolean) as boolean,
      librdkafka: { features: expect.any(Array) as unknown[] },
    });
    expect(Object.keys(document)).toContain('commit');
  });

  it('takes nothing else', async () => {
    const { exit, stderr } = await velo(['--version', 'query.sql']);
    expect(exit).toBe(2);
    expect(stderr).toContain('"query.sql" says nothing to --version');
    expect(() => versionText(['--yaml'])).toThrow('says nothing to --version');
  });
});

describe('the commit of a build', () => {
  const root = (name: string, build?: string): string => {
    const place = `${join(folder, name)}/`;
    mkdirSync(join(place, 'dist'), { recursive: true });
    if (build !== undefined) writeFileSync(join(place, 'dist', 'build.json'), build);
    return place;
  };

  it('is what packing wrote down, whatever repository the package lies in', () => {
    const place = root('packed', '{"commit":"0123456789ab","dirty":true}');
    expect(buildCommit(place)).toEqual({ commit: '0123456789ab', dirty: true });
  });

  it('is unknown where nobody wrote it down, or nothing that can be read', () => {
    const unknown = { commit: null, dirty: false };
    expect(buildCommit(root('unpacked'))).toEqual(unknown);
    expect(buildCommit(root('damaged', '{"commit":'))).toEqual(unknown);
    expect(buildCommit(root('other', '{"commit":5}'))).toEqual(unknown);
  });

  it('is unknown where .git is no repository', () => {
    const place = root('broken');
    writeFileSync(join(place, '.git'), 'gitdir: nowhere\n');
    expect(buildCommit(place)).toEqual({ commit: null, dirty: false });
  });
});

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe('node-rdkafka that cannot be loaded', () => {
  it.each([
    [
      'not installed',
      failure("Cannot find module 'node-rdkafka'\nRequire stack:\n- x", 'MODULE_NOT_FOUND'),
      null,
      'npm install node-rdkafka',
    ],
    [
      'not compiled',
      failure('Could not locate the bindings file. Tried:\n → /app/node_modules/…'),
      '/app',
      'npm rebuild node-rdkafka" in /app',
    ],
    [
      'for another Node',
      failure(
        "The module '/app/x.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 127. This version of Node.js requires\nNODE_MODULE_VERSION 115. Please try re-compiling",
        'ERR_DLOPEN_FAILED',
      ),
      '/app',
      'npm rebuild node-rdkafka" in /app with this Node',
    ],
    [
      'for another machine',
      failure('libssl.so.3: cannot open shared object file: No such file', 'ERR_DLOPEN_FAILED'),
      '/app',
      'on this machine',
    ],
    [
      'for another machine',
      failure('/app/x.node: invalid ELF header', 'ERR_DLOPEN_FAILED'),
      '/app',
      'npm rebuild',
    ],
  ] as const)('is %s: %s', (kind, error, where, hint) => {
    const absence = rdkafkaAbsence(error, where);
    expect(absence.kind).toBe(kind);
    expect(absence.hint).toContain(hint);
    expect(absence.detail).not.toContain('\n');
  });

  it('names both versions of Node where they differ', () => {
    const text = 'NODE_MODULE_VERSION 127 …\nNODE_MODULE_VERSION 115.';
    const { detail } = rdkafkaAbsence(failure(text, 'ERR_DLOPEN_FAILED'), '/app');
    expect(detail).toContain('ABI 127');
    expect(detail).toContain(`${process.version} (ABI 115)`);
  });

  it('is a state of the installation, and no error of it', () => {
    const absent = librdkafkaState(() => {
      const cause = failure("Cannot find module 'node-rdkafka'");
      throw new ConnectorError('KAFKA_UNAVAILABLE', { message: 'x', cause });
    });
    expect(absent).toMatchObject({ version: null, absence: { kind: 'not installed' } });
    const there = librdkafkaState(() => ({
      librdkafkaVersion: '2.12.0',
      features: ['ssl'],
      KafkaConsumer: class {} as never,
      Producer: class {} as never,
    }));
    expect(there).toEqual({ version: '2.12.0', features: ['ssl'], absence: null });
  });

  it('lets faults of another kind through', () => {
    const fault = (): never => {
      throw new TypeError('a fault of ours');
    };
    expect(() => librdkafkaState(fault)).toThrow(TypeError);
  });
});
