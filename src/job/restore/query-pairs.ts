/**
 * The queries of a file as it is now, and those that a checkpoint has the state of: which is which,
 * by where their rows go and what their state means, so that one that was put in front of another
 * moves nobody's state. A query's number in the file decides only between equals.
 */
import { operatorPairs } from './operator-pairs.js';
import { STDOUT } from './saved-meaning.js';
import type { QueryMeaning } from './saved-meaning.js';

export interface QueryPair {
  readonly now: QueryMeaning;
  readonly before: QueryMeaning;
}

export interface QueryPairs {
  readonly pairs: readonly QueryPair[];
  readonly added: readonly QueryMeaning[];
  readonly gone: readonly QueryMeaning[];
}

export function queryPairs(
  now: readonly QueryMeaning[],
  before: readonly QueryMeaning[],
): QueryPairs {
  const candidates = now.flatMap((query) =>
    before.flatMap((old) => {
      const likeness = likenessOf(query, old);
      return likeness === null ? [] : [{ now: query, before: old, likeness }];
    }),
  );
  candidates.sort((a, b) => compare(b.likeness, a.likeness));
  const taken = new Set<QueryMeaning>();
  const pairs = candidates.filter((pair) => {
    if (taken.has(pair.now) || taken.has(pair.before)) return false;
    taken.add(pair.now).add(pair.before);
    return true;
  });
  return {
    pairs,
    added: now.filter((query) => !taken.has(query)),
    gone: before.filter((query) => !taken.has(query)),
  };
}

/** What counts first stands first; null: nothing speaks for it. */
function likenessOf(now: QueryMeaning, before: QueryMeaning): readonly number[] | null {
  const { pairs, gone } = operatorPairs(now.operators, before.operators);
  const fitting = pairs.filter(({ difference }) => difference === null);
  const states = fitting.filter(({ now: id }) => now.operators.get(id)?.kind !== 'scan').length;
  const isWhole = fitting.length === pairs.length && gone.length === 0;
  const goesThere = now.sink === before.sink && now.sink !== STDOUT;
  const isSameNumber = now.query === before.query;
  if (!isWhole && !goesThere && states === 0 && !isSameNumber) return null;
  const flags = [isWhole && now.sink === before.sink, goesThere, isWhole].map(Number);
  return [...flags, states, Number(isSameNumber), fitting.length];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at += 1) {
    const order = (a[at] ?? 0) - (b[at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}
