/**
 * When key groups are to leave a partition that stays hot, and which ones go where. Owns the rule,
 * and that it does not flap: a partition has to be hot for ten seconds on end, the cut has to be worth
 * it, and each one makes the next wait longer. Reads no clock; rows by key group are counted by the
 * workers (routing/key-group-load), and the cut is restarting-job.ts's.
 *
 *   hot      by the rates of each of its seconds (metrics/rates: twice the others' average)
 *   goes     from the largest key group on, what is above the average of all, each to the partition
 *            that has least then; the largest of all stays
 */
import { hotPartitions } from '../metrics/rates.js';

const SECOND_NS = 1e9;
/** Seconds on end that a partition has to be hot for. */
const HOT_SECONDS = 10;
/** Fewer rows in that time are no load. */
const ROWS_MIN = 1000;
/** A cut is worth it that leaves so much of the highest load, or less. */
const WORTH = 0.9;
/** From one cut to the next, twice as long each time; after the longest it begins anew. */
const PAUSE_NS_MIN = 30e9;
const PAUSE_NS_MAX = 600e9;

export interface RebalancePlan {
  readonly kind: 'plan';
  /** By key group. */
  readonly owners: readonly number[];
  /** Where they are taken from, and how many. */
  readonly partition: number;
  readonly keyGroups: number;
  /** Of the rows of the last seconds, 0 to 1: what the partition had, and would have had. */
  readonly shareBefore: number;
  readonly shareAfter: number;
}

/** A partition that no cut helps. */
export interface RebalanceRemark {
  readonly kind: 'remark';
  readonly partition: number;
  /** Of the rows, 0 to 1, that one key group has. */
  readonly share: number;
}

interface Moment {
  readonly nowNs: number;
  readonly totals: Float64Array;
}

export class Rebalancing {
  private owners: ArrayLike<number>;
  private partitions: number;
  /** One for each second, oldest first; empty: the life has just begun. */
  private moments: Moment[] = [];
  private lastCutNs = Number.NEGATIVE_INFINITY;
  private pauseNs = 0;
  /** That no cut helps was said of the key groups as they are. */
  private isTold = false;

  constructor(owners: ArrayLike<number>, partitions: number) {
    this.owners = owners;
    this.partitions = partitions;
  }

  /** Another life, whose counts begin with 0. */
  lifeBegins(owners: ArrayLike<number>, partitions: number): void {
    this.owners = owners;
    this.partitions = partitions;
    this.moments = [];
  }

  /**
   * `totals`: rows by key group since the life began, taken only where a second has gone by. null:
   * nothing is to be done.
   */
  observe(nowNs: number, totals: () => Float64Array): RebalancePlan | RebalanceRemark | null {
    const last = this.moments.at(-1);
    if (last !== undefined && nowNs - last.nowNs < SECOND_NS) return null;
    this.moments.push({ nowNs, totals: totals() });
    if (this.moments.length > HOT_SECONDS + 1) this.moments.shift();
    if (this.moments.length <= HOT_SECONDS || nowNs - this.lastCutNs < this.pauseNs) return null;
    const [first] = this.moments;
    const loads = grown(first, this.moments.at(-1));
    if (sum(loads) < ROWS_MIN) return null;
    const partition = this.hottest(loads);
    return partition === null ? null : this.relieve(partition, loads, nowNs);
  }

  /** The one that has most, of those that were hot in every second. */
  private hottest(loads: Float64Array): number | null {
    const always = this.moments.slice(1).reduce<readonly number[] | null>((hot, moment, at) => {
      const now = hotPartitions(this.byPartition(grown(this.moments[at], moment)));
      return hot === null ? now : hot.filter((partition) => now.includes(partition));
    }, null);
    const shares = this.byPartition(loads);
    return (always ?? []).reduce<number | null>(
      (most, partition) =>
        most === null || (shares[partition] ?? 0) > (shares[most] ?? 0) ? partition : most,
      null,
    );
  }

  private relieve(
    partition: number,
    loads: Float64Array,
    nowNs: number,
  ): RebalancePlan | RebalanceRemark | null {
    const before = this.byPartition(loads);
    const total = sum(before);
    const owners = Array.from(this.owners);
    const groups = [...loads.keys()]
      .filter((group) => owners[group] === partition && (loads[group] ?? 0) > 0)
      .sort((a, b) => (loads[b] ?? 0) - (loads[a] ?? 0));
    const after = Float64Array.from(before);
    const [largest = -1, ...others] = groups;
    after[partition] = loads[largest] ?? 0;
    let keyGroups = 0;
    for (const group of others) {
      const load = loads[group] ?? 0;
      const stays = (after[partition] ?? 0) + load <= total / this.partitions;
      const to = stays ? partition : leastOf(after, partition);
      after[to] = (after[to] ?? 0) + load;
      owners[group] = to;
      if (to !== partition) keyGroups += 1;
    }
    if (Math.max(...after) > WORTH * (before[partition] ?? 0)) {
      if (this.isTold) return null;
      this.isTold = true;
      return { kind: 'remark', partition, share: (loads[largest] ?? 0) / total };
    }
    const calm = nowNs - this.lastCutNs > PAUSE_NS_MAX;
    this.pauseNs = calm ? PAUSE_NS_MIN : Math.min(PAUSE_NS_MAX, this.pauseNs * 2);
    this.lastCutNs = nowNs;
    this.isTold = false;
    const shareBefore = (before[partition] ?? 0) / total;
    const shareAfter = (after[partition] ?? 0) / total;
    return { kind: 'plan', owners, partition, keyGroups, shareBefore, shareAfter };
  }

  private byPartition(loads: Float64Array): Float64Array {
    const rows = new Float64Array(this.partitions);
    loads.forEach((load, group) => {
      const partition = this.owners[group] ?? 0;
      rows[partition] = (rows[partition] ?? 0) + load;
    });
    return rows;
  }
}

function grown(before: Moment | undefined, after: Moment | undefined): Float64Array {
  const from = before?.totals;
  return Float64Array.from(after?.totals ?? [], (total, at) => total - (from?.[at] ?? 0));
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The lowest; of equals `preferred`, else the first. */
function leastOf(values: Float64Array, preferred: number): number {
  let least = preferred;
  for (let at = 0; at < values.length; at += 1) {
    if ((values[at] ?? 0) < (values[least] ?? 0)) least = at;
  }
  return least;
}
