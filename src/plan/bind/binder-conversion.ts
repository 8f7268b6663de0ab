/**
 * What values become for the sake of a type that is written or meant: the limits of CAST (lengths
 * cut or pad, integer ranges) and the comparisons that IN stands for. Works on bound expressions;
 * the syntax tree is binder-expression.ts.
 */
import type { Span } from '../../base/span.js';
import { BIGINT, BOOLEAN, VARCHAR, isNumeric, sameType, typeText } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { canCast } from '../../functions/cast.js';
import { integerRange } from '../../functions/conversion.js';
import { comparisonTypes } from '../../functions/type-rules.js';
import type { Cast } from '../../sql/ast.js';
import type { BoundExpression } from '../expression/expression.js';
import { Poisoned } from '../faults.js';
import type { FaultCollector } from '../faults.js';
import {
  argumentInfo,
  bindFunction,
  castTo,
  comparedOften,
  literal,
  logical,
} from './bound-values.js';
import { castLimit, resolveTypeName } from './type-names.js';
import type { CastLimit } from './type-names.js';

/** CAST of what is bound already; null: its fault is reported. */
export function boundCast(
  faults: FaultCollector,
  operand: BoundExpression | null,
  node: Cast,
): BoundExpression {
  const type = resolveTypeName(faults, node.type);
  if (operand === null) throw new Poisoned();
  if (!canCast(operand.type, type)) {
    return faults.fail('TYPE_MISMATCH', {
      message: `${typeText(operand.type)} does not convert to ${typeText(type)}`,
      span: node.span,
    });
  }
  const limit = castLimit(faults, node.type);
  const value = { ...castTo(operand, type, node.safe), span: node.span };
  return limit === null ? value : limited(faults, value, limit, node);
}

/** VARCHAR(n) cuts, CHAR(n) pads too; TINYINT, SMALLINT and INT hold what is in their range. */
function limited(
  faults: FaultCollector,
  value: BoundExpression,
  limit: CastLimit,
  { safe, span }: Cast,
): BoundExpression {
  if (limit.kind === 'length') {
    const length = literal(limit.length, BIGINT, span);
    return bindFunction(faults, limit.pads ? 'RPAD' : 'LEFT', [value, length], span);
  }
  const name = literal(limit.name, VARCHAR, span);
  const held = bindFunction(faults, 'checked', [value, name], span);
  if (!safe || held.kind === 'literal') return held;
  const [low, high] = integerRange(limit.name);
  return comparedOften(value, (operand) => {
    const inside = logical(
      'and',
      [
        bindFunction(faults, '>=', [operand, literal(low, BIGINT, span)], span),
        bindFunction(faults, '<=', [operand, literal(high, BIGINT, span)], span),
      ],
      span,
    );
    const branches = [{ when: inside, then: operand }];
    return { kind: 'case', branches, otherwise: literal(null, BIGINT, span), type: BIGINT, span };
  });
}

export interface Membership {
  readonly operand: BoundExpression;
  readonly list: readonly BoundExpression[];
  /** The common type of all. */
  readonly type: SqlType;
  readonly span: Span;
}

/** Whether the value converts to a number type without loss; other types never lose anything. */
function becomes(item: BoundExpression, type: SqlType): boolean {
  if (!isNumeric(type)) return true;
  const info = { type, literal: undefined };
  return comparisonTypes(info, argumentInfo(item))?.every((each) => sameType(each, type)) ?? true;
}

/**
 * x IN (a, b) is x = a OR x = b: numbers that have no common type without loss are compared each by
 * itself, runs of those that have one stay a list.
 */
export function membershipTests(faults: FaultCollector, membership: Membership): BoundExpression[] {
  const { operand, list, type, span } = membership;
  if ([operand, ...list].every((item) => becomes(item, type))) {
    const items = list.map((item) => castTo(item, type));
    return [{ kind: 'in', operand: castTo(operand, type), list: items, type: BOOLEAN, span }];
  }
  const tests: BoundExpression[] = [];
  let run: { type: SqlType; items: BoundExpression[] } | null = null;
  for (const item of list) {
    const pair = comparisonTypes(argumentInfo(operand), argumentInfo(item));
    const [left, right] = pair ?? [type, type];
    if (!sameType(left, right)) {
      run = null;
      tests.push(bindFunction(faults, '=', [operand, item], span));
    } else if (run !== null && sameType(run.type, left)) {
      run.items.push(castTo(item, left));
    } else {
      run = { type: left, items: [castTo(item, left)] };
      tests.push({
        kind: 'in',
        operand: castTo(operand, left),
        list: run.items,
        type: BOOLEAN,
        span,
      });
    }
  }
  return tests;
}
