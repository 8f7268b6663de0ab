/** One edit of a query, and what is to come of it; the queries that edits begin with. */

export interface Edit {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** --allow-state-loss. */
  readonly allow?: readonly string[];
  readonly expected: Expected;
}

/** The second run's rows and what it says beside them, or what it refuses, each with its reason. */
export type Expected =
  | { readonly rows: readonly string[]; readonly said: readonly string[] }
  | { readonly refused: readonly string[] };

/** `a 4 17, b 3 12`: rows in order. */
export function rows(text: string): string[] {
  return text.split(', ');
}

/** Groups. */
export const G = `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT FINAL`;
/** Groups that show every change. */
export const U = `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k EMIT CHANGES`;

/** The query with a TTL of event time. */
export function expiring(ttl: string, query: string): string {
  return `SET 'state.ttl' = '${ttl}'; SET 'state.ttl.time' = 'event'; ${query}`;
}

/** Groups of windows. */
export const W = `SELECT k, window_start AS ws, COUNT(*) AS n, SUM(v) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '60' SECOND)) GROUP BY k, window_start, window_end EMIT FINAL`;
/** Groups of sessions. */
export const S = `SELECT k, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY k WINDOW SESSION(ts, INTERVAL '30' SECOND) EMIT FINAL`;
/** Groups over groups, which give their rows at the end. */
export const N = `SELECT n, COUNT(*) AS g FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT FINAL`;
/** Groups over groups, which give every change. */
export const C = `SELECT n, COUNT(*) AS g FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n EMIT CHANGES`;
/** A join of the file with itself. */
export const J = `SELECT t.k, t.v, u.w FROM t JOIN u ON t.i = u.i`;
/** Top-N. */
export const T = `SELECT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM t) WHERE r <= 1`;
/** DISTINCT. */
export const D = `SELECT DISTINCT k FROM t`;
/** A ROWS window. */
export const R = `SELECT k, v, SUM(v) OVER (ROWS WINDOW BUFFER 3 ROWS PARTITION BY k ORDER BY ts) AS s FROM t`;
/** OVER. */
export const O = `SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM t`;
