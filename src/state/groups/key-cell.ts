/**
 * Input columns inside grouping kernels: which arrays a kernel binds for a column of some kind,
 * and the fragment that turns a row into a value cell (state/values/value-cells.ts). Owns the names of
 * those arrays; loops are key-resolve and aggregate-kernel.
 */
import { assert } from '../../base/assert.js';
import type { Code } from '../../base/js-code.js';
import { code, identifier } from '../../base/js-code.js';
import type { CodeWriter } from '../../base/js-code.js';
import type { ColumnKind } from '../../columnar/column.js';

/** A column as one kernel variant takes it. */
export interface ColumnShape {
  readonly kind: ColumnKind;
  readonly nullable: boolean;
}

/** Shapes of the input columns by column number; columns that are not used have none. */
export type InputShapes = readonly (ColumnShape | undefined)[];

/** The shape of a column that the kernel reads. */
export function shapeOf(inputs: InputShapes, column: number): ColumnShape {
  const shape = inputs[column];
  assert(shape !== undefined, 'a kernel reads columns of its layout only');
  return shape;
}

export function named(prefix: string, column: number): Code {
  return identifier(`${prefix}${column}`);
}

/** Whether cells of this type and kind are the column's numbers as they stand. */
function isPlain(kind: ColumnKind): boolean {
  return kind === 'f64' || kind === 'bool';
}

/** Binds what `cellOf`, `isNullAt` and the sums need of a column: once per call, before the loop. */
export function bindColumn(writer: CodeWriter, column: number, shape: ColumnShape): void {
  const source = named('column', column);
  writer.line(code`const ${source} = batch.columns[${column}];`);
  if (shape.nullable) writer.line(code`const ${named('nulls', column)} = ${source}.nulls;`);
  if (isPlain(shape.kind)) writer.line(code`const ${named('values', column)} = ${source}.values;`);
  if (shape.kind === 'dict') {
    writer.line(code`const ${named('codes', column)} = ${source}.codes;`);
    writer.line(code`const ${named('ids', column)} = interner.idsOf(${source}.dictionary);`);
  }
}

/** Binds the 32-bit words of a 64-bit column, which exact sums read. */
export function bindWords(writer: CodeWriter, column: number): void {
  const source = named('column', column);
  writer.line(code`const ${named('words', column)} = wordsOf(${source}.values);`);
}

/** A condition that is true at a NULL row, or null where there are none. */
export function isNullAt(column: number, shape: ColumnShape): Code | null {
  return shape.nullable ? code`${named('nulls', column)}[row] === 1` : null;
}

/**
 * Statements that leave the cell of `row` in a constant called `name`. The row is not NULL, or
 * NULL gives NULL_CELL where `nulls` is true.
 */
export function cellOf(
  writer: CodeWriter,
  name: Code,
  column: number,
  shape: ColumnShape,
  nulls: boolean,
): void {
  const isNull = nulls ? isNullAt(column, shape) : null;
  if (shape.kind === 'dict') {
    const ids = named('ids', column);
    const at = code`${named('codes', column)}[row]`;
    writer.line(
      code`let ${name} = ${isNull === null ? ids : code`${isNull} ? Infinity : ${ids}`}[${at}];`,
    );
    const source = code`${named('column', column)}.dictionary`;
    writer.line(code`if (${name} < 0) ${name} = interner.internCode(${source}, ${ids}, ${at});`);
    return;
  }
  // Adding zero turns -0 into 0, which is one value with it.
  const value = isPlain(shape.kind)
    ? code`${named('values', column)}[row] + 0`
    : code`${named('codec', column)}.read(${named('column', column)}, row)`;
  writer.line(
    code`const ${name} = ${isNull === null ? value : code`${isNull} ? Infinity : ${value}`};`,
  );
}
