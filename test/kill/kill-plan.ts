/**
 * What is killed where: owns spreading a number of kills over queries, lanes, places and points, by
 * a seed, so that each lane and each point has its share even of a small sample.
 */
import { Random } from '../oracle/random-data.js';
import type { KillCase } from './kill-cases.js';
import type { Lane } from './kill-lanes.js';
import { POINTS_OF_FILES, POINTS_OF_TOPICS } from './kill-lives.js';
import type { KillPoint, LifeOf } from './kill-lives.js';

export interface PlannedLife {
  readonly place: readonly string[];
  readonly modules: boolean;
  readonly kill: LifeOf['kill'];
}

export interface PlannedRun {
  readonly number: number;
  readonly lane: Lane;
  readonly killCase: KillCase;
  /** The last one is not killed. */
  readonly lives: readonly PlannedLife[];
}

const KILLS_A_RUN = 4;
/** Checkpoints, writes or requests that come through before the one that does not. */
const NTH_MAX = 2;
const V1 = ['--arch', 'v1'];
const PLACES: readonly (readonly string[])[] = [
  V1,
  ['--arch', 'v2', '--partitions', '3', '--workers', '2'],
  V1,
  ['--arch', 'v2', '--partitions', '1', '--workers', '1'],
  ['--arch', 'v2', '--partitions', '8', '--workers', '2'],
];
/** One life in so many runs the modules. */
const MODULES_SHARE = 8;
const SHARES = 1000;

export function planOf({
  kills,
  seed,
  cases,
  lanes,
}: {
  readonly kills: number;
  readonly seed: number;
  readonly cases: readonly KillCase[];
  readonly lanes: readonly Lane[];
}): readonly PlannedRun[] {
  const random = new Random(seed);
  const queue = new Deck(cases, random);
  const ofFiles = new Deck(POINTS_OF_FILES, random);
  const ofTopics = new Deck(POINTS_OF_TOPICS, random);
  const runs: PlannedRun[] = [];
  for (let planned = 0; planned < kills; planned += KILLS_A_RUN) {
    const lane = lanes[runs.length % lanes.length]!;
    const killCase = queue.take();
    const deck = lane === 'file to file' ? ofFiles : ofTopics;
    const count = Math.min(KILLS_A_RUN, kills - planned);
    const points = inOrder(Array.from({ length: count }, () => deck.take()));
    const lives = [...points, null].map((point): PlannedLife => {
      const place = killCase.onePlace ? V1 : random.pick(PLACES);
      const modules = random.below(MODULES_SHARE) === 0;
      const nth = point?.once === true ? 1 : 1 + random.below(NTH_MAX);
      const share = random.below(SHARES) / SHARES;
      return { place, modules, kill: point === null ? null : { point: point.name, nth, share } };
    });
    runs.push({ number: runs.length + 1, lane, killCase, lives });
  }
  return runs;
}

/** Those that only a first life meets come first, and those last that need many checkpoints. */
function inOrder(points: readonly KillPoint[]): readonly KillPoint[] {
  const rank = { first: 0, any: 1, again: 2, late: 3 } as const;
  return [...points].sort((one, other) => rank[one.met] - rank[other.met]);
}

/** Deals everything once before anything comes again, shuffled each time. */
class Deck<T> {
  private readonly all: readonly T[];
  private readonly random: Random;
  private left: T[] = [];

  constructor(all: readonly T[], random: Random) {
    this.all = all;
    this.random = random;
  }

  take(): T {
    if (this.left.length === 0) this.left = [...this.all];
    const [taken] = this.left.splice(this.random.below(this.left.length), 1);
    // Checked boundary: it was filled.
    return taken as T;
  }
}
