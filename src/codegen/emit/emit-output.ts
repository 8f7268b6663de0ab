/**
 * Writing an emitted value into an output column at the current row. Owns the choice of the column
 * kind for each form; the arrays are columnar/column-builder.
 */
import { code } from '../../base/js-code.js';
import type { CodePart, Code } from '../../base/js-code.js';
import type { ColumnKind } from '../../columnar/column.js';
import { BIGINT_MAX, BIGINT_MIN } from '../../columnar/types.js';
import { assertNever } from '../../base/assert.js';
import { atTypeScale } from './emit-exact.js';
import { bytesOf, codesAt, stringOf } from './emit-text.js';
import type { Emitted, ExactValue, TextValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

/** What an output column is after the kernel ran. */
export interface OutputShape {
  readonly slot: number;
  /** 'text': the builder decides between its own dictionary and utf8. */
  readonly kind: ColumnKind | 'text';
  /** Whose dictionary the codes of a 'dict' output belong to: the pool or an input column. */
  readonly dictionary: 'pool' | number;
  /** The counter of NULLs in the kernel; null when the output has none. */
  readonly nullsSeen: Code | null;
}

export function writeOutput(e: KernelEmitter, slot: number, emitted: Emitted): OutputShape {
  const value = emitted.isNull === null ? emitted : nulled(e, slot, emitted);
  const nullsSeen = value.isNull === null ? null : nullCounter(e, slot, value.isNull);
  const shape = { slot, dictionary: 'pool', nullsSeen } as const;
  switch (value.form) {
    case 'double':
      store(e, slot, 'f64', value.code);
      return { ...shape, kind: 'f64' };
    case 'exact':
      return { ...shape, kind: storeExact(e, slot, value) };
    case 'boolean':
      store(e, slot, 'bool', code`${value.code} ? 1 : 0`);
      return { ...shape, kind: 'bool' };
    case 'text':
      return { ...shape, ...storeText(e, slot, value) };
    case 'other':
      store(e, slot, 'values', value.code);
      return { ...shape, kind: 'list' };
    default:
      return assertNever(value);
  }
}

/** The value with a name for its NULL test. */
function nulled(e: KernelEmitter, slot: number, value: Emitted): Emitted {
  if (value.isNull === null || value.isNull.text === 'true') return value;
  return { ...value, isNull: e.temp(`null_${slot}`, value.isNull) };
}

function nullCounter(e: KernelEmitter, slot: number, isNull: Code): Code {
  const seen = e.unique(`nulls_seen_${slot}`);
  const flag = e.temp(`flag_${slot}`, code`${isNull} ? 1 : 0`);
  store(e, slot, 'nulls', flag);
  e.body.line(code`${seen} |= ${flag};`);
  return seen;
}

type BuilderArray = 'nulls' | 'f64' | 'i64' | 'high' | 'low' | 'bool' | 'codes' | 'values';

const ARRAYS: Readonly<Record<BuilderArray, Code>> = {
  nulls: code`nulls`,
  f64: code`f64`,
  i64: code`i64`,
  high: code`high`,
  low: code`low`,
  bool: code`bool`,
  codes: code`codes`,
  values: code`values`,
};

function store(e: KernelEmitter, slot: number, array: BuilderArray, value: CodePart): void {
  const target = e.beforeLoop(`out_${slot}_${array}`, code`outputs[${slot}].${ARRAYS[array]}`);
  e.body.line(code`${target}[row] = ${value};`);
}

function storeExact(e: KernelEmitter, slot: number, given: ExactValue): ColumnKind {
  const value = atTypeScale(e, given);
  if (!value.wide) {
    store(e, slot, 'f64', value.code);
    return 'f64';
  }
  const { type } = value;
  // A type that may leave 64 bits always gets two words, whatever range this kernel has proven.
  const fits = type.kind === 'bigint' || (type.kind === 'decimal' && type.precision <= 18);
  if (fits || (value.low >= BIGINT_MIN && value.high <= BIGINT_MAX)) {
    store(e, slot, 'i64', value.code);
    return 'i64';
  }
  const wide = e.temp('wide', value.code);
  store(e, slot, 'high', code`${wide} >> 64n`);
  store(e, slot, 'low', code`BigInt.asUintN(64, ${wide})`);
  return 'i128';
}

function storeText(
  e: KernelEmitter,
  slot: number,
  value: TextValue,
): Pick<OutputShape, 'kind' | 'dictionary'> {
  const { source, isNull } = value;
  switch (source.kind) {
    case 'constant':
    case 'pool': {
      const entry =
        source.kind === 'pool' ? source.code : code`${e.runtime.pool.internText(source.text)}`;
      store(e, slot, 'codes', isNull === null ? entry : code`${isNull} ? 0 : ${entry}`);
      return { kind: 'dict', dictionary: 'pool' };
    }
    case 'dict':
      store(e, slot, 'codes', codesAt(e, source.column));
      return { kind: 'dict', dictionary: source.column };
    case 'utf8':
    case 'string': {
      const out = e.beforeLoop(`out_${slot}`, code`outputs[${slot}]`);
      const bytes = bytesOf(e, value);
      const put =
        bytes === undefined
          ? code`${out}.putText(row, ${stringOf(e, value)});`
          : code`${out}.putBytes(row, ${bytes});`;
      if (isNull === null) e.body.line(put);
      else e.body.line(code`if (${isNull}) ${out}.putNoText(row); else ${put}`);
      return { kind: 'text', dictionary: 'pool' };
    }
    default:
      return assertNever(source);
  }
}
