/**
 * The part of a grouping kernel that adds a row to its group's cells. Owns the fragments per
 * aggregate and lane; the loop around them is aggregate-kernel, the cells' plan aggregate-layout.
 * In scope: `cells`, `base`, `slot`, `row`, `batch`, and `sign` where rows can be taken back.
 */
import type { Code, CodePart, CodeWriter } from '../../base/js-code.js';
import { code, joined } from '../../base/js-code.js';
import { NARROW_MAX } from '../../columnar/column.js';
import { SUM_CELLS } from '../sums/moments.js';
import { keepsNulls } from '../../functions/aggregate-functions.js';
import type { AggregateItem, AggregateLayout, Lane } from './aggregate-layout.js';
import type { ColumnShape, InputShapes } from './key-cell.js';
import { cellOf, isNullAt, named, shapeOf } from './key-cell.js';

export interface UpdateShape {
  readonly inputs: InputShapes;
  /** Whether rows carry a sign. */
  readonly signed: boolean;
}

/** Wide integers have cells from here on (state/values/value-cells). */
const WIDE_CELL = 2 ** 60;

/** What must hold for a row to count in a lane; null if every row does. */
export function laneCondition(lane: Lane, inputs: InputShapes): Code | null {
  const conditions: Code[] = [];
  if (lane.filter !== null) {
    const shape = shapeOf(inputs, lane.filter);
    const isNull = isNullAt(lane.filter, shape);
    if (isNull !== null) conditions.push(code`!(${isNull})`);
    conditions.push(code`${named('values', lane.filter)}[row] === 1`);
  }
  for (const arg of lane.args) {
    const isNull = isNullAt(arg, shapeOf(inputs, arg));
    if (isNull !== null) conditions.push(code`!(${isNull})`);
  }
  return conditions.length === 0 ? null : joined(conditions, ' && ');
}

/** Whether every row of this shape adds to the lane: then its results are not NULL. */
export function isCertain(lane: Lane, shape: UpdateShape): boolean {
  return !shape.signed && lane.table === null && laneCondition(lane, shape.inputs) === null;
}

export function writeUpdate(writer: CodeWriter, layout: AggregateLayout, shape: UpdateShape): void {
  writer.line(code`cells[base + ${layout.rowsCell}] += ${shape.signed ? code`sign` : 1};`);
  layout.lanes.forEach((lane, index) => {
    const items = layout.items.filter((item) => item.lane === index);
    const condition = laneCondition(lane, shape.inputs);
    const counts = lane.table === null && items.every((item) => item.kind === 'count');
    if (counts && condition === null) return;
    if (condition !== null) writer.open(code`if (${condition})`);
    else if (lane.table !== null) writer.open(code``);
    if (lane.table === null) writeItems(writer, items, shape, shape.signed ? code`sign` : null);
    else writeDistinct(writer, items, { lane, column: layout.tables[lane.table]?.column }, shape);
    if (condition !== null && lane.counting === 'skipped') {
      writer.between(code`else`);
      writer.line(code`cells[base + ${lane.cell}] += ${shape.signed ? code`sign` : 1};`);
    }
    if (condition !== null || lane.table !== null) writer.close();
  });
}

/** A value counts when it is the first of its kind, and leaves with the last. */
function writeDistinct(
  writer: CodeWriter,
  items: readonly AggregateItem[],
  { lane, column }: { readonly lane: Lane; readonly column: number | undefined },
  shape: UpdateShape,
): void {
  if (column === undefined || lane.table === null) return;
  const nulls = !lane.args.includes(column);
  cellOf(writer, code`value`, column, shapeOf(shape.inputs, column), nulls);
  const sign = shape.signed ? code`sign` : 1;
  writer.line(code`const change = ${named('table', lane.table)}.add(slot, value, ${sign});`);
  writer.open(code`if (change !== 0)`);
  writer.line(code`cells[base + ${lane.cell}] += change;`);
  writeItems(writer, items, shape, code`change`);
  writer.close();
}

/** `sign`: the fragment that is 1 or -1; null where it is always 1. */
function writeItems(
  writer: CodeWriter,
  items: readonly AggregateItem[],
  shape: UpdateShape,
  sign: Code | null,
): void {
  for (const item of items) {
    if (item.kind === 'count') continue;
    writer.open(code``);
    writeItem(writer, item, shapeOf(shape.inputs, item.column), shape, sign);
    writer.close();
  }
}

function writeItem(
  writer: CodeWriter,
  item: AggregateItem,
  input: ColumnShape,
  shape: UpdateShape,
  sign: Code | null,
): void {
  const at = code`base + ${item.at}`;
  switch (item.kind) {
    case 'count':
      return;
    case 'sum-double':
      writeDoubleSum(
        writer,
        item.at,
        signedValue(code`${named('values', item.column)}[row]`, sign),
      );
      return;
    case 'sum-exact':
      writeExactSum(writer, at, item, input, sign);
      return;
    case 'extreme':
      writeExtreme(writer, at, item, input, item.greatest);
      return;
    case 'delta':
      writeExtreme(writer, at, item, input, false);
      writer.open(code``);
      writeExtreme(writer, code`base + ${item.at + 1}`, item, input, true);
      writer.close();
      return;
    case 'pick':
      if (!item.last) writer.open(code`if (cells[${at}] === Infinity)`);
      cellOf(writer, code`picked`, item.column, input, false);
      writer.line(code`cells[${at}] = picked;`);
      if (!item.last) writer.close();
      return;
    case 'moments': {
      const column = named('column', item.column);
      writer.line(
        input.kind === 'f64' && item.size === SUM_CELLS
          ? code`addMoments(cells, ${at}, ${named('values', item.column)}[row], ${sign ?? 1});`
          : code`addColumnMoments(cells, ${at}, ${item.size}, ${column}, row, ${sign ?? 1});`,
      );
      return;
    }
    case 'pairs': {
      writePairs(writer, item, [input, shapeOf(shape.inputs, item.other)], sign);
      return;
    }
    case 'object':
      writeObject(writer, item, input, sign);
  }
}

function writePairs(
  writer: CodeWriter,
  item: AggregateItem & { readonly kind: 'pairs' },
  inputs: readonly ColumnShape[],
  sign: Code | null,
): void {
  const at = code`base + ${item.at}`;
  if (item.size === SUM_CELLS && inputs.every(({ kind }) => kind === 'f64')) {
    const y = code`${named('values', item.column)}[row]`;
    const x = code`${named('values', item.other)}[row]`;
    writer.line(code`addPairMoments(cells, ${at}, ${y}, ${x}, ${sign ?? 1});`);
    return;
  }
  const columns = code`${named('column', item.column)}, ${named('column', item.other)}`;
  writer.line(
    code`addColumnPairMoments(cells, ${at}, ${item.size}, ${columns}, row, ${sign ?? 1});`,
  );
}

function signedValue(value: Code, sign: Code | null): Code {
  return sign === null ? value : code`${sign} * ${value}`;
}

/** TwoSum into a pair of cells (state/sums/double-double). */
function writeDoubleSum(writer: CodeWriter, cell: number, value: Code): void {
  writer.line(code`const value = ${value};`);
  writer.line(code`const before = cells[base + ${cell}];`);
  writer.line(code`const after = before + value;`);
  writer.line(code`const part = after - before;`);
  writer.line(code`cells[base + ${cell}] = after;`);
  writer.line(code`cells[base + ${cell + 1}] += before - (after - part) + (value - part);`);
}

function writeExactSum(
  writer: CodeWriter,
  at: Code,
  item: AggregateItem & { readonly kind: 'sum-exact' },
  input: ColumnShape,
  sign: Code | null,
): void {
  const column = named('column', item.column);
  if (input.kind === 'i64') {
    const words = named('words', item.column);
    writer.line(code`addWords(cells, ${at}, ${words}, row, ${sign ?? 1});`);
    return;
  }
  if (input.kind !== 'f64') {
    writer.line(code`addInteger(cells, ${at}, ${column}, row, ${sign ?? 1}, ${item.wide});`);
    return;
  }
  writer.line(
    code`const value = ${signedValue(code`${named('values', item.column)}[row]`, sign)};`,
  );
  writer.line(code`const sum = cells[${at}] + value;`);
  writer.line(code`if (sum >= ${-NARROW_MAX} && sum <= ${NARROW_MAX}) cells[${at}] = sum;`);
  writer.line(code`else spill(cells, ${at}, value);`);
}

function writeExtreme(
  writer: CodeWriter,
  at: Code,
  item: AggregateItem,
  input: ColumnShape,
  greatest: boolean,
): void {
  const direction: CodePart = greatest ? -1 : 1;
  if (item.columnType.kind === 'varchar' && input.kind === 'utf8') {
    const column = named('column', item.column);
    writer.line(code`extremeText(interner, cells, ${at}, ${column}, row, ${direction});`);
    return;
  }
  cellOf(writer, code`value`, item.column, input, false);
  writer.line(code`const best = cells[${at}];`);
  const codec = named('codec', item.column);
  if (item.columnType.kind === 'varchar') {
    const order = code`${direction} * ${codec}.compare(value, best) < 0`;
    writer.line(code`if (best === Infinity || (value !== best && ${order})) cells[${at}] = value;`);
    return;
  }
  const better = greatest ? code`value > best` : code`value < best`;
  if (item.columnType.kind !== 'bigint' && item.columnType.kind !== 'decimal') {
    writer.line(code`if (${better}) cells[${at}] = value;`);
    return;
  }
  // A wide integer's cell says nothing of its order: those go through the codec.
  const wide = code`value >= ${WIDE_CELL} || (best >= ${WIDE_CELL} && best !== Infinity)`;
  writer.line(code`if (${wide}) extremeCell(${codec}, cells, ${at}, value, ${direction});`);
  writer.line(code`else if (${better}) cells[${at}] = value;`);
}

function writeObject(
  writer: CodeWriter,
  item: AggregateItem & { readonly kind: 'object' },
  input: ColumnShape,
  sign: Code | null,
): void {
  const object = named('object', item.object);
  if (item.call.function === 'APPROX_COUNT_DISTINCT') {
    writer.line(code`${object}.add(slot, 0, 1, batch, row);`);
    return;
  }
  cellOf(writer, code`listed`, item.column, input, keepsNulls(item.call.function));
  writer.line(code`${object}.add(slot, listed, ${sign ?? 1}, batch, row);`);
}
