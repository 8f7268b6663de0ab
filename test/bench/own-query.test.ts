/**
 * Output of a user's own query: what V1 and V2 are compared by before anything is measured, and how
 * a topic without end is cut.
 */
import { describe, expect, it } from 'vitest';
import { References } from '../../src/bench/reference.js';
import { cutOffsets } from '../../src/bench/scenario/own-sources.js';
import type { TrialOutcome, TrialTask } from '../../src/bench/trial.js';
import { PARTITIONED_DEFAULTS } from '../../src/processors/partitioned/job-settings.js';

const V2 = { ...PARTITIONED_DEFAULTS, partitions: 3, workers: 2 };

function task(partitioned: TrialTask['partitioned']): TrialTask {
  return {
    ...{ sourceName: 'q.sql', text: 'SELECT 1', variables: {}, warmupVariables: {} },
    ...{ warmups: 2, warmupMs: 1000, repeats: 5, settings: {}, redirects: [], batchRows: null },
    ...{ mode: PARTITIONED_DEFAULTS.mode, rate: null, slowdown: 0, observed: true, own: null },
    partitioned,
  };
}

interface Output {
  readonly rowsIn?: number;
  readonly rowsFailed?: number;
  readonly rows?: number;
  readonly nulls?: number;
  readonly sum?: string | number;
}

function outcome(output: Output): TrialOutcome {
  const { rowsIn = 9, rowsFailed = 0, rows = 3, nulls = 0, sum = '7' } = output;
  const digest = { rows, columns: [{ name: 'n', nulls, sum }] };
  // Of an outcome only this is compared.
  return {
    rowsIn,
    rowsFailed,
    rowsOut: rows,
    digest,
    digests: [digest],
  } as unknown as TrialOutcome;
}

/** Runs that put out what `outputOf` says, and which runs there were. */
function references(
  outputOf: (task: TrialTask) => Output,
  isSnapshot = false,
): { readonly made: References; readonly ran: string[] } {
  const ran: string[] = [];
  const made = new References((asked) => {
    const { partitioned, warmups, repeats } = asked;
    expect({ warmups, repeats }).toEqual({ warmups: 0, repeats: 1 });
    ran.push(partitioned === null ? 'v1' : `v2 ${partitioned.partitions}×${partitioned.workers}`);
    return Promise.resolve(outcome(outputOf(asked)));
  }, isSnapshot);
  return { made, ran };
}

describe('the reference of a query', () => {
  it('is what V1 puts out, once V2 puts out the same', async () => {
    const { made, ran } = references(() => ({}));
    const one = await made.of(task(null));
    expect(one).toMatchObject({ faults: [], outcome: { digest: { rows: 3 } } });
    expect(ran).toEqual(['v1', 'v2 4×2']);
    expect((await made.of(task(V2))).faults).toEqual([]);
    // V1 was known.
    expect(ran).toEqual(['v1', 'v2 4×2', 'v2 3×2']);
  });

  it.each([
    [{ rows: 4 }, '4 rows instead of 3'],
    [{ sum: '8' }, 'sum of "n" is 8 instead of 7'],
    [{ nulls: 1 }, '1 NULLs in "n" instead of 0'],
    [{ rowsIn: 8 }, '8 records read instead of 9'],
    [{ rowsFailed: 1 }, '1 records failed instead of 0'],
  ])('is refused when V2 gives %j', async (other, fault) => {
    const { made } = references(({ partitioned }) => (partitioned === null ? {} : other));
    expect((await made.of(task(V2))).faults).toEqual([`V2 beside V1: ${fault}`]);
  });

  it('allows sums of DOUBLE their rounding and no more', async () => {
    const of = async (sum: number): Promise<readonly string[]> =>
      (
        await references(({ partitioned }) => ({
          sum: partitioned === null ? 1e6 : sum,
        })).made.of(task(V2))
      ).faults;
    expect(await of(1e6 + 1e-4)).toEqual([]);
    expect(await of(1e6 + 1e-2)).toHaveLength(1);
  });

  it('of snapshots is that of as many partitions on one worker', async () => {
    const { made, ran } = references(
      ({ partitioned }) => (partitioned?.partitions === 3 ? { rows: 2 } : {}),
      true,
    );
    const found = await made.of(task(V2));
    expect(ran).toEqual(['v1', 'v2 1×1', 'v2 3×1']);
    expect(found).toMatchObject({ faults: [], outcome: { digest: { rows: 2 } } });
  });
});

describe('a cut topic', () => {
  const held = [
    { partition: 0, start: 10, end: 110 },
    { partition: 1, start: 0, end: 0 },
    { partition: 2, start: 5, end: 206 },
  ];
  const count = (cut: typeof held): number =>
    cut.reduce((sum, { start, end }) => sum + end - start, 0);

  it.each([1, 2, 7, 100, 150, 300])('of %i records has as many, all of them there', (records) => {
    const cut = [...cutOffsets(held, records)];
    expect(count(cut)).toBe(records);
    cut.forEach(({ start, end }, at) => {
      expect(start).toBe(held[at]?.start);
      expect(end).toBeLessThanOrEqual(held[at]?.end ?? 0);
    });
  });

  it('is whole when it holds fewer, or nobody says how many', () => {
    expect(cutOffsets(held, 5000)).toEqual(held);
    expect(cutOffsets(held, null)).toEqual(held);
  });
});
