/** Which key groups leave a hot partition, when, and when not; time is the test's. */
import { describe, expect, it } from 'vitest';
import { Rebalancing } from '../../src/job/rebalancing.js';
import type { RebalancePlan, RebalanceRemark } from '../../src/job/rebalancing.js';
import { equalRanges } from '../../src/processors/partitioned/routing/key-group-owners.js';

const GROUPS = 1024;
const SECOND_NS = 1e9;

type Found = RebalancePlan | RebalanceRemark;

/** Rows of each key group in a second, by group. */
type Load = (group: number) => number;

/** A job that goes on as it is told: what was found, by the second in which it was. */
class Simulated {
  readonly found: (readonly [second: number, found: Found])[] = [];
  readonly totals = new Float64Array(GROUPS);
  owners: ArrayLike<number>;
  private readonly partitions: number;
  private readonly rule: Rebalancing;
  private second = 0;

  constructor(partitions: number) {
    this.partitions = partitions;
    this.owners = equalRanges(partitions);
    this.rule = new Rebalancing(this.owners, partitions);
  }

  run(seconds: number, load: Load): this {
    for (let until = this.second + seconds; this.second < until; this.second += 1) {
      const found = this.rule.observe(this.second * SECOND_NS, () => this.totals.slice());
      if (found !== null) this.found.push([this.second, found]);
      if (found?.kind === 'plan') {
        this.owners = found.owners;
        this.totals.fill(0);
        this.rule.lifeBegins(found.owners, this.partitions);
      }
      for (let group = 0; group < GROUPS; group += 1) this.totals[group]! += load(group);
    }
    return this;
  }

  shares(load: Load): number[] {
    const rows = new Array<number>(this.partitions).fill(0);
    let total = 0;
    for (let group = 0; group < GROUPS; group += 1) {
      rows[this.owners[group]!]! += load(group);
      total += load(group);
    }
    return rows.map((count) => count / total);
  }
}

/** 90 % of the rows on the key groups of one of so many partitions, evenly; the rest on the others. */
function skewed(partitions: number, hot: number): Load {
  const owners = equalRanges(partitions);
  const mine = owners.filter((owner) => owner === hot).length;
  return (group) => (owners[group] === hot ? 9000 / mine : 1000 / (GROUPS - mine));
}

const plansOf = ({ found }: Simulated): readonly RebalancePlan[] =>
  found.flatMap(([, one]) => (one.kind === 'plan' ? [one] : []));

describe('a partition that stays hot', () => {
  it.each([2, 3, 8, 64])('of %i gives key groups away after ten seconds', (partitions) => {
    const load = skewed(partitions, 1);
    const job = new Simulated(partitions).run(10, load);
    expect(job.found).toEqual([]);
    job.run(50, load);
    expect(plansOf(job)).toHaveLength(1);
    const [[second, plan] = [-1, null]] = job.found;
    expect(second).toBe(10);
    expect(plan).toMatchObject({ kind: 'plan', partition: 1 });
    expect(plansOf(job)[0]!.shareBefore).toBeCloseTo(0.9);
    expect(plansOf(job)[0]!.shareAfter).toBeLessThanOrEqual(1 / partitions + 0.1);
    const shares = job.shares(load);
    const largest = Math.max(...Array.from({ length: GROUPS }, (_, group) => load(group))) / 10_000;
    expect(Math.max(...shares)).toBeLessThan(Math.max(1.2 / partitions, largest) + 0.02);
    const moved = [...equalRanges(partitions)].filter((owner, at) => owner !== job.owners[at]);
    expect(moved).toHaveLength(plansOf(job)[0]!.keyGroups);
    expect(moved.every((owner) => owner === 1)).toBe(true);
  });

  it('keeps them where it was not hot all the time', () => {
    const load = skewed(4, 2);
    const even: Load = () => 10;
    const job = new Simulated(4);
    for (let at = 0; at < 20; at += 1) job.run(9, load).run(1, even);
    expect(job.found).toEqual([]);
  });

  it('keeps them where it has too few rows to matter', () => {
    const load = skewed(4, 2);
    expect(new Simulated(4).run(100, (group) => load(group) / 1000).found).toEqual([]);
  });

  it('is let be where one key group has the rows, which is said once', () => {
    const load: Load = (group) => (group === 700 ? 9000 : 1);
    const job = new Simulated(8).run(1000, load);
    expect(job.found).toHaveLength(1);
    expect(job.found[0]).toMatchObject([10, { kind: 'remark', partition: 5 }]);
    const [, remark] = job.found[0]!;
    expect(remark.kind === 'remark' && remark.share).toBeCloseTo(9000 / 10_023);
  });

  it('gives all others away where one key group has most rows, and then is let be', () => {
    const load: Load = (group) => (group === 700 ? 5000 : group >= 640 && group < 768 ? 20 : 1);
    const job = new Simulated(8).run(1000, load);
    expect(job.found.map(([, { kind }]) => kind)).toEqual(['plan', 'remark']);
    expect(job.owners[700]).toBe(5);
  });

  it('waits longer from cut to cut where the load moves on', () => {
    const job = new Simulated(4);
    for (let at = 0; at < 200; at += 1) {
      // Always on what one partition has now.
      const hot = at % 4;
      const owners = Array.from(job.owners);
      job.run(15, (group) => (owners[group] === hot ? 100 : 1));
    }
    const cuts = job.found.filter(([, { kind }]) => kind === 'plan').map(([second]) => second);
    const waits = cuts.slice(1).map((second, at) => second - cuts[at]!);
    expect(cuts.length).toBeLessThanOrEqual(10);
    expect(cuts.length).toBeGreaterThan(3);
    for (const [at, wait] of waits.entries()) {
      expect(wait, `cuts at ${cuts.join(', ')}`).toBeGreaterThanOrEqual(
        Math.min(600, 30 * 2 ** at),
      );
    }
  });

  it('is none of a job with one partition, or with an even load', () => {
    expect(new Simulated(1).run(100, () => 10).found).toEqual([]);
    expect(new Simulated(8).run(100, () => 10).found).toEqual([]);
    expect(new Simulated(2).run(100, (group) => (group < 512 ? 19 : 10)).found).toEqual([]);
  });
});
