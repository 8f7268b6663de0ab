/**
 * WHERE, computed columns, projections, HAVING: a CalcProgram (codegen) with what rows mean around
 * it. Owns the report of failed rows, the output's selection and the row kinds of update pairs
 * that a filter splits; the values are the program's. Stateless. @hot
 *
 * The output batch is row-aligned with the input and handed on even when no row is left, because
 * operators behind it may need the header and the event times of rejected rows.
 */
import {
  OP_DELETE,
  OP_INSERT,
  OP_UPDATE_AFTER,
  OP_UPDATE_BEFORE,
  emptyHeader,
  newBatch,
} from '../../columnar/batch.js';
import type { Batch } from '../../columnar/batch.js';
import type { SqlType } from '../../columnar/types.js';
import { CalcProgram } from '../../codegen/calc/calc-program.js';
import type { BoundExpression } from '../../plan/expression/expression.js';
import type { StateReader, StateWriter } from '../../state/snapshot.js';
import type { Operator, OperatorContext, RecordErrors } from '../operator.js';

export interface CalcSpec {
  readonly id: string;
  readonly inputTypes: readonly SqlType[];
  readonly filter: BoundExpression | null;
  readonly projections: readonly BoundExpression[];
  /** Projections computed for rows that the filter or the input's selection rejects, too. */
  readonly evaluateRejected?: readonly number[];
  /** Its filter is asked of records of a source: those that it rejects are counted. */
  readonly countsRejected?: boolean;
}

export class Calc {
  private readonly program: CalcProgram;
  private readonly errors: RecordErrors;
  private readonly output: Batch;
  private failed = new Uint8Array(0);
  private selection = new Int32Array(0);
  private ops = new Uint8Array(0);

  constructor(spec: CalcSpec, errors: RecordErrors) {
    this.program = new CalcProgram({
      name: `calc-${spec.id}`,
      inputTypes: spec.inputTypes,
      filter: spec.filter,
      projections: spec.projections,
      evaluateRejected: spec.evaluateRejected ?? [],
    });
    this.errors = errors;
    this.output = newBatch(this.program.columns, emptyHeader(spec.id));
  }

  /** Rows that the last run failed for. */
  get failures(): number {
    return this.program.failureCount;
  }

  /** The output batch; it and its arrays are valid until the next run. */
  run(input: Batch): Batch {
    const { program, output } = this;
    program.run(input);
    output.rowCount = input.rowCount;
    output.header = input.header;
    output.origins = input.origins;
    output.rowWatermarks = input.rowWatermarks;
    output.failed = input.failed;
    output.ops = input.ops;
    if (program.failureCount > 0) this.markFailures(input);
    this.select(input);
    if (output.ops !== null && output.selectedCount < input.selectedCount) {
      this.mendPairs(input, output.ops);
    }
    if (program.failureCount > 0) this.reportFailures(input);
    return output;
  }

  /** Adds this run's failures to those of the input. */
  private markFailures(input: Batch): void {
    const { rowCount } = input;
    if (this.failed.length < rowCount) this.failed = new Uint8Array(rowCount);
    const { failed } = this;
    const { failAt } = this.program;
    for (let row = 0; row < rowCount; row += 1) {
      const before = input.failed === null ? 0 : input.failed[row]!;
      failed[row] = failAt[row] === 0 ? before : 1;
    }
    this.output.failed = failed;
  }

  /** The rows that exist behind the calc. */
  private select(input: Batch): void {
    const { program, output } = this;
    const filtered = program.hasFilter;
    const rows = filtered ? program.passing : input.selection;
    const count = filtered ? program.passedCount : input.selectedCount;
    if (program.failureCount > 0) {
      this.selectUnfailed(rows, count);
      return;
    }
    const keepsAll = count === input.selectedCount;
    output.selection = keepsAll ? input.selection : rows;
    output.selectedCount = count;
  }

  /** Of `rows` those that did not fail. */
  private selectUnfailed(rows: Int32Array | null, count: number): void {
    if (this.selection.length < count) this.selection = new Int32Array(count);
    const { selection } = this;
    const { failAt } = this.program;
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      const row = rows === null ? index : rows[index]!;
      if (failAt[row] !== 0) continue;
      selection[kept] = row;
      kept += 1;
    }
    this.output.selection = selection;
    this.output.selectedCount = kept;
  }

  /**
   * The changelog of a filter (HAVING): of an adjacent (-U, +U) pair only one row may have passed;
   * what is left then is a -D or a +I.
   */
  private mendPairs(input: Batch, before: Uint8Array): void {
    const { selection, rowCount } = input;
    if (this.ops.length < rowCount) this.ops = new Uint8Array(rowCount);
    const { ops, output } = this;
    ops.set(before.subarray(0, rowCount));
    const passing = output.selection;
    let at = 0;
    let retracted = -1;
    let retractedPassed = false;
    for (let index = 0; index < input.selectedCount; index += 1) {
      const row = selection === null ? index : selection[index]!;
      const passed = passing === null || (at < output.selectedCount && passing[at] === row);
      if (passed) at += 1;
      const op = before[row]!;
      if (op === OP_UPDATE_AFTER && retracted >= 0) {
        if (passed && !retractedPassed) ops[row] = OP_INSERT;
        if (!passed && retractedPassed) ops[retracted] = OP_DELETE;
      }
      retracted = op === OP_UPDATE_BEFORE ? row : -1;
      retractedPassed = passed;
    }
    output.ops = ops;
  }

  /** In row order; may throw, when the job fails at the first bad record. */
  private reportFailures(input: Batch): void {
    const { program } = this;
    const failures: {
      readonly row: number;
      readonly failure: ReturnType<typeof program.failureOf>;
    }[] = [];
    for (let row = 0; row < input.rowCount; row += 1) {
      if (program.failAt[row] !== 0) failures.push({ row, failure: program.failureOf(row) });
    }
    program.clearFailures();
    for (const { row, failure } of failures) {
      const source = input.origins === null ? row : input.origins[row]!;
      this.errors.recordFailed(input.header, source, failure);
    }
  }
}

export class CalcOperator implements Operator {
  readonly id: string;
  private readonly calc: Calc;
  private readonly context: OperatorContext;
  private readonly countsRejected: boolean;

  constructor(spec: CalcSpec, context: OperatorContext) {
    this.id = spec.id;
    this.calc = new Calc(spec, context.errors);
    this.context = context;
    this.countsRejected = spec.countsRejected === true;
  }

  process(_input: number, batch: Batch): void {
    if (batch.rowCount === 0) return;
    const { selectedCount } = batch;
    const output = this.calc.run(batch);
    if (this.countsRejected) {
      const rejected = selectedCount - output.selectedCount - this.calc.failures;
      if (rejected > 0) this.context.counters.rejected += rejected;
    }
    this.context.output.emit(output);
  }

  watermark(_input: number, watermarkMs: number): void {
    this.context.output.watermark(watermarkMs);
  }

  end(): void {
    // The processor ends the next operator; nothing is held back here.
  }

  snapshot(_writer: StateWriter): void {
    // Stateless.
  }

  restore(_reader: StateReader): void {
    // Stateless.
  }

  stateSize(): { readonly rows: number; readonly bytes: number } {
    return { rows: 0, bytes: 0 };
  }
}
