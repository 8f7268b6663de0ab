/**
 * Windows and frames as plain data, the same in the logical and in the pipeline plan, and which
 * window functions look at a whole partition. How SQL becomes one is bind/, what they do to rows runtime/operators.
 */
export type WindowSpec =
  | { readonly kind: 'tumbling'; readonly sizeMs: number }
  | { readonly kind: 'hopping'; readonly sizeMs: number; readonly advanceMs: number }
  | { readonly kind: 'cumulate'; readonly sizeMs: number; readonly stepMs: number }
  | { readonly kind: 'session'; readonly gapMs: number };

export interface FrameSpec {
  readonly unit: 'rows' | 'range';
  /** Rows (or range in the order column's unit) before the current row; Infinity = UNBOUNDED. Negative = following. */
  readonly preceding: number;
  /** Rows after the current row; negative = preceding (…AND 1 PRECEDING is -1). */
  readonly following: number;
  /** RANGE with a distance over BIGINT or DECIMAL: both distances without rounding, unscaled. */
  readonly exact: ExactDistances | null;
}
/** As `preceding` and `following` of a frame; the one that is unbounded counts for nothing. */
export interface ExactDistances {
  readonly preceding: bigint;
  readonly following: bigint;
}

/** What they give a row depends on rows behind it, however far: they need an end. */
export const WHOLE_PARTITION: ReadonlySet<string> = new Set([
  'PERCENT_RANK',
  'CUME_DIST',
  'NTILE',
  'LEAD',
]);
