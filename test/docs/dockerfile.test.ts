/**
 * deploy/Dockerfile: its files exist and reach the build, its commands are shell, it runs as nobody
 * who may do everything, and hadolint finds no fault where it is installed. Nothing is built here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEXT = readFileSync(`${ROOT}deploy/Dockerfile`, 'utf8');
const IGNORED = readFileSync(`${ROOT}.dockerignore`, 'utf8').trim().split('\n');

/** Instructions on one line each, without comments. */
const instructions = TEXT.replace(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    return { name, rest };
  });
const all = (name: string): string[] =>
  instructions.filter((each) => each.name === name).map(({ rest }) => rest);

describe('deploy/Dockerfile', () => {
  it('copies files that there are, and that .dockerignore lets through', () => {
    const own = all('COPY').filter((rest) => !rest.startsWith('--from'));
    const sources = own.flatMap((rest) => rest.split(/\s+/).slice(0, -1));
    expect(sources.length).toBeGreaterThan(6);
    expect(sources.filter((path) => !existsSync(`${ROOT}${path}`))).toEqual([]);
    const allowed = new Set(
      IGNORED.filter((line) => line.startsWith('!')).map((line) => `${line.slice(1)}`),
    );
    expect(IGNORED[0]).toBe('*');
    expect(sources.filter((path) => !allowed.has(path.replace('./', '')))).toEqual([]);
    expect([...allowed].filter((path) => !sources.includes(path))).toEqual([]);
  });

  it('copies into the image what its build makes', () => {
    const made = all('COPY').filter((rest) => rest.startsWith('--from=build'));
    expect(made.map((rest) => rest.split(/\s+/)[1])).toEqual([
      '/build/node_modules',
      '/build/dist',
    ]);
  });

  it('runs commands that a shell can read', () => {
    for (const command of all('RUN')) {
      expect(spawnSync('sh', ['-n', '-c', command], { encoding: 'utf8' }).stderr).toBe('');
    }
    expect(TEXT).toContain('npm ci --ignore-scripts --omit=optional');
  });

  it('is two stages, ends by a signal that velo knows, and runs velo as a user without rights', () => {
    expect(all('FROM')).toHaveLength(2);
    expect(all('USER')).toEqual(['1000:1000']);
    expect(all('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(all('WORKDIR').at(-1)).toBe('/data');
    expect(JSON.parse(all('ENTRYPOINT')[0] ?? '')).toEqual(['tini', '--', 'velo']);
  });

  it('has no fault that hadolint knows of, where it is installed', () => {
    const { stdout, error } = spawnSync('hadolint', ['deploy/Dockerfile'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (error !== undefined) expect((error as NodeJS.ErrnoException).code).toBe('ENOENT');
    else expect(stdout).toBe('');
  });
});
