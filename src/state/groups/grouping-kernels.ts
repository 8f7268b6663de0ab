/**
 * The kernels of one operator: generated when first needed for a combination of input column
 * kinds, way of emitting and result column kinds, and kept. Owns that choice and what is bound
 * into a kernel; the text comes from state/groups/aggregate-kernel and state/groups/key-resolve. Asked once
 * per batch and pane, so that looking a kernel up must not allocate. @hot
 */
import type { Batch } from '../../columnar/batch.js';
import type { Column } from '../../columnar/column.js';
import type { AggregateKernel, KernelMode } from './aggregate-kernel.js';
import { kernelSource } from './aggregate-kernel.js';
import type { AggregateItem, AggregateLayout } from './aggregate-layout.js';
import { compileFunction } from '../../codegen/compile.js';
import type { ColumnShape } from './key-cell.js';
import type { ResolveContext, ResolveKernel } from './key-resolve.js';
import { compileResolve } from './key-resolve.js';
import { typeText } from '../../columnar/types.js';
import type { SqlType } from '../../columnar/types.js';
import { addWords, spill } from '../sums/exact-sums.js';
import { hashScratch } from './group-table.js';
import type { Interner } from '../values/interner.js';
import { addInteger, extremeCell, extremeText, wordsOf } from './grouping-support.js';
import {
  addColumnMoments,
  addColumnPairMoments,
  addMoments,
  addPairMoments,
} from '../sums/moments.js';
import type { MomentForm } from '../sums/moments.js';
import type { ResultRows } from '../result-rows.js';
import {
  decimalAverageWriter,
  doubleAverageWriter,
  exactSumWriter,
  statisticWriter,
  writeDelta,
} from './result-writers.js';
import type { CellCodec } from '../values/value-cells.js';

const MODES: readonly KernelMode[] = ['update', 'changed', 'retract', 'all', 'emit'];
const KINDS: Readonly<Record<Column['kind'], number>> = {
  f64: 0,
  i64: 1,
  i128: 2,
  bool: 3,
  utf8: 4,
  dict: 5,
  list: 6,
};
/** Columns whose kinds fit into one safe integer; with more, the signature is a text. */
const NUMBERED_COLUMNS_MAX = 13;

/** Kernels for one combination of input column kinds. */
class ShapeKernels {
  readonly inputs: (ColumnShape | undefined)[];
  readonly aggregates: (AggregateKernel | undefined)[] = [];
  readonly resolves: (ResolveKernel | undefined)[] = [];
  constructor(inputs: (ColumnShape | undefined)[]) {
    this.inputs = inputs;
  }
}

export class GroupingKernels {
  private readonly layout: AggregateLayout;
  private readonly names: string[] = [];
  private readonly values: unknown[] = [];
  private readonly resolveContext: ResolveContext;
  private readonly shapes = new Map<number | string, ShapeKernels>();
  private readonly anyShape = new ShapeKernels([]);
  private lastSignature: number | string = -1;
  private last = this.anyShape;
  private readonly variants = new Map<string, number>();

  constructor(
    id: string,
    layout: AggregateLayout,
    codecs: ReadonlyMap<number, CellCodec>,
    interner: Interner,
  ) {
    this.layout = layout;
    this.bindValues(codecs, interner);
    this.resolveContext = {
      id,
      keys: layout.spec.keys,
      stride: layout.stride,
      interner,
      codecs,
      bits: hashScratch.bits,
      words: hashScratch.words,
    };
  }

  resolve(
    batch: Batch,
    form: { readonly selected: boolean; readonly chunked: boolean; readonly combined: boolean },
  ): ResolveKernel {
    const shape = this.shapeOf(batch);
    const index = (form.selected ? 1 : 0) + (form.chunked ? 2 : 0) + (form.combined ? 4 : 0);
    let kernel = shape.resolves[index];
    if (kernel === undefined) {
      kernel = compileResolve(this.resolveContext, { inputs: shape.inputs, ...form });
      put(shape.resolves, index, kernel);
    }
    return kernel;
  }

  /** `batch` null: for mode 'emit', which reads no input. `results` null: for mode 'update'. */
  aggregate(
    mode: KernelMode,
    batch: Batch | null,
    results: ResultRows | null,
    form: { readonly selected: boolean; readonly chunked: boolean },
  ): AggregateKernel {
    const shape = batch === null ? this.anyShape : this.shapeOf(batch);
    const signed = batch !== null && batch.ops !== null && this.layout.spec.inputRetracts;
    const flags = (form.selected ? 1 : 0) + (form.chunked ? 2 : 0) + (signed ? 4 : 0);
    const variant = results === null ? 0 : this.variantOf(results);
    const index = (variant * MODES.length + MODES.indexOf(mode)) * 8 + flags;
    let kernel = shape.aggregates[index];
    if (kernel === undefined) {
      const source = kernelSource(this.layout, {
        mode,
        inputs: shape.inputs,
        signed,
        ...form,
        ops: results !== null && results.ops !== null,
        results: results === null ? [] : results.columns.map((column) => column.kind),
      });
      const name = `${this.resolveContext.id}-${mode}`;
      kernel = compileFunction(name, this.names, source, this.values) as AggregateKernel;
      put(shape.aggregates, index, kernel);
    }
    return kernel;
  }

  private bindValues(codecs: ReadonlyMap<number, CellCodec>, interner: Interner): void {
    const bind = (name: string, value: unknown): void => {
      this.names.push(name);
      this.values.push(value);
    };
    bind('interner', interner);
    bind('spill', spill);
    bind('addWords', addWords);
    bind('addInteger', addInteger);
    bind('addMoments', addMoments);
    bind('addPairMoments', addPairMoments);
    bind('addColumnMoments', addColumnMoments);
    bind('addColumnPairMoments', addColumnPairMoments);
    bind('extremeText', extremeText);
    bind('extremeCell', extremeCell);
    bind('wordsOf', wordsOf);
    bind('writeDelta', writeDelta);
    for (const [column, codec] of codecs) bind(`codec${column}`, codec);
    const messages = this.layout.items.map(
      ({ call }) => `${call.function} is out of range of ${typeText(call.type)}`,
    );
    bind('messages', messages);
    for (const item of this.layout.items) {
      const { type } = item.call;
      if (item.kind === 'moments' || item.kind === 'pairs') {
        bind(`statistic${item.index}`, statisticWriter(item.call.function, formOf(item)));
      }
      if (item.kind !== 'sum-exact') continue;
      const digits = scaleOf(type) - scaleOf(item.columnType);
      const writer = !item.average
        ? exactSumWriter(type, item.wide)
        : type.kind === 'decimal'
          ? decimalAverageWriter(type, digits, item.wide)
          : doubleAverageWriter(item.wide);
      bind(`sum${item.index}`, writer);
    }
  }

  private variantOf(results: ResultRows): number {
    if (results.variant >= 0) return results.variant;
    const kinds = results.columns.map((column) => column.kind).join();
    const text = `${kinds} ${results.ops !== null}`;
    let variant = this.variants.get(text);
    if (variant === undefined) {
      variant = this.variants.size;
      this.variants.set(text, variant);
    }
    results.variant = variant;
    return variant;
  }

  private shapeOf(batch: Batch): ShapeKernels {
    const signature = this.signatureOf(batch);
    if (signature === this.lastSignature) return this.last;
    let shape = this.shapes.get(signature);
    if (shape === undefined) {
      const inputs: (ColumnShape | undefined)[] = batch.columns.map(() => undefined);
      for (const index of this.layout.columns) {
        const column = batch.columns[index]!;
        inputs[index] = { kind: column.kind, nullable: column.nulls !== null };
      }
      shape = new ShapeKernels(inputs);
      this.shapes.set(signature, shape);
    }
    this.lastSignature = signature;
    this.last = shape;
    return shape;
  }

  private signatureOf(batch: Batch): number | string {
    const { columns } = this.layout;
    if (columns.length > NUMBERED_COLUMNS_MAX) {
      return columns.map((index) => codeOf(batch.columns[index]!)).join();
    }
    let signature = 0;
    for (let at = 0; at < columns.length; at += 1) {
      signature = signature * 14 + codeOf(batch.columns[columns[at]!]!);
    }
    return signature;
  }
}

function codeOf(column: Column): number {
  return KINDS[column.kind] * 2 + (column.nulls === null ? 0 : 1);
}

function scaleOf(type: SqlType): number {
  return type.kind === 'decimal' ? type.scale : 0;
}

/** Sets an element without leaving holes. */
function put<T>(list: (T | undefined)[], index: number, value: T): void {
  while (list.length <= index) list.push(undefined);
  list[index] = value;
}

/** Pairs are (y, x); one column is x. */
function formOf(item: AggregateItem & { readonly kind: 'moments' | 'pairs' }): MomentForm {
  const unit = (type: SqlType): bigint => 10n ** BigInt(scaleOf(type));
  const [y, x] =
    item.kind === 'pairs' ? [item.columnType, item.otherType] : [item.columnType, item.columnType];
  return { size: item.size, yUnit: unit(y), xUnit: unit(x) };
}
