/**
 * One query that goes on with the state that it had before it was changed. Owns what becomes of
 * each operator's state (kept, begun empty, dropped), what is said of it, and what is refused
 * because the numbers would be wrong without a word:
 *
 *   fits                           kept; aggregates that went are dropped, those that came begin
 *   means something else, or new   refused, unless --allow-state-loss names it, or no row has come
 *                                  to it yet: it begins empty
 *   is there no more               dropped
 *
 * An operator whose rows may be taken back has been told of all of them: it and the one that gives
 * them begin empty together, or not at all.
 */
import { planRegrouping, Regrouper } from '../../state/groups/regrouping.js';
import { withInputs } from '../../plan/fragments/fragment-columns.js';
import { pipelineInputs } from '../../plan/pipeline/pipeline-plan.js';
import type { AggregateCall, PipelineNode, QueryPlan } from '../../plan/pipeline/pipeline-plan.js';
import { stateSignature } from '../../plan/state-meaning.js';
import type { GroupMeaning, OperatorMeaning } from '../../plan/state-meaning.js';
import { bytesOf } from '../../state/checkpoint/entry-files.js';
import { endedState } from '../../state/checkpoint/job-state.js';
import type { OperatorState, QueryState, SplitState } from '../../state/checkpoint/job-state.js';
import { operatorPairs } from './operator-pairs.js';
import type { OperatorPair } from './operator-pairs.js';
import type { QueryPair } from './query-pairs.js';
import { ofQuery, withinQuery } from './saved-meaning.js';

export interface Refusal {
  readonly operator: string;
  readonly why: string;
}

export interface RestoredQuery {
  /** Its aggregates know since when they count. */
  readonly plan: QueryPlan;
  readonly state: QueryState;
  /** What is not simply kept. */
  readonly lines: readonly string[];
  readonly refusals: readonly Refusal[];
}

export interface RestoreSettings {
  /** Ids of operators that may begin empty. */
  readonly allowed: ReadonlySet<string>;
  /** Larger than those of restores before. */
  readonly restore: number;
}

/** What an operator goes on with. */
interface Fate {
  readonly pair: OperatorPair;
  readonly id: string;
  /** Its state is taken in. */
  readonly isKept: boolean;
  /** It had rows that it does not know any more. */
  readonly isLost: boolean;
  /** By which its groups are written anew; null: as they are. */
  readonly regrouper: Regrouper | null;
}

export function restoredQuery(
  plan: QueryPlan,
  { now, before }: QueryPair,
  state: QueryState,
  settings: RestoreSettings,
): RestoredQuery {
  const restoring = new Restoring(plan, { now, before }, settings);
  const { pairs, gone } = operatorPairs(now.operators, before.operators);
  if (state.ended) {
    const isAnother = gone.length > 0 || pairs.some((pair) => !isAsBefore(pair, { now, before }));
    const line = `${plan.id}: had ended, and what is new in it is not run (--restore none begins anew)`;
    return { plan, state: endedState(plan.id), lines: isAnother ? [line] : [], refusals: [] };
  }
  for (const pair of pairs) restoring.decide(pair);
  for (const id of gone) {
    restoring.lines.push(`${ofQuery(plan.id, id)}: dropped, the query has it no more`);
  }
  restoring.checkTogether();
  const { lines, refusals } = restoring;
  return { plan: restoring.plan(), state: restoring.state(state), lines, refusals };
}

class Restoring {
  readonly lines: string[] = [];
  readonly refusals: Refusal[] = [];
  private readonly query: QueryPlan;
  private readonly meanings: QueryPair;
  private readonly settings: RestoreSettings;
  private readonly fates = new Map<string, Fate>();
  private readonly calls = new Map<string, readonly AggregateCall[]>();

  constructor(query: QueryPlan, meanings: QueryPair, settings: RestoreSettings) {
    this.query = query;
    this.meanings = meanings;
    this.settings = settings;
  }

  decide(pair: OperatorPair): void {
    const id = ofQuery(this.query.id, pair.now);
    const isAllowed = this.settings.allowed.has(id);
    const isFit = pair.difference === null && !isAllowed;
    const regrouper = isFit ? this.regroup(pair, id) : null;
    const hasMore = isFit || (!isAllowed && this.beginsAnew(pair, id));
    if (isAllowed) this.lines.push(`${id}: begins empty (--allow-state-loss)${because(pair)}`);
    else if (!hasMore) this.refusals.push({ operator: id, why: pair.difference ?? '' });
    if (isFit) this.compareTtl(pair, id);
    this.fates.set(id, { pair, id, isKept: isFit, isLost: !hasMore, regrouper });
  }

  /** State is kept whenever it is to expire: that holds for what was there before, too. */
  private compareTtl({ now, before }: OperatorPair, id: string): void {
    const ttl = this.meanings.now.operators.get(now)?.ttl ?? null;
    const old = this.meanings.before.operators.get(before ?? '')?.ttl ?? null;
    if (ttl === old) return;
    this.lines.push(`${id}: state TTL ${ttl ?? 'none'}, before ${old ?? 'none'}`);
  }

  /** Where nothing is lost by it. */
  private beginsAnew(pair: OperatorPair, id: string): boolean {
    const { now, before } = pair;
    const kind = this.kindOf(now);
    if (kind === 'scan' && before === null) {
      this.lines.push(`${id}: is new, and begins where its source begins`);
      return true;
    }
    // A union has nothing but watermarks, which come again.
    return kind === 'union' || this.sawNothing(id);
  }

  /** All its rows come from groups that give theirs at the end. */
  private sawNothing(id: string): boolean {
    const node = nodeOf(this.query.root, id);
    const inputs = node === null ? [] : pipelineInputs(node);
    return inputs.length > 0 && inputs.every(givesAtEnd);
  }

  private kindOf(within: string): OperatorMeaning['kind'] | undefined {
    return this.meanings.now.operators.get(within)?.kind;
  }

  private regroup({ now, before }: OperatorPair, id: string): Regrouper | null {
    const groups = this.meanings.now.operators.get(now)?.groups ?? null;
    const old = this.meanings.before.operators.get(before ?? '')?.groups ?? null;
    if (groups === null || old === null) return null;
    const { calls, added, removed } = planRegrouping(old, groups, this.settings.restore);
    if (groups.retracts && added.length > 0) {
      const why = `${added.join(', ')} would be new, and rows from before may be taken back from it`;
      this.refusals.push({ operator: id, why });
      return null;
    }
    for (const text of removed) this.lines.push(`${id}: ${text} dropped`);
    for (const text of added) {
      this.lines.push(`${id}: ${text} added, of the rows from this restore on`);
    }
    const wanted: GroupMeaning = { ...groups, calls };
    this.calls.set(id, calls);
    return isAlike(old, wanted) ? null : new Regrouper(old, wanted);
  }

  /** Where rows may be taken back, who gives them and who has them begin together. */
  checkTogether(): void {
    this.visit(this.query.root, null);
  }

  private visit(
    node: PipelineNode,
    above: { readonly id: string; readonly mode: string } | null,
  ): void {
    const fate = this.fates.get(node.id);
    if (fate !== undefined && above !== null) this.checkEdge(fate, above);
    const next = fate === undefined ? above : null;
    for (const input of pipelineInputs(node)) {
      const own = { id: node.id, mode: input.mode };
      this.visit(input, fate === undefined ? next : own);
    }
  }

  private checkEdge(below: Fate, above: { readonly id: string; readonly mode: string }): void {
    const upper = this.fates.get(above.id);
    if (upper === undefined || upper.pair.before === null) return;
    const isScan = this.kindOf(below.pair.now) === 'scan';
    const together = isScan ? below.isLost : above.mode !== 'append';
    if (!together || (isScan ? upper.isLost : upper.isLost === below.isLost)) return;
    const [lost, kept] = below.isLost ? [below, upper] : [upper, below];
    if (this.refusals.some(({ operator }) => operator === kept.id)) return;
    const why = `cannot go on where "${lost.id}" begins empty: its numbers would count rows twice`;
    this.refusals.push({ operator: kept.id, why });
  }

  plan(): QueryPlan {
    return { ...this.query, root: withCalls(this.query.root, this.calls) };
  }

  state({ query: old, splits, operators, sink }: QueryState): QueryState {
    const { id } = this.query;
    const { now, before } = this.meanings;
    const fates = [...this.fates.values()].filter(({ isKept }) => isKept);
    const fateOf = (operator: string): Fate | undefined =>
      fates.find(({ pair }) => pair.before === withinQuery(old, operator));
    return {
      query: id,
      ended: false,
      splits: splits.flatMap((split): SplitState[] => {
        const fate = fateOf(split.scan);
        return fate === undefined ? [] : [{ ...split, scan: fate.id, ...this.timesOf(split) }];
      }),
      operators: operators.flatMap((part): OperatorState[] => {
        const fate = fateOf(part.operator);
        if (fate === undefined) return [];
        const rewritten = fate.regrouper?.rewrite(bytesOf(part));
        if (rewritten === undefined) return [{ ...part, operator: fate.id }];
        return [{ operator: fate.id, bytes: rewritten }];
      }),
      sink: now.sink === before.sink ? sink : null,
    };
  }

  /** Of other times the highest one says nothing. */
  private timesOf({ highestMs }: SplitState): { readonly highestMs: number } {
    const { now, before } = this.meanings;
    const isSame = timesIn(now.operators) === timesIn(before.operators);
    return { highestMs: isSame ? highestMs : Number.NEGATIVE_INFINITY };
  }
}

function isAsBefore({ now: id, before: old }: OperatorPair, { now, before }: QueryPair): boolean {
  const mine = now.operators.get(id);
  const theirs = before.operators.get(old ?? '');
  if (mine === undefined || theirs === undefined) return false;
  return stateSignature(mine) === stateSignature(theirs);
}

function nodeOf(node: PipelineNode, id: string): PipelineNode | null {
  if (node.id === id) return node;
  for (const input of pipelineInputs(node)) {
    const found = nodeOf(input, id);
    if (found !== null) return found;
  }
  return null;
}

function givesAtEnd(node: PipelineNode): boolean {
  if (node.kind === 'aggregate') return node.emission === 'final';
  const inputs = pipelineInputs(node);
  return inputs.length > 0 && inputs.every(givesAtEnd);
}

function because({ difference }: OperatorPair): string {
  return difference === null ? '' : `: ${difference}`;
}

function timesIn(operators: ReadonlyMap<string, OperatorMeaning>): string {
  const all = [...operators.values()].flatMap(({ times }) => times);
  return [...new Set(all.map((line) => line.replace(/ - \d+ ms$/, '')))].sort().join('; ');
}

function isAlike(before: GroupMeaning, now: GroupMeaning): boolean {
  const form = ({ texts, calls }: GroupMeaning): string =>
    JSON.stringify([texts, calls.map(({ since = null }) => since)]);
  return form(before) === form(now);
}

/** The plan with these calls, which are those of the plan but for `since`. */
function withCalls(
  node: PipelineNode,
  calls: ReadonlyMap<string, readonly AggregateCall[]>,
): PipelineNode {
  const inputs = pipelineInputs(node).map((input) => withCalls(input, calls));
  const built = inputs.length === 0 ? node : withInputs(node, inputs);
  const found = calls.get(node.id);
  if (found === undefined || !('aggregates' in built)) return built;
  const aggregates = built.aggregates.map((call, at) => {
    const since = found[at]?.since;
    return since === undefined ? call : { ...call, since };
  });
  return { ...built, aggregates };
}
