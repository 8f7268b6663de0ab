/**
 * The part of a grouping kernel that writes a group's result row. Owns the fragments per result
 * column: keys, window bounds, aggregates. In scope: `cells`, `base`, `slot`, `results`, the result
 * arrays bound by `bindResults`, and the row to write at.
 *
 * `failed` names the first aggregate out of range, plus one; `widened` says that a result column
 * had to change its kind, so that its array here is no longer the column's and the kernel must end.
 */
import type { Code, CodeWriter } from '../../base/js-code.js';
import { code } from '../../base/js-code.js';
import { NARROW_MAX } from '../../columnar/column.js';
import type { ColumnKind } from '../../columnar/column.js';
import { isExact, NULL_TYPE } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import type { AggregateItem, AggregateLayout, Lane } from './aggregate-layout.js';
import { named } from './key-cell.js';

export interface EmitShape {
  /** Kinds of the result columns. */
  readonly results: readonly ColumnKind[];
}

export interface EmitOptions {
  /** Fragment of the row written; a name or a sum in parentheses. */
  readonly at: Code;
  /** Rows of the result columns that hold values once this row does. */
  readonly valid: Code;
  /** Lanes whose results cannot be NULL here. */
  readonly certain: (lane: Lane) => boolean;
}

/** Binds the arrays of the result columns. */
export function bindResults(writer: CodeWriter, shape: EmitShape): void {
  shape.results.forEach((kind, column) => {
    const source = code`results.columns[${column}]`;
    if (kind === 'f64' || kind === 'bool') {
      writer.line(code`const ${named('result', column)} = ${source}.values;`);
    } else if (kind === 'dict') {
      writer.line(code`const ${named('result', column)} = ${source}.codes;`);
    }
  });
}

export function writeKeys(
  writer: CodeWriter,
  layout: AggregateLayout,
  shape: EmitShape,
  options: EmitOptions,
): void {
  layout.spec.keys.forEach((key, column) => {
    const type = layout.spec.inputTypes[key] ?? NULL_TYPE;
    writer.open(code``);
    writer.line(code`const cell = cells[base + ${column}];`);
    writer.open(code`if (cell === Infinity)`);
    writer.line(code`results.setNull(${column}, ${options.at});`);
    writer.between(code`else`);
    writeCell(writer, code`cell`, { column, type, codec: named('codec', key) }, shape, options);
    writer.close();
    writer.close();
  });
  if (!layout.spec.windowColumns) return;
  const start = layout.spec.keys.length;
  writer.line(code`${named('result', start)}[${options.at}] = results.windowStart;`);
  writer.line(code`${named('result', start + 1)}[${options.at}] = results.windowEnd;`);
}

interface CellTarget {
  readonly column: number;
  readonly type: SqlType;
  readonly codec: Code;
}

/** A value cell that is not NULL into a result column. */
function writeCell(
  writer: CodeWriter,
  cell: Code,
  target: CellTarget,
  shape: EmitShape,
  options: EmitOptions,
): void {
  const kind = shape.results[target.column];
  const direct = code`${named('result', target.column)}[${options.at}] = ${cell};`;
  if (kind === 'dict' || kind === 'bool' || (kind === 'f64' && !isExact(target.type))) {
    writer.line(direct);
    return;
  }
  const narrow = code`${cell} >= ${-NARROW_MAX} && ${cell} <= ${NARROW_MAX}`;
  if (kind === 'f64') {
    writer.line(code`if (${narrow}) ${direct}`);
    writer.open(code`else`);
  }
  writer.line(code`results.rowCount = ${options.valid};`);
  const written = code`${target.codec}.write(results, ${target.column}, ${options.at}, ${cell})`;
  writer.line(code`if (${written}) widened = true;`);
  if (kind === 'f64') writer.close();
}

export function writeItems(
  writer: CodeWriter,
  layout: AggregateLayout,
  shape: EmitShape,
  options: EmitOptions,
): void {
  layout.lanes.forEach((lane, index) => {
    const items = layout.items.filter((item) => item.lane === index);
    const count =
      lane.counting === 'rows'
        ? code`cells[base + ${layout.rowsCell}]`
        : lane.counting === 'counted'
          ? code`cells[base + ${lane.cell}]`
          : code`cells[base + ${layout.rowsCell}] - cells[base + ${lane.cell}]`;
    writer.open(code``);
    writer.line(code`const count = ${count};`);
    const nullable = items.filter((item) => !isNeverNull(item));
    for (const item of items) {
      const column = layout.firstResult + item.index;
      if (isNeverNull(item)) writeItem(writer, item, column, shape, options);
    }
    if (nullable.length > 0) {
      const branches = !options.certain(lane);
      if (branches) {
        writer.open(code`if (count === 0)`);
        for (const item of nullable) {
          writer.line(code`results.setNull(${layout.firstResult + item.index}, ${options.at});`);
        }
        writer.between(code`else`);
      }
      for (const item of nullable) {
        writer.open(code``);
        writeItem(writer, item, layout.firstResult + item.index, shape, options);
        writer.close();
      }
      if (branches) writer.close();
    }
    writer.close();
  });
}

function isNeverNull(item: AggregateItem): boolean {
  if (item.kind === 'object') return item.call.function === 'APPROX_COUNT_DISTINCT';
  return item.kind === 'count';
}

function writeItem(
  writer: CodeWriter,
  item: AggregateItem,
  column: number,
  shape: EmitShape,
  options: EmitOptions,
): void {
  const at = code`base + ${item.at}`;
  const result = code`${named('result', column)}[${options.at}]`;
  switch (item.kind) {
    case 'count':
      writer.line(code`${result} = count;`);
      return;
    case 'sum-double': {
      const sum = code`cells[${at}] + cells[base + ${item.at + 1}]`;
      const value = item.average ? code`(${sum}) / count` : sum;
      writeDouble(writer, item, value, result);
      return;
    }
    case 'sum-exact':
      writeExactSum(writer, item, column, shape, options);
      return;
    case 'extreme':
    case 'pick': {
      const target = { column, type: item.call.type, codec: named('codec', item.column) };
      writer.line(code`const cell = cells[${at}];`);
      writeCell(writer, code`cell`, target, shape, options);
      return;
    }
    case 'delta': {
      const codec = named('codec', item.column);
      writeCall(
        writer,
        item,
        options,
        code`writeDelta(results, ${column}, ${options.at}, cells, ${at}, ${codec})`,
      );
      return;
    }
    case 'moments':
    case 'pairs': {
      const name = named('statistic', item.index);
      writeCall(
        writer,
        item,
        options,
        code`${name}(results, ${column}, ${options.at}, cells, ${at}, count)`,
      );
      return;
    }
    case 'object': {
      const object = named('object', item.object);
      writeCall(
        writer,
        item,
        options,
        code`${object}.write(slot, results, ${column}, ${options.at})`,
      );
    }
  }
}

function writeDouble(writer: CodeWriter, item: AggregateItem, value: Code, result: Code): void {
  writer.line(code`const value = ${value};`);
  writer.line(code`${result} = value;`);
  // NaN compares false, too.
  const isFinite = code`value >= ${-Number.MAX_VALUE} && value <= ${Number.MAX_VALUE}`;
  writer.line(code`if (!(${isFinite})) failed = ${item.index + 1};`);
}

/** A result written by a function that says WRITTEN, WIDENED or FAILED. */
function writeCall(
  writer: CodeWriter,
  item: AggregateItem,
  options: EmitOptions,
  call: Code,
): void {
  writer.line(code`results.rowCount = ${options.valid};`);
  writer.line(code`const outcome = ${call};`);
  writer.line(code`if (outcome === 1) widened = true;`);
  writer.line(code`else if (outcome === 2) failed = ${item.index + 1};`);
}

function writeExactSum(
  writer: CodeWriter,
  item: AggregateItem & { readonly kind: 'sum-exact' },
  column: number,
  shape: EmitShape,
  options: EmitOptions,
): void {
  const at = code`base + ${item.at}`;
  const result = code`${named('result', column)}[${options.at}]`;
  const write = named('sum', item.index);
  const call = code`${write}(results, ${column}, ${options.at}, cells, ${at}, count)`;
  const decimalAverage = item.average && item.call.type.kind === 'decimal';
  if (decimalAverage || shape.results[column] !== 'f64') {
    writeCall(writer, item, options, call);
    return;
  }
  const narrow = item.wide
    ? code`cells[base + ${item.at + 1}] === 0 && cells[base + ${item.at + 2}] === 0`
    : code`cells[base + ${item.at + 1}] === 0`;
  writer.open(code`if (${narrow})`);
  writer.line(code`${result} = ${item.average ? code`cells[${at}] / count` : code`cells[${at}]`};`);
  writer.between(code`else`);
  writeCall(writer, item, options, call);
  writer.close();
}
