/**
 * The bottom of a pipeline: scan, the calc behind it, and the watermark behind that when an
 * operator above needs event time. Owns which columns a scan delivers, which watermark a time
 * column has (declared, or assumed with a bound of 60 seconds), and the pieces every builder part
 * shares: built nodes with their column numbers and lineage.
 */
import type { BoundExpression } from './expression.js';
import { expressionText } from './expression-text.js';
import { expressionKey, mapColumns, visitColumns } from './expression-walk.js';
import type { CalcStage } from './calc-fusion.js';
import type { LogicalScan } from './logical-plan.js';
import type { CalcNode, PipelineNode, ScanNode, WatermarkNode } from './pipeline-plan.js';
import { SYSTEM_COLUMNS } from './schema.js';
import type { TableDefinition } from './schema.js';

/** A built operator and where the logical node's columns are in its output. */
export interface Built {
  readonly node: PipelineNode;
  /** Pipeline column of each logical column. */
  readonly columns: readonly number[];
  /** What each pipeline column is, in terms of source columns: for signatures. */
  readonly lineage: readonly string[];
}

/** The bound of a time column that no WATERMARK declares. */
export const ASSUMED_BOUND_MS = 60_000;

export interface NodeNames {
  /** The next id of a kind: query-1/aggregate-1. */
  readonly next: (kind: PipelineNode['kind']) => string;
}

/** Expressions over logical columns → over the pipeline columns of `built`. */
export function overBuilt(built: Built, expression: BoundExpression): BoundExpression {
  return mapColumns(expression, (column) => ({
    ...column,
    index: built.columns[column.index] ?? column.index,
  }));
}

export function lineageText(built: Built, expression: BoundExpression): string {
  return expressionText(expression, (column) => built.lineage[column.index] ?? column.name);
}

/** The scan with the columns that `stages` and the query's text need. */
export function buildScan(
  names: NodeNames,
  scan: LogicalScan,
  expressions: readonly BoundExpression[],
): Built {
  const { table } = scan;
  const used = new Set<number>(scan.named);
  for (const expression of expressions) visitColumns(expression, ({ index }) => used.add(index));
  const width = table.physical.length;
  const sorted = [...used].sort((a, b) => a - b);
  const physical = sorted.filter((index) => index < width);
  const system = sorted.flatMap((index) => SYSTEM_COLUMNS[index - width]?.name ?? []);
  const schema = sorted.flatMap((index) => scan.schema[index] ?? []);
  const node: ScanNode = {
    kind: 'scan',
    id: names.next('scan'),
    table,
    physical,
    system,
    schema,
    mode: 'append',
  };
  const columns = scan.schema.map((_, index) => sorted.indexOf(index));
  return { node, columns, lineage: schema.map(({ name }) => name) };
}

/** A calc over `input`, or the input itself when the calc would pass everything as it is. */
export function buildCalc(
  names: NodeNames,
  input: Built,
  stage: CalcStage & {
    readonly labels: readonly string[];
    readonly evaluateRejected: readonly number[];
  },
): Built {
  const projections = stage.outputs.map((output) => overBuilt(input, output));
  const filter = stage.filter === null ? null : overBuilt(input, stage.filter);
  const isIdentity =
    filter === null &&
    projections.length === input.node.schema.length &&
    projections.every((output, at) => output.kind === 'column' && output.index === at);
  if (isIdentity) return { ...input, columns: projections.map((_, at) => at) };
  const node: CalcNode = {
    kind: 'calc',
    id: names.next('calc'),
    input: input.node,
    filter,
    projections,
    evaluateRejected: stage.evaluateRejected,
    schema: projections.map(({ type }, at) => ({ name: stage.labels[at] ?? '', type })),
    mode: input.node.mode,
  };
  return {
    node,
    columns: projections.map((_, at) => at),
    lineage: projections.map((output) => lineageText(input, output)),
  };
}

/** The bound of a time column of a table: declared when it is the WATERMARK's column. */
export function watermarkBound(
  table: TableDefinition,
  time: BoundExpression,
): { readonly boundMs: number; readonly assumed: boolean } {
  const { watermark } = table;
  const column = table.columns.find(({ name }) => name === watermark?.column);
  if (watermark === null || column === undefined)
    return { boundMs: ASSUMED_BOUND_MS, assumed: true };
  const isDeclared =
    column.kind === 'physical'
      ? time.kind === 'column' && time.index === column.index
      : expressionKey(time) === expressionKey(column.expression);
  return isDeclared
    ? { boundMs: watermark.boundMs, assumed: false }
    : { boundMs: ASSUMED_BOUND_MS, assumed: true };
}

export function buildWatermark(
  names: NodeNames,
  input: Built,
  parts: Pick<WatermarkNode, 'column' | 'boundMs' | 'assumed' | 'idleTimeoutMs'>,
): Built {
  const { schema, mode } = input.node;
  const node: WatermarkNode = {
    kind: 'watermark',
    id: names.next('watermark'),
    input: input.node,
    ...parts,
    schema,
    mode,
  };
  return { ...input, node };
}
