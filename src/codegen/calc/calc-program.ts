/**
 * A calc's expressions as running code. Owns the choice of the kernel variant for a batch (input
 * kinds, NULLs, selection, narrow or wide), the cache of variants, the output columns and the
 * second run of a batch whose narrow kernel gave up. Reporting failures, selections and row kinds
 * is runtime/operators/calc.
 */
import { assert } from '../../base/assert.js';
import type { Batch } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import { ColumnBuilder } from '../../columnar/column-builder.js';
import type { SqlType } from '../../columnar/types.js';
import type { BoundExpression } from '../../plan/expression/expression.js';
import { compileKernel } from './calc-kernel.js';
import type { CalcKernel, Projection } from './calc-kernel.js';
import { CalcRuntime } from '../memo/calc-runtime.js';
import type { KernelFailure } from '../memo/memo-site.js';
import { DYNAMIC_FAILURE } from '../memo/calc-runtime.js';
import type { OutputShape } from '../emit/emit-output.js';
import { BAILED } from '../emit/kernel-emitter.js';
import type { InputShape } from '../emit/kernel-emitter.js';
import { planOutputs } from './output-plan.js';
import type { OutputPlan } from './output-plan.js';

export interface CalcProgramSpec {
  readonly name: string;
  readonly inputTypes: readonly SqlType[];
  readonly filter: BoundExpression | null;
  readonly projections: readonly BoundExpression[];
  readonly evaluateRejected: readonly number[];
}

interface Variant {
  readonly shapes: readonly InputShape[];
  readonly hasSelection: boolean;
  readonly mode: 'narrow' | 'wide';
  readonly kernels: readonly CalcKernel[];
}

/** Variants kept; a calc has a handful, and a new one is only a compilation away. */
const VARIANTS_MAX = 64;
/** At most so many batches go straight to the wide kernel after a narrow one gave up. */
const WIDE_BATCHES_MAX = 256;

export class CalcProgram {
  /** The output columns of the last run, in projection order. */
  readonly columns: Column[];
  /** Rows that passed the filter in the last run; only `passedCount` of them count. */
  passing: Int32Array = new Int32Array(0);
  passedCount = 0;
  /** Physical rows with failures of the last run, unless it is 0. */
  failureCount = 0;
  /** Site of each row's failure; `failureOf` tells more, `clearFailures` must follow. */
  failAt: Int32Array = new Int32Array(0);
  private readonly spec: CalcProgramSpec;
  private readonly runtime = new CalcRuntime();
  private readonly plan: OutputPlan;
  private readonly builders: ColumnBuilder[];
  private readonly nullable: boolean[];
  private readonly report: Int32Array;
  private readonly nullsSeen: Uint8Array;
  private readonly dynamicFailures = new Map<number, KernelFailure | null>();
  private noNulls = new Uint8Array(0);
  private variants: Variant[] = [];
  private current: Variant | null = null;
  private wideBatches = 0;
  private penalty = 1;

  constructor(spec: CalcProgramSpec) {
    this.spec = spec;
    this.plan = planOutputs(spec);
    this.columns = [];
    this.builders = this.plan.computed.map(() => new ColumnBuilder());
    this.nullable = spec.inputTypes.map(() => false);
    this.report = new Int32Array(this.builders.length + 1);
    this.nullsSeen = new Uint8Array(this.builders.length);
  }

  get hasFilter(): boolean {
    return this.spec.filter !== null;
  }

  /** Computes the columns for a batch; they and `passing` are valid until the next run. */
  run(input: Batch): void {
    const { rowCount } = input;
    this.runtime.context.nowMs = input.header.ingestTimeMs;
    this.failureCount = 0;
    if (this.failAt.length < rowCount) this.grow(rowCount);
    if (this.plan.needsKernel) this.runKernels(input);
    this.plan.outputs.forEach((output, at) => {
      if (output.kind === 'column') this.columns[at] = columnAt(input, output.index);
      else if (output.kind === 'constant') this.columns[at] = output.constant.column(rowCount);
    });
  }

  /** Why a row failed; `failAt[row]` is not 0. */
  failureOf(row: number): KernelFailure {
    const site = this.failAt[row];
    assert(site !== undefined && site !== 0, 'the row failed');
    const known = site === DYNAMIC_FAILURE ? this.dynamicFailures.get(row) : undefined;
    return known ?? this.runtime.failureAt(site);
  }

  clearFailures(): void {
    this.failAt.fill(0);
    this.dynamicFailures.clear();
  }

  private grow(rows: number): void {
    this.failAt = new Int32Array(rows);
    this.passing = new Int32Array(rows);
    this.noNulls = new Uint8Array(rows);
  }

  private runKernels(input: Batch): void {
    const startsWide = this.wideBatches > 0;
    let variant = this.variantFor(input, startsWide ? 'wide' : 'narrow');
    let done = this.tryKernels(input, variant);
    while (!done) {
      this.clearFailures();
      // A memo that is full asks for kernels without it; else a number left the safe integers.
      if (this.runtime.takeExhausted()) {
        this.variants = [];
        this.current = null;
        variant = this.variantFor(input, variant.mode);
      } else {
        assert(variant.mode === 'narrow', 'a wide kernel never gives up on a number');
        this.wideBatches = this.penalty;
        this.penalty = Math.min(this.penalty * 2, WIDE_BATCHES_MAX);
        variant = this.variantFor(input, 'wide');
      }
      done = this.tryKernels(input, variant);
    }
    if (startsWide) this.wideBatches -= 1;
    else if (variant.mode === 'narrow' && this.penalty > 1) this.penalty -= 1;
    this.finishColumns(input, variant);
  }

  /** False when a kernel gave up; what was written then does not count. */
  private tryKernels(input: Batch, variant: Variant): boolean {
    const { rowCount, columns, failed } = input;
    let { selection, selectedCount } = input;
    this.failureCount = 0;
    this.nullsSeen.fill(0);
    for (const [at, { run, outputs }] of variant.kernels.entries()) {
      for (const shape of outputs) this.reserve(shape, rowCount);
      const passed = run(
        rowCount,
        selection,
        selectedCount,
        failed,
        columns,
        this.builders,
        this.passing,
        this.failAt,
        this.dynamicFailures,
        this.noNulls,
        this.report,
      );
      if (passed === BAILED) return false;
      this.failureCount += this.report[0] ?? 0;
      for (const { slot, nullsSeen } of outputs) {
        this.nullsSeen[slot] = nullsSeen === null ? 0 : (this.report[slot + 1] ?? 0);
      }
      if (at === 0 && this.hasFilter) {
        this.passedCount = passed;
        selection = this.passing;
        selectedCount = passed;
      }
    }
    return true;
  }

  private reserve({ slot, kind }: OutputShape, rows: number): void {
    this.builders[slot]?.reserve(kind === 'text' ? 'dict' : kind, rows);
  }

  private finishColumns(input: Batch, variant: Variant): void {
    const bySlot: Column[] = [];
    for (const { outputs } of variant.kernels) {
      for (const { slot, kind, dictionary } of outputs) {
        const builder = this.builders[slot];
        assert(builder !== undefined, 'every slot has a builder');
        const hasNulls = this.nullsSeen[slot] === 1;
        if (kind === 'text') bySlot[slot] = builder.finish(builder.textKind, hasNulls);
        else if (kind === 'dict') {
          bySlot[slot] = builder.finish(kind, hasNulls, this.dictionaryOf(input, dictionary));
        } else bySlot[slot] = builder.finish(kind, hasNulls);
      }
    }
    this.plan.outputs.forEach((output, at) => {
      const column = output.kind === 'computed' ? bySlot[output.slot] : undefined;
      if (column !== undefined) this.columns[at] = column;
    });
  }

  private dictionaryOf(input: Batch, source: 'pool' | number): CalcRuntime['pool'] {
    if (source === 'pool') return this.runtime.pool;
    const column = columnAt(input, source);
    assert(column.kind === 'dict', 'the kernel was made for a dict column');
    return column.dictionary;
  }

  /** The variant whose kernels take the batch as it is; compiled when there is none yet. */
  private variantFor(input: Batch, mode: 'narrow' | 'wide'): Variant {
    const hasSelection = input.selection !== null;
    for (const index of this.plan.inputs) {
      if (columnAt(input, index).nulls !== null) this.nullable[index] = true;
    }
    const { current } = this;
    if (current !== null && this.takes(current, input, hasSelection, mode)) return current;
    let found = this.variants.find((variant) => this.takes(variant, input, hasSelection, mode));
    if (found === undefined) {
      found = this.compile(input, hasSelection, mode);
      if (this.variants.length === VARIANTS_MAX) this.variants.shift();
      this.variants.push(found);
    }
    this.current = found;
    return found;
  }

  private takes(
    variant: Variant,
    input: Batch,
    hasSelection: boolean,
    mode: 'narrow' | 'wide',
  ): boolean {
    if (variant.hasSelection !== hasSelection || variant.mode !== mode) return false;
    for (const index of this.plan.inputs) {
      const shape = variant.shapes[index];
      if (shape?.kind !== columnAt(input, index).kind) return false;
      if (shape.nullable !== this.nullable[index]) return false;
    }
    return true;
  }

  private compile(input: Batch, hasSelection: boolean, mode: 'narrow' | 'wide'): Variant {
    const { filter, inputTypes, name } = this.spec;
    const shapes = inputTypes.map((type, index) => ({
      name: this.plan.names.get(index) ?? `column_${index}`,
      type,
      kind: columnAt(input, index).kind,
      nullable: this.nullable[index] ?? false,
    }));
    const groups: readonly (readonly Projection[])[] = this.plan.groups;
    const kernels = groups.map((projections, at) =>
      compileKernel(
        {
          name: groups.length === 1 ? name : `${name}-${at + 1}`,
          mode,
          inputs: shapes,
          hasSelection: at === 0 || filter === null ? hasSelection : true,
          filter: at === 0 ? filter : null,
          early: at === 0 ? this.plan.early : [],
          projections,
        },
        this.runtime,
      ),
    );
    return { shapes, hasSelection, mode, kernels };
  }
}

function columnAt(input: Batch, index: number): Column {
  const column = input.columns[index];
  assert(column !== undefined, 'the batch has the columns of the input schema');
  return column;
}
