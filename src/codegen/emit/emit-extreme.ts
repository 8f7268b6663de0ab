/**
 * LEAST and GREATEST of numbers and times: NULLs are skipped, of equal values the first stays.
 * Of texts they go through the registry.
 */
import { code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { comparisonOf } from './emit-compare.js';
import { unified } from './emit-join.js';
import { both } from './emitted.js';
import type { Emitted } from './emitted.js';
import { fragmentOf } from './kernel-emitter.js';
import type { KernelEmitter } from './kernel-emitter.js';

export function emitExtreme(
  e: KernelEmitter,
  name: 'LEAST' | 'GREATEST',
  args: readonly Emitted[],
  type: SqlType,
): Emitted | undefined {
  if (args.some(({ form }) => form !== 'exact' && form !== 'double')) return undefined;
  const branches = args.map((value) => ({ body: e.body, value }));
  const [first, ...rest] = unified(e, branches, type).map((value) => e.bound(value, 'candidate'));
  const operator = name === 'LEAST' ? '<' : '>';
  let best = first;
  for (const next of rest) {
    best = best && better(e, operator, best, next);
  }
  return best;
}

/** `next` where it is better than `best` or `best` is NULL; else `best`. */
function better(
  e: KernelEmitter,
  operator: '<' | '>',
  best: Emitted,
  next: Emitted,
): Emitted | undefined {
  const wins = comparisonOf(e, operator, next, best);
  const x = fragmentOf(best);
  const y = fragmentOf(next);
  if (wins === undefined || x === null || y === null || best.form === 'text') return undefined;
  const orNull = best.isNull === null ? wins : code`(${best.isNull} || ${wins})`;
  const taken = next.isNull === null ? orNull : code`(!${next.isNull} && ${orNull})`;
  const isNull = both(best.isNull, next.isNull);
  return e.bound({ ...best, isNull, code: code`(${taken} ? ${y} : ${x})` }, 'extreme');
}
