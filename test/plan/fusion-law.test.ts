/**
 * Law: fusing, splitting and pruning filters and projects changes neither values nor which rows
 * fail. The oracle evaluates the logical plan as written, one operator after the other, each
 * column when somebody asks for it; the pipeline's calcs evaluate everything they hold.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/codegen/interpreter.js';
import { BIGINT, BOOLEAN, DOUBLE, VARCHAR, decimalType } from '../../src/columnar/types.js';
import type { SqlType, SqlValue } from '../../src/columnar/types.js';
import { DataFault } from '../../src/functions/registry-types.js';
import { FaultCollector } from '../../src/plan/faults.js';
import type { LogicalNode, LogicalProject } from '../../src/plan/logical/logical-plan.js';
import { optimize } from '../../src/plan/optimizer.js';
import { buildPipeline } from '../../src/plan/pipeline/pipeline-builder.js';
import type { PipelineNode } from '../../src/plan/pipeline/pipeline-plan.js';
import { SYSTEM_COLUMNS } from '../../src/plan/schema.js';
import type { TableDefinition } from '../../src/plan/schema.js';
import { build, nullableValueOf, recipes } from '../codegen/arbitrary-expression.js';
import type { Recipe } from '../codegen/arbitrary-expression.js';

const span = { start: 0, end: 0 };
const CONTEXT = { nowMs: 0 };
const RUNS = 1500;
const TYPES: readonly SqlType[] = [BIGINT, DOUBLE, BOOLEAN, VARCHAR, decimalType(12, 2)];
const physical = TYPES.map((type, at) => ({ name: `c${at}`, type }));
const TABLE: TableDefinition = {
  name: 'x',
  connector: 'file',
  options: {},
  physical,
  columns: physical.map((column, index) => ({ kind: 'physical', ...column, index })),
  watermark: null,
  primaryKey: [],
  bounded: true,
};

type Outcome = 'failed' | 'rejected' | readonly SqlValue[];
type Thunk = () => SqlValue;

interface Stage {
  readonly isFilter: boolean;
  readonly recipes: readonly Recipe[];
}

const stages = fc.array(
  fc.record({ isFilter: fc.boolean(), recipes: fc.array(recipes, { minLength: 1, maxLength: 4 }) }),
  { minLength: 1, maxLength: 4 },
);

/** Filters and projects over the table, a project of everything that is left on top. */
function logicalPlan(chain: readonly Stage[]): LogicalProject {
  const schema = [...physical, ...SYSTEM_COLUMNS];
  let node: LogicalNode = { kind: 'scan', table: TABLE, named: [], schema, span };
  node = project(
    node,
    physical.map((_, at) => at),
  );
  for (const stage of chain) {
    const types: readonly SqlType[] = node.schema.map(({ type }) => type);
    if (stage.isFilter) {
      const condition = build(stage.recipes[0]!, BOOLEAN, types);
      node = { kind: 'filter', input: node, condition, schema: node.schema, span };
      continue;
    }
    const expressions = stage.recipes.map((recipe) =>
      build(recipe, TYPES[recipe.value % TYPES.length]!, types),
    );
    const named = expressions.map(({ type }, at) => ({ name: `p${at}`, type }));
    node = { kind: 'project', input: node, expressions, schema: named, span };
  }
  return project(
    node,
    node.schema.map((_, at) => at),
  );
}

function project(input: LogicalNode, columns: readonly number[]): LogicalProject {
  const expressions = columns.map((index) => {
    const { name, type } = input.schema[index]!;
    return { kind: 'column', index, name, type, span } as const;
  });
  const schema = columns.map((index) => input.schema[index]!);
  return { kind: 'project', input, expressions, schema, span };
}

/** The logical row as thunks, or 'rejected'; throws DataFault where a filter fails. */
function written(node: LogicalNode, row: readonly SqlValue[]): readonly Thunk[] | 'rejected' {
  if (node.kind === 'scan') return node.schema.map((_, at) => () => row[at] ?? null);
  if (node.kind !== 'filter' && node.kind !== 'project') throw new Error(node.kind);
  const below = written(node.input, row);
  if (below === 'rejected') return below;
  const lazy = lazyRow(below);
  if (node.kind === 'filter') {
    return interpret(node.condition, lazy, CONTEXT) === true ? below : 'rejected';
  }
  return node.expressions.map((expression) => () => interpret(expression, lazy, CONTEXT));
}

function lazyRow(thunks: readonly Thunk[]): readonly SqlValue[] {
  const row: SqlValue[] = [];
  thunks.forEach((thunk, at) => Object.defineProperty(row, at, { get: thunk }));
  return row;
}

function built(node: PipelineNode, row: readonly SqlValue[]): readonly SqlValue[] | 'rejected' {
  if (node.kind === 'scan') return node.physical.map((at) => row[at] ?? null);
  if (node.kind !== 'calc') throw new Error(node.kind);
  const input = built(node.input, row);
  if (input === 'rejected') return input;
  if (node.filter !== null && interpret(node.filter, input, CONTEXT) !== true) return 'rejected';
  return node.projections.map((expression) => interpret(expression, input, CONTEXT));
}

function outcome(work: () => readonly SqlValue[] | 'rejected'): Outcome {
  try {
    return work();
  } catch (error) {
    if (error instanceof DataFault) return 'failed';
    throw error;
  }
}

/** null: it is too large. */
function pipelineOf(root: LogicalNode): PipelineNode | null {
  const faults = new FaultCollector({ name: 'law', text: '' });
  const pipeline = faults.attempt(() => pipelineWith(faults, root));
  expect(faults.faults.every(({ key }) => key === 'QUERY_TOO_LARGE')).toBe(true);
  return pipeline;
}

function pipelineWith(faults: FaultCollector, root: LogicalNode): PipelineNode {
  let count = 0;
  return buildPipeline(optimize(faults, root), {
    faults,
    names: { next: (kind) => `${kind}-${(count += 1)}` },
    settings: {
      emitChanges: 'snapshot',
      flush: true,
      late: { strategy: 'drop', allowedLatenessMs: 0 },
      idleTimeoutMs: 0,
      windowsPerRecordMax: 10_000,
      stateTtl: null,
      stateTtlTime: 'processing',
      batchSize: null,
      annotations: {},
    },
    emit: null,
    isOrderedOrLimited: false,
    changelog: false,
    warn: () => undefined,
  });
}

describe('calc fusion', () => {
  it('gives the rows and failures of the operators as written', () => {
    const rows = fc.array(fc.array(fc.nat(2000), { minLength: 5, maxLength: 5 }), {
      minLength: 3,
      maxLength: 8,
    });
    let refused = 0;
    fc.assert(
      fc.property(stages, rows, (chain, choices) => {
        const root = logicalPlan(chain);
        const pipeline = pipelineOf(root);
        // What repeats itself beyond a limit is refused, and has no rows to compare.
        if (pipeline === null) {
          refused += 1;
          return;
        }
        for (const choice of choices) {
          const row = TYPES.map((type, at) => nullableValueOf(type, choice[at]!));
          const expected = outcome(() => {
            const thunks = written(root, row);
            return thunks === 'rejected' ? thunks : thunks.map((thunk) => thunk());
          });
          expect(outcome(() => built(pipeline, row))).toEqual(expected);
        }
      }),
      { numRuns: RUNS, seed: 20240115 },
    );
    expect(refused).toBeLessThan(RUNS / 50);
  });
});
