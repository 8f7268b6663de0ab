/**
 * What EXPLAIN says of a plan before it is drawn: queries, their operators, lines of facts. Plain
 * data; what is said is explain-logical.ts and explain-pipeline.ts, the drawing explain-plan.ts.
 */

/** A node of a plan as people read it. */
export interface ExplainedNode {
  /** Id, or the operator's name where it has none. */
  readonly title: string;
  readonly details: readonly string[];
  /** The changelog mode of its rows; null in the logical plan. */
  readonly mode: string | null;
  readonly inputs: readonly ExplainedNode[];
}

export interface ExplainedQuery {
  readonly id: string;
  readonly facts: readonly string[];
  /** A line of its own below the facts, or null. */
  readonly note: string | null;
  readonly root: ExplainedNode;
}
