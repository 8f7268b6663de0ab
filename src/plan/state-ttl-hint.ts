/**
 * The hint STATE_TTL of a SELECT: how long the state of each table, view or subquery of its FROM is
 * kept, by name or alias. Owns its faults; which operators keep state of them is what takes it.
 */
import type { Identifier, Option, Relation, Select } from '../sql/ast.js';
import { parseDurationMs } from '../sql/durations.js';
import { didYouMean } from './faults.js';
import type { FaultCollector } from './faults.js';

export class StateTtlHint {
  private readonly faults: FaultCollector;
  private readonly options: readonly Option[];
  private readonly taken = new Set<Option>();

  /** Reports durations that are none, and names that FROM does not have. */
  constructor(faults: FaultCollector, { stateTtl = [], from }: Select) {
    this.faults = faults;
    const names = from === null ? [] : namesIn(from);
    this.options = stateTtl.filter((option) => this.isRight(option, names));
  }

  /** Milliseconds that the hint says of an input, 0: for good; null: nothing. */
  take(relation: Relation): number | null {
    const name = nameOf(relation);
    const option = this.options.find(({ key }) => name !== null && isSame(key, name));
    if (option === undefined) return null;
    this.taken.add(option);
    return parseDurationMs(option.value) ?? null;
  }

  /** Reports what no operator of the SELECT has asked for. */
  checkTaken(): void {
    for (const option of this.options) {
      if (this.taken.has(option)) continue;
      this.faults.report('TTL_INVALID', {
        message: `hint STATE_TTL: nothing in this SELECT keeps state of "${option.key}" that expires`,
        span: option.keySpan,
        hint: 'it holds for the inputs of a join, of GROUP BY without a window and of DISTINCT',
      });
    }
  }

  private isRight(
    { key, keySpan, value, valueSpan }: Option,
    names: readonly Identifier[],
  ): boolean {
    if (!names.some((name) => isSame(key, name))) {
      const known = names.map(({ name }) => name);
      const more = known.length === 0 ? 'there is no FROM' : `names are ${known.join(', ')}`;
      this.faults.report('TTL_INVALID', {
        message: `hint STATE_TTL names "${key}", which FROM does not have`,
        span: keySpan,
        hint: didYouMean(key, known) ?? more,
      });
      return false;
    }
    if ((parseDurationMs(value) ?? -1) >= 0) return true;
    this.faults.report('TTL_INVALID', {
      message: `"${value}" is no duration`,
      span: valueSpan,
      hint: "write '30s', '1h' or '3d'; '0s' keeps state for good",
    });
    return false;
  }
}

function namesIn(relation: Relation): readonly Identifier[] {
  if (relation.kind === 'join') return [...namesIn(relation.left), ...namesIn(relation.right)];
  const name = nameOf(relation);
  return name === null ? [] : [name];
}

/** By which columns of a relation are qualified. */
function nameOf(relation: Relation): Identifier | null {
  if (relation.kind === 'join') return null;
  return relation.alias ?? (relation.kind === 'table' ? relation.name : null);
}

function isSame(key: string, { name, quoted }: Identifier): boolean {
  return quoted ? key === name : key.toLowerCase() === name.toLowerCase();
}
