/**
 * How much memory the state of a job may take before groups go to disk, and where to. Owns the
 * default, how the memory is dealt out to the operators that can do with less (plan/pipeline/pageable
 * says which), and the folder: with checkpoints one of the job's own, else whatever the system has
 * for temporary files.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { pageableCount } from '../plan/pipeline/pageable.js';
import type { QueryPlan } from '../plan/pipeline/pipeline-plan.js';
import { RUN_ENDING } from '../state/paging/page-folder.js';
import type { StateMemory } from '../state/paging/page-folder.js';

const SHARE_OF_MACHINE = 0.6;
/** In the folder of checkpoints: on the disk that has them, where a link is enough. */
const OWN_FOLDER = 'pages';

export interface StateMemoryChoice {
  /** Of all operators together; above 0. */
  readonly bytes: number;
  readonly dir: string;
  /** The folder is this job's alone: files have names, which checkpoints link to. */
  readonly isNamed: boolean;
}

/** `bytes` and `dir` as they were asked for; null: nobody did. */
export function stateMemoryOf(
  bytes: number | null,
  dir: string | null,
  checkpointDir: string | null,
): StateMemoryChoice {
  const chosen = bytes ?? defaultBytes();
  if (checkpointDir === null) return { bytes: chosen, dir: dir ?? tmpdir(), isNamed: false };
  // A folder of several jobs has one for each.
  const digest = createHash('sha256').update(resolve(checkpointDir)).digest('hex');
  const name = `velo-pages-${digest.slice(0, 16)}`;
  const own = dir === null ? join(checkpointDir, OWN_FOLDER) : join(dir, name);
  return { bytes: chosen, dir: own, isNamed: true };
}

/** Removes what a process has left that had the job before: nothing in it is worth anything. */
export function clearPages({ dir, isNamed }: StateMemoryChoice): void {
  if (isNamed) rmSync(dir, { recursive: true, force: true });
}

/**
 * Removes what a life before in this process has left, but for what it has handed over: the next
 * one may go on with that.
 */
export function clearRuns({ dir, isNamed }: StateMemoryChoice): void {
  if (!isNamed || !existsSync(dir)) return;
  for (const name of readdirSync(dir)) {
    if (name.endsWith(RUN_ENDING)) rmSync(join(dir, name), { force: true });
  }
}

/** What each of the operators may hold; null: all that there is. */
export function memoryShare(
  queries: readonly QueryPlan[],
  choice: StateMemoryChoice | null | undefined,
  partitions: number,
): StateMemory | null {
  if (choice == null) return null;
  const operators = queries.reduce((sum, { root }) => sum + pageableCount(root), 0);
  if (operators === 0) return null;
  const { bytes, dir, isNamed } = choice;
  return { shareBytes: Math.floor(bytes / (operators * partitions)), dir, isNamed };
}

function defaultBytes(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  const has = constrained > 0 && constrained < total ? constrained : total;
  return Math.floor(has * SHARE_OF_MACHINE);
}
