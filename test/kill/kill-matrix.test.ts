/**
 * The kill matrix: scenarios 0 to 3b and queries with every kind of state × file to file, generator
 * to topic and topic to topic × V1 and V2 × kill -9 at any moment and at each named point of a
 * checkpoint, a commit and a file (kill-lives.ts), as processes of their own, the bundle and now and
 * then the modules. Each job is killed several times, goes on in another place, and ends: what its
 * file holds, or a read_committed reader of its topic, are the rows of a run that nothing came
 * between, each once and in order.
 *
 *   VELO_KILL_MATRIX   kills that are asked for; without it, a sample over all lanes and points
 *   VELO_KILL_SEED     seed of what is killed where
 *   VELO_KILL_LOG      a file for what became of each
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { javaSuiteRuns } from '../support/java.mjs';
import { ProxiedBroker } from '../support/kafka-proxy.js';
import { velo } from '../support/velo-process.js';
import { KILL_CASES } from './kill-cases.js';
import type { KillCase } from './kill-cases.js';
import { Lanes, LANES } from './kill-lanes.js';
import { lifeOf } from './kill-lives.js';
import { planOf } from './kill-plan.js';
import type { PlannedLife, PlannedRun } from './kill-plan.js';
import { rowsByKey } from './kill-rows.js';

const KILLS = Number(process.env['VELO_KILL_MATRIX'] ?? 48);
const SEED = Number(process.env['VELO_KILL_SEED'] ?? 20261130);
const LOG = process.env['VELO_KILL_LOG'];
const LIMIT_MS = 240_000;
/** Of the kills that are asked for: a job may have ended before its point. */
const MET_SHARE = 0.9;

function note(line: string): void {
  if (LOG !== undefined) appendFileSync(LOG, `${line}\n`);
}

describe.runIf(javaSuiteRuns('the kill matrix'))(`the kill matrix (seed ${SEED})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'velo-kill-matrix-'));
  const expected = new Map<string, ReturnType<typeof rowsByKey>>();
  let kafka: ProxiedBroker;
  let lanes: Lanes;
  let killed = 0;

  beforeAll(async () => {
    kafka = await ProxiedBroker.start();
    lanes = new Lanes(folder, kafka);
  }, LIMIT_MS);

  afterAll(async () => {
    await kafka.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The rows of a run that nobody kills. */
  async function expectedOf(killCase: KillCase): Promise<ReturnType<typeof rowsByKey>> {
    const known = expected.get(killCase.name);
    if (known !== undefined) return known;
    const run = await lanes.run(killCase, 'file to file', false);
    const flags = killCase.changelog ? ['--changelog'] : [];
    const { exit, stderr } = await velo(['run', '-q', run.script, '--arch', 'v1', ...flags]);
    expect({ exit, stderr }).toMatchObject({ exit: 0 });
    const rows = rowsByKey(await lanes.written(run), killCase);
    expect(Object.keys(rows).length).toBeGreaterThan(0);
    expected.set(killCase.name, rows);
    return rows;
  }

  /** Lives of one job until it ends, what it has written, and those that are left. */
  async function livesAndRows(
    { number, lane, killCase }: PlannedRun,
    lives: readonly PlannedLife[],
  ): Promise<readonly PlannedLife[]> {
    const run = await lanes.run(killCase, lane, true);
    const { script, dir, out, paced } = run;
    const flags = killCase.changelog ? ['--changelog'] : [];
    const kept = ['--checkpoint-dir', dir, '--checkpoint-interval', '20ms'];
    let told = '';
    let lived = 0;
    for (let exit: number | null = null; exit === null; lived += 1) {
      const { place, modules, kill } = lives[lived]!;
      const args = [script, ...place, ...flags, ...kept];
      const life = await lifeOf({ args, dir, out, paced, modules, kill }, kafka);
      exit = life.exit;
      const asked = kill === null ? '' : ` (${kill.nth} × ${kill.point})`;
      const where = `${number} ${lane} | ${killCase.name} | ${place.slice(1).join(' ')}`;
      const end = life.killedAt ?? `exit ${exit}`;
      const line = `${where}${modules ? ' modules' : ''}${asked} | ${end} | ${life.ms.toFixed(0)} ms`;
      note(line);
      told += `${line}\n${life.said}\n`;
      if (life.killedAt === null) expect(exit, told).toBe(0);
      else killed += 1;
    }
    const found = rowsByKey(await lanes.written(run), killCase);
    expect(found, told).toEqual(await expectedOf(killCase));
    const rows = Object.values(found).reduce((sum, { length }) => sum + length, 0);
    note(`${number} the same: ${rows} rows, ${Object.keys(found).length} keys`);
    return lives.slice(lived);
  }

  it.each(planOf({ kills: KILLS, seed: SEED, cases: KILL_CASES, lanes: LANES }))(
    '$number: $lane, $killCase.name',
    async (planned) => {
      // A job that ends before a point is met leaves the rest to another one.
      for (let left = planned.lives; left.some(({ kill }) => kill !== null);) {
        left = await livesAndRows(planned, left);
      }
    },
    LIMIT_MS,
  );

  it('most points were met', () => {
    note(`${killed} kills of ${KILLS} that were asked for, seed ${SEED}`);
    expect(killed).toBeGreaterThanOrEqual(Math.floor(KILLS * MET_SHARE));
  });
});
