/**
 * Lanes: all source splits of a query in one list, the same in every thread. Owns their numbering,
 * who may read each, and what every worker must know of one; reading them is the sources' business.
 */
import type { Reading } from '../../../connectors/connector.js';
import type { FragmentPlan } from '../../../plan/fragments/fragment-plan.js';

/**
 * In the cells of a lane: how far its split was claimed, in rows, bytes or offsets. Of a topic it is
 * the offset behind the last claimed block, and main places it.
 */
export const LANE_POSITION = 0;

/** The same of a split that workers own: its lag and one, as its worker saw it last; 0: unknown. */
export const LANE_LAG = 1;

export interface Lane {
  /** Index into the fragment plan's sources. */
  readonly source: number;
  /** Index among the splits of that source, and the split's own number (_PARTITION). */
  readonly at: number;
  readonly split: number;
  readonly sourceName: string;
  /** The edge that takes the source's rows; null: they go to the sink. */
  readonly edge: number | null;
  readonly idleTimeoutMs: number;
  readonly reading: Reading;
  /** The only worker that takes its blocks; null: any may. */
  readonly owner: number | null;
}

/** The splits of one source as main found them when it opened it. */
export interface SourceSplits {
  readonly splits: readonly { readonly split: number; readonly sourceName: string }[];
  readonly reading: Reading;
}

/**
 * Splits that workers own are dealt out one by one, over all sources. Where worker 0 must read one
 * source alone, it alone takes turns: the others' splits are its own, too.
 */
export function lanesOf(
  fragments: FragmentPlan,
  sources: readonly SourceSplits[],
  workers: number,
): Lane[] {
  const dealtTo = sources.some(({ reading }) => reading === 'local') ? 1 : workers;
  let owned = 0;
  const ownerOf = (reading: Reading): number | null => {
    if (reading === 'local') return 0;
    if (reading !== 'owned') return null;
    owned += 1;
    return (owned - 1) % dealtTo;
  };
  return fragments.sources.flatMap(({ edge }, source) => {
    const watermark = edge === null ? null : (fragments.edges[edge]?.watermark ?? null);
    const { splits = [], reading = 'shared' } = sources[source] ?? {};
    return splits.map(({ split, sourceName }, at) => ({
      source,
      at,
      split,
      sourceName,
      edge,
      idleTimeoutMs: watermark?.idleTimeoutMs ?? 0,
      reading,
      owner: ownerOf(reading),
    }));
  });
}
