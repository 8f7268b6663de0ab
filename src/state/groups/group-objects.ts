/**
 * Which object computes an aggregate that cells cannot hold. Owns the mapping from the call's name,
 * literals and sort keys to the options of sorted-values, value-lists, extreme-values and
 * distinct-sketch.
 */
import { assert } from '../../base/assert.js';
import type { AggregateItem, LayoutSpec } from './aggregate-layout.js';
import type { SqlValue } from '../../columnar/types.js';
import type { AggregateCall } from '../../plan/pipeline/pipeline-plan.js';
import { DistinctSketches } from '../values/distinct-sketch.js';
import { ExtremeValues } from '../values/extreme-values.js';
import type { GroupObject } from '../values/group-object.js';
import type { Interner } from '../values/interner.js';
import { exactLimits } from './result-writers.js';
import { SortedValues } from '../values/sorted-values.js';
import type { CellCodec } from '../values/value-cells.js';
import type { ListOptions } from '../values/value-lists.js';
import { ValueLists } from '../values/value-lists.js';

export function newGroupObject(
  item: AggregateItem,
  spec: LayoutSpec,
  codecs: ReadonlyMap<number, CellCodec>,
  interner: Interner,
): GroupObject {
  const { call } = item;
  const codecAt = (column: number): CellCodec => {
    const found = codecs.get(column);
    assert(found !== undefined, 'every column of the layout has a codec');
    return found;
  };
  const codec = codecAt(item.column);
  const list = (result: ListOptions['result']): GroupObject => {
    const orderCodecs = call.orderBy.map((key) => codecAt(key.column));
    const separator = new TextEncoder().encode(separatorOf(call));
    const { distinct, orderBy } = call;
    const retracts = spec.inputRetracts;
    const options = { result, separator, orderBy, orderCodecs, distinct, retracts };
    return new ValueLists(codec, options, interner);
  };
  const percentile = (fraction: number, continuous: boolean): GroupObject =>
    new SortedValues(codec, {
      fraction,
      continuous,
      descending: call.orderBy[0]?.descending === true,
      numeric: codec.ids === 'never',
    });
  switch (call.function) {
    case 'MIN':
      return new ExtremeValues(codec, 'min', 0n);
    case 'MAX':
      return new ExtremeValues(codec, 'max', 0n);
    case 'DELTA':
      return new ExtremeValues(codec, 'delta', exactLimits(call.type).max);
    case 'APPROX_COUNT_DISTINCT':
      return new DistinctSketches(codec, item.column);
    case 'FIRST_VALUE':
      return list('first');
    case 'LAST_VALUE':
      return list('last');
    case 'LISTAGG':
      return list('text');
    case 'COLLECT':
    case 'ARRAY_AGG':
      return list('array');
    case 'MEDIAN':
      return percentile(0.5, true);
    case 'PERCENTILE_CONT':
      return percentile(fractionOf(call), true);
    case 'PERCENTILE_DISC':
      return percentile(fractionOf(call), false);
    default:
      assert(false, `${call.function} is an aggregate that state knows`);
  }
}

function separatorOf(call: AggregateCall): string {
  const literal = call.literals[0];
  return typeof literal === 'string' ? literal : ',';
}

function fractionOf(call: AggregateCall): number {
  const literal: SqlValue | undefined = call.literals[0];
  assert(typeof literal === 'number', 'a percentile has a DOUBLE literal');
  return literal;
}
