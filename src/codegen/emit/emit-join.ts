/**
 * One form for values that come from different branches: CASE, COALESCE, LEAST, GREATEST. Owns the
 * choice of the common form and the conversions, whose statements stand in each branch.
 */
import { code } from '../../base/js-code.js';
import type { SqlType } from '../../columnar/types.js';
import { asBigInt, withScale } from './emit-exact.js';
import { nullOf } from './emit-generic.js';
import { poolCodeOf, stringOf } from './emit-text.js';
import { hull } from './emitted.js';
import type { DoubleValue, Emitted, ExactValue, TextSource, TextValue } from './emitted.js';
import type { Branch, KernelEmitter } from './kernel-emitter.js';

/** The branches' values, in order, in one form with one shape. */
export function unified(e: KernelEmitter, branches: readonly Branch[], type: SqlType): Emitted[] {
  const form = nullOf(type).form;
  // A branch whose type is the untyped NULL has no form of its own.
  const values = branches.map(({ value }) => (value.form === form ? value : nullOf(type)));
  const convert = (each: (value: Emitted, at: number) => Emitted): Emitted[] =>
    values.map((value, at) => {
      let result = value;
      e.within(branches[at]?.body ?? e.body, () => {
        result = each(value, at);
      });
      return result;
    });
  if (form === 'exact') return unifiedExact(e, values as ExactValue[], type, convert);
  if (form === 'double') return unifiedDoubles(values as DoubleValue[], type);
  if (form === 'text') return unifiedTexts(e, values as TextValue[], convert);
  return values;
}

type Convert = (each: (value: Emitted, at: number) => Emitted) => Emitted[];

function unifiedExact(
  e: KernelEmitter,
  values: readonly ExactValue[],
  type: SqlType,
  convert: Convert,
): Emitted[] {
  const scale = Math.max(...values.map((value) => value.scale));
  const scaled = convert((value) => withScale(e, value as ExactValue, scale)) as ExactValue[];
  const wide = scaled.some((value) => value.wide);
  const range = hull(scaled.flatMap((value) => [value.low, value.high]));
  return scaled.map((value) => ({
    ...value,
    type,
    ...range,
    wide,
    code: wide ? asBigInt(e, value) : value.code,
  }));
}

function unifiedDoubles(values: readonly DoubleValue[], type: SqlType): Emitted[] {
  const low = Math.min(...values.map((value) => value.low));
  const high = Math.max(...values.map((value) => value.high));
  return values.map((value) => ({ ...value, type, low, high }));
}

/** Pool codes when every text has one without interning; else strings. */
function unifiedTexts(e: KernelEmitter, values: readonly TextValue[], convert: Convert): Emitted[] {
  const isPooled = values.every(
    ({ source }) => source.kind === 'pool' || source.kind === 'constant',
  );
  return convert((given) => {
    const value = given as TextValue;
    const source: TextSource = isPooled
      ? { kind: 'pool', code: poolCodeOf(e, value) ?? code`0` }
      : { kind: 'string', code: stringOf(e, value) };
    return { ...value, source };
  });
}
