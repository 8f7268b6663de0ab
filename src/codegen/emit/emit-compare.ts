/**
 * Comparisons: = <> < <= > >= over values that are not NULL, each pair of forms with the cheapest
 * test that has the order of functions/compare: NaN above every number and equal to itself, text
 * by its UTF-8 bytes, BIGINT against DOUBLE exactly.
 */
import { code } from '../../base/js-code.js';
import type { Code } from '../../base/js-code.js';
import { compareUtf8, equalUtf8 } from '../../columnar/text-bytes.js';
import { compareDoubles, compareText } from '../../functions/compare.js';
import { bytesOf, stringOf } from './emit-text.js';
import { withScale } from './emit-exact.js';
import { isFiniteRange } from './emitted.js';
import type { DoubleValue, Emitted, ExactValue, TextValue } from './emitted.js';
import type { KernelEmitter } from './kernel-emitter.js';

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

const COMPARISONS: ReadonlySet<string> = new Set<Comparison>(['=', '<>', '<', '<=', '>', '>=']);

export function isComparison(name: string): name is Comparison {
  return COMPARISONS.has(name);
}

const STRICT: Readonly<Record<Comparison, Code>> = {
  '=': code`===`,
  '<>': code`!==`,
  '<': code`<`,
  '<=': code`<=`,
  '>': code`>`,
  '>=': code`>=`,
};
/** For a bigint beside a number. */
const LOOSE: Readonly<Record<Comparison, Code>> = { ...STRICT, '=': code`==`, '<>': code`!=` };

const NEGATED: Readonly<Record<Comparison, Comparison>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
};

/** A boolean fragment for `a operator b`; undefined when the forms have no inline comparison. */
export function comparisonOf(
  e: KernelEmitter,
  operator: Comparison,
  a: Emitted,
  b: Emitted,
): Code | undefined {
  if (a.form === 'exact' && b.form === 'exact') return compareExact(e, operator, a, b);
  if (a.form === 'text' && b.form === 'text') return compareTexts(e, operator, a, b);
  if (a.form === 'boolean' && b.form === 'boolean') {
    return code`(${a.code} ${STRICT[operator]} ${b.code})`;
  }
  if (isNumberLike(a) && isNumberLike(b)) return compareNumbers(e, operator, a, b);
  return undefined;
}

function isNumberLike(value: Emitted): value is DoubleValue | ExactValue {
  return value.form === 'double' || (value.form === 'exact' && value.scale === 0);
}

function compareExact(e: KernelEmitter, operator: Comparison, a: ExactValue, b: ExactValue): Code {
  const scale = Math.max(a.scale, b.scale);
  const x = withScale(e, a, scale);
  const y = withScale(e, b, scale);
  const sign = (x.wide === y.wide ? STRICT : LOOSE)[operator];
  return code`(${x.code} ${sign} ${y.code})`;
}

function compareNumbers(
  e: KernelEmitter,
  operator: Comparison,
  a: DoubleValue | ExactValue,
  b: DoubleValue | ExactValue,
): Code {
  const aMayBeNaN = a.form === 'double' && !isFiniteRange(a);
  const bMayBeNaN = b.form === 'double' && !isFiniteRange(b);
  if (aMayBeNaN && bMayBeNaN) {
    const compare = e.constant('compareDoubles', compareDoubles);
    return code`(${compare}(${a.code}, ${b.code}) ${STRICT[operator]} 0)`;
  }
  const wide = (a.form === 'exact' && a.wide) || (b.form === 'exact' && b.wide);
  const signs = wide ? LOOSE : STRICT;
  // NaN makes every JavaScript comparison but !== false, and stands above all numbers in SQL.
  const aboveWins = aMayBeNaN ? ['>', '>='] : bMayBeNaN ? ['<', '<='] : [];
  if (!aboveWins.includes(operator)) return code`(${a.code} ${signs[operator]} ${b.code})`;
  return code`!(${a.code} ${signs[NEGATED[operator]]} ${b.code})`;
}

function compareTexts(e: KernelEmitter, operator: Comparison, a: TextValue, b: TextValue): Code {
  if (a.source.kind === 'utf8' || b.source.kind === 'utf8') {
    return compareBytes(e, operator, a, b);
  }
  if (operator === '=' || operator === '<>') {
    const codes = poolCodes(e, a, b);
    if (codes !== undefined) return code`(${codes[0]} ${STRICT[operator]} ${codes[1]})`;
  }
  return compareStrings(e, operator, a, b);
}

function compareStrings(e: KernelEmitter, operator: Comparison, a: TextValue, b: TextValue): Code {
  if (operator === '=' || operator === '<>') {
    return code`(${stringOf(e, a)} ${STRICT[operator]} ${stringOf(e, b)})`;
  }
  const compare = e.constant('compareText', compareText);
  return code`(${compare}(${stringOf(e, a)}, ${stringOf(e, b)}) ${STRICT[operator]} 0)`;
}

/** Both texts as pool codes, when they are such or constants. */
function poolCodes(
  e: KernelEmitter,
  a: TextValue,
  b: TextValue,
): readonly [Code, Code] | undefined {
  if (a.source.kind !== 'pool' && b.source.kind !== 'pool') return undefined;
  const codeOf = ({ source }: TextValue): Code | undefined => {
    if (source.kind === 'pool') return source.code;
    if (source.kind !== 'constant') return undefined;
    return code`${e.runtime.pool.internText(source.text)}`;
  };
  const x = codeOf(a);
  const y = codeOf(b);
  return x === undefined || y === undefined ? undefined : [x, y];
}

/** One side is a utf8 column: its bytes are compared in place where the other side has bytes. */
function compareBytes(e: KernelEmitter, operator: Comparison, a: TextValue, b: TextValue): Code {
  const x = bytesOf(e, a);
  const y = bytesOf(e, b);
  if (x === undefined || y === undefined) return compareStrings(e, operator, a, b);
  if (operator === '=' || operator === '<>') {
    const equal = code`${e.constant('equalUtf8', equalUtf8)}(${x}, ${y})`;
    return operator === '=' ? equal : code`!${equal}`;
  }
  return code`(${e.constant('compareUtf8', compareUtf8)}(${x}, ${y}) ${STRICT[operator]} 0)`;
}
