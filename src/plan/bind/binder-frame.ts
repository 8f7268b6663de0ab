/**
 * Frames of window functions: ROWS | RANGE BETWEEN … AND … → distances before and after the
 * current row. Owns what a frame's bounds may be, and a RANGE distance in units of the ORDER BY
 * key: exact where the key is; infinite distances are UNBOUNDED.
 */
import type { SqlType } from '../../columnar/types.js';
import { typeText } from '../../columnar/types.js';
import { MS_PER_DAY } from '../../functions/time/calendar.js';
import type { FrameBound, OverSpec } from '../../sql/ast.js';
import { bindExpression } from './binder-expression.js';
import type { BindContext } from './binder-environment.js';
import type { BoundLiteral } from '../expression/expression.js';
import type { LogicalSortKey } from '../logical/logical-plan.js';
import type { FrameSpec } from '../window-spec.js';

/** Place relative to the current row, negative before it; `exact` where `at` may be rounded. */
interface Position {
  readonly at: number;
  readonly exact: bigint | null;
}

const CURRENT: Position = { at: 0, exact: null };

export function bindFrame(
  context: BindContext,
  spec: OverSpec,
  orderBy: readonly LogicalSortKey[],
): FrameSpec | null {
  const { frame } = spec;
  if (frame === null) return null;
  const { faults } = context;
  const isDistance = ({ kind }: FrameBound): boolean =>
    kind === 'preceding' || kind === 'following';
  const needsKey = frame.unit === 'range' && (isDistance(frame.start) || isDistance(frame.end));
  const key = needsKey ? distanceKey(context, spec, orderBy) : null;
  const start = positionOf(context, frame.start, { key, edge: 'start' });
  const end = positionOf(context, frame.end, { key, edge: 'end' });
  if (isAfter(start, end) || start.at === Infinity || end.at === -Infinity) {
    faults.fail('WINDOW_INVALID', {
      message: 'the frame ends before it starts',
      span: frame.span,
    });
  }
  const exact = start.exact ?? end.exact;
  return {
    unit: frame.unit,
    preceding: -start.at + 0,
    following: end.at,
    exact: exact === null ? null : { preceding: -exactOf(start), following: exactOf(end) },
  };
}

/** The type of the one key that distances are measured on. */
function distanceKey(
  { faults }: BindContext,
  { frame, buffer, orderBy: items }: OverSpec,
  orderBy: readonly LogicalSortKey[],
): SqlType {
  const [key] = orderBy;
  const [item] = items;
  const needed = buffer === null ? 'one ascending column' : 'one column';
  if (key === undefined || orderBy.length > 1 || (buffer === null && key.descending)) {
    return faults.fail('WINDOW_INVALID', {
      message: `a RANGE frame with a distance needs ORDER BY ${needed}`,
      span: frame?.span,
      hint: 'frames of whole peers (UNBOUNDED, CURRENT ROW) take any ORDER BY; so does ROWS',
    });
  }
  const { type } = key.expression;
  switch (type.kind) {
    case 'bigint':
    case 'decimal':
    case 'double':
    case 'timestamp':
    case 'date':
      return type;
    default:
      return faults.fail('WINDOW_INVALID', {
        message: `a RANGE frame with a distance needs ORDER BY a number or a time, not ${typeText(type)}`,
        span: item?.span,
        hint: 'count rows with ROWS, or take UNBOUNDED and CURRENT ROW as bounds',
      });
  }
}

function isAfter(start: Position, end: Position): boolean {
  if (!Number.isFinite(start.at) || !Number.isFinite(end.at)) return false;
  if (start.exact === null && end.exact === null) return start.at > end.at;
  return exactOf(start) > exactOf(end);
}

function exactOf({ at, exact }: Position): bigint {
  if (exact !== null) return exact;
  return Number.isFinite(at) ? BigInt(at) : 0n;
}

function positionOf(
  context: BindContext,
  bound: FrameBound,
  { key, edge }: Pick<Measure, 'key' | 'edge'>,
): Position {
  switch (bound.kind) {
    case 'unbounded-preceding':
      return { at: -Infinity, exact: null };
    case 'unbounded-following':
      return { at: Infinity, exact: null };
    case 'current-row':
      return CURRENT;
    case 'preceding':
    case 'following': {
      const sign = bound.kind === 'preceding' ? -1 : 1;
      return distanceOf(context, bound, { key, edge, sign });
    }
  }
}

interface Measure {
  readonly key: SqlType | null;
  readonly edge: 'start' | 'end';
  readonly sign: -1 | 1;
}

/** Without a key: a number of rows. */
function distanceOf(context: BindContext, bound: FrameBound, measure: Measure): Position {
  const { faults } = context;
  const { key, sign } = measure;
  const offset = bound.offset === null ? null : bindExpression(context, bound.offset);
  if (offset?.kind === 'literal' && offset.value !== null && Number(offset.value) >= 0) {
    const { type, value } = offset;
    if (key === null && type.kind === 'bigint') return { at: sign * Number(value), exact: null };
    const position = key === null ? null : measured(offset, key, measure);
    if (position !== null) return position;
  }
  return faults.fail('WINDOW_INVALID', {
    message:
      key === null
        ? 'the distance of a ROWS frame is a whole number of at least 0'
        : `the distance of a RANGE frame over ${typeText(key)} is ${wantedFor(key)} of at least 0`,
    span: bound.span,
  });
}

function wantedFor(key: SqlType): string {
  if (key.kind === 'timestamp' || key.kind === 'date') return 'an INTERVAL, or a whole number';
  if (key.kind === 'decimal') return 'an exact number';
  return 'a number';
}

/** A distance in units of the key; null where it is none. */
function measured({ type, value }: BoundLiteral, key: SqlType, measure: Measure): Position | null {
  const { sign } = measure;
  const isInterval = type.kind === 'interval' && type.unit === 'millisecond';
  if (key.kind === 'double') {
    const scale = type.kind === 'decimal' ? 10 ** type.scale : 1;
    const isNumber = type.kind === 'bigint' || type.kind === 'decimal' || type.kind === 'double';
    return isNumber ? { at: (sign * Number(value)) / scale, exact: null } : null;
  }
  if (key.kind === 'timestamp') {
    if (!isInterval && type.kind !== 'bigint') return null;
    return { at: sign * Number(value), exact: null };
  }
  if (key.kind === 'date') {
    if (isInterval) return whole(BigInt(value as number), BigInt(MS_PER_DAY), measure);
    return type.kind === 'bigint' ? whole(value as bigint, 1n, measure) : null;
  }
  const unit = key.kind === 'decimal' ? 10n ** BigInt(key.scale) : 1n;
  if (type.kind === 'bigint') return whole((value as bigint) * unit, 1n, measure);
  if (type.kind === 'decimal') {
    return whole((value as bigint) * unit, 10n ** BigInt(type.scale), measure);
  }
  return isInterval && key.kind === 'bigint' ? whole(BigInt(value as number), 1n, measure) : null;
}

/**
 * The outermost whole unit that ± numerator / denominator lets in: keys are whole numbers of units,
 * so the start of a frame is rounded up and its end down.
 */
function whole(numerator: bigint, denominator: bigint, { edge, sign }: Measure): Position {
  const isOutward = (edge === 'start') === sign < 0;
  const magnitude = (isOutward ? numerator : numerator + denominator - 1n) / denominator;
  const signed = sign < 0 ? -magnitude : magnitude;
  return { at: Number(signed), exact: signed };
}
