/**
 * What `npm pack` packs: all that velo needs, nothing else, within a size; publint finds no fault;
 * and it runs from an empty folder beside its dependencies alone, without node-rdkafka.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Bytes of the tarball, and of what it unpacks to: half as much again as it has. */
const PACKED_BYTES_MAX = 2_300_000;
const UNPACKED_BYTES_MAX = 9_000_000;
/** Named by packages in the bundle for what they do elsewhere, or where somebody has them. */
const NOT_NEEDED = ['supports-color', 'ajv/dist/runtime/validation_error'];

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly man: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly engines: Readonly<Record<string, string>>;
  readonly keywords: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

const folder = mkdtempSync(join(tmpdir(), 'velo-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** With what is built, as it is: its scripts would build it anew under tests that run it. */
function pack(): Packed {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout, stderr } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' });
  const [packed] = JSON.parse(stdout) as Packed[];
  if (packed === undefined) throw new Error(stderr);
  return packed;
}

const packed = pack();
const tarball = join(folder, packed.filename);
const paths = packed.files.map(({ path }) => path);
const known = new Set(paths);
const home = join(folder, 'home');
const installed = join(home, 'node_modules', 'velo');
mkdirSync(installed, { recursive: true });
spawnSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed]);
for (const name of Object.keys(manifest.dependencies)) {
  const link = join(home, 'node_modules', name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', name), link);
}

/** Modules that a packed file names. */
function importsOf(path: string): readonly string[] {
  const text = readFileSync(join(installed, path), 'utf8');
  const pattern =
    /(?:^(?:import|export)\b[^;]*?\bfrom\s*|^import\s*|\bimport\(|\brequire\()['"]([^'"\n]+)['"]/gms;
  return [...text.matchAll(pattern)].map(([, name = '']) => name);
}

const scripts = paths.filter((path) => /\.c?js$/.test(path));

describe('the package', () => {
  it('says what it is, where its parts are, and that nothing is public but its commands', () => {
    expect(manifest).toMatchObject({
      bin: { velo: 'bin/velo.js' },
      man: 'man/velo.1',
      engines: { node: '>=20.19.4' },
      exports: { './package.json': './package.json' },
    });
    expect(manifest.keywords).toContain('sql');
    for (const path of [...Object.values(manifest.bin), manifest.man])
      expect(known).toContain(path);
  });

  it('holds these folders and files, and none of tests, sources or maps', () => {
    expect([...new Set(paths.map((path) => path.split('/')[0]))].sort()).toEqual(
      [
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'LICENSE',
        'README.md',
        'bin',
        'dist',
        'docs',
        'man',
        'package.json',
        'scenarios',
      ].sort(),
    );
    expect(paths.filter((path) => /\.(?:ts|map|case|log)$|\.test\./.test(path))).toEqual([]);
  });

  it('holds the bundle, whole, and what starts it', () => {
    const bundle = readdirSync(join(ROOT, 'dist/bundle')).map((name) => `dist/bundle/${name}`);
    const starts = readdirSync(join(ROOT, 'src/start')).map(
      (name) => `dist/start/${name.replace(/\.ts$/, '.js')}`,
    );
    const held = paths.filter((path) => path.startsWith('dist/') && path !== 'dist/build.json');
    expect(held.sort()).toEqual([...bundle, ...starts].sort());
  });

  it('imports nothing later in its bundle: code that was kept cannot', () => {
    const late = scripts
      .filter((path) => path.startsWith('dist/bundle/'))
      .filter((path) => /(?<![.\w])import\s*\(/.test(readFileSync(join(installed, path), 'utf8')));
    expect(late).toEqual([]);
  });

  it('keeps within its size', () => {
    expect(packed.size).toBeLessThan(PACKED_BYTES_MAX);
    expect(packed.unpackedSize).toBeLessThan(UNPACKED_BYTES_MAX);
  });

  it('imports only what it holds, its dependencies and Node', () => {
    const allowed = new Set([
      ...Object.keys(manifest.dependencies),
      ...Object.keys(manifest.optionalDependencies),
      ...builtinModules,
    ]);
    let seen = 0;
    const missing = scripts.flatMap((path) =>
      importsOf(path).flatMap((name) => {
        seen += 1;
        if (name.startsWith('.')) {
          const target = posix.join(posix.dirname(path), name);
          return known.has(target) ? [] : [`${path}: ${name}`];
        }
        const parts = name.replace(/^node:/, '').split('/');
        const bare = parts.slice(0, name.startsWith('@') ? 2 : 1).join('/');
        return allowed.has(bare) || NOT_NEEDED.includes(name) ? [] : [`${path}: ${name}`];
      }),
    );
    expect(seen).toBeGreaterThan(scripts.length);
    expect(missing).toEqual([]);
  });

  it('holds what its README refers to', () => {
    const text = readFileSync(join(installed, 'README.md'), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    const missing = links.filter((link) => !paths.some((path) => path.startsWith(link)));
    expect(links.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });

  it('has no fault that publint knows of', async () => {
    const bytes = readFileSync(tarball);
    const { messages, pkg } = await publint({
      pack: { tarball: new Uint8Array(bytes).buffer },
      level: 'suggestion',
    });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });
});

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function installedVelo(...args: readonly string[]): Run {
  const bin = join(installed, 'bin', 'velo.js');
  const options = { cwd: home, encoding: 'utf8', timeout: 240_000 } as const;
  const env = { ...process.env, NO_COLOR: '1' };
  return spawnSync(process.execPath, [bin, ...args], { ...options, env });
}

describe('the package where no compiler is', () => {
  it('runs without node-rdkafka, and says that it is not there', () => {
    const { status, stdout } = installedVelo('--version');
    expect(status).toBe(0);
    expect(stdout.split('\n')[0]).toBe(`velo ${manifest.version}`);
    expect(stdout).toContain('librdkafka  none (not installed');
    const doctor = installedVelo('doctor');
    expect(doctor.status).toBe(0);
    expect(doctor.stdout).toMatch(/^note +librdkafka .*not installed/m);
  });

  it.each(['v1', 'v2'])('runs a project, tests it and measures: %s', (arch) => {
    const project = `project-${arch}`;
    expect(installedVelo('init', project).status).toBe(0);
    const sql = readFileSync(join(home, project, 'query.sql'), 'utf8');
    writeFileSync(join(home, 'query.sql'), sql.replace('trades.jsonl', `${project}/trades.jsonl`));
    const run = installedVelo('query.sql', '-q', '--arch', arch);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(5);
    expect(installedVelo('test', `${project}/cases`).status).toBe(0);
    const tiny = ['--records', '5000', '--runs', '1', '--warmup', '0', '--scenario', '2'];
    const bench = installedVelo('bench', '--arch', arch, ...tiny);
    expect({ status: bench.status, stderr: bench.stderr }).toMatchObject({ status: 0 });
  });

  it('says what it lacks where librdkafka is needed', () => {
    const table = `CREATE TABLE t (a BIGINT) WITH ('connector' = 'kafka', 'topic' = 't',
      'properties.bootstrap.servers' = 'localhost:1', 'fetch' = 'librdkafka', 'format' = 'json');
      SELECT a FROM t`;
    const { status, stderr } = installedVelo('run', '-e', table);
    expect(status).toBe(1);
    expect(stderr).toContain('error[VELO_KAFKA_UNAVAILABLE]');
    expect(stderr).toContain('npm install node-rdkafka');
  });
});

describe('packing', () => {
  it('empties dist and writes down the commit, which velo --version names', () => {
    const root = join(folder, 'checkout');
    mkdirSync(join(root, '.ci'), { recursive: true });
    mkdirSync(join(root, 'dist'));
    copyFileSync(join(ROOT, '.ci/stamp-build.mjs'), join(root, '.ci/stamp-build.mjs'));
    writeFileSync(join(root, '.gitignore'), 'dist\n');
    writeFileSync(join(root, 'dist/stale.js'), '');
    const git = (...args: readonly string[]): string =>
      spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
        cwd: root,
        encoding: 'utf8',
      }).stdout.trim();
    git('init', '-q');
    git('add', '-A');
    git('commit', '-qm', 'x');
    expect(spawnSync(process.execPath, ['.ci/stamp-build.mjs'], { cwd: root }).status).toBe(0);
    expect(readdirSync(join(root, 'dist'))).toEqual(['build.json']);
    const build = JSON.parse(readFileSync(join(root, 'dist/build.json'), 'utf8')) as unknown;
    expect(build).toEqual({ commit: git('rev-parse', '--short=12', 'HEAD'), dirty: false });
    copyFileSync(join(root, 'dist/build.json'), join(installed, 'dist/build.json'));
    const { stdout } = installedVelo('--version');
    expect(stdout).toContain(`build       ${git('rev-parse', '--short=12', 'HEAD')}\n`);
  });
});
