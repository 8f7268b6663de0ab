/**
 * One life of a job that is to be killed at a point, or at any moment, unless it ends before. Owns
 * the points' names, and how each of them is met: calls to the file system by a preload in the job's
 * process (kill-points.mjs), requests and answers of the cluster at the proxy before it.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { API_KEY } from '../support/kafka-proxy.js';
import type { ProxiedBroker } from '../support/kafka-proxy.js';
import { velo } from '../support/velo-process.js';

const PRELOAD = pathToFileURL(join(import.meta.dirname, 'kill-points.mjs')).href;

/** As kill-points.mjs takes it. */
interface KillOrder {
  /** Of checkpoints. */
  readonly dir: string;
  /** A file that is written; null: a topic is. */
  readonly out: string | null;
  /** A file that is read slowly. */
  readonly paced: string | null;
  /** Takes the point's name when it kills. */
  readonly said: string;
  readonly point: string | null;
  /** Which time it is met. */
  readonly nth: number;
}

/** Any moment behind the first checkpoint with a name. */
export const ANY_MOMENT = 'any moment';
const MOMENT_MS = 60;

/** Of each checkpoint, in the order of its write. */
const CHECKPOINT_POINTS = [
  'state write: before',
  'state write: half',
  'state write: after',
  'state sync: before',
  'state sync: after',
  'manifest write: half',
  'manifest sync: before',
  'manifest sync: after',
  'epoch folder sync: before',
  'epoch folder sync: after',
  'checkpoint rename: before',
  'checkpoint rename: after',
  'checkpoint folder sync: after',
];
/** Of one that is no longer kept. */
const REMOVAL_POINTS = [
  'old checkpoint rename: before',
  'old checkpoint rename: after',
  'old checkpoint removal: before',
];
const FILE_POINTS = [
  'file write: before',
  'file write: half',
  'file write: after',
  'file sync: before',
  'file sync: after',
];
/** The cluster's request is not handed on; the answer never comes, though it did what was asked. */
const CLUSTER_POINTS = {
  'rows: request': ['request', 'produce'],
  'rows: answer': ['answer', 'produce'],
  'partitions: request': ['request', 'addPartitions'],
  'partitions: answer': ['answer', 'addPartitions'],
  'group of the mark: request': ['request', 'addOffsets'],
  'group of the mark: answer': ['answer', 'addOffsets'],
  'mark: request': ['request', 'txnOffsetCommit'],
  'mark: answer': ['answer', 'txnOffsetCommit'],
  'commit: request': ['request', 'endTxn'],
  'commit: answer': ['answer', 'endTxn'],
  'fence: request': ['request', 'initProducerId'],
  'fence: answer': ['answer', 'initProducerId'],
} as const;
type ClusterPoint = keyof typeof CLUSTER_POINTS;

/** Met by a job that has no state yet, by one that goes on from one, by any, or by one with many. */
export type Met = 'first' | 'again' | 'any' | 'late';

export interface KillPoint {
  readonly name: string;
  readonly met: Met;
  /** Met once in a life. */
  readonly once: boolean;
}

const any = (name: string): KillPoint => ({ name, met: 'any', once: false });
const removals = REMOVAL_POINTS.map((name): KillPoint => ({ name, met: 'late', once: true }));
const once = (name: string, met: Met): KillPoint => ({ name, met, once: true });
const moments: readonly KillPoint[] = Array.from({ length: 4 }, () => any(ANY_MOMENT));

export const POINTS_OF_FILES: readonly KillPoint[] = [
  ...[...CHECKPOINT_POINTS, ...FILE_POINTS].map(any),
  once('file publish: before', 'first'),
  once('file publish: after', 'first'),
  once('file cut back: before', 'again'),
  once('file cut back: after', 'again'),
  ...removals,
  ...moments,
];
export const POINTS_OF_TOPICS: readonly KillPoint[] = [
  ...[...CHECKPOINT_POINTS, ...Object.keys(CLUSTER_POINTS)]
    .filter((name) => !name.startsWith('fence'))
    .map(any),
  once('fence: request', 'again'),
  once('fence: answer', 'again'),
  ...removals,
  ...moments,
];

export interface Life {
  /** null: it was killed. */
  readonly exit: number | null;
  readonly said: string;
  /** The point was met: null where it ended before. */
  readonly killedAt: string | null;
  readonly ms: number;
}

export interface LifeOf {
  readonly args: readonly string[];
  readonly dir: string;
  readonly out: string | null;
  readonly paced: string | null;
  /** The modules that tsc wrote run, and not the bundle. */
  readonly modules: boolean;
  /** null: nothing kills it. */
  readonly kill: {
    readonly point: string;
    readonly nth: number;
    /** In [0, 1): of a moment. */
    readonly share: number;
  } | null;
}

/** Runs the job until it is killed or ends by itself. */
export async function lifeOf(
  { args, dir, out, paced, modules, kill }: LifeOf,
  kafka: ProxiedBroker,
): Promise<Life> {
  const said = `${dir}.killed`;
  rmSync(said, { force: true });
  const point = kill?.point ?? null;
  let send: (name: NodeJS.Signals) => void = () => undefined;
  let killedAt: string | null = null;
  const end = (): void => {
    killedAt = point;
    send('SIGKILL');
  };
  if (kill !== null && kill.point in CLUSTER_POINTS) {
    // Checked boundary: it is one of the names.
    watchCluster(kafka, { point: kill.point as ClusterPoint, nth: kill.nth }, end);
  }
  const order: KillOrder = { dir, out, paced, said, point, nth: kill?.nth ?? 0 };
  let published = 0;
  const look = (text: string): void => {
    if (kill?.point !== ANY_MOMENT || !text.includes('published')) return;
    published += 1;
    if (published === kill.nth) setTimeout(end, kill.share * MOMENT_MS);
  };
  try {
    const { exit, stderr, ms } = await velo(['run', ...args], {
      modules,
      env: { NODE_OPTIONS: `--import ${PRELOAD}`, VELO_KILL: JSON.stringify(order) },
      stderr: look,
      started: (signal) => (send = signal),
    });
    if (exit === null && existsSync(said)) killedAt = readFileSync(said, 'utf8').trim();
    return {
      exit,
      said: stderr.replaceAll('published\n', ''),
      killedAt: exit === null ? killedAt : null,
      ms,
    };
  } finally {
    kafka.watch = null;
  }
}

/** Swallows the n-th such frame, and everything behind it. */
function watchCluster(
  kafka: ProxiedBroker,
  { point, nth }: { readonly point: ClusterPoint; readonly nth: number },
  end: () => void,
): void {
  const [kind, api] = CLUSTER_POINTS[point];
  let seen = 0;
  kafka.watch = (frame) => {
    if (frame.kind === kind && frame.apiKey === API_KEY[api]) seen += 1;
    if (seen < nth) return true;
    end();
    return false;
  };
}
