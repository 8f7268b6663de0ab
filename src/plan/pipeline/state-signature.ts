/**
 * State signatures: a text per stateful operator that changes exactly when its state would no
 * longer mean the same: keys, aggregates, their types, the window and the format. In terms of
 * source columns, so that aliases, sinks, batch sizes and worker counts leave it alone.
 */
import { typeText } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import type { valueText } from '../expression/expression-text.js';
import type { BoundExpression } from '../expression/expression.js';
import type { LogicalSortKey } from '../logical/logical-plan.js';
import type { FrameSpec, WindowSpec } from '../window-spec.js';
import type { InputColumns } from './pipeline-build.js';

/** Version of the state's layout; raised when any operator writes another one. */
const FORMAT = 'v1';

export interface SignedCall {
  readonly function: string;
  readonly args: readonly BoundExpression[];
  readonly literals: readonly (BoundExpression | Parameters<typeof valueText>[0])[];
  readonly filter: BoundExpression | null;
  readonly distinct: boolean;
  readonly orderBy?: readonly LogicalSortKey[];
  readonly frame?: FrameSpec | null;
  readonly type: SqlType;
}

export function signature(
  kind: string,
  parts: Readonly<Record<string, readonly string[]>>,
): string {
  const texts = Object.entries(parts)
    .filter(([, values]) => values.length > 0)
    .map(([label, values]) => `${label}(${values.join(', ')})`);
  return [`${kind} ${FORMAT}`, ...texts].join(' ');
}

export function signedKeys(
  columns: InputColumns,
  keys: readonly BoundExpression[],
): readonly string[] {
  return keys.map((key) => `${columns.lineage(key)} ${typeText(key.type)}`);
}

export function signedOrder(
  columns: InputColumns,
  keys: readonly LogicalSortKey[],
): readonly string[] {
  return keys.map(({ expression, descending, nullsFirst }) => {
    const direction = descending ? ' DESC' : '';
    const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
    return `${columns.lineage(expression)} ${typeText(expression.type)}${direction}${nulls}`;
  });
}

/** `SUM(price * quantity) of(DOUBLE) DOUBLE`. */
export function signedCall(columns: InputColumns, call: SignedCall): string {
  const types = call.args.map((argument) => typeText(argument.type));
  const of = types.length === 0 ? [] : [`of(${types.join(', ')})`];
  return [callText(columns, call), ...of, typeText(call.type)].join(' ');
}

/** `SUM(price * quantity)`: the call in terms of source columns. */
export function callText(columns: InputColumns, call: SignedCall): string {
  const args = call.args.map((argument) => columns.lineage(argument));
  const inside = [...args, ...call.literals.map(literalText)].join(', ');
  const star = call.function === 'COUNT' && inside === '' ? '*' : inside;
  const order = signedOrder(columns, call.orderBy ?? []);
  return [
    `${call.function}(${call.distinct ? 'DISTINCT ' : ''}${star})`,
    ...(order.length === 0 ? [] : [`ORDER BY ${order.join(', ')}`]),
    ...(call.filter === null ? [] : [`FILTER ${columns.lineage(call.filter)}`]),
    ...(call.frame == null ? [] : [frameText(call.frame)]),
  ].join(' ');
}

function literalText(value: SignedCall['literals'][number]): string {
  if (typeof value === 'bigint') return value.toString();
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}

export function frameText(frame: FrameSpec): string {
  const bound = (distance: number, before: string, after: string): string => {
    if (distance === 0) return 'CURRENT ROW';
    const side = distance > 0 ? before : after;
    return Number.isFinite(distance) ? `${Math.abs(distance)} ${side}` : `UNBOUNDED ${side}`;
  };
  const start = bound(frame.preceding, 'PRECEDING', 'FOLLOWING');
  const end = bound(frame.following, 'FOLLOWING', 'PRECEDING');
  return `${frame.unit.toUpperCase()} BETWEEN ${start} AND ${end}`;
}

/** `tumbling 60000 ms`. */
export function windowText(window: WindowSpec): string {
  switch (window.kind) {
    case 'tumbling':
      return `tumbling ${window.sizeMs} ms`;
    case 'hopping':
      return `hopping ${window.sizeMs} ms every ${window.advanceMs} ms`;
    case 'cumulate':
      return `cumulate ${window.sizeMs} ms by ${window.stepMs} ms`;
    case 'session':
      return `session gap ${window.gapMs} ms`;
  }
}
