/** `velo run` of a query that was changed over a state that does not fit it, and --allow-state-loss. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { velo } from '../support/velo-process.js';
import type { VeloRun } from '../support/velo-process.js';

const folder = mkdtempSync(join(tmpdir(), 'velo-state-loss-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STATE = ['--checkpoint-dir', join(folder, 'state')];

/** Stopped when a row has come. */
function untilRow(args: readonly string[]): Promise<VeloRun> {
  let stop = (): void => undefined;
  return velo(['run', ...args], {
    started: (signal) => {
      // A second signal would not wait for the checkpoint.
      stop = () => {
        stop = () => undefined;
        signal('SIGTERM');
      };
    },
    stdout: () => stop(),
  });
}

function sql(where: string): string {
  return `CREATE TABLE g (v BIGINT AS i % 5) WITH ('connector' = 'generator', 'rows-per-second' = '100');
    SELECT v, COUNT(*) AS n FROM g WHERE ${where} GROUP BY v EMIT CHANGES`;
}

describe('a state that does not fit', () => {
  it('is refused with the difference, and begun empty where that is allowed', async () => {
    const first = await untilRow(['-e', sql('v > 1'), ...STATE]);
    expect(first.exit, first.stderr).toBe(143);

    const refused = await velo(['run', '-e', sql('v > 2'), ...STATE]);
    expect(refused.exit).toBe(1);
    expect(refused.stdout).toBe('');
    expect(refused.stderr).toContain('error[VELO_STATE_INVALID]');
    expect(refused.stderr).toContain(
      '"query-1/aggregate-1": where (i % 5) > 2, before where (i % 5) > 1',
    );
    const flag = ['--allow-state-loss', 'query-1/aggregate-1'];
    expect(refused.stderr).toContain(flag.join(' '));

    const strange = await velo(['run', '-e', sql('v > 2'), ...STATE, '--allow-state-loss', 'n-1']);
    expect(strange.exit).toBe(2);
    expect(strange.stderr).toContain('--allow-state-loss names "n-1", which no query has');

    const allowed = await untilRow(['-e', sql('v > 2'), ...STATE, ...flag]);
    expect(allowed.exit, allowed.stderr).toBe(143);
    expect(allowed.stderr).toContain(
      'query-1/aggregate-1: begins empty (--allow-state-loss): where',
    );

    const again = await untilRow(['-e', sql('v > 2'), ...STATE]);
    expect(again.exit, again.stderr).toBe(143);
    expect(again.stderr).toContain('restored from epoch');
    expect(again.stderr).not.toContain('begins empty');
  });

  it('needs a folder', async () => {
    const run = await velo([
      'run',
      '-e',
      sql('v > 1'),
      '--allow-state-loss',
      'query-1/aggregate-1',
    ]);
    expect(run.exit).toBe(2);
    expect(run.stderr).toContain('--allow-state-loss has nothing to go on from');
  });
});
