/**
 * The bottom of a pipeline: scan, the calc behind it, and the watermark behind that when an
 * operator above needs event time. Owns which columns a scan delivers, which watermark a time
 * column has (declared, or assumed with a bound of 60 seconds), and the pieces every builder part
 * shares: built nodes with their column numbers and lineage.
 */
import { createHash } from 'node:crypto';
import type { BoundExpression } from '../expression/expression.js';
import { expressionText } from '../expression/expression-text.js';
import { expressionKey, mapColumns, visitColumns } from '../expression/expression-walk.js';
import type { CalcStage } from '../logical/calc-fusion.js';
import type { LogicalScan } from '../logical/logical-plan.js';
import type { CalcNode, PipelineNode, ScanNode, WatermarkNode } from './pipeline-plan.js';
import { SYSTEM_COLUMNS } from '../schema.js';
import type { TableDefinition } from '../schema.js';

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
  const text = expressionText(expression, (column) => built.lineage[column.index] ?? column.name);
  // A column that is named twice at every level of nested SELECTs would double its text each time.
  if (text.length <= LINEAGE_MAX) return text;
  return `#${createHash('sha256').update(text).digest('hex')}`;
}

/** Longer lineages are told by their digest: signatures only compare them. */
const LINEAGE_MAX = 1000;

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

/**
 * What a consumer asks of the columns it gets: 'loose' finds its columns among any others,
 * 'tight' copies rows and wants no others, 'exact' wants them in order.
 */
export type ColumnShape = 'loose' | 'tight' | 'exact';

export interface CalcParts extends CalcStage {
  readonly labels: readonly string[];
  readonly evaluateRejected: readonly number[];
  readonly shape: ColumnShape;
}

/** A calc over `input`, or the input itself when a consumer can pick its columns from that. */
export function buildCalc(names: NodeNames, input: Built, parts: CalcParts): Built {
  const outputs = parts.outputs.map((output) => overBuilt(input, output));
  const filter = parts.filter === null ? null : overBuilt(input, parts.filter);
  const picked = filter === null ? pickedColumns(input, outputs, parts.shape) : null;
  if (picked !== null) return { ...input, columns: picked };
  const places = new Map<string, number>();
  const kept: number[] = [];
  const columns = outputs.map((output, at) => {
    const key = expressionKey(output);
    const known = parts.shape === 'exact' ? undefined : places.get(key);
    if (known !== undefined) return known;
    places.set(key, kept.length);
    return kept.push(at) - 1;
  });
  const projections = kept.flatMap((at) => outputs[at] ?? []);
  const node: CalcNode = {
    kind: 'calc',
    id: names.next('calc'),
    input: input.node,
    filter,
    projections,
    evaluateRejected: parts.evaluateRejected.map((at) => columns[at] ?? at),
    schema: projections.map(({ type }, at) => ({ name: parts.labels[kept[at] ?? at] ?? '', type })),
    mode: input.node.mode,
  };
  const lineage = projections.map((output) => lineageText(input, output));
  return { node, columns, lineage };
}

/** The input's columns that the outputs are, when no calc is needed; else null. */
function pickedColumns(
  input: Built,
  outputs: readonly BoundExpression[],
  shape: ColumnShape,
): readonly number[] | null {
  const picked = outputs.flatMap((output) => (output.kind === 'column' ? [output.index] : []));
  if (picked.length < outputs.length) return null;
  const width = input.node.schema.length;
  const isIdentity = picked.length === width && picked.every((column, at) => column === at);
  const isFree = shape === 'loose' || (shape === 'tight' && new Set(picked).size === width);
  return isIdentity || isFree ? picked : null;
}

/** The WATERMARK's column of a table over its scan; null: it declares none. */
export function declaredTime({ table, span }: LogicalScan): BoundExpression | null {
  const { columns, watermark } = table;
  const column = columns.find(({ name }) => name === watermark?.column);
  if (watermark === null || column === undefined) return null;
  if (column.kind !== 'physical') return column.expression;
  const { index, name, type } = column;
  return { kind: 'column', index, name, type, span };
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
