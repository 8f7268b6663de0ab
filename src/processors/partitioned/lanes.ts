/**
 * Lanes: all source splits of a query in one list, the same in every thread. Owns their numbering
 * and what every worker must know of one; reading them is the sources' business.
 */
import type { FragmentPlan } from '../../plan/fragment-plan.js';

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
  /** The main thread reads it and hands its blocks on: feeds.ts. */
  readonly fed: boolean;
}

/** The splits of one source as main found them when it opened it. */
export interface SourceSplits {
  readonly splits: readonly { readonly split: number; readonly sourceName: string }[];
  readonly fed: boolean;
}

export function lanesOf(fragments: FragmentPlan, sources: readonly SourceSplits[]): Lane[] {
  return fragments.sources.flatMap(({ edge }, source) => {
    const watermark = edge === null ? null : (fragments.edges[edge]?.watermark ?? null);
    const { splits = [], fed = false } = sources[source] ?? {};
    return splits.map(({ split, sourceName }, at) => ({
      source,
      at,
      split,
      sourceName,
      edge,
      idleTimeoutMs: watermark?.idleTimeoutMs ?? 0,
      fed,
    }));
  });
}
