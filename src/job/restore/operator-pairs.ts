/**
 * The operators of a query as it is now, and those that a checkpoint has the state of: which is
 * which, by what their state means, and by their id where it means something else. Owns the pairs
 * and the difference that is shown; what comes of it is restored-query.ts.
 */
import type { OperatorMeaning } from '../../plan/state-meaning.js';
import { stateSignature } from '../../plan/state-meaning.js';

export type Operators = ReadonlyMap<string, OperatorMeaning>;

export interface OperatorPair {
  /** As it is now, and as it was; null: there was none. */
  readonly now: string;
  readonly before: string | null;
  /** null: the state fits, aggregates of its groups aside. */
  readonly difference: string | null;
}

export interface OperatorPairs {
  readonly pairs: readonly OperatorPair[];
  /** Had state, and are no more. */
  readonly gone: readonly string[];
}

const STATELESS = new Set<OperatorMeaning['kind']>([
  'calc',
  'watermark',
  'window-columns',
  'watermark-delay',
  'exchange',
]);

/** Operators with state, and scans: the places of their splits are their state. */
export function operatorPairs(now: Operators, before: Operators): OperatorPairs {
  const left = new Map([...before].filter(([, { kind }]) => !STATELESS.has(kind)));
  const wanted = new Map([...now].filter(([, { kind }]) => !STATELESS.has(kind)));
  const found = new Map<string, OperatorPair>();
  const rounds: ((id: string, old: string) => boolean)[] = [
    (id, old) => id === old && isSame(now.get(id), before.get(old)),
    (id, old) => isSame(now.get(id), before.get(old)),
    (id, old) => id === old && differenceOf(now.get(id), before.get(old)) === null,
    (id, old) => differenceOf(now.get(id), before.get(old)) === null,
    (id, old) => id === old,
  ];
  for (const matches of rounds) {
    for (const id of wanted.keys()) {
      const old = [...left.keys()].find((each) => matches(id, each));
      if (old === undefined) continue;
      const difference = differenceOf(now.get(id), before.get(old));
      found.set(id, { now: id, before: old, difference });
      wanted.delete(id);
      left.delete(old);
    }
  }
  const none = 'it is new, and has not seen the rows before';
  for (const id of wanted.keys()) found.set(id, { now: id, before: null, difference: none });
  const pairs = [...now.keys()].flatMap((id) => found.get(id) ?? []);
  return { pairs, gone: [...left.keys()] };
}

function isSame(now: OperatorMeaning | undefined, before: OperatorMeaning | undefined): boolean {
  if (now === undefined || before === undefined) return false;
  return stateSignature(now) === stateSignature(before);
}

/** `where v > 7, before where v > 5`; null: none that keeps state from being taken in. */
function differenceOf(
  now: OperatorMeaning | undefined,
  before: OperatorMeaning | undefined,
): string | null {
  if (now === undefined || before === undefined) return 'it is not there';
  if (now.kind !== before.kind) return `${now.kind}, before ${before.kind}`;
  return lineDifference(now.rows, before.rows) ?? lineDifference(now.own, before.own);
}

/** The first step that one of them has and the other has not. */
function lineDifference(now: readonly string[], before: readonly string[]): string | null {
  const length = Math.max(now.length, before.length);
  for (let at = 0; at < length; at += 1) {
    const mine = now[at];
    const theirs = before[at];
    if (mine === theirs) continue;
    if (mine === undefined || before.includes(mine)) return `nothing, before ${theirs ?? ''}`;
    if (theirs === undefined || now.includes(theirs)) return `${mine}, before nothing`;
    return changedLine(mine, theirs);
  }
  return null;
}

/** The types of the columns at their ends, which are named only where they are others. */
function changedLine(now: string, before: string): string {
  const types = / \([^()]*\)$/.exec(now)?.[0] ?? '';
  if (types === '' || !before.endsWith(types)) return `${now}, before ${before}`;
  return `${now.slice(0, -types.length)}, before ${before.slice(0, -types.length)}`;
}
