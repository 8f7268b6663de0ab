/**
 * `velo bench` and `velo bench compare` as a user meets them: V1 and V2 side by side, what
 * partitions did, baselines, comparisons and their exit codes.
 */
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-bench-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT = { limitMs: 200_000 };
const SMALL = ['--records', '5000', '--runs', '1', '--warmup', '0'];

interface Result {
  readonly scenario: string;
  readonly arch: string;
  readonly partitions: number;
  readonly workers: number;
  readonly rowsOut: number;
  readonly verified: boolean;
  readonly perPartition: readonly { readonly partition: number; readonly rowsIn: number }[];
  readonly ratioToV1: { readonly of: string; readonly median: number } | null;
  readonly efficiency: number | null;
  readonly aboveCores: boolean;
  readonly rate: number | null;
  readonly latencyUs: { readonly kind: string };
}

async function results(args: readonly string[]): Promise<{ all: Result[]; stdout: string }> {
  const json = join(folder, 'results.json');
  const { exit, stdout, stderr } = await velo(['bench', ...args, '--json', json], LIMIT);
  expect(exit, stderr).toBe(0);
  const document = JSON.parse(readFileSync(json, 'utf8')) as { results: Result[] };
  return { all: document.results, stdout };
}

describe('velo bench with both architectures', () => {
  const tooMany = availableParallelism() + 1;

  it('verifies V2 beside V1, with ratios and what each partition did', async () => {
    const { all, stdout } = await results([
      ...['--scenario', '2,3b', '--groups', '200', '--arch', 'both', '--partitions', '8'],
      ...['--workers', `1,${tooMany}`, ...SMALL],
    ]);
    expect(all.every((result) => result.verified)).toBe(true);
    expect(all.map(({ arch, workers }) => `${arch} ${workers}`)).toEqual([
      ...['v1 1', 'v2 1', `v2 ${tooMany}`],
      ...['v1 1', 'v2 1', `v2 ${tooMany}`],
    ]);
    const v2 = all.filter((result) => result.arch === 'v2');
    for (const result of v2) {
      expect(result.perPartition).toHaveLength(8);
      expect(result.perPartition.every(({ rowsIn }) => rowsIn > 0)).toBe(true);
      expect(result.perPartition.reduce((sum, { rowsIn }) => sum + rowsIn, 0)).toBe(5000);
      expect(result.ratioToV1?.of).toBe(result.scenario === '3b' ? 'rows out' : 'records');
      expect(result.efficiency).toBeGreaterThan(0);
      expect(result.aboveCores).toBe(result.workers === tooMany);
    }
    expect(stdout).toContain('no partition idle');
    expect(stdout).toContain('above cores');
  });

  it('gives 99,810 rows of scenario 3b with fan-in, and fewer with hash', async () => {
    const args = ['--scenario', '3b', '--arch', 'v2', '--partitions', '8', ...SMALL];
    const together = await results([...args, '--partitioning', 'fan-in']);
    expect(together.all[0]?.rowsOut).toBe(99_810);
    expect(together.stdout).toContain('idle: 1, 2, 3, 4, 5, 6, 7');
    const apart = await results(args);
    expect(apart.all[0]?.rowsOut).toBeLessThan(99_810);
    expect(apart.all[0]?.verified).toBe(true);
  });

  it('measures from when a record was due when the rate is given', async () => {
    const { all, stdout } = await results([
      ...['--scenario', '2', '--arch', 'v2', '--mode', 'individual', '--rate', '20000'],
      ...['--records', '4000', '--runs', '1', '--warmup', '0'],
    ]);
    expect(all[0]).toMatchObject({
      rate: 20_000,
      verified: true,
      latencyUs: { kind: 'open-loop' },
    });
    expect(stdout).toContain('open loop, 20.0 K/s');
  });

  it.each([
    [['--arch', 'v1', '--partitions', '2'], 'one partition'],
    [['--partitions', '0'], '--partitions'],
    [['--workers', '1,x'], '--workers'],
    [['--rate', 'fast'], '--rate'],
    [['--max-regression', '120%'], '--max-regression'],
    [['--source', 'file', '--rate', '5'], '--rate paces generated records'],
    [['--baseline', 'none.json'], 'none.json'],
    [['--save-baseline', 'b.json', '--runs', '3'], 'cannot show a difference'],
  ])('refuses %j', async (args, what) => {
    const { exit, stderr } = await velo(['bench', '--scenario', '0', '--records', '10', ...args]);
    expect(exit).toBe(2);
    expect(stderr).toContain(what);
  });
});

describe('velo bench with a baseline', () => {
  const base = join(folder, 'base.json');
  const run = ['bench', '--scenario', '0', '--records', '5000', '--warmup', '0', '--runs', '5'];

  /** The baseline with every rate multiplied. */
  function scaled(factor: number, environment: object = {}): string {
    const document = JSON.parse(readFileSync(base, 'utf8')) as {
      environment: object;
      results: Record<string, { samples: number[] }>[];
    };
    document.environment = { ...document.environment, ...environment };
    for (const result of document.results) {
      for (const measure of ['recordsPerSecond', 'recordsPerCpuSecond']) {
        const rates = result[measure]!;
        rates.samples = rates.samples.map((rate) => rate * factor);
      }
    }
    const path = join(folder, 'scaled.json');
    writeFileSync(path, JSON.stringify(document));
    return path;
  }

  beforeAll(async () => {
    const { exit } = await velo([...run, '--save-baseline', base], LIMIT);
    expect(exit).toBe(0);
  }, 60_000);

  it('exits 3 when it is slower by both measures of doubt', async () => {
    const { exit, stderr, stdout } = await velo([...run, '--baseline', scaled(10)], LIMIT);
    expect(stdout).toContain('slower');
    expect(stderr).toContain('0 v1 generated is slower');
    expect(exit).toBe(3);
  });

  it('exits 0 when it is faster', async () => {
    const { exit, stdout } = await velo([...run, '--baseline', scaled(0.1)], LIMIT);
    expect(stdout).toContain('faster');
    expect(exit).toBe(0);
  });

  it("refuses another machine's with exit 4, unless forced", async () => {
    const other = scaled(0.1, { cpu: 'another processor' });
    const refused = await velo([...run, '--baseline', other], LIMIT);
    expect(refused.exit).toBe(4);
    expect(refused.stderr).toContain('error[VELO_BASELINE_MISMATCH]');
    expect(refused.stderr).toContain('another processor');
    const forced = await velo([...run, '--baseline', other, '--force'], LIMIT);
    expect(forced.exit).toBe(0);
  });

  it('compares two files', async () => {
    const json = join(folder, 'compared.json');
    const { exit, stdout } = await velo(['bench', 'compare', scaled(10), base, '--json', json]);
    expect(exit).toBe(3);
    expect(stdout).toMatch(/0 v1 generated +rec\/s .* 0\.100 .* slower/);
    const { lanes } = JSON.parse(readFileSync(json, 'utf8')) as { lanes: { lane: string }[] };
    expect(lanes.map(({ lane }) => lane)).toEqual(['0 v1 generated', '0 v1 generated']);
    const junit = await velo(['bench', 'compare', scaled(10), base, '--format', 'junit']);
    expect(junit.exit).toBe(3);
    expect(junit.stdout).toMatch(/^<\?xml .*<failure type="slower".*<\/testsuites>\n$/s);
    expect((await velo(['bench', 'compare', base, base])).exit).toBe(0);
    expect((await velo(['bench', 'compare', base, scaled(1, { cores: 64 })])).exit).toBe(4);
  });

  it.each([
    ['an empty result', () => [], 'nothing in the two results is comparable'],
    ['another scenario', (one: object) => [{ ...one, scenario: '9' }], 'nothing in the two'],
    ['output that does not verify', (one: object) => [{ ...one, verified: false }], 'not verify'],
  ] as const)('refuses a verdict with exit 4 over %s', async (_, results, message) => {
    const document = JSON.parse(readFileSync(base, 'utf8')) as { results: object[] };
    const other = join(folder, 'other.json');
    writeFileSync(other, JSON.stringify({ ...document, results: results(document.results[0]!) }));
    for (const force of [[], ['--force']]) {
      const { exit, stderr } = await velo(['bench', 'compare', base, other, ...force]);
      expect(stderr).toContain(message);
      expect(exit).toBe(4);
    }
  });
});

describe('velo bench compare with builds', () => {
  const here = resolve('.');
  const compared = ['--scenario', '0', '--records', '20000', '--rounds', '8', '--repeat', '2'];

  it('runs them in turn and verifies both', async () => {
    const { exit, stdout } = await velo(['bench', 'compare', here, '.', ...compared], LIMIT);
    expect([0, 3]).toContain(exit);
    expect(stdout).toMatch(/0 v1 +rec\/s/);
    expect(stdout).toMatch(/0 v1 +rec\/cpu s/);
    // Two different processes never take the same time eight times.
    expect(stdout).not.toContain('1.000 – 1.000');
  });

  it('exits 3 when the second is much slower', async () => {
    const slow = join(folder, 'slow');
    for (const part of ['bin', 'dist', 'scenarios', 'package.json']) {
      cpSync(join(here, part), join(slow, part), { recursive: true });
    }
    symlinkSync(join(here, 'node_modules'), join(slow, 'node_modules'));
    let changed = 0;
    for (const name of readdirSync(join(slow, 'dist/bundle'))) {
      const file = join(slow, 'dist/bundle', name);
      const text = readFileSync(file, 'utf8');
      const waiting = text.replace(
        /(?<=var BlackholeSink = class \{[^]{0,2000}?\bwrite\(batch\) \{)/,
        ' for (const until = performance.now() + 5; performance.now() < until; );',
      );
      if (waiting === text) continue;
      changed += 1;
      writeFileSync(file, waiting);
    }
    expect(changed).toBe(1);
    const { exit, stderr } = await velo(['bench', 'compare', here, slow, ...compared], LIMIT);
    expect(stderr).toContain('0 v1 is slower');
    expect(exit).toBe(3);
  });

  it.each([
    [[folder, '.'], 'no build of velo'],
    [['package.json', '.'], 'a result file and a build'],
    [['package.json', 'none.json'], 'no benchmark result'],
  ])('refuses %j', async (paths, what) => {
    const { exit, stderr } = await velo(['bench', 'compare', ...paths]);
    expect(exit).toBe(2);
    expect(stderr).toContain(what);
  });
});
